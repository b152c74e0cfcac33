"""Computes the map of a plane between two pictures of the same flat thing."""

import numpy as np
from jaxtyping import Float

Points = Float[np.ndarray, "k 2"]


def homography(points: Points, target: Points) -> Float[np.ndarray, "3 3"]:
    """Return the plane map from points to others, by the normalised direct linear transform.

    Source: Hartley and Zisserman, "Multiple View Geometry", 2nd edition, algorithm 4.2.

    Raises:
        ValueError: There are fewer than four points, or all of them are the same.
    """
    if len(points) < 4:
        raise ValueError(f"expected at least 4 points, got {len(points)}")
    (a, to_a), (b, to_b) = _normalised(points), _normalised(target)
    ones, zeros = np.hstack([a, np.ones((len(a), 1))]), np.zeros((len(a), 3))
    system = np.vstack([np.hstack([ones, zeros, -b[:, :1] * ones]), np.hstack([zeros, ones, -b[:, 1:] * ones])])
    solved = np.linalg.svd(system.T @ system)[2][-1].reshape(3, 3)
    whole = np.linalg.inv(to_b) @ solved @ to_a
    return np.asarray(whole / whole[2, 2])


def project(matrix: Float[np.ndarray, "3 3"], points: Points) -> Points:
    """Map points with a plane map."""
    moved = np.hstack([points, np.ones((len(points), 1))]) @ matrix.T
    return np.asarray(moved[:, :2] / moved[:, 2:])


def _normalised(points: Points) -> tuple[Points, Float[np.ndarray, "3 3"]]:
    """Move points around 0 at a mean distance of the root of 2; return the map too."""
    middle = points.mean(axis=0)
    spread = float(np.linalg.norm(points - middle, axis=1).mean())
    if not spread > 0:
        raise ValueError("expected points that lie apart, got the same point for all")
    scale = np.sqrt(2) / spread
    matrix = np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1]])
    return (points - middle) * scale, matrix
