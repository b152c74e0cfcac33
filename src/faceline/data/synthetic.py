"""Draws synthetic faces: seeded, without any file, with exact landmarks in two and three dimensions."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from jaxtyping import Float

from faceline.data.index import BadRows, FrameRow, OnError
from faceline.drawing.appearance import Looks, VideoScene, random_looks, random_scene
from faceline.drawing.person import PosedFace, draw_person
from faceline.drawing.scenery import draw_occluder, random_background, take_picture
from faceline.errors import InputError
from faceline.geometry.face_model import Expression, Shape3D, express, identity, rotation
from faceline.types import Image

DRAWING_VERSION: Final = 1
"""Version of the drawing; raise it with every change of pixels or landmarks, so that caches are made again."""

_LANDMARKS_HEIGHT: Final = 1.95  # from brows to chin of the neutral face, units of the face model
_PERSON, _VIDEO, _BACKGROUND, _FRAME = range(1, 5)  # what a random stream is for


@dataclass(frozen=True, eq=False)
class _Person:
    shape: Shape3D
    looks: Looks


@dataclass(frozen=True)
class _Wave:
    """A smooth change of one quantity over the frames of a video."""

    centre: float
    swing: float
    phase: float
    rate: float

    def at(self, frame: int) -> float:
        return self.centre + self.swing * float(np.sin(self.phase + self.rate * frame))


@dataclass(frozen=True, eq=False)
class _Video:
    """One recording of a person: size, scene, and movements of head and face."""

    width: int
    height: int
    scale: float
    scene: VideoScene
    waves: dict[str, _Wave]
    blink: int

    def face(self, person: _Person, frame: int) -> PosedFace:
        now = {name: wave.at(frame) for name, wave in self.waves.items()}
        expression = Expression(
            mouth_open=max(now["mouth_open"], 0.0),
            smile=now["smile"],
            brow_raise=now["brow_raise"],
            eye_close=1.0 if frame % 23 == self.blink else max(now["eye_close"], -0.1),
        )
        turn = rotation(now["yaw"], now["pitch"], now["roll"])
        scale = self.scale * now["zoom"]
        shape = express(person.shape, expression)
        # x and y are where the middle of the landmarks lies; the origin of the head is somewhere else.
        middle = (shape.max(axis=0) + shape.min(axis=0)) / 2 @ turn.T * scale
        place = (now["x"] * self.width - float(middle[0]), now["y"] * self.height - float(middle[1]))
        return PosedFace(shape, turn, scale, place, (now["gaze_x"], now["gaze_y"]))


def _random_video(rng: np.random.Generator, looks: Looks, widths: tuple[int, int]) -> _Video:
    width = int(rng.integers(widths[0], widths[1] + 1))
    height = round(width * rng.uniform(0.8, 1.2))
    share = rng.uniform(0.35, 0.75)  # of the frame's height
    scale = min(share * height, 1.15 * width) / _LANDMARKS_HEIGHT
    # The whole face in the frame where there is room for it; the nod and the turn carry a few points outside.
    free_x = max(0.5 - 1.05 * scale / width, 0.02)
    free_y = max(0.5 - 1.05 * scale / height, 0.02)

    def wave(low: float, high: float, swing: float) -> _Wave:
        return _Wave(rng.uniform(low, high), rng.uniform(0, swing), rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.5))

    talks = rng.random() < 0.6
    waves = {
        "yaw": wave(-33.0, 33.0, 12.0),
        "pitch": wave(-13.0, 13.0, 7.0),
        "roll": wave(-13.0, 13.0, 7.0),
        "zoom": wave(0.98, 1.02, 0.04),
        "x": wave(0.5 - free_x, 0.5 + free_x, 0.02),
        "y": wave(0.53 - free_y, 0.53 + free_y, 0.02),
        "mouth_open": wave(0.0, 0.35, 0.35) if talks else wave(-0.1, 0.02, 0.02),
        "smile": wave(-0.5, 0.85, 0.25),
        "brow_raise": wave(-0.6, 0.9, 0.4),
        "eye_close": wave(-0.1, 0.3, 0.15),
        "gaze_x": wave(-0.6, 0.6, 0.4),
        "gaze_y": wave(-0.6, 0.6, 0.4),
    }
    return _Video(width, height, scale, random_scene(rng, looks), waves, blink=int(rng.integers(23)))


class SyntheticFaces:
    """A crowd of drawn people with several videos each; seed, person, video and frame alone decide a frame.

    Args:
        people: Number of people.
        videos: Number of videos of each person, each with its own light, background, camera and clothes.
        frames: Number of frames of each video, near copies as in a real one.
        test_frames: Number of frames at the end of each video that form the part ``test``.
        min_width: Smallest width of a frame in pixels; heights are 0.8 to 1.2 of it.
        max_width: Largest width of a frame in pixels.
        seed: Seed of the crowd.
        on_error: Part of the common interface; a drawing cannot fail.

    Raises:
        InputError: A setting is out of its range.
    """

    name = "synthetic"
    licence = "MIT"

    def __init__(
        self,
        people: int = 60,
        videos: int = 3,
        frames: int = 8,
        test_frames: int = 2,
        min_width: int = 120,
        max_width: int = 240,
        seed: int = 0,
        on_error: OnError = "raise",
    ) -> None:
        _check("people", people, 1, 99_999)
        _check("videos", videos, 1, 9_999)
        _check("frames", frames, 1, 9_999)
        _check("test_frames", test_frames, 0, frames - 1)
        _check("min_width", min_width, 32, 2_048)
        _check("max_width", max_width, min_width, 2_048)
        _check("seed", seed, 0, 2**63 - 1)
        self.people, self.videos, self.frames, self.test_frames = people, videos, frames, test_frames
        self.widths = (min_width, max_width)
        self.seed = seed
        self.on_error: OnError = on_error
        self._person = lru_cache(maxsize=256)(self._make_person)
        self._video = lru_cache(maxsize=256)(self._make_video)
        self._background = lru_cache(maxsize=2)(self._make_background)

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to another process as settings; the drawings are made again there."""
        settings = (self.people, self.videos, self.frames, self.test_frames, *self.widths, self.seed, self.on_error)
        return type(self), settings

    def key(self) -> str:
        """Return a hex digest of the settings and the version of the drawing."""
        settings = [self.people, self.videos, self.frames, self.test_frames, *self.widths, self.seed, DRAWING_VERSION]
        return hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]

    def rows(self, bad: BadRows) -> list[FrameRow]:
        """List every frame of every video of every person, in that order."""
        return [
            self.row(person, video, frame)
            for person in range(self.people)
            for video in range(self.videos)
            for frame in range(self.frames)
        ]

    def unlabelled(self) -> int:
        """Return 0: every frame has its landmarks."""
        return 0

    def read(self, row: FrameRow) -> Image:
        """Draw one frame.

        Raises:
            InputError: The row does not come from ``rows``.
        """
        person, video = self._numbers(row)
        posed = self.face(person, video, row.frame)
        recording = self._video(person, video)
        canvas = self._background(person, video).copy()
        draw_person(canvas, posed, self._person(person).looks, recording.scene)
        if recording.scene.occluder is not None:
            points = posed.to_pixels(posed.shape)[:, :2]
            draw_occluder(canvas, points, posed.scale, recording.scene, self._rng(_BACKGROUND, person, video, 1))
        return take_picture(canvas, recording.scene, self._rng(_FRAME, person, video, row.frame))

    def face(self, person: int, video: int, frame: int) -> PosedFace:
        """Return the place and expression of the face in a frame.

        Args:
            person: Number of the person, from 0.
            video: Number of the video of that person, from 0.
            frame: Number of the frame, from 0.
        """
        return self._video(person, video).face(self._person(person), frame)

    def size(self, person: int, video: int) -> tuple[int, int]:
        """Return width and height of the frames of a video in pixels."""
        recording = self._video(person, video)
        return recording.width, recording.height

    def row(self, person: int, video: int, frame: int) -> FrameRow:
        """Return one of ``rows`` by its numbers, which count from 0."""
        posed = self.face(person, video, frame)
        landmarks3d: Float[np.ndarray, "68 3"] = posed.to_pixels(posed.shape)
        name = f"person_{person:03d}"
        return FrameRow(
            file=f"{name}_video_{video}/frame_{frame:02d}",
            person=name,
            video=f"{name}_video_{video}",
            frame=frame,
            part="test" if frame >= self.frames - self.test_frames else "train",
            landmarks=np.ascontiguousarray(landmarks3d[:, :2]),
            landmarks3d=landmarks3d,
        )

    def _numbers(self, row: FrameRow) -> tuple[int, int]:
        words = row.video.split("_")
        known = (
            len(words) == 4
            and words[0] == "person"
            and words[2] == "video"
            and words[1::2] == [*filter(str.isdecimal, words)]
        )
        if known and int(words[1]) < self.people and int(words[3]) < self.videos and 0 <= row.frame < self.frames:
            return int(words[1]), int(words[3])
        raise InputError("expected a frame of these synthetic faces; use a row of rows()", file=row.file)

    def _rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence([self.seed, *stream]))

    def _make_person(self, person: int) -> _Person:
        rng = self._rng(_PERSON, person)
        return _Person(identity(rng), random_looks(rng))

    def _make_video(self, person: int, video: int) -> _Video:
        return _random_video(self._rng(_VIDEO, person, video), self._person(person).looks, self.widths)

    def _make_background(self, person: int, video: int) -> Image:
        recording = self._video(person, video)
        rng = self._rng(_BACKGROUND, person, video, 0)
        return random_background(rng, recording.width, recording.height, recording.scene.light)


def _check(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InputError(f"expected a whole number from {low} to {high}, got {value}", column=f"data.source.{name}")
