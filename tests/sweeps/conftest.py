"""A workplace of its own for each test of sweeps, and what was tracked there."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from tests.prepared import quick_commands

TINY = (
    "sweep=smoke",
    "trainer.max_epochs=1",
    "trainer.precision=32-true",
    "data.size=32",
    "threads=1",
)
"""Overrides of a search whose trials take about a second."""

TRAINING = (
    "experiment=landmarks/cnn",
    "data.source.people=6",
    "data.source.videos=2",
    "data.source.frames=4",
    "data.size=32",
    "data.batch_size=8",
    "model.backbone.width=16",
    "model.head.width=16",
    "trainer.max_epochs=1",
    "trainer.precision=32-true",
    "threads=1",
)
"""Overrides of a single training of about a second."""

PARENT = "mlflow.parentRunId"


@pytest.fixture(autouse=True)
def quick(kept: Path) -> Iterator[None]:
    """What commands do again and again is done once."""
    with quick_commands(kept):
        yield


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder; the user's own store and data are not for tests."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("FACELINE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tracked(workplace: Path) -> Callable[[], tuple[list[Run], list[Run]]]:
    """The runs of sweeps in the store of the workplace, and those of trials, by their numbers."""

    def read() -> tuple[list[Run], list[Run]]:
        client = MlflowClient(f"sqlite:///{workplace}/mlruns/mlflow.db")
        runs = list(client.search_runs([e.experiment_id for e in client.search_experiments()]))
        trials = [run for run in runs if PARENT in run.data.tags]
        return [run for run in runs if run not in trials], sorted(
            trials, key=lambda run: int(run.data.tags["faceline.trial"])
        )

    return read
