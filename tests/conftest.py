"""What all tests share."""

import gc
import os
import shutil
import sqlite3
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: several test processes share the cores

import pytest
from hypothesis import settings
from sqlalchemy import Engine, event

from faceline.data.synthetic import SyntheticFaces
from tests.drawn import publish

pytest_plugins = ["tests.prepared"]

settings.register_profile("untimed", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("untimed")


@event.listens_for(Engine, "connect")
def _no_waiting_for_the_disk(connection: object, _: object) -> None:
    """No test pulls the plug of the machine; killed processes lose nothing that they have written."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


def pytest_sessionstart() -> None:
    """Forget what functions of an earlier session remember.

    A run of mutmut forks a process that has run all tests: a fault in what stands behind a cache would never be met.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith("faceline."):
            for member in vars(module).values():
                if callable(forget := getattr(member, "cache_clear", None)):
                    forget()


def pytest_collection_finish() -> None:
    """Collections of garbage leave out what stays anyway: modules and collected tests are a million objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


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
    tables = publish(root, SyntheticFaces(people=8, videos=2, frames=4, seed=5))
    (root / "training" / tables["training"][2].split(",")[0]).unlink()
    return root


@pytest.fixture
def udacity_like(published: Path, tmp_path: Path) -> Path:
    """A copy of that set, which a test may change."""
    shutil.copytree(published, tmp_path / "published")
    return tmp_path / "published"
