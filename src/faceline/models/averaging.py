"""Averages the weights over the last steps, which predicts better than the weights of any one step."""

from collections.abc import Sequence

import torch
from torch import Tensor


class ExponentialAverage:
    """An exponential moving average that begins fast, so that the first, random weights are soon forgotten.

    After n updates the decay is the smaller of ``decay`` and (1 + n) / (10 + n), as in TensorFlow's
    ``ExponentialMovingAverage``. It fits Lightning's ``WeightAveraging(multi_avg_fn=...)``, which updates all tensors
    of a type at once and so saves a small network time. It also fits ``avg_fn=...``, which earlier runs used.

    Args:
        decay: Share of the average that each step keeps in the long run.
    """

    def __init__(self, decay: float = 0.998) -> None:
        self.decay = decay

    def __call__(
        self, averages: Sequence[Tensor] | Tensor, currents: Sequence[Tensor] | Tensor, updates: Tensor | int
    ) -> Tensor | None:
        """Update averages by one step, in place; counts are copied. For a single tensor, return the next average."""
        count = float(updates)
        weight = 1 - min(self.decay, (1 + count) / (10 + count))
        if isinstance(averages, Tensor):
            assert isinstance(currents, Tensor)
            return averages + weight * (currents - averages)
        if averages[0].is_floating_point():
            torch._foreach_lerp_(list(averages), list(currents), weight)
        else:
            torch._foreach_copy_(list(averages), list(currents))
        return None
