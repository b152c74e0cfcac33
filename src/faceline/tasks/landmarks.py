"""The task of landmark detection: how a detector is built, checked and measured."""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from hydra.utils import get_object, instantiate
from matplotlib.figure import Figure
from torch.utils.data import DataLoader

from faceline.config.own_code import is_of_own_code
from faceline.data.datamodule import LandmarkData, LandmarkFrames
from faceline.data.index import markup_of
from faceline.errors import InputError, first_line
from faceline.geometry.coordinates import denormalise_landmarks
from faceline.geometry.markup import IBUG68, N_LANDMARKS, Markup
from faceline.inference.bundle import DataOrigin as TrainedOn
from faceline.inference.bundle import LandmarkManifest, read_bundle
from faceline.inference.bundle import SplitSettings as TrainedUnder
from faceline.inference.runtime import LandmarkRuntime
from faceline.metrics import landmark as metrics
from faceline.metrics.landmark import OwnMetric
from faceline.models.landmark_detector import LandmarkDetector
from faceline.models.losses import over_known
from faceline.models.warm_start import start_from
from faceline.reports import contact_sheet as sheets
from faceline.reports import landmark_plots as plots
from faceline.reports.confidence_plots import confidence
from faceline.tasks.confidence import RELIABLE, Trust, trust_in
from faceline.tasks.task import Config, Lessons, Measurement, Part
from faceline.transforms import HorizontalFlip, Pipeline
from faceline.types import Image, Landmarks, Shape

_BATCHES_TO_CALIBRATE = 12
"""Number of training batches from which a model that starts from a bundle takes the statistics of its layers."""


class LandmarkTask:
    """Finds the landmarks of the single face in a frame.

    Args:
        teacher: Bundle that gives pseudo-labels to frames without a row, so that they are trained on too.
        metrics: The user's own metrics by name. Each takes predicted and true landmarks (n, p, 2) in pixels and returns
            one number for each frame. Their means are logged beside our own metrics, in validation and test.
    """

    name = "landmarks"
    objective = "nme"

    def __init__(self, teacher: str | None = None, metrics: Mapping[str, OwnMetric] | None = None) -> None:
        self.teacher, self.metrics = teacher, dict(metrics or {})

    def build_model(self, config: Config) -> LandmarkDetector:
        """Build the detector of a config, untrained or with the weights that it names.

        Raises:
            InputError: The model finds no landmarks, or its backbone cannot take frames of this size.
        """
        kind = get_object(config["model"]["_target_"])
        model = None
        if not isinstance(kind, type) or issubclass(kind, LandmarkDetector):  # a function may make one, too
            model = instantiate(config["model"], markup=config_markup(config))
        if not isinstance(model, LandmarkDetector):
            raise InputError("finds no landmarks; choose a model for this task, such as model=cnn", column="model")
        model.own_metrics = self.metrics
        _try_out(model, config["data"]["size"])
        return model

    def scalars(self, config: Config) -> frozenset[str]:
        """Return the names of all errors."""
        return metrics.scalar_names(config_markup(config)) | set(self.metrics)

    def build_data(self, config: Config) -> LandmarkData:
        """Build the data with the frame size and the transforms of a config."""
        data, markup = config["data"], config_markup(config)
        source = instantiate(data["source"])
        if markup_of(source) != markup:
            raise InputError(
                f"the data set has the {markup_of(source).points} landmarks of {markup_of(source).name}, not the "
                f"{markup.points} of {markup.name}; choose that markup, or another data set",
                column="markup",
            )
        return LandmarkData(
            source=source,
            split=dict(config["split"]),
            transforms={name: _pipeline(config["transforms"][name], markup) for name in ("train", "eval")},
            size=data["size"],
            batch_size=data["batch_size"],
            workers=data["workers"],
            limit=data["limit"],
            seed=config["seed"],
            cache_dir=Path(data["cache_dir"]),
        )

    def join(self, model: LandmarkDetector, data: LandmarkData) -> Lessons:
        """Load the bundle to start from, and let the teacher label frames without a row.

        Raises:
            InputError: The teacher may have seen validation or test frames, there are no frames to label, or both model
                and transforms mirror frames.
        """
        _refuse_two_mirrors(model, data.pipelines["train"])
        if model.start is not None:
            _start(model, data)
        if self.teacher is None:
            return {}
        teacher = LandmarkRuntime(self.teacher, threads=torch.get_num_threads())
        _refuse_insider(teacher.manifest.data, data)
        return {"taught": data.learn_from(teacher)}

    def fit(self, model: Any, data: Any, file: Path, record: Mapping[str, Any]) -> None:
        """Refuse: detectors are trained in epochs."""
        raise TypeError(f"expected a LightningModule, got {type(model).__name__}")

    def measure(
        self, model: LandmarkDetector | LandmarkRuntime, data: LandmarkData, part: Part, label: str, source: str
    ) -> Measurement:
        """Compute all errors of a detector on a set, with its error curves, best and worst frames, and confidence."""
        frames = data.frames(part)
        index = frames.store.index.take(frames.rows)
        preds = predict(model, frames)
        errors = metrics.evaluate(preds, index.normalised(), index.sizes, index.markup, self.metrics)
        names = {"file": index.files, "person": index.persons, "video": index.videos}
        table = pd.DataFrame({**names, **errors.frames})
        scalars, trust = errors.scalars, trust_in(model, data, part)
        if trust is not None:
            scalars |= trust.scalars()
            table["confidence"] = trust.whole.confidence
        return Measurement(scalars, table, partial(_figures, preds, table, frames, trust, label, source), preds)

    def one_frame(self, model: LandmarkDetector, data: LandmarkData) -> Callable[[], object]:
        """Return a function from a prepared frame to its landmarks, in inference mode."""
        image, _, size = (each[None] for each in data.frames("val")[0])  # (1, 3, h, w), …, (1, 2)
        return torch.inference_mode()(lambda: model(image, size))

    def lines(self, scalars: Mapping[str, float]) -> list[str]:
        """Format MSE and the area of a confidence as numbers, and all else in percent of eye distance or frames."""
        return [
            f"{name:<16} {value:.3g}" if name in ("mse", "confidence_auc") else f"{name:<16} {value:.2%}"
            for name, value in scalars.items()
        ]

    def verdict(self, scalars: Mapping[str, float]) -> str:
        """Summarise MSE and NME."""
        return f"MSE {scalars['mse']:.3g}, NME {scalars['nme']:.2%}"


