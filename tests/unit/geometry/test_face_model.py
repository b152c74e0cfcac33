import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from faceline.geometry.face_model import (
    Expression,
    express,
    identity,
    identity_modes,
    neutral_shape,
    project,
    rotation,
)
from faceline.geometry.markup import FLIP_ORDER, FLIP_PAIRS

ANGLES = st.floats(-60, 60)


def test_neutral_shape_is_its_own_mirror():
    shape = neutral_shape()
    for left, right in FLIP_PAIRS:
        np.testing.assert_allclose(shape[left], shape[right] * [-1, 1, 1])
        assert shape[left, 0] * shape[right, 0] < 0
    unpaired = sorted(set(range(68)) - {i for pair in FLIP_PAIRS for i in pair})
    np.testing.assert_array_equal(shape[unpaired, 0], 0)


def test_neutral_shape_has_the_proportions_of_a_face():
    shape = neutral_shape()
    assert len(np.unique(shape, axis=0)) == 68
    assert shape[:, 2].argmax() == 30  # the tip of the nose is nearest to the viewer
    assert shape[:, 1].argmax() == 8  # the chin is lowest
    brows, eyes, nose, mouth = (shape[a:b, 1].mean() for a, b in ((17, 27), (36, 48), (31, 36), (48, 68)))
    assert brows < eyes < nose < mouth < shape[8, 1]
    interocular = shape[45, 0] - shape[36, 0]
    assert 0.5 < interocular / (shape[16, 0] - shape[0, 0]) < 0.7


@pytest.mark.parametrize("mode", identity_modes())
def test_every_way_in_which_faces_differ_is_symmetric(mode):
    moved = identity_modes()[mode]
    assert np.abs(moved).max() > 0.005
    np.testing.assert_allclose(moved[FLIP_ORDER] * [-1, 1, 1], moved, atol=1e-12)


def test_a_person_is_the_same_for_the_same_generator_and_another_for_another():
    first, again, other = (identity(np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.03
    np.testing.assert_array_equal(identity(np.random.default_rng(1), strength=0.0), neutral_shape())


@example(914)  # whose nose was drawn below the lip
@given(st.integers(0, 10_000))
def test_every_person_still_has_a_face(seed):
    shape = identity(np.random.default_rng(seed))
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46), (51, 57), (33, 51), (57, 8), (27, 30)):
        assert shape[upper, 1] < shape[lower, 1]
    for left, right in ((0, 16), (17, 21), (36, 39), (39, 42), (42, 45), (48, 54), (31, 35)):
        assert shape[left, 0] < shape[right, 0]


def test_no_expression_changes_nothing():
    np.testing.assert_array_equal(express(neutral_shape(), Expression()), neutral_shape())


def test_expressions_do_what_their_names_say():
    rest = neutral_shape()

    def gap(shape, upper, lower):
        return shape[lower, 1] - shape[upper, 1]

    wide = express(rest, Expression(mouth_open=1.0))
    assert gap(wide, 62, 66) > gap(rest, 62, 66) + 0.25
    assert wide[8, 1] > rest[8, 1] + 0.2
    smiling = express(rest, Expression(smile=1.0))
    assert smiling[54, 0] - smiling[48, 0] > rest[54, 0] - rest[48, 0] + 0.1
    assert smiling[48, 1] < rest[48, 1]
    assert smiling[54, 1] < rest[54, 1]
    raised = express(rest, Expression(brow_raise=1.0))
    assert (raised[17:27, 1] < rest[17:27, 1] - 0.05).all()
    np.testing.assert_array_equal(raised[48:], rest[48:])
    shut = express(rest, Expression(eye_close=1.0))
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        assert 0 <= gap(shut, upper, lower) < 0.1 * gap(rest, upper, lower)


@given(st.floats(0, 1), st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1))
def test_expressions_are_symmetric(mouth_open, smile, brow_raise, eye_close):
    shape = express(neutral_shape(), Expression(mouth_open, smile, brow_raise, eye_close))
    np.testing.assert_allclose(shape[FLIP_ORDER] * [-1, 1, 1], shape, atol=1e-12)


@given(ANGLES, ANGLES, ANGLES)
def test_rotation_is_a_rotation(yaw, pitch, roll):
    turn = rotation(yaw, pitch, roll)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) == pytest.approx(1)


def test_each_angle_turns_the_head_its_way():
    nose, right_ear = np.array([0.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0])
    np.testing.assert_allclose(rotation(90.0, 0.0, 0.0) @ nose, [1, 0, 0], atol=1e-12)  # to the image's right
    np.testing.assert_allclose(rotation(0.0, 90.0, 0.0) @ nose, [0, -1, 0], atol=1e-12)  # up
    np.testing.assert_allclose(rotation(0.0, 0.0, 90.0) @ right_ear, [0, 1, 0], atol=1e-12)  # clockwise


def test_projection_by_hand():
    points = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(project(points, np.eye(3), 10.0, (5.0, 7.0)), [[15, 27, 30], [5, 7, 0]])
    turned = project(points, rotation(0.0, 0.0, 90.0), 10.0, (5.0, 7.0))
    np.testing.assert_allclose(turned[0], [5 - 20, 7 + 10, 30])


@given(ANGLES, ANGLES, ANGLES, st.floats(1, 200))
def test_projection_keeps_distances_in_three_dimensions(yaw, pitch, roll, scale):
    shape = neutral_shape()
    posed = project(shape, rotation(yaw, pitch, roll), scale, (30.0, -4.0))
    np.testing.assert_allclose(
        np.linalg.norm(posed[1:] - posed[:-1], axis=1),
        scale * np.linalg.norm(shape[1:] - shape[:-1], axis=1),
        rtol=1e-9,
    )
