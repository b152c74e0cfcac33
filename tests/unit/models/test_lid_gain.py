"""Lids move further, however the face lies in the frame."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from faceline.geometry.face_model import neutral_shape
from faceline.models.lid_gain import LidGain, lid_opening

LIDS = [37, 38, 40, 41, 43, 44, 46, 47]
Shapes = np.ndarray


def _faces(n: int, seed: int) -> Shapes:
    """Upright faces that differ by chance."""
    return neutral_shape()[None, :, :2] + np.random.default_rng(seed).normal(0, 0.05, (n, 68, 2))


def _apply(gain: LidGain, landmarks: Shapes) -> Shapes:
    return gain(torch.from_numpy(landmarks.astype(np.float32))).numpy()


@pytest.mark.parametrize("gain", [1.0, 2.5])
def test_lids_move_further_by_the_gain_and_nothing_else_does(gain: float) -> None:
    faces = _faces(30, 4)
    wider = _apply(LidGain(gain, 0.1), faces)
    opening, before = lid_opening(wider, faces), lid_opening(faces, faces)
    np.testing.assert_allclose(opening - 0.1, gain * (before - 0.1), atol=1e-4)
    others = np.setdiff1d(np.arange(68), LIDS)
    np.testing.assert_allclose(wider[:, others], faces[:, others], atol=1e-5)


def test_an_eye_as_open_as_usual_stays_as_it_is() -> None:
    face = _faces(1, 5)
    usual = lid_opening(face, face)
    right, left = (_apply(LidGain(3.0, float(each)), face)[0] - face[0] for each in usual[0])
    assert np.abs(right[[37, 38, 40, 41]]).max() < 1e-5 and np.abs(left[[43, 44, 46, 47]]).max() < 1e-5
    assert np.abs(right[[43, 44, 46, 47]]).max() > 1e-3


def test_a_blink_is_done_by_the_upper_lid() -> None:
    face = _faces(1, 6)
    moved = (_apply(LidGain(2.0, 0.0), face) - face)[0]
    assert np.abs(moved[[37, 38, 43, 44]]).mean() > 4 * np.abs(moved[[40, 41, 46, 47]]).mean()


@given(angle=st.floats(-3.1, 3.1), size=st.floats(0.05, 4.0), shift=st.floats(-1, 1))
def test_the_gain_turns_grows_and_moves_with_the_face(angle: float, size: float, shift: float) -> None:
    face, gain = _faces(1, 3), LidGain(2.0, 0.1)
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    placed = _apply(gain, face @ turn.T + shift)
    np.testing.assert_allclose(placed, _apply(gain, face) @ turn.T + shift, atol=1e-4 * max(size, 1))
