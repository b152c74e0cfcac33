"""The square part of a photo that the landmark network sees of a face: upright, with a margin."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float

from faceline.errors import InputError
from faceline.types import AnyImage, Box, Square

FivePoints = Float[np.ndarray, "5 2"]
"""Eyes, tip of the nose and corners of the mouth, left ones of the image first, in pixels."""

Points = Float[np.ndarray, "*n 2"]

ROOM: Final = 2.0
"""Edge of the window divided by the larger extent of the 68 landmarks."""
_SPREAD: Final = 0.95
"""Larger extent of the landmarks over the mean edge (geometric) of the box that YuNet draws: median of the 3,462
training frames of the Udacity set. The standard deviation of its logarithm is 0.06, the least of seven ways tried:
by the edges of the box, by the five points, and by both."""
_DROP: Final = 0.156
"""How far the middle of the landmarks lies below that of the box, as a share of its mean edge; standard deviation
0.035. The five points predict the middle worse: in profiles they slide to one side (0.12)."""


@dataclass(frozen=True)
class FaceWindow:
    """A square in a photo, turned so that the face in it is upright.

    Attributes:
        x: Column of its middle, in pixels of the photo.
        y: Row of its middle.
        edge: Edge in pixels of the photo.
        angle: Angle in radians by which the face is turned clockwise as seen.
    """

    x: float
    y: float
    edge: float
    angle: float

    def from_photo(self, points: Points) -> Points:
        """Map points from pixels of the photo to [0, 1] of the window."""
        return np.asarray((points - [self.x, self.y]) @ self._turn() / self.edge + 0.5, dtype=points.dtype)

    def to_photo(self, points: Points) -> Points:
        """Map points from [0, 1] of the window to pixels of the photo: the inverse of `from_photo`."""
        return np.asarray((points - 0.5) @ self._turn().T * self.edge + [self.x, self.y], dtype=points.dtype)

    def cut(self, image: AnyImage, size: int) -> Square:
        """Cut out the window; pixels repeat beyond the edges of the photo, and shrinking averages over areas.

        Args:
            image: The photo.
            size: Edge of the picture in pixels.
        """
        part, corner = self._around(image)
        shrink = self.edge / size
        step = np.ones(2)
        if shrink > 1.5:
            height, width = (max(1, round(edge / shrink)) for edge in part.shape[:2])
            step = np.array([part.shape[1] / width, part.shape[0] / height])
            part = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA)
        # A pixel (u, v) of the picture comes from this place of the part.
        turn = self._turn() * (self.edge / size)
        start = np.array([self.x, self.y]) + turn @ np.full(2, 0.5 - size / 2) - corner
        back = np.hstack([turn / step[:, None], ((start + 0.5) / step - 0.5)[:, None]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        picture = cv2.warpAffine(part, back, (size, size), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(picture, dtype=np.uint8)

    def _around(self, image: AnyImage) -> tuple[AnyImage, Float[np.ndarray, "2"]]:
        """Return the part of the photo with the window, and its first pixel: copying a part costs less."""
        corners = self.to_photo(np.array([[0.0, 0], [1, 0], [0, 1], [1, 1]]))
        edges = np.array(image.shape[1::-1])
        low = np.clip(np.floor(corners.min(axis=0)).astype(int) - 2, 0, edges - 1)
        high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 3, low + 1, edges)
        return image[low[1] : high[1], low[0] : high[0]], low.astype(np.float64)

    def _turn(self) -> Float[np.ndarray, "2 2"]:
        """Return the matrix from steps in the window to directions in the photo."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, -s], [s, c]])


def roll_of(points: FivePoints) -> float:
    """Return the angle in radians by which a face is turned clockwise as seen.

    The line of the eyes and the line from the eyes to the mouth count by their lengths, so that a profile, whose eyes
    nearly coincide, is still upright.
    """
    eyes, down = points[1] - points[0], points[3:].mean(axis=0) - points[:2].mean(axis=0)
    return float(np.arctan2(eyes[1] - down[0], eyes[0] + down[1]))


def window_of(box: Box, points: FivePoints) -> FaceWindow:
    """Return the window of a face that YuNet has found.

    Args:
        box: Box from YuNet, in pixels of the photo.
        points: Five points of the face.

    Raises:
        InputError: The box has no area, or a value is not finite.
    """
    x, y, width, height = (float(value) for value in box)
    if not (np.isfinite(box).all() and np.isfinite(points).all() and min(width, height) > 0):
        raise InputError(f"expected a box [x, y, width, height] with an area and five points, got {box.tolist()}")
    edge, angle = float(np.sqrt(width * height)), roll_of(points)
    down = np.array([-np.sin(angle), np.cos(angle)]) * _DROP * edge
    return FaceWindow(x + width / 2 + down[0], y + height / 2 + down[1], ROOM * _SPREAD * edge, angle)
