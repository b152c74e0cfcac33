"""A trial that ended before it had a run gets one."""

from pathlib import Path

from mlflow import MlflowClient

from faceline.sweeps.parent import ChildRuns
from faceline.tracking.housekeeping import is_own, state
from faceline.tracking.runs import tracked_run


def test_a_trial_that_was_killed_before_it_began_is_a_run_of_ours(tmp_path: Path) -> None:
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    with tracked_run(client, "early", "sweep") as parent:
        children = ChildRuns(client, "early", parent.id)
        children.close(3, "KILLED", "the sweep ended before it", tmp_path / "output.log")
        run = children.find(3)
    assert run is not None and is_own(run)
    assert (state(run), run.tags["faceline.error"]) == ("KILLED", "the sweep ended before it")
