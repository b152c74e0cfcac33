"""Is one model better than another, or is it luck? Both answer the same frames, so the frames' own difficulty cancels.

The draws are whole videos (`faceline.metrics.bootstrap`), the same for both models.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer

from faceline.metrics.bootstrap import identification_draws, mean_draws, middle

RESAMPLES = 2000


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


def paired_error(
    a: Float[np.ndarray, " n"],
    b: Float[np.ndarray, " n"],
    videos: np.ndarray,
    n_resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Paired:
    """The difference of two mean errors; the lower is the better.

    Args:
        a: Error of A on each frame.
        b: Error of B on the same frames.
        videos: Name of the video of each frame.
        n_resamples: Number of draws.
        level: Share of the draws inside the interval.
        seed: Equal seeds give equal draws.

    Raises:
        ValueError: No frames, arrays that differ in length, or an error that is not finite.
    """
    if a.shape != b.shape or not np.isfinite([a, b]).all():
        raise ValueError(f"expected finite errors of the same frames, got {a.shape} and {b.shape}")
    difference = np.asarray(a - b, dtype=np.float64)
    draws = mean_draws(difference, videos, n_resamples, seed)
    return _paired(draws, float(difference.mean()), -1, videos, level)


def paired_identification(
    a: Integer[np.ndarray, " n"],
    b: Integer[np.ndarray, " n"],
    target: Integer[np.ndarray, " n"],
    videos: np.ndarray,
    n_resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Paired]:
    """The differences of ``f1_weighted``, ``f1_macro`` and ``rank1`` of mated probes; the higher is the better.

    Args:
        a: Column that A predicts for each probe.
        b: Column that B predicts for the same probes.
        target: Column of the true person.
        videos: Name of the video of each probe.
        n_resamples: Number of draws.
        level: Share of the draws inside the interval.
        seed: Equal seeds give equal draws.

    Raises:
        ValueError: No probes, or arrays that differ in length.
    """
    of_a, of_b = (identification_draws(preds, target, videos, n_resamples, seed) for preds in (a, b))
    return {
        name: _paired((of_a[name] - of_b[name])[1:], float(of_a[name][0] - of_b[name][0]), 1, videos, level)
        for name in of_a
    }


def _paired(
    draws: Float[np.ndarray, " resamples"], difference: float, better: int, videos: np.ndarray, level: float
) -> Paired:
    """Count in how many draws A is the better; ``better`` is the sign of such a difference.

    Draws that are equal count half. A few videos that all agree prove little: if both models were as good, n videos
    would agree by chance once in 2^n, so no probability goes beyond 1 - 2^-n; nor beyond what the draws can resolve.
    """
    unbiased = draws - (draws.mean() - difference)
    signs = np.sign(better * np.where(np.isclose(unbiased, 0, atol=1e-12), 0, unbiased))
    n_videos = len(np.unique(videos))
    finest = max(0.5**n_videos, 1 / (len(draws) + 1))
    probability = float(np.clip((signs > 0).mean() + (signs == 0).mean() / 2, finest, 1 - finest))
    return Paired(difference, *middle(draws, difference, level), probability, n_videos)
