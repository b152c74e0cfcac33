"""Identification with scikit-learn's classifiers: fitting a classifier to the gallery enrols it."""

import hashlib
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float, Integer
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import ExtraTreeClassifier

from faceline.config.names import current, stored
from faceline.errors import InputError, first_line
from faceline.files import write_whole

Features = Float[np.ndarray, "n features"]
Labels = Integer[np.ndarray, " n"]
Scores = Float[np.ndarray, "n people"]

_CHUNK: Final = 4096  # probes that are scored at once: scikit-learn makes double precision of them
_TRUSTED: Final = (
    "faceline.models.baselines.NearestShapes",
    "faceline.models.baselines.SparseForest",
    "scipy.sparse._csr.csr_array",
    "sklearn.tree._tree.Tree",
)
"""Types that a saved classifier may hold beside those that skops trusts itself."""


class Baseline:
    """A scikit-learn classifier that identifies people.

    Args:
        estimator: A classifier with ``predict_proba`` or ``decision_function``.
        components: Number of principal components of the shapes to use, or all of them if there are fewer; None uses
            the coordinates.
        whiten: Whether to scale each component, or coordinate, to a variance of 1.
    """

    def __init__(self, estimator: BaseEstimator, components: int | None = None, whiten: bool = False) -> None:
        self.estimator, self.components, self.whiten = estimator, components, whiten
        self.fitted: Any = None
        self.people = np.empty(0, dtype=np.str_)
        self._gallery = ""

    def enrol(self, shapes: Features, persons: np.ndarray) -> None:
        """Fit the classifier to a gallery, unless it is fitted to this one already.

        Args:
            shapes: (n, features) normalised shapes.
            persons: (n,) names of the people.

        Raises:
            InputError: The gallery shows one person only, or the classifier refuses it.
        """
        people, labels = np.unique(persons, return_inverse=True)
        if len(people) < 2:
            raise InputError(f"the gallery shows {len(people)} person; telling people apart needs at least two")
        digest = hashlib.sha256(np.ascontiguousarray(shapes).tobytes())
        digest.update("\n".join(persons.tolist()).encode())
        if digest.hexdigest() == self._gallery:
            return
        steps: list[Any] = []
        if self.components is not None:
            steps = [PCA(min(self.components, *shapes.shape), whiten=self.whiten, random_state=0)]
        elif self.whiten:
            steps = [StandardScaler()]
        try:
            self.fitted = make_pipeline(*steps, clone(self.estimator)).fit(shapes, labels)
        except ValueError as error:
            raise InputError(
                f"the classifier refuses the gallery: {first_line(error)}", column="model.estimator"
            ) from error
        self.people, self._gallery = people, digest.hexdigest()

    def scores(self, shapes: Features) -> Scores:
        """Return (n, people) scores in float32; higher is more alike."""
        score = getattr(self.fitted, "predict_proba", None) or self.fitted.decision_function
        scores = np.empty((len(shapes), len(self.people)), dtype=np.float32)
        for start in range(0, len(shapes), _CHUNK):
            part = score(shapes[start : start + _CHUNK])
            # of two people, a decision function is the side of the second alone
            scores[start : start + _CHUNK] = np.stack([-part, part], axis=1) if part.ndim == 1 else part
        return scores

    def save(self, file: Path, record: Mapping[str, Any]) -> None:
        """Write the fitted classifier and a record in a form that runs no code when it is read."""
        state = {
            "record": json.dumps({**record, "config": stored(record["config"])}),
            "fitted": self.fitted,
            "people": self.people,
            "gallery": self._gallery,
        }
        with write_whole(file) as part:
            _skops().dump(state, part)

    @classmethod
    def load(cls, file: Path) -> tuple["Baseline", dict[str, Any]]:
        """Read a classifier and its record from a file.

        Raises:
            InputError: The file is damaged, is no saved classifier, or holds types that are not known to be harmless.
        """
        try:
            state = _skops().load(file, trusted=list(_TRUSTED))
            record: dict[str, Any] = json.loads(state["record"])
            record["config"] = current(record["config"])
            model = record["config"]["model"]
            baseline = cls(state["fitted"][-1], model["components"], model["whiten"])
            baseline.fitted, baseline.people, baseline._gallery = state["fitted"], state["people"], state["gallery"]
            return baseline, record
        except (BadZipFile, KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"not a readable classifier ({first_line(error)})", file=file) from error


def _skops() -> Any:
    """Import skops only when a file is written or read: its import inspects all of SciPy and would slow every start."""
    return importlib.import_module("skops.io")


