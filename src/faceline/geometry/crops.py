"""Faces cut out upright and at one size, so that an eye is always where an eye is expected.

Source: Deng et al., "ArcFace", CVPR 2019: five points on a template of 112 pixels, as most published embedders expect.
"""

from typing import Final

import cv2
import numpy as np
from jaxtyping import Float

from faceline.errors import InputError
from faceline.types import Image, Shape, Square

TEMPLATE_SIZE: Final = 112
TEMPLATE: Final = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Eye centres, tip of the nose and corners of the mouth, pixels of a crop of 112."""

_EYES: Final = (slice(36, 42), slice(42, 48))
_NOSE_AND_MOUTH: Final = (30, 48, 54)


def five_points(landmarks: Shape) -> Float[np.ndarray, "5 2"]:
    """The points of the template out of the 68: eye centres, tip of the nose, corners of the mouth."""
    eyes = [landmarks[eye].mean(axis=0) for eye in _EYES]
    return np.stack([*eyes, *landmarks[list(_NOSE_AND_MOUTH)]])


def similarity(points: Float[np.ndarray, "k d"], target: Float[np.ndarray, "k d"]) -> Float[np.ndarray, "d d_plus_1"]:
    """The shift, turn and scale that brings points nearest to others, in least squares; it never mirrors.

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


def align_face(image: Image, landmarks: Shape, size: int, margin: float = 0.0) -> Square:
    """The face of an image, upright, at the size of the template and with some room around it.

    Args:
        image: The whole frame; beyond its edges they are drawn out.
        landmarks: Pixels of the frame.
        size: Edge of the square crop in pixels.
        margin: Share of the template's edge that is added on each side; 0 is the template itself.

    Raises:
        InputError: The five points do not make a face: they are not finite, or one point.
    """
    points = five_points(landmarks).astype(np.float64)
    if not np.isfinite(points).all() or not (np.ptp(points, axis=0) > 0).all():
        raise InputError("its eyes, nose and mouth are not where a face could be aligned by them")
    zoom = size / (TEMPLATE_SIZE * (1 + 2 * margin))
    matrix = similarity(points, (TEMPLATE + 0.5 + margin * TEMPLATE_SIZE) * zoom - 0.5)
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
