"""How far a confidence can be trusted: what is left where the unsure is left out, and whether it is as often right."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from sklearn.metrics import roc_auc_score

from faceline.types import PerFrame

BINS: Final = 10


def errors_kept(errors: PerFrame, confidence: PerFrame) -> Float[np.ndarray, " n"]:
    """The rejection curve: mean error of the k surest frames, for k from n down to 1.

    Args:
        errors: The errors of each frame.
        confidence: In each; where two are equal the one that comes first stays longer.

    Raises:
        ValueError: No frames, or arrays of different lengths.
    """
    _check(errors, confidence)
    surest = errors[np.argsort(-confidence, kind="stable")].astype(np.float64)
    return (np.cumsum(surest) / np.arange(1, len(surest) + 1))[::-1]


def error_of_surest(errors: PerFrame, confidence: PerFrame, share: float) -> float:
    """Mean error of the surest share of the frames, at least of one."""
    kept = errors_kept(errors, confidence)[::-1]
    return float(kept[max(1, round(share * len(kept))) - 1])


def separation(confidence: PerFrame, reliable: Bool[np.ndarray, " n"]) -> float:
    """The chance that a reliable frame has the higher confidence of a reliable and another one: the area under the ROC.

    Raises:
        ValueError: All frames are reliable, or none.
    """
    return float(roc_auc_score(reliable, confidence))


def calibration_bins(confidence: PerFrame, reliable: Bool[np.ndarray, " n"]) -> list[tuple[float, float, int]]:
    """Mean confidence, share that is reliable, and number of frames, of each tenth of confidence that has frames."""
    _check(confidence, reliable)
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        (float(confidence[place == i].mean()), float(reliable[place == i].mean()), int((place == i).sum()))
        for i in np.unique(place)
    ]


def calibration_error(confidence: PerFrame, reliable: Bool[np.ndarray, " n"]) -> float:
    """Mean difference between confidence and what came of it; Naeini et al., "Calibrated Probabilities", AAAI 2015."""
    return sum(n * abs(told - was) for told, was, n in calibration_bins(confidence, reliable)) / len(confidence)


def _check(one: np.ndarray, other: np.ndarray) -> None:
    if not len(one) or one.shape != other.shape:
        raise ValueError(f"expected as many frames of both, got {one.shape} and {other.shape}")
