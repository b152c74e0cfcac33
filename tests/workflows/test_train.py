"""`faceline train` as users type it: what a run holds, how it ends, how it goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from mlflow.entities import Run
from tests.workflows.conftest import TINY

from faceline.cli import main


def runs_of(store, folder: Path) -> list[Run]:
    client = store(folder)
    experiments = [e.experiment_id for e in client.search_experiments(filter_string="name = 'landmarks'")]
    return list(client.search_runs(experiments))


def artifact(run: Run, path: str) -> Path:
    return Path(run.info.artifact_uri.removeprefix("file://")) / path


def test_a_run_holds_all_that_it_depends_on(in_trained: Path, store) -> None:
    (run,) = runs_of(store, in_trained)
    assert run.info.status == "FINISHED"
    config = yaml.safe_load(artifact(run, "config.yaml").read_text())
    assert (config["seed"], config["threads"], config["data"]["size"]) == (0, 1, 48)
    assert "${" not in artifact(run, "config.yaml").read_text()
    split = json.loads(artifact(run, "split.json").read_text())
    files = [file for part in split.values() for file in part]
    assert len(files) == len(set(files)) == 8 * 2 * 4
    contexts = {tag.value for d in run.inputs.dataset_inputs for tag in d.tags if tag.key == "mlflow.data.context"}
    assert contexts == {"training", "validation", "test"}
    assert {d.dataset.digest for d in run.inputs.dataset_inputs} == {run.data.tags["data_fingerprint"]}
    assert run.data.tags["command"].startswith("faceline train experiment=landmarks/cnn data.source.people=8")
    (facts,) = (json.loads(p.read_text()) for p in artifact(run, "provenance").glob("*.json"))
    assert facts["packages"]["torch"] == torch.__version__.split("+")[0] or torch.__version__
    metrics = run.data.metrics
    for name in ("parameters", "train_seconds", "images_per_second", "test/mse", "test/nme", "test/nme_eyes"):
        assert metrics[name] > 0, name
    assert metrics["epochs"] == 2


def test_metrics_of_every_epoch_are_kept(in_trained: Path, store) -> None:
    (run,) = runs_of(store, in_trained)
    history = store(in_trained).get_metric_history(run.info.run_id, "val/nme")
    assert [point.step for point in history] == [0, 1]
    assert run.data.metrics["best_val/nme"] == pytest.approx(min(point.value for point in history), rel=1e-5)


def test_figures_and_errors_frame_by_frame_are_kept(in_trained: Path, store) -> None:
    (run,) = runs_of(store, in_trained)
    for name in ("error_curve.png", "region_errors.png", "best_median_worst.png"):
        assert artifact(run, f"test/{name}").read_bytes().startswith(b"\x89PNG")
    lines = artifact(run, "test/frames.csv").read_text().splitlines()
    assert len(lines) == 1 + 8 * 2 * 2  # the last two frames of each video are the test part


def test_the_model_is_ranked_and_loads_as_tensors_only(in_trained: Path, store) -> None:
    client, (run,) = store(in_trained), runs_of(store, in_trained)
    (model,) = client.search_logged_models([run.info.experiment_id])
    assert model.status.name == "READY" or str(model.status) == "READY"
    assert {m.key: m.value for m in model.metrics}["test/nme"] == run.data.metrics["test/nme"]
    for name in ("best", "last"):
        file = in_trained / "mlruns" / "work" / run.info.run_id / "checkpoints" / f"{name}.ckpt"
        assert "state_dict" in torch.load(file, weights_only=True)


def test_nothing_is_left_beside_mlruns(in_trained: Path) -> None:
    assert {path.name for path in in_trained.iterdir()} <= {"mlruns"}


@pytest.mark.slow
def test_same_seed_same_digits_other_seed_other_digits(workplace: Path, store) -> None:
    for seed in (1, 1, 2):
        assert main(["train", *TINY, f"seed={seed}"]) == 0
    by_seed: dict[str, list[dict[str, float]]] = {}
    for run in runs_of(store, workplace):
        kept = {
            name: value for name, value in run.data.metrics.items() if name.startswith(("test/", "val/", "train/loss"))
        }
        by_seed.setdefault(run.data.params["seed"], []).append(kept)
    first, again = by_seed["1"]
    assert first == again
    assert by_seed["2"][0]["test/mse"] != first["test/mse"]


def killed_after_first_epoch(folder: Path, overrides: list[str]) -> None:
    """A training in a process of its own, killed in the middle of its second epoch."""
    process = subprocess.Popen(
        [sys.executable, "-m", "faceline", "train", *overrides], cwd=folder, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch 1/"):
            break
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.slow
def test_killed_and_started_again_it_goes_on_as_if_nothing_had_been(workplace: Path, store) -> None:
    overrides = [*TINY, "trainer.max_epochs=4", "data.source.frames=8", "tracking.root=interrupted"]
    killed_after_first_epoch(workplace, overrides)
    (before,) = runs_of(store, workplace / "interrupted")
    assert before.info.status == "RUNNING"  # nobody was left to say otherwise
    assert main(["train", *overrides, "ckpt_path=last"]) == 0
    (resumed,) = runs_of(store, workplace / "interrupted")
    assert resumed.info.run_id == before.info.run_id
    assert resumed.info.status == "FINISHED"
    assert resumed.data.metrics["epochs"] == 4
    assert main(["train", *overrides, "tracking.root=straight"]) == 0
    (straight,) = runs_of(store, workplace / "straight")
    for name, value in straight.data.metrics.items():
        if name.startswith(("test/", "best_val/", "train/loss")):
            assert resumed.data.metrics[name] == value, name


def test_nothing_to_go_on_with_is_said(in_trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *TINY, "ckpt_path=last"]) == 2  # the run of this config is finished
    assert "no unfinished run of this config" in capsys.readouterr().err


def test_a_crash_after_fit_is_a_failed_run(
    workplace: Path, store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("the figure cannot be drawn")

    monkeypatch.setattr("faceline.workflows.measurement.figures", broken)
    with pytest.raises(RuntimeError, match="cannot be drawn"):
        main(["train", *TINY])
    (run,) = runs_of(store, workplace)
    assert run.info.status == "FAILED"
    assert "cannot be drawn" in run.data.tags["faceline.error"]


def test_a_wrong_backbone_is_refused_before_data_is_read(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["train", "model=timm", "model.backbone=resnet_18", "data=udacity", "data.root=/nowhere"])
    error = capsys.readouterr().err
    assert code == 2
    assert error.count("\n") == 1 and "resnet18" in error
    assert not (workplace / "mlruns").exists()


def test_fast_dev_run_trains_a_batch(workplace: Path) -> None:
    assert main(["train", *TINY, "debug=fdr"]) == 0


def test_a_sweep_makes_a_run_for_each_job(workplace: Path, store) -> None:
    assert main(["train", "--multirun", *TINY, "model.lr=1e-3,2e-3", "trainer.max_epochs=1"]) == 0
    rates = {run.data.params["model.lr"] for run in runs_of(store, workplace)}
    assert rates == {"0.001", "0.002"}


def test_skipped_rows_are_counted_in_the_run(workplace: Path, store, udacity_like: Path) -> None:
    overrides = ["data=udacity", f"data.root={udacity_like}", "data.on_error=skip", "data.batch_size=4"]
    assert main(["train", *(o for o in TINY if not o.startswith("data.source")), *overrides]) == 0
    (run,) = runs_of(store, workplace)
    skipped = json.loads(artifact(run, "skipped_rows.json").read_text())["skipped"]
    assert len(skipped) == 1 and "row 3" in skipped[0]
