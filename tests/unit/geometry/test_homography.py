"""The map of a plane is found again, and bends what no plane explains."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceline.geometry.homography import homography, project


@given(st.integers(0, 2**32 - 1))
def test_a_plane_is_found_again(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 100, (20, 2))
    matrix = np.eye(3) + rng.normal(0, 1, (3, 3)) * [[0.2, 0.2, 10], [0.2, 0.2, 10], [5e-4, 5e-4, 0]]
    later = project(matrix, points)
    np.testing.assert_allclose(project(homography(points, later), points), later, atol=1e-4)


def test_it_agrees_with_opencv_on_noisy_points() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (68, 2))
    later = project(np.array([[1.1, 0.1, 5], [-0.05, 0.9, 3], [1e-3, 5e-4, 1]]), points) + rng.normal(0, 0.3, (68, 2))
    theirs, _ = cv2.findHomography(points, later)
    ours = homography(points, later)
    np.testing.assert_allclose(project(ours, points), project(theirs, points), atol=0.15)


def test_too_few_points_and_one_place_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        homography(np.zeros((3, 2)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="lie apart"):
        homography(np.zeros((5, 2)), np.zeros((5, 2)))
