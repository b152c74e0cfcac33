"""Cuts faces out of frames: upright at one size for embedders, or with surroundings for landmark models.

Source of the template: Deng et al., "ArcFace", CVPR 2019: five points on a template of 112 pixels, as most published
embedders expect.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

from faceline.errors import InputError
from faceline.geometry.markup import FIVE_POINTS, IBUG68, Markup
from faceline.types import AnyImage, Box, Image, Shape, Square


@dataclass(frozen=True)
class Template:
    """The places of facial points in an aligned crop.

    Attributes:
        landmarks: For each point the indices of the landmarks, of 68, whose mean it is.
        points: Place of each point, in shares of the crop's edge.
    """

    landmarks: tuple[tuple[int, ...], ...]
    points: tuple[tuple[float, float], ...]

    def for_markup(self, markup: Markup) -> "Template":
        """Return the same template for the landmarks of another markup.

        Raises:
            InputError: The markup does not name these landmarks.
        """
        if markup == IBUG68:
            return self
        if self.landmarks == FIVE_POINTS and markup.five:
            return replace(self, landmarks=markup.five)
        if markup.ibug68:
            return replace(self, landmarks=tuple(tuple(markup.ibug68[i] for i in some) for some in self.landmarks))
        raise InputError(
            f"faces are aligned by eyes, nose and mouth, and {markup.name} does not say where these are; give it five: "
            "the landmarks of each eye, the tip of the nose and both corners of the mouth",
            column="markup.five",
        )

    def of(self, landmarks: Shape) -> Float[np.ndarray, "k 2"]:
        """Return the points of a face."""
        return np.stack([landmarks[list(some)].mean(axis=0) for some in self.landmarks])


def five_point_template(points: Sequence[Sequence[int | float]], size: int) -> Template:
    """Return a template of eye centres, tip of the nose and corners of the mouth.

    Args:
        points: Pixels of the crop, x first; the image's left first.
        size: Edge of the crop in pixels.
    """
    return Template(FIVE_POINTS, tuple(((x + 0.5) / size, (y + 0.5) / size) for x, y in points))


ARCFACE: Final = five_point_template(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], 112
)
"""The template of most published embedders. Source: Deng et al., "ArcFace", CVPR 2019."""

_DLIB_PADDING: Final = 0.25
_DLIB_POINTS: Final = (
    (0.1205750620789, 0.2137274526848),
    (0.3340850613712, 0.2290642403242),
    (0.6460604764104, 0.2289674387677),
    (0.8595674595992, 0.2134981538014),
    (0.4901123135679, 0.6277975316475),
)
DLIB: Final = Template(
    ((36,), (39,), (42,), (45,), (33,)),
    tuple(((x + _DLIB_PADDING) / (1 + 2 * _DLIB_PADDING), (y + _DLIB_PADDING) / (1 + 2 * _DLIB_PADDING))
          for x, y in _DLIB_POINTS),
)  # fmt: skip
"""Corners of the eyes and base of the nose, as dlib cuts its chips of 150 pixels with a padding of a quarter.

