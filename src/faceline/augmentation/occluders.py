"""Draws what covers faces in photos: masks, sunglasses, hands, hair and objects before them.

Everything is drawn by the landmarks of the face. The labels stay: a covered mouth does not move.
"""

import random
from collections.abc import Callable
from typing import Final, TypeAlias

import cv2
import numpy as np

from faceline.augmentation.base import Frame, Number, Points, Transform, number

Colour: TypeAlias = np.ndarray
_EYES: Final = ((36, 42), (42, 48))
_SHIFT: Final = 4  # bits of a pixel in the drawing calls


class FaceOcclusion(Transform):
    """Covers a part of the face as people do.

    Args:
        mask: Share of the samples with a face mask.
        glasses: Share of the samples with sunglasses or glasses.
        hand: Share of the samples with a hand, a phone or a microphone before the face.
        hair: Share of the samples with hair over the forehead or one side.
    """

    def __init__(self, mask: Number = 0.12, glasses: Number = 0.12, hand: Number = 0.12, hair: Number = 0.08) -> None:
        self.shares: list[tuple[float, Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]]] = [
            (number("FaceOcclusion.hair", hair, 0, 1), add_hair),
            (number("FaceOcclusion.glasses", glasses, 0, 1), add_glasses),
            (number("FaceOcclusion.mask", mask, 0, 1), add_mask),
            (number("FaceOcclusion.hand", hand, 0, 1), add_hand),
        ]
        self._draw = np.random.default_rng(0)
        super().__init__()
        self.transforms = (self,)  # the pipeline hands its generators to each transform

    def set_random_state(self, generator: np.random.Generator, _: random.Random) -> None:
        """Use this generator from now on."""
        self._draw = generator

    def __call__(self, image: Frame, landmarks: Points) -> tuple[Frame, Points]:  # noqa: D102
        frame, points = np.asarray(image), np.asarray(landmarks)[:, :2].astype(np.float64)
        for share, add in self.shares:
            if self._draw.uniform() < share and _is_face(points):
                frame = add(frame, points, self._draw)
        return frame, landmarks


