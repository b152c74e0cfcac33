"""Trains depthwise convolutions on a CPU in float32, because bfloat16 is many times slower for them.

oneDNN has no quick gradient of a depthwise convolution in bfloat16 with a stride or with kernels above 3 x 3
(`scripts/depthwise_speed.py` measures what a whole step gains).
"""

from typing import Any, cast

import torch
from torch import Tensor, nn


class Float32Conv2d(nn.Conv2d):
    """A convolution that leaves mixed precision on a CPU, and is a plain one elsewhere."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return maps of the same type as the input."""
        if maps.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(maps)
        with torch.autocast("cpu", enabled=False):
            return super().forward(maps.float()).to(maps.dtype)


def quicken(module: nn.Module) -> None:
    """Replace the depthwise convolutions that need it, at any depth, and keep their weights."""
    for name, child in module.named_children():
        if type(child) is nn.Conv2d and _slow_in_bfloat16(child):
            setattr(module, name, _in_float32(child))
        else:
            quicken(child)


def _slow_in_bfloat16(conv: nn.Conv2d) -> bool:
    return conv.groups == conv.in_channels > 1 and (max(conv.stride) > 1 or max(conv.kernel_size) > 3)


def _in_float32(conv: nn.Conv2d) -> Float32Conv2d:
    made = Float32Conv2d(
        conv.in_channels,
        conv.out_channels,
        cast(Any, conv.kernel_size),
        cast(Any, conv.stride),
        cast(Any, conv.padding),
        cast(Any, conv.dilation),
        conv.groups,
        conv.bias is not None,
        cast(Any, conv.padding_mode),
        device="meta",
    )
    made.weight, made.bias = conv.weight, conv.bias
    return made
