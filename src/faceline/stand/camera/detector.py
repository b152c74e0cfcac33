"""Finds faces in a frame with the YuNet network of the package, or with another one from a file.

Boxes are larger than YuNet's, like those of OpenCV's cascades: the windows for landmarks are cut by them.
"""

from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import cv2
import numpy as np

from faceline.errors import InputError, first_line
from faceline.files import why_no_file
from faceline.inference.yunet import FaceNetwork
from faceline.types import AnyImage, Box, Boxes, Image, Shape

YUNET: Final = "yunet"
"""Name of the detector that needs no file."""

WORKING_HEIGHT: Final = 240
"""Height in pixels to which frames are reduced first: a face before a screen is still large enough."""

_LANDMARKS: Final = np.array([0.08, 0.26, 0.82, 0.80])
"""Place and size of the box around the landmarks within the larger box, in shares of that.

These are medians over 283 training frames of the Udacity set.
"""
_YUNET: Final = np.array([-0.03, 0.26, 1.06, 0.75])
"""Place and size of the box around the landmarks within a box of YuNet, in shares of that."""


@runtime_checkable
class FaceDetector(Protocol):
    """Finds all faces of a frame."""

    def detect(self, image: Image) -> Boxes:
        """Return boxes of the faces in pixels, in no order."""


class OwnDetector:
    """Detects faces at many angles with the network of the package.

    Args:
        score: Lowest score of a face.
    """

    def __init__(self, score: float = 0.7) -> None:
        self._network = FaceNetwork(score)

    def detect(self, image: Image) -> Boxes:
        """Return boxes of the faces in pixels."""
        small, zoom = _shrink(image)
        return _with_room(self._network.look(small)[:, :4] / zoom)


class YuNetDetector:
    """Detects faces with a YuNet network of the user's own.

    Args:
        file: The network as ONNX, as OpenCV's model zoo publishes it.
        score: Lowest score of a face.

    Raises:
        InputError: The file is missing, or holds another network.
    """

    def __init__(self, file: Path, score: float = 0.7) -> None:
        if not file.is_file():
            raise InputError(f"{file}: {why_no_file(file)}; give a YuNet network, or yunet", column="detector")
        try:
            self._network = cv2.FaceDetectorYN.create(str(file), "", (320, 320), score)
            self.detect(np.zeros((240, 320, 3), np.uint8))
        except cv2.error as error:
            told = f"{file}: is no YuNet network that OpenCV can run ({first_line(error)})"
            raise InputError(told, column="detector") from error

    def detect(self, image: Image) -> Boxes:
        """Return boxes of the faces in pixels."""
        small, zoom = _shrink(image)
        self._network.setInputSize(small.shape[1::-1])
        _, faces = self._network.detect(np.ascontiguousarray(small[..., ::-1]))
        found = np.empty((0, 4)) if faces is None else np.asarray(faces[:, :4], dtype=np.float64)
        return _with_room(found / zoom)


def make_detector(name: str) -> FaceDetector:
    """Create the detector that a setting names: ``yunet``, or the file of another YuNet network.

    Raises:
        InputError: The file is missing, or holds another network.
    """
    return OwnDetector() if name == YUNET else YuNetDetector(Path(name))


def box_of(landmarks: Shape) -> Box:
    """Return the box that a detector would draw around a face with these landmarks."""
    low = landmarks.min(axis=0).astype(np.float64)
    return np.asarray(_around(np.concatenate([low, landmarks.max(axis=0) - low])[None], _LANDMARKS)[0])


def _shrink(image: Image) -> tuple[AnyImage, float]:
    """Reduce a frame to at most `WORKING_HEIGHT`; also return the factor."""
    zoom = min(WORKING_HEIGHT / image.shape[0], 1.0)
    if zoom == 1:
        return image, zoom
    return np.asarray(cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA), dtype=np.uint8), zoom


def _with_room(boxes: Boxes) -> Boxes:
    """Enlarge boxes of YuNet to those that windows are cut by."""
    return _around(_within(boxes, _YUNET), _LANDMARKS)


def _within(boxes: Boxes, part: np.ndarray) -> Boxes:
    """Return the part of each box with this place and size, in shares of the box."""
    return np.hstack([boxes[:, :2] + boxes[:, 2:] * part[:2], boxes[:, 2:] * part[2:]])


def _around(boxes: Boxes, part: np.ndarray) -> Boxes:
    """Return the boxes of which these are that part."""
    size = boxes[:, 2:] / part[2:]
    return np.hstack([boxes[:, :2] - size * part[:2], size])
