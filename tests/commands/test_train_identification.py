"""Identification as users type it: every method, every protocol, what a run holds, and what is refused."""

import json
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from mlflow.entities import Run
from onnx import TensorProto, helper

from faceline.cli import main

CROWD = (
    "data.source.people=10",
    "data.source.videos=2",
    "data.source.frames=4",
    "data.source.test_frames=0",
    "trainer.precision=32-true",
    "threads=1",
)
TINY_EMBEDDER = (
    "experiment=identification/embedder",
    "model.backbone=mobilenetv3_small_050",
    "model.frozen=[]",
    "data.size=64",
    "trainer.max_epochs=1",
    "task.people=4",
)


def runs_of(store, folder: Path) -> list[Run]:
    client = store(folder)
    (experiment,) = client.search_experiments(filter_string="name = 'identification'")
    return list(client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"]))


def artifacts(run: Run) -> Path:
    return Path(run.info.artifact_uri.removeprefix("file://"))


CLOSED = {"f1_weighted", "f1_macro", "accuracy", "rank1", "rank5", "people", "probes", "not_enrolled"}


@pytest.mark.figures
@pytest.mark.parametrize("protocol", ["frame_random", "video_disjoint", "person_disjoint"])
def test_a_baseline_run_holds_its_figures(protocol: str, workplace: Path, store, capsys) -> None:
    wider = ["split.val_fraction=0.5", "split.test_fraction=0.4", "data.source.people=20"]
    assert main(["train", "experiment=identification/gnb", *CROWD, f"split.protocol={protocol}", *wider]) == 0
    (run,) = runs_of(store, workplace)
    metrics = run.data.metrics
    assert {f"test/{name}" for name in CLOSED} <= set(metrics)
    assert metrics["test/f1_weighted_low"] <= metrics["test/f1_weighted"] <= metrics["test/f1_weighted_high"] + 1e-9
    assert {"best_val/f1_weighted", "seconds", "train_seconds", "peak_mb"} <= set(metrics)
    assert (run.data.tags["task"], run.data.tags["protocol"]) == ("identification", protocol)
    figures = {path.name for path in (artifacts(run) / "test").glob("*.png")}
    wanted = {"ranks.png", "mixed_up.png", "frames_per_person.png", "examples.png"}
    frames = pd.read_csv(artifacts(run) / "test" / "frames.csv")
    assert len(frames) == metrics["test/probes"]
    mated = frames[frames["rank"] > 0]
    assert (mated["rank"] == 1).mean() == pytest.approx(metrics["test/rank1"])
    if protocol == "person_disjoint":
        wanted |= {"det.png"}
        assert metrics["test/strangers"] == (frames["rank"] == 0).sum() > 0
        assert {"test/fnir_at_fpir_1pct", "test/fpir_at_1pct", "test/fnir_at_fpir_0.1pct"} <= set(metrics)
    else:
        assert metrics["test/strangers"] == 0 and "test/fnir_at_fpir_1pct" not in metrics
    assert figures == wanted
    assert "F1 weighted" in capsys.readouterr().out


@pytest.mark.parametrize("method", ["logreg", "tree", "forest", "knn"])
def test_every_baseline_trains_and_is_measured_again_alike(method: str, workplace: Path, store) -> None:
    assert main(["train", f"experiment=identification/{method}", *CROWD]) == 0
    (run,) = runs_of(store, workplace)
    assert run.data.metrics["test/rank1"] > 0.3
    assert main(["evaluate", f"run_id={run.info.run_id}", "output=again"]) == 0
    again = json.loads((workplace / "again" / "metrics.json").read_text())
    assert again["f1_weighted"] == run.data.metrics["test/f1_weighted"]
    assert (again["protocol"], again["frames_trained_on"]) == ("frame_random", 0)


@pytest.mark.parametrize("dims", [2, 3])
def test_the_network_trains_and_is_measured_again_alike(dims: int, workplace: Path, store) -> None:
    overrides = ["trainer.max_epochs=2", "data.batch_size=8", "model.width=32"]
    assert main(["train", f"experiment=identification/fnn_{dims}d", *CROWD, *overrides]) == 0
    (run,) = runs_of(store, workplace)
    assert {"val/rank1", "train/loss", "parameters", "epochs"} <= set(run.data.metrics)
    assert main(["evaluate", f"run_id={run.info.run_id}", "output=again"]) == 0
    again = json.loads((workplace / "again" / "metrics.json").read_text())
    assert again["rank5"] == run.data.metrics["test/rank5"]


@pytest.mark.figures
def test_the_embedder_trains_enrols_strangers_out_and_is_measured_again_alike(workplace: Path, store) -> None:
    split = ["split.protocol=person_disjoint", "split.val_fraction=0.5", "split.test_fraction=0.4"]
    assert main(["train", *TINY_EMBEDDER, *CROWD, *split, "task.people=2"]) == 0
    (run,) = runs_of(store, workplace)
    assert "test/fnir_at_fpir_1pct" in run.data.metrics
    assert main(["evaluate", f"run_id={run.info.run_id}", "output=again"]) == 0
    again = json.loads((workplace / "again" / "metrics.json").read_text())
    assert again["f1_weighted"] == pytest.approx(run.data.metrics["test/f1_weighted"])
    assert (workplace / "again" / "det.png").is_file()


def test_without_epochs_the_embedder_is_what_it_starts_as(workplace: Path, store) -> None:
    assert main(["train", *TINY_EMBEDDER, *CROWD, "trainer.max_epochs=0"]) == 0
    (run,) = runs_of(store, workplace)
    assert run.info.status == "FINISHED" and run.data.metrics["epochs"] == 0
    assert run.data.metrics["test/rank1"] > 0.3  # of ten people; discriminants need no epoch
    assert main(["evaluate", f"run_id={run.info.run_id}", "output=again"]) == 0
    again = json.loads((workplace / "again" / "metrics.json").read_text())
    assert again["rank1"] == run.data.metrics["test/rank1"]


def toy_embedder(file: Path, size: int = 64) -> Path:
    """The mean colour of the left and of the right half."""
    halves = helper.make_node(
        "AveragePool", ["faces"], ["means"], kernel_shape=[size, size // 2], strides=[size, size // 2]
    )
    nodes = [halves, helper.make_node("Flatten", ["means"], ["embedding"])]
    inputs = [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["n", 3, size, size])]
    outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 6])]
    model = helper.make_model(
        helper.make_graph(nodes, "toy", inputs, outputs), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 9
    onnx.save(model, str(file))
    return file


def test_a_ready_model_is_measured_by_the_same_command(workplace: Path, store) -> None:
    toy_embedder(workplace / "toy.onnx")
    arguments = [
        "experiment=identification/sface",
        "data.size=64",
        "embedder.size=64",
        "embedder.onnx=toy.onnx",
        *CROWD,
    ]
    assert main(["train", *arguments]) == 0
    (run,) = runs_of(store, workplace)
    assert run.data.tags["model"] == "toy"  # after its file
    assert {f"test/{name}" for name in CLOSED} <= set(run.data.metrics)
    assert not any(tag.startswith("faceline.model.") for tag in run.data.tags)
    assert (artifacts(run) / "test" / "examples.png").is_file()


def test_people_without_a_frame_in_the_gallery_are_errors_and_are_told(workplace: Path, store, capsys) -> None:
    few = ["data.source.frames=1", "data.source.videos=2", "split.test_fraction=0.6"]
    assert main(["train", "experiment=identification/knn", *CROWD, *few, "seed=3", "split.seed=3"]) == 0
    (run,) = runs_of(store, workplace)
    missing = run.data.metrics["test/not_enrolled"]
    assert missing > 0
    assert f"{missing:.0f} probes show people who have no frame in the gallery" in capsys.readouterr().out
    frames = pd.read_csv(artifacts(run) / "test" / "frames.csv")
    assert (frames["predicted"] != frames["person"]).sum() >= missing


def test_who_is_among_no_probes_nearest_frames_is_enrolled_all_the_same(workplace: Path, store, capsys) -> None:
    nearest = ["split.protocol=video_disjoint", "model.estimator.n_neighbors=1"]
    assert main(["train", "experiment=identification/knn", *CROWD, *nearest]) == 0
    (run,) = runs_of(store, workplace)
    frames = pd.read_csv(artifacts(run) / "test" / "frames.csv")
    assert set(frames["person"]) - set(frames["predicted"])  # whom nothing but a score of minus infinity was given
    assert (run.data.metrics["test/people"], run.data.metrics["test/not_enrolled"]) == (10, 0)
    assert "no frame in the gallery" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["experiment=identification/knn", "data.source.people=1"], "telling people apart needs at least two"),
        (["experiment=identification/fnn_2d", "data.source.people=1"], "telling people apart needs at least two"),
        (
            ["experiment=identification/knn", "data.source.videos=1", "split.protocol=video_disjoint"],
            "the val set would be empty",
        ),
        (
            ["experiment=identification/knn", "split.protocol=official"],
            "split.val_by: official would validate on people whom nobody has enrolled",
        ),
        (["experiment=identification/embedder", "split.protocol=official"], "set it to frame, or choose another"),
        (["experiment=identification/knn", "model=cnn"], "takes no shapes"),
        (["experiment=identification/knn", "task=landmarks"], "finds no landmarks"),
        (["experiment=identification/knn", "task=faces"], "embeds no faces"),
        (["experiment=identification/knn", "task.dims=4"], "task.dims: expected 2 or 3, got 4"),
        (["experiment=identification/fnn_2d", "data.batch_size=5000"], "data.batch_size: a batch of 5000 needs more"),
        (["experiment=identification/embedder", "task.people=500", "model.frozen=[]"], "task.people"),
        (
            ["experiment=identification/embedder", "model.backbone=mobilenet"],
            "model.backbone: timm has no model 'mobilenet'",
        ),
        (["experiment=identification/embedder", "model.frozen=[nose]"], "model.frozen: the backbone has no nose"),
        (["experiment=identification/sface", "embedder.onnx=none.onnx"], "no such file"),
        (["experiment=identification/sface", "embedder.layout=nhwc"], "embedder.layout: expected an ONNX file in"),
        (["experiment=identification/embedder", "task.detector=none.ckpt"], "no such checkpoint"),
    ],
    ids=str,
)
def test_what_cannot_be_is_told_in_one_line(
    overrides: list[str], words: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *overrides[:1], *CROWD, *overrides[1:]]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("faceline: error: ") and words in error


