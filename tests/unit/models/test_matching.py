"""Templates and cosines, against numpy by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceline.models.matching import cosine_scores, enrol


def test_a_template_is_the_mean_direction() -> None:
    templates = enrol(np.array([[2.0, 0.0], [0.0, 5.0], [-1.0, 0.0]]), np.array([0, 0, 1]), 2)
    np.testing.assert_allclose(templates, [[np.sqrt(0.5), np.sqrt(0.5)], [-1, 0]], atol=1e-7)


@given(st.integers(0, 10_000), st.floats(0.01, 100))
@settings(deadline=None, max_examples=25)
def test_scores_are_cosines_whatever_the_lengths(seed: int, length: float) -> None:
    rng = np.random.default_rng(seed)
    probes, templates = rng.normal(size=(5, 8)), rng.normal(size=(3, 8))
    scores = cosine_scores(probes * length, templates)
    for i, probe in enumerate(probes):
        for j, template in enumerate(templates):
            expected = probe @ template / np.linalg.norm(probe) / np.linalg.norm(template)
            assert scores[i, j] == pytest.approx(expected)


@pytest.mark.parametrize("labels", [[0, 0], [0, 2]])
def test_a_person_without_an_embedding_is_refused(labels: list[int]) -> None:
    with pytest.raises(ValueError, match="each of 2 people"):
        enrol(np.ones((2, 3)), np.array(labels), 2)
