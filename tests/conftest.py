"""What all tests share."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: several test processes share the cores

import pytest


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of the real data sets; tests that need it skip where it is not."""
    root = Path(os.environ.get("FACELINE_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (root / "udacity").is_dir():
        pytest.skip(f"no real data at {root}: set FACELINE_DATA")
    return root
