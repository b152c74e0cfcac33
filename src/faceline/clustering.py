"""Groups faces by shape without knowing who is who."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Integer
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.metrics import silhouette_score

from faceline.errors import InputError
from faceline.geometry.shape import Shapes

Labels = Integer[np.ndarray, " n"]

_MANY: Final = 20_000  # shapes beyond which k-means takes batches of them
_SAMPLE: Final = 4_000  # shapes of which the silhouette is taken: it compares each with each


@dataclass(frozen=True, eq=False)
class Clusters:
    """Shapes in groups.

    Attributes:
        labels: (n,) group of each shape; group 0 is the largest.
        means: (k, 68, d) mean shape of each group.
        inertia: Sum of the squared distances of the shapes from the mean of their group.
    """

    labels: Labels
    means: Float[np.ndarray, "k 68 d"]
    inertia: float

    @property
    def sizes(self) -> Labels:
        """Number of shapes (k,) in each group."""
        return np.bincount(self.labels, minlength=len(self.means))


@dataclass(frozen=True)
class KScore:
    """The scores of a number of groups.

    Attributes:
        k: Number of groups.
        inertia: Inertia as in `Clusters`; it always falls with k.
        silhouette: How much closer shapes are to their own group than to the next one, from -1 to 1. Source: Rousseeuw,
            Journal of Computational and Applied Mathematics 20, 1987.
    """

    k: int
    inertia: float
    silhouette: float


def cluster(shapes: Shapes, k: int, seed: int = 0) -> Clusters:
    """Divide normalised shapes into groups with k-means.

    Raises:
        InputError: There are fewer shapes than groups.
    """
    if not 1 <= k <= len(shapes):
        raise InputError(f"expected from 1 to {len(shapes)} groups, the number of frames, got {k}", column="k")
    flat = np.ascontiguousarray(shapes.reshape(len(shapes), -1), dtype=np.float32)
    if len(shapes) > _MANY:
        found = MiniBatchKMeans(k, batch_size=8192, n_init=3, random_state=seed).fit(flat)
    else:
        found = KMeans(k, n_init=4 if k < 100 else 1, random_state=seed).fit(flat)
    order = np.argsort(-np.bincount(found.labels_, minlength=k), kind="stable")
    labels = np.argsort(order)[found.labels_]
    means = np.stack([flat[labels == group].mean(axis=0) if (labels == group).any() else found.cluster_centers_[was]
                      for group, was in enumerate(order)])  # fmt: skip
    return Clusters(labels, means.reshape(k, *shapes.shape[1:]), float(((flat - means[labels]) ** 2).sum()))


def scan(shapes: Shapes, ks: Sequence[int], seed: int = 0) -> list[KScore]:
    """Compute inertia and silhouette for several numbers of groups, each at least 2."""
    rng = np.random.default_rng(seed)
    sample = rng.permutation(len(shapes))[:_SAMPLE]
    trials = []
    for k in ks:
        found = cluster(shapes, k, seed)
        flat, labels = shapes[sample].reshape(len(sample), -1), found.labels[sample]
        several = 1 < len(np.unique(labels)) < len(sample)
        trials.append(KScore(k, found.inertia, float(silhouette_score(flat, labels)) if several else 0.0))
    return trials


def elbow(trials: Sequence[KScore]) -> int:
    """Return the number of groups at the elbow: the point farthest below the line from first to last.

    Source: Satopää et al., "Finding a Kneedle in a Haystack", ICDCS workshops 2011.

    Args:
        trials: Scores with rising k, at least one.
    """
    k, inertia = (np.array([getattr(trial, name) for trial in trials], dtype=float) for name in ("k", "inertia"))
    along = (k - k[0]) / max(k[-1] - k[0], 1)
    down = (inertia[0] - inertia) / max(inertia[0] - inertia[-1], 1e-12)
    return trials[int((down - along).argmax())].k


def most_separate(trials: Sequence[KScore]) -> int:
    """Return the number of groups with the largest silhouette."""
    return max(trials, key=lambda trial: trial.silhouette).k


def purity(labels: Labels, names: np.ndarray) -> float:
    """Return the share of the shapes that have the most frequent name of their group; 1 means one name in each group.

    Source: Manning et al., "Introduction to Information Retrieval", 2008, section 16.3. Purity grows with the number of
        groups in any case, so compare it with the purity of chance.
    """
    _, number = np.unique(names, return_inverse=True)
    _, pair, counts = np.unique(labels * (number.max() + 1) + number, return_inverse=True, return_counts=True)
    most = np.zeros(labels.max() + 1, dtype=np.int64)
    np.maximum.at(most, labels, counts[pair])
    return float(most.sum() / len(labels))


def chance_purity(labels: Labels, names: np.ndarray, seed: int = 0, draws: int = 20) -> float:
    """Return the mean purity of groups of the same sizes that are filled at random."""
    rng = np.random.default_rng(seed)
    return float(np.mean([purity(rng.permutation(labels), names) for _ in range(draws)]))


def nearest(shapes: Shapes, clusters: Clusters, persons: np.ndarray, count: int) -> list[np.ndarray]:
    """Return rows of the shapes closest to each group's mean, of different people if possible."""
    distance = np.linalg.norm((shapes - clusters.means[clusters.labels]).reshape(len(shapes), -1), axis=1)
    picks = []
    for group in range(len(clusters.means)):
        rows = np.flatnonzero(clusters.labels == group)
        rows = rows[np.argsort(distance[rows], kind="stable")]
        _, first = np.unique(persons[rows], return_index=True)
        others = np.setdiff1d(np.arange(len(rows)), first)
        picks.append(rows[np.concatenate([np.sort(first), others])[:count]])
    return picks
