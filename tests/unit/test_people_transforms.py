"""What is drawn by landmarks: expressions move pixels and labels alike, covers leave the labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceline import transforms as T
from faceline.geometry.face_model import neutral_shape

EDGE = 160
SEEDS = st.integers(0, 2**31)


def _face() -> np.ndarray:
    """An upright mean face in the middle of a frame."""
    points = neutral_shape()[:, :2]
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    return (EDGE / 2 + (points - middle) * 0.5 * EDGE / np.ptp(points[:, 1])).astype(np.float32)


FACE = _face()
NOT_PAINTED = range(48)  # an open mouth is painted, so nothing is known of the pixels about the lips


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_the_pixels_of_an_expression_are_where_its_labels_are(seed: int) -> None:
    y, x = np.mgrid[:EDGE, :EDGE]
    # Every pixel tells its place, so the pixel at a new landmark tells where that landmark was.
    frame = np.stack([x, y, 0 * x], axis=2).astype(np.uint8)
    # Half-closed lids at most: where ten pixels become one, the nearest pixel to a landmark is from far away.
    image, landmarks = T.Pipeline([T.ExpressionWarp(eyes=0.5, probability=1.0)])(frame, FACE, seed)
    moved = np.asarray(landmarks)[:, :2]
    for index in NOT_PAINTED:
        column, row = np.round(moved[index]).astype(int)
        was = np.asarray(image)[row, column, :2].astype(float) - (np.round(moved[index]) - moved[index])
        assert np.abs(was - FACE[index]).max() < 2.5, index


def test_eyes_close_and_open() -> None:
    frame, warp = np.zeros((EDGE, EDGE, 3), np.uint8), T.Pipeline([T.ExpressionWarp(probability=1.0)])
    heights = [np.ptp(np.asarray(warp(frame, FACE, seed)[1])[[37, 41], 1]) for seed in range(60)]
    usual = np.ptp(FACE[[37, 41], 1])
    assert min(heights) < 0.3 * usual and max(heights) > 1.1 * usual


@settings(max_examples=10, deadline=None)
@given(SEEDS)
@pytest.mark.parametrize("cover", ["mask", "glasses", "hand", "hair"])
def test_a_cover_changes_pixels_and_no_label(cover: str, seed: int) -> None:
    frame = np.full((EDGE, EDGE, 3), 128, np.uint8)
    shares = {name: float(name == cover) for name in ("mask", "glasses", "hand", "hair")}
    image, landmarks = T.Pipeline([T.FaceOcclusion(**shares)])(frame, FACE, seed)
    np.testing.assert_array_equal(np.asarray(landmarks)[:, :2], FACE)
    assert (np.asarray(image) != frame).any()


def test_a_mask_covers_the_mouth_and_glasses_cover_the_eyes() -> None:
    frame = np.full((EDGE, EDGE, 3), 128, np.uint8)
    for cover, points, free in (("mask", FACE[48:68], FACE[36:48]), ("glasses", FACE[36:48], FACE[48:68])):
        shares = {name: float(name == cover) for name in ("mask", "glasses", "hand", "hair")}
        image = np.asarray(T.Pipeline([T.FaceOcclusion(**shares)])(frame, FACE, 3)[0])
        changed = (image != frame).any(axis=2)
        covered, seen = (changed[each[:, 1].astype(int), each[:, 0].astype(int)] for each in (points, free))
        assert covered.mean() > 0.9 and not seen.any()


def test_low_light_is_dark_and_low_resolution_is_smooth() -> None:
    frame = np.random.default_rng(0).integers(60, 200, (EDGE, EDGE, 3)).astype(np.uint8)
    dark, _ = T.Pipeline([T.LowLight((0.2, 0.3), 0.02, 1.0)])(frame, FACE, 1)
    small, points = T.Pipeline([T.LowResolution((0.2, 0.3), 1.0)])(frame, FACE, 1)
    assert np.asarray(dark).mean() < 0.35 * frame.mean()
    assert np.asarray(small).shape == frame.shape and np.asarray(small).std() < 0.6 * frame.std()
    np.testing.assert_array_equal(np.asarray(points)[:, :2], FACE)


def test_low_resolution_moves_nothing() -> None:
    rows, columns = np.mgrid[:EDGE, :EDGE]
    spot = np.exp(-((columns - 0.5 * EDGE) ** 2 + (rows - 0.4 * EDGE) ** 2) / (0.1 * EDGE) ** 2)
    frame = np.repeat((200 * spot)[:, :, None], 3, axis=2).astype(np.uint8)
    for seed in range(20):
        light = np.asarray(T.Pipeline([T.LowResolution((0.2, 0.3), 1.0)])(frame, FACE, seed)[0])[..., 0].astype(float)
        middle = np.array([(light * columns).sum(), (light * rows).sum()]) / light.sum()
        np.testing.assert_allclose(middle, [0.5 * EDGE, 0.4 * EDGE], atol=0.3)
