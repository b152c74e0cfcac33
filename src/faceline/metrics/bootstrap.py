"""Confidence intervals of a figure, by resampling whole videos.

The frames of a video are near copies. Resampling frames would count each as new evidence and give intervals that are
far too narrow; resampling videos shows what another set of recordings would have given.
"""

import numpy as np
from jaxtyping import Float, Integer
from scipy.sparse import csr_array

Interval = tuple[float, float]
Weights = Float[np.ndarray, "resamples videos"]
"""How often each resample drew each video."""


def video_weights(n_videos: int, n_resamples: int = 1000, seed: int = 0) -> Weights:
    """Draw as many videos as there are, with replacement, for each resample.

    Raises:
        ValueError: There are no videos or no resamples.
    """
    if n_videos < 1 or n_resamples < 1:
        raise ValueError(f"expected videos and resamples, got {n_videos} and {n_resamples}")
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_videos, np.full(n_videos, 1 / n_videos), size=n_resamples).astype(np.float64)


def interval(values: Float[np.ndarray, " resamples"], figure: float, level: float = 0.95) -> Interval:
    """Return the middle share of the resampled values of a figure, corrected for their bias.

    The F1 of a resample is too high: a person drawn twice has twice the hits, but no more strangers taken for them, and
    counts twice. So the values are shifted until their mean is the figure itself. Source: Efron and Tibshirani, "An
    Introduction to the Bootstrap", 1993, chapters 10 and 13.

    Args:
        values: The figure in each resample.
        figure: The figure of all videos, each counted once.
        level: Share of the values inside the interval.
    """
    low, high = middle(values, figure, level)
    return max(low, 0.0), min(high, 1.0)


def middle(values: Float[np.ndarray, " resamples"], figure: float, level: float = 0.95) -> Interval:
    """Return the interval as ``interval`` does, for a figure that may be below 0 or above 1."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2]) - (values.mean() - figure)
    return float(low), float(high)


def mean_interval(
    values: Float[np.ndarray, " n"], videos: np.ndarray, n_resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Return the interval of the mean over frames, which stays between the smallest and the largest value.

    Args:
        values: An error or a rate of each frame.
        videos: Name of the video of each frame.
        n_resamples: Number of draws.
        level: Share of the draws inside the interval.
        seed: Equal seeds give equal draws.

    Raises:
        ValueError: There are no frames, or the arrays differ in length.
    """
    low, high = middle(mean_draws(values, videos, n_resamples, seed), float(values.mean()), level)
    return max(low, float(values.min())), min(high, float(values.max()))


def mean_draws(
    values: Float[np.ndarray, " n"], videos: np.ndarray, n_resamples: int = 1000, seed: int = 0
) -> Float[np.ndarray, " resamples"]:
    """Return the mean over frames in each resample; arguments and errors are those of ``mean_interval``."""
    _check(values, videos)
    names, video = np.unique(videos, return_inverse=True)
    weights = video_weights(len(names), n_resamples, seed)
    totals = np.stack([np.bincount(video, weights=values), np.bincount(video)], axis=1)  # (videos, 2)
    total, count = (weights @ totals).T
    return np.asarray(total / count)


def identification_intervals(
    preds: Integer[np.ndarray, " n"],
    target: Integer[np.ndarray, " n"],
    videos: np.ndarray,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Interval]:
    """Return intervals of ``f1_weighted``, ``f1_macro`` and ``rank1`` of mated probes.

    A resample without any video of a person leaves that person out of its F1.

    Args:
        preds: Predicted column of each probe.
        target: Column of the true person.
        videos: Name of the video of each probe.
        n_resamples: Number of draws.
        level: Share of the draws inside the interval.
        seed: Equal seeds give equal draws.

    Raises:
        ValueError: There are no probes, or the arrays differ in length.
    """
    draws = identification_draws(preds, target, videos, n_resamples, seed)
    return {name: interval(drawn[1:], float(drawn[0]), level) for name, drawn in draws.items()}


def identification_draws(
    preds: Integer[np.ndarray, " n"],
    target: Integer[np.ndarray, " n"],
    videos: np.ndarray,
    n_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Float[np.ndarray, " draws"]]:
    """Return the figures of ``identification_intervals``: of all videos counted once, then of each resample."""
    _check(preds, videos)
    _check(target, videos)
    names, video = np.unique(videos, return_inverse=True)
    # the first row is every video once: the figures themselves
    weights = np.vstack([np.ones(len(names)), video_weights(len(names), n_resamples, seed)])
    size = (len(names), int(max(preds.max(), target.max())) + 1)
    right = preds == target

    def counted(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Count (1 + resamples, people) how often each column occurs among some probes."""
        counts = csr_array((np.ones(rows.sum()), (video[rows], columns[rows])), shape=size)
        return np.asarray(weights @ counts)

    everyone = np.ones(len(target), dtype=bool)
    hits, support, guesses = counted(target, right), counted(target, everyone), counted(preds, everyone)
    scores = 2 * hits / np.maximum(support + guesses, 1)
    present = support > 0
    return {
        "f1_weighted": (scores * support).sum(axis=1) / support.sum(axis=1),
        "f1_macro": (scores * present).sum(axis=1) / present.sum(axis=1),
        "rank1": hits.sum(axis=1) / support.sum(axis=1),
    }


def _check(values: np.ndarray, videos: np.ndarray) -> None:
    if len(values) != len(videos) or not len(values):
        raise ValueError(f"expected a value and a video for each of n > 0 frames, got {len(values)} and {len(videos)}")
