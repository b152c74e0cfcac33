"""`faceline train` with a sweep, as users type it: what is tracked, what is refused, how it goes on."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from filelock import FileLock
from mlflow.entities import Run
from tests.sweeps.conftest import PARENT, TINY, TRAINING

from faceline.cli import main

HERE = "launcher=basic"
"""Jobs in the process of the test: no second start of Python."""


def artifact(run: Run, path: str) -> Path:
    return Path(run.info.artifact_uri.removeprefix("file://")) / path


@pytest.mark.figures
def test_a_grid_is_a_run_for_each_combination_below_one_of_the_sweep(
    workplace: Path, tracked: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = ["train", "-m", *TRAINING, "model.lr=1e-3,2e-3,1e30", "trainer.gradient_clip_val=null", "sweep.jobs=2"]
    assert main(grid) == 2  # one of them cannot be trained
    assert "2 of 3 trials have ended, 1 failed, the last by: model.lr: the model gives" in capsys.readouterr().err
    (parent,), trials = tracked()
    assert parent.data.tags["faceline.kind"] == "sweep"
    assert parent.info.status == "FINISHED"
    assert {run.data.tags[PARENT] for run in trials} == {parent.info.run_id}
    assert {run.data.params["model.lr"]: run.info.status for run in trials} == {
        "0.001": "FINISHED", "0.002": "FINISHED", "1e+30": "FAILED",
    }  # fmt: skip
    best = min((run for run in trials if run.info.status == "FINISHED"), key=lambda r: r.data.metrics["best_val/nme"])
    assert parent.data.tags["faceline.best_trial"] == best.data.tags["faceline.trial"]
    assert parent.data.metrics["best_val/nme"] == best.data.metrics["best_val/nme"]
    assert artifact(parent, "history.png").read_bytes().startswith(b"\x89PNG")
    # A child is the run that its command makes outside of the sweep.
    assert (
        best.data.tags["command"]
        == f"faceline train {' '.join(TRAINING)} trainer.gradient_clip_val=null model.lr="
        + (best.data.params["model.lr"])
    )
    assert "sweep" not in yaml.safe_load(artifact(best, "config.yaml").read_text())
    failed = next(run for run in trials if run.info.status == "FAILED")
    assert "not finite" in failed.data.tags["faceline.error"]
    assert "Traceback" in artifact(failed, "output.log").read_text()
    # Again: what is done is not repeated, what failed is tried again.
    assert main(["train", "--multirun", HERE, *grid[2:-1]]) == 2
    (again,), more = tracked()
    assert again.info.run_id == parent.info.run_id
    assert [run.data.params["model.lr"] for run in more[3:]] == ["1e+30"]


def test_a_trial_that_is_given_up_is_pruned_and_no_failure(workplace: Path, tracked: Callable) -> None:
    pruner = "sweep.pruner={_target_:optuna.pruners.ThresholdPruner,upper:0.01}"
    epochs = [word for word in TRAINING if "max_epochs" not in word]
    assert main(["train", "-m", *epochs, HERE, "trainer.max_epochs=3", pruner, "seed=0,1"]) == 0
    (parent,), trials = tracked()
    assert [run.info.status for run in (parent, *trials)] == ["FINISHED"] * 3
    assert {run.data.tags["faceline.pruned"] for run in trials} == {"true"}
    assert {run.data.metrics["epochs"] for run in trials} == {1}
    assert all("test/nme" not in run.data.metrics for run in trials)
    assert parent.data.metrics["trials_pruned"] == 2


@pytest.mark.figures
@pytest.mark.slow
def test_a_search_for_two_objectives_ends_with_the_pareto_front(
    workplace: Path, tracked: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    two = ["sweep.minimize=[val/nme,ms_per_frame]", "sweep.pruner=null"]
    assert main(["train", *TINY, *two, HERE, "sweep.trials=3", "sweep.start=[{model.lr:2e-3}]"]) == 0
    assert "Pareto front" in capsys.readouterr().out
    (parent,), trials = tracked()
    assert len(trials) == 3
    assert float(trials[0].data.params["model.lr"]) == 2e-3
    found = {run.data.tags["faceline.trial"]: run.data.metrics for run in trials}
    points = {number: (m["best_val/nme"], m["ms_per_frame"]) for number, m in found.items()}
    front = {
        int(number)
        for number, one in points.items()
        if not any(other[0] <= one[0] and other[1] <= one[1] and other != one for other in points.values())
    }
    assert {row["number"] for row in json.loads(artifact(parent, "best.json").read_text())["best"]} == front
    assert artifact(parent, "pareto.png").read_bytes().startswith(b"\x89PNG")
    # Two more: the search goes on, and says nothing twice.
    assert main(["train", *TINY, *two, HERE, "sweep.trials=5", "sweep.start=[{model.lr:2e-3}]"]) == 0
    (_,), trials = tracked()
    assert len({run.data.params["model.lr"] for run in trials}) == len(trials) == 5


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["sweep=smoke", "sweep.minimize=[test/nme]"], "sweep: test/nme belongs to the test set"),
        (["sweep=smoke", "callbacks.best.monitor=test/nme"], "sweep: test/nme belongs to the test set"),
        (["sweep=smoke", "sweep.minimize=[val/nmee]"], "sweep.minimize: no metric val/nmee; did you mean val/nme?"),
        (["sweep=smoke", "sweep.minimize=[ms_per_frame]"], "costs alone choose no model"),
        (["sweep=smoke", "sweep.maximize=[val/nme,val/auc_8]"], "sweep.pruner: a pruner needs a single metric"),
        (["sweep=smoke", "sweep.minimize=[val/nme]", "sweep.maximize=[val/nme]"], "sweep.maximize: val/nme is minimis"),
        (["sweep=smoke", "model.lrr=interval(1,2)"], "model.lrr: no such key; did you mean model.lr?"),
        (["sweep=smoke", "model.lr=interval(2,1)"], "model.lr: interval(2.0,1.0) is reversed"),
        (["sweep=smoke", "data.size=choice(32,9999)"], "data.size: expected at most 512, got 9999"),
        (["sweep=smoke", "sweep.start=[{model.lr:5}]"], "sweep.start: model.lr=5 is outside of"),
        (["sweep=smoke", "sweep.trials=null"], "sweep.trials: missing; a search needs the number of trials"),
        (["sweep=smoke", "sweep.sampler._target_=optuna.samplers.TPE"], "sampler._target_: optuna.samplers has no"),
        (["-m", "experiment=landmarks/cnn,identification/knn"], "have different metrics"),
        (["-m", "experiment=landmarks/cnn"], "sweep.params: nothing to try"),
        (["-m", "model.lr=interval(1,2)"], "model.lr: a grid cannot try the interval"),
        (["-m", "seed=0,1", "sweep.name=a/b"], "sweep.name: "),
    ],
)  # fmt: skip
def test_a_sweep_that_cannot_be_is_refused_in_a_line_before_anything_is_written(
    workplace: Path, overrides: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *overrides]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (workplace / "mlruns").exists()


def test_a_journal_of_another_search_space_is_refused(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = workplace / "mlruns" / "sweeps" / "mine"
    folder.mkdir(parents=True)
    (folder / "sweep.yaml").write_text("the search space of model.lr: 0.001,0.003\n")
    assert main(["train", "-m", *TRAINING, HERE, "sweep.name=mine", "model.lr=0.001,0.002"]) == 2
    error = capsys.readouterr().err
    assert "sweep mine was begun with the search space of model.lr = 0.001,0.003, and now it is 0.001,0.002" in error
    assert "sweep.name=" in error


def test_a_sweep_is_led_by_one_process(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = workplace / "mlruns" / "sweeps" / "mine"
    folder.mkdir(parents=True)
    with FileLock(folder / ".lock"):
        assert main(["train", "-m", *TRAINING, HERE, "sweep.name=mine", "seed=0,1"]) == 2
    assert "sweep mine is already running" in capsys.readouterr().err


def test_too_many_failures_end_a_search(workplace: Path, tracked: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    bad = ["model.lr=tag(log,interval(1e29,1e30))", "trainer.gradient_clip_val=null", "sweep.max_failed=1"]
    assert main(["train", *TINY, *bad, HERE, "sweep.jobs=1", "sweep.trials=9"]) == 2
    assert "0 of 9 trials have ended, 2 failed" in capsys.readouterr().err
    (parent,), trials = tracked()
    assert [run.info.status for run in (parent, *trials)] == ["FAILED"] * 3
