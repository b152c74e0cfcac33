"""Optimises all networks the same way: AdamW with a warm-up, then half a cosine."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch import nn


def adamw(groups: Sequence[dict[str, Any]], trainer: pl.Trainer, warmup: float) -> dict[str, Any]:
    """Return an optimizer and its schedule over all steps of a run, in Lightning's form.

    Args:
        groups: Groups of parameters with their ``lr`` and ``weight_decay``.
        trainer: The trainer, which knows the number of steps.
        warmup: Share of the steps in which the learning rate rises.
    """
    optimizer = torch.optim.AdamW(groups)
    schedule = WarmupCosine(int(trainer.estimated_stepping_batches), warmup)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def param_groups(
    parts: Iterable[tuple[nn.Module | None, float]], lr: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Group parameters so that biases and norms do not decay.

    Args:
        parts: Modules, each with a factor for its learning rate; None entries are skipped.
        lr: Learning rate of a factor of 1.
        weight_decay: Weight decay of kernels and matrices.
    """
    return [
        {"params": params, "lr": lr * factor, "weight_decay": decay}
        for module, factor in parts
        if module is not None
        for params, decay in zip(_by_decay(module), (weight_decay, 0.0), strict=True)
        if params
    ]


def _by_decay(module: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Split parameters into those that decay (kernels, matrices) and those that do not (biases, norms)."""
    params = [p for p in module.parameters() if p.requires_grad]
    return [p for p in params if p.ndim > 1], [p for p in params if p.ndim <= 1]


class WarmupCosine:
    """Factor of the learning rate at a step: a linear rise, then a cosine down to zero.

    Args:
        total: Number of steps of the run.
        warmup: Share of the steps with a rising rate.
    """

    def __init__(self, total: int, warmup: float) -> None:
        self.total, self.rise = max(total, 1), max(1, round(warmup * total))

    def __call__(self, step: int) -> float:
        """Return the factor, in [0, 1]."""
        if step < self.rise:
            return (step + 1) / (self.rise + 1)
        progress = (step - self.rise) / max(1, self.total - self.rise)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
