"""The backbone of MediaPipe's Face Mesh, which has learnt from many more faces than a set of landmarks here has."""

from itertools import pairwise
from pathlib import Path
from typing import Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceline.models.landmark_nets import SmallCNN
from faceline.models.quick_depthwise import quicken
from faceline.models.weights import load_weights

_STAGES: Final = (16, 32, 64, 128, 128)
"""Channels at strides 2, 4, 8, 16 and 32."""


class FaceMeshBackbone(nn.Module):
    """The layers of Face Mesh from the frame to its 128 maps of stride 32, under 120,000 weights.

    With its own weights (``scripts/face_mesh_weights.py`` takes them out of MediaPipe's package) it knows faces before
    it has seen one here, at about 100 pixels from brow to chin. It has no batch norms: they were folded in.

    Sources: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", CVPR workshop on
    computer vision for AR and VR, 2019; Bazarevsky et al., "BlazeFace", the same workshop, for the blocks.

    Args:
        width: Of a `SmallCNN` whose maps are put beside those of Face Mesh; none by default.
    """

    strides = (8, 16, 32)
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)  # it takes pixels on [0, 1]

    def __init__(self, width: int | None = None) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, _STAGES[0], 3, 2), nn.PReLU(_STAGES[0]))
        self.stages = nn.ModuleList([_stage(_STAGES[0])])
        for c_in, c_out in pairwise(_STAGES):
            self.stages.append(_stage(c_out, _Block(c_in, c_out, stride=2)))
        quicken(self)
        self.beside = None if width is None else SmallCNN(width)
        more = (0, 0, 0) if self.beside is None else self.beside.channels
        self.channels = tuple(own + other for own, other in zip(_STAGES[2:], more, strict=True))

    def load(self, file: Path) -> None:
        """Fill its own layers; those beside them are from scratch.

        Raises:
            InputError: The file is missing, damaged, or of another network.
        """
        load_weights(nn.ModuleDict({"stem": self.stem, "stages": self.stages}), "Face Mesh", file)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps at strides 8, 16 and 32 of images (n, 3, h, w)."""
        features, maps = self.stem(_padded(images)), []
        for stage in self.stages:
            features = stage(features)
            maps.append(features)
        if self.beside is None:
            return maps[2:]
        return [torch.cat(pair, dim=1) for pair in zip(maps[2:], self.beside(images), strict=True)]


class _Block(nn.Module):
    """A depthwise and a pointwise convolution, added to what came in."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1) -> None:
        super().__init__()
        self.stride, self.new = stride, c_out - c_in
        self.depthwise = nn.Conv2d(c_in, c_in, 3, stride, padding=stride % 2, groups=c_in)
        self.pointwise = nn.Conv2d(c_in, c_out, 1)
        self.bend = nn.PReLU(c_out)

    def forward(self, features: Tensor) -> Tensor:
        if self.stride == 1:
            added, kept = self.depthwise(features), features
        else:
            added, kept = self.depthwise(_padded(features)), F.max_pool2d(features, 2, ceil_mode=True)
        return cast(Tensor, self.bend(self.pointwise(added) + F.pad(kept, (0, 0, 0, 0, 0, self.new))))


def _stage(channels: int, *before: _Block) -> nn.Sequential:
    return nn.Sequential(*before, _Block(channels, channels), _Block(channels, channels))


def _padded(maps: Tensor) -> Tensor:
    """With the zeros that Face Mesh has at the edges before it steps by two: one right and below, or one all around."""
    h, w = maps.shape[-2:]
    return F.pad(maps, (w % 2, 1, h % 2, 1))
