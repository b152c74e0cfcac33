"""Measures how far a detector's confidence can be trusted, on whole frames and on random parts of them.

A part, cut out anywhere, shows a face, some of one, or none; its true landmarks are known all the same. A confidence is
the probability that the NME of a frame is at most `RELIABLE`.
"""

from typing import Final, NamedTuple

import cv2
import numpy as np
import torch

from faceline.data.datamodule import LandmarkData, LandmarkFrames
from faceline.inference.runtime import LandmarkRuntime
from faceline.metrics import landmark as metrics
from faceline.metrics.reliability import calibration_error, error_of_surest, separation
from faceline.models.calibration import Calibration, calibrate
from faceline.models.landmark_detector import LandmarkDetector
from faceline.tasks.task import Part
from faceline.types import Images, Landmarks, PerFrame, Sizes

RELIABLE: Final = 0.10
"""NME above which landmarks are useless: the usual limit of a failure."""

SUREST: Final = 0.8
"""Share of the most confident frames whose error is reported."""

_SMALLEST: Final = 0.15  # edge of a part over that of the frame
_BATCH: Final = 64


class WholeAndParts(NamedTuple):
    """Whole frames, followed by as many parts.

    Attributes:
        images: (2n, size, size, 3) images.
        target: (2n, 68, 2) landmarks on [0, 1] of each; for a part they may lie far outside.
        sizes: (2n, 2) sizes of the frames in pixels.
    """

    images: Images
    target: Landmarks
    sizes: Sizes


class Trust(NamedTuple):
    """Confidences and errors in a trial.

    Attributes:
        confidence: (2n,) confidences of whole frames, then of parts.
        nme: (2n,) NME of each.
    """

    confidence: PerFrame
    nme: PerFrame

    @property
    def reliable(self) -> np.ndarray:
        """Whether the landmarks of each are useful."""
        return self.nme <= RELIABLE

    @property
    def whole(self) -> "Trust":
        """Return the trial of whole frames only."""
        n = len(self.nme) // 2
        return Trust(self.confidence[:n], self.nme[:n])

    def scalars(self) -> dict[str, float]:
        """Return the scalars that describe the confidence."""
        return {
            "nme_surest_80": error_of_surest(self.whole.nme, self.whole.confidence, SUREST),
            "confidence_auc": separation(self.confidence, self.reliable),
            "confidence_error": calibration_error(self.confidence, self.reliable),
        }


def make_trial(frames: LandmarkFrames) -> WholeAndParts:
    """Return the frames and a random part of each, always the same."""
    rng = np.random.default_rng(0)
    images = np.asarray(frames.store.images[frames.rows])
    index = frames.store.index.take(frames.rows)
    n, edge = images.shape[:2]
    sides = np.maximum(1, np.round(edge * rng.uniform(_SMALLEST, 1, n))).astype(int)
    corners = np.floor(rng.uniform(0, 1, (n, 2)) * (edge - sides + 1)[:, None]).astype(int)  # x, y
    parts = np.stack(
        [
            cv2.resize(image[y : y + side, x : x + side], (edge, edge), interpolation=cv2.INTER_LINEAR)
            for image, side, (x, y) in zip(images, sides, corners, strict=True)
        ]
    )
    whole = index.normalised()
    inside = (whole * edge - corners[:, None]) / sides[:, None, None]
    return WholeAndParts(
        np.concatenate([images, parts]),
        np.concatenate([whole, inside.astype(whole.dtype)]),
        np.concatenate([index.sizes, index.sizes]),
    )


def calibration_of(model: LandmarkDetector, data: LandmarkData) -> Calibration | None:
    """Map a detector's uncertainty to its confidence on the validation set; None if it or the set gives none."""
    if model.coarse_stage is None or not len(data.split.val):
        return None
    trial = make_trial(data.frames("val"))
    landmarks, uncertainty = _found(model, data, trial)
    reliable = _nme(landmarks, trial) <= RELIABLE
    return None if reliable.all() or not reliable.any() else calibrate(uncertainty, reliable)


def trust_in(model: LandmarkDetector | LandmarkRuntime, data: LandmarkData, part: Part) -> Trust | None:
    """Measure the confidence of a detector on a set; None if it has none, or if all frames are alike.

    The validation set calibrates it, so there it looks better than it is.
    """
    if isinstance(model, LandmarkRuntime):
        if "confidence" not in model.manifest.outputs:
            return None
        trial = make_trial(data.frames(part))
        landmarks, confidence = model.predict(trial.images, trial.sizes)
        assert confidence is not None
    else:
        calibration = calibration_of(model, data)
        if calibration is None:
            return None
        trial = make_trial(data.frames(part))
        landmarks, uncertainty = _found(model, data, trial)
        confidence = calibration.confidence(torch.from_numpy(uncertainty)).numpy()
    trust = Trust(confidence, _nme(landmarks, trial))
    return None if trust.reliable.all() or not trust.reliable.any() else trust


def _nme(landmarks: Landmarks, trial: WholeAndParts) -> PerFrame:
    return metrics.evaluate(landmarks, trial.target, trial.sizes).frames["nme"]


def _found(model: LandmarkDetector, data: LandmarkData, trial: WholeAndParts) -> tuple[Landmarks, np.ndarray]:
    """Return landmarks and uncertainty of frames at the size of the network."""
    pipeline, nowhere = data.pipelines["eval"], np.zeros((68, 2), dtype=np.float32)
    model.eval()
    landmarks, uncertainty = [], []
    with torch.inference_mode():
        for first in range(0, len(trial.images), _BATCH):
            some = slice(first, first + _BATCH)
            batch = torch.stack([pipeline(image, nowhere, 0)[0] for image in trial.images[some]])
            sizes = torch.from_numpy(trial.sizes[some].astype(np.float32))
            found = model.find(batch.to(model.device), sizes.to(model.device))
            assert found.uncertainty is not None
            landmarks.append(found.landmarks.float().cpu().numpy())
            uncertainty.append(found.uncertainty.float().cpu().numpy())
    return np.concatenate(landmarks), np.concatenate(uncertainty)
