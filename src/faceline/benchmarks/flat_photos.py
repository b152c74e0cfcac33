"""A flat photo of somebody, held before a camera and moved about."""

from typing import Final

import cv2
import numpy as np

from faceline.benchmarks.visits import Clip
from faceline.types import AnyImage

_SIZE: Final = (640, 480)
_FOCAL: Final = 700.0  # pixels; the photo is held at that distance
_TURNS: Final = np.array([28.0, 18.0, 8.0])  # degrees at most: to the side, up and down, and tilted
_WAY: Final = np.array([40.0, 25.0])  # pixels


def flat_photo(clip: Clip, seed: int, amount: float | None = None, frames: int = 6) -> Clip:
    """Return one frame of a clip as a sheet before a wall: held almost still, moved a little, or turned about.

    Args:
        clip: Clip of the person.
        seed: Seed of the frame, the movement and the wall.
        amount: How far it is moved, from 0 to 1; None draws 0.1, 0.5 or 1.
        frames: How many frames there are, each half a second after the other.
    """
    rng = np.random.default_rng(seed)
    sheet = clip.frames[int(rng.integers(len(clip.frames)))]
    zoom = rng.uniform(300, 420) / max(sheet.shape[:2])
    sheet = np.asarray(cv2.resize(sheet, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA), np.uint8)
    blocks = rng.integers(40, 200, (6, 8, 3), dtype=np.uint8)
    wall = np.asarray(cv2.resize(blocks, _SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)
    drawn = float(rng.choice([0.1, 0.5, 1.0]))
    phase, speed = rng.uniform(0, 2 * np.pi, 6), rng.uniform(0.2, 0.6, 6)
    swings = [(drawn if amount is None else amount) * np.sin(np.pi * speed * step + phase) for step in range(frames)]
    return clip._replace(frames=[_shown(sheet, wall, swing, rng) for swing in swings])


def _shown(sheet: AnyImage, wall: AnyImage, swing: np.ndarray, rng: np.random.Generator) -> AnyImage:
    height, width = sheet.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    yaw, pitch, roll = np.deg2rad(_TURNS * swing[:3])
    turn = np.eye(3)
    for axis, angle in ((1, yaw), (0, pitch), (2, roll)):
        turn = turn @ np.asarray(cv2.Rodrigues(angle * np.eye(3)[axis])[0])
    flat = np.hstack([corners - corners.mean(axis=0), np.zeros((4, 1))]) @ turn.T
    flat += [*(_WAY * swing[3:5]), _FOCAL / (1 + 0.15 * swing[5])]
    seen = flat[:, :2] / flat[:, 2:] * _FOCAL + np.array(_SIZE) / 2
    place = cv2.getPerspectiveTransform(corners, seen.astype(np.float32))
    picture = cv2.warpPerspective(sheet, place, _SIZE, dst=wall.copy(), borderMode=cv2.BORDER_TRANSPARENT)
    noisy = picture * (1 + 0.03 * rng.normal()) + rng.normal(0, 2, picture.shape)
    return np.asarray(np.clip(noisy, 0, 255), dtype=np.uint8)