Source: King, "Dlib-ml", JMLR 10, 2009; the mean positions that its five-point chips are aligned to."""

TEMPLATES: Final = {"arcface": ARCFACE, "dlib": DLIB}
"""Known templates by name."""

ROOM: Final = (2.1, 2.35)
"""Width and height of a frame over those of the box of the face in it, which OpenCV's cascade finds: medians over 500
training frames of the Udacity set (at which the box is 0.477 of the width and 0.425 of the height)."""
DROP: Final = 0.04
"""How far the middle of such a frame lies below that of the box, as a share of the box."""


def similarity(points: Float[np.ndarray, "k d"], target: Float[np.ndarray, "k d"]) -> Float[np.ndarray, "d d_plus_1"]:
    """Return the least-squares shift, rotation and scale from points to others; it never mirrors.

    Source: Umeyama, IEEE TPAMI 13, 1991, equations 40 to 43.

    Returns:
        [scale * R | shift], so that a point p goes to ``matrix[:, :d] @ p + matrix[:, d]``.

    Raises:
        ValueError: All points are the same.
    """
    middle, goal = points.mean(axis=0), target.mean(axis=0)
    around, wanted = points - middle, target - goal
    spread = float((around**2).sum())
    if not spread > 0:
        raise ValueError("expected points that lie apart, got the same point for all")
    u, size, vt = np.linalg.svd(wanted.T @ around)
    sign = np.ones(len(size))
    sign[-1] = np.sign(np.linalg.det(u @ vt))
    turn = (u * sign) @ vt * float((size * sign).sum()) / spread
    return np.hstack([turn, (goal - turn @ middle)[:, None]])


class Window(NamedTuple):
    """A part of a frame, which may reach beyond its edges, in whole pixels."""

    left: int
    top: int
    width: int
    height: int


def face_window(box: Box) -> Window:
    """Return the part of a frame around a face that resembles the frames of training sets.

    Args:
        box: Box of the face, as a face detector draws it.

    Raises:
        InputError: The box has no area or is not finite.
    """
    x, y, width, height = (float(value) for value in box)
    if not np.isfinite(box).all() or not min(width, height) > 0:
        raise InputError(f"expected a box [x, y, width, height] with an area, got {box.tolist()}")
    wide, high = ROOM[0] * width, ROOM[1] * height
    left, top = x + (width - wide) / 2, y + (height - high) / 2 + DROP * height
    return Window(round(left), round(top), max(1, round(wide)), max(1, round(high)))


def window_around(landmarks: Shape) -> Window:
    """Return the part of a photo around known landmarks that resembles the frames of training sets.

    Its edge is 2.3 times the larger extent of the landmarks, whose middle lies 0.13 of that below its own: medians over
    693 training frames of the Udacity set.
    """
    low, high = np.nanmin(landmarks, axis=0).astype(np.float64), np.nanmax(landmarks, axis=0).astype(np.float64)
    extent, (x, y) = float((high - low).max()), ((low + high) / 2).tolist()
    edge = max(1, round(2.3 * extent))
    return Window(round(x - edge / 2), round(y - 0.13 * extent - edge / 2), edge, edge)


def cut_window(image: Image, window: Window) -> AnyImage:
    """Return the pixels of a window; beyond the edges of the image they repeat.

    Raises:
        InputError: The window lies outside of the image.
    """
    (height, width), (left, top, wide, high) = image.shape[:2], window
    inside = image[max(top, 0) : max(top + high, 0), max(left, 0) : max(left + wide, 0)]
    if not inside.size:
        raise InputError(f"the face at {tuple(window)} lies outside of the image, which has {width} x {height} pixels")
    beyond = (-top, top + high - height, -left, left + wide - width)
    above, below, before, after = (max(0, share) for share in beyond)
    if not any((above, below, before, after)):
        return inside
    return np.asarray(cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE), dtype=np.uint8)


def align_face(image: Image, landmarks: Shape, size: int, margin: float = 0.0, template: Template = ARCFACE) -> Square:
    """Return the face of an image, upright, at the size of the template and with a margin.

    Args:
        image: Whole frame; beyond its edges the pixels repeat.
        landmarks: Landmarks in pixels of the frame.
        size: Edge of the square crop in pixels.
        margin: Share of the template's edge that is added on each side; 0 is the template itself.
        template: Places of the facial points.

    Raises:
        InputError: The points are not finite, or all the same.
    """
    points = template.of(landmarks).astype(np.float64)
    if not np.isfinite(points).all() or not (np.ptp(points, axis=0) > 0).all():
        raise InputError("the eyes, nose and mouth do not form a face that can be aligned")
    matrix = similarity(points, (np.array(template.points) + margin) * size / (1 + 2 * margin) - 0.5)
    # Shrinking by much would skip pixels: average over areas first.
    shrink = 1 / np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if shrink > 2:
        factor = 2 / shrink
        small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        steps = np.array([small.shape[1] / image.shape[1], small.shape[0] / image.shape[0]])
        matrix[:, 2] += matrix[:, :2] @ (0.5 / steps - 0.5)
        matrix[:, :2] = matrix[:, :2] / steps
        image = small
    crop = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, dtype=np.uint8)
