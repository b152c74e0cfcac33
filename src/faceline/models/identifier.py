"""Who is it? What every way of telling people apart has in common: enrol a gallery, score probes against it."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float

from faceline.models.matching import cosine_scores, enrol
from faceline.models.shape_classifier import ShapeClassifier

Scores = Float[np.ndarray, "n people"]


@runtime_checkable
class Identifier(Protocol):
    """Tells who is seen among the people that it knows.

    Attributes:
        people: Their names, sorted: the columns of the scores.
    """

    people: np.ndarray

    def enrol(self, gallery: Any, persons: np.ndarray) -> None:
        """Make people known by frames of theirs.

        Args:
            gallery: Features of n frames.
            persons: (n,) who is seen in each.
        """
        ...

    def scores(self, probes: Any) -> Scores:
        """(n, people) for features of n frames; the higher, the more alike."""
        ...


class ByEmbedding:
    """Compares a probe with the mean embedding of each person's gallery by the cosine of their angle.

    Args:
        embed: Features of n frames to embeddings (n, e).
    """

    def __init__(self, embed: Callable[[Any], np.ndarray]) -> None:
        self.embed = embed
        self.people = np.empty(0, dtype=np.str_)

    def enrol(self, gallery: Any, persons: np.ndarray) -> None:
        """Keep the mean embedding of each person."""
        self.people, labels = np.unique(persons, return_inverse=True)
        self.templates = enrol(self.embed(gallery), labels, len(self.people))

    def scores(self, probes: Any) -> Scores:
        """(n, people) cosines."""
        return cosine_scores(self.embed(probes), self.templates)


class ByClass:
    """The classes of a trained network: whom it was trained on, and nobody else.

    Args:
        model: A trained network.
    """

    def __init__(self, model: ShapeClassifier) -> None:
        self.model, self.people = model.eval(), model.people

    def enrol(self, gallery: np.ndarray, persons: np.ndarray) -> None:
        """Nothing: training was the enrolment."""

    def scores(self, probes: np.ndarray) -> Scores:
        """(n, people) logits."""
        with torch.inference_mode():
            return np.asarray(self.model(torch.from_numpy(probes).to(self.model.device)).float().cpu().numpy())
