"""How a landmark model is measured, after training and ever after: one way."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch.utils.data import DataLoader

from faceline.data.datamodule import LandmarkFrames
from faceline.metrics import landmark as metrics
from faceline.models.landmark_detector import LandmarkDetector
from faceline.reports import contact_sheet as sheets
from faceline.reports import landmark_plots as plots
from faceline.types import Landmarks


@dataclass(frozen=True, eq=False)
class Measurement:
    """A model on one part of a data set.

    Attributes:
        scalars: Every metric of the part.
        frames: One row a frame: file, person, video and its errors.
        preds: (n, 68, 2) on [0, 1].
    """

    scalars: dict[str, float]
    frames: pd.DataFrame
    preds: Landmarks


def predict(model: LandmarkDetector, frames: LandmarkFrames, batch_size: int = 64) -> Landmarks:
    """Landmarks (n, 68, 2) on [0, 1] of every frame, in order, in float32."""
    loader = DataLoader(frames, batch_size=batch_size)
    model.eval()
    with torch.inference_mode():
        preds = [model(images.to(model.device)).cpu().numpy() for images, _, _ in loader]
    return np.concatenate(preds)


def measure(model: LandmarkDetector, frames: LandmarkFrames) -> Measurement:
    """All metrics of a model on some frames, whole and frame by frame."""
    index = frames.store.index.take(frames.rows)
    preds = predict(model, frames)
    errors = metrics.evaluate(preds, index.normalised(), index.sizes)
    names = {"file": index.files, "person": index.persons, "video": index.videos}
    return Measurement(errors.scalars, pd.DataFrame({**names, **errors.frames}), preds)


def by_region(frames: pd.DataFrame) -> dict[str, np.ndarray]:
    """The errors of each facial region, from a table of frames."""
    names = [str(column) for column in frames.columns]
    return {name.removeprefix("nme_"): frames[name].to_numpy() for name in names if name.startswith("nme_")}


def figures(measurement: Measurement, frames: LandmarkFrames, name: str, source: str) -> dict[str, Figure]:
    """The figures of a measurement by file name.

    Args:
        measurement: Of these very frames.
        frames: Where the images come from.
        name: How the model is called in the figures.
        source: Line that tells where the numbers come from.
    """
    nme = measurement.frames["nme"].to_numpy()
    index = frames.store.index.take(frames.rows)
    picks = sheets.pick_extremes(nme, 6).ravel()
    return {
        "error_curve.png": plots.error_curve({name: nme}, source=source),
        "region_errors.png": plots.region_errors({name: by_region(measurement.frames)}, source=source),
        "best_median_worst.png": sheets.contact_sheet(
            frames.store.images[frames.rows[picks]],
            measurement.preds[picks],
            index.normalised()[picks],
            nme[picks],
            labels=index.videos[picks].tolist(),
            sizes=index.sizes[picks],
            source=source,
        ),
    }


def write(measurement: Measurement, folder: Path, facts: dict[str, Any]) -> None:
    """Write ``metrics.json``, the facts before the figures, and ``frames.csv``, one row a frame."""
    folder.mkdir(parents=True, exist_ok=True)
    measurement.frames.to_csv(folder / "frames.csv", index=False, float_format="%.8g")
    (folder / "metrics.json").write_text(json.dumps({**facts, **measurement.scalars}, indent=2) + "\n")
