"""Shape normalisation: what it takes away is away, what it keeps is kept, and SciPy agrees."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from faceline.geometry import shape as g
from faceline.geometry.face_model import identity, neutral_shape

SEEDS = st.integers(0, 2**32 - 1)
DIMS = st.sampled_from([2, 3])


def faces(seed: int, dims: int, n: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([identity(rng)[:, :dims] for _ in range(n)]) * 40 + 100


def turned(shapes: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if shapes.shape[2] == 3:
        return shapes @ Rotation.random(random_state=rng.integers(2**31)).as_matrix()
    angle = rng.uniform(-np.pi, np.pi)
    c, s = np.cos(angle), np.sin(angle)
    return shapes @ np.array([[c, s], [-s, c]])


@given(SEEDS, DIMS, st.floats(0.01, 100), st.floats(-1e3, 1e3))
@settings(deadline=None, max_examples=40)
def test_place_and_size_make_no_difference(seed: int, dims: int, zoom: float, shift: float) -> None:
    shapes = faces(seed, dims)
    np.testing.assert_allclose(g.normalise(shapes * zoom + shift), g.normalise(shapes), atol=1e-8)


@given(SEEDS, DIMS)
@settings(deadline=None, max_examples=40)
def test_a_normalised_shape_is_centred_of_size_one_and_stays_as_it_is(seed: int, dims: int) -> None:
    once = g.normalise(faces(seed, dims))
    np.testing.assert_allclose(once.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(g.centroid_size(once), 1)
    np.testing.assert_allclose(g.normalise(once), once, atol=1e-12)


@given(SEEDS, DIMS)
@settings(deadline=None, max_examples=40)
def test_a_turn_makes_no_difference_once_turned_to_a_mean(seed: int, dims: int) -> None:
    shapes = faces(seed, dims)
    mean = g.normalise(neutral_shape()[None, :, :dims])[0]
    np.testing.assert_allclose(g.normalise(turned(shapes, seed), mean), g.normalise(shapes, mean), atol=1e-7)


@given(SEEDS)
@settings(deadline=None, max_examples=30)
def test_the_turn_is_scipys(seed: int) -> None:
    shapes = g.normalise(turned(faces(seed, 3), seed))
    mean = g.normalise(neutral_shape()[None])[0]
    for shape, found in zip(shapes, g.rotate_to(shapes, mean), strict=True):
        rotation, _ = Rotation.align_vectors(mean, shape)
        np.testing.assert_allclose(found, rotation.apply(shape), atol=1e-7)


def test_a_mirrored_face_is_not_turned_inside_out() -> None:
    mean = g.normalise(neutral_shape()[None])[0]
    mirrored = mean * np.array([-1.0, 1.0, 1.0])
    mirrored[:, 2] *= 1.0
    lopsided = mean + np.random.default_rng(0).normal(0, 0.02, mean.shape)
    found = g.rotate_to((lopsided * np.array([-1.0, 1.0, 1.0]))[None], mean)[0]
    volume = np.linalg.det(np.linalg.lstsq(lopsided * np.array([-1.0, 1.0, 1.0]), found, rcond=None)[0])
    assert volume == pytest.approx(1.0)


@given(SEEDS, DIMS)
@settings(deadline=None, max_examples=15)
def test_the_mean_is_upright_of_size_one_and_nearest_to_all(seed: int, dims: int) -> None:
    rng = np.random.default_rng(seed)
    tilted = np.concatenate([_tilted(faces(seed, dims, 12), rng.uniform(-0.3, 0.3)) for _ in range(1)])
    mean = g.generalised_procrustes(tilted)
    assert np.linalg.norm(mean) == pytest.approx(1)
    np.testing.assert_allclose(mean.mean(axis=0), 0, atol=1e-9)
    around = g.normalise(tilted, mean)
    spread = ((around - mean) ** 2).sum()
    other = g.normalise(tilted[:1])[0]
    assert spread <= ((g.normalise(tilted, other) - other) ** 2).sum() + 1e-9


def _tilted(shapes: np.ndarray, angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    turn = np.eye(shapes.shape[2])
    turn[:2, :2] = [[c, s], [-s, c]]
    return shapes @ turn


def test_single_precision_stays_single() -> None:
    shapes = faces(0, 2).astype(np.float32)
    mean = g.generalised_procrustes(shapes)
    assert g.normalise(shapes, mean).dtype == mean.dtype == np.float32


@pytest.mark.parametrize("bad", [np.ones((2, 68, 2)), np.full((1, 68, 3), np.nan)])
def test_a_face_without_size_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite and lie apart"):
        g.normalise(bad)