def predict(model: LandmarkDetector | LandmarkRuntime, frames: LandmarkFrames, batch_size: int = 64) -> Landmarks:
    """Return landmarks (n, p, 2) on [0, 1] of every frame, in order, in float32."""
    if isinstance(model, LandmarkRuntime):
        return model.predict(frames.store.images[frames.rows], frames.store.index.sizes[frames.rows])[0]
    loader = DataLoader(frames, batch_size=batch_size)
    model.eval()
    with torch.inference_mode():
        preds = [model(images.to(model.device), sizes.to(model.device)).cpu().numpy() for images, _, sizes in loader]
    return np.concatenate(preds)


def find_landmarks(model: LandmarkDetector, pipeline: Pipeline, image: Image) -> Shape:
    """Return the landmarks (p, 2) of the single face in an image of any size, in pixels."""
    unknown = np.zeros((N_LANDMARKS, 2), dtype=np.float32)  # a pipeline takes both
    tensor, _ = pipeline(image, unknown, 0)
    size = (image.shape[1], image.shape[0])
    with torch.inference_mode():
        preds = model(torch.as_tensor(tensor)[None], torch.tensor([size], dtype=torch.float32))[0].numpy()
    return denormalise_landmarks(preds, size)


def config_markup(config: Mapping[str, Any]) -> Markup:
    """Return the markup of a config; configs of older versions mean the 68 points of iBUG."""
    node = config.get("markup")
    chosen: Markup = instantiate(node) if node else IBUG68
    return chosen


def _pipeline(node: Any, markup: Markup) -> Any:
    pipeline = instantiate(node)
    return pipeline.use(markup) if isinstance(pipeline, Pipeline) else pipeline


