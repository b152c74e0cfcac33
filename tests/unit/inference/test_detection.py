"""Every face of a photo: what comes of the answers of the face finder and of the landmark model."""

import inspect
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from faceline.errors import InputError
from faceline.inference import detection
from faceline.inference.detection import DetectedFace, FaceDetector, combined, detect_faces
from faceline.inference.faces import Face, YuNet
from faceline.inference.runtime import BATCH, Detections
from faceline.types import AnyImage, Image

as_users_call = inspect.unwrap(detect_faces)
"""Where types are not checked at run time."""

PHOTO = np.zeros((200, 300, 3), dtype=np.uint8)


def face(left: float = 40.0, confidence: float = 0.81) -> Face:
    points = np.array([[10, 15], [30, 15], [20, 25], [12, 35], [28, 35]], dtype=np.float64) + np.array([left, 50])
    return Face(np.array([left, 50.0, 40.0, 44.0]), confidence, points)


class Finder(YuNet):
    def __init__(self, *faces: Face) -> None:
        self.faces = list(faces)

    def find(self, image: Image) -> list[Face]:
        assert image is PHOTO
        return self.faces


def middles(confidence: float | None, sizes: list[int] | None = None):
    """A landmark model that sees every landmark at the same place: column 11, row 5 of 20."""

    def find(pictures: Sequence[AnyImage]) -> Detections:
        if sizes is not None:
            sizes.append(len(pictures))
        assert all(picture.shape == (20, 20, 3) for picture in pictures)
        points = np.tile(np.array([11.0, 5.0], dtype=np.float32), (len(pictures), 68, 1))
        sure = None if confidence is None else np.full(len(pictures), confidence, dtype=np.float32)
        return Detections(points, sure)

    return find


def test_landmarks_come_back_to_the_pixels_of_the_photo() -> None:
    one = face()
    (found,) = FaceDetector(middles(0.9), 20, finder=Finder(one)).detect(PHOTO).faces
    place = one.window.to_photo(np.array([[11.5 / 20, 5.5 / 20]]))[0]
    np.testing.assert_allclose(found.landmarks, np.tile(place, (68, 1)), atol=1e-4)
    assert found.landmarks.dtype == np.float32
    assert found.box.tolist() == [40, 50, 80, 94]
    assert found.confidence == pytest.approx(combined(0.81, 0.9))


def test_a_model_without_a_confidence_is_trusted() -> None:
    (found,) = FaceDetector(middles(None), 20, finder=Finder(face())).detect(PHOTO).faces
    assert found.confidence == combined(0.81, None) > 0.5


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_confidence_rises_with_that_of_either_model(finder: float, landmarks: float, more: float) -> None:
    lower, higher = sorted([finder, more])
    assert 0 <= combined(lower, landmarks) <= combined(higher, landmarks) <= 1
    assert 0 <= combined(lower, None) <= combined(higher, None) <= 1
    lower, higher = sorted([landmarks, more])
    assert combined(finder, lower) <= combined(finder, higher)


def test_a_face_that_only_one_model_believes_in_is_doubtful() -> None:
    # What the finder sees in leaves and stars, and faces under a mask or in the dark, as they come.
    assert max(combined(0.69, 0.48), combined(0.81, 0.04), combined(0.62, 0.6)) < 0.5
    assert min(combined(0.8, 0.98), combined(0.72, 0.95), combined(0.93, 0.8)) > 0.5


def test_doubtful_faces_are_counted_and_the_largest_is_the_first_of_the_finder() -> None:
    finder = Finder(face(10, 0.9), face(100, 0.2), face(200, 0.8))
    result = FaceDetector(middles(1.0), 20, finder=finder).detect(PHOTO)
    assert [each.box[0] for each in result.faces] == [10, 200] and (result.doubtful, result.left_out) == (1, 0)
    largest = FaceDetector(middles(1.0), 20, "largest", finder=finder).detect(PHOTO)
    assert [each.box[0] for each in largest.faces] == [10] and largest.doubtful == 1
    at_the_limit = FaceDetector(middles(1.0), 20, min_confidence=combined(0.2, 1.0), finder=finder).detect(PHOTO)
    assert len(at_the_limit.faces) == 3


def test_many_faces_come_in_batches_and_the_smallest_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "MOST_FACES", BATCH + 3)
    sizes: list[int] = []
    result = FaceDetector(
        middles(1.0, sizes), 20, finder=Finder(*(face(float(left)) for left in range(BATCH + 5)))
    ).detect(PHOTO)
    assert [each.box[0] for each in result.faces] == list(range(BATCH + 3))
    assert result.left_out == 2 and sizes == [BATCH, 3]


