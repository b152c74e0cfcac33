"""Figures of how far a confidence can be trusted: errors after rejection, and calibration."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from sklearn.metrics import roc_auc_score

from faceline.types import PerFrame

BINS: Final = 10


def errors_kept(errors: PerFrame, confidence: PerFrame) -> Float[np.ndarray, " n"]:
    """Return the rejection curve: the mean error of the k most confident frames, for k from n down to 1.

    Args:
        errors: Error of each frame.
        confidence: Confidence of each frame; between equal ones the first stays longer.

    Raises:
        ValueError: There are no frames, or the arrays differ in length.
    """
    _check(errors, confidence)
    surest = errors[np.argsort(-confidence, kind="stable")].astype(np.float64)
    return (np.cumsum(surest) / np.arange(1, len(surest) + 1))[::-1]


def error_of_surest(errors: PerFrame, confidence: PerFrame, share: float) -> float:
    """Return the mean error of the most confident share of the frames, at least of one frame."""
    kept = errors_kept(errors, confidence)[::-1]
    return float(kept[max(1, round(share * len(kept))) - 1])


def separation(confidence: PerFrame, reliable: Bool[np.ndarray, " n"]) -> float:
    """Return the area under the ROC: the chance that a reliable frame has a higher confidence than another one.

    Raises:
        ValueError: All frames are reliable, or none.
    """
    return float(roc_auc_score(reliable, confidence))


def calibration_bins(confidence: PerFrame, reliable: Bool[np.ndarray, " n"]) -> list[tuple[float, float, int]]:
    """Return mean confidence, reliable share and number of frames for each tenth of the confidence that has frames."""
    _check(confidence, reliable)
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        (float(confidence[place == i].mean()), float(reliable[place == i].mean()), int((place == i).sum()))
        for i in np.unique(place)
    ]


def calibration_error(confidence: PerFrame, reliable: Bool[np.ndarray, " n"]) -> float:
    """Return the mean gap between confidence and reliability; Naeini et al., "Calibrated Probabilities", AAAI 2015."""
    return sum(n * abs(told - was) for told, was, n in calibration_bins(confidence, reliable)) / len(confidence)


def _check(one: np.ndarray, other: np.ndarray) -> None:
    if not len(one) or one.shape != other.shape:
        raise ValueError(f"expected as many frames of both, got {one.shape} and {other.shape}")
