"""A small 3D face of 68 points: neutral shape, identity, expression, pose, projection.

Axes are those of an image with depth: x to the right, y down, z towards the viewer. The unit is half the width of the
neutral face at the ears (about 70 mm); the origin lies between the ears at the height of the eyes, where a head turns.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Float

from faceline.geometry.markup import FLIP_ORDER, LOWER_LIDS, N_LANDMARKS, UPPER_LIDS

Shape3D = Float[np.ndarray, "68 3"]
"""The landmarks of one face in three dimensions."""

# The half of the neutral face on the image's right, and its midline; proportions of an adult's face.
_RIGHT_HALF: Final[dict[int, tuple[float, float, float]]] = {
    16: (1.00, 0.00, 0.05),
    15: (0.99, 0.27, 0.06),
    14: (0.965, 0.53, 0.10),
    13: (0.91, 0.79, 0.18),
    12: (0.81, 1.03, 0.34),
    11: (0.66, 1.25, 0.58),
    10: (0.46, 1.44, 0.86),
    9: (0.235, 1.58, 1.10),
    26: (0.79, -0.20, 0.80),
    25: (0.66, -0.31, 0.98),
    24: (0.49, -0.345, 1.12),
    23: (0.32, -0.315, 1.21),
    22: (0.155, -0.245, 1.28),
    34: (0.105, 0.655, 1.47),
    35: (0.205, 0.615, 1.37),
    42: (0.245, 0.02, 1.10),
    43: (0.345, -0.075, 1.155),
    44: (0.470, -0.075, 1.115),
    45: (0.580, 0.005, 0.97),
    46: (0.475, 0.055, 1.08),
    47: (0.350, 0.060, 1.125),
    52: (0.095, 0.845, 1.485),
    53: (0.245, 0.875, 1.385),
    54: (0.385, 0.930, 1.205),
    55: (0.255, 1.060, 1.355),
    56: (0.115, 1.115, 1.430),
    63: (0.095, 0.930, 1.455),
    64: (0.345, 0.935, 1.225),
    65: (0.100, 0.945, 1.455),
}
_MIDLINE: Final[dict[int, tuple[float, float]]] = {
    8: (1.63, 1.20),
    27: (-0.02, 1.30),
    28: (0.155, 1.42),
    29: (0.325, 1.555),
    30: (0.490, 1.69),
    33: (0.690, 1.51),
    51: (0.865, 1.50),
    57: (1.125, 1.45),
    62: (0.935, 1.47),
    66: (0.950, 1.47),
}


@dataclass(frozen=True)
class Expression:
    """The expression of a face; 0 everywhere is neutral.

    Attributes:
        mouth_open: 0 closed to 1 wide open; the jaw drops with it.
        smile: 1 is a broad smile, -1 a frown of the mouth.
        brow_raise: 1 raises the brows, -1 knits them.
        eye_close: 0 open to 1 shut; slightly below 0 opens wide.
    """

    mouth_open: float = 0.0
    smile: float = 0.0
    brow_raise: float = 0.0
    eye_close: float = 0.0


def neutral_shape() -> Shape3D:
    """Return the mean face without expression, seen from the front and symmetric."""
    shape = np.zeros((N_LANDMARKS, 3))
    for index, (y, z) in _MIDLINE.items():
        shape[index] = 0.0, y, z
    for index, point in _RIGHT_HALF.items():
        shape[index] = point
        shape[FLIP_ORDER[index]] = point * np.array([-1.0, 1.0, 1.0])
    return shape


def _bump(centre: float, width: float, values: np.ndarray) -> np.ndarray:
    return np.exp(-(((values - centre) / width) ** 2))


@cache
def identity_modes() -> dict[str, Shape3D]:
    """Displacements of the landmarks by name: how faces differ, each at one standard deviation."""
    shape = neutral_shape()
    x, y, z = shape.T
    side = np.sign(x)
    jaw, brows, bridge, wings, eyes, mouth = (
        np.isin(np.arange(N_LANDMARKS), group)
        for group in (range(17), range(17, 27), range(27, 31), range(31, 36), range(36, 48), range(48, 68))
    )
    nose = bridge | wings
    eye_centre = np.zeros((N_LANDMARKS, 3))
    for first in (36, 42):
        eye_centre[first : first + 6] = shape[first : first + 6].mean(axis=0)
    from_mouth = y - 0.94

    def mode(dx: object = 0.0, dy: object = 0.0, dz: object = 0.0) -> Shape3D:
        return np.stack([np.broadcast_to(np.asarray(d, float), N_LANDMARKS) for d in (dx, dy, dz)], axis=1)

    return {
        "face_width": mode(dx=0.05 * x),
        "face_length": mode(dy=0.055 * y),
        "jaw_width": mode(dx=0.065 * side * jaw * _bump(1.15, 0.45, y)),
        "chin_length": mode(dy=0.07 * jaw * _bump(1.63, 0.4, y), dz=0.02 * jaw * _bump(1.63, 0.4, y)),
        "chin_depth": mode(dz=0.06 * jaw * _bump(1.63, 0.35, y)),
        "eye_distance": mode(dx=0.025 * side * (eyes | brows)),
        "eye_size": 0.11 * (shape - eye_centre) * eyes[:, None],
        "eye_opening": mode(dy=0.16 * (shape - eye_centre)[:, 1] * eyes),
        "eye_tilt": mode(dy=-0.10 * (np.abs(x) - 0.41) * eyes),
        "eye_depth": mode(dz=-0.03 * eyes),
        "brow_height": mode(dy=-0.035 * brows),
        "brow_tilt": mode(dy=-0.09 * (np.abs(x) - 0.48) * brows),
        "brow_arch": mode(dy=-0.03 * brows * _bump(0.5, 0.2, np.abs(x))),
        "nose_length": mode(dy=0.045 * nose * np.clip(y / 0.69, 0, None)),
        "nose_width": mode(dx=0.14 * x * wings),
        "nose_depth": mode(dz=0.07 * nose * _bump(0.5, 0.3, y)),
        "nose_hook": mode(dy=0.03 * bridge * _bump(0.49, 0.2, y), dz=0.04 * bridge * _bump(0.2, 0.2, y)),
        "mouth_width": mode(dx=0.09 * x * mouth),
        "mouth_height": mode(dy=0.03 * mouth),
        "lip_fullness": mode(dy=0.17 * from_mouth * mouth, dz=0.012 * mouth * (z > 1.3)),
    }


_NOSE_BASE: Final = 33
_UPPER_LIP: Final = 51


def identity(rng: np.random.Generator, strength: float = 1.0) -> Shape3D:
    """Return the neutral face of a random person: every mode within two deviations, and a trace of asymmetry.

    Args:
        rng: Draws the person; the same state gives the same person.
        strength: 0 gives the mean face, 1 the variety of a crowd.
    """
    modes = identity_modes()
    while True:
        coefficients = np.clip(rng.standard_normal(len(modes)), -2.0, 2.0)
        shape = neutral_shape()
        for coefficient, mode in zip(coefficients, modes.values(), strict=True):
            shape = shape + strength * coefficient * mode
        asymmetry = 0.004 * np.clip(rng.standard_normal((N_LANDMARKS, 3)), -2, 2)
        shape = np.asarray(shape + strength * asymmetry)
        if shape[_NOSE_BASE, 1] < shape[_UPPER_LIP, 1]:  # not so in one of ten thousand people: they are drawn again
            return shape


@cache
def _expression_modes() -> dict[str, Shape3D]:
    """Displacements for a value of 1, of the parts of an expression that are linear."""
    modes = {name: np.zeros((N_LANDMARKS, 3)) for name in ("mouth_open", "smile", "brow_raise")}
    # index of the right half or of the midline -> (dx, dy, dz); the other side is its mirror
    moves: dict[str, dict[int, tuple[float, float, float]]] = {
        "mouth_open": {
            8: (0, 0.34, -0.16), 9: (0, 0.33, -0.15), 10: (-0.01, 0.29, -0.13), 11: (-0.02, 0.22, -0.09),
            12: (-0.02, 0.13, -0.05), 13: (-0.01, 0.05, -0.02),
            51: (0, -0.03, 0), 52: (0, -0.03, 0), 53: (0, -0.01, 0), 62: (0, -0.03, 0), 63: (0, -0.025, 0),
            54: (-0.05, 0.13, -0.04), 64: (-0.05, 0.13, -0.04), 55: (-0.02, 0.27, -0.09),
            56: (0, 0.33, -0.12), 57: (0, 0.35, -0.12), 65: (0, 0.31, -0.11), 66: (0, 0.33, -0.11),
        },
        "smile": {
            54: (0.12, -0.11, -0.10), 64: (0.12, -0.10, -0.10), 53: (0.06, -0.01, -0.05), 55: (0.06, -0.03, -0.05),
            52: (0.02, 0.03, -0.02), 56: (0.02, 0.01, -0.02), 51: (0, 0.035, -0.02), 57: (0, 0.015, -0.02),
            62: (0, 0.035, -0.02), 63: (0.03, 0.02, -0.02), 65: (0.03, 0.03, -0.02), 66: (0, 0.045, -0.02),
            35: (0.025, -0.01, 0), 46: (0, -0.012, 0), 47: (0, -0.012, 0), 12: (0.02, -0.02, 0), 11: (0.02, -0.02, 0),
        },
        "brow_raise": {
            22: (0, -0.11, 0), 23: (0, -0.13, 0), 24: (0, -0.13, 0), 25: (0, -0.11, 0), 26: (0, -0.07, 0),
            43: (0, -0.015, 0), 44: (0, -0.015, 0),
        },
    }  # fmt: skip
    for name, points in moves.items():
        for index, (dx, dy, dz) in points.items():
            modes[name][index] = dx, dy, dz
            modes[name][FLIP_ORDER[index]] = (-dx if FLIP_ORDER[index] != index else dx), dy, dz
    return modes


def express(shape: Shape3D, expression: Expression) -> Shape3D:
    """Return the face with an expression.

    Args:
        shape: A neutral face, unturned.
        expression: Expression of the face.
    """
    modes = _expression_modes()
    moved = shape + sum(getattr(expression, name) * mode for name, mode in modes.items())
    upper, lower = list(UPPER_LIDS), list(LOWER_LIDS)
    gap = moved[lower] - moved[upper]
    moved[upper] += 0.88 * expression.eye_close * gap
    moved[lower] -= 0.10 * expression.eye_close * gap
    return np.asarray(moved)


def rotation(yaw: int | float, pitch: int | float, roll: int | float) -> Float[np.ndarray, "3 3"]:
    """Return the matrix R of a head pose, that turns points by ``points @ R.T``.

    Args:
        yaw: Degrees; positive turns the nose to the image's right.
        pitch: Degrees; positive turns the nose up.
        roll: Degrees; positive tilts the head clockwise in the image.
    """
    a, b, c = np.deg2rad([yaw, pitch, roll])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)


def project(
    points: Float[np.ndarray, "*rest 3"], turn: Float[np.ndarray, "3 3"], scale: float, place: tuple[float, float]
) -> Float[np.ndarray, "*rest 3"]:
    """Pose points and bring them to pixels, as a distant camera does (scaled orthographic).

    Args:
        points: Points of a head in units of the model.
        turn: Rotation of the head.
        scale: Pixels for one unit.
        place: Pixel where the origin of the head lies, x first.

    Returns:
        x and y in pixels of the image; z in pixels towards the viewer, 0 at the origin of the head.
    """
    return np.asarray((points @ turn.T) * scale + np.array([*place, 0.0]))
