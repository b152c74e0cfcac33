"""Films of people before a stand whose truth is known: cut-out frames of the Udacity set that move by a script.

A head is cut out of a frame and put on drawn shoulders. It shows a frame that looks to the camera while somebody stands
or looks, and a turned one while they walk past. Truth follows from the script: who can be seen, when, and who looks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

from faceline.data.index import FrameSource
from faceline.geometry.measures import measure
from faceline.types import AnyImage, Image, Shape

SIZE: Final = (640, 480)
PATIENCE: Final = 3.0
"""Seconds away after which somebody who comes back is a new visit, as for the stand."""

Picture = Float[np.ndarray, "_ _ 3"]
Cover = Float[np.ndarray, "_ _"]

FRONT, TURNED = 12.0, 30.0  # degrees: at most of a head that looks, at least of one that does not
_HEAD: Final = np.array([0.62, 0.84])  # half axes of what is cut out, in face widths
_SPRITE: Final = (2.6, 3.6)  # face widths
_HELD: Final = 0.5  # seconds for which one frame of a person is shown
_HIDDEN: Final = 0.6  # share of a head behind others from which nobody can see it
_STEP: Final = 0.02  # seconds, of truth
_SHIFTS: Final = 64  # pixels by which noise is moved
_SHORTEST: Final = 0.25  # seconds for which somebody must be seen to be a visit


class Portraits(NamedTuple):
    """Frames of one person with their landmarks: of a head that looks, and of one that is turned."""

    front: Sequence[tuple[Image, Shape]]
    turned: Sequence[tuple[Image, Shape]]


class Place(NamedTuple):
    """Where somebody is: seconds, and the middle of their face in pixels."""

    time: float
    x: float
    y: float


@dataclass(frozen=True, eq=False)
class Actor:
    """A person who moves through a film.

    Attributes:
        person: Name of the person whose frames are shown.
        path: Places and times; the person moves straight between them, and is away before and after.
        width: Width of the face in pixels; a larger face is nearer.
        looks: Whether the person looks to the camera; None if only while standing.
        glances: Spans of seconds in which the person looks away.
    """

    person: str
    path: Sequence[Place]
    width: float
    looks: bool | None
    glances: Sequence[tuple[float, float]] = ()

    def at(self, time: float) -> tuple[float, float] | None:
        """Return the middle of the face; None while they are away."""
        if not self.path[0].time <= time <= self.path[-1].time:
            return None
        times, xs, ys = (np.array(column) for column in zip(*self.path, strict=True))
        bob = 0.03 * self.width * np.sin(2 * np.pi * (1.7 * time + 0.01 * self.width))
        return float(np.interp(time, times, xs)), float(np.interp(time, times, ys) + bob)

    def speed(self, time: float) -> float:
        """Face widths a second to the right."""
        before, after = self.at(time - 0.05), self.at(time + 0.05)
        return 0.0 if before is None or after is None else (after[0] - before[0]) / 0.1 / self.width

    def looking(self, time: float) -> bool:
        """Tell whether they look to the camera."""
        if any(start <= time < end for start, end in self.glances):
            return False
        return abs(self.speed(time)) < 0.5 if self.looks is None else self.looks


class TrueVisit(NamedTuple):
    """What the stand should count: somebody, from when to when they can be seen, and whether they look."""

    actor: int
    first: float
    last: float
    looked: bool


@dataclass(frozen=True, eq=False)
class Film:
    """A scene with its truth.

    Attributes:
        kind: Kind of scene.
        actors: People in it.
        people: Frames of the people, by name.
        seed: Seed of walls, clothes and noise.
    """

    kind: str
    actors: Sequence[Actor]
    people: Mapping[str, Portraits]
    seed: int
    _sprites: dict[Any, tuple[Picture, Cover]] = field(default_factory=dict)

    @cached_property
    def seconds(self) -> float:
        """Until all are gone."""
        return max(actor.path[-1].time for actor in self.actors) + 0.5

    @cached_property
    def wall(self) -> AnyImage:
        """What is behind them."""
        rng = np.random.default_rng(self.seed)
        blocks = np.clip(rng.integers(60, 190, (5, 7, 1)) + rng.integers(-20, 20, (5, 7, 3)), 0, 255).astype(np.uint8)
        return np.asarray(cv2.resize(blocks, SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)

    @cached_property
    def grain(self) -> Float[np.ndarray, "_ _ 1"]:
        """Noise of the camera; each picture takes another part of it."""
        size = SIZE[1] + _SHIFTS, SIZE[0] + _SHIFTS, 1
        return np.asarray(np.random.default_rng(self.seed).normal(0, 3, size), np.float32)

    def frame(self, time: float) -> Image:
        """Return the picture at a moment."""
        picture = self.wall.astype(np.float32)
        for number in sorted(range(len(self.actors)), key=lambda each: self.actors[each].width):
            self._paint(picture, number, time)
        x, y = np.random.default_rng([self.seed, round(1000 * time)]).integers(0, _SHIFTS, 2)
        picture += self.grain[y : y + SIZE[1], x : x + SIZE[0]]
        return np.asarray(np.clip(picture, 0, 255), np.uint8)

    def visible(self, number: int, time: float) -> bool:
        """Tell whether somebody's face can be seen: in the frame, and not behind somebody nearer."""
        actor, place = self.actors[number], self.actors[number].at(time)
        if place is None or not 0.3 * actor.width < place[0] < SIZE[0] - 0.3 * actor.width:
            return False
        hidden = 0.0
        for other in self.actors:
            there = other.at(time) if other.width > actor.width else None
            if there is not None:
                reach = (actor.width + other.width) / 2
                beside, above = (abs(a - b) for a, b in zip(place, there, strict=True))
                hidden += max(1 - beside / reach, 0.0) * max(1 - above / (1.3 * reach), 0.0) * reach / actor.width
        return hidden < _HIDDEN

    def visits(self) -> list[TrueVisit]:
        """Return what should be counted."""
        found = []
        for number, actor in enumerate(self.actors):
            seen = [time for time in np.arange(0, self.seconds, _STEP) if self.visible(number, float(time))]
            for part in _spans(seen):
                looked = sum(actor.looking(time) for time in part) * _STEP > 0.2
                if part[-1] - part[0] >= _SHORTEST:
                    found.append(TrueVisit(number, float(part[0]), float(part[-1]), looked))
        return found

    def _paint(self, picture: Picture, number: int, time: float) -> None:
        actor, place = self.actors[number], self.actors[number].at(time)
        if place is None:
            return
        portraits = self.people[actor.person]
        kind = "front" if actor.looking(time) else "turned"
        frames = getattr(portraits, kind)
        right = actor.speed(time) >= 0 if kind == "turned" else None
        key = number, kind, int(time / _HELD) % len(frames), right
        if key not in self._sprites:
            cloth = np.random.default_rng([self.seed, number]).integers(20, 230, 3)
            self._sprites[key] = _cut_out(frames[key[2]], actor.width, cloth, right)
        _lay(picture, *self._sprites[key], place)


