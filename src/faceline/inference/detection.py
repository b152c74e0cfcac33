"""Finds every face of a photo with landmarks and a confidence: face finder and landmark model together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, NamedTuple

import cv2
import numpy as np
from jaxtyping import Shaped

from faceline.errors import InputError
from faceline.inference.bundle import DEFAULT
from faceline.inference.faces import Face, YuNet
from faceline.inference.rgb import check_image
from faceline.inference.runtime import BATCH, Detections, LandmarkRuntime
from faceline.types import AnyImage, Image, Shape

Which = Literal["all", "largest", "whole"]
"""Faces to find in a photo: every one, the largest, or the photo itself as the frame of one face."""

MIN_CONFIDENCE: Final = 0.5
"""Lowest confidence of a face that is returned."""

MOST_FACES: Final = 1000
"""Most faces of one photo that are analysed, the largest first."""

_THUMBNAIL: Final = 24
_LEAST_CONTRAST: Final = 2.0
"""Standard deviation in levels of 255 below which a thumbnail shows nothing. Noise averages out in it; the darkest
faces of validation photos have 2.4, and frames as they are over 16."""

FindLandmarks = Callable[[Sequence[AnyImage]], Detections]
"""Finds the landmarks of the single face in each picture, in pixels."""


@dataclass(frozen=True, eq=False)
class DetectedFace:
    """A face in a photo.

    Attributes:
        landmarks: (68, 2) x and y in pixels of the photo; the middle of its first pixel is (0, 0).
        box: (4,) left, top, right and bottom of the face in pixels, from the face finder.
        confidence: How sure the models are that this is a face with useful landmarks, on [0, 1].
    """

    landmarks: Shape = field(repr=False)
    box: Shaped[np.ndarray, "4"]
    confidence: float


class Detected(NamedTuple):
    """The result for one photo.

    Attributes:
        faces: Faces, the largest first.
        doubtful: Number of further faces whose confidence was too low.
        left_out: Number of faces beyond `MOST_FACES`, which were not analysed.
    """

    faces: list[DetectedFace]
    doubtful: int = 0
    left_out: int = 0


class FaceDetector:
    """Finds the faces of photos and their landmarks.

    Args:
        find_landmarks: Function that finds landmarks, such as `LandmarkRuntime.detect_batch`.
        size: Edge in pixels of the square picture of a face that the model gets.
        faces: Which faces of a photo to return: ``all``, ``largest`` or ``whole``.
        min_confidence: Lowest confidence of a face.
        finder: The face finder.
    """

    def __init__(
        self,
        find_landmarks: FindLandmarks,
        size: int,
        faces: Which = "all",
        min_confidence: float = MIN_CONFIDENCE,
        finder: YuNet | None = None,
    ) -> None:
        self.find_landmarks, self.size, self.faces, self.min_confidence = find_landmarks, size, faces, min_confidence
        self._finder = finder or YuNet(score=FINDER_SCORE)

    def detect(self, image: Image) -> Detected:
        """Find the faces of a photo.

        Args:
            image: (h, w, 3) uint8, RGB.
        """
        if self.faces == "whole":
            return self._whole(image)
        found = self._finder.find(image)
        kept = found[:MOST_FACES]
        seen = [self._with_landmarks(image, kept[first : first + BATCH]) for first in range(0, len(kept), BATCH)]
        faces = [face for part in seen for face in part]
        sure = [face for face in faces if face.confidence >= self.min_confidence]
        doubtful, left_out = len(faces) - len(sure), len(found) - len(kept)
        return Detected(sure[:1] if self.faces == "largest" else sure, doubtful, left_out)

    def _with_landmarks(self, image: Image, found: Sequence[Face]) -> list[DetectedFace]:
        windows = [face.window for face in found]
        squares = [window.cut(image, self.size) for window in windows]
        landmarks, confidence = self.find_landmarks(squares)
        trust = [None] * len(found) if confidence is None else confidence.tolist()
        return [
            DetectedFace(
                window.to_photo((points + 0.5) / self.size).astype(np.float32),
                np.concatenate([face.box[:2], face.box[:2] + face.box[2:]]),
                combined(face.confidence, sure),
            )
            for face, window, points, sure in zip(found, windows, landmarks, trust, strict=True)
        ]

    def _whole(self, image: Image) -> Detected:
        """Use the photo as the frame of one face: whoever asks for it knows that it shows one, unless it is blank."""
        thumbnail = cv2.resize(image, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
        blank = thumbnail.mean(axis=2).std() < _LEAST_CONTRAST
        landmarks, confidence = self.find_landmarks([image])
        sure = 0.0 if blank else 1.0 if confidence is None else float(confidence[0])
        points = landmarks[0]
        face = DetectedFace(points, np.concatenate([points.min(axis=0), points.max(axis=0)]), sure)
        return Detected([face]) if sure >= self.min_confidence else Detected([], doubtful=1)


FINDER_SCORE: Final = 0.5
"""Lowest score of the face finder for a face that is analysed."""


_BOTH: Final = (-4.1, 2.39, 0.86)
"""Offset, weight of the finder's and of the landmark model's log odds, fitted by ``scripts/face_confidence.py``."""
_FINDER_ALONE: Final = (-5.43, 4.63)
"""The same for a landmark model without a confidence."""
_CLOSEST: Final = 1e-3
"""Confidences count as no closer to 0 and 1 than this."""


def log_odds(confidence: np.ndarray) -> np.ndarray:
    """Return the log odds of confidences, which are kept away from 0 and 1."""
    kept = np.clip(confidence.astype(np.float64), _CLOSEST, 1 - _CLOSEST)
    return np.asarray(np.log(kept / (1 - kept)))


def combined(finder: float, landmarks: float | None) -> float:
    """Combine the confidences of the face finder and of the landmark model, if it has one.

    Returns:
        The probability that this is a face whose landmarks are off by at most 10 % of its eye distance.
    """
    known = [finder] if landmarks is None else [finder, landmarks]
    offset, *weights = _FINDER_ALONE if landmarks is None else _BOTH
    return float(1 / (1 + np.exp(-(offset + log_odds(np.array(known)) @ weights))))


def detect_faces(
    image: np.ndarray,
    faces: Which = "all",
    min_confidence: float = MIN_CONFIDENCE,
    bundle: str | Path = DEFAULT,
    threads: int = 1,
) -> list[DetectedFace]:
    """Find the faces of a photo and their landmarks, with the model that comes with the package.

    Args:
        image: (h, w, 3) uint8, RGB. OpenCV's images are BGR: give ``image[..., ::-1]``.
        faces: Which faces to return: ``all``, ``largest``, or ``whole`` if the photo is the frame of one face.
        min_confidence: Lowest confidence of a face, on [0, 1]. By default 0.5.
        bundle: The file of another model, as ``faceline export`` writes it. By default the one that ships.
        threads: CPU threads that a photo may use.

    Returns:
        The faces, the largest first; empty if no face is found.

    Raises:
        InputError: The image has another shape or type, an argument is invalid, or the bundle cannot be used.

    Examples:
        >>> detect_faces(np.zeros((120, 100, 3), dtype=np.uint8))
        []
    """
    check_image(image)
    if not isinstance(faces, str) or faces not in ("all", "largest", "whole"):
        raise InputError(f"faces: expected all, largest or whole, got {faces!r}")
    if not (isinstance(min_confidence, int | float | np.number) and 0 <= min_confidence <= 1):
        raise InputError(f"min_confidence: expected a number from 0 to 1, got {min_confidence!r}")
    if not (isinstance(threads, int | np.integer) and threads >= 1):
        raise InputError(f"threads: expected a whole number of at least 1, got {threads!r}")
    runtime = _runtime(str(bundle), int(threads))
    return FaceDetector(runtime.detect_batch, runtime.size, faces, min_confidence, _finder()).detect(image).faces


@lru_cache(maxsize=4)
def _runtime(bundle: str, threads: int) -> LandmarkRuntime:
    return LandmarkRuntime(bundle, threads)


@lru_cache(maxsize=1)
def _finder() -> YuNet:
    return YuNet(score=FINDER_SCORE)
