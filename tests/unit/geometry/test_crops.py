"""Aligned faces: an eye is where an eye is expected, whatever the frame."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces
from faceline.errors import InputError
from faceline.geometry.crops import (
    ARCFACE,
    DLIB,
    Template,
    Window,
    align_face,
    cut_window,
    face_window,
    five_point_template,
    similarity,
    window_around,
)

TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


@given(st.integers(0, 2**32 - 1), st.floats(-3, 3), st.floats(0.05, 20))
@settings(deadline=None)
def test_a_similarity_is_found_again(seed: int, angle: float, zoom: float) -> None:
    rng = np.random.default_rng(seed)
    points, shift = rng.normal(size=(5, 2)), rng.normal(size=2) * 10
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = similarity(points, points @ turn.T + shift)
    np.testing.assert_allclose(matrix, np.hstack([turn, shift[:, None]]), atol=1e-6 * max(1, zoom))


def test_it_never_mirrors() -> None:
    matrix = similarity(TEMPLATE * [-1, 1], TEMPLATE)
    assert np.linalg.det(matrix[:, :2]) > 0


def test_points_that_are_one_point_have_no_similarity() -> None:
    with pytest.raises(ValueError, match="lie apart"):
        similarity(np.ones((5, 2)), TEMPLATE)


def dotted(landmarks: np.ndarray, size: tuple[int, int], radius: float, template: Template = ARCFACE) -> np.ndarray:
    """White dots at the points of a template on black."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    for x, y in template.of(landmarks):
        centre = (round(x * 16), round(y * 16))
        cv2.circle(picture, centre, round(radius * 16), (255, 255, 255), -1, cv2.LINE_AA, 4)
    return picture


def test_a_template_of_ones_own_is_aligned_to() -> None:
    own = five_point_template([[20, 30], [60, 30], [40, 50], [25, 65], [55, 65]], 80)
    landmarks = np.zeros((68, 2))
    landmarks[36:42], landmarks[42:48] = [120, 130], [160, 130]
    landmarks[[30, 48, 54]] = [[140, 150], [125, 165], [155, 165]]
    crop = align_face(dotted(landmarks, (300, 300), 3), landmarks, 80, template=own).astype(float)[..., 0]
    for x, y in ([20, 30], [60, 30], [40, 50], [25, 65], [55, 65]):
        assert crop[y, x] > 200


def test_dlibs_chip_has_the_eyes_where_dlib_has_them() -> None:
    """Of a chip of 150 pixels with a padding of a quarter, by hand: (0.1206 + 0.25) / 1.5 * 150 = 37.06."""
    landmarks = np.zeros((68, 2))
    chip = np.array([[37.06, 46.37], [58.41, 47.91], [89.61, 47.90], [110.96, 46.35], [74.01, 87.78]])
    landmarks[[36, 39, 42, 45, 33]] = 2 * chip + 30
    crop = align_face(dotted(landmarks, (400, 400), 6, DLIB), landmarks, 150, template=DLIB).astype(float)[..., 0]
    rows, columns = np.mgrid[:150, :150]
    for x, y in chip:
        near = crop * (np.hypot(columns - x, rows - y) < 7)
        assert (near * columns).sum() / near.sum() == pytest.approx(x - 0.5, abs=0.35)
        assert (near * rows).sum() / near.sum() == pytest.approx(y - 0.5, abs=0.35)


@pytest.mark.parametrize(
    ("zoom", "roll", "margin", "size"),
    [(1.0, 0, 0.0, 112), (0.4, 25, 0.0, 112), (6.0, -40, 0.0, 112), (2.0, 10, 0.2, 112), (3.0, 5, 0.0, 448)],
)
def test_the_five_points_come_to_the_template(zoom: float, roll: float, margin: float, size: int) -> None:
    angle = np.deg2rad(roll)
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (TEMPLATE - 56) @ turn.T + 400
    landmarks = np.zeros((68, 2))
    landmarks[36:42], landmarks[42:48] = points[0], points[1]
    landmarks[[30, 48, 54]] = points[2:]
    crop = align_face(dotted(landmarks, (800, 800), 4 * zoom), landmarks, size, margin).astype(float)[..., 0]
    larger = size / 112
    expected = larger * (TEMPLATE + 0.5 + margin * 112) / (1 + 2 * margin) - 0.5  # of the middles of pixels
    rows, columns = np.mgrid[:size, :size]
    for x, y in expected:
        near = crop * (np.hypot(columns - x, rows - y) < 8 * larger)
        assert (near * columns).sum() / near.sum() == pytest.approx(x, abs=0.35)
        assert (near * rows).sum() / near.sum() == pytest.approx(y, abs=0.35)


