"""Confidence against what came of it, by hand and by what must hold of any."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from faceline.metrics.reliability import (
    calibration_bins,
    calibration_error,
    error_of_surest,
    errors_kept,
    separation,
)

ERRORS = np.array([0.1, 0.4, 0.2, 0.3])
SURE = np.array([0.9, 0.2, 0.8, 0.1])


def test_the_rejection_curve_by_hand() -> None:
    assert errors_kept(ERRORS, SURE).tolist() == pytest.approx([0.25, 0.7 / 3, 0.15, 0.1])
    assert error_of_surest(ERRORS, SURE, 1.0) == pytest.approx(0.25)
    assert error_of_surest(ERRORS, SURE, 0.5) == pytest.approx(0.15)
    assert error_of_surest(ERRORS, SURE, 0.01) == pytest.approx(0.1)


def test_of_equally_sure_frames_the_first_stays_longest_and_sums_are_exact() -> None:
    errors = np.arange(1, 201, dtype=np.float32) / np.float32(3)
    kept = errors_kept(errors, np.ones(200))
    means = [float(np.mean(errors[:k].astype(np.float64))) for k in range(200, 0, -1)]
    np.testing.assert_allclose(kept, means, rtol=1e-14)


@given(errors=arrays(np.float64, 20, elements=st.floats(0, 1)), seed=st.integers(0, 99))
def test_no_confidence_leaves_less_error_than_the_error_itself(errors: np.ndarray, seed: int) -> None:
    sure = np.random.default_rng(seed).random(20)
    assert (errors_kept(errors, sure) >= errors_kept(errors, -errors) - 1e-12).all()
    assert errors_kept(errors, sure)[0] == pytest.approx(errors.mean())


def test_separation_is_the_chance_of_the_right_order() -> None:
    reliable = np.array([True, False, True, False])
    assert separation(SURE, reliable) == 1.0
    assert separation(np.array([0.9, 0.95, 0.8, 0.1]), reliable) == 0.5


def test_bins_and_their_error_by_hand() -> None:
    told, reliable = np.array([0.05, 0.07, 0.85, 0.95, 1.0]), np.array([False, True, False, True, True])
    np.testing.assert_allclose(calibration_bins(told, reliable), [(0.06, 0.5, 2), (0.85, 0, 1), (0.975, 1.0, 2)])
    assert calibration_error(told, reliable) == pytest.approx((2 * 0.44 + 0.85 + 2 * 0.025) / 5)


def test_a_confidence_that_is_as_often_right_as_it_says_has_no_error() -> None:
    rng = np.random.default_rng(0)
    told = rng.random(200_000)
    assert calibration_error(told, rng.random(200_000) < told) < 0.005
    assert calibration_error(told, rng.random(200_000) < told**2) > 0.1


def test_no_frames_are_refused() -> None:
    told = r"^expected as many frames of both, got \(0,\) and \(0,\)$"
    with pytest.raises(ValueError, match=told):
        errors_kept(np.empty(0), np.empty(0))
    with pytest.raises(ValueError, match=told):
        calibration_bins(np.empty(0), np.empty(0, dtype=bool))
