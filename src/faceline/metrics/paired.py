"""Is one model better than another, or is it luck? Both answer the same frames, so the frames' own difficulty cancels.

The draws are whole videos (`faceline.metrics.bootstrap`), the same for every model.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from faceline.metrics.bootstrap import Interval, identification_draws, mean_draws, middle


class Paired(NamedTuple):
    """A against B on the same frames.

    Attributes:
        difference: The figure of A less that of B.
        low: Lower end of the interval of 95 % of the difference.
        high: Upper end.
        probability: That A is the better of the two on other recordings of this kind.
        videos: How many were drawn from.
    """

    difference: float
    low: float
    high: float
    probability: float
    videos: int


@dataclass(frozen=True, eq=False)
class Resampled:
    """The figure of one model, and what it is in each resample of the videos.

    Attributes:
        figure: The figure of all videos, each once.
        draws: In each resample.
        lowest: Whether the lowest figure is the best.
        videos: How many were drawn from.
    """

    figure: float
    draws: Float[np.ndarray, " resamples"]
    lowest: bool
    videos: int

    def interval(self, level: float = 0.95) -> Interval:
        """Of the figure, which is never below 0."""
        low, high = middle(self.draws, self.figure, level)
        return max(low, 0.0), high if self.lowest else min(high, 1.0)

    def against(self, other: "Resampled", level: float = 0.95) -> Paired:
        """This model less another one, whose draws are of the same videos.

        Draws that are equal count half. A few videos that all agree prove little: if both models were as good, n
        videos would agree by chance once in 2^n, so no probability goes beyond 1 - 2^-n; nor beyond what the draws
        can resolve.

        Raises:
            ValueError: The other has other draws.
        """
        if len(self.draws) != len(other.draws) or self.videos != other.videos:
            raise ValueError(f"expected draws of the same videos, got {self.videos} and {other.videos} videos")
        difference, draws = self.figure - other.figure, self.draws - other.draws
        unbiased = draws - (draws.mean() - difference)
        signs = (-1 if self.lowest else 1) * np.sign(np.where(np.abs(unbiased) < 1e-12, 0, unbiased))
        finest = max(0.5**self.videos, 1 / (len(draws) + 1))
        probability = float(np.clip((signs > 0).mean() + (signs == 0).mean() / 2, finest, 1 - finest))
        return Paired(difference, *middle(draws, difference, level), probability, self.videos)


def resampled_error(
    errors: Float[np.ndarray, " n"], videos: np.ndarray, n_resamples: int = 1000, seed: int = 0
) -> Resampled:
    """The mean error of a model; the lowest is the best.

    Args:
        errors: The errors of each frame.
        videos: Name of the video of each frame.
        n_resamples: Number of draws.
        seed: Equal seeds give equal draws.

    Raises:
        ValueError: No frames, arrays that differ in length, or an error that is not finite.
    """
    if not np.isfinite(errors).all():
        raise ValueError("expected finite errors")
    values = errors.astype(np.float64)
    draws = mean_draws(values, videos, n_resamples, seed)
    return Resampled(float(values.mean()), draws, lowest=True, videos=len(np.unique(videos)))


def resampled_identification(
    preds: Integer[np.ndarray, " n"],
    target: Integer[np.ndarray, " n"],
    videos: np.ndarray,
    n_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Resampled]:
    """``f1_weighted``, ``f1_macro`` and ``rank1`` of mated probes; the highest is the best.

    Args:
        preds: Predicted column of each probe.
        target: Column of the true person.
        videos: Name of the video of each probe.
        n_resamples: Number of draws.
        seed: Equal seeds give equal draws.

    Raises:
        ValueError: No probes, or arrays that differ in length.
    """
    n_videos = len(np.unique(videos))
    return {
        name: Resampled(float(draws[0]), draws[1:], lowest=False, videos=n_videos)
        for name, draws in identification_draws(preds, target, videos, n_resamples, seed).items()
    }