class NearestShapes(ClassifierMixin, BaseEstimator):
    """Predicts the person of the nearest shape in the gallery, and ranks the others by their own nearest shapes.

    Args:
        n_neighbors: Number of nearest frames to look at; people without a frame among them come last.
    """

    def __init__(self, n_neighbors: int = 20) -> None:
        self.n_neighbors = n_neighbors

    def fit(self, shapes: Features, labels: Labels) -> "NearestShapes":
        """Store the gallery."""
        self.classes_, self.labels_ = np.unique(labels, return_inverse=True)
        self.search_ = NearestNeighbors(n_neighbors=min(self.n_neighbors, len(shapes)), algorithm="brute").fit(shapes)
        return self

    def decision_function(self, shapes: Features) -> Scores:
        """Return (n, people) negative distances to each person's nearest frame; minus infinity without one."""
        distances, frames = self.search_.kneighbors(shapes)
        scores = np.full((len(shapes), len(self.classes_)), -np.inf, dtype=np.float32)
        rows = np.arange(len(shapes))
        for distance, frame in zip(distances.T[::-1], frames.T[::-1], strict=True):  # the nearest is written last
            scores[rows, self.labels_[frame]] = -distance
        return scores

    def predict(self, shapes: Features) -> Labels:
        """Return (n,) labels of the nearest frames."""
        return np.asarray(self.classes_[self.decision_function(shapes).argmax(axis=1)])


class SparseForest(ClassifierMixin, BaseEstimator):
    """Extremely randomised trees whose leaves store only the people in them.

    scikit-learn's forest stores a number for every class in every node; with 828 people and 200,000 frames a tree takes
    gigabytes. A grown leaf holds few people, so here scikit-learn grows each tree and only its leaves are kept, sparse.
    The result is that of `sklearn.ensemble.ExtraTreesClassifier`: the mean of the leaves' shares. Source: Geurts et
    al., "Extremely randomized trees", Machine Learning 63, 2006.

    Args:
        n_estimators: Number of trees.
        max_features: Number of features to search for the best split of a node: a number, a share or ``sqrt``.
        min_samples_leaf: Fewest frames in a leaf.
        random_state: Seed; tree i is grown with seed + i.
    """

    def __init__(
        self,
        n_estimators: int = 100,
        max_features: int | float | str = "sqrt",
        min_samples_leaf: int = 1,
        random_state: int = 0,
    ) -> None:
        self.n_estimators, self.max_features = n_estimators, max_features
        self.min_samples_leaf, self.random_state = min_samples_leaf, random_state

    def fit(self, shapes: Features, labels: Labels) -> "SparseForest":
        """Grow the trees one after the other."""
        self.classes_ = np.unique(labels)
        shapes = np.ascontiguousarray(shapes, dtype=np.float32)
        self.trees_ = [self._grow(shapes, labels, self.random_state + i) for i in range(self.n_estimators)]
        return self

    def _grow(self, shapes: Features, labels: Labels, seed: int) -> dict[str, np.ndarray | csr_array]:
        grower = ExtraTreeClassifier(
            max_features=self.max_features, min_samples_leaf=self.min_samples_leaf, random_state=seed
        )
        tree = grower.fit(shapes, labels).tree_
        leaf, person = tree.apply(shapes), np.searchsorted(self.classes_, labels)
        shares = csr_array(
            (np.ones(len(leaf), dtype=np.float32), (leaf, person)), shape=(tree.node_count, len(self.classes_))
        )
        shares.sum_duplicates()
        shares.data /= np.repeat(shares.sum(axis=1), np.diff(shares.indptr))
        children = np.stack([tree.children_left, tree.children_right], axis=1).astype(np.int32)  # (nodes, 2)
        leaves = children[:, 0] < 0
        children[leaves] = np.flatnonzero(leaves)[:, None]  # a leaf leads to itself
        feature = np.where(leaves, 0, tree.feature).astype(np.int16)
        threshold = tree.threshold.copy()  # a view would keep the whole tree in memory
        return {"children": children, "feature": feature, "threshold": threshold, "shares": shares}

    def predict_proba(self, shapes: Features) -> Scores:
        """Return (n, people) mean shares of each person in the leaves that a shape falls into."""
        shapes = np.ascontiguousarray(shapes, dtype=np.float32)
        scores = np.zeros((len(shapes), len(self.classes_)), dtype=np.float32)
        for tree in self.trees_:
            shares = tree["shares"][_leaf(tree, shapes)]
            scores[np.repeat(np.arange(len(shapes)), np.diff(shares.indptr)), shares.indices] += shares.data
        return scores / len(self.trees_)

    def predict(self, shapes: Features) -> Labels:
        """Return (n,) labels of the people with the largest shares."""
        return np.asarray(self.classes_[self.predict_proba(shapes).argmax(axis=1)])


def _leaf(tree: Mapping[str, Any], shapes: Features) -> np.ndarray:
    """Return (n,) the leaf of each shape; all shapes move down together, one level at a time."""
    rows, node = np.arange(len(shapes)), np.zeros(len(shapes), dtype=np.int64)
    while True:
        right = shapes[rows, tree["feature"][node]] > tree["threshold"][node]
        below = tree["children"][node, right.astype(np.int64)]
        if np.array_equal(below, node):
            return node
        node = below