@pytest.mark.parametrize(("confidence", "faces"), [(None, 1), (0.5, 1), (0.49, 0)])
def test_the_whole_photo_is_the_frame_of_a_face(confidence: float | None, faces: int) -> None:
    points = np.random.default_rng(0).uniform(0, 100, (1, 68, 2)).astype(np.float32)
    sure = None if confidence is None else np.array([confidence], dtype=np.float32)
    detector = FaceDetector(lambda _: Detections(points, sure), 20, "whole")
    result = detector.detect(np.tile(np.arange(200, dtype=np.uint8)[:, None, None], (1, 300, 3)))
    assert len(result.faces) == faces and result.doubtful == 1 - faces and result.left_out == 0
    for each in result.faces:
        np.testing.assert_array_equal(each.landmarks, points[0])
        np.testing.assert_array_equal(each.box, [*points[0].min(axis=0), *points[0].max(axis=0)])
        assert each.confidence == (1.0 if confidence is None else pytest.approx(confidence))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((4, 5, 3)), "float64 (4, 5, 3); from 0 to 1, convert it with (image * 255).astype(np.uint8)"),
        (
            np.full((4, 5, 3), 9.0),
            "float64 (4, 5, 3); from 0 to 255, convert it with image.clip(0, 255).astype(np.uint8)",
        ),
        (
            np.zeros((4, 5, 3), np.uint16),
            "uint16 (4, 5, 3); of 16 bits, convert it with (image // 257).astype(np.uint8)",
        ),
        (np.zeros((4, 5, 3), bool), "bool (4, 5, 3); convert it with image.astype(np.uint8) * 255"),
        (np.zeros((4, 5, 1), np.uint8), "uint8 (4, 5, 1); convert grey with np.dstack([image] * 3)"),
        (np.zeros((3, 4, 5), np.uint8), "uint8 (3, 4, 5); put the colours last with image.transpose(1, 2, 0)"),
        (np.zeros((2, 4, 5, 3), np.uint8), "uint8 (2, 4, 5, 3); give one image at a time"),
        ([PHOTO, PHOTO], "list; give one image, as an array, at a time"),
        (PillowImage.new("RGB", (5, 4)), 'Image; convert it with np.asarray(image.convert("RGB"))'),
        (np.zeros((4, 5), np.uint8), "uint8 (4, 5); convert grey with np.dstack([image] * 3)"),
        (np.zeros((4, 5, 4), np.uint8), "uint8 (4, 5, 4); drop alpha with image[..., :3]"),
        (np.zeros((4, 5, 2), np.uint8), "uint8 (4, 5, 2)"),
        ("photo.png", 'str; read it with np.asarray(PIL.Image.open(file).convert("RGB"))'),
        (None, "NoneType; cv2.imread returns it for a file that it cannot read"),
    ],
)
def test_what_is_no_image_is_refused_with_a_way_to_make_it_one(image: object, words: str) -> None:
    with pytest.raises(InputError) as refusal:
        as_users_call(image)
    assert str(refusal.value) == f"expected an RGB image (height, width, 3) of uint8, got {words}"


def test_a_face_is_shown_in_one_line() -> None:
    face = DetectedFace(np.zeros((68, 2), np.float32), np.array([1.0, 2.0, 3.0, 4.0]), 0.5)
    assert repr(face) == "DetectedFace(box=array([1., 2., 3., 4.]), confidence=0.5)"


def test_an_image_without_pixels_is_refused() -> None:
    with pytest.raises(InputError, match="expected an image with pixels, got one of 5 x 0"):
        detect_faces(np.zeros((0, 5, 3), np.uint8))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"min_confidence": 1.5}, "min_confidence: expected a number from 0 to 1, got 1.5"),
        ({"min_confidence": -0.5}, "min_confidence: expected a number from 0 to 1, got -0.5"),
        ({"min_confidence": float("nan")}, "min_confidence: expected a number from 0 to 1, got nan"),
        ({"min_confidence": "0.5"}, "min_confidence: expected a number from 0 to 1, got '0.5'"),
        ({"min_confidence": None}, "min_confidence: expected a number from 0 to 1, got None"),
        ({"threads": None}, "threads: expected a whole number of at least 1, got None"),
        ({"threads": "2"}, "threads: expected a whole number of at least 1, got '2'"),
        ({"threads": 1.5}, "threads: expected a whole number of at least 1, got 1.5"),
        ({"threads": 0}, "threads: expected a whole number of at least 1, got 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(InputError) as refusal:
        as_users_call(PHOTO, **settings)
    assert str(refusal.value) == words


@pytest.mark.parametrize("confidence", [0, 1])
def test_the_ends_of_the_range_of_confidence_are_in_it(confidence: int) -> None:
    assert detect_faces(PHOTO, min_confidence=confidence) == []


@pytest.mark.parametrize("faces", ["all", "largest", "whole"])
def test_a_plain_photo_has_no_faces_whichever_are_asked_for(faces: str) -> None:
    assert detect_faces(PHOTO, faces) == []


@pytest.mark.parametrize("grey", [0, 4, 30, 128, 255])
@pytest.mark.parametrize("noise", [0, 2, 8, 13])
def test_a_covered_camera_shows_no_face_even_to_who_says_that_it_does(grey: int, noise: int) -> None:
    pixels = np.random.default_rng(0).normal(grey, noise, (240, 320, 3))
    assert detect_faces(pixels.clip(0, 255).astype(np.uint8), "whole") == []
