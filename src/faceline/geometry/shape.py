"""Normalises the shape of a face: landmarks without place, size and, optionally, rotation, in 2 or 3 dimensions.

Source: Dryden and Mardia, "Statistical Shape Analysis", 2nd edition, 2016, chapters 2 and 7.
"""

import numpy as np
from jaxtyping import Float

Shapes = Float[np.ndarray, "n p d"]
"""The landmarks of n faces in d = 2 or 3 dimensions."""

MeanShape = Float[np.ndarray, "p d"]
"""One centred and scaled shape to which others are turned."""


def centre(shapes: Shapes) -> Shapes:
    """Move the mean of each shape's landmarks to the origin."""
    return np.asarray(shapes - shapes.mean(axis=1, keepdims=True, dtype=np.float64).astype(shapes.dtype))


def centroid_size(shapes: Shapes) -> Float[np.ndarray, " n"]:
    """Root of the summed squared distances of the landmarks from their mean, in the unit of the landmarks."""
    return np.asarray(np.sqrt((centre(shapes).astype(np.float64) ** 2).sum(axis=(1, 2))))


def scale(shapes: Shapes) -> Shapes:
    """Bring each shape to a centroid size of 1, about the origin.

    Raises:
        ValueError: All landmarks of a shape are the same point, or one is not finite.
    """
    size = centroid_size(shapes)
    bad = ~np.isfinite(size) | (size <= 0)
    if bad.any():
        raise ValueError(
            f"expected landmarks that are finite and lie apart, got a size of {size[bad][0]} in shape {bad.argmax()}"
        )
    return np.asarray(shapes / size[:, None, None].astype(shapes.dtype))


def rotate_to(shapes: Shapes, mean: MeanShape) -> Shapes:
    """Rotate each centred shape about the origin to be nearest to the mean; never mirror.

    The rotation R = U S V' of the singular value decomposition of the shape's product with the mean, where S keeps the
    determinant at 1. Source: Kabsch, Acta Crystallographica A32, 1976; Umeyama, IEEE TPAMI 13, 1991.
    """
    product = np.einsum("nki,kj->nij", shapes, mean.astype(shapes.dtype))  # (n, d, d)
    u, _, vt = np.linalg.svd(product)
    sign = np.ones(product.shape[:2], dtype=shapes.dtype)
    sign[:, -1] = np.sign(np.linalg.det(u @ vt))
    return np.asarray(shapes @ ((u * sign[:, None, :]) @ vt))


def generalised_procrustes(shapes: Shapes, iterations: int = 20, tolerance: float = 1e-7) -> MeanShape:
    """Return the mean of shapes that are each rotated to that mean.

    It lies as the plain mean of the shapes does, so upright faces have an upright mean. Source: Gower, "Generalized
    Procrustes analysis", Psychometrika 40, 1975, with sizes fixed at 1.

    Args:
        shapes: Shapes, at least one.
        iterations: Most rounds.
        tolerance: The last round moves the mean by less than this (root of summed squares).

    Raises:
        ValueError: A shape cannot be scaled, as for ``scale``.
    """
    shapes = scale(centre(shapes))
    first = mean = _as_shape(shapes.mean(axis=0))
    for _ in range(iterations):
        before, mean = mean, _as_shape(rotate_to(shapes, mean).mean(axis=0))
        if np.linalg.norm(mean - before) < tolerance:
            break
    return np.asarray(rotate_to(mean[None], first)[0])


def normalise(shapes: Shapes, mean: MeanShape | None = None) -> Shapes:
    """Centre and scale shapes, and rotate them to a mean if one is given.

    Raises:
        ValueError: A shape cannot be scaled, as for ``scale``.
    """
    shapes = scale(centre(shapes))
    return shapes if mean is None else rotate_to(shapes, mean)


def _as_shape(landmarks: MeanShape) -> MeanShape:
    return np.asarray(normalise(landmarks[None])[0])
