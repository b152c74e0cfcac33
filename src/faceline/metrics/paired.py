"""Tells whether one model is better than another or just lucky. Both see the same frames, so their difficulty cancels.

Whole videos are resampled (`faceline.metrics.bootstrap`), the same ones for every model.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from faceline.metrics.bootstrap import Interval, identification_draws, mean_draws, middle


class Paired(NamedTuple):
    """Model A compared with model B on the same frames.

    Attributes:
        difference: Figure of A minus figure of B.
        low: Lower end of the 95 % interval of the difference.
        high: Upper end of that interval.
        probability: Probability that A is better than B on other recordings of this kind.
        videos: Number of videos that were drawn from.
    """

    difference: float
    low: float
    high: float
    probability: float
    videos: int


@dataclass(frozen=True, eq=False)
class Resampled:
    """The figure of one model and its value in each resample of the videos.

    Attributes:
        figure: The figure of all videos, each counted once.
        draws: The figure in each resample.
        lowest: Whether the lowest figure is the best.
        videos: Number of videos that were drawn from.
    """

    figure: float
    draws: Float[np.ndarray, " resamples"]
    lowest: bool
    videos: int

    def interval(self, level: float = 0.95) -> Interval:
        """Return the interval of the figure, which is never below 0."""
        low, high = middle(self.draws, self.figure, level)
        return max(low, 0.0), high if self.lowest else min(high, 1.0)

    def against(self, other: "Resampled", level: float = 0.95) -> Paired:
        """Compare this model with another one that was resampled with the same videos.

        Equal draws count half. A few videos that all agree prove little: if both models were equally good, n videos
        would agree by chance once in 2^n. So no probability exceeds 1 - 2^-n, nor what the number of draws can resolve.

        Raises:
            ValueError: The other model was resampled differently.
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
    """Resample the mean error of a model; the lowest is the best.

    Args:
        errors: Error of each frame.
        videos: Name of the video of each frame.
        n_resamples: Number of draws.
        seed: Equal seeds give equal draws.

    Raises:
        ValueError: There are no frames, the arrays differ in length, or an error is not finite.
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
    """Resample ``f1_weighted``, ``f1_macro`` and ``rank1`` of mated probes; the highest is the best.

    Args:
        preds: Predicted column of each probe.
        target: Column of the true person.
        videos: Name of the video of each probe.
        n_resamples: Number of draws.
        seed: Equal seeds give equal draws.

    Raises:
        ValueError: There are no probes, or the arrays differ in length.
    """
    n_videos = len(np.unique(videos))
    return {
        name: Resampled(float(draws[0]), draws[1:], lowest=False, videos=n_videos)
        for name, draws in identification_draws(preds, target, videos, n_resamples, seed).items()
    }
