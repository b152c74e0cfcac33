"""What all tests share."""

import os
import re
import shutil
import sqlite3
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: several test processes share the cores

import pytest
from hypothesis import settings
from PIL import Image
from sqlalchemy import Engine, event

from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces

pytest_plugins = ["tests.prepared"]

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("untimed")


@event.listens_for(Engine, "connect")
def _no_waiting_for_the_disk(connection: object, _: object) -> None:
    """No test pulls the plug of the machine; killed processes lose nothing that they have written."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of the real data sets; tests that need it skip where it is not."""
    root = Path(os.environ.get("FACELINE_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (root / "udacity").is_dir():
        pytest.skip(f"no real data at {root}: set FACELINE_DATA")
    return root


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic faces laid out as the Udacity set is published; the frame of row 3 is missing."""
    root = tmp_path_factory.mktemp("udacity") / "published"
    source = SyntheticFaces(people=8, videos=2, frames=4, seed=5)
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


@pytest.fixture
def udacity_like(published: Path, tmp_path: Path) -> Path:
    """A copy of that set, which a test may change."""
    shutil.copytree(published, tmp_path / "published")
    return tmp_path / "published"
