"""Draws visitors who come, stand before the screen, look, smile and leave.

The stand gets only pictures, as from a camera; it has to find the faces by itself.
"""

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from faceline.drawing.appearance import Light, Looks, VideoScene, muted, random_looks
from faceline.drawing.painting import fill, fill_soft
from faceline.drawing.person import PosedFace, draw_person
from faceline.geometry.face_model import Expression, Shape3D, express, identity, rotation
from faceline.stand.clock import Pace
from faceline.types import Image

WIDTH: Final = 640
HEIGHT: Final = 480
CROWD: Final = 12
"""Number of different people who walk by again and again."""

_WALK: Final = 1.8  # seconds from the edge of the picture to a place, and back
_LIGHT: Final = Light(
    direction=np.array([0.22, -0.38, 0.898]),
    lamp=np.array([0.50, 0.49, 0.47]),
    room=np.array([0.44, 0.45, 0.46]),
)


@dataclass(frozen=True)
class Visit:
    """The visit of one person, from coming to going.

    Attributes:
        person: Number of the person.
        comes: Seconds since the start when the person enters the picture.
        stays: Seconds before the screen.
        x: Place in front of the screen, as a share of the width.
        y: Height of the eyes, as a share of the height.
        scale: Half the width of the face in pixels.
        side: -1 comes from the left and leaves to the right, 1 the other way.
        smiles: Seconds after having come to stand; negative for never.
        raises: Like ``smiles``, for the brows.
        glances: Like ``smiles``, for a glance to the side.
        phase: Phase of the small movements that never stop.
    """

    person: int
    comes: float
    stays: float
    x: float
    y: float
    scale: float
    side: int
    smiles: float
    raises: float
    glances: float
    phase: float

    @property
    def goes(self) -> float:
        """Return the time when the person has left the picture."""
        return self.comes + self.stays + 2 * _WALK

    def expression(self, time: float) -> Expression:
        """Return the expression of the face at a time."""
        standing = time - self.comes - _WALK
        blink = (standing + self.phase) % 3.7 < 0.16
        return Expression(
            smile=_swell(standing, self.smiles, 2.6),
            mouth_open=0.25 * _swell(standing, self.smiles + 0.4, 1.5),
            brow_raise=0.9 * _swell(standing, self.raises, 1.8),
            eye_close=1.0 if blink else 0.0,
        )

    def pose(self, time: float) -> tuple[float, float, float]:
        """Return yaw, pitch and roll of the head at a time, in degrees."""
        walking = self._walking(time)
        standing = time - self.comes - _WALK
        yaw = -self.side * 52 * walking + 4 * np.sin(0.9 * time + self.phase)
        yaw += self.side * 48 * _swell(standing, self.glances, 2.2)
        return float(yaw), float(-2 + 2.5 * np.sin(0.7 * time + 2 * self.phase)), float(2 * np.sin(0.5 * time))

    def place(self, time: float) -> tuple[float, float]:
        """Return the pixel at the middle of the head at a time."""
        out = 4 * self.scale
        start, stop = (-out, WIDTH + out) if self.side < 0 else (WIDTH + out, -out)
        here = self.x * WIDTH
        coming = _smooth((time - self.comes) / _WALK)
        going = _smooth((time - self.comes - _WALK - self.stays) / _WALK)
        x = start + (here - start) * coming + (stop - here) * going
        bob = 4 * abs(np.sin(7 * time)) * self._walking(time)
        return float(x + 3 * np.sin(0.6 * time + self.phase)), float(self.y * HEIGHT - bob)

    def _walking(self, time: float) -> float:
        """Return 1 while the person walks and 0 at rest."""
        since, until = (time - self.comes) / _WALK, (time - self.comes - _WALK - self.stays) / _WALK
        return 1 - _smooth((since - 0.7) / 0.3) if until < 0 else _smooth(until / 0.3)


def _smooth(share: float) -> float:
    """Map 0 to 1 onto itself without a jolt at the ends."""
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)


def _swell(time: float, start: float, seconds: float) -> float:
    """Rise to 1 after a start, stay, and fall again; 0 for a negative start."""
    if start < 0:
        return 0.0
    return _smooth((time - start) / 0.4) * (1 - _smooth((time - start - seconds) / 0.5))


