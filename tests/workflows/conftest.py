"""A workplace of its own for each test, and one small trained run that several share."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from PIL import Image

from faceline.cli import main
from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces

TINY = (
    "experiment=landmarks/cnn",
    "data.source.people=8",
    "data.source.videos=2",
    "data.source.frames=4",
    "data.size=48",
    "data.batch_size=8",
    "model.backbone.width=16",
    "model.head.width=16",
    "trainer.precision=32-true",
    "trainer.max_epochs=2",
    "threads=1",
)
"""Overrides of a training that takes about a second."""


@pytest.fixture(autouse=True)
def no_outside_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own store and data are not for tests."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("FACELINE_DATA", raising=False)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one small model was trained; tests only read its store."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        assert main(["train", *TINY]) == 0
    return folder


@pytest.fixture
def in_trained(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the trained run as the current one."""
    monkeypatch.chdir(trained)
    return trained


@pytest.fixture
def store() -> Callable[[Path], MlflowClient]:
    """A client, MLflow's own, of the store below a folder."""
    return lambda folder: MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")


@pytest.fixture
def udacity_like(tmp_path: Path) -> Path:
    """Synthetic faces laid out as the Udacity set is published; the frame of row 3 is missing."""
    root, source = tmp_path / "published", SyntheticFaces(people=8, videos=2, frames=4, seed=5)
    for part in ("training", "test"):
        (root / part).mkdir(parents=True)
    tables: dict[str, list[str]] = {part: [",".join(["", *map(str, range(136))])] for part in ("training", "test")}
    for row in source.rows(BadRows("raise")):
        person, video, frame = re.findall(r"\d+", row.file)
        part = "test" if row.part == "test" else "training"
        name = f"Person_{int(person)}_{int(video)}{int(frame)}.jpg"
        Image.fromarray(source.read(row)).save(root / part / name, "JPEG", quality=90)
        tables[part].append(",".join([name, *(f"{value:.1f}" for value in row.landmarks.ravel())]))
    for part, lines in tables.items():
        (root / f"{part}_frames_keypoints.csv").write_text("\n".join(lines) + "\n")
    (root / "training" / tables["training"][2].split(",")[0]).unlink()
    return root
