import numpy as np
import pytest

from faceline.geometry.face_model import Expression, express, identity, neutral_shape
from faceline.geometry.head_mesh import azimuths, head_around, heights, neutral_head, normals


def distance_to(grid, points):
    return np.linalg.norm(grid.reshape(-1, 1, 3) - points, axis=2).min(axis=0)


def test_neutral_head_goes_through_its_landmarks():
    # the inner mouth lies behind the lips, and no vertex need be nearer than the half of a quad
    assert distance_to(neutral_head(), neutral_shape()[:60]).max() < 0.085


def test_neutral_head_is_symmetric_and_closed_at_the_back():
    head = neutral_head()
    np.testing.assert_allclose(head[:, ::-1] * [-1, 1, 1], head, atol=1e-9)
    np.testing.assert_allclose(head[:, 0], head[:, -1], atol=1e-9)
    assert head.shape[:2] == (len(heights()), len(azimuths()))
    radius = np.hypot(head[..., 0], head[..., 2])
    assert radius[0].max() < 0.01  # the crown
    assert radius[1:].min() > 0.2
    assert radius.max() < 1.8


@pytest.mark.parametrize(
    "expression", [Expression(), Expression(mouth_open=0.8), Expression(smile=0.8, brow_raise=0.8)]
)
def test_head_follows_its_landmarks(expression):
    for seed in range(5):
        shape = express(identity(np.random.default_rng(seed)), expression)
        assert distance_to(head_around(shape), shape[:48]).max() < 0.13


def test_head_of_the_neutral_face_is_the_neutral_head():
    np.testing.assert_allclose(head_around(neutral_shape()), neutral_head(), atol=1e-12)


def test_opening_the_mouth_leaves_the_skull():
    moved = np.abs(head_around(express(neutral_shape(), Expression(mouth_open=1.0))) - neutral_head()).max(axis=2)
    assert moved[heights() < -0.8].max() < 0.03
    assert moved.max() > 0.25


def test_normals_point_out_of_a_ball():
    theta, y = np.meshgrid(np.linspace(-3, 3, 40), np.linspace(-0.9, 0.9, 30))
    ring = np.sqrt(1 - y**2)
    ball = np.stack([ring * np.sin(theta), y, ring * np.cos(theta)], axis=2)
    centres = (ball[1:, 1:] + ball[:-1, :-1] + ball[1:, :-1] + ball[:-1, 1:]) / 4
    centres /= np.linalg.norm(centres, axis=2, keepdims=True)
    np.testing.assert_allclose(normals(ball), centres, atol=0.02)


def test_normals_of_the_face_point_to_the_viewer():
    head = neutral_head()
    front = normals(head)[(heights()[:-1] > -0.3) & (heights()[:-1] < 1.4)][:, np.abs(azimuths()[:-1]) < 0.1]
    assert (front[..., 2] > 0).all()
