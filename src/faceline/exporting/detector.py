"""A trained landmark model as a bundle."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hydra.utils import instantiate

from faceline.data.datamodule import LandmarkData
from faceline.data.index import evenly
from faceline.errors import InputError
from faceline.exporting.eight_bits import in_eight_bits
from faceline.exporting.onnx_export import to_onnx
from faceline.exporting.parity import check, origin, width
from faceline.geometry.markup import IBUG68
from faceline.inference.bundle import FORMAT, Bundle, LandmarkManifest, Layout
from faceline.inference.runtime import LandmarkRuntime
from faceline.tasks.assembly import Trained
from faceline.tasks.blinks import lid_gain_of
from faceline.tasks.confidence import calibration_of
from faceline.tasks.landmarks import find_landmarks
from faceline.tasks.task import Config
from faceline.transforms import Normalize, Pipeline, Rescale, ToTensor


def export_detector(
    trained: Trained, data: LandmarkData, asked: Config, tags: Mapping[str, str], file: Path
) -> Bundle[LandmarkManifest]:
    """Build the bundle of a detector, compare it with the model and measure it.

    Args:
        trained: Model of a run.
        data: Its training data.
        asked: Settings: how many ``frames`` of the validation set are compared, whether convolutions compute in 8 bits
            (``int8``), whether flip test-time augmentation is used (``flip_average``), and whether the bundle
            restores what the model loses of a blink (``blinks``).
        tags: Tags of its run.
        file: File for the bundle.

    Raises:
        InputError: The model's transforms do more than resize, the graph's results differ from the model's, or 8 bits
            lose too much.
    """
    pipeline, model, size = _pipeline(trained), trained.model, trained.config["data"]["size"]
    model.flip_average = model.flip_average and asked["flip_average"]
    if asked["blinks"]:
        model.lid_gain = lid_gain_of(model, data, pipeline)
    calibration = calibration_of(model, data)
    onnx = to_onnx(model, size, calibration)
    layout = None if model.markup == IBUG68 else Layout(points=model.markup.points, outlines=model.markup.outlines)
    facts = origin(trained, data, onnx, tags, sizes=model.wants_sizes)
    manifest = LandmarkManifest(
        task="landmarks",
        markup=model.markup.name,
        layout=layout,
        outputs=("landmarks",) if calibration is None else ("landmarks", "confidence"),
        **(facts if layout is None else {**facts, "format": FORMAT}),
    )
    bundle, images = Bundle(file, manifest, onnx, ""), data.originals(evenly(data.split.val, asked["frames"]))
    checked = check(
        LandmarkRuntime(bundle).detect,
        lambda image: find_landmarks(model, pipeline, image),
        images,
        unit=width,
    )
    bundle = replace(bundle, manifest=manifest.model_copy(update={"check": checked}))
    if asked["int8"]:
        bundle = in_eight_bits(bundle, data, images)
    scalars = trained.task.measure(LandmarkRuntime(bundle), data, "test", manifest.model, data.source.name).scalars
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"metrics": dict(scalars)}))


def _pipeline(trained: Trained) -> Pipeline:
    """Return the model's transforms for a frame, which must be those of the runtime.

    Raises:
        InputError: The transforms do more than resize.
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