def _spans(times: Sequence[float]) -> Iterator[Sequence[float]]:
    """Times, cut where somebody was away for too long."""
    start = 0
    for i in range(1, len(times) + 1):
        if i == len(times) or times[i] - times[i - 1] > PATIENCE:
            if i > start:
                yield times[start:i]
            start = i


def _cut_out(frame: tuple[Image, Shape], width: float, cloth: np.ndarray, right: bool | None) -> tuple[Picture, Cover]:
    """Return a head on shoulders, and how much of it covers what is behind; the middle of the face is at a third."""
    image, landmarks = frame
    if right is not None and (measure(landmarks[None])["yaw"][0] > 0) != right:
        image = np.ascontiguousarray(image[:, ::-1])
        landmarks = np.stack([image.shape[1] - 1 - landmarks[:, 0], landmarks[:, 1]], axis=1)
    size = (round(_SPRITE[0] * width), round(_SPRITE[1] * width))
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    zoom = 1.15 * width / max(float(high[1] - low[1]), 1.0)
    middle = np.array([size[0] / 2, size[1] / 3])
    shift = middle - zoom * (low + high) / 2
    move = np.hstack([zoom * np.eye(2), shift[:, None]])
    head = cv2.warpAffine(image, move, size, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    covers, shoulders = np.zeros(size[::-1], np.float32), np.zeros(size[::-1], np.float32)
    axes = [round(value) for value in _HEAD * width]
    at = round(middle[0]), round(middle[1] - 0.12 * width)
    cv2.ellipse(covers, at, axes, 0, 0, 360, 1.0, -1)
    body = round(middle[0]), round(middle[1] + 2.1 * width)
    cv2.ellipse(shoulders, body, (round(1.2 * width), round(1.4 * width)), 0, 0, 360, 1.0, -1)
    covers, shoulders = (cv2.GaussianBlur(each, (0, 0), 0.03 * width) for each in (covers, shoulders))
    picture = head * covers[..., None] + cloth * (1 - covers[..., None])
    return np.asarray(picture, np.float32), np.asarray(np.maximum(covers, shoulders), np.float32)


def _lay(picture: Picture, sprite: Picture, covers: Cover, place: tuple[float, float]) -> None:
    """Put a cut-out over a picture, by whole pixels."""
    height, breadth = covers.shape
    left, top = round(place[0] - breadth / 2), round(place[1] - height / 3)
    x, y = max(left, 0), max(top, 0)
    right, bottom = min(left + breadth, SIZE[0]), min(top + height, SIZE[1])
    if right <= x or bottom <= y:
        return
    part = np.s_[y - top : bottom - top, x - left : right - left]
    share = covers[part][..., None]
    picture[y:bottom, x:right] += share * (sprite[part] - picture[y:bottom, x:right])


def read_portraits(source: FrameSource, rows: Sequence[Any], most: int = 4) -> Portraits:
    """Return the labelled frames of one person by where the head points, at most so many of each kind."""
    kept = [row for row in rows if np.isfinite(row.landmarks).all()]
    if not kept:
        return Portraits((), ())
    measures = measure(np.stack([row.landmarks for row in kept]))
    turn, nod = np.abs(measures["yaw"]), np.abs(measures["pitch"])
    large = np.array([np.ptp(row.landmarks[:, 1]) for row in kept]) > 50

    def read(wanted: np.ndarray) -> list[tuple[Image, Shape]]:
        return [(source.read(kept[i]), kept[i].landmarks) for i in np.flatnonzero(wanted & large)[:most]]

    front, turned = read((turn < FRONT) & (nod < FRONT)), read(turn > TURNED)
    return Portraits(_in_one_light(front, front), _in_one_light(turned, front))


def _in_one_light(
    frames: Sequence[tuple[Image, Shape]], like: Sequence[tuple[Image, Shape]]
) -> Sequence[tuple[Image, Shape]]:
    """Frames whose faces have the mean colour of the first of others: they are of several films."""
    if not frames or not like:
        return frames
    wanted = _face_colour(*like[0])
    return [
        (np.asarray(np.clip(image * (wanted / _face_colour(image, landmarks)), 0, 255), np.uint8), landmarks)
        for image, landmarks in frames
    ]


def _face_colour(image: Image, landmarks: Shape) -> Float[np.ndarray, "3"]:
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(landmarks.astype(np.int32)), 1)
    return np.asarray(image[mask == 1].mean(axis=0) + 1.0)