def add_mask(frame: np.ndarray, points: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Return the frame with a medical or cloth mask over nose, mouth and chin."""
    first = int(draw.integers(1, 4))
    jaw = points[first : 17 - first]
    bridge = points[27] + draw.uniform(0.15, 0.75) * (points[30] - points[27])
    left, right = (0.55 * points[31 + 4 * i] + 0.45 * points[(3, 13)[i]] for i in range(2))
    top = np.array([jaw[-1], 0.6 * right + 0.4 * bridge, bridge, 0.6 * left + 0.4 * bridge, jaw[0]])
    grown = jaw + 0.04 * (jaw - points[30])
    outline = _smooth(np.vstack([grown, top]))
    base = _fabric(draw)
    sheet = _shaded(frame.shape, base, outline, draw)
    if draw.uniform() < 0.6:  # pleats
        for share in draw.uniform(0.2, 0.8, int(draw.integers(1, 4))):
            a, b = jaw[1] + share * (jaw[4] - jaw[1]), jaw[-2] + share * (jaw[-5] - jaw[-2])
            middle = bridge + (0.25 + 0.6 * share) * (points[8] - bridge)
            line = _curve(a, middle, b)
            _line(sheet, line, base * draw.uniform(0.65, 0.9), max(1, _scale(points) * 0.02))
    out = _over(frame, sheet, _area(frame.shape, outline), draw.uniform(0.92, 1), soft=_scale(points) * 0.012)
    if draw.uniform() < 0.6:  # loops to the ears
        loops = out.copy()
        for end, ear in ((jaw[0], points[0]), (jaw[-1], points[16])):
            _line(loops, np.array([end, ear]), base, max(1, _scale(points) * 0.02))
        out = loops
    return out


def add_glasses(frame: np.ndarray, points: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Return the frame with glasses, mostly dark ones."""
    scale = _scale(points)
    dark = draw.uniform() < 0.75
    glass = np.full(3, draw.uniform(5, 60)) * draw.uniform(0.7, 1.3, 3) if dark else np.full(3, 200.0)
    rim = np.full(3, draw.uniform(5, 90)) * draw.uniform(0.6, 1.4, 3)
    right = (points[45] - points[36]) / np.linalg.norm(points[45] - points[36])
    down = np.array([-right[1], right[0]])
    wide, high, power = draw.uniform(0.24, 0.33) * scale, draw.uniform(0.16, 0.26) * scale, draw.uniform(2, 4)
    opacity = draw.uniform(0.8, 1) if dark else draw.uniform(0.05, 0.25)
    out, around = frame, []
    for first, last in _EYES:
        centre = points[first:last].mean(axis=0) + draw.uniform(0, 0.05) * scale * down
        t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        x, y = (np.sign(f(t)) * np.abs(f(t)) ** (2 / power) for f in (np.cos, np.sin))
        lens = centre + wide * x[:, None] * right + high * y[:, None] * down
        sheet = _shaded(frame.shape, glass, lens, draw)
        out = _over(out, sheet, _area(frame.shape, lens), opacity, soft=0.6)
        around.append((lens, centre))
    out = out.copy()
    thick = max(1.0, draw.uniform(0.01, 0.035) * scale)
    for lens, _ in around:
        _line(out, np.vstack([lens, lens[:1]]), rim, thick)
    (_, a), (_, b) = around
    _line(out, np.array([a + wide * right, b - wide * right]), rim, thick)
    _line(out, np.array([a - wide * right, points[0]]), rim, thick)
    _line(out, np.array([b + wide * right, points[16]]), rim, thick)
    return out


def add_hand(frame: np.ndarray, points: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Return the frame with fingers, or with something held, before a part of the face."""
    scale = _scale(points)
    target = points[int(draw.choice([2, 4, 8, 12, 14, 31, 35, 48, 51, 54, 57, 21, 22]))]
    angle = draw.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    if draw.uniform() < 0.4:  # a phone, a microphone, a cup
        colour = draw.uniform(0, 255) * draw.uniform(0.6, 1.4, 3)
        wide, long = draw.uniform(0.12, 0.4) * scale, draw.uniform(0.3, 1.2) * scale
        corners = np.array(
            [target + a * wide * across + b * long * along for a, b in ((-1, 0), (1, 0), (1, 1), (-1, 1))]
        )
        outline = _smooth(corners) if draw.uniform() < 0.4 else corners
        return _over(frame, _shaded(frame.shape, colour, outline, draw), _area(frame.shape, outline), 1.0, soft=0.8)
    skin = _skin(frame, points) * draw.uniform(0.75, 1.15)
    out = frame
    thick, count = draw.uniform(0.13, 0.2) * scale, int(draw.integers(2, 5))
    for i in range(count):
        tip = target + (i - (count - 1) / 2) * 1.05 * thick * across - draw.uniform(0, 0.35) * scale * along
        outline = _rounded(tip, tip + draw.uniform(0.9, 1.6) * scale * along, thick / 2)
        sheet = _shaded(frame.shape, skin * draw.uniform(0.92, 1.05), outline, draw)
        out = _over(out, sheet, _area(frame.shape, outline), 1.0, soft=0.8)
        edge = out.copy()
        _line(edge, np.vstack([outline, outline[:1]]), 0.6 * skin, 1)
        out = _over(out, edge, np.full(frame.shape[:2], 255, np.uint8), 0.35, soft=0)
    return out


def add_hair(frame: np.ndarray, points: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Return the frame with strands of hair over the forehead and brows, or down one side."""
    scale = _scale(points)
    up = points[27] - points[8]
    up = up / np.linalg.norm(up)
    colour = np.array([draw.uniform(10, 200)] * 3) * [1, draw.uniform(0.6, 1), draw.uniform(0.4, 1)]
    side = float(draw.choice([-1, 1]))
    right = (points[45] - points[36]) / np.linalg.norm(points[45] - points[36])
    out = frame.copy()
    down_one_side = draw.uniform() < 0.5
    for _ in range(int(draw.integers(40, 140))):
        if down_one_side:
            start = (
                points[0 if side < 0 else 16]
                + (draw.uniform(0.5, 1.2) * up - side * draw.uniform(0, 0.35) * right) * scale
            )
            end = start - draw.uniform(1.0, 2.4) * scale * up - side * draw.normal(0, 0.1) * scale * right
        else:
            start = points[27] + (draw.uniform(0.7, 1.1) * up + draw.uniform(-0.9, 0.9) * right) * scale
            end = points[27] + (draw.uniform(-0.05, 0.45) * up + draw.uniform(-0.8, 0.8) * right) * scale
        bend = (start + end) / 2 + draw.normal(0, 0.08, 2) * scale
        _line(out, _curve(start, bend, end), colour * draw.uniform(0.5, 1.4), max(1, draw.uniform(0.01, 0.04) * scale))
    return _over(frame, out, np.full(frame.shape[:2], 255, np.uint8), draw.uniform(0.8, 1), soft=0)


def _is_face(points: np.ndarray) -> bool:
    """Tell whether all points are known and lie apart: where some are missing, nobody knows what would be covered."""
    return bool(np.isfinite(points).all()) and _scale(points) > 4 and float(np.ptp(points[:, 1])) > 4


def _scale(points: np.ndarray) -> float:
    """Distance of the outer eye corners; of a face in profile, what its height suggests."""
    return max(float(np.linalg.norm(points[45] - points[36])), 0.6 * float(np.linalg.norm(points[27] - points[8])))


def _fabric(draw: np.random.Generator) -> Colour:
    """Return the colour of a mask: white, light blue, black, or any."""
    common = np.array([[235, 235, 235], [150, 195, 220], [25, 25, 28], [120, 190, 190]], dtype=float)
    if draw.uniform() < 0.7:
        return np.asarray(common[int(draw.integers(len(common)))] * draw.uniform(0.75, 1.05))
    return np.asarray(draw.uniform(0, 255, 3))


def _skin(frame: np.ndarray, points: np.ndarray) -> Colour:
    """Return the colour of the cheeks."""
    height, width = frame.shape[:2]
    places = [0.5 * (points[a] + points[b]) for a, b in ((31, 2), (35, 14), (29, 28))]
    pixels = [frame[int(np.clip(y, 0, height - 1)), int(np.clip(x, 0, width - 1))] for x, y in places]
    return np.asarray(np.median(np.array(pixels, dtype=float), axis=0))


def _shaded(shape: tuple[int, ...], colour: Colour, outline: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Return a sheet of a colour that is lit from one side, with some grain."""
    height, width = shape[:2]
    angle, strength = draw.uniform(0, 2 * np.pi), draw.uniform(0, 0.3)
    centre, reach = outline.mean(axis=0), float(np.ptp(outline, axis=0).max()) + 1
    x, y = np.arange(width)[None] - centre[0], np.arange(height)[:, None] - centre[1]
    light = 1 + strength * np.clip((np.cos(angle) * x + np.sin(angle) * y) / reach, -1, 1)
    grain = draw.normal(0, draw.uniform(0, 6), (height, width))
    return np.asarray((colour * light[..., None] + grain[..., None]).clip(0, 255)).astype(np.uint8)


def _area(shape: tuple[int, ...], outline: np.ndarray) -> np.ndarray:
    area = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(area, [np.round(outline * 2**_SHIFT).astype(np.int32)], 255, cv2.LINE_AA, _SHIFT)
    return area


def _over(frame: np.ndarray, sheet: np.ndarray, area: np.ndarray, opacity: float, soft: float) -> np.ndarray:
    """Return a sheet laid over an area of a frame."""
    alpha = area if soft < 0.3 else cv2.GaussianBlur(area, (0, 0), soft)
    share = alpha[..., None].astype(np.float32) * (opacity / 255)
    return np.asarray((frame + share * (sheet.astype(np.float32) - frame)).round()).astype(np.uint8)


def _line(canvas: np.ndarray, points: np.ndarray, colour: Colour, thick: Number) -> None:
    places = np.round(points * 2**_SHIFT).astype(np.int32)
    told = tuple(float(value) for value in np.clip(colour, 0, 255))
    cv2.polylines(canvas, [places], False, told, max(1, round(thick)), cv2.LINE_AA, _SHIFT)


def _curve(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Return a parabola from a to c that passes near b."""
    t = np.linspace(0, 1, 12)[:, None]
    return np.asarray((1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c)


def _smooth(outline: np.ndarray) -> np.ndarray:
    """Return a closed outline with its corners cut twice; Chaikin, CGIP 3, 1974."""
    for _ in range(2):
        following = np.roll(outline, -1, axis=0)
        outline = np.stack([0.75 * outline + 0.25 * following, 0.25 * outline + 0.75 * following], 1).reshape(-1, 2)
    return outline


def _rounded(start: np.ndarray, end: np.ndarray, radius: float) -> np.ndarray:
    """Return the outline of a finger: a strip with a round tip at its start."""
    along = (end - start) / np.linalg.norm(end - start)
    across = np.array([-along[1], along[0]])
    t = np.linspace(0, np.pi, 9)[:, None]
    tip = start + radius * (np.cos(t) * across - np.sin(t) * along)
    return np.vstack([end + radius * across, tip, end - radius * across])
