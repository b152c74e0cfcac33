"""Where the faces of a photo are: drawn faces with known landmarks, pasted anywhere on a larger canvas."""

import numpy as np
import pytest

from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces
from faceline.inference.faces import FaceFinder, FaceFirst


@pytest.fixture(scope="module")
def portraits() -> list[tuple[np.ndarray, np.ndarray]]:
    """Some drawn frames and their landmarks."""
    source = SyntheticFaces(people=6, videos=1, frames=1, test_frames=0, min_width=180, seed=3)
    return [(source.read(row), row.landmarks) for row in source.rows(BadRows("raise"))]


@pytest.mark.parametrize("canvas", [(700, 900), (2000, 1500)])
def test_a_face_is_found_where_it_is(portraits, canvas: tuple[int, int]) -> None:
    finder, found = FaceFinder(), 0
    for i, (image, landmarks) in enumerate(portraits):
        photo = np.full((*canvas, 3), 128, dtype=np.uint8)
        top, left = 40 + 70 * i, 300 - 50 * i
        photo[top : top + image.shape[0], left : left + image.shape[1]] = image
        boxes = finder.find(photo)
        assert boxes.shape[1] == 4
        middle = landmarks.mean(axis=0) + np.array([left, top])
        found += any((box[:2] < middle).all() and (middle < box[:2] + box[2:]).all() for box in boxes)
    assert found >= 4  # the others look away by 30 degrees


def test_where_no_face_is_none_is_found() -> None:
    assert FaceFinder().find(np.full((200, 300, 3), 90, dtype=np.uint8)).shape == (0, 4)


@pytest.mark.parametrize("size", [(1, 1), (1, 1300), (1300, 1), (1, 40_000)])
def test_a_strip_of_an_image_shows_none(size: tuple[int, int]) -> None:
    assert FaceFinder().find(np.full((*size, 3), 90, dtype=np.uint8)).shape == (0, 4)


def test_the_largest_face_is_the_first(portraits) -> None:
    photo = np.full((1000, 1200, 3), 128, dtype=np.uint8)
    for i, (image, _) in enumerate(portraits[:3]):
        photo[100 : 100 + image.shape[0], 350 * i : 350 * i + image.shape[1]] = image
    widths = FaceFinder().find(photo)[:, 2]
    assert len(widths) >= 2 and (np.diff(widths) <= 0).all()


def test_a_face_that_is_overlooked_is_looked_for_again() -> None:
    source = SyntheticFaces(people=40, videos=1, frames=1, test_frames=0, min_width=180, seed=3)
    row = source.rows(BadRows("raise"))[29]
    image, photo = source.read(row), np.full((700, 900, 3), 128, dtype=np.uint8)
    photo[100 : 100 + image.shape[0], 200 : 200 + image.shape[1]] = image
    assert not len(FaceFinder().find(photo))
    looked_at: list[tuple[int, ...]] = []

    def detect(part: np.ndarray) -> np.ndarray:
        looked_at.append(part.shape)
        return np.zeros((68, 2))

    corner, middle = FaceFirst(detect)(photo)[0], row.landmarks.mean(axis=0) + np.array([200, 100])
    ((height, width, _),) = looked_at
    assert (corner < middle).all() and (middle < corner + np.array([width, height])).all()
    assert max(height, width) < 350
