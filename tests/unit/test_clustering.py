"""Groups of shapes: those that are there are found, and figures are scikit-learn's or worked by hand."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from faceline import clustering as c
from faceline.errors import InputError
from faceline.geometry.face_model import Expression, express, neutral_shape
from faceline.geometry.shape import normalise
from faceline.reports import cluster_plots as plots


def three_kinds(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Closed mouths, open mouths and raised brows, in shares of 3 : 2 : 1."""
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1, 2], [n // 2, n // 3, n // 6])
    faces = [Expression(), Expression(mouth_open=1.0), Expression(brow_raise=1.0)]
    shapes = np.stack([express(neutral_shape(), faces[k])[:, :2] for k in kind])
    return normalise(shapes + rng.normal(0, 0.004, shapes.shape)), kind


def test_kinds_that_lie_apart_are_found_the_largest_first() -> None:
    shapes, kind = three_kinds()
    found = c.cluster(shapes, 3)
    assert found.labels.tolist() == kind.tolist()
    assert found.sizes.tolist() == [30, 20, 10]
    for group in range(3):
        np.testing.assert_allclose(found.means[group], shapes[kind == group].mean(axis=0), atol=1e-6)
    within = sum(((shapes[kind == g] - shapes[kind == g].mean(axis=0)) ** 2).sum() for g in range(3))
    assert found.inertia == pytest.approx(within, rel=1e-4)
    np.testing.assert_array_equal(found.labels, c.cluster(shapes, 3).labels)


def test_a_scan_tells_silhouettes_and_where_the_gain_bends() -> None:
    shapes, _ = three_kinds()
    trials = c.scan(shapes, range(2, 8))
    for trial in trials:
        labels = c.cluster(shapes, trial.k).labels
        assert trial.silhouette == pytest.approx(silhouette_score(shapes.reshape(60, -1), labels), abs=1e-5)
    assert c.elbow(trials) == 3
    assert c.most_separate(trials) == max(trials, key=lambda trial: trial.silhouette).k
    assert all(a.inertia >= b.inertia for a, b in pairwise(trials))


def test_the_elbow_by_hand() -> None:
    inertias = [100.0, 40.0, 30.0, 25.0, 20.0]  # of the fall of 80, 60 come with the first step
    assert c.elbow([c.KScore(k, inertia, 0.0) for k, inertia in enumerate(inertias, start=2)]) == 3
    assert c.elbow([c.KScore(4, 1.0, 0.0)]) == 4


def test_purity_by_hand() -> None:
    labels, names = np.array([0, 0, 0, 1, 1]), np.array(["a", "a", "b", "b", "b"])
    assert c.purity(labels, names) == pytest.approx(4 / 5)
    assert c.purity(np.arange(5), names) == c.purity(np.array([1, 1, 0, 0, 0]), names) == 1
    assert c.purity(np.zeros(5, int), names) == pytest.approx(3 / 5)


def test_chance_is_beaten_by_groups_that_mean_something() -> None:
    shapes, kind = three_kinds(300)
    names = kind.astype(str)
    chance = c.chance_purity(kind, names)
    assert chance == pytest.approx(0.5, abs=0.05)  # the most frequent kind is half of all
    assert c.purity(c.cluster(shapes, 3).labels, names) == 1


def test_examples_are_near_the_mean_and_of_different_people() -> None:
    shapes, _ = three_kinds()
    found = c.cluster(shapes, 3)
    persons = np.array([f"p{i % 3}" for i in range(60)])
    for group, rows in enumerate(c.nearest(shapes, found, persons, 3)):
        assert set(persons[rows]) == {"p0", "p1", "p2"}
        assert (found.labels[rows] == group).all()
        distance = np.linalg.norm(shapes - found.means[group], axis=(1, 2))
        for row in rows:
            same = (persons == persons[row]) & (found.labels == group)
            assert distance[row] == pytest.approx(distance[same].min())


@pytest.mark.parametrize("k", [0, 61])
def test_more_groups_than_shapes_are_refused(k: int) -> None:
    with pytest.raises(InputError, match="from 1 to 60 groups"):
        c.cluster(three_kinds()[0], k)


@pytest.mark.parametrize("k", [1, 2, 9])
def test_figures_are_drawn_for_any_number_of_groups(k: int) -> None:
    shapes, _ = three_kinds()
    found = c.cluster(shapes, k)
    words = ["looks left, mouth open, brows raised, eyes narrow, tilts right, smiles"] * k
    pictures = [np.zeros((3 if i else 1, 8, 8, 3), np.uint8) for i in range(k)]
    assert f"{k} groups of shapes" in plots.mean_shapes(shapes, found, words, source="s").get_suptitle()
    assert len(plots.examples(pictures, words, source="s").axes) == k * (3 if k > 1 else 1)
    assert (
        "purity 22 % by person"
        in plots.purity_bars({"person": (0.22, 0.1), "video": (0.2, 0.1)}, k, source="s").get_suptitle()
    )


def test_the_steps_of_normalisation_and_the_scan_are_drawn() -> None:
    shapes, _ = three_kinds()
    figure = plots.normalisation_steps(shapes[:3] * 50 + 90, source="s")
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "original, pixels", "centred, pixels", "centred and scaled",
    ]  # fmt: skip
    title = plots.elbow_and_silhouette(c.scan(shapes, [2, 3, 4]), source="s").get_suptitle()
    assert "bends at 3 groups; 2 are the most separate" in title.replace("\n", " ")
    with pytest.raises(ValueError, match="at least one trial"):
        plots.elbow_and_silhouette([], source="s")
