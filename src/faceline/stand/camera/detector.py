"""Where faces are in a frame: the YuNet network that comes with the package, or another one from a file.

A box is drawn with more room than YuNet leaves, as OpenCV's cascades did: windows for landmarks are cut by it.
"""

from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import cv2
import numpy as np

from faceline.errors import InputError, first_line
from faceline.inference.yunet import FaceNetwork
from faceline.types import AnyImage, Box, Boxes, Image, Shape

YUNET: Final = "yunet"
"""Names the detector that needs no file."""

WORKING_HEIGHT: Final = 240
"""Frames are shrunk to this height first: a face before a screen is large enough to be found in it."""

_LANDMARKS: Final = np.array([0.08, 0.26, 0.82, 0.80])
"""Place and size of the box around the landmarks within that with room, in shares of it (medians over 283 training
frames of the Udacity set)."""
_YUNET: Final = np.array([-0.03, 0.26, 1.06, 0.75])
"""The same within a box of YuNet."""


@runtime_checkable
class FaceDetector(Protocol):
    """Finds all faces of a frame."""

    def detect(self, image: Image) -> Boxes:
        """Boxes of the faces in pixels, in no order."""


class OwnDetector:
    """Faces at many angles, by the network that comes with the package.

    Args:
        score: Least score of a face.
    """

    def __init__(self, score: float = 0.7) -> None:
        self._network = FaceNetwork(score)

    def detect(self, image: Image) -> Boxes:
        """Boxes of the faces in pixels."""
        small, zoom = _shrink(image)
        return _with_room(self._network.look(small)[:, :4] / zoom)


class YuNetDetector:
    """The same by a YuNet network of the user's own.

    Args:
        file: The network as ONNX, as OpenCV's model zoo publishes it.
        score: Least score of a face.

    Raises:
        InputError: No such file, or not this network.
    """

    def __init__(self, file: Path, score: float = 0.7) -> None:
        if not file.is_file():
            raise InputError(f"{file}: no such file; give a YuNet network, or yunet", column="detector")
        try:
            self._network = cv2.FaceDetectorYN.create(str(file), "", (320, 320), score)
            self.detect(np.zeros((240, 320, 3), np.uint8))
        except cv2.error as error:
            told = f"{file}: is no YuNet network that OpenCV can run ({first_line(error)})"
            raise InputError(told, column="detector") from error

    def detect(self, image: Image) -> Boxes:
        """Boxes of the faces in pixels."""
        small, zoom = _shrink(image)
        self._network.setInputSize(small.shape[1::-1])
        _, faces = self._network.detect(np.ascontiguousarray(small[..., ::-1]))
        found = np.empty((0, 4)) if faces is None else np.asarray(faces[:, :4], dtype=np.float64)
        return _with_room(found / zoom)


def make_detector(name: str) -> FaceDetector:
    """The detector that a setting names: ``yunet``, or the file of another YuNet network.

    Raises:
        InputError: As `YuNetDetector`.
    """
    return OwnDetector() if name == YUNET else YuNetDetector(Path(name))


def box_of(landmarks: Shape) -> Box:
    """The box that a detector would draw around a face with these landmarks."""
    low = landmarks.min(axis=0).astype(np.float64)
    return np.asarray(_around(np.concatenate([low, landmarks.max(axis=0) - low])[None], _LANDMARKS)[0])


def _shrink(image: Image) -> tuple[AnyImage, float]:
    """The frame at most `WORKING_HEIGHT` high, and how much smaller it is."""
    zoom = min(WORKING_HEIGHT / image.shape[0], 1.0)
    if zoom == 1:
        return image, zoom
    return np.asarray(cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA), dtype=np.uint8), zoom


def _with_room(boxes: Boxes) -> Boxes:
    """Boxes of YuNet with the room that windows are cut by."""
    return _around(_within(boxes, _YUNET), _LANDMARKS)


def _within(boxes: Boxes, part: np.ndarray) -> Boxes:
    """The part of each box that has this place and size in shares of it."""
    return np.hstack([boxes[:, :2] + boxes[:, 2:] * part[:2], boxes[:, 2:] * part[2:]])


def _around(boxes: Boxes, part: np.ndarray) -> Boxes:
    """The boxes of which these are that part."""
    size = boxes[:, 2:] / part[2:]
    return np.hstack([boxes[:, :2] - size * part[:2], size])
