"""Measures the systematic errors of a trained detector on labelled frames, so that its bundle can undo them."""

from typing import Final

import numpy as np
import torch

from faceline.data.datamodule import LandmarkData, LandmarkFrames
from faceline.data.index import evenly
from faceline.geometry.markup import IBUG68
from faceline.metrics.landmark import nme_per_frame
from faceline.models.landmark_detector import LandmarkDetector
from faceline.models.shape_correction import ShapeCorrection, fit_correction, lid_opening, own_frame, with_lids
from faceline.tasks.landmarks import find_landmarks, predict
from faceline.tasks.task import Part
from faceline.transforms import ExpressionWarp, Pipeline
from faceline.types import Landmarks

_STIFFNESS: Final = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)
"""Stiffnesses that are tried, per frame."""
_MOST: Final = 3.0
"""Largest gain of the lids. Jitter grows with it too."""
_BLINKS: Final = 300
"""Most validation frames in which lids are moved."""
_EXPRESSIONS: Final = {"mouth": 0.4, "smile": 0.2, "brows": 0.15}
"""Largest movements of the expressions that frames are given. Noisy labels of faces that hardly move would teach the
map to pass on less of every movement."""


def correction_of(model: LandmarkDetector, data: LandmarkData, pipeline: Pipeline) -> ShapeCorrection | None:
    """Fit the correction of a detector; None if it makes validation worse, or no frame has all of the 68 points.

    The map is fitted to the training set, as it is and with other expressions; how stiff it is, is chosen on the
    validation set in the same way. Lids are closed and opened by known amounts in validation frames, and the correction
    restores what the model loses of that.

    Args:
        model: Without a correction.
        data: What it was trained on.
        pipeline: What is done to a frame before the model sees it.
    """
    if model.markup != IBUG68:
        return None
    (found, true), (seen, label) = (_pairs(model, data, part, pipeline) for part in ("train", "val"))
    if not len(true) or not len(label):
        return None
    fitted = [fit_correction(found, true, stiffness) for stiffness in _STIFFNESS]
    errors = [nme_per_frame(_apply(each, seen), label).mean() for each in fitted]
    best = int(np.argmin(errors))
    if errors[best] >= nme_per_frame(seen, label).mean():
        return None
    return with_lids(fitted[best], 1 / np.clip(_passed_on(model, fitted[best], data, pipeline), 1 / _MOST, 1))


def _pairs(model: LandmarkDetector, data: LandmarkData, part: Part, pipeline: Pipeline) -> tuple[Landmarks, Landmarks]:
    """Return what is found in the frames of a part, and their labels, on [0, 1] as the correction sees them.

    Each frame with all landmarks comes twice: as it is, and with another expression.
    """
    frames = data.frames(part)
    label = frames.store.index.take(frames.rows).normalised()
    rows = frames.rows[np.isfinite(label).all(axis=(1, 2))]
    if not len(rows):
        return label[:0], label[:0]
    moving = Pipeline([ExpressionWarp(**_EXPRESSIONS, probability=1), *pipeline.steps])
    both = [LandmarkFrames(frames.store, rows, each) for each in (frames.pipeline, moving)]
    targets = [[np.asarray(each[i][1]) for i in range(len(rows))] for each in both]
    return np.concatenate([predict(model, each) for each in both]), np.concatenate([np.stack(each) for each in targets])


def _apply(correction: ShapeCorrection, landmarks: Landmarks) -> Landmarks:
    """Return corrected landmarks."""
    with torch.inference_mode():
        return np.asarray(correction(torch.from_numpy(landmarks).float()))


def _passed_on(model: LandmarkDetector, correction: ShapeCorrection, data: LandmarkData, pipeline: Pipeline) -> float:
    """Return the share of a known movement of the lids that a corrected detector passes on."""
    whole = np.isfinite(data.index.landmarks[data.split.val]).all(axis=(1, 2))
    rows = evenly(data.split.val[whole], _BLINKS)
    labels = data.index.take(rows).landmarks
    blink = Pipeline([ExpressionWarp(mouth=0, smile=0, brows=0, probability=1)])
    before, after, start, end = [], [], [], []
    for i, (image, label) in enumerate(zip(data.originals(rows), labels, strict=True)):
        moved, target = blink(image, label.astype(np.float32), i)
        start.append(label)
        end.append(np.asarray(target, dtype=np.float64)[:, :2])
        before.append(find_landmarks(model, pipeline, image))
        after.append(find_landmarks(model, pipeline, np.asarray(moved)))
    still, known = np.stack(start), np.stack(end)
    movement = lid_opening(own_frame(known, still)) - lid_opening(own_frame(still, still))
    seen = [own_frame(_apply(correction, np.stack(each)), still) for each in (after, before)]
    answer = lid_opening(seen[0]) - lid_opening(seen[1])
    most = float((movement**2).sum())
    return float((movement * answer).sum()) / most if most else 1.0
