"""Figures of how well people are identified, each defined once.

``scores`` is (n probes, m enrolled people), higher for more alike; ``target`` is the column of the true person, -1
(`STRANGER`) for somebody who is not enrolled. A probe of an enrolled person is called mated.
"""

from typing import Final, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer
from sklearn.metrics import f1_score

Scores = Float[np.ndarray, "n people"]
Target = Integer[np.ndarray, " n"]

STRANGER: Final = -1
FPIRS: Final = {"1pct": 0.01, "0.1pct": 0.001}
"""Rates of false alarms at which a system is judged, by the suffix of their metrics' names."""

_CHUNK: Final = 4096  # probes that are compared at once, so that no second array of the size of the scores is made


class IdentificationScores(NamedTuple):
    """The result of one evaluation.

    Attributes:
        scalars: ``f1_weighted``, ``f1_macro``, ``accuracy``, ``rank1`` and ``rank5`` of the mated probes. With
            thresholds also ``fnir_at_fpir_…``, and the measured rates of false alarms ``fpir_at_…``.
        frames: (n,) values of each probe: ``predicted``, the column with the best score; ``score``, that score;
            ``rank`` of the true person from 1, 0 for a stranger.
    """

    scalars: dict[str, float]
    frames: dict[str, np.ndarray]


def f1(preds: Target, target: Target, average: Literal["weighted", "macro"]) -> float:
    """Return F1 over the people in the target; a wrong prediction counts against the true person only.

    F1 is the mean over people of 2 tp / (2 tp + fp + fn). ``weighted`` weighs people by their number of probes, as the
    reference study does; ``macro`` weighs all people the same.

    Raises:
        ValueError: There are no probes, or the arrays differ in length.
    """
    _check_paired(preds, target)
    return float(f1_score(target, preds, labels=np.unique(target), average=average, zero_division=0))


def accuracy(preds: Target, target: Target) -> float:
    """Return the share of the probes whose prediction is right.

    Raises:
        ValueError: There are no probes, or the arrays differ in length.
    """
    _check_paired(preds, target)
    return float((preds == target).mean())


def ranks(scores: Scores, target: Target) -> Target:
    """Return (n,) ranks of the true person among all people, from 1; 0 for a stranger.

    Equal scores count against the system: the true person comes last among people with the same score.

    Raises:
        ValueError: There are no probes, a score is NaN, or a target is no column.
    """
    _check_scores(scores, target)
    rank = np.zeros(len(scores), dtype=np.int64)
    for rows in _chunks(len(scores)):
        true = np.take_along_axis(scores[rows], target[rows, None].clip(min=0), axis=1)
        rank[rows] = (scores[rows] >= true).sum(axis=1)
    return np.where(target == STRANGER, 0, rank)


def rank_k(rank: Target, k: int) -> float:
    """Return the share of the mated probes whose true person is among the first k.

    Args:
        rank: Ranks from ``ranks``.
        k: Number of first places, at least 1.

    Raises:
        ValueError: There are no mated probes.
    """
    mated = rank[rank > 0]
    if not len(mated):
        raise ValueError("expected at least one probe of an enrolled person, got none")
    return float((mated <= k).mean())


def reaches(best: Float[np.ndarray, " n"], threshold: float) -> Bool[np.ndarray, " n"]:
    """Return (n,) whether each probe is named: its best score is at least the threshold.

    Scores are compared in float64. In float32 a threshold just above a score would be rounded to that score.
    """
    return best.astype(np.float64) >= threshold


def fpir(best: Float[np.ndarray, " strangers"], threshold: float) -> float:
    """Return the false positive identification rate: share of the strangers whose best score reaches the threshold.

    Source: ISO/IEC 19795-1:2021; Grother et al., NIST FRVT part 2, "Identification".

    Raises:
        ValueError: There are no strangers.
    """
    if not len(best):
        raise ValueError("expected at least one probe of a stranger, got none")
    return float(reaches(best, threshold).mean())


def fnir(best: Float[np.ndarray, " mated"], rank: Integer[np.ndarray, " mated"], threshold: float) -> float:
    """Return the false negative identification rate: share of the mated probes that are not named correctly.

    Source: as for ``fpir``, with one candidate returned.

    Args:
        best: Best score of each mated probe.
        rank: Rank of the true person.
        threshold: Lowest score at which somebody is named.

    Raises:
        ValueError: There are no mated probes.
    """
    if not len(best):
        raise ValueError("expected at least one probe of an enrolled person, got none")
    return float(((rank != 1) | ~reaches(best, threshold)).mean())


