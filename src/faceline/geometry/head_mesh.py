"""A whole head around the 68 points: a grid of vertices that follows the landmarks wherever they move.

The grid is cylindrical: rows from the crown to under the chin, columns by azimuth from the back of the head over the
image's left to the front and on. Units and axes are those of ``face_model``.
"""

from functools import cache
from typing import Final

import numpy as np
from jaxtyping import Float

from faceline.geometry.face_model import Shape3D, neutral_shape

Grid = Float[np.ndarray, "rows columns 3"]
"""Vertices (or normals) of a grid of quads."""

CROWN: Final = -1.62
_DOME: Final = -0.45  # above this height the skull closes like an ellipsoid
_BOTTOM: Final = 1.80
_REACH: Final = 0.45  # how far from a landmark its movement is felt

# (azimuth in degrees, height, radius) of the head where it has no landmarks; the other side is the mirror.
_SKULL: Final = (
    (0, -0.45, 1.33), (25, -0.45, 1.29), (50, -0.45, 1.18), (70, -0.45, 1.06), (90, -0.45, 1.04),
    (50, 0.10, 1.12), (62, -0.10, 1.06), (75, 0.10, 1.02), (120, -0.45, 1.16), (150, -0.45, 1.32), (180, -0.45, 1.38),
    (28, 0.32, 1.20), (45, 0.42, 1.12), (62, 0.55, 1.02), (20, 0.80, 1.36), (38, 0.75, 1.14), (52, 0.85, 1.02),
    (14, 0.30, 1.25), (11, 0.10, 1.24), (17, 0.50, 1.26),
    (0, 1.27, 1.36), (16, 1.33, 1.29), (33, 1.12, 1.19), (0, 1.45, 1.33),
    (120, 0.10, 1.05), (150, 0.10, 1.20), (180, 0.10, 1.28), (120, 0.60, 0.85), (150, 0.60, 0.92), (180, 0.60, 1.0),
    (100, 1.00, 0.66), (130, 1.10, 0.62), (180, 1.10, 0.75),
    (0, 1.80, 0.62), (30, 1.80, 0.56), (60, 1.80, 0.50), (90, 1.80, 0.50), (130, 1.80, 0.52), (180, 1.80, 0.60),
    (0, 1.70, 0.96), (30, 1.66, 0.76), (60, 1.45, 0.62),
)  # fmt: skip


@cache
def azimuths() -> Float[np.ndarray, " columns"]:
    """Azimuth of every column in radians, finest in front; the first and the last are the back of the head."""
    half = np.concatenate(
        [np.linspace(0, 16, 6), np.linspace(20, 64, 11), np.linspace(70, 100, 5), np.linspace(120, 180, 4)]
    )
    return np.asarray(np.deg2rad(np.concatenate([-half[:0:-1], half])))


@cache
def heights() -> Float[np.ndarray, " rows"]:
    """Height of every row of the neutral head."""
    dome = _DOME + (CROWN - _DOME) * np.sin(np.linspace(np.pi / 2, 0, 8))[:-1]
    return np.concatenate([dome, np.linspace(_DOME, _BOTTOM, 35)])


def _on_cylinder(theta: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return (n, 3) points of the unit cylinder: neighbours across the back of the head are neighbours here."""
    return np.stack([np.sin(theta), np.cos(theta), y], axis=1)


def _spline(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Kernel r³ of the smooth interpolant between two sets of points (Wendland, Scattered Data Approximation, 8.3)."""
    return np.asarray(np.linalg.norm(a[:, None] - b[None], axis=2) ** 3)


def _control_points() -> np.ndarray:
    """Return (n, 3) azimuth, height and radius that the neutral surface goes through."""
    shape = neutral_shape()
    inner_mouth = np.isin(np.arange(68), range(60, 68))
    x, y, z = shape[~inner_mouth].T
    landmarks = np.stack([np.arctan2(x, z), y, np.hypot(x, z)], axis=1)
    skull = [(sign * np.deg2rad(a), h, r) for a, h, r in _SKULL for sign in ((1, -1) if 0 < a < 180 else (1,))]
    skull += [(a, h - 0.25, r) for a, h, r in skull if h == _DOME]  # no crease where the dome begins
    # Behind the jaw line the head is narrower, so that the jaw is the outline of the face seen from the front.
    x, y, z = shape[[3, 4, 5, 6, 10, 11, 12, 13]].T
    behind_x, behind_z = 0.90 * x, z - 0.30
    behind = np.stack([np.arctan2(behind_x, behind_z), y + 0.03, np.hypot(behind_x, behind_z)], axis=1)
    return np.concatenate([landmarks, np.array(skull), behind])


@cache
def neutral_head() -> Grid:
    """Return the head of the mean face."""
    points = _control_points()
    where, radius = _on_cylinder(points[:, 0], points[:, 1]), points[:, 2]
    n = len(points)
    plane = np.concatenate([np.ones((n, 1)), where], axis=1)
    system = np.block([[_spline(where, where) + 1e-4 * np.eye(n), plane], [plane.T, np.zeros((4, 4))]])
    weights = np.linalg.solve(system, np.concatenate([radius, np.zeros(4)]))
    theta, y = np.meshgrid(azimuths(), heights())
    vertices = _on_cylinder(theta.ravel(), np.maximum(y, _DOME).ravel())
    r = _spline(vertices, where) @ weights[:n] + weights[n] + vertices @ weights[n + 1 :]
    dome = np.sqrt(np.clip(1 - (np.minimum(y - _DOME, 0) / (CROWN - _DOME)) ** 2, 0, 1))
    r = np.clip(r.reshape(theta.shape), 0.3, 1.8) * dome
    return np.stack([r * np.sin(theta), y, r * np.cos(theta)], axis=2)


@cache
def _follow() -> np.ndarray:
    """Return (rows, columns, 68) weights that carry movements of the landmarks over to the vertices."""
    shape = neutral_shape()

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        distance = np.linalg.norm(a[:, None] - b[None], axis=2)
        return np.asarray((1 + distance / _REACH) * np.exp(-distance / _REACH))

    inner = kernel(shape, shape) + 4e-2 * np.eye(len(shape))
    vertices = neutral_head()
    weights = np.linalg.solve(inner, kernel(vertices.reshape(-1, 3), shape).T).T
    return np.ascontiguousarray(weights).reshape(*vertices.shape[:2], -1)


def head_around(shape: Shape3D) -> Grid:
    """Return the head whose face has these landmarks.

    Args:
        shape: Landmarks of an unturned face, with its expression.
    """
    neutral = neutral_shape()
    wider = np.array([(shape[16, 0] - shape[0, 0]) / (neutral[16, 0] - neutral[0, 0]), 1.0, 1.0])
    head = neutral_head() * wider
    # einsum, not BLAS: the same sums in the same order whatever the number of threads
    return np.asarray(head + np.einsum("rcl,ld->rcd", _follow(), shape - neutral * wider))


def normals(grid: Float[np.ndarray, "rows columns 3"]) -> Float[np.ndarray, "quads_y quads_x 3"]:
    """Unit outward normal of every quad of a grid (one less than the vertices each way)."""
    first = grid[1:, 1:] - grid[:-1, :-1]
    second = grid[1:, :-1] - grid[:-1, 1:]
    normal = np.cross(first, second)
    return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-9))
