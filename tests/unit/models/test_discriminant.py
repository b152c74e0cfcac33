"""Linear discriminants, held against what they are defined by."""

import numpy as np
import pytest

from faceline.models.discriminant import discriminant
from faceline.models.matching import cosine_scores, enrol


def crowd(rng: np.random.Generator, people: int = 12, each: int = 30, size: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Faces that scatter ten times more in half of their numbers, which tell nothing of who it is."""
    scatter = np.r_[np.full(size // 2, 5.0), np.full(size - size // 2, 0.5)]
    centres = rng.normal(size=(people, size)) * np.r_[np.zeros(size // 2), np.ones(size - size // 2)]
    labels = np.repeat(np.arange(people), each)
    return (centres[labels] + scatter * rng.normal(size=(len(labels), size)) + 3).astype(np.float32), labels


def test_faces_of_one_person_scatter_alike_in_every_direction_it_gives() -> None:
    features, labels = crowd(np.random.default_rng(0))
    found = discriminant(features, labels, components=20, shrinkage=0.0, embedding=11)
    projected = features @ found.matrix.T + found.offset
    means = np.stack([projected[labels == person].mean(axis=0) for person in range(12)])
    around = projected - means[labels]
    np.testing.assert_allclose(around.T @ around / len(around), np.eye(11), atol=0.01)
    np.testing.assert_allclose(projected.mean(axis=0), 0, atol=1e-3)
    spread = means.var(axis=0)
    assert (np.diff(spread) < 1e-3).all()  # what tells most comes first


def test_it_finds_people_where_plain_cosines_do_not() -> None:
    rng = np.random.default_rng(1)
    features, labels = crowd(rng)
    learnt = np.arange(len(labels)) % 30 < 20
    found = discriminant(features[learnt], labels[learnt], components=20, shrinkage=0.1, embedding=8)

    def rank1(faces: np.ndarray) -> float:
        scores = cosine_scores(faces[~learnt], enrol(faces[learnt], labels[learnt], 12))
        return float((scores.argmax(axis=1) == labels[~learnt]).mean())

    assert rank1(features @ found.matrix.T + found.offset) > 2 * rank1(features - features.mean(axis=0))


def test_there_is_one_discriminant_fewer_than_people_and_no_more_components_than_faces() -> None:
    features, labels = crowd(np.random.default_rng(2), people=3, each=4, size=50)
    found = discriminant(features, labels, components=1000, shrinkage=0.2, embedding=256)
    assert found.matrix.shape == (2, 50)
    assert np.isfinite(found.matrix).all()


def test_one_person_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="two people"):
        discriminant(np.ones((3, 4), dtype=np.float32), np.zeros(3, dtype=np.int64), 2, 0.1, 2)
