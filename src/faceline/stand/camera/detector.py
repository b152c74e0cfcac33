"""Where faces are in a frame: OpenCV's cascade, or a YuNet network from a file.

Detectors draw their boxes in different places; here a box is always as the cascade would draw it.
"""

from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import cv2
import numpy as np

from faceline.errors import InputError, first_line
from faceline.inference.faces import FaceFinder
from faceline.types import AnyImage, Box, Boxes, Image, Shape

CASCADE: Final = "cascade"
"""Names the detector that needs no file."""

WORKING_HEIGHT: Final = 240
"""Frames are shrunk to this height first: a face before a screen is large enough to be found in it."""

_LANDMARKS: Final = np.array([0.08, 0.26, 0.82, 0.80])
"""Place and size of the box around the landmarks within that of the cascade, in shares of it (medians over 283
training frames of the Udacity set)."""
_YUNET: Final = np.array([-0.03, 0.26, 1.06, 0.75])
"""The same within a box of YuNet."""


@runtime_checkable
class FaceDetector(Protocol):
    """Finds all faces of a frame."""

    def detect(self, image: Image) -> Boxes:
        """Boxes of the faces in pixels, in no order."""


class CascadeDetector:
    """Upright faces seen from the front; needs no file.

    Args:
        smallest: Width of the smallest face that is looked for, as a share of the frame's longer edge.
    """

    def __init__(self, smallest: float = 0.08) -> None:
        self._finder = FaceFinder(smallest)

    def detect(self, image: Image) -> Boxes:
        """Boxes of the faces in pixels."""
        small, zoom = _shrink(image)
        return self._finder.find(small) / zoom


class YuNetDetector:
    """Faces at many angles, by a small network.

    Source: Wu et al., "YuNet: a tiny millisecond-level face detector", Machine Intelligence Research 20, 2023.

    Args:
        file: The network as ONNX, as OpenCV's model zoo publishes it.
        score: Least score of a face.

    Raises:
        InputError: No such file, or not this network.
    """

    def __init__(self, file: Path, score: float = 0.7) -> None:
        if not file.is_file():
            raise InputError(f"{file}: no such file; give a YuNet network, or cascade", column="detector")
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
        return _around(_within(found / zoom, _YUNET), _LANDMARKS)


def make_detector(name: str) -> FaceDetector:
    """The detector that a setting names: ``cascade``, or the file of a YuNet network.

    Raises:
        InputError: As `YuNetDetector`.
    """
    return CascadeDetector() if name == CASCADE else YuNetDetector(Path(name))


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


def _within(boxes: Boxes, part: np.ndarray) -> Boxes:
    """The part of each box that has this place and size in shares of it."""
    return np.hstack([boxes[:, :2] + boxes[:, 2:] * part[:2], boxes[:, 2:] * part[2:]])


def _around(boxes: Boxes, part: np.ndarray) -> Boxes:
    """The boxes of which these are that part."""
    size = boxes[:, 2:] / part[2:]
    return np.hstack([boxes[:, :2] - size * part[:2], size])
