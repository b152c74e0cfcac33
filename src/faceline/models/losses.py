"""Distances between predicted and true landmarks that training minimises.

Each is a module of (preds, target), both (n, 68, 2) on [0, 1], returning a scalar.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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
