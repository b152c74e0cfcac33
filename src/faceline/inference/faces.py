"""Finds faces in a photo of any size with YuNet, a small network that comes with the package.

Source: Wu et al., "YuNet: a tiny millisecond-level face detector", Machine Intelligence Research 20, 2023.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from faceline.geometry.face_window import FaceWindow, FivePoints, roll_of, window_of
from faceline.inference.yunet import FaceNetwork
from faceline.types import AnyImage, Box, Image

SCORE: Final = 0.6
"""Lowest confidence of a face."""

_DOUBT: Final = 0.3
"""Detections below this confidence are dropped without a second look."""
_SURE: Final = 0.915
"""Upright detections below this confidence may be turned and get a second look; 7 % of upright training frames do."""
_SURE_TURNED: Final = 0.85
"""Detections on the sides or upside down below this confidence get no second look."""
_SLACK: Final = 0.03
"""A second look at an upright face counts unless its confidence is lower by more than this."""
_CLOSER: Final = 2
"""Most second looks at a turned face."""
_DOUBTFUL: Final = 24
"""Most places that get a second look."""
_LEVELS: Final = (144, 640, 1920)
"""Longest edges at which a photo is searched, if it has so many pixels, from faces that fill it to small ones."""
_MARGIN: Final = 0.25
"""Margin on each side of the smallest level, as a share of its longer edge, so that a face that fills the photo has
surroundings."""
_CLOSE: Final = 160
"""Edge of the picture for a second look at a face."""
_TILT: Final = np.radians(12)
"""Faces that are turned by more get a second look, upright, because YuNet underestimates large turns."""
_QUARTERS: Final = (0.0, np.pi / 2, np.pi, -np.pi / 2)
_DARK: Final = 70
"""Mean of the pixels below which a photo counts as dark."""
_SURE_DARK: Final = 0.8
"""A dark photo without a face of this confidence is searched again, smoothed and brightened."""
_BRIGHTENED: Final = 110
"""Mean of the pixels of such a photo afterwards."""
_SMOOTHED: Final = (2.0, 1.0, 3.0)
"""Standard deviations in pixels of the smoothing, which removes the noise that brightening would raise. They are tried
until a face is certain: of 400 dark training frames the three find 391, the first alone 388."""
_OVERLAP: Final = 0.5
"""Boxes that share more than this of the smaller one belong to one face."""

_LEAST: Final = 8
"""Fewest rows and columns of a picture that can show a face."""


@dataclass(frozen=True)
class Face:
    """A face in a photo.

    Attributes:
        box: x and y of its first pixel, width and height, in pixels of the photo.
        confidence: The confidence of the finder, on [0, 1].
        points: Eyes, tip of the nose and corners of the mouth; those on the left of the upright face come first.
    """

    box: Box
    confidence: float
    points: FivePoints

    @property
    def window(self) -> FaceWindow:
        """Return the part of the photo that a landmark network sees of the face."""
        return window_of(self.box, self.points)


class YuNet:
    """Finds the faces of a photo, large and small, upright and turned.

    It searches the photo at several sizes. A face with little confidence, or a turned one, gets a closer and upright
    second look. Without a certain upright face it searches the whole photo on its sides and upside down. A dark photo
    without a certain face is searched again, brightened.

    Args:
        score: Lowest confidence of a face.
        turns: Whether to search for faces on their side or upside down too.
        levels: Longest edges at which a photo is searched, in pixels, rising.
        threads: Number of CPU threads for a photo.
    """

    def __init__(
        self, score: float = SCORE, turns: bool = True, levels: tuple[int, ...] = _LEVELS, threads: int = 1
    ) -> None:
        self.score, self.turns, self.levels = score, turns, levels
        self._network = FaceNetwork(_DOUBT, threads)

    def find(self, image: Image) -> list[Face]:
        """Return the faces of a photo, the largest first.

        Args:
            image: RGB image.
        """
        if not self.turns:
            return self._sure(_distinct(self._upright(image)))
        found = self._all_ways(image)
        if image.mean() < _DARK:
            small, zoom = self._reduced(image)
            for smoothed in _SMOOTHED:
                if any(face.confidence >= _SURE_DARK for face in found):
                    break
                brightened = self._all_ways(_brightened(small, smoothed))
                found = _distinct(found + [_grown(face, zoom) for face in brightened])
        return self._sure(found)

    def _all_ways(self, image: Image) -> list[Face]:
        """Return the faces of a photo, upright or turned."""
        found = _distinct(self._upright(image))
        sure = [face for face in found if face.confidence >= _SURE and abs(roll_of(face.points)) <= _TILT]
        doubtful = [face for face in found if face.confidence < _SURE or abs(roll_of(face.points)) > _TILT]
        looked_at = [self._again(image, face) for face in doubtful[:_DOUBTFUL]]
        found = _distinct(sure + looked_at + doubtful[_DOUBTFUL:])
        if not any(face.confidence >= _SURE and abs(roll_of(face.points)) < np.pi / 4 for face in found):
            turned = [face for face in self._turned(image) if face.confidence >= _SURE_TURNED]
            found = _distinct(found + [self._again(image, face) for face in turned[:_DOUBTFUL]])
        return found

    def _sure(self, faces: list[Face]) -> list[Face]:
        kept = [face for face in faces if face.confidence >= self.score]
        return sorted(kept, key=lambda face: -float(face.box[2] * face.box[3]))

    def _upright(self, image: Image) -> list[Face]:
        """Return the faces at every size."""
        longest = max(image.shape[:2])
        found: list[Face] = []
        for i, level in enumerate(self.levels):
            if i and longest <= self.levels[i - 1]:
                break
            shrink = max(1.0, longest / level)
            height, width = (max(1, round(edge / shrink)) for edge in image.shape[:2])
            small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) if shrink > 1 else image
            pad = round(_MARGIN * max(small.shape[:2])) if i == 0 else 0
            step = np.array([image.shape[1] / width, image.shape[0] / height])
            found += [_placed(row, step, pad) for row in self._look(small, pad)]
        return found

    def _look(self, image: AnyImage, pad: int = 0) -> np.ndarray:
        """Return the network's rows for one picture: a box, five points and a confidence."""
        if pad:
            image = cv2.copyMakeBorder(image, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=(128, 128, 128))
        if min(image.shape[:2]) < _LEAST:
            return np.empty((0, 15))
        return self._network.look(image)

    def _again(self, image: Image, face: Face) -> Face:
        """Return the most confident of several looks at a face: upright by its own turn, and by quarter turns."""
        quarters = _QUARTERS if face.confidence < _SURE else (0.0,)
        seen = [self._within(image, face.window, quarter) for quarter in quarters]
        best = max((each for each in seen if each), key=lambda each: each.confidence, default=face)
        for _ in range(_CLOSER):
            closer = self._within(image, best.window)
            if closer is None or closer.confidence < best.confidence - _SLACK:
                break
            best = closer
        return best

    def _within(self, image: Image, around: FaceWindow, turn: float = 0.0) -> Face | None:
        """Return the face in the middle of a window after a further turn; None if it is not found."""
        window = replace(around, angle=around.angle + turn)
        found = [
            (float(np.hypot(*(row[:2] + row[2:4] / 2 - _CLOSE / 2))), row)
            for row in self._look(window.cut(image, _CLOSE))
        ]
        near = [row for distance, row in found if distance < _CLOSE / 4]
        if not near:
            return None
        row = max(near, key=lambda each: float(each[-1]))
        points = window.to_photo((row[4:14].reshape(5, 2) + 0.5) / _CLOSE)
        middle = window.to_photo((row[:2] + row[2:4] / 2)[None] / _CLOSE)[0]
        edges = row[2:4] * window.edge / _CLOSE
        # Drawn along the window; of a face on its side, width and height change places in the photo.
        if abs(np.sin(window.angle)) > np.sqrt(0.5):
            edges = edges[::-1]
        return Face(np.concatenate([middle - edges / 2, edges]), min(1.0, float(row[-1])), points)

    def _turned(self, image: Image) -> Iterator[Face]:
        """Yield the faces of the photo on its sides and upside down, in the photo's own pixels."""
        small, zoom = self._reduced(image)
        for quarter in (1, 2, 3):
            for face in self._upright(np.ascontiguousarray(np.rot90(small, quarter))):
                yield _turned_back(face, quarter, small.shape[1], small.shape[0], zoom)

    def _reduced(self, image: AnyImage) -> tuple[AnyImage, float]:
        """Return the photo at the middle level, and how many of its own pixels one of them is."""
        height, width = image.shape[:2]
        shrink = max(1.0, max(height, width) / self.levels[1])
        if shrink == 1:
            return image, 1.0
        size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8), width / size[0]


