"""Heads read p landmarks (n, p, 2) on [0, 1] from the feature maps of a backbone.

A distance loss trains them; heads that classify may add a cross entropy.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceline.geometry.markup import N_LANDMARKS


class _Pyramid(nn.Module):
    """Merges feature maps from coarse to fine; Lin et al., "Feature Pyramid Networks", CVPR 2017."""

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.merge = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )

    def merged(self, maps: Sequence[Tensor]) -> Tensor:
        """Merge the maps of a backbone, fine to coarse, into (n, width, h, w)."""
        merged: Tensor | None = None
        for lateral, features in zip(reversed(self.lateral), reversed(maps), strict=True):
            level = lateral(features)
            if merged is not None:
                level = level + F.interpolate(merged, size=level.shape[-2:], mode="nearest")
            merged = level
        return cast(Tensor, self.merge(merged))


class VotingHead(_Pyramid):
    """Every cell of a feature map votes for where each landmark is; an attention map weighs the votes.

    A vote is the centre of the cell plus an offset, so landmarks need not lie in the cell, nor in the frame. With one
    cell this is plain regression; with no offsets it is a soft-argmax over a heatmap. Idea: Xiong et al., "A2J:
    Anchor-to-Joint Regression Network", ICCV 2019.

    Args:
        channels: Channels of the feature maps, fine to coarse.
        width: Channels of the merged map.
        points: Number of landmarks.
    """

    def __init__(self, channels: Sequence[int], width: int = 128, points: int = N_LANDMARKS) -> None:
        super().__init__(channels, width)
        self.points = points
        self.votes = nn.Conv2d(width, points * 3, 1)
        nn.init.normal_(self.votes.weight, std=0.01)
        nn.init.zeros_(cast(Tensor, self.votes.bias))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return landmarks (n, p, 2) on [0, 1] of the frame, float32."""
        votes = _each(self.votes(self.merged(maps)), self.points)
        return _mean(votes[:, :, :1], _places(votes[:, :, 1:]))

    def weigh(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return the landmarks of `forward`, and the standard distance (n, p) of the weighted votes from them."""
        votes = _each(self.votes(self.merged(maps)), self.points)
        scores, places = votes[:, :, :1], _places(votes[:, :, 1:])
        landmarks = _mean(scores, places)
        squares = (places - landmarks[..., None]).square().sum(dim=2, keepdim=True)
        return landmarks, _mean(scores, squares)[..., 0].sqrt()


class HeatmapHead(_Pyramid):
    """Returns the centre of mass of each landmark's heatmap, which cannot lie outside of the frame.

    Source: Sun et al., "Integral Human Pose Regression", ECCV 2018.

    Args:
        channels: Channels of the feature maps, fine to coarse.
        width: Channels of the merged map.
        points: Number of landmarks.
    """

    def __init__(self, channels: Sequence[int], width: int = 128, points: int = N_LANDMARKS) -> None:
        super().__init__(channels, width)
        self.points = points
        self.heat = nn.Conv2d(width, points, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return landmarks (n, p, 2) on [0, 1] of the frame, float32."""
        heat = _each(self.heat(self.merged(maps)), self.points)
        return _mean(heat, _places(torch.zeros_like(heat).expand(-1, -1, 2, -1, -1)))


class SimCCHead(_Pyramid):
    """Classifies each coordinate by itself into bins that are finer than the cells of the map.

    Source: Li et al., "SimCC", ECCV 2022. Here the merged map is averaged over rows, or columns, so no layer depends on
        the size of the frame. The coordinate is the expectation over the bins.

    Args:
        channels: Channels of the feature maps, fine to coarse.
        width: Channels of the merged map.
        split: Number of bins for each cell.
        beyond: How far the bins reach beyond the frame on each side, as a share of its edge.
        points: Number of landmarks.
    """

    def __init__(
        self,
        channels: Sequence[int],
        width: int = 128,
        split: int = 4,
        beyond: float = 0.25,
        points: int = N_LANDMARKS,
    ) -> None:
        super().__init__(channels, width)
        self.points = points
        self.split, self.beyond = split, beyond
        self.columns, self.rows = (nn.Conv1d(width, points * split, 5, padding=2) for _ in range(2))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return landmarks (n, p, 2) on [0, 1] of the frame, float32."""
        return self.expected(self.classify(maps))

    def classify(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return float32 scores (n, p, bins) for x and for y; the size of the map gives the number of bins."""
        merged = self.merged(maps)
        return self._binned(self.columns(merged.mean(2))), self._binned(self.rows(merged.mean(3)))

    def expected(self, scores: tuple[Tensor, Tensor]) -> Tensor:
        """Return landmarks (n, p, 2) on [0, 1] for such scores."""
        return torch.stack([torch.sum(each.softmax(dim=2) * self._middles(each)[0], dim=2) for each in scores], 2)

    def cross_entropy(self, scores: tuple[Tensor, Tensor], target: Tensor) -> Tensor:
        """Return the cross entropy of the bins, averaged over all coordinates (n, p, 2) that are not NaN.

        The target is a normal distribution around the coordinate with the width of a bin as standard deviation.
        """
        missing = target.isnan()
        known = target.nan_to_num()
        entropy = torch.stack([self._cross_entropy(each, known[:, :, axis]) for axis, each in enumerate(scores)], dim=2)
        return entropy.masked_fill(missing, 0).mean() * (target.numel() / (~missing).sum().clamp(min=1))

    def _cross_entropy(self, scores: Tensor, target: Tensor) -> Tensor:
        """Return the cross entropy (n, p) of each coordinate of one axis."""
        middles, edge = self._middles(scores)
        near = -0.5 * ((middles - target[:, :, None]) / edge).square()
        return -torch.sum(near.softmax(dim=2) * scores.log_softmax(dim=2), dim=2)

    def _binned(self, scores: Tensor) -> Tensor:
        """Reshape scores (n, p * split, cells) to (n, p, bins)."""
        n, _, cells = scores.shape
        return scores.float().view(n, self.points, self.split, cells).transpose(2, 3).flatten(2)

    def _middles(self, scores: Tensor) -> tuple[Tensor, float]:
        """Return the middles of the bins of scores (n, p, bins) on [0, 1], and their width."""
        bins = scores.shape[2]
        middles = (torch.arange(bins, device=scores.device) + 0.5) / bins * (1 + 2 * self.beyond) - self.beyond
        return middles, (1 + 2 * self.beyond) / bins


class RegressionHead(nn.Module):
    """Reads all coordinates from the averaged coarsest map with one linear layer, as the reference study does.

    Args:
        channels: Channels of the feature maps, fine to coarse.
        points: Number of landmarks.
    """

    def __init__(self, channels: Sequence[int], points: int = N_LANDMARKS) -> None:
        super().__init__()
        self.points = points
        self.linear = nn.Linear(channels[-1], points * 2)
        nn.init.constant_(self.linear.bias, 0.5)  # the middle of the frame

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Return landmarks (n, p, 2) on [0, 1] of the frame, float32."""
        return cast(Tensor, self.linear(maps[-1].mean(dim=(2, 3))).float().view(-1, self.points, 2))


def _each(cells: Tensor, points: int) -> Tensor:
    """Reshape (n, p * k, h, w) to (n, p, k, h, w) in float32: coordinates need more digits than bfloat16 has."""
    n, c, h, w = cells.shape
    return cells.float().view(n, points, c // points, h, w)


def _places(offsets: Tensor) -> Tensor:
    """Return (n, p, 2, h * w) points on [0, 1]: the centre of each cell plus offsets (n, p, 2, h, w) in cells."""
    h, w = offsets.shape[-2:]
    step = offsets.new_tensor([1 / w, 1 / h])
    rows = torch.arange(h, device=offsets.device, dtype=offsets.dtype)
    columns = torch.arange(w, device=offsets.device, dtype=offsets.dtype)
    y, x = torch.meshgrid((rows + 0.5) / h, (columns + 0.5) / w, indexing="ij")
    return torch.stack([x.flatten(), y.flatten()]) + offsets.flatten(3) * step[:, None]


def _mean(scores: Tensor, values: Tensor) -> Tensor:
    """Return (n, p, k) means of values (n, p, k, h * w), weighted by a softmax of scores (n, p, 1, h, w)."""
    return torch.sum(scores.flatten(3).softmax(dim=-1) * values, dim=-1)
