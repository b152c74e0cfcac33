"""`faceline export`: one file that gives what the trained model gives, or nothing at all."""

import copy
import json
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hydra.utils import instantiate
from tests.commands.conftest import TINY

from faceline.cli import main
from faceline.config.plain import read_settings
from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces
from faceline.errors import InputError
from faceline.exporting import detector as export_detector
from faceline.exporting import eight_bits
from faceline.exporting import parity as exporting
from faceline.inference.bundle import Bundle, LandmarkManifest, read_bundle
from faceline.inference.runtime import EmbedderRuntime, LandmarkRuntime
from faceline.stand.recognition.embedder import open_embedder
from faceline.stand.settings import SETTINGS, Stand
from faceline.tasks import confidence
from faceline.tasks.assembly import load_trained
from faceline.tasks.landmarks import find_landmarks

SOURCE = SyntheticFaces(people=3, videos=1, frames=2, test_frames=0, seed=9)


@pytest.fixture(scope="session")
def bundle(exported: Path) -> Bundle:
    return read_bundle(exported, LandmarkManifest)


def test_it_gives_the_landmarks_of_the_trained_model(trained: Path, bundle: Bundle) -> None:
    model = load_trained(trained / "mlruns" / "runs" / bundle.manifest.run_id / "checkpoints" / "best.ckpt")
    pipeline = instantiate(model.config["transforms"]["eval"])
    for row in SOURCE.rows(BadRows("raise")):
        image = SOURCE.read(row)
        torch_points = find_landmarks(model.model, pipeline, image)
        np.testing.assert_allclose(LandmarkRuntime(bundle).detect(image), torch_points, atol=1e-4 * image.shape[1])


def test_the_manifest_tells_what_is_known(trained: Path, bundle: Bundle, store) -> None:
    manifest = bundle.manifest
    run = store(trained).get_run(manifest.run_id)
    assert manifest.metrics["nme"] == pytest.approx(run.data.metrics["test/nme"], rel=1e-4)
    assert manifest.metrics["mse"] == pytest.approx(run.data.metrics["test/mse"], rel=1e-4)
    assert (manifest.data.name, manifest.data.licence, manifest.data.split.protocol) == ("synthetic", "MIT", "official")
    assert manifest.data.fingerprint == run.data.tags["data_fingerprint"]
    assert str(manifest.commit) == run.data.tags["faceline.commit"]
    assert manifest.parameters == run.data.metrics["parameters"]
    assert manifest.input.size == 48
    assert 0 < manifest.check.latency_ms < 1000 and manifest.check.difference < exporting.TOLERANCE
    assert manifest.command.startswith("faceline train experiment=landmarks/cnn")


def test_nothing_in_it_names_a_folder_of_this_machine(bundle: Bundle) -> None:
    onnx.checker.check_model(onnx.load_from_string(bundle.onnx), full_check=True)
    for folder in (Path.cwd(), Path(torch.__file__).parents[1], Path(exporting.__file__).parents[3]):
        assert str(folder).encode() not in bundle.onnx


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("data.root=/home/me/udacity a=b/c", "data.root=…/udacity a=b/c"),
        ("""'data.root="/home/me/my set/udacity"' x=1""", """'data.root="…/udacity"' x=1"""),
        ("bundles=[/tmp/a.faceline,/tmp/b/c.faceline]", "bundles=[…/a.faceline,…/c.faceline]"),
        (
            "model.weights='${oc.env:FACELINE_DATA}/weights/x.pth'",
            "model.weights='${oc.env:FACELINE_DATA}/weights/x.pth'",
        ),
        ("model.start=../a/b.faceline uri=sqlite:///a/b.db", "model.start=../a/b.faceline uri=sqlite:///a/b.db"),
        ("""'tracking.uri="sqlite:////home/me/m.db"' x=1""", """'tracking.uri="sqlite:///…/m.db"' x=1"""),
        ("ckpt_path=file:///home/me/last.ckpt", "ckpt_path=file://…/last.ckpt"),
        ("tracking.uri=postgresql://me:secret@host/runs", "tracking.uri=postgresql://…@host/runs"),
    ],
)
def test_a_command_is_told_without_folders_of_this_machine(command: str, told: str) -> None:
    assert exporting.without_folders(command) == told


