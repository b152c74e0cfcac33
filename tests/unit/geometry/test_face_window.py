"""The window of a face: points come back, and pixels lie where points say they do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceline.errors import InputError
from faceline.geometry.face_window import FaceWindow, roll_of, window_of

coordinate = st.floats(-500, 5000)


@given(coordinate, coordinate, st.floats(5, 3000), st.floats(-np.pi, np.pi))
def test_points_come_back(x: float, y: float, edge: float, angle: float) -> None:
    window = FaceWindow(x, y, edge, angle)
    points = np.random.default_rng(0).uniform(-1000, 3000, (68, 2))
    np.testing.assert_allclose(window.to_photo(window.from_photo(points)), points, atol=1e-6)


@pytest.mark.parametrize("angle", [0.0, 0.6, np.pi / 2, np.pi])
@pytest.mark.parametrize("edge", [60.0, 200.0, 1500.0])
def test_a_spot_is_in_the_picture_where_its_point_is(angle: float, edge: float) -> None:
    size, window = 96, FaceWindow(900.0, 700.0, edge, angle)
    for place in (np.array([[0.3, 0.4]]), np.array([[0.7, 0.55]])):
        spot = window.to_photo(place)[0]
        y, x = np.mgrid[:1500, :1800]
        near = np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (2 * (edge / 20) ** 2))
        photo = np.repeat(np.round(255 * near).astype(np.uint8)[..., None], 3, axis=2)
        picture = window.cut(photo, size)[..., 0].astype(float)
        rows, columns = np.mgrid[:size, :size]
        middle = np.array([(columns * picture).sum(), (rows * picture).sum()]) / picture.sum()
        np.testing.assert_allclose((middle + 0.5) / size, place[0], atol=0.5 / size)


def test_beyond_the_edges_the_photo_is_drawn_out() -> None:
    photo = np.full((40, 50, 3), 77, dtype=np.uint8)
    assert (FaceWindow(2.0, 3.0, 100.0, 0.4).cut(photo, 64) == 77).all()


@given(st.floats(-3.1, 3.1))
def test_the_roll_is_that_of_the_points(angle: float) -> None:
    upright = np.array([[30.0, 40], [70, 40], [50, 60], [36, 80], [64, 80]])
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    assert roll_of(upright @ turn) == pytest.approx(angle, abs=1e-9)


def test_a_box_without_an_area_is_refused() -> None:
    with pytest.raises(InputError, match="with an area"):
        window_of(np.array([1.0, 2, 0, 5]), np.zeros((5, 2)))


def test_points_keep_their_precision() -> None:
    window = FaceWindow(30.0, 40.0, 20.0, 0.3)
    for kind in (np.float32, np.float64):
        points = np.zeros((5, 2), dtype=kind)
        assert window.from_photo(points).dtype == window.to_photo(points).dtype == kind


def test_the_window_turns_with_the_face() -> None:
    box, points = np.array([30.0, 40, 50, 60]), np.array([[40.0, 60], [70, 60], [55, 75], [42, 90], [68, 90]])
    upright = window_of(box, points)
    assert (upright.x, upright.angle) == (55, 0) and upright.y > 70  # below the middle of the box
    middle, turn = box[:2] + box[2:] / 2, np.array([[0, 1], [-1, 0]])  # a quarter, clockwise in the picture
    turned = window_of(np.array([55 - 30, 70 - 25, 60.0, 50]), (points - middle) @ turn + middle)
    assert turned.angle == pytest.approx(np.pi / 2) and turned.edge == pytest.approx(upright.edge)
    np.testing.assert_allclose([turned.x, turned.y], [55 - (upright.y - 70), 70], atol=1e-9)
    assert window_of(box / 100, points / 100).edge == pytest.approx(upright.edge / 100)