class DemoVisitors:
    """Decides who is before the screen at a time.

    Args:
        seed: Seed of the crowd.
        places: Most visitors at once.
    """

    def __init__(self, seed: int = 0, places: int = 3) -> None:
        self.seed, self.places = seed, places
        self._current: dict[int, tuple[int, Visit]] = {}

    def at(self, time: float) -> list[Visit]:
        """Return the visits at a time; times must not go back."""
        return [visit for place in range(self.places) if (visit := self._visit(place, time)).comes <= time]

    def _visit(self, place: int, time: float) -> Visit:
        """Return the current visit to a place, or the next one."""
        number, visit = self._current.get(place) or (0, self._plan(place, 0, 0.0))
        while visit.goes <= time:
            number += 1
            visit = self._plan(place, number, visit.goes)
        self._current[place] = number, visit
        return visit

    def _plan(self, place: int, number: int, earliest: float) -> Visit:
        rng = np.random.default_rng([self.seed, 7, place, number])
        stays = float(rng.uniform(6, 14))
        pause = rng.uniform(0.3, 1.5) + 3 * place if number == 0 else rng.uniform(1.5, 6)

        def maybe(chance: float, low: float, high: float) -> float:
            return float(rng.uniform(low, high)) if rng.random() < chance else -1.0

        return Visit(
            # Nobody is at two places at once.
            person=int(rng.integers(CROWD // self.places)) * self.places + place,
            comes=earliest + float(pause),
            stays=stays,
            x=(place + 0.5) / self.places + float(rng.uniform(-0.03, 0.03)),
            y=float(rng.uniform(0.42, 0.48)),
            scale=float(rng.uniform(40, 46)) * min(3 / self.places, 1.0),
            side=int(rng.choice([-1, 1])),
            smiles=maybe(0.65, 2.5, max(stays - 3.5, 2.6)),
            raises=maybe(0.35, 2.0, max(stays - 3.0, 2.1)),
            glances=maybe(0.4, 1.5, max(stays - 3.0, 1.6)),
            phase=float(rng.uniform(0, 6)),
        )


class DemoScene:
    """Draws visitors into a bright hall.

    Args:
        visitors: Says who comes when.
    """

    def __init__(self, visitors: DemoVisitors) -> None:
        self.visitors = visitors
        self._hall = draw_hall(visitors.seed)
        self.person = lru_cache(maxsize=CROWD)(self._make_person)

    def draw(self, time: float) -> Image:
        """Draw the picture of a time; times must not go back."""
        canvas = self._hall.copy()
        for visit in sorted(self.visitors.at(time), key=lambda visit: visit.scale):
            self._draw_visitor(canvas, visit, time)
        return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 0.6), dtype=np.uint8)

    def _draw_visitor(self, canvas: Image, visit: Visit, time: float) -> None:
        shape, looks, scene = self.person(visit.person)
        x, y = visit.place(time)
        left, right = int(x - 3.2 * visit.scale), int(x + 3.2 * visit.scale)
        left, right, top = max(left, 0), min(right, WIDTH), max(int(y - 3 * visit.scale), 0)
        if right - left < 4:
            return
        face = PosedFace(
            express(shape, visit.expression(time)), rotation(*visit.pose(time)), visit.scale, (x - left, y - top)
        )
        part = np.ascontiguousarray(canvas[top:, left:right])
        draw_person(part, face, looks, scene)
        canvas[top:, left:right] = part

    def _make_person(self, person: int) -> tuple[Shape3D, Looks, VideoScene]:
        rng = np.random.default_rng([self.visitors.seed, 11, person])
        shape, looks = identity(rng, 0.9), random_looks(rng)
        clothes = muted(rng.uniform(40, 210, 3), 0.45)
        glasses = "clear" if looks.wears_glasses else None
        frame = np.array([70.0, 60.0, 56.0])
        scene = VideoScene(_LIGHT, clothes, glasses, frame, None, 0.0, 0.0, 0.0, 1.0, 1.0, 95)  # type: ignore[arg-type]
        return shape, looks, scene


class DemoSource:
    """The drawn scene as a camera would give it.

    Args:
        seed: Seed of the crowd.
        rate: Frames a second.
        places: Most visitors at once.
    """

    def __init__(self, seed: int = 0, rate: int | float = 15.0, places: int = 3) -> None:
        self._scene = DemoScene(DemoVisitors(seed, places))
        self._pace, self._start = Pace(rate), time.monotonic()

    def read(self) -> Image:
        """Return the next frame."""
        self._pace.wait()
        return self._scene.draw(time.monotonic() - self._start)

    def close(self) -> None:
        """Do nothing: there is no device."""


def draw_hall(seed: int) -> Image:
    """Draw the hall behind the visitors, out of focus."""
    rng = np.random.default_rng([seed, 5])
    down = np.linspace(0, 1, HEIGHT)[:, None, None]
    wall, floor = np.array([226.0, 222.0, 214.0]), np.array([176.0, 168.0, 158.0])
    canvas = np.broadcast_to(wall + (0.86 * wall - wall) * down, (HEIGHT, WIDTH, 3)).astype(np.uint8).copy()
    horizon = round(0.66 * HEIGHT)
    canvas[horizon:] = (floor + 24 * (down[horizon:] - 0.66)).astype(np.uint8)
    for number in range(5):
        left = 20 + 126 * number
        window = np.array([[left, 60], [left + 96, 60], [left + 96, horizon - 12], [left, horizon - 12]], float)
        tint = muted(rng.uniform(120, 215, 3), 0.55)
        fill(canvas, window, tint)
        fill(canvas, window * [1, 0] + np.array([[0, 84], [0, 84], [0, 60], [0, 60]]), 0.7 * tint)
        for _ in range(3):
            spot = np.array([left, 110.0]) + rng.uniform(0, 1, 2) * [84, 150]
            shelf = spot + np.array([[0, 0], [22, 0], [22, 26], [0, 26]])
            fill(canvas, shelf, muted(rng.uniform(90, 235, 3), 0.35))
    for x in np.linspace(40, WIDTH - 40, 7):
        lamp = np.array([[x - 22, 14], [x + 22, 14], [x + 18, 26], [x - 18, 26]])
        fill_soft(canvas, lamp, np.array([255.0, 252.0, 240.0]), 5.0, 0.9)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), 3.5), dtype=np.uint8)
