"""Eyes, brows, nose, mouth and glasses, drawn through the landmarks that they belong to."""

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Float

from faceline.drawing.appearance import Looks, VideoScene
from faceline.drawing.painting import blend, box, curve, fill, fill_soft, stroke_soft
from faceline.geometry.face_model import Shape3D
from faceline.types import Image, Shape

Tint = Float[np.ndarray, "3"]
"""What the light does to each colour on a part of the face."""


def _lit(colour: np.ndarray, tint: Tint) -> np.ndarray:
    return np.asarray(np.clip(colour * tint, 0, 255))


def draw_brows(canvas: Image, points: Shape, looks: Looks, light: Float[np.ndarray, "3 3"], scale: float) -> None:
    """Two tapered brows whose middle line goes through landmarks 17 to 26."""
    down = points[8] - points[27]
    down = down / max(float(np.linalg.norm(down)), 1e-6)
    for brow, tint in ((points[17:22], light[0]), (points[26:21:-1], light[1])):
        line = curve(brow)  # from the temple to the nose
        thickness = (
            looks.brow_thickness * scale * np.interp(np.linspace(0, 1, len(line)), [0, 0.5, 1], [0.25, 0.9, 1.0])
        )
        half = 0.5 * thickness[:, None] * down
        colour = _lit(0.75 * looks.hair + 0.08 * looks.skin, tint)
        fill_soft(canvas, np.concatenate([line - half, (line + half)[::-1]]), colour, 0.018 * scale, 0.92)


