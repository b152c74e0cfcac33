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
from tests.workflows.conftest import TINY

from faceline.cli import main
from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces
from faceline.inference.bundle import Bundle, read_bundle
from faceline.inference.runtime import LandmarkRuntime
from faceline.workflows import export
from faceline.workflows.assembly import load_trained
from faceline.workflows.landmark_task import find_landmarks

SOURCE = SyntheticFaces(people=3, videos=1, frames=2, test_frames=0, seed=9)


@pytest.fixture(scope="session")
def bundle(exported: Path) -> Bundle:
    return read_bundle(exported)


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
    assert 0 < manifest.check.latency_ms < 1000 and manifest.check.difference < export.TOLERANCE
    assert manifest.command.startswith("faceline train experiment=landmarks/cnn")


def test_nothing_in_it_names_a_folder_of_this_machine(bundle: Bundle) -> None:
    onnx.checker.check_model(onnx.load_from_string(bundle.onnx), full_check=True)
    for folder in (Path.cwd(), Path(torch.__file__).parents[1], Path(export.__file__).parents[3]):
        assert str(folder).encode() not in bundle.onnx
    assert export._without_folders("faceline train data.root=/home/me/udacity a=b/c") == (
        "faceline train data.root=…/udacity a=b/c"
    )


def test_a_graph_that_differs_is_not_written(
    in_trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = export.to_onnx

    def careless(model, size: int) -> bytes:
        changed = copy.deepcopy(model)
        changed.head.votes.bias.data.add_(0.01)  # of a cell
        return honest(changed, size)

    monkeypatch.setattr(export, "to_onnx", careless)
    (folder,) = (in_trained / "mlruns" / "runs").iterdir()
    assert main(["export", f"run_id={folder.name}", f"output={tmp_path / 'x.faceline'}", "frames=4"]) == 2
    error = capsys.readouterr().err
    assert "not written: the graph differs from the trained model" in error and error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_model_that_tells_scales_gives_its_confidence(workplace: Path) -> None:
    scaled = ("model.head.scales=true", "loss@model.loss=laplace", "model.flip_average=true")
    assert main(["train", *TINY, *scaled, "trainer.max_epochs=1"]) == 0
    (folder,) = Path("mlruns", "runs").iterdir()
    assert main(["export", f"run_id={folder.name}", "output=sure.faceline", "frames=4"]) == 0
    runtime = LandmarkRuntime("sure.faceline")
    images = [SOURCE.read(row) for row in SOURCE.rows(BadRows("raise"))]
    sure = runtime.detect_batch(images).confidence
    assert sure is not None and sure.shape == (len(images),)
    assert (sure > 0).all() and (sure <= 1).all()


def test_a_model_whose_frames_are_not_just_resized_is_refused(
    in_trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = (in_trained / "mlruns" / "runs").iterdir()
    checkpoint = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    steps = checkpoint["faceline"]["config"]["transforms"]["eval"]["steps"]
    steps.insert(1, {"_target_": "faceline.transforms.Crop", "height": 40, "width": 40})
    torch.save(checkpoint, tmp_path / "cropped.ckpt")
    assert main(["export", f"ckpt_path={tmp_path / 'cropped.ckpt'}", f"output={tmp_path / 'x.faceline'}"]) == 2
    assert "the model expects Rescale, Crop, Normalize, ToTensor" in capsys.readouterr().err
    assert not (tmp_path / "x.faceline").exists()


def test_the_archive_opens_with_common_tools(exported: Path) -> None:
    with zipfile.ZipFile(exported) as archive:
        assert archive.testzip() is None
        assert json.loads(archive.read("manifest.json"))["task"] == "landmarks"
