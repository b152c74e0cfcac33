"""YuNet over a photo: drawn faces of many sizes and turns, and photos that show none."""

import cv2
import numpy as np
import pytest

from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces
from faceline.inference.faces import YuNet


@pytest.fixture(scope="module")
def portraits() -> list[tuple[np.ndarray, np.ndarray]]:
    """Some drawn frames and their landmarks."""
    source = SyntheticFaces(people=6, videos=1, frames=1, test_frames=0, min_width=180, seed=3)
    return [(source.read(row), row.landmarks) for row in source.rows(BadRows("raise"))]


def _on_canvas(portraits, size: tuple[int, int], width: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """A photo with all of them in a row, each so wide, and the middles of their landmarks."""
    photo, middles = np.full((*size, 3), 128, dtype=np.uint8), []
    for i, (image, landmarks) in enumerate(portraits):
        zoom = width / image.shape[1]
        small = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
        left, top = 10 + i * (size[1] // len(portraits)), 20 + 15 * i
        photo[top : top + small.shape[0], left : left + width] = small
        middles.append(landmarks.mean(axis=0) * zoom + [left, top])
    return photo, middles


@pytest.mark.parametrize(("size", "width"), [((500, 1200), 150), ((1080, 1920), 56)])
def test_every_face_is_found_in_its_window(portraits, size: tuple[int, int], width: int) -> None:
    photo, middles = _on_canvas(portraits, size, width)
    faces = YuNet().find(photo)
    areas = [face.box[2] * face.box[3] for face in faces]
    assert areas == sorted(areas, reverse=True)
    near = [min(np.abs(face.window.from_photo(middle[None]) - 0.5).max() for face in faces) for middle in middles]
    assert sum(distance < 0.1 for distance in near) >= 5


def test_nobody_of_a_crowd_is_left_out(portraits) -> None:
    image, _ = portraits[0]
    edge = 40
    small = cv2.resize(image, (edge, edge), interpolation=cv2.INTER_AREA)
    photo = np.full((8 * 60, 10 * 60, 3), 128, dtype=np.uint8)
    for number in range(80):
        y, x = 10 + number // 10 * 60, 10 + number % 10 * 60
        photo[y : y + edge, x : x + edge] = small
    assert len(YuNet().find(photo)) == 80


def test_a_face_that_fills_the_photo_is_found(portraits) -> None:
    image, landmarks = portraits[0]
    low, high = np.maximum(landmarks.min(axis=0).astype(int), 0), landmarks.max(axis=0).astype(int)
    close = cv2.resize(image[low[1] : high[1], low[0] : high[0]], (1200, 1200))
    assert YuNet().find(close)


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_a_photo_on_its_side_has_the_same_faces(portraits, quarter: int) -> None:
    photo, _ = _on_canvas(portraits[:2], (500, 700), 200)
    upright = YuNet().find(photo)
    turned = YuNet().find(np.ascontiguousarray(np.rot90(photo, quarter)))
    assert len(upright) == len(turned) == 2
    angles = [(face.window.angle + quarter * np.pi / 2 + np.pi) % (2 * np.pi) - np.pi for face in turned]
    assert np.abs(angles).max() < np.radians(25)


@pytest.mark.parametrize("size", [(1, 1), (1, 1300), (1300, 1), (200, 300), (1, 40_000)])
def test_a_plain_photo_shows_none(size: tuple[int, int]) -> None:
    assert YuNet().find(np.full((*size, 3), 90, dtype=np.uint8)) == []


@pytest.mark.parametrize(("zoom", "noise"), [(1, 4), (4, 9)])
def test_a_face_in_the_dark_is_found_where_it_is_and_noise_is_none(portraits, zoom: int, noise: float) -> None:
    rng, near = np.random.default_rng(0), []
    for image, landmarks in portraits:
        large = cv2.resize(image, None, fx=zoom, fy=zoom)
        dark = (large * 0.08 + rng.normal(0, noise, large.shape)).clip(0, 255).astype(np.uint8)
        middle = (landmarks.mean(axis=0) + 0.5) * zoom - 0.5
        faces = YuNet(score=0.5).find(dark)
        near += [min((np.abs(face.window.from_photo(middle[None]) - 0.5).max() for face in faces), default=1.0)]
    assert sum(distance < 0.12 for distance in near) >= 4
    assert YuNet(score=0.5).find((rng.normal(20, 9, (300, 400, 3))).clip(0, 255).astype(np.uint8)) == []
