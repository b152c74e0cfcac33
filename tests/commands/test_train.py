"""`faceline train` as users type it: what a run holds, how it ends, how it goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
import yaml
from mlflow.entities import Run
from tests.commands.conftest import TINY

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
    counts = {d.dataset.name: json.loads(d.dataset.profile)["frames"] for d in run.inputs.dataset_inputs}
    assert counts == {f"synthetic-{part}": len(files) for part, files in split.items()}
    assert len({d.dataset.digest for d in run.inputs.dataset_inputs}) == 3
    assert run.data.tags["command"].startswith("faceline train experiment=landmarks/cnn data.source.people=8")
    (facts,) = (json.loads(p.read_text()) for p in artifact(run, "provenance").glob("*.json"))
    assert facts["packages"]["torch"] == version("torch")
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
    for name in ("error_curve.png", "region_errors.png", "error_by_condition.png", "best_median_worst.png"):
        assert artifact(run, f"test/{name}").read_bytes().startswith(b"\x89PNG")
    lines = artifact(run, "test/frames.csv").read_text().splitlines()
    assert len(lines) == 1 + 8 * 2 * 2  # the last two frames of each video are the test set


def test_the_model_is_ranked_and_loads_as_tensors_only(in_trained: Path, store) -> None:
    client, (run,) = store(in_trained), runs_of(store, in_trained)
    (model,) = client.search_logged_models([run.info.experiment_id])
    assert model.status.name == "READY" or str(model.status) == "READY"
    assert {m.key: m.value for m in model.metrics}["test/nme"] == run.data.metrics["test/nme"]
    for name in ("best", "last"):
        file = in_trained / "mlruns" / "runs" / run.info.run_id / "checkpoints" / f"{name}.ckpt"
        assert "state_dict" in torch.load(file, weights_only=True)


def test_nothing_is_left_beside_mlruns(in_trained: Path) -> None:
    assert {path.name for path in in_trained.iterdir()} <= {"mlruns"}


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


def test_killed_and_started_again_it_goes_on_as_if_nothing_had_been(workplace: Path, store) -> None:
    overrides = [*TINY, "trainer.max_epochs=3", "data.batch_size=4", "tracking.root=interrupted"]
    killed_after_first_epoch(workplace, overrides)
    (before,) = runs_of(store, workplace / "interrupted")
    assert before.info.status == "RUNNING"  # nobody was left to say otherwise
    assert main(["train", *overrides, "ckpt_path=last"]) == 0
    (resumed,) = runs_of(store, workplace / "interrupted")
    assert resumed.info.run_id == before.info.run_id
    assert resumed.info.status == "FINISHED"
    assert resumed.data.metrics["epochs"] == 3
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

    monkeypatch.setattr("faceline.tasks.landmarks._figures", broken)
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


def test_stopped_early_and_resumed_after_a_crash_it_trains_no_further_epoch(
    workplace: Path, store, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = [*TINY, "model.lr=1e-9", "trainer.max_epochs=20", "callbacks.early_stopping.patience=1"]
    overrides.append("+callbacks.early_stopping.min_delta=0.5")
    with monkeypatch.context() as patch:
        patch.setattr("faceline.tasks.landmarks._figures", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            main(["train", *overrides])
    trained = store(workplace).get_metric_history(runs_of(store, workplace)[0].info.run_id, "val/nme")
    assert main(["train", *overrides, "ckpt_path=last"]) == 0
    (run,) = runs_of(store, workplace)
    assert run.info.status == "FINISHED"
    assert len(store(workplace).get_metric_history(run.info.run_id, "val/nme")) == len(trained) == 2
    assert run.data.tags["command"].endswith("min_delta=0.5")  # the one that began it


def test_a_run_whose_checkpoints_are_gone_is_not_begun_again_in_silence(
    workplace: Path, store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("faceline.tasks.landmarks._figures", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["train", *TINY])
    for file in workplace.glob("mlruns/runs/*/checkpoints/last.ckpt"):
        file.unlink()
    capsys.readouterr()
    assert main(["train", *TINY, "ckpt_path=last"]) == 2
    assert "its checkpoint is not here" in capsys.readouterr().err


def test_a_training_that_diverges_says_so(workplace: Path, store, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = ["model.lr=1e30", "trainer.gradient_clip_val=null", "model.warmup=0.01"]
    assert main(["train", *TINY, *overrides]) == 2
    assert "model.lr: the model gives numbers that are not finite" in capsys.readouterr().err
    (run,) = runs_of(store, workplace)
    assert run.info.status == "FAILED"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=timm", "model.backbone=vit_tiny_patch16_224"], "does not take frames of 48 px"),
        (["ckpt_path=nowhere.ckpt"], "no such checkpoint"),
        (["--multirun", "trainer=ddp_sim", "seed=0,1"], "a sweep cannot train on several processes"),
        (["--multirun", "trainer.devices=2", "seed=0,1"], "trainer.devices: a sweep cannot train on several"),
        (["split.val_fraction=0"], "split.val_fraction"),
        (["callbacks.best.monitor=val/nm"], "no metric val/nm of validation; did you mean val/nme?"),
        (["callbacks.early_stopping.monitor=test/nme"], "callbacks.early_stopping.monitor: no metric test/nme of"),
    ],
)
def test_what_cannot_start_is_refused_before_anything_is_written(
    workplace: Path, overrides: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own = ("experiment", "model.backbone") if "model=timm" in overrides else ()
    assert main(["train", *(o for o in TINY if not o.startswith(own)), *overrides]) == 2
    assert words in capsys.readouterr().err
    assert not (workplace / "mlruns" / "runs").exists() and not (workplace / "mlruns" / "cache").exists()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["trainer=gpu"], "finds no GPU on this machine; train on the CPU with trainer=cpu"),
        (["trainer.devices=0"], "trainer: `Trainer(devices=0)` value is not a valid input"),
        (["data.batch_size=1000"], "data.batch_size: a batch of 1000 needs more than"),
    ],
)
def test_what_cannot_be_trained_leaves_no_run(
    workplace: Path,
    overrides: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main(["train", *TINY, *overrides]) == 2
    assert words in capsys.readouterr().err
    assert not (workplace / "mlruns" / "mlflow.db").exists()
    assert (workplace / "mlruns" / "cache").exists() == ("data" in words)  # a wrong trainer does not wait for frames


def test_a_model_that_mirrors_frames_itself_is_given_none_that_are_mirrored(
    workplace: Path, store, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror = [*TINY, "model.mirror=true", "model.flip_average=true"]
    assert main(["train", *mirror, "transforms.train.steps.1.probability=0.5"]) == 2
    assert "transforms.train: model.mirror=true mirrors frames itself" in capsys.readouterr().err
    assert not (workplace / "mlruns" / "runs").exists()
    assert main(["train", *mirror]) == 0
    (run,) = runs_of(store, workplace)
    config = yaml.safe_load(artifact(run, "config.yaml").read_text())
    (flip,) = (step for step in config["transforms"]["train"]["steps"] if step["_target_"].endswith("HorizontalFlip"))
    assert flip["probability"] == 0


def test_a_checkpoint_is_a_start_for_the_same_model_only(
    in_trained: Path, tmp_path: Path, store, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = in_trained.glob("mlruns/runs/*/checkpoints/last.ckpt")
    elsewhere = [*TINY, f"tracking.root={tmp_path}", f"ckpt_path={file}"]
    assert main(["train", *elsewhere, "model.backbone.width=24"]) == 2
    assert "another model" in capsys.readouterr().err
    assert main(["train", *elsewhere, "model/coarse_stage=window"]) == 2
    assert "another model: model.coarse_stage was None" in capsys.readouterr().err
    assert main(["train", *elsewhere, "model.mirror=true"]) == 2
    assert "another model: model.mirror was False" in capsys.readouterr().err
    assert main(["train", *elsewhere]) == 2  # its two epochs are done
    assert "no epoch was trained and validated" in capsys.readouterr().err
    earlier = "model.head._target_=faceline.models.landmark_nets.VotingHead"  # the same class, as it was named before
    assert main(["train", *elsewhere, earlier, "trainer.max_epochs=3"]) == 0


def test_a_timm_name_with_a_dot_is_trained(workplace: Path, store) -> None:
    tiny = [o for o in TINY if not o.startswith(("experiment", "model.backbone"))]
    overrides = ["model=timm", "model.backbone=mobilenetv3_small_050.lamb_in1k", "trainer.max_epochs=1"]
    assert main(["train", *tiny, *overrides]) == 0
    (run,) = runs_of(store, workplace)
    assert run.data.tags["model"] == "mobilenetv3_small_050.lamb_in1k"


@pytest.mark.slow  # make engines trains in two processes too
def test_two_processes_train_as_one_run(workplace: Path, store) -> None:
    command = [sys.executable, "-m", "faceline", "train", *TINY, "trainer=ddp_sim"]
    process = subprocess.run(command, cwd=workplace, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    (run,) = runs_of(store, workplace)
    assert run.info.status == "FINISHED"


def test_fast_dev_run_trains_a_batch(workplace: Path) -> None:
    assert main(["train", *TINY, "debug=fdr"]) == 0


def test_skipped_rows_are_counted_in_the_run_and_said(workplace: Path, store, udacity_like: Path, capsys) -> None:
    overrides = ["data=udacity", f"data.root={udacity_like}", "data.on_error=skip", "data.batch_size=4"]
    assert main(["train", *(o for o in TINY if not o.startswith("data.source")), *overrides]) == 0
    (run,) = runs_of(store, workplace)
    skipped = json.loads(artifact(run, "skipped_rows.json").read_text())["skipped"]
    assert len(skipped) == 1 and "row 3" in skipped[0]
    assert (
        f"udacity: 1 row was left out; skipped_rows.json of run {run.info.run_id} says why" in capsys.readouterr().err
    )
