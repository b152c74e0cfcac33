"""Distances between predicted and true landmarks that training minimises.

Each is a module of (preds, target), both (n, 68, 2) on [0, 1], returning a scalar. `over_known` applies one where some
landmarks have no label.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def over_known(loss: Callable[[Tensor, Tensor], Tensor], preds: Tensor, target: Tensor) -> Tensor:
    """Return a mean over the coordinates that have a label; those that are NaN in the target get no gradient.

    The loss sees a missing coordinate as found exactly, which adds 0 to its mean. The mean is then scaled up to the
    others, by exactly 1 if none is missing.

    Args:
        loss: A function of (preds, target) that returns a mean over all coordinates.
        preds: Predictions of any shape.
        target: The same shape.
    """
    missing = target.isnan()
    mean = loss(preds, torch.where(missing, preds.detach(), target))
    return mean * (target.numel() / (~missing).sum().clamp(min=1))


class MSELoss(nn.Module):
    """Mean squared error."""

    def forward(self, preds: Tensor, target: Tensor) -> Tensor:
        """Return the mean over all coordinates."""
        return F.mse_loss(preds, target)


class L1Loss(nn.Module):
    """Mean absolute error."""

    def forward(self, preds: Tensor, target: Tensor) -> Tensor:
        """Return the mean over all coordinates."""
        return F.l1_loss(preds, target)


class SmoothL1Loss(nn.Module):
    """Quadratic below ``beta`` and absolute beyond, so that label noise of that size is not fitted.

    Args:
        beta: Border between the two, on [0, 1] coordinates.
    """

    def __init__(self, beta: float = 0.02) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, preds: Tensor, target: Tensor) -> Tensor:
        """Return the mean over all coordinates."""
        return F.smooth_l1_loss(preds, target, beta=self.beta)


class WingLoss(nn.Module):
    """Logarithmic near zero, so that small and medium errors weigh more than in an absolute error.

    Feng et al., "Wing Loss for Robust Facial Landmark Localisation", CVPR 2018, equation 5.

    Args:
        width: Half-width of the logarithmic part, on [0, 1] coordinates.
        curvature: How sharply the loss bends at zero, on [0, 1] coordinates.
    """

    def __init__(self, width: float = 0.04, curvature: float = 0.008) -> None:
        super().__init__()
        self.width, self.curvature = width, curvature
        self.offset = width - width * math.log1p(width / curvature)

    def forward(self, preds: Tensor, target: Tensor) -> Tensor:
        """Return the mean over all coordinates."""
        distance = (preds - target).abs()
        near = self.width * torch.log1p(distance / self.curvature)
        return torch.where(distance < self.width, near, distance - self.offset).mean()