def test_a_frame_that_is_turned_and_zoomed_gives_the_same_face() -> None:
    source = SyntheticFaces(people=1, videos=1, frames=1, min_width=200, max_width=200, test_frames=0)
    row = source.rows(BadRows("raise"))[0]
    image = source.read(row)
    matrix = cv2.getRotationMatrix2D((100, 100), 20, 1.3)
    matrix[:, 2] += 80  # all of it stays in the frame
    moved = cv2.warpAffine(image, matrix, (420, 420), borderMode=cv2.BORDER_REPLICATE)
    landmarks = row.landmarks @ matrix[:, :2].T + matrix[:, 2]
    one, other = (
        align_face(*pair, 96)[20:80, 20:80].astype(float) for pair in ((image, row.landmarks), (moved, landmarks))
    )
    assert np.abs(one - other).mean() < 6


@pytest.mark.parametrize("landmarks", [np.full((68, 2), np.nan), np.ones((68, 2))])
def test_landmarks_that_make_no_face_are_refused(landmarks: np.ndarray) -> None:
    with pytest.raises(InputError, match="can be aligned"):
        align_face(np.zeros((50, 50, 3), np.uint8), landmarks, 32)


def test_a_window_has_the_room_that_training_frames_have_around_a_face() -> None:
    window = face_window(np.array([100.0, 200.0, 50.0, 50.0]))
    assert 50 / window.width == pytest.approx(0.477, abs=0.01) and 50 / window.height == pytest.approx(0.425, abs=0.01)
    assert window.left + window.width / 2 == pytest.approx(125, abs=1)
    assert 0.46 < (225 - window.top) / window.height < 0.5  # the face is a little above the middle


@given(st.integers(-30, 70), st.integers(-30, 70), st.integers(1, 90), st.integers(1, 90))
def test_a_window_shows_its_pixels_and_draws_the_edges_out(left: int, top: int, width: int, height: int) -> None:
    rows, columns = np.mgrid[:60, :64]
    image = np.stack([columns, rows, rows], axis=-1).astype(np.uint8)
    window = Window(left, top, width, height)
    if left >= 64 or top >= 60 or left + width <= 0 or top + height <= 0:
        with pytest.raises(InputError, match="outside of the image"):
            cut_window(image, window)
        return
    cut = cut_window(image, window)
    expected = np.stack(np.meshgrid(np.arange(left, left + width), np.arange(top, top + height)), axis=-1)
    np.testing.assert_array_equal(cut[..., :2], expected.clip([0, 0], [63, 59]))


@pytest.mark.parametrize("box", [[0, 0, 0, 5], [0, 0, 5, -1], [np.nan, 0, 5, 5], [0, np.inf, 5, 5]])
def test_a_box_without_an_area_is_refused(box: list[float]) -> None:
    with pytest.raises(InputError, match="with an area"):
        face_window(np.array(box))


def test_a_window_around_landmarks_by_hand() -> None:
    landmarks = np.full((68, 2), np.nan)
    landmarks[3], landmarks[9] = [100, 40], [200, 100]  # 100 wide, 60 high
    assert window_around(landmarks) == (150 - 115, 70 - 13 - 115, 230, 230)
    landmarks[9] = [110, 140]  # the height is the larger extent
    assert window_around(landmarks) == (105 - 115, 90 - 13 - 115, 230, 230)
    assert window_around(np.ones((68, 2)))[2:] == (1, 1)


def test_points_of_ones_own_template_are_means_of_landmarks() -> None:
    landmarks = np.arange(136, dtype=np.float64).reshape(68, 2)
    points = Template(((0, 2), (5,)), ((0.2, 0.3), (0.5, 0.5))).of(landmarks)
    np.testing.assert_array_equal(points, [[2, 3], [10, 11]])
    mine = five_point_template([[0, 9], [9.5, 4.5]], 10)
    np.testing.assert_allclose(mine.points, [[0.05, 0.95], [1.0, 0.5]])


@pytest.mark.parametrize("edge", [1, 2, 5])
def test_large_faces_are_averaged_not_sampled(edge: int) -> None:
    """Stripes of one pixel become grey where many of them share a pixel of the crop."""
    image = np.zeros((300 * edge, 600 * edge, 3), np.uint8)
    image[:, ::2] = 255
    landmarks = np.zeros((68, 2))
    points = (TEMPLATE + 20) * 2 * edge
    landmarks[36:42], landmarks[42:48] = points[0], points[1]
    landmarks[[30, 48, 54]] = points[2:]
    crop = align_face(image, landmarks, 32).astype(float)
    assert crop.shape == (32, 32, 3)
    assert np.abs(crop - 127.5).mean() < 20


def test_a_face_on_one_line_is_refused_in_one_line() -> None:
    landmarks = np.random.default_rng(0).random((68, 2)) * 20
    landmarks[:, 1] = 5
    with pytest.raises(InputError) as refusal:
        align_face(np.zeros((50, 50, 3), np.uint8), landmarks, 32)
    assert str(refusal.value) == "the eyes, nose and mouth do not form a face that can be aligned"
