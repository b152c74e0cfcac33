"""Backbones: networks that turn a frame into feature maps, from which a head reads landmarks."""

import difflib
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import timm
from torch import Tensor, nn
from torch.nn import functional as F

from faceline.errors import InputError, first_line
from faceline.models.heads import (  # noqa: F401 (configs of earlier runs name them here)
    HeatmapHead,
    RegressionHead,
    SimCCHead,
    VotingHead,
)
from faceline.models.quick_depthwise import quicken
from faceline.models.weights import load_weights, no_waiting_for_the_hub

FINEST_STRIDE = 8
"""Feature maps finer than this cost more than they gain."""


class SmallCNN(nn.Module):
    """The project's own backbone: 3x3 convolutions with residual blocks, under 2 million weights, trained from scratch.

    Args:
        width: Channels of the coarsest map; the finer ones have a half and a quarter of them.
    """

    strides = (8, 16, 32)

    def __init__(self, width: int = 192) -> None:
        super().__init__()
        self.channels = (width // 2, width * 3 // 4, width)
        self.stem = nn.Sequential(_down(3, width // 8), _down(width // 8, width // 4))  # stride 4
        inputs = (width // 4, *self.channels)
        self.stages = nn.ModuleList(
            nn.Sequential(_down(c_in, c_out), _Residual(c_out))
            for c_in, c_out in zip(inputs, self.channels, strict=False)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return feature maps at strides 8, 16 and 32 of images (n, 3, h, w)."""
        features, maps = self.stem(images), []
        for stage in self.stages:
            features = stage(features)
            maps.append(features)
        return maps


class TimmBackbone(nn.Module):
    """Any timm model that returns feature maps.

    Args:
        name: Name of the model in timm.
        pretrained: Whether to download timm's weights from its hub (needs a network).
        weights: Local .safetensors or .pth file with weights for this model instead; its classifier is ignored.
        strides: Strides of the maps to return; by default the last three that are not too fine.

    Raises:
        InputError: The name is unknown, the model has no feature maps, the weights do not fit, or the hub cannot be
            reached.
    """

    def __init__(
        self, name: str, pretrained: bool = False, weights: str | None = None, strides: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        if not timm.is_model(name):
            near = difflib.get_close_matches(name, timm.list_models(), n=3)
            raise InputError(
                f"timm has no model {name!r}; "
                + (f"did you mean {' or '.join(near)}?" if near else "see timm.list_models()"),
                column="model.backbone",
            )
        self.body = _feature_extractor(name, pretrained and not weights, strides)
        self.channels = tuple(self.body.feature_info.channels())
        self.strides = tuple(self.body.feature_info.reduction())
        if weights:
            load_weights(self.body, name, Path(weights))
        quicken(self.body)
        cfg = self.body.pretrained_cfg if pretrained and not weights else {}
        self.mean, self.std = cfg.get("mean"), cfg.get("std")

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return feature maps, fine to coarse, of normalised images (n, 3, h, w)."""
        return cast(list[Tensor], self.body(images))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        return F.relu(features + self.body(features))


def _down(c_in: int, c_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c_in, c_out, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(c_out), nn.ReLU())


def _feature_extractor(name: str, pretrained: bool, strides: Sequence[int] | None) -> Any:
    try:
        probe: Any = timm.create_model(name, features_only=True, pretrained=False)
        known = probe.feature_info.reduction()
        if strides is None:
            wanted = [i for i, stride in enumerate(known) if stride >= FINEST_STRIDE][-3:]
        elif set(strides) <= set(known):
            wanted = [i for i, stride in enumerate(known) if stride in strides]
        else:
            raise InputError(
                f"{name} has feature maps of strides {', '.join(map(str, known))}; choose among them",
                column="model.strides",
            )
        with no_waiting_for_the_hub() if pretrained else nullcontext():
            return timm.create_model(name, features_only=True, pretrained=pretrained, out_indices=wanted)
    except (OSError, ConnectionError) as error:
        raise InputError(
            f"the weights of {name} could not be fetched from the hub ({type(error).__name__}); give a local file with "
            f"model.weights=FILE, or train from scratch with model.pretrained=false",
            column="model.pretrained",
        ) from error
    except (RuntimeError, NotImplementedError, AttributeError) as error:
        raise InputError(
            f"{name} cannot be used: {first_line(error)}; try another backbone", column="model.backbone"
        ) from error
