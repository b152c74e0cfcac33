"""Measures how similar embeddings of different people are, and of one person on two occasions."""

from statistics import NormalDist
from typing import Final, NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression

Visits = Float[np.ndarray, "n e"]
"""One embedding of length 1 for each visit."""

_TAIL: Final = 1e-3
"""The tail of the distribution is measured where this share of the comparisons lies beyond."""
_LEAST: Final = 20
"""Fewest comparisons that must lie there; otherwise a larger share is used."""


class Scale(NamedTuple):
    """The meaning of similarities; the fields are those of `faceline.inference.bundle.Calibration`."""

    people: int
    mean: float
    deviation: float
    slope: float
    offset: float
    growth: float


def measure_scale(visits: Visits, persons: np.ndarray) -> Scale:
    """Measure mean and spread of the similarity of different people, and the likelihood ratio of one person to two.

    Args:
        visits: Embeddings of length 1.
        persons: (n,) person seen in each visit.

    Raises:
        ValueError: There are fewer than four people, or nobody has two visits.
    """
    similar = visits @ visits.T
    apart, pairs = persons[:, None] != persons[None], ~np.eye(len(persons), dtype=bool)
    different, same = similar[apart], similar[~apart & pairs]
    people = len(np.unique(persons))
    if people < 4 or not len(same):
        raise ValueError(f"expected four people, some with two visits; got {people} and {len(same)} pairs of visits")
    tail = max(_TAIL, _LEAST / len(different))
    mean = float(different.mean())
    deviation = (float(np.quantile(different, 1 - tail)) - mean) / NormalDist().inv_cdf(1 - tail)
    values = np.concatenate([same, different])[:, None]
    labels = np.arange(len(values)) < len(same)
    fitted = LogisticRegression(C=np.inf).fit(values, labels)
    prior = float(np.log(len(same) / len(different)))
    slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0]) - prior
    return Scale(people, mean, deviation, slope, offset, _growth(visits, persons))


def _growth(visits: Visits, persons: np.ndarray) -> float:
    """Return by which share strangers' similarities spread more for templates of very many visits than of one.

    A template of two visits has half of that. It is measured on all people with one and with two visits, and is never
    negative. All comparisons count: the tail says the same, with three times the error.
    """
    first, second = np.nonzero(np.triu(persons[:, None] == persons[None], 1))
    pairs = visits[first] + visits[second]
    double = pairs / np.linalg.norm(pairs, axis=1, keepdims=True)
    one, two = (
        float((templates @ visits.T)[of[:, None] != persons[None]].std())
        for templates, of in ((visits, persons), (double, persons[first]))
    )
    return max(0.0, 2 * (two / one - 1))


def visits_of(embeddings: Float[np.ndarray, "n e"], videos: np.ndarray) -> tuple[Float[np.ndarray, "v e"], np.ndarray]:
    """Return the mean direction of each video, and the first row of each."""
    names, first, labels = np.unique(videos, return_index=True, return_inverse=True)
    sums = np.zeros((len(names), embeddings.shape[1]))
    np.add.at(sums, labels, embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True))
    return sums / np.linalg.norm(sums, axis=1, keepdims=True), first