def test_the_official_protocol_asks_validation_of_known_people(workplace: Path, store) -> None:
    official = ["data.source.test_frames=1", "split.protocol=official", "split.val_by=frame"]
    assert main(["train", "experiment=identification/knn", *CROWD, *official]) == 0
    (run,) = runs_of(store, workplace)
    assert run.data.metrics["best_val/rank1"] > 0


def test_depth_is_not_asked_of_a_set_without_it(udacity_like: Path, workplace: Path, capsys) -> None:
    data = ["data=udacity", f"data.root={udacity_like}", "data.on_error=skip"]
    assert main(["train", "experiment=identification/fnn_3d", *data, "threads=1"]) == 2
    assert "task.dims: udacity has no landmarks in three dimensions" in capsys.readouterr().err


def test_frames_without_a_row_need_a_detector_and_what_needs_landmarks_refuses_them(
    udacity_like: Path, workplace: Path, capsys
) -> None:
    data = ["data=udacity", f"data.root={udacity_like}", "data.source.unlabelled=true", "data.on_error=raise"]
    (udacity_like / "training_frames_keypoints.csv").write_text(
        "\n".join(
            line
            for i, line in enumerate((udacity_like / "training_frames_keypoints.csv").read_text().splitlines())
            if i not in (2, 5)  # a frame that is missing, and one that thereby has no row
        )
        + "\n"
    )
    assert main(["train", *TINY_EMBEDDER, *data, "threads=1"]) == 2
    assert "has no landmarks; name a checkpoint" in capsys.readouterr().err
    for command in (
        ["train", "experiment=landmarks/cnn"],
        ["train", "experiment=identification/gnb"],
        ["cluster", "k=[2,3]"],
    ):
        assert main([*command, *data, "threads=1"]) == 2
        assert "data.source.unlabelled" in capsys.readouterr().err.strip().splitlines()[-1]


