"""The search for faces with a network that is known by hand: it sees five coloured dots, and how they are turned."""

import cv2
import numpy as np
import pytest

from faceline.geometry.face_window import roll_of
from faceline.inference.faces import YuNet

COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255]])
"""Of the eyes, the nose and the corners of the mouth; those on the left come first."""
SHAPE = np.array([[-10.0, -8.0], [10.0, -8.0], [0.0, 0.0], [-7.0, 9.0], [7.0, 9.0]])
BACKGROUND = 120


class Dots:
    """Finds the dots of one face: surely upright, hardly when turned, not at all on its side."""

    looks: int

    def __init__(self, *_: object) -> None:
        self.looks = 0

    def look(self, image: np.ndarray) -> np.ndarray:
        self.looks += 1
        scaled = image * np.float32(255 / max(1, int(image.max())))  # whatever the light
        rows, columns = np.nonzero(np.ptp(image, axis=2) > 0.4 * image.max())
        nearest = np.linalg.norm(scaled[rows, columns][:, None] - COLOURS, axis=2).argmin(axis=1)
        if len(np.unique(nearest)) < len(COLOURS):
            return np.empty((0, 15))
        points = [[columns[nearest == i].mean(), rows[nearest == i].mean()] for i in range(len(COLOURS))]
        found = np.array(points)
        turned, wide = abs(np.degrees(roll_of(found))), float(np.hypot(*(found[1] - found[0]))) * 2
        confidence = 0.95 if turned < 10 else 0.7 if turned < 50 else 0.0
        if image.max() < 100:
            confidence *= 0.7
        middle = found.mean(axis=0)
        row = np.concatenate([middle - wide / 2, [wide, wide], found.ravel(), [confidence]])
        return row[None] if confidence > 0.3 else np.empty((0, 15))


@pytest.fixture
def finder(monkeypatch: pytest.MonkeyPatch) -> YuNet:
    monkeypatch.setattr("faceline.inference.faces.FaceNetwork", Dots)
    return YuNet()


def dotted(width: int, height: int, x: float, y: float, scale: float, degrees: float = 0.0) -> tuple:
    """A photo of dots, and where they are."""
    turn = np.radians(degrees)
    points = SHAPE * scale @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + [x, y]
    photo = np.full((height, width, 3), BACKGROUND, dtype=np.uint8)
    for (u, v), colour in zip(points, COLOURS, strict=True):
        centre = (round(u * 16), round(v * 16))
        cv2.circle(photo, centre, round(2.5 * scale * 16), colour.tolist(), -1, cv2.LINE_AA, shift=4)
    return photo, points


@pytest.mark.parametrize(("width", "height", "scale"), [(300, 200, 3), (200, 320, 2), (1300, 900, 8), (2000, 1100, 10)])
def test_an_upright_face_is_where_its_dots_are_at_every_size(
    finder: YuNet, width: int, height: int, scale: int
) -> None:
    photo, points = dotted(width, height, 0.4 * width, 0.55 * height, scale)
    (face,) = finder.find(photo)
    assert face.confidence == pytest.approx(0.95)
    np.testing.assert_allclose(face.points, points, atol=0.3 * scale + 0.2)
    wide = 40 * scale
    np.testing.assert_allclose(face.box, [*(points.mean(axis=0) - wide / 2), wide, wide], atol=0.4 * scale)


@pytest.mark.parametrize("quarter", [1, 2, 3])
@pytest.mark.parametrize(("width", "height", "scale"), [(300, 200, 3), (1300, 900, 8)])
def test_a_photo_on_its_side_or_upside_down(finder: YuNet, quarter: int, width: int, height: int, scale: int) -> None:
    photo, points = dotted(width, height, 0.4 * width, 0.55 * height, scale)
    (face,) = finder.find(np.ascontiguousarray(np.rot90(photo, quarter)))
    x, y = points.T
    expected = {1: (y, width - 1 - x), 2: (width - 1 - x, height - 1 - y), 3: (height - 1 - y, x)}[quarter]
    assert face.confidence == pytest.approx(0.95)
    np.testing.assert_allclose(face.points, np.stack(expected, axis=1), atol=0.2 * scale)
    middle = face.box[:2] + face.box[2:] / 2
    np.testing.assert_allclose(middle, np.stack(expected, axis=1).mean(axis=0), atol=0.3 * scale)


@pytest.mark.parametrize("degrees", [-40, -20, 25, 45])
def test_a_turned_face_gets_a_second_look_upright(finder: YuNet, degrees: int) -> None:
    photo, points = dotted(400, 360, 180, 170, 5, degrees)
    (face,) = finder.find(photo)
    assert face.confidence == pytest.approx(0.95)
    np.testing.assert_allclose(face.points, points, atol=1)
    assert np.degrees(roll_of(face.points)) == pytest.approx(degrees, abs=2)
    (face,) = YuNet(turns=False).find(photo)
    assert face.confidence == pytest.approx(0.7)
    assert YuNet(score=0.8, turns=False).find(photo) == []


def test_a_sure_upright_face_gets_no_second_look(finder: YuNet) -> None:
    finder.find(dotted(300, 200, 140, 100, 3)[0])
    assert finder._network.looks == 2  # the whole photo at two sizes


@pytest.mark.parametrize(("width", "height", "scale"), [(300, 200, 6), (1500, 1000, 14)])
def test_a_dark_photo_is_searched_again_brightened(finder: YuNet, width: int, height: int, scale: int) -> None:
    photo, points = dotted(width, height, 0.4 * width, 0.55 * height, scale)
    dark = (photo * 0.3).astype(np.uint8)
    (face,) = finder.find(dark)
    assert face.confidence == pytest.approx(0.95)
    np.testing.assert_allclose(face.points, points, atol=0.3 * scale + 0.2)


def test_a_photo_without_dots_has_no_face(finder: YuNet) -> None:
    assert finder.find(np.full((60, 80, 3), BACKGROUND, dtype=np.uint8)) == []
    assert finder.find(np.full((3, 3000, 3), BACKGROUND, dtype=np.uint8)) == []
