"""Confidence means what it says: of the landmarks that are trusted with p, a share p is right."""

import numpy as np
import pytest
import torch

from faceline.models.calibration import Calibration, calibrate


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Doubts, the true probability of each and what came of it."""
    rng = np.random.default_rng(seed)
    uncertainty = np.exp(rng.normal([-3, -2], [1.0, 0.5], (n, 2)))
    p = 1 / (1 + np.exp(-(-4 - 1.5 * np.log(uncertainty[:, 0]) - 0.7 * np.log(uncertainty[:, 1]))))
    return uncertainty.astype(np.float32), p, rng.random(n) < p


def test_the_probability_that_made_the_data_is_found() -> None:
    uncertainty, _, reliable = drawn(20_000, 0)
    found = calibrate(uncertainty, reliable)
    assert found.weights == pytest.approx((-1.5, -0.7), abs=0.15)
    fresh, p, _ = drawn(2000, 1)
    told = found.confidence(torch.from_numpy(fresh)).numpy()
    assert np.abs(told - p).max() < 0.06


def test_less_doubt_is_more_confidence_and_none_is_no_error() -> None:
    calibration = Calibration(-4.0, (-1.5, -0.7))
    told = calibration.confidence(torch.tensor([[0.0, 0.0], [0.01, 0.1], [0.1, 0.1], [0.1, 0.4]]))
    assert torch.isfinite(told).all()
    assert (told.diff() < 0).all()


@pytest.mark.parametrize("all_of_them", [True, False])
def test_with_one_outcome_only_there_is_nothing_to_fit(all_of_them: bool) -> None:
    with pytest.raises(ValueError, match="expected reliable landmarks and others"):
        calibrate(np.ones((4, 2), dtype=np.float32), np.full(4, all_of_them))
