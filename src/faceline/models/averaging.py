"""An average of the weights over the last steps, which predicts better than the weights of any one step."""

from torch import Tensor


class ExponentialAverage:
    """An exponential moving average that begins fast, so that the first, random weights are soon forgotten.

    After n updates the decay is the smaller of ``decay`` and (1 + n) / (10 + n), as in TensorFlow's
    ``ExponentialMovingAverage``. For Lightning's ``WeightAveraging(avg_fn=...)``.

    Args:
        decay: What is kept of the average at each step, in the long run.
    """

    def __init__(self, decay: float = 0.998) -> None:
        self.decay = decay

    def __call__(self, average: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
        """The next average of one tensor."""
        count = float(updates)
        decay = min(self.decay, (1 + count) / (10 + count))
        return average + (1 - decay) * (current - average)
