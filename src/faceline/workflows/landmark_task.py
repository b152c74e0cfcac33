"""The task of finding landmarks: how a detector is built, checked and measured."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from hydra.utils import instantiate
from matplotlib.figure import Figure
from torch.utils.data import DataLoader

from faceline.data.cache import FrameStore
from faceline.data.datamodule import LandmarkData, LandmarkFrames
from faceline.data.index import FrameSource
from faceline.data.taught import taught_frames
from faceline.errors import InputError, first_line
from faceline.geometry.coordinates import denormalise_landmarks
from faceline.geometry.markup import N_LANDMARKS
from faceline.inference.bundle import Data as TrainedOn
from faceline.inference.bundle import Split as TrainedUnder
from faceline.inference.runtime import LandmarkRuntime
from faceline.metrics import landmark as metrics
from faceline.models.landmark_detector import LandmarkDetector
from faceline.reports import contact_sheet as sheets
from faceline.reports import landmark_plots as plots
from faceline.reports.confidence_plots import confidence
from faceline.transforms import Pipeline
from faceline.types import Image, Landmarks, Shape
from faceline.workflows.confidence import RELIABLE, trust_in
from faceline.workflows.task import Config, Measurement, Part


class LandmarkTask:
    """Find the 68 landmarks of the one face in a frame.

    Args:
        teacher: Bundle that gives landmarks to frames without a row, which are trained on too.
    """

    name = "landmarks"
    objective = "nme"

    def __init__(self, teacher: str | None = None) -> None:
        self.teacher = teacher

    def build_model(self, config: Config) -> LandmarkDetector:
        """The detector of a config, untrained or from the weights that it names.

        Raises:
            InputError: The backbone cannot take frames of this size.
        """
        model = instantiate(config["model"])
        if not isinstance(model, LandmarkDetector):
            raise InputError("finds no landmarks; choose a model for this task, such as model=cnn", column="model")
        _check_size(model, config["data"]["size"])
        return model

    def scalars(self, config: Config) -> frozenset[str]:
        """All errors."""
        return metrics.scalar_names()

    def build_data(self, config: Config) -> LandmarkData:
        """Frames of the size and the transforms of a config."""
        data = config["data"]
        return LandmarkData(
            source=instantiate(data["source"]),
            split=dict(config["split"]),
            transforms={name: instantiate(config["transforms"][name]) for name in ("train", "eval")},
            size=data["size"],
            batch_size=data["batch_size"],
            workers=data["workers"],
            limit=data["limit"],
            seed=config["seed"],
            cache_dir=Path(data["cache_dir"]),
            taught=None if self.teacher is None else self._taught(self.teacher, config),
        )

    def _taught(self, name: str, config: Config) -> Callable[[Collection[str]], tuple[FrameStore, np.ndarray]]:
        """How frames without a row are found and labelled, once training asks for them.

        Raises:
            InputError: A data set that lists no such frames.
        """
        data = config["data"]
        if "unlabelled" not in data["source"]:
            raise InputError("this data set has no frames without landmarks", column="task.teacher")

        def taught(people: Collection[str]) -> tuple[FrameStore, np.ndarray]:
            teacher = LandmarkRuntime(name, threads=torch.get_num_threads())
            source: FrameSource = instantiate({**data["source"], "unlabelled": True})
            _refuse_insider(teacher.manifest.data, source.name, config["split"])
            return taught_frames(source, people, teacher.detect_batch, data["size"], Path(data["cache_dir"]))

        return taught

    def join(self, model: LandmarkDetector, data: LandmarkData) -> None:
        """Nothing: every data set has 68 landmarks."""

    def fit(self, model: Any, data: Any, file: Path, record: Mapping[str, Any]) -> None:
        """Detectors are trained in epochs."""
        raise TypeError(f"expected a LightningModule, got {type(model).__name__}")

    def measure(
        self, model: LandmarkDetector | LandmarkRuntime, data: LandmarkData, part: Part, label: str, source: str
    ) -> Measurement:
        """All errors of a detector on a part, with its error curves, its best and worst frames, and how sure it was."""
        frames = data.frames(part)
        index = frames.store.index.take(frames.rows)
        preds = predict(model, frames)
        errors = metrics.evaluate(preds, index.normalised(), index.sizes)
        names = {"file": index.files, "person": index.persons, "video": index.videos}
        table = pd.DataFrame({**names, **errors.frames})
        scalars, figures = errors.scalars, _figures(preds, table, frames, label, source)
        trust = trust_in(model, data, part)
        if trust is not None:
            whole = trust.whole
            scalars |= trust.scalars()
            table["confidence"] = whole.confidence
            figures["confidence.png"] = confidence(
                whole.nme, whole.confidence, trust.confidence, trust.reliable, bound=RELIABLE, source=source
            )
        return Measurement(scalars, table, figures, preds)

    def one_frame(self, model: LandmarkDetector, data: LandmarkData) -> Callable[[], object]:
        """From a prepared frame to its landmarks, in inference mode."""
        image = data.frames("val")[0][0][None]  # (1, 3, h, w)
        return torch.inference_mode()(lambda: model(image))

    def lines(self, scalars: Mapping[str, float]) -> list[str]:
        """MSE and the area of a confidence as numbers, all else in percent of the eye distance or of the frames."""
        return [
            f"{name:<16} {value:.3g}" if name in ("mse", "confidence_auc") else f"{name:<16} {value:.2%}"
            for name, value in scalars.items()
        ]

    def verdict(self, scalars: Mapping[str, float]) -> str:
        """MSE and NME."""
        return f"MSE {scalars['mse']:.3g}, NME {scalars['nme']:.2%}"


def predict(model: LandmarkDetector | LandmarkRuntime, frames: LandmarkFrames, batch_size: int = 64) -> Landmarks:
    """Landmarks (n, 68, 2) on [0, 1] of every frame, in order, in float32."""
    if isinstance(model, LandmarkRuntime):
        return model.predict(frames.store.images[frames.rows])[0]
    loader = DataLoader(frames, batch_size=batch_size)
    model.eval()
    with torch.inference_mode():
        preds = [model(images.to(model.device)).cpu().numpy() for images, _, _ in loader]
    return np.concatenate(preds)


def find_landmarks(model: LandmarkDetector, pipeline: Pipeline, image: Image) -> Shape:
    """The landmarks (68, 2) of the one face in an image of any size, in its pixels."""
    unknown = np.zeros((N_LANDMARKS, 2), dtype=np.float32)  # a pipeline takes both
    tensor, _ = pipeline(image, unknown, 0)
    with torch.inference_mode():
        preds = model(torch.as_tensor(tensor)[None])[0].numpy()
    return denormalise_landmarks(preds, (image.shape[1], image.shape[0]))


def by_region(frames: pd.DataFrame) -> dict[str, np.ndarray]:
    """The errors of each facial region, from a table of frames."""
    names = [str(column) for column in frames.columns]
    return {name.removeprefix("nme_"): frames[name].to_numpy() for name in names if name.startswith("nme_")}


def _refuse_insider(taught: TrainedOn, source: str, split: Mapping[str, Any]) -> None:
    """Refuse a teacher that may have seen frames that will be validated or tested on, and would tell of them.

    Raises:
        InputError: It was trained on the same data under another split.
    """
    if taught.name == source and taught.split != TrainedUnder(**split):
        theirs = ", ".join(f"split.{name}={value}" for name, value in taught.split)
        raise InputError(
            f"it was trained under another split and may have seen frames of validation or test: choose its split, "
            f"{theirs}, or another teacher",
            column="task.teacher",
        )


def _figures(
    preds: Landmarks, table: pd.DataFrame, frames: LandmarkFrames, label: str, source: str
) -> dict[str, Figure]:
    nme = table["nme"].to_numpy()
    index = frames.store.index.take(frames.rows)
    target_px = denormalise_landmarks(index.normalised(), index.sizes[:, None].astype(np.float32))
    picks = sheets.pick_extremes(nme, 6).ravel()
    return {
        "error_curve.png": plots.error_curve({label: nme}, source=source),
        "region_errors.png": plots.region_errors({label: by_region(table)}, source=source),
        "error_by_condition.png": plots.error_by_condition(nme, target_px, source=source),
        "best_median_worst.png": sheets.contact_sheet(
            frames.store.images[frames.rows[picks]],
            preds[picks],
            index.normalised()[picks],
            nme[picks],
            labels=index.videos[picks].tolist(),
            sizes=index.sizes[picks],
            source=source,
        ),
    }


def _check_size(model: LandmarkDetector, size: int) -> None:
    """Refuse a backbone that cannot take frames of this size: a forward pass of an empty frame fails."""
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros(1, 3, size, size))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise InputError(
            f"the backbone does not take frames of {size} px, or gives no maps to find points in "
            f"({first_line(error)}); set data.size to what it was made for, or take another",
            column="model.backbone",
        ) from error
    model.train()