def by_region(frames: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the errors of each facial region in the frames with labels there, from a table of frames."""
    names = [str(column) for column in frames.columns]
    return {name.removeprefix("nme_"): frames[name].dropna().to_numpy() for name in names if name.startswith("nme_")}


def _start(model: LandmarkDetector, data: LandmarkData) -> None:
    """Load the weights of the bundle that the model starts from."""
    bundle = read_bundle(str(model.start), LandmarkManifest)
    batches = islice(data.train_dataloader(), _BATCHES_TO_CALIBRATE)
    start_from(model, bundle.onnx, lambda: [model.find(batch[0], batch[2]) for batch in batches])


def _refuse_insider(taught: TrainedOn, data: LandmarkData) -> None:
    """Refuse a teacher that may have seen validation or test frames, because its labels would leak them.

    Raises:
        InputError: The teacher was trained on the same data set with another split.
    """
    if taught.name != data.source.name:
        return
    if taught.split != TrainedUnder(**data.split_settings):
        theirs = ", ".join(f"split.{name}={'null' if value is None else value}" for name, value in taught.split)
        raise InputError(
            f"the teacher was trained with another split and may have seen validation or test frames; use its split, "
            f"{theirs}, or another teacher",
            column="task.teacher",
        )
    if data.limit is None and taught.fingerprint != data.index.fingerprint:
        raise InputError(
            f"the teacher was trained on other frames of {taught.name} (fingerprint {taught.fingerprint}, not "
            f"{data.index.fingerprint}), which are split differently; train a teacher on these",
            column="task.teacher",
        )


def _figures(
    preds: Landmarks, table: pd.DataFrame, frames: LandmarkFrames, trust: Trust | None, label: str, source: str
) -> dict[str, Figure]:
    nme = table["nme"].to_numpy()
    index = frames.store.index.take(frames.rows)
    target_px = denormalise_landmarks(index.normalised(), index.sizes[:, None].astype(np.float32))
    picks = sheets.pick_extremes(nme, 6).ravel()
    figures = {
        "error_curve.png": plots.error_curve({label: nme}, source=source),
        "best_median_worst.png": sheets.contact_sheet(
            frames.store.images[frames.rows[picks]],
            preds[picks],
            index.normalised()[picks],
            nme[picks],
            labels=index.videos[picks].tolist(),
            sizes=index.sizes[picks],
            outlines=index.markup.outlines,
            source=source,
        ),
    }
    if regions := by_region(table):
        figures["region_errors.png"] = plots.region_errors({label: regions}, source=source)
    complete = ~index.missing.any(axis=1)
    if index.markup.ibug68 and complete.any():  # the pose of a head is known from these points alone
        known = index.markup.as_ibug68(target_px[complete])
        figures["error_by_condition.png"] = plots.error_by_condition(nme[complete], known, source=source)
    if trust is not None:
        whole = trust.whole
        figures["confidence.png"] = confidence(
            whole.nme, whole.confidence, trust.confidence, trust.reliable, bound=RELIABLE, source=source
        )
    return figures


def _refuse_two_mirrors(model: LandmarkDetector, pipeline: Any) -> None:
    """Refuse transforms that mirror frames without the knowledge of a model that marks mirrored frames."""
    steps = pipeline.steps if isinstance(pipeline, Pipeline) else ()
    if model.marks is not None and any(isinstance(step, HorizontalFlip) and step.probability for step in steps):
        raise InputError(
            "model.mirror=true mirrors frames itself and has to know which; leave HorizontalFlip out, or set its "
            "probability to 0",
            column="transforms.train",
        )


def _try_out(model: LandmarkDetector, size: int) -> None:
    """Refuse parts that do not fit together: an empty frame goes through backbone, head and loss.

    Raises:
        InputError: The backbone cannot take frames of this size, or head or loss give something else than they should.
    """
    try:
        with torch.inference_mode():
            preds = model.eval()(torch.zeros(1, 3, size, size), torch.ones(1, 2))
    except (RuntimeError, AssertionError, ValueError) as error:
        if is_of_own_code(error):
            raise
        raise InputError(
            f"the backbone does not take frames of {size} px, or gives no maps to find points in "
            f"({first_line(error)}); set data.size to what it was made for, or take another",
            column="model.backbone",
        ) from error
    expected = (1, model.markup.points, 2)
    if preds.shape != expected:
        raise InputError(f"expected landmarks {expected} of one frame, got {tuple(preds.shape)}", column="model.head")
    loss = over_known(model.loss, preds.clone().requires_grad_(), torch.zeros(expected))
    if loss.shape != () or not loss.requires_grad:
        came = "one without a gradient" if loss.shape == () else f"a tensor {tuple(loss.shape)}"
        raise InputError(f"expected one number, computed from preds by torch, got {came}", column="model.loss")
    model.train()
