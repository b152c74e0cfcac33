"""Measures of a face with units: direction of the head, opening of mouth and eyes.

Right and left are those of the image. The measures say nothing about what a person feels.
"""

from typing import Final

import numpy as np
from jaxtyping import Float

from faceline.geometry.face_model import neutral_shape
from faceline.geometry.markup import LOWER_LIDS, UPPER_LIDS
from faceline.geometry.shape import Shapes

Values = Float[np.ndarray, " n"]

UNITS: Final = {
    "yaw": "degrees",
    "pitch": "degrees",
    "roll": "degrees",
    "mouth_opening": "half face widths",
    "mouth_asymmetry": "half face widths",
    "smile": "half face widths",
    "eye_opening": "half face widths",
    "brow_raise": "half face widths",
}
"""Every measure and its unit; half a face's width at the ears is about 70 mm."""

_RIGID: Final = [*range(27, 36), 36, 39, 42, 45]  # bridge and base of the nose, corners of the eyes
_EYE_CORNERS: Final = [36, 39, 42, 45]
_BROWS: Final = list(range(17, 27))


def head_pose(landmarks: Shapes) -> tuple[Float[np.ndarray, "n 3"], Values]:
    """Return the direction of each head, and its size.

    The mean face is fitted to the points that no expression moves, as a distant camera would show it (scaled
    orthographic): by least squares to an affine camera, then to the nearest rotation. Source: Horaud et al., "Object
    pose: the link between weak perspective, paraperspective and full perspective", IJCV 22, 1997, section 3.

    Args:
        landmarks: Landmarks in pixels or any other unit; a third dimension is ignored.

    Returns:
        Yaw (positive: the nose to the image's right), pitch (positive: up) and roll (positive: clockwise), degrees;
        and how many units of the landmarks half the width of the face is.
    """
    model = neutral_shape()[_RIGID]
    model = model - model.mean(axis=0)
    seen = landmarks[:, _RIGID, :2].astype(np.float64)
    seen = seen - seen.mean(axis=1, keepdims=True)
    camera = np.einsum("ik,nkj->nji", np.linalg.pinv(model), seen)  # (n, 2, 3): scale times two rows of a rotation
    u, size, vt = np.linalg.svd(camera, full_matrices=False)
    first, second = np.moveaxis(u @ vt, 1, 0)  # (n, 3) each
    third = np.cross(first, second)
    pitch = np.arcsin(np.clip(third[:, 1], -1, 1))
    yaw = np.arctan2(-third[:, 0], third[:, 2])
    roll = np.arctan2(-first[:, 1], second[:, 1])
    return np.rad2deg(np.stack([yaw, pitch, roll], axis=1)), size.mean(axis=1)


def measure(landmarks: Shapes) -> dict[str, Values]:
    """Compute every measure of `UNITS` for each face.

    Lengths are measured along the upright face, so tilt and size do not matter. A nod shortens them, and moves the tip
    of the nose or the lips against deeper points; the depths of the mean face correct both.

    Args:
        landmarks: Landmarks of any size and place; a third dimension is ignored.
    """
    pose, size = head_pose(landmarks)
    yaw, pitch, roll = pose.T
    angle = np.deg2rad(roll)
    x, y = np.moveaxis(landmarks[..., :2].astype(np.float64), 2, 0)  # (n, 68) each
    height = (y * np.cos(angle)[:, None] - x * np.sin(angle)[:, None]) / size[:, None]  # down the upright face
    nod = np.deg2rad(pitch)
    height = height + np.sin(nod)[:, None] * neutral_shape()[:, 2]
    upright = np.maximum(np.cos(nod), 0.5)
    lips, corners = height[:, [51, 57]].mean(axis=1), height[:, [48, 54]].mean(axis=1)
    return {
        "yaw": yaw,
        "pitch": pitch,
        "roll": roll,
        "mouth_opening": (height[:, 66] - height[:, 62]) / upright,
        "mouth_asymmetry": (height[:, 48] - height[:, 54]) / upright,
        "smile": (lips - corners) / upright,
        "eye_opening": (height[:, LOWER_LIDS] - height[:, UPPER_LIDS]).mean(axis=1) / upright,
        "brow_raise": (height[:, _EYE_CORNERS].mean(axis=1) - height[:, _BROWS].mean(axis=1)) / upright,
    }


_WORDS: Final = (
    ("yaw", 9.0, "looks right", "looks left"),
    ("pitch", 7.0, "looks up", "looks down"),
    ("roll", 7.0, "tilts right", "tilts left"),
    ("mouth_opening", 0.07, "mouth open", ""),
    ("smile", 0.045, "smiles", "mouth corners down"),
    ("mouth_asymmetry", 0.05, "mouth crooked", "mouth crooked"),
    ("eye_opening", 0.03, "eyes wide", "eyes narrow"),
    ("brow_raise", 0.07, "brows raised", "brows low"),
)
"""Each measure, the step that changes a look, and the words for a greater and a smaller value."""

STEPS: Final = {name: step for name, step, _, _ in _WORDS}
"""Step of each measure that makes a face look different."""


def describe(values: dict[str, float], usual: dict[str, float]) -> str:
    """Describe a face in a few words, the most unusual first; right and left are those of the image.

    Args:
        values: Measures of one face, or means of some.
        usual: Measures of the faces that it is compared to.
    """
    found = []
    for name, step, more, less in _WORDS:
        difference = (values[name] - usual[name]) / step
        word = more if difference > 0 else less
        if abs(difference) >= 1 and word:
            found.append((abs(difference), word))
    words = [word for _, word in sorted(found, reverse=True)]
    return ", ".join(dict.fromkeys(words)) or "like the mean"
