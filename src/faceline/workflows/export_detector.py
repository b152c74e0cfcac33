"""A trained landmark model as a bundle."""

from collections.abc import Mapping
from pathlib import Path

from hydra.utils import instantiate

from faceline.data.datamodule import LandmarkData
from faceline.data.index import BadRows
from faceline.errors import InputError
from faceline.inference.bundle import Bundle, LandmarkManifest
from faceline.inference.runtime import LandmarkRuntime
from faceline.models.onnx_export import to_onnx
from faceline.transforms import Normalize, Pipeline, Rescale, ToTensor
from faceline.types import AnyImage
from faceline.workflows.assembly import Trained
from faceline.workflows.confidence import calibration_of
from faceline.workflows.exporting import check, evenly, origin
from faceline.workflows.landmark_task import find_landmarks


def export_detector(
    trained: Trained, data: LandmarkData, frames: int, tags: Mapping[str, str], file: Path
) -> Bundle[LandmarkManifest]:
    """The bundle of a detector, held against it and measured.

    Args:
        trained: The model of a run.
        data: What it was trained on.
        frames: So many of validation are compared.
        tags: Of its run.
        file: Where the bundle will be.

    Raises:
        InputError: Its frames are not just resized, or the graph gives something else than the model.
    """
    pipeline, model, size = _pipeline(trained), trained.model, trained.config["data"]["size"]
    calibration = calibration_of(model, data)
    onnx = to_onnx(model, size, calibration)
    manifest = LandmarkManifest(
        task="landmarks",
        markup="ibug-68",
        outputs=("landmarks",) if calibration is None else ("landmarks", "confidence"),
        **origin(trained, data, onnx, tags),
    )
    runtime = LandmarkRuntime(Bundle(file, manifest, onnx, ""))
    images = _frames(data, frames)
    checked = check(
        runtime.detect,
        lambda image: find_landmarks(model, pipeline, image),
        images,
        unit=lambda image: float(image.shape[1]),
    )
    scalars = trained.task.measure(runtime, data, "test", manifest.model, data.source.name).scalars
    measured = {"check": checked, "metrics": dict(scalars)}
    return Bundle(file, manifest.model_copy(update=measured), onnx, "")


def _pipeline(trained: Trained) -> Pipeline:
    """What the model expects to be done to a frame, which must be what the runtime does.

    Raises:
        InputError: Its frames are not just resized.
    """
    pipeline: Pipeline = instantiate(trained.config["transforms"]["eval"])
    edge = trained.config["data"]["size"]
    kinds = [type(step) for step in pipeline.steps]
    first = pipeline.steps[0]
    if kinds != [Rescale, Normalize, ToTensor] or not isinstance(first, Rescale) or first.size != (edge, edge):
        raise InputError(
            f"a bundle resizes whole frames to {edge} x {edge} px and nothing else; the model expects "
            f"{', '.join(kind.__name__ for kind in kinds)}",
            column="transforms.eval",
        )
    return pipeline


def _frames(data: LandmarkData, count: int) -> list[AnyImage]:
    """Frames of the validation part in their own size."""
    rows = {row.file: row for row in data.source.rows(BadRows("skip"))}
    files = data.index.files[evenly(data.split.val, count)]
    return [data.source.read(rows[file]) for file in files.tolist()]