def test_a_graph_that_differs_is_not_written(
    in_trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = export_detector.to_onnx

    def careless(model, size: int, calibration) -> bytes:
        changed = copy.deepcopy(model)
        changed.head.votes.bias.data.add_(0.01)  # of a cell
        return honest(changed, size, calibration)

    monkeypatch.setattr(export_detector, "to_onnx", careless)
    (folder,) = (in_trained / "mlruns" / "runs").iterdir()
    assert main(["export", f"run_id={folder.name}", f"output={tmp_path / 'x.faceline'}", "frames=4"]) == 2
    error = capsys.readouterr().err
    assert "not written: the graph differs from the trained model" in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_of_a_run_keeps_what_is_known_of_it(in_trained: Path, tmp_path: Path, bundle: Bundle) -> None:
    last = in_trained / "mlruns" / "runs" / bundle.manifest.run_id / "checkpoints" / "last.ckpt"
    file = tmp_path / "last.faceline"
    assert main(["export", f"ckpt_path={last}", f"output={file}", "frames=4"]) == 0
    known = read_bundle(file, LandmarkManifest).manifest
    assert (known.commit, known.command) == (bundle.manifest.commit, bundle.manifest.command)


@pytest.mark.slow
def test_what_is_lost_of_a_blink_is_restored_in_the_bundle(workplace: Path) -> None:
    drawn = ["data.source.people=40", "data.source.videos=1", "data.source.frames=4"]
    assert main(["train", "experiment=landmarks/everywhere", *drawn, "trainer.max_epochs=1", "model.lr=1e-6"]) == 0
    (folder,) = Path("mlruns", "runs").iterdir()
    drawn_faces = SyntheticFaces(people=20, videos=1, frames=1, test_frames=0, seed=9)
    images = [drawn_faces.read(row) for row in drawn_faces.rows(BadRows("raise"))]
    found = []
    for blinks in ("false", "true"):
        words = [f"run_id={folder.name}", f"output={blinks}.faceline", "frames=4", f"blinks={blinks}"]
        assert main(["export", *words]) == 0
        runtime = LandmarkRuntime(f"{blinks}.faceline")
        found.append(np.stack([runtime.detect(image) for image in images]))
    plain, restored = found
    lids = [37, 38, 40, 41, 43, 44, 46, 47]
    others = np.setdiff1d(np.arange(68), lids)
    np.testing.assert_allclose(restored[:, others], plain[:, others], atol=0.02)
    opening = [np.linalg.norm(each[:, 41] - each[:, 37], axis=1) for each in found]
    assert opening[1].std() > 1.2 * opening[0].std()


def test_with_8_bits_it_is_smaller_and_finds_nearly_the_same(
    in_trained: Path, tmp_path: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "small.faceline"
    assert main(["export", f"run_id={bundle.manifest.run_id}", f"output={file}", "frames=4", "int8=true"]) == 0
    output = capsys.readouterr()
    assert "from its graph in float32" in output.out and "histogram" not in output.out
    small = read_bundle(file, LandmarkManifest)
    assert (bundle.manifest.weights, small.manifest.weights) == ("float32", "int8")
    assert len(small.onnx) < len(bundle.onnx)
    images = [SOURCE.read(row) for row in SOURCE.rows(BadRows("raise"))]
    whole, eight = (LandmarkRuntime(each).detect_batch(images).landmarks for each in (bundle, small))
    apart = np.abs(whole - eight).max() / images[0].shape[1]
    assert 0 < apart < 0.03 and 0 < small.manifest.check.difference < 0.03
    assert small.manifest.metrics["nme"] != bundle.manifest.metrics["nme"]  # each tells of its own graph
    kernels = [
        onnx.numpy_helper.to_array(each)
        for each in onnx.load_from_string(small.onnx).graph.initializer
        if each.data_type == onnx.TensorProto.INT8 and len(each.dims) == 4
    ]
    assert kernels and max(int(np.abs(each.astype(int)).max()) for each in kernels) <= 64  # no sums beyond 16 bits


def test_where_8_bits_lose_too_much_nothing_is_written(
    in_trained: Path,
    tmp_path: Path,
    bundle: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(eight_bits, "quantised", lambda bundle, _: blurred(bundle.onnx))
    arguments = [f"run_id={bundle.manifest.run_id}", f"output={tmp_path / 'x.faceline'}", "frames=4", "int8=true"]
    assert main(["export", *arguments]) == 2
    error = capsys.readouterr().err
    assert "8 bits raise the validation NME by" in error and "export in float32" in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def blurred(graph: bytes) -> bytes:
    """The graph with kernels of half the size, which misplaces every point."""
    model = onnx.load_from_string(graph)
    for each in model.graph.initializer:
        if len(each.dims) == 4:
            each.CopyFrom(onnx.numpy_helper.from_array(0.5 * onnx.numpy_helper.to_array(each), each.name))
    return bytes(model.SerializeToString())


@pytest.mark.slow
def test_a_model_that_looks_twice_gives_its_confidence(workplace: Path, store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confidence, "RELIABLE", 0.6)  # it is trained for a moment
    twice = ["model/coarse_stage=window", "model.coarse_stage.size=32", "model.coarse_stage.backbone.width=16"]
    twice.append("model.coarse_stage.proportions=true")
    assert main(["train", *TINY, *twice, "callbacks.ema=null", "model.lr=0.01", "trainer.max_epochs=25"]) == 0
    (folder,) = Path("mlruns", "runs").iterdir()
    assert main(["export", f"run_id={folder.name}", "output=sure.faceline", "frames=4"]) == 0
    runtime = LandmarkRuntime("sure.faceline")
    assert runtime.manifest.input.sizes
    images = [SOURCE.read(row) for row in SOURCE.rows(BadRows("raise"))]
    sure = runtime.detect_batch(images).confidence
    assert sure is not None and sure.shape == (len(images),)
    assert (sure > 0).all() and (sure < 1).all()
    assert main(["evaluate", "bundle=sure.faceline", *TINY[1:4], "data=synthetic", "output=out"]) == 0
    told = json.loads(Path("out", "metrics.json").read_text())
    assert Path("out", "confidence.png").is_file()
    of_run = store(workplace).get_run(folder.name).data.metrics
    for name in ("confidence_auc", "confidence_error", "nme_surest_80"):
        assert of_run[f"test/{name}"] == pytest.approx(told[name], abs=0.02)


def test_a_bundle_does_not_tell_of_data_that_its_model_was_not_trained_on(
    in_trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = (in_trained / "mlruns" / "runs").iterdir()
    arguments = ["export", f"run_id={folder.name}", f"output={tmp_path / 'x.faceline'}", "frames=4"]
    small = [word.replace("people=8", "people=9") for word in TINY if "source" in word]
    assert main([*arguments, "data=synthetic", *small]) == 2
    error = capsys.readouterr().err
    assert "was trained on other frames" in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_bundle_teaches_another_model_unless_it_may_have_seen_its_test_frames(
    exported: Path, udacity_like: Path, workplace: Path, store, capsys: pytest.CaptureFixture[str]
) -> None:
    table = udacity_like / "training_frames_keypoints.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([header, *(row for i, row in enumerate(rows) if i % 3)]) + "\n")
    data = [f"data.root={udacity_like}", "data.on_error=skip", "split.val_fraction=0.25"]
    train = ["train", *(word for word in TINY if "source" not in word), "data=udacity", *data]
    assert main([*train, f"task.teacher={exported}"]) == 0
    (folder,) = Path("mlruns", "runs").iterdir()
    artifacts = {file.name: json.loads(file.read_text()) for file in Path("mlruns", "artifacts").rglob("*.json")}
    assert set(artifacts["files.json"]) == {"task.teacher"}
    nameless = {row.split(",")[0] for row in rows[::3]}
    assert {Path(file).name for file in artifacts["taught.json"]["taught"]} <= nameless
    assert artifacts["taught.json"]["taught"] and not nameless & {
        Path(f).name for f in artifacts["split.json"]["train"]
    }
    small = [word for word in TINY if "source" in word]
    assert main(["evaluate", f"run_id={folder.name}", "data=synthetic", *small, "output=out"]) == 0  # nobody teaches it
    capsys.readouterr()
    more = [word.replace("people=8", "people=9") for word in TINY]
    for arguments, words in (
        ([*train, "task.teacher=default"], "task.teacher: the teacher was trained with another split"),
        ([*train, "task.teacher=none.faceline"], "none.faceline: no such bundle"),
        (["train", *TINY, f"task.teacher={exported}"], "task.teacher: synthetic has no frames without landmarks"),
        (
            ["train", *more, f"task.teacher={exported}"],
            "task.teacher: the teacher was trained on other frames of synthetic",
        ),
    ):
        assert main(arguments) == 2
        assert words in capsys.readouterr().err.strip().splitlines()[-1]
    assert len(list(Path("mlruns", "runs").iterdir())) == 1  # no run was opened for them


@pytest.mark.parametrize(
    ("place", "step", "words"),
    [
        (1, {"_target_": "faceline.transforms.Crop", "height": 48, "width": 48}, "Rescale, Crop, Normalize, ToTensor"),
        (0, {"_target_": "faceline.transforms.Rescale", "height": 40, "width": 40}, "Rescale, Normalize, ToTensor"),
    ],
    ids=["another step", "another size"],
)
def test_a_model_whose_frames_are_not_just_resized_is_refused(
    place: int, step: dict, words: str, in_trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = (in_trained / "mlruns" / "runs").iterdir()
    checkpoint = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    steps = checkpoint["faceline"]["config"]["transforms"]["eval"]["steps"]
    steps[place:1] = [step]  # before Normalize, or in the place of Rescale
    torch.save(checkpoint, tmp_path / "cropped.ckpt")
    assert main(["export", f"ckpt_path={tmp_path / 'cropped.ckpt'}", f"output={tmp_path / 'x.faceline'}"]) == 2
    error = capsys.readouterr().err
    assert "resizes whole frames to 48 x 48 px and nothing else" in error and f"the model expects {words}" in error
    assert not (tmp_path / "x.faceline").exists()


@pytest.mark.slow
def test_the_mean_with_the_mirror_image_can_be_left_out(in_trained: Path, tmp_path: Path, bundle: Bundle) -> None:
    (folder,) = (in_trained / "mlruns" / "runs").iterdir()
    checkpoint = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    checkpoint["faceline"]["config"]["model"]["flip_average"] = True
    torch.save(checkpoint, tmp_path / "mirrors.ckpt")
    image = SOURCE.read(SOURCE.rows(BadRows("raise"))[0])
    found = {}
    for taken in ("true", "false"):
        file = str(tmp_path / f"{taken}.faceline")
        chosen = (f"ckpt_path={tmp_path / 'mirrors.ckpt'}", f"output={file}", "frames=4", f"flip_average={taken}")
        assert main(["export", *chosen]) == 0
        found[taken] = LandmarkRuntime(file).detect(image)
    np.testing.assert_allclose(found["false"], LandmarkRuntime(bundle).detect(image), atol=1e-3)
    assert np.abs(found["true"] - found["false"]).max() > 0.01


FACES = (
    "experiment=identification/embedder",
    "model.backbone=test_resnet",
    "model.frozen=[]",
    "data.size=64",
    "data.source.people=20",
    "data.source.videos=2",
    "data.source.frames=4",
    "data.source.test_frames=0",
    "trainer.precision=32-true",
    "trainer.max_epochs=1",
    "task.people=4",
    "threads=1",
    "split.val_fraction=0.4",
    "split.test_fraction=0.4",
)


def export_faces(capsys: pytest.CaptureFixture[str], *arguments: str) -> EmbedderRuntime:
    assert main(["train", *FACES, *arguments]) == 0
    (folder,) = Path("mlruns", "runs").iterdir()
    assert main(["export", f"run_id={folder.name}", "output=faces.faceline", "frames=4"]) == 0
    assert "FNIR" in capsys.readouterr().out or arguments
    return EmbedderRuntime("faces.faceline")


def refuse_what_faces_have_not(capsys: pytest.CaptureFixture[str]) -> None:
    (folder,) = Path("mlruns", "runs").iterdir()
    assert main(["export", f"run_id={folder.name}", "output=small.faceline", "int8=true"]) == 2
    assert "only models that find landmarks have 8 bits" in capsys.readouterr().err
    assert main(["export", f"run_id={folder.name}", "output=small.faceline", "flip_average=false"]) == 2
    assert "flip_average: an embedder always uses flip test-time augmentation" in capsys.readouterr().err
    assert not Path("small.faceline").exists()


def test_an_embedder_gives_what_the_trained_model_gives_and_knows_its_thresholds(
    workplace: Path, store, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = export_faces(capsys, "split.protocol=person_disjoint")
    refuse_what_faces_have_not(capsys)
    run = store(workplace).get_run(runtime.manifest.run_id)
    model = load_trained(workplace / "mlruns" / "runs" / run.info.run_id / "checkpoints" / "best.ckpt").model
    faces = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = model.embed(torch.from_numpy(faces).permute(0, 3, 1, 2) / 255).numpy()
    np.testing.assert_allclose(runtime.embed(faces), expected, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(runtime.embed(faces), axis=1), 1, atol=1e-5)
    metrics = run.data.metrics
    assert runtime.manifest.metrics["rank1"] == pytest.approx(metrics["test/rank1"], abs=0.02)
    for name, threshold in runtime.manifest.thresholds.items():
        assert threshold == pytest.approx(metrics[f"test/threshold_at_fpir_{name}"], abs=1e-3)
    settings = read_settings("stand", [], SETTINGS["stand"])
    assert isinstance(settings, Stand)
    at_stand, likeness = open_embedder(settings, Path("faces.faceline"))
    assert likeness == runtime.manifest.calibration
    assert likeness.threshold(1e-4) > likeness.threshold(1e-2)
    np.testing.assert_array_equal(at_stand.embed(faces), runtime.embed(faces))


@pytest.mark.slow
def test_an_embedder_that_met_no_strangers_knows_no_threshold(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runtime = export_faces(capsys, "split.protocol=video_disjoint", "data.source.videos=3", "trainer.max_epochs=0")
    assert runtime.manifest.thresholds == {}
    for arguments, known in (([], None), (["threshold=0.6"], 0.6)):
        settings = read_settings("stand", arguments, SETTINGS["stand"])
        assert isinstance(settings, Stand)
        if known is None:
            with pytest.raises(InputError, match=r"missing, and faces\.faceline has none"):
                open_embedder(settings, Path("faces.faceline"))
        else:
            assert open_embedder(settings, Path("faces.faceline"))[1].threshold(0.01) == known


def test_a_model_of_which_no_bundle_can_be_made_is_refused(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    crowd = [each for each in FACES if each.startswith(("data.source", "threads"))]
    assert main(["train", "experiment=identification/gnb", *crowd, "split.protocol=frame_random"]) == 0
    (folder,) = Path("mlruns", "runs").iterdir()
    assert main(["export", f"run_id={folder.name}", "output=x.faceline"]) == 2
    assert "is of gnb, of which no bundle can be made" in capsys.readouterr().err
    assert not Path("x.faceline").exists()


def test_the_archive_opens_with_common_tools(exported: Path) -> None:
    with zipfile.ZipFile(exported) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("manifest.json"))["task"] == "landmarks"
