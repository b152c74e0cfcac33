"""Adds expressions that data sets have too few of: closed eyes, open or smiling mouths, raised brows.

A real frame is warped so that its landmarks move as in such a face. The labels move along.
"""

import random
from typing import Final

import cv2
import numpy as np

from faceline.augmentation.base import Frame, Number, Points, Transform, number
from faceline.geometry.markup import OUTER_EYE_CORNERS, UPPER_LID_SHARE

_GRID: Final = 48
"""Points of the displacement field in each direction; the field is smooth, so more would change nothing."""

_STIFFNESS: Final = 1e-4
"""Weight of the field's error at landmarks, in squared units of the distance between the eyes."""

_EYES: Final = ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47))
"""Each eye: a corner, two points of the upper lid, the other corner, two of the lower lid from there."""

_JAW_FOLLOWS: Final = {4: 0.15, 5: 0.4, 6: 0.7, 7: 0.9, 8: 1.0, 9: 0.9, 10: 0.7, 11: 0.4, 12: 0.15}
_LOWER_LIP: Final = {55: 0.45, 56: 0.9, 57: 1.0, 58: 0.9, 59: 0.45, 65: 0.9, 66: 1.0, 67: 0.9, 48: 0.2, 54: 0.2}
_LOWER_LIP_CORNERS: Final = {60: 0.25, 64: 0.25}
_UPPER_LIP: Final = {50: 0.8, 51: 1.0, 52: 0.8, 61: 0.8, 62: 1.0, 63: 0.8}
_CORNERS: Final = {48: 1.0, 60: 0.9, 49: 0.5, 59: 0.5, 54: 1.0, 64: 0.9, 53: 0.5, 55: 0.5}
_RIGHT_HALF: Final = (53, 54, 55, 64)
_INNER_LIPS: Final = tuple(range(60, 68))


