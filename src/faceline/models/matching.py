"""Compares embeddings: one implementation for training, evaluation and use."""

import numpy as np
from jaxtyping import Float, Integer

Embeddings = Float[np.ndarray, "n e"]


def enrol(embeddings: Embeddings, labels: Integer[np.ndarray, " n"], people: int) -> Float[np.ndarray, "people e"]:
    """Return the template of each person: the mean direction of their embeddings, of length 1.

    Args:
        embeddings: Embeddings of the gallery; their lengths do not matter.
        labels: Person of each embedding, from 0 to people - 1.
        people: Number of templates.

    Raises:
        ValueError: A person has no embedding.
    """
    counts = np.bincount(labels, minlength=people)
    if len(counts) > people or (counts == 0).any():
        raise ValueError(f"expected embeddings of each of {people} people, got labels with counts {counts}")
    sums = np.zeros((people, embeddings.shape[1]), dtype=np.float64)
    np.add.at(sums, labels, _directions(embeddings))
    return _directions(sums).astype(np.float32)


def cosine_scores(probes: Embeddings, templates: Float[np.ndarray, "people e"]) -> Float[np.ndarray, "n people"]:
    """Return (n, people) cosines in [-1, 1] between each probe and each template."""
    return np.asarray(_directions(probes) @ _directions(templates).T)


def _directions(vectors: np.ndarray) -> np.ndarray:
    """Scale the vectors to length 1; a vector of length 0 stays."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