def test_what_was_trained_on_is_no_part_to_be_measured(workplace: Path, store, capsys) -> None:
    assert main(["train", "experiment=identification/knn", *CROWD]) == 0
    (run,) = runs_of(store, workplace)
    assert main(["evaluate", f"run_id={run.info.run_id}", "part=train"]) == 2
    assert "val or test" in capsys.readouterr().err
    (workplace / "face.png").write_bytes(b"")
    assert main(["predict", f"run_id={run.info.run_id}", "input=face.png"]) == 2
    assert "give one that finds landmarks" in capsys.readouterr().err


def test_the_benchmark_measures_reading_methods_and_feeding(workplace: Path, capsys) -> None:
    crowd = [f"data.source.{name}" for name in ("people=8", "videos=2", "frames=6", "test_frames=0")]
    overrides = ["data=synthetic", *crowd, "methods=[gnb,fnn]", "data.batch_size=16", "epochs=1", "threads=1"]
    assert main(["benchmark", "identification", *overrides, "output=b/out.json"]) == 0
    report = json.loads((workplace / "b" / "out.json").read_text())["identification"]
    assert report["scale"]["gallery"] + report["scale"]["probes"] == report["reading"]["frames"] == 96
    assert set(report["methods"]) == {"gnb", "fnn"}
    assert report["scale"]["protocol"] == "frame_random"
    assert report["feeding"]["ratio"] == pytest.approx(
        report["feeding"]["frame_by_frame_seconds"] / report["feeding"]["memory_seconds"]
    )
    assert np.isfinite(report["peak_mb"]) and report["made_with"]["packages"]["scikit-learn"]
    assert "frame by frame" in capsys.readouterr().out
    assert main(["benchmark", "identification", "data=synthetic", "methods=[knnn]"]) == 2
    assert "methods: expected some of" in capsys.readouterr().err
    assert main(["benchmark", "identity"]) == 2
