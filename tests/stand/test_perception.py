"""Who is before the screen, by faces whose places are given."""

from datetime import UTC, datetime

import numpy as np

from faceline.geometry.face_model import identity
from faceline.inference.runtime import Detections, LandmarkRuntime
from faceline.stand.audience.perception import Perception
from faceline.stand.audience.reactions import ReactionSettings
from faceline.stand.camera.capture import Frame
from faceline.stand.camera.detector import box_of
from faceline.stand.clock import Moment

FACE = identity(np.random.default_rng(0), 0.0)[:, :2]
BOX = box_of(FACE)
STEP = 0.1


class Given(LandmarkRuntime):
    """Finds a face in the middle of each box, as large as the detector's."""

    def __init__(self) -> None:
        pass

    def detect_faces(self, image: np.ndarray, boxes: np.ndarray) -> Detections:
        middles = boxes[:, :2] + boxes[:, 2:] / 2
        found = [face(x, y)[0] for x, y in middles]
        return Detections(np.array(found, dtype=np.float32).reshape(-1, 68, 2), None)


class Scripted:
    """Detects one face at these places, frame by frame."""

    def __init__(self, *middles: float) -> None:
        self.middles = iter(middles)

    def detect(self, image: np.ndarray) -> np.ndarray:
        return face(next(self.middles), 200)[1][None]


def face(x: float, y: float) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks and box of a face of 90 pixels whose box has its middle there."""
    zoom = 90 / BOX[2]
    corner = np.array([x, y]) - zoom * (BOX[:2] + BOX[2:] / 2)
    return zoom * FACE + corner, np.concatenate([zoom * BOX[:2] + corner, zoom * BOX[2:]])


def test_a_face_that_leaves_the_picture_is_not_read_there() -> None:
    image = np.full((480, 640, 3), 128, np.uint8)
    walk = (161.0, 121.0, 81.0, 41.0, 1.0, 1.0)
    perception = Perception(Given(), Scripted(*walk), ReactionSettings(), detect_every=1)
    seen = []
    for number in range(len(walk)):
        moment = Moment(datetime.now(UTC), STEP * number)
        seen.append(len(perception.look(Frame(image, moment, number)).faces))
    assert seen[3:5] == [1, 1], "it was detected often enough, and its middle is in the picture"
    assert seen[5] == 0, "the detector still finds it; by its way it is beyond the edge"


class Shifted(Given):
    """Finds the face of each box somewhere else, for boxes whose middle is in a span."""

    shift = 0.0

    def detect_faces(self, image: np.ndarray, boxes: np.ndarray) -> Detections:
        moved = boxes.copy()
        moved[boxes[:, 0] + boxes[:, 2] / 2 < 300, 0] += self.shift
        return super().detect_faces(image, moved)


class Standing:
    """Detects the same faces in each frame."""

    def __init__(self, *middles: float) -> None:
        self.boxes = np.stack([face(x, 200)[1] for x in middles])

    def detect(self, image: np.ndarray) -> np.ndarray:
        return self.boxes


def watch(middles: tuple[float, ...], shifts: list[float]) -> list[list[tuple[int, int]]]:
    """Number and place of each face, frame by frame, while landmarks lie so far from the face on the left."""
    image, found = np.full((480, 640, 3), 128, np.uint8), Shifted()
    perception, told = Perception(found, Standing(*middles), ReactionSettings(), detect_every=1), []
    for number, found.shift in enumerate(shifts):
        sight = perception.look(Frame(image, Moment(datetime.now(UTC), STEP * number), number))
        told.append(sorted((round(box_middle(each.landmarks)), each.number) for each in sight.faces))
    return told


def box_middle(landmarks: np.ndarray) -> float:
    box = box_of(landmarks)
    return float(box[0] + box[2] / 2)


def test_landmarks_that_leave_a_face_for_somebody_beside_it_are_of_nobody() -> None:
    told = watch((280.0, 350.0), [0.0] * 15 + [55.0] * 5 + [0.0] * 2)
    before, astray, after = told[14], told[15:20], told[20]
    assert [place for place, _ in before] == [280, 350]
    assert astray == [before[1:]] * 5, "only the face on which its landmarks lie is read"
    assert after == before, "each person has their own number again, at their own place"


def test_landmarks_may_correct_the_box_of_somebody_who_stands_alone() -> None:
    told = watch((280.0,), [0.0] * 5 + [55.0])
    assert [place for place, _ in told[5]] == [335]