def draw_eye(
    canvas: Image,
    lids: Float[np.ndarray, "6 2"],
    gaze: tuple[float, float],
    looks: Looks,
    tint: Tint,
    scale: float,
) -> None:
    """Draw one eye between its lids: white, iris, pupil, a glint, lashes and the fold above.

    Args:
        canvas: Canvas, changed in place.
        lids: The six landmarks of the eye in order.
        gaze: Direction of the gaze, -1 to 1 of the opening, x first.
        looks: The looks of the person.
        tint: Light on the eye.
        scale: Pixels for one unit of the face model.
    """
    upper, lower = curve(lids[:4]), curve(lids[[3, 4, 5, 0]])
    place = box(canvas, lids, 0.12 * scale + 3)
    if canvas[place].size == 0:
        return
    corner = np.array([place[1].start, place[0].start])
    outline = np.concatenate([upper, lower[1:-1]]) - corner
    mask = np.zeros(canvas[place].shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    blend(canvas[place], _eyeball(canvas[place].shape, lids - corner, gaze, looks, tint, scale), mask / np.float32(255))
    height = float(np.linalg.norm(lids[[1, 2]].mean(axis=0) - lids[[4, 5]].mean(axis=0)))
    lash = _lit(0.35 * looks.hair, tint)
    middle = (lids[0] + lids[3]) / 2
    fold = middle + 1.06 * (upper - middle) + np.array([0.0, -0.055 * scale - 0.12 * height])
    stroke_soft(canvas, fold, _lit(0.50 * looks.skin, tint), 0.018 * scale, 0.7)
    stroke_soft(canvas, upper, lash, 0.026 * scale, 1.0)
    stroke_soft(canvas, lower, _lit(0.5 * looks.skin, tint), 0.012 * scale, 0.7)


def _eyeball(
    size: tuple[int, ...], lids: np.ndarray, gaze: tuple[float, float], looks: Looks, tint: Tint, scale: float
) -> np.ndarray:
    """Return a patch with the white, the iris and the pupil, before the lids cover it."""
    white = _lit(np.array([236.0, 232.0, 226.0]), tint)
    patch = np.empty((size[0], size[1], 3), np.uint8)
    patch[:] = np.round(white)
    width = lids[3] - lids[0]
    half = float(np.linalg.norm(width)) / 2
    centre = lids.mean(axis=0) + np.array([0.42 * gaze[0] * half, 0.035 * gaze[1] * scale - 0.01 * scale])
    radius = 0.095 * scale
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    narrow = min(1.0, half / (0.165 * scale))  # an eye seen from the side is narrower, and its iris too
    circle = np.stack([narrow * np.cos(angle), np.sin(angle)], axis=1)
    for part, colour in ((1.0, 0.5 * looks.iris), (0.86, looks.iris * 1.15), (0.45, np.array([14.0, 12.0, 12.0]))):
        fill(patch, centre + part * radius * circle, _lit(colour, tint))
    glint = centre + np.array([-0.3 * radius * narrow, -0.35 * radius])
    fill(patch, glint + 0.26 * radius * circle, np.array([250.0, 250.0, 250.0]))
    shadow = curve(lids[:4])
    stroke_soft(patch, shadow, 0.35 * white, 0.04 * scale, 0.55)
    return patch.astype(np.float32)


def draw_nose(canvas: Image, points: Shape, looks: Looks, tint: Tint, scale: float) -> None:
    """Nostrils between landmarks 31 to 35, the shadow under them, the wings beside them."""
    dark = _lit(0.32 * looks.skin * np.array([1.0, 0.8, 0.78]), tint)
    line = points[31:36]
    up = points[27] - points[33]
    up = up / max(float(np.linalg.norm(up)), 1e-6)
    stroke_soft(canvas, curve(line), _lit(0.5 * looks.skin, tint), 0.03 * scale, 0.55)
    angle = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    for inner, outer in ((line[1], line[0]), (line[3], line[4])):
        centre = 0.6 * inner + 0.4 * outer + 0.012 * scale * up
        along = 0.36 * (outer - inner)
        ellipse = centre + np.cos(angle)[:, None] * along + np.sin(angle)[:, None] * 0.024 * scale * up
        fill_soft(canvas, ellipse, dark, 0.012 * scale, 0.9)
        wing = np.stack([outer, outer + 0.06 * scale * up + 0.18 * (outer - inner), outer + 0.15 * scale * up])
        stroke_soft(canvas, curve(wing), _lit(0.5 * looks.skin, tint), 0.018 * scale, 0.5)


def draw_mouth(canvas: Image, points: Shape, looks: Looks, tint: Tint, scale: float) -> None:
    """Lips between the outer and the inner landmarks; teeth and tongue where they are open."""
    outer_upper, outer_lower = curve(points[48:55]), curve(points[[54, 55, 56, 57, 58, 59, 48]])
    inner_upper, inner_lower = curve(points[60:65]), curve(points[[64, 65, 66, 67, 60]])
    opening = float(np.linalg.norm(points[62] - points[66])) / scale
    upper, lower = _lit(0.84 * looks.lips, tint), _lit(1.02 * looks.lips, tint)
    fill_soft(canvas, np.concatenate([outer_upper, outer_lower]), 0.93 * lower, 0.014 * scale, 1.0)
    fill_soft(canvas, np.concatenate([outer_upper, inner_upper[::-1]]), upper, 0.008 * scale, 1.0)
    place = box(canvas, points[60:68], 3.0)
    if opening > 0.03 and canvas[place].size:
        corner = np.array([place[1].start, place[0].start])
        hole = np.concatenate([inner_upper, inner_lower[1:-1]])
        mask = np.zeros(canvas[place].shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round((hole - corner) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        patch = np.empty((*mask.shape, 3), np.uint8)
        patch[:] = np.round(_lit(np.array([70.0, 24.0, 26.0]), tint))
        down = (points[66] - points[62]) / opening / scale
        teeth = np.concatenate([inner_upper - 4 * down, (inner_upper + 0.105 * scale * down)[::-1]]) - corner
        fill_soft(patch, teeth, _lit(np.array([235.0, 230.0, 220.0]), tint), 0.008 * scale, 0.95)
        tongue = np.concatenate([inner_lower, (inner_lower - 0.09 * scale * down)[::-1]]) - corner
        fill_soft(patch, tongue, _lit(np.array([176.0, 82.0, 84.0]), tint), 0.03 * scale, 0.9)
        blend(canvas[place], patch.astype(np.float32), mask / np.float32(255))
    else:
        stroke_soft(canvas, inner_upper, 0.38 * upper, 0.016 * scale, 0.95)
    gloss = 0.5 * points[[67, 66, 65]] + 0.5 * points[[58, 57, 56]]
    stroke_soft(canvas, gloss, np.clip(lower + 60, 0, 255), 0.03 * scale, 0.45)
    below = points[[58, 57, 56]] + 0.35 * (points[[58, 57, 56]] - points[[67, 66, 65]])
    stroke_soft(canvas, below, _lit(0.5 * looks.skin, tint), 0.04 * scale, 0.3)


def draw_glasses(
    canvas: Image, shape: Shape3D, to_pixels: Callable[[np.ndarray], np.ndarray], scene: VideoScene, scale: float
) -> None:
    """Rims before the eyes, a bridge, and bows to the ears.

    Args:
        canvas: Canvas, changed in place.
        shape: Landmarks of the unturned face.
        to_pixels: Pose and projection of the face.
        scene: Kind and colour of the glasses.
        scale: Pixels for one unit of the face model.
    """
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    squared = (
        np.stack([np.cos(angle), np.sin(angle)], axis=1)
        / (np.abs(np.stack([np.cos(angle), np.sin(angle)])) ** 4).sum(axis=0)[:, None] ** 0.25
    )
    thickness = 0.045 * scale
    colour = np.clip(scene.glasses_colour, 0, 255)
    for side, first in ((-1, 36), (1, 42)):
        x, y, z = shape[first : first + 6].mean(axis=0)
        flat = np.stack([x + 0.29 * squared[:, 0], y + 0.06 + 0.23 * squared[:, 1]], axis=1)
        rim = np.column_stack([flat, z + 0.16 - 0.45 * np.clip(np.abs(flat[:, 0]) - 0.3, 0, 1)])
        lens = to_pixels(rim)[:, :2]
        if scene.glasses == "sun":
            fill_soft(canvas, lens, np.array([24.0, 22.0, 24.0]), 0.5, 0.93)
        else:
            fill_soft(canvas, lens, np.array([225.0, 235.0, 240.0]), 0.5, 0.10)
        stroke_soft(canvas, np.concatenate([lens, lens[:1]]), colour, thickness, 1.0)
        hinge = rim[np.argmax(side * rim[:, 0])]
        ear = np.array([side * (np.abs(shape[[0, 16], 0]).mean() + 0.02), y + 0.0, 0.0])
        posed = to_pixels(np.stack([hinge, ear]))
        if posed[1, 0] * side > posed[0, 0] * side:  # the far bow is behind the head
            stroke_soft(canvas, posed[:, :2], colour, thickness, 1.0)
    bridge = (shape[39] + shape[42]) / 2
    span = np.array([[-0.13, -0.02, 0.0], [0.0, -0.06, 0.03], [0.13, -0.02, 0.0]])
    bridge = np.array([bridge[0], bridge[1], shape[27, 2] + 0.06])
    stroke_soft(canvas, curve(to_pixels(bridge + span)[:, :2]), colour, thickness, 1.0)
