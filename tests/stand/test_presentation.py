"""A flat photo before the camera is told from a head by how it moves; in doubt nobody is greeted."""

import cv2
import numpy as np

from faceline.drawing.person import PosedFace, draw_person
from faceline.geometry.face_model import rotation
from faceline.geometry.homography import project
from faceline.inference.bundle import LandmarkManifest, read_bundle
from faceline.stand.camera.demo_visitors import DemoScene, DemoVisitors
from faceline.stand.recognition.presentation import FITTED_WITH, FlatCheck

SCENE = DemoScene(DemoVisitors(0))
WALL = np.asarray(
    cv2.resize(np.random.default_rng(1).integers(40, 200, (9, 12, 3), dtype=np.uint8), (640, 480)), np.uint8
)


def head(yaw: float, x: float, opened: float, wall: np.ndarray = WALL) -> tuple[np.ndarray, np.ndarray]:
    """A drawn head before a wall, with its true landmarks; the mouth is open by so many half face widths."""
    shape, looks, scene = SCENE.person(3)
    shape = shape.copy()
    shape[[57, 58, 56, 66, 65, 67], 1] += opened
    image = wall.copy()
    posed = PosedFace(shape, rotation(yaw, 0.0, 0.0), 45.0, (x, 200.0))
    draw_person(image, posed, looks, scene)
    return image, posed.to_pixels(posed.shape)[:, :2]


def checked(frames: list[tuple[np.ndarray, np.ndarray]]) -> FlatCheck:
    check = FlatCheck()
    for number, (image, landmarks) in enumerate(frames):
        check.add(image, landmarks, 0.5 * number)
    return check


def moving_head() -> list[tuple[np.ndarray, np.ndarray]]:
    yaws, places, mouths = (
        (-15, -5, 8, 16, 4, -8),
        (280.0, 300.0, 330.0, 350.0, 330.0, 300.0),
        (0.0, 0.1, 0.0, 0.15, 0.05, 0.0),
    )
    return [head(*each) for each in zip(yaws, places, mouths, strict=True)]


def moving_photo() -> list[tuple[np.ndarray, np.ndarray]]:
    sheet, points = head(0.0, 320.0, 0.0, np.full((480, 640, 3), 215, np.uint8))
    sheet, points = sheet[40:440, 180:460], points - [180, 40]
    corners = np.array([[0, 0], [280, 0], [280, 400], [0, 400]], dtype=np.float32)
    frames = []
    for step in (0, 20, -15, 30, 10, -25):
        seen = (
            corners
            + np.array([150 + step, 40])
            + np.array([[0, step / 2], [0, -step / 2], [0, step / 2], [0, -step / 2]])
        )
        place = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
        image = cv2.warpPerspective(sheet, place, (640, 480), dst=WALL.copy(), borderMode=cv2.BORDER_TRANSPARENT)
        frames.append((image, project(place, points)))
    return frames


def test_nothing_is_said_of_the_first_moments() -> None:
    assert checked(moving_head()[:2]).verdict is None


def test_a_head_that_turns_and_speaks_is_no_photo() -> None:
    assert checked(moving_head()).verdict is False


def test_a_photo_that_is_moved_about_is_found_out() -> None:
    check = checked(moving_photo())
    assert check.verdict is True
    assert check.signs is not None
    assert check.signs.edges > 0.5
    assert check.signs.bend < -4.5, "landmarks move as a plane"


def test_a_photo_that_lies_still_is_found_out() -> None:
    """Only the landmarks tremble, as those of any network do."""
    (image, landmarks), *_ = moving_photo()
    rng = np.random.default_rng(0)
    check = checked([(image, landmarks + rng.normal(0, 0.4, landmarks.shape)) for _ in range(6)])
    assert check.verdict is True


def test_a_photo_that_is_held_for_long_gets_no_more_chances() -> None:
    """Two seconds in which something else happens are not enough."""
    assert checked(3 * moving_photo()).verdict is True
    assert checked(3 * moving_photo() + moving_head()[:5]).verdict is True


def test_the_weights_belong_to_the_landmark_bundle_that_ships() -> None:
    shipped = read_bundle("default", LandmarkManifest).manifest.sha256
    assert shipped.startswith(FITTED_WITH or "?"), "run scripts/flat_photos.py, and put in what it prints"


def test_frames_that_come_too_quickly_count_once() -> None:
    check, (image, landmarks) = FlatCheck(), head(0.0, 320.0, 0.0)
    for number in range(20):
        check.add(image, landmarks, 0.01 * number)
    assert check.verdict is None


def test_a_face_at_the_edge_of_the_frame_breaks_nothing() -> None:
    image, landmarks = head(0.0, 320.0, 0.0)
    assert checked([(image, landmarks + np.array([500.0 + i, 300.0])) for i in range(5)]).verdict in (None, True, False)
