"""Checks whether a visitor may be a flat photo held before the camera.

A photo moves as a plane: one homography maps all of its landmarks and the whole face from one moment to another. A
turning head is no plane, and lips and lids move. A sheet or a screen often shows four edges. How far the face moved
tells how much of this to expect. None of it is proof; in doubt nobody is greeted. The mean over the visit so far
counts: somebody who holds a photo for longer gets no more chances.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

from faceline.geometry.homography import homography, project
from faceline.geometry.measures import measure
from faceline.types import Image, Shape

_EVERY: Final = 0.5  # seconds between two moments that are compared
_MOMENTS: Final = 8  # that are kept
_LEAST: Final = 3  # moments before anything is said
_WIDTH: Final = 48.0  # of the face in pixels of the small pictures that are compared
_AROUND: Final = (1.1, 1.2)  # of the face's width and height, from its middle, that count as around it
_EYES: Final = (36, 45)
_NOISE: Final = 0.02  # by which a still face changes from picture to picture, as a camera has it
_STILL: Final = 0.05  # distances of the eyes; below it a movement is the noise of the landmarks

FITTED_WITH: Final = "30df39737619"
"""Beginning of the digest of the landmark network whose points the weights below were fitted on.

Points of each network tremble in their own way. So scripts/flat_photos.py fits and prints these values anew for each,
on clips and photos of people who take part in no test.
"""
_WEIGHTS: Final = (1.012, 0.905, 1.948, -4.653, 2.872, -1.485)
_OFFSET: Final = 25.073
_ALIVE: Final = -2.41


class Signs(NamedTuple):
    """The measures that tell a head from a photo.

    Attributes:
        bend: Logarithm of the distance of landmarks from the best plane, in interocular distances.
        mouth: Logarithm of the variation of the mouth's opening.
        lids: Logarithm of the variation of the eyes' opening.
        edges: Share of moments in which four straight edges surround the face.
        change: Logarithm of the greatest change of the face itself, beyond what moves a plane.
        moved: Logarithm of how far the face moved, in interocular distances: one that moves much changes much.
    """

    bend: float
    mouth: float
    lids: float
    edges: float
    change: float
    moved: float


class _Moment(NamedTuple):
    """A small grey picture of a face with its surroundings, and its landmarks there and in the frame."""

    picture: Float[np.ndarray, "h w"]
    points: Shape
    landmarks: Shape
    edges: bool


@dataclass(eq=False)
class FlatCheck:
    """Collects the signs of one visitor, in memory only and only during the visit."""

    _moments: list[_Moment] = field(default_factory=list)
    _last: float = -np.inf
    _signs: Signs | None = None
    _scores: list[float] = field(default_factory=list)

    @property
    def verdict(self) -> bool | None:
        """Tell whether the visitor may be a photo; None while too little was seen."""
        return sum(self._scores) / len(self._scores) < _ALIVE if self._scores else None

    @property
    def signs(self) -> Signs | None:
        """Return the signs so far; None while too little was seen."""
        return self._signs

    def add(self, image: Image, landmarks: Shape, now: float) -> None:
        """Add a frame, unless the last one is too recent."""
        if now - self._last < _EVERY:
            return
        moment = _moment(image, landmarks)
        if moment is None:
            return
        self._last = now
        self._moments = [*self._moments[1 - _MOMENTS :], moment]
        if len(self._moments) >= _LEAST:
            self._signs = _signs(self._moments)
            self._scores.append(score(self._signs))


def score(signs: Signs) -> float:
    """Score the signs: above 0 speaks for a live head, below 0 for a photo."""
    return float(np.dot(_WEIGHTS, signs)) + _OFFSET


def _signs(moments: list[_Moment]) -> Signs:
    middle = moments[len(moments) // 2]
    others = [moment for moment in moments if moment is not middle]
    bends = [_bend(middle.landmarks, other.landmarks) for other in others]
    changed = max(_change(other, middle) for other in others)
    moved = float(np.median([_moved(middle, other) for other in others]))
    measures = measure(np.stack([moment.landmarks for moment in moments]).astype(np.float32))
    return Signs(
        _log(float(np.median(bends))),
        _log(float(np.std(measures["mouth_opening"]))),
        _log(float(np.std(measures["eye_opening"]))),
        float(np.mean([moment.edges for moment in moments])),
        float(np.log(changed + _NOISE)),
        float(np.log(max(moved, _STILL))),
    )


def _log(value: float) -> float:
    return float(np.log(value + 1e-4))


def _eyes(points: Shape) -> float:
    return max(float(np.linalg.norm(points[_EYES[0]] - points[_EYES[1]])), 1e-6)


def _bend(points: Shape, later: Shape) -> float:
    """Return how far landmarks are from where the best plane would map them, in interocular distances."""
    away = project(homography(points, later), points) - later
    return float(np.sqrt((away**2).sum(axis=1).mean())) / _eyes(later)


def _moved(here: _Moment, there: _Moment) -> float:
    """Return how far landmarks are from where they are at another moment, in interocular distances."""
    return float(np.linalg.norm(there.landmarks - here.landmarks, axis=1).mean()) / _eyes(here.landmarks)


def _change(before: _Moment, after: _Moment) -> float:
    """Return how unlike the face is after a plane maps it to where it is later, from 0 to 2."""
    carried, known = _carried(before, after)
    mask = np.zeros(after.picture.shape, np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(after.points.astype(np.int32)), 1)
    face = known & mask.astype(bool)
    return 1 - _alike(carried[face], after.picture[face]) if face.any() else 2.0


def _carried(before: _Moment, after: _Moment) -> tuple[np.ndarray, np.ndarray]:
    """Return the earlier picture, mapped as a plane to the later face, and which pixels are known there."""
    place, shape = homography(before.points, after.points), after.picture.shape[::-1]
    carried = cv2.warpPerspective(before.picture, place, shape)
    return carried, cv2.warpPerspective(np.ones_like(before.picture), place, shape) > 0.99


def _alike(pixels: np.ndarray, others: np.ndarray) -> float:
    """Return the correlation of two sets of pixels, from -1 to 1."""
    one, other = pixels - pixels.mean(), others - others.mean()
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum() + 1e-6))


def _moment(image: Image, landmarks: Shape) -> _Moment | None:
    """Cut out a face, small and grey; None if it is outside the frame."""
    low, high = landmarks.min(axis=0).astype(np.float64), landmarks.max(axis=0).astype(np.float64)
    middle, size = (low + high) / 2, high - low
    if size[0] < 1:
        return None
    left, top = np.maximum(middle - size * _AROUND, 0).astype(int)
    right, bottom = np.ceil(np.minimum(middle + size * _AROUND, image.shape[1::-1])).astype(int)
    part = image[top:bottom, left:right]
    if min(part.shape[:2]) < 8:
        return None
    zoom = min(_WIDTH / float(size[0]), 1.0)
    grey = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA).astype(np.float32)
    points = (landmarks - np.array([left, top])) * zoom
    return _Moment(small, points, landmarks.astype(np.float64), _has_edges(image, low, high))


def _has_edges(image: Image, low: np.ndarray, high: np.ndarray) -> bool:
    """Tell whether four straight edges surround a face, as of a sheet or a screen."""
    zoom = min(320 / max(image.shape[:2]), 1.0)
    small = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), (0, 0), 0.8)
    box = np.array([low, high, [low[0], high[1]], [high[0], low[1]]]) * zoom
    least = 1.3 * float(np.prod((high - low) * zoom))
    for lower, upper in ((30, 90), (60, 180)):
        lines = cv2.dilate(cv2.Canny(grey, lower, upper), np.ones((3, 3), np.uint8))
        for contour in cv2.findContours(lines, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)[0]:
            if len(contour) >= 8 and _is_frame(contour, box, least, 0.9 * grey.size):
                return True
    return False


def _is_frame(contour: np.ndarray, box: np.ndarray, least: float, most: float) -> bool:
    """Tell whether a contour is a convex shape with four edges around a box, and follows those edges."""
    hull = cv2.convexHull(contour)
    if not least < cv2.contourArea(hull) < most:
        return False
    length = cv2.arcLength(hull, closed=True)
    corners = cv2.approxPolyDP(hull, 0.03 * length, closed=True)
    if len(corners) != 4 or any(cv2.pointPolygonTest(corners, (float(x), float(y)), False) < 0 for x, y in box):
        return False
    some = contour[:: max(1, len(contour) // 60), 0]
    apart = [abs(cv2.pointPolygonTest(corners, (float(x), float(y)), True)) for x, y in some]
    return bool(np.median(apart) < 0.015 * length)
