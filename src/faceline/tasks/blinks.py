"""Measures how much of a blink a trained detector passes on, so that its bundle can restore the rest."""

from typing import Final

import numpy as np

from faceline.data.datamodule import LandmarkData
from faceline.data.index import evenly
from faceline.errors import InputError
from faceline.geometry.markup import IBUG68
from faceline.models.landmark_detector import LandmarkDetector
from faceline.models.lid_gain import LidGain, lid_opening
from faceline.tasks.landmarks import find_landmarks
from faceline.transforms import ExpressionWarp, Pipeline

_MOST: Final = 3.0
"""Largest gain of the lids. Jitter grows with it too."""
_FRAMES: Final = 300
"""Most validation frames in which lids are moved."""


def lid_gain_of(model: LandmarkDetector, data: LandmarkData, pipeline: Pipeline) -> LidGain:
    """Return the gain that restores what a detector loses of a blink.

    Lids are closed and opened by known amounts in validation frames. The gain is one over the share of that which the
    detector passes on, at most 3.

    Args:
        model: Without a gain.
        data: What it was trained on.
        pipeline: What is done to a frame before the model sees it.

    Raises:
        InputError: The model has other landmarks than the 68, or no frame has all of them.
    """
    if model.markup != IBUG68:
        told = f"moves the lids among the 68 landmarks of {IBUG68.name}, and this model finds {model.markup.name}"
        raise InputError(f"{told}; leave it out", column="blinks")
    val = data.split.val
    rows = evenly(val[np.isfinite(data.index.landmarks[val]).all(axis=(1, 2))], _FRAMES)
    if not len(rows):
        raise InputError("no validation frame has all landmarks to measure a blink by; leave it out", column="blinks")
    blink = Pipeline([ExpressionWarp(mouth=0, smile=0, brows=0, probability=1)])
    before, after, start, end = [], [], [], []
    for i, (image, row) in enumerate(zip(data.originals(rows), data.index.take(rows).landmarks, strict=True)):
        moved, target = blink(image, row.astype(np.float32), i)
        start.append(row)
        end.append(np.asarray(target, dtype=np.float64)[:, :2])
        before.append(find_landmarks(model, pipeline, image))
        after.append(find_landmarks(model, pipeline, np.asarray(moved)))
    label, found = np.stack(start), np.stack(before)
    movement = lid_opening(np.stack(end), label) - lid_opening(label, label)
    answer = lid_opening(np.stack(after), label) - lid_opening(found, label)
    most = float((movement**2).sum())
    passed_on = float((movement * answer).sum()) / most if most else 1.0
    return LidGain(1 / float(np.clip(passed_on, 1 / _MOST, 1)), float(lid_opening(found, found).mean()))