def threshold_at_fpir(best: Float[np.ndarray, " strangers"], rate: float) -> float:
    """Return the lowest threshold at which at most this share of the strangers is named.

    With fewer than 1 / rate strangers it lies just above their best score, because no finer rate can be measured.

    Args:
        best: Best score of each stranger, from validation data.
        rate: Wanted FPIR, between 0 and 1.

    Raises:
        ValueError: There are no strangers, or the rate is not between 0 and 1.
    """
    if not len(best) or not 0 < rate < 1:
        raise ValueError(f"expected strangers and a rate between 0 and 1, got {len(best)} and {rate}")
    falling = np.sort(best.astype(np.float64))[::-1]
    return float(np.nextafter(falling[int(rate * len(best) + 1e-9)], np.inf))


def det_curve(scores: Scores, target: Target) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the detection error trade-off: the error rates at every threshold.

    Returns:
        Rising thresholds, and FPIR and FNIR at each. The last threshold is above every score.

    Raises:
        ValueError: There are no strangers or no mated probes.
    """
    return det_of(scores.max(axis=1), ranks(scores, target))


def det_of(best: Float[np.ndarray, " n"], rank: Target) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the curve of ``det_curve`` from each probe's best score and its person's rank, 0 for a stranger."""
    best = best.astype(np.float64)
    strangers, mated = np.sort(best[rank == 0]), best[rank > 0]
    if not len(strangers) or not len(mated):
        raise ValueError(f"expected strangers and mated probes, got {len(strangers)} and {len(mated)}")
    found = np.sort(best[rank == 1])
    thresholds = np.append(np.unique(best), np.inf)
    alarms = 1 - np.searchsorted(strangers, thresholds) / len(strangers)
    misses = 1 - (len(found) - np.searchsorted(found, thresholds)) / len(mated)
    return thresholds, alarms, misses


def thresholds_for(scores: Scores, target: Target) -> dict[str, float]:
    """Return the threshold for each rate in ``FPIRS``, from validation data.

    Raises:
        ValueError: There are no strangers.
    """
    _check_scores(scores, target)
    best = scores[target == STRANGER].max(axis=1, initial=-np.inf)
    return {name: threshold_at_fpir(best, rate) for name, rate in FPIRS.items()}


def threshold_at(name: str) -> str:
    """Return the name of the metric that holds the threshold for a rate of ``FPIRS``."""
    return f"threshold_at_fpir_{name}"


def evaluate(scores: Scores, target: Target, thresholds: dict[str, float] | None = None) -> IdentificationScores:
    """Compute every figure.

    Args:
        scores: Scores of the probes.
        target: Column of the true person, -1 for a stranger.
        thresholds: Thresholds that ``thresholds_for`` found on other data; they add the figures of the open set.

    Raises:
        ValueError: The scores are invalid, no probe is mated, or there are thresholds but no strangers.
    """
    rank, best = ranks(scores, target), scores.max(axis=1)
    preds, mated = scores.argmax(axis=1), target != STRANGER
    scalars = {"rank1": rank_k(rank, 1), "rank5": rank_k(rank, 5)}
    for average in ("weighted", "macro"):
        scalars[f"f1_{average}"] = f1(preds[mated], target[mated], average)
    scalars["accuracy"] = accuracy(preds[mated], target[mated])
    for name, threshold in (thresholds or {}).items():
        scalars[f"fnir_at_fpir_{name}"] = fnir(best[mated], rank[mated], threshold)
        scalars[f"fpir_at_{name}"] = fpir(best[~mated], threshold)
        scalars[threshold_at(name)] = threshold
    return IdentificationScores(scalars, {"predicted": preds, "score": best, "rank": rank})


def scalar_names(open_set: bool) -> frozenset[str]:
    """Return the names of all scalars of `evaluate`.

    Args:
        open_set: Whether to include those for strangers.
    """
    scores, target = np.eye(2), np.array([0, STRANGER])
    return frozenset(evaluate(scores, target, thresholds_for(scores, target) if open_set else None).scalars)


def _chunks(n: int) -> list[slice]:
    return [slice(start, start + _CHUNK) for start in range(0, n, _CHUNK)]


def _check_paired(preds: Target, target: Target) -> None:
    if len(preds) != len(target) or not len(target):
        raise ValueError(f"expected as many preds as targets, at least one, got {len(preds)} and {len(target)}")


def _check_scores(scores: Scores, target: Target) -> None:
    if scores.ndim != 2 or 0 in scores.shape or len(scores) != len(target):
        raise ValueError(f"expected scores (n > 0, people > 0) and n targets, got {scores.shape} and {target.shape}")
    for rows in _chunks(len(scores)):
        if np.isnan(scores[rows]).any():
            raise ValueError(f"expected scores, got NaN in or after probe {rows.start}")
    if target.min() < STRANGER or target.max() >= scores.shape[1]:
        raise ValueError(f"expected targets from -1 to {scores.shape[1] - 1}, got {target.min()} to {target.max()}")
