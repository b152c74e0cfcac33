"""Shapes with soft edges on an RGB canvas: polygons, curves and layers of quads, to a sixteenth of a pixel."""

from functools import cache

import cv2
import numpy as np
from jaxtyping import Bool, Float

from faceline.drawing.appearance import Colour
from faceline.types import Image

Points = Float[np.ndarray, "n 2"]
"""Pixels, x first; whole numbers are pixel centres."""

_SHIFT = 4


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.round(points * (1 << _SHIFT)).astype(np.int32)


@cache
def _curve_weights(n: int, steps: int) -> np.ndarray:
    """Weights of n points in each point of a Catmull-Rom curve through them (ends reflected)."""
    padded = np.zeros((n + 2, n))
    padded[1:-1] = np.eye(n)
    padded[0, :2] = 2, -1
    padded[-1, -2:] = -1, 2
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    cubic = 0.5 * np.hstack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2])
    parts = [cubic @ padded[i : i + 4] for i in range(n - 1)]
    return np.concatenate([*parts, np.eye(n)[-1:]])


def curve(points: Float[np.ndarray, "n d"], steps: int = 6) -> Float[np.ndarray, "m d"]:
    """Return a smooth line through points in order.

    Args:
        points: At least two.
        steps: Pieces between two of them.
    """
    return np.asarray(_curve_weights(len(points), steps) @ points)


def fill(canvas: Image, outline: Points, colour: Colour) -> None:
    """Fill a polygon."""
    cv2.fillPoly(canvas, [_fixed(outline)], colour.tolist(), cv2.LINE_AA, _SHIFT)


def stroke_soft(canvas: Image, line: Points, colour: Colour, thickness: float, strength: float) -> None:
    """Mix a line into the canvas, as soft as it is thick: a fold, a shadow; under a pixel it gets paler instead."""
    mask = np.zeros(canvas.shape[:2], np.uint8)
    cv2.polylines(mask, [_fixed(line)], False, 255, max(1, round(thickness)), cv2.LINE_AA, _SHIFT)
    _blend_mask(canvas, mask, colour, strength * min(thickness, 1.0), line, 0.4 * thickness)


def fill_soft(canvas: Image, outline: Points, colour: Colour, blur: float, strength: float) -> None:
    """Mix a blurred polygon into the canvas."""
    mask = np.zeros(canvas.shape[:2], np.uint8)
    cv2.fillPoly(mask, [_fixed(outline)], 255, cv2.LINE_AA, _SHIFT)
    _blend_mask(canvas, mask, colour, strength, outline, blur)


def box(canvas: Image, points: np.ndarray, margin: float) -> tuple[slice, slice]:
    """Rows and columns of the canvas around points; empty where they are all outside."""
    low = np.floor(points.min(axis=0) - margin).astype(int)
    high = np.ceil(points.max(axis=0) + margin).astype(int) + 1
    h, w = canvas.shape[:2]
    x0, x1 = np.clip([low[0], high[0]], 0, w)
    y0, y1 = np.clip([low[1], high[1]], 0, h)
    return slice(int(y0), int(y1)), slice(int(x0), int(x1))


def blend(canvas: Image, colours: np.ndarray, alpha: np.ndarray) -> None:
    """Mix colours into a canvas in place, by an alpha of 0 to 1 for each pixel."""
    mixed = canvas + alpha[..., None] * (colours - canvas.astype(np.float32))
    canvas[:] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def _blend_mask(canvas: Image, mask: np.ndarray, colour: Colour, strength: float, points: Points, blur: float) -> None:
    """Mix one colour by a blurred mask, touching only the pixels around the points."""
    place = box(canvas, points, 4 * blur + 3)
    if canvas[place].size == 0:
        return
    alpha = cv2.GaussianBlur(mask[place], (0, 0), max(blur, 0.3)).astype(np.float32) * (strength / 255)
    blend(canvas[place], colour.astype(np.float32), alpha)


def quads_of(grid: Float[np.ndarray, "rows columns d"]) -> Float[np.ndarray, "quads 4 d"]:
    """Return the quads between the vertices of a grid, row by row."""
    corners = [grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]]
    return np.stack(corners, axis=2).reshape(-1, 4, grid.shape[2])


def paint_quads(
    canvas: Image,
    quads: Float[np.ndarray, "quads 4 3"],
    colours: Float[np.ndarray, "quads 3"],
    visible: Bool[np.ndarray, " quads"],
    blur: float,
) -> None:
    """Paint quads from far to near, with one smooth shading over all of them and a sharp outline.

    Args:
        canvas: Painted in place.
        quads: Corners in pixels, with depth towards the viewer.
        colours: The colours of each quad.
        visible: Quads that are painted.
        blur: Standard deviation in pixels that hides the borders between quads.
    """
    order = np.argsort(quads[:, :, 2].sum(axis=1), kind="stable")
    order = order[visible[order]]
    flat = quads[:, :, :2]
    inside = (flat.max(axis=1) > 0).all(axis=1) & (flat.min(axis=1) < canvas.shape[1::-1]).all(axis=1)
    order = order[inside[order]]
    if len(order) == 0:
        return
    place = box(canvas, quads[order][:, :, :2].reshape(-1, 2), 3 * blur + 2)
    corner = np.array([place[1].start, place[0].start])
    corners = _fixed(quads[order][:, :, :2] - corner)
    layer = np.zeros((*canvas[place].shape[:2], 4), np.uint8)
    painted = np.concatenate([np.clip(colours[order], 0, 255), np.full((len(order), 1), 255.0)], axis=1).tolist()
    for polygon, colour in zip(corners, painted, strict=True):
        cv2.fillConvexPoly(layer, polygon, colour, cv2.LINE_8, _SHIFT)
    alpha = cv2.GaussianBlur(layer[..., 3], (0, 0), 0.8).astype(np.float32) / 255
    soft = cv2.GaussianBlur(layer, (0, 0), max(blur, 0.3)).astype(np.float32)
    blend(canvas[place], soft[..., :3] / np.maximum(soft[..., 3:], 1) * 255, alpha)