class ExpressionWarp(Transform):
    """Give a face another expression by a smooth warp of its own landmarks.

    Lids move along the normal of the line between the corners of the eye, which no smooth field could follow: they are
    a few pixels apart. All else moves by a thin-plate spline through the landmarks and the border of the frame; see
    Bookstein, IEEE TPAMI 11, 1989. Where a closed mouth opens, the gap is painted dark, sometimes with teeth.

    Args:
        eyes: Largest share by which the lids close; they also open, by up to a third of it.
        mouth: Largest drop of the lower lip, as a share of the distance between the outer eye corners.
        smile: Largest move of the corners of the mouth, outward and up or inward and down, in the same unit.
        brows: Largest rise of the brows, in the same unit; they also sink, by half of it.
        probability: Share of the samples to warp.
    """

    def __init__(
        self,
        eyes: Number = 0.9,
        mouth: Number = 0.35,
        smile: Number = 0.12,
        brows: Number = 0.1,
        probability: Number = 0.5,
    ) -> None:
        self.eyes, self.mouth = (
            number("ExpressionWarp.eyes", eyes, 0, 0.95),
            number("ExpressionWarp.mouth", mouth, 0, 1),
        )
        self.smile, self.brows = (
            number("ExpressionWarp.smile", smile, 0, 0.4),
            number("ExpressionWarp.brows", brows, 0, 0.4),
        )
        self.probability = number("ExpressionWarp.probability", probability, 0, 1)
        self._draw = np.random.default_rng(0)
        super().__init__()
        self.transforms = (self,)  # the pipeline hands its generators to each transform

    def set_random_state(self, generator: np.random.Generator, _: random.Random) -> None:
        """Use this generator from now on."""
        self._draw = generator

    def __call__(self, image: Frame, landmarks: Points) -> tuple[Frame, Points]:  # noqa: D102
        draw = self._draw
        if draw.uniform() >= self.probability:
            return image, landmarks
        frame, points = np.asarray(image), np.array(landmarks)
        before = points[:, :2].astype(np.float64)
        scale = float(np.linalg.norm(before[OUTER_EYE_CORNERS[0]] - before[OUTER_EYE_CORNERS[1]]))
        if not 4 < scale < 4 * max(frame.shape) or np.isnan(before).any():  # a field needs all of its knots
            return image, landmarks
        if draw.uniform() < 0.75:
            frame, before = self._blink(frame, before)
        after = self._moved(before, scale)
        warped = _warp(frame, before, after, scale)
        if _gap(after, scale) > 0.06 and _gap(before, scale) < 0.06:
            warped = _open_mouth(warped, after, draw)
        points[:, :2] = after
        return warped, points

    def _moved(self, points: np.ndarray, scale: float) -> np.ndarray:
        """Return the landmarks under a random expression."""
        draw, moved = self._draw, points.copy()
        right = points[OUTER_EYE_CORNERS[1]] - points[OUTER_EYE_CORNERS[0]]
        right = right / scale
        down = np.array([-right[1], right[0]])
        if draw.uniform() < 0.5:
            drop = self.mouth * scale * draw.beta(1.2, 2.0)
            for index, share in (_JAW_FOLLOWS | _LOWER_LIP | _LOWER_LIP_CORNERS).items():
                moved[index] += share * drop * down
            for index, share in _UPPER_LIP.items():
                moved[index] -= 0.15 * share * drop * down
        if draw.uniform() < 0.6:
            out, up = self.smile * scale * draw.uniform(-0.7, 1, 2)
            for index, share in _CORNERS.items():
                side = 1 if index in _RIGHT_HALF else -1
                moved[index] += share * (side * out * right - (0.8 * up + 0.2 * out) * down)
        if draw.uniform() < 0.4:
            moved[17:27] -= self.brows * scale * draw.uniform(-0.5, 1) * down
        return moved

    def _blink(self, frame: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Close or widen the eyes, usually both alike."""
        frame, points = frame.copy(), points.copy()
        share = self.eyes * self._draw.uniform(-1 / 3, 1)
        for eye in _EYES:
            own = share if self._draw.uniform() < 0.85 else self.eyes * self._draw.uniform(-1 / 3, 1)
            _close_eye(frame, points, eye, own)
        return frame, points


def _close_eye(frame: np.ndarray, points: np.ndarray, eye: tuple[int, ...], share: float) -> None:
    """Move the lids of one eye together by a share of their distance, in place; a negative share widens the eye."""
    corner, other = points[eye[0]], points[eye[3]]
    length = float(np.linalg.norm(other - corner))
    if length < 4:
        return
    along = (other - corner) / length
    down = np.array([-along[1], along[0]])
    u, v = (points[list(eye)] - corner) @ along, (points[list(eye)] - corner) @ down
    if not (0 < u[1] < u[2] < length and 0 < u[5] < u[4] < length):
        return  # an eye seen from the side

    def lids(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        upper = np.interp(places, [0, u[1], u[2], length], [0, v[1], v[2], 0])
        lower = np.interp(places, [0, u[5], u[4], length], [0, v[5], v[4], 0])
        return upper, np.maximum(lower, upper)

    room = 0.5 * length
    x0, y0 = np.floor(np.minimum(corner, other) - 2 * room).astype(int).clip(0)
    x1, y1 = (np.ceil(np.maximum(corner, other) + 2 * room).astype(int) + 1).clip(max=frame.shape[1::-1])
    if x1 - x0 < 2 or y1 - y0 < 2:
        return
    x, y = np.meshgrid(np.arange(x0, x1) - corner[0], np.arange(y0, y1) - corner[1])
    place, height = x * along[0] + y * along[1], x * down[0] + y * down[1]
    upper, lower = lids(place)
    gap = lower - upper
    new_upper, new_lower = upper + UPPER_LID_SHARE * share * gap, lower - (1 - UPPER_LID_SHARE) * share * gap
    top, bottom = np.minimum(upper, new_upper) - room, np.maximum(lower, new_lower) + room
    before = np.select(
        [height <= top, height <= new_upper, height <= new_lower, height <= bottom],
        [
            height,
            top + (height - top) * (upper - top) / (new_upper - top),
            upper + (height - new_upper) * gap / np.maximum(new_lower - new_upper, 1e-6),
            lower + (height - new_lower) * (bottom - lower) / (bottom - new_lower),
        ],
        height,
    )
    step = before - height
    x_from, y_from = x + corner[0] + step * down[0], y + corner[1] + step * down[1]
    moved = cv2.remap(
        frame, x_from.astype(np.float32), y_from.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    frame[y0:y1, x0:x1] = moved
    for index, of_upper in ((1, True), (2, True), (4, False), (5, False)):
        high, low = (float(lid[0]) for lid in lids(u[index : index + 1]))
        moves = UPPER_LID_SHARE if of_upper else UPPER_LID_SHARE - 1
        points[eye[index]] += moves * share * (low - high) * down


def _gap(points: np.ndarray, scale: float) -> float:
    """Return the height of the open mouth, in distances between the outer eye corners."""
    return float(np.linalg.norm(points[62] - points[66])) / scale


def _warp(frame: np.ndarray, before: np.ndarray, after: np.ndarray, scale: float) -> np.ndarray:
    """Return the frame with moved landmarks; for each new place the field gives the old pixel."""
    height, width = frame.shape[:2]
    edge = np.linspace(0, 1, 5)
    border = np.array([[x, y] for x in edge for y in edge if x in (0, 1) or y in (0, 1)]) * [width - 1, height - 1]
    places, steps = np.vstack([after, border]) / scale, np.vstack([before - after, np.zeros_like(border)])
    system = np.zeros((len(places) + 3,) * 2)
    system[:-3, :-3] = _bend(places, places) + _STIFFNESS * np.eye(len(places))
    system[:-3, -3:] = np.column_stack([np.ones(len(places)), places])
    system[-3:, :-3] = system[:-3, -3:].T
    weights = np.linalg.solve(system, np.vstack([steps, np.zeros((3, 2))]))
    x, y = np.meshgrid(np.linspace(0, width - 1, _GRID), np.linspace(0, height - 1, _GRID))
    grid = np.column_stack([x.ravel(), y.ravel()]) / scale
    field = _bend(grid, places) @ weights[:-3] + np.column_stack([np.ones(len(grid)), grid]) @ weights[-3:]
    # Corners of the grid lie on the centres of the corner pixels, which cv2.resize does not keep: remap does.
    columns, rows = np.meshgrid(
        np.linspace(0, _GRID - 1, width, dtype=np.float32), np.linspace(0, _GRID - 1, height, dtype=np.float32)
    )
    fine = cv2.remap(field.reshape(_GRID, _GRID, 2).astype(np.float32), columns, rows, cv2.INTER_LINEAR)
    x_from = np.arange(width, dtype=np.float32)[None] + fine[..., 0]
    y_from = np.arange(height, dtype=np.float32)[:, None] + fine[..., 1]
    return np.asarray(cv2.remap(frame, x_from, y_from, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _bend(places: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Return the bending function r^2 log r of a thin plate between (n, 2) places and (k, 2) knots."""
    apart = (places[:, None] - knots[None]).astype(np.float32)
    squares = apart[..., 0] ** 2 + apart[..., 1] ** 2
    return np.asarray(0.5 * squares * np.log(squares + 1e-12), dtype=np.float64)


def _open_mouth(frame: np.ndarray, points: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Paint the space between the lips: dark, sometimes with the upper teeth."""
    lips = points[list(_INNER_LIPS)]
    mask = np.zeros(frame.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(lips * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    colour = np.array([70, 25, 25]) * draw.uniform(0.3, 1.1) * draw.uniform(0.8, 1.2, 3)
    inside = np.broadcast_to(colour, frame.shape).astype(np.float32).copy()
    if draw.uniform() < 0.5:
        teeth = np.zeros(frame.shape[:2], np.uint8)
        share = draw.uniform(0.25, 0.5)
        upper, lower = lips[:5], lips[[0, 7, 6, 5, 4]]
        strip = np.vstack([upper, (upper + share * (lower - upper))[::-1]])
        cv2.fillPoly(teeth, [np.round(strip * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        inside += teeth[..., None] / 255 * (np.array([205, 195, 180]) * draw.uniform(0.5, 1) - inside)
    alpha = cv2.GaussianBlur(mask, (3, 3), 0)[..., None] / 255 * draw.uniform(0.75, 1)
    return np.asarray(frame + alpha * (inside - frame)).round().clip(0, 255).astype(np.uint8)
