"""What a detector does by habit is undone, however the face lies in the frame."""

import numpy as np
import pytest
import torch

from faceline.geometry.face_model import neutral_shape
from faceline.models.shape_correction import ShapeCorrection, fit_correction, lid_opening, own_frame, with_lids

Shapes = np.ndarray


def _faces(n: int, seed: int) -> Shapes:
    """Faces that differ, turned, scaled and moved by chance."""
    rng = np.random.default_rng(seed)
    shapes = neutral_shape()[None, :, :2] + rng.normal(0, 0.05, (n, 68, 2))
    return _placed(shapes, rng)


def _placed(shapes: Shapes, rng: np.random.Generator) -> Shapes:
    angle, scale = rng.uniform(-1, 1, len(shapes)), rng.uniform(0.1, 0.3, len(shapes))
    turn = np.stack([np.stack([np.cos(angle), -np.sin(angle)], 1), np.stack([np.sin(angle), np.cos(angle)], 1)], 1)
    return np.einsum("nij,nkj->nki", turn * scale[:, None, None], shapes) + rng.uniform(0.3, 0.7, (len(shapes), 1, 2))


def _timid(true: Shapes) -> Shapes:
    """What a detector finds that draws landmarks halfway to the neutral face, and the mouth a little down."""
    shape = own_frame(true, true)
    x, y = np.split(shape, 2, axis=1)
    usual = neutral_shape()[:, :2] - neutral_shape()[:, :2].mean(axis=0)
    found = (np.stack([x, y], axis=2) + usual) / 2
    found[:, 48:, 1] += 0.02
    return _back(found, true)


def _back(shapes: Shapes, true: Shapes) -> Shapes:
    """Shapes of their own frame, where other faces lie."""
    centre = true.mean(axis=1, keepdims=True)
    usual = neutral_shape()[:, :2] - neutral_shape()[:, :2].mean(axis=0)
    z = ((true - centre) @ [1, 1j]) @ np.conj(usual @ [1, 1j]) / (usual**2).sum()
    placed = (shapes @ [1, 1j]) * z[:, None]
    return np.stack([placed.real, placed.imag], axis=2) + centre


def _apply(correction: ShapeCorrection, landmarks: Shapes) -> Shapes:
    return correction(torch.from_numpy(landmarks.astype(np.float32))).numpy()


def test_habits_that_were_seen_in_some_faces_are_undone_in_others() -> None:
    true, others = _faces(600, 0), _faces(50, 1)
    correction = fit_correction(_timid(true), true, stiffness=1e-6)
    before, after = np.abs(_timid(others) - others).mean(), np.abs(_apply(correction, _timid(others)) - others).mean()
    assert after < 0.1 * before


def test_a_correction_turns_grows_and_moves_with_the_face() -> None:
    true = _faces(300, 2)
    correction = with_lids(fit_correction(_timid(true), true, stiffness=1e-3), 2.0)
    face = _faces(1, 3)
    other = np.stack([0.5 + 0.5 * face[..., 1], 0.7 - 0.5 * face[..., 0]], axis=2)  # a quarter turn, half the size
    moved = _apply(correction, face)
    np.testing.assert_allclose(
        _apply(correction, other), np.stack([0.5 + 0.5 * moved[..., 1], 0.7 - 0.5 * moved[..., 0]], axis=2), atol=1e-5
    )


@pytest.mark.parametrize("gain", [1.0, 2.5])
def test_lids_move_further_by_the_gain_and_nothing_else_does(gain: float) -> None:
    true = _faces(300, 4)
    correction = fit_correction(true, true, stiffness=1.0)
    plain, wider = (own_frame(_apply(each, true), true) for each in (correction, with_lids(correction, gain)))
    usual = lid_opening(plain).mean(axis=0)
    np.testing.assert_allclose(lid_opening(wider) - usual, gain * (lid_opening(plain) - usual), atol=1e-3)
    lids = [37, 38, 40, 41, 43, 44, 46, 47]
    others = np.setdiff1d(np.arange(136), np.array(lids) + 68)
    np.testing.assert_allclose(wider[:, others], plain[:, others], atol=1e-5)