def _brightened(image: AnyImage, smoothed: float) -> AnyImage:
    """Return a dark photo smoothed, and multiplied until it is about as light as others."""
    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), smoothed)
    return (smooth * (_BRIGHTENED / max(float(smooth.mean()), 1.0))).clip(0, 255).astype(np.uint8)


def _grown(face: Face, zoom: float) -> Face:
    """Map a face from a reduced photo to the photo itself."""
    box = np.concatenate([(face.box[:2] + 0.5) * zoom - 0.5, face.box[2:] * zoom])
    return replace(face, box=box, points=(face.points + 0.5) * zoom - 0.5)


def _placed(row: np.ndarray, step: np.ndarray, pad: int) -> Face:
    """Convert a row of the network to pixels of the photo, which was reduced by a step and then padded."""
    low, points = row[:2] - pad, row[4:14].reshape(5, 2) - pad
    box = np.concatenate([(low + 0.5) * step - 0.5, row[2:4] * step])
    return Face(box, min(1.0, float(row[14])), (points + 0.5) * step - 0.5)


def _turned_back(face: Face, quarter: int, width: int, height: int, zoom: float) -> Face:
    """Map a face from a photo in quarter turns counter-clockwise back to the photo itself."""

    def back(points: np.ndarray) -> np.ndarray:
        u, v = points.T
        x, y = {1: (width - 1 - v, u), 2: (width - 1 - u, height - 1 - v), 3: (v, height - 1 - u)}[quarter]
        return (np.stack([x, y], axis=1) + 0.5) * zoom - 0.5

    middle, edges = back((face.box[:2] + face.box[2:] / 2)[None])[0], face.box[2:] * zoom
    edges = edges[::-1] if quarter % 2 else edges
    return Face(np.concatenate([middle - edges / 2, edges]), face.confidence, back(face.points))


def _distinct(faces: Iterable[Face]) -> list[Face]:
    """Keep the most confident of detections of one face; the most confident come first."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda each: -each.confidence):
        if all(_shared(face.box, other.box) < _OVERLAP for other in kept):
            kept.append(face)
    return kept


def _shared(first: Box, second: Box) -> float:
    """Return the shared area of two boxes over the smaller one: a face within a face is one of them."""
    low = np.maximum(first[:2], second[:2])
    high = np.minimum(first[:2] + first[2:], second[:2] + second[2:])
    return float(np.prod(np.maximum(0, high - low)) / min(np.prod(first[2:]), np.prod(second[2:])))
