"""Turns the uncertainty of a detector into the probability that its landmarks are reliable."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from sklearn.linear_model import LogisticRegression
from torch import Tensor

_LEAST = 1e-6  # logarithms are taken


class Calibration(NamedTuple):
    """A logistic regression on the logarithms of the uncertainty.

    Attributes:
        offset: Log odds if all logarithms are 0.
        weights: Log odds that each logarithm adds.
    """

    offset: float
    weights: tuple[float, ...]

    def confidence(self, uncertainty: Tensor) -> Tensor:
        """Return (n,) probabilities on [0, 1] that landmarks with this uncertainty (n, d) are reliable."""
        odds: Tensor = uncertainty.clamp(min=_LEAST).log() @ uncertainty.new_tensor(self.weights) + self.offset
        return torch.sigmoid(odds)


def calibrate(uncertainty: Float[np.ndarray, "n d"], reliable: Bool[np.ndarray, " n"]) -> Calibration:
    """Fit the probability to observations; Platt, "Probabilistic Outputs for Support Vector Machines", 1999.

    Args:
        uncertainty: Uncertainty of frames that nothing was trained on.
        reliable: Whether the landmarks of each frame were accurate.

    Raises:
        ValueError: All frames are reliable, or none.
    """
    if reliable.all() or not reliable.any():
        raise ValueError(f"expected reliable landmarks and others, got {int(reliable.sum())} of {len(reliable)}")
    logs = np.log(np.maximum(uncertainty.astype(np.float64), _LEAST))
    middle, spread = logs.mean(axis=0), np.maximum(logs.std(axis=0), 1e-9)
    fitted = LogisticRegression(C=100.0).fit((logs - middle) / spread, reliable)
    weights = fitted.coef_[0] / spread
    return Calibration(float(fitted.intercept_[0] - weights @ middle), tuple(weights.tolist()))
