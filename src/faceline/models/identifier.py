"""The common interface of identifiers: enrol a gallery, then score probes against it."""

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
    """Identifies who of the enrolled people is seen.

    Attributes:
        people: Sorted names of the enrolled people: the columns of the scores.
    """

    people: np.ndarray

    def enrol(self, gallery: Any, persons: np.ndarray) -> None:
        """Enrol people with some frames of them.

        Args:
            gallery: Features of n frames.
            persons: (n,) person seen in each frame.
        """
        ...

    def scores(self, probes: Any) -> Scores:
        """Return (n, people) scores for the features of n frames; higher is more alike."""
        ...


class ByEmbedding:
    """Compares a probe with the mean embedding of each person's gallery by their cosine.

    Args:
        embed: Function from features of n frames to embeddings (n, e).
    """

    def __init__(self, embed: Callable[[Any], np.ndarray]) -> None:
        self.embed = embed
        self.people = np.empty(0, dtype=np.str_)

    def enrol(self, gallery: Any, persons: np.ndarray) -> None:
        """Store the mean embedding of each person."""
        self.people, labels = np.unique(persons, return_inverse=True)
        self.templates = enrol(self.embed(gallery), labels, len(self.people))

    def scores(self, probes: Any) -> Scores:
        """Return (n, people) cosines."""
        return cosine_scores(self.embed(probes), self.templates)


class ByClass:
    """Uses the classes of a trained network: it knows the people of its training set and nobody else.

    Args:
        model: The trained network.
    """

    def __init__(self, model: ShapeClassifier) -> None:
        self.model, self.people = model.eval(), model.people

    def enrol(self, gallery: np.ndarray, persons: np.ndarray) -> None:
        """Do nothing: training enrolled the people."""

    def scores(self, probes: np.ndarray) -> Scores:
        """Return (n, people) logits."""
        with torch.inference_mode():
            return np.asarray(self.model(torch.from_numpy(probes).to(self.model.device)).float().cpu().numpy())
