"""A workplace of its own for each test, and one small trained run that several share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests.prepared import quick_commands

from faceline.cli import main

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
def quick(kept: Path) -> Iterator[None]:
    """What commands do again and again is done once."""
    with quick_commands(kept):
        yield


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
def trained(kept: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one small model was trained; tests only read its store."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch, quick_commands(kept):
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(folder)
        assert main(["train", *TINY]) == 0
    return folder


@pytest.fixture(scope="session")
def exported(trained: Path, kept: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of that model."""
    (folder,) = (trained / "mlruns" / "runs").iterdir()
    file = tmp_path_factory.mktemp("bundles") / "tiny.faceline"
    with pytest.MonkeyPatch.context() as patch, quick_commands(kept):
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(trained)
        assert main(["export", f"run_id={folder.name}", f"output={file}"]) == 0
    return file


@pytest.fixture
def in_trained(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the trained run as the current one."""
    monkeypatch.chdir(trained)
    return trained


@pytest.fixture
def store() -> Callable[[Path], MlflowClient]:
    """A client, MLflow's own, of the store below a folder."""
    return lambda folder: MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
