"""How well people are identified, each figure defined once.

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
"""Rates of false alarms at which a system is judged, by the ends of the names of their metrics."""

_CHUNK: Final = 4096  # probes that are compared at once, so that no second array of the size of the scores is made


class IdentificationScores(NamedTuple):
    """What one evaluation found.

    Attributes:
        scalars: ``f1_weighted``, ``f1_macro``, ``accuracy``, ``rank1`` and ``rank5`` of the mated probes; where
            thresholds are given also ``fnir_at_fpir_…`` and what the false alarms really are, ``fpir_at_…``.
        frames: (n,) of each probe: ``predicted``, the column with the best score; ``score``, that score; ``rank`` of
            the true person from 1, 0 for a stranger.
    """

    scalars: dict[str, float]
    frames: dict[str, np.ndarray]


def f1(preds: Target, target: Target, average: Literal["weighted", "macro"]) -> float:
    """F1 over the people who occur in the target; predicting anybody else is an error of the true person alone.

    The mean over people of 2 tp / (2 tp + fp + fn): ``weighted`` by their number of probes, which is the figure that
    the reference study reports, or ``macro``, each person the same.

    Raises:
        ValueError: No probes, or arrays that differ in length.
    """
    _check_paired(preds, target)
    return float(f1_score(target, preds, labels=np.unique(target), average=average, zero_division=0))


def accuracy(preds: Target, target: Target) -> float:
    """Share of the probes whose prediction is right.

    Raises:
        ValueError: As ``f1``.
    """
    _check_paired(preds, target)
    return float((preds == target).mean())


def ranks(scores: Scores, target: Target) -> Target:
    """(n,) the place of the true person among all, from 1; 0 for a stranger.

    Equal scores count against the system: of people that it cannot tell apart the true one comes last.

    Raises:
        ValueError: No probes, a score that is NaN, or a target that is no column.
    """
    _check_scores(scores, target)
    rank = np.zeros(len(scores), dtype=np.int64)
    for rows in _chunks(len(scores)):
        true = np.take_along_axis(scores[rows], target[rows, None].clip(min=0), axis=1)
        rank[rows] = (scores[rows] >= true).sum(axis=1)
    return np.where(target == STRANGER, 0, rank)


def rank_k(rank: Target, k: int) -> float:
    """Share of the mated probes whose true person is among the first k.

    Args:
        rank: As ``ranks`` gives them.
        k: From 1.

    Raises:
        ValueError: No mated probes.
    """
    mated = rank[rank > 0]
    if not len(mated):
        raise ValueError("expected at least one probe of an enrolled person, got none")
    return float((mated <= k).mean())


def reaches(best: Float[np.ndarray, " n"], threshold: float) -> Bool[np.ndarray, " n"]:
    """(n,) whether somebody is named: the best score is the threshold or more.

    Compared in float64: rounded to float32, a threshold just above a score would be that score and let it pass.
    """
    return best.astype(np.float64) >= threshold


def fpir(best: Float[np.ndarray, " strangers"], threshold: float) -> float:
    """False positive identification rate: share of the strangers whose best score reaches the threshold.

    Source: ISO/IEC 19795-1:2021; Grother et al., NIST FRVT part 2, "Identification".

    Raises:
        ValueError: No strangers.
    """
    if not len(best):
        raise ValueError("expected at least one probe of a stranger, got none")
    return float(reaches(best, threshold).mean())


def fnir(best: Float[np.ndarray, " mated"], rank: Integer[np.ndarray, " mated"], threshold: float) -> float:
    """False negative identification rate: share of the mated probes not named rightly with a score of the threshold.

    Source: as ``fpir``, with one candidate returned.

    Args:
        best: Best score of each mated probe.
        rank: The rank of the true person.
        threshold: Below it nobody is named.

    Raises:
        ValueError: No mated probes.
    """
    if not len(best):
        raise ValueError("expected at least one probe of an enrolled person, got none")
    return float(((rank != 1) | ~reaches(best, threshold)).mean())


def threshold_at_fpir(best: Float[np.ndarray, " strangers"], rate: float) -> float:
    """The lowest threshold at which at most this share of the strangers is taken for somebody.

    With fewer than 1 / rate strangers it lies just above the best of them: nothing finer can be told.

    Args:
        best: Best score of each stranger, of validation data.
        rate: Wanted FPIR, in (0, 1).

    Raises:
        ValueError: No strangers, or a rate that is none.
    """
    if not len(best) or not 0 < rate < 1:
        raise ValueError(f"expected strangers and a rate between 0 and 1, got {len(best)} and {rate}")
    falling = np.sort(best.astype(np.float64))[::-1]
    return float(np.nextafter(falling[int(rate * len(best) + 1e-9)], np.inf))


def det_curve(scores: Scores, target: Target) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The detection error trade-off: every pair of error rates that some threshold gives.

    Returns:
        Thresholds, rising; FPIR and FNIR at each. The last threshold is above every score.

    Raises:
        ValueError: No strangers or no mated probes.
    """
    return det_of(scores.max(axis=1), ranks(scores, target))


def det_of(best: Float[np.ndarray, " n"], rank: Target) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As ``det_curve``, of each probe's best score and the rank of its person, 0 for a stranger."""
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
    """The threshold for each rate of ``FPIRS``, from validation data.

    Raises:
        ValueError: No strangers.
    """
    _check_scores(scores, target)
    best = scores[target == STRANGER].max(axis=1, initial=-np.inf)
    return {name: threshold_at_fpir(best, rate) for name, rate in FPIRS.items()}


def threshold_at(name: str) -> str:
    """The name of the figure that tells the threshold for one of the rates of ``FPIRS``."""
    return f"threshold_at_fpir_{name}"


def evaluate(scores: Scores, target: Target, thresholds: dict[str, float] | None = None) -> IdentificationScores:
    """Every figure at once.

    Args:
        scores: The scores of the probes.
        target: Column of the true person, -1 for a stranger.
        thresholds: As ``thresholds_for`` finds them on other data; asks for the figures of the open set.

    Raises:
        ValueError: As ``ranks``; no mated probes; thresholds without strangers.
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
    """The names of all that `evaluate` says of a whole part.

    Args:
        open_set: Whether with those for strangers.
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
