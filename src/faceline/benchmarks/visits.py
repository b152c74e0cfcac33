"""Turns clips of people into visits to a stand, through its own loop, and then judges them with any gallery.

What the loop does with a clip (detection, landmarks, tracks, looks, the check for photos) does not depend on who is
enrolled. So each clip goes through the loop once, its looks are recorded, and the stand's own `Evidence` judges them
against any number of galleries.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np

from faceline.benchmarks.galleries import ChanceGallery
from faceline.data.index import BadRows, FrameSource
from faceline.errors import InputError
from faceline.stand.assembly import Watch
from faceline.stand.board import Board
from faceline.stand.camera.capture import CaptureHealth, Frame
from faceline.stand.clock import Moment
from faceline.stand.consent.likeness import OneThreshold, Rule
from faceline.stand.consent.people import Gallery
from faceline.stand.consent.quality import LIMITS, Template, make_template, mean_direction
from faceline.stand.events.store import EventStore
from faceline.stand.recognition.embedder import Embedder
from faceline.stand.recognition.evidence import Evidence
from faceline.stand.recognition.recogniser import Look, Recogniser
from faceline.stand.settings import Watching
from faceline.types import Image

RATE: Final = 5.0
"""Frames a second of the simulated camera."""

_HOLD: Final = 3  # steps for which each frame of a clip is shown
_FORGOTTEN: Final = 5.0  # seconds after which nobody is waited for


class Clip(NamedTuple):
    """Consecutive frames of one video.

    Attributes:
        person: Name of the person.
        video: Name of the video.
        frames: Pictures of one size.
    """

    person: str
    video: str
    frames: Sequence[Image]


@dataclass(frozen=True, eq=False)
class Visit:
    """The record of a clip after the loop.

    Attributes:
        person: Name of the person.
        video: Name of the clip.
        looks: Looks at the visitor, in order; empty if no face was found or followed.
        width: Median width of the face in pixels.
        yaw: Median turn of the head, degrees.
        light: Mean grey level of the frames, from 0 to 255.
    """

    person: str
    video: str
    looks: tuple[Look, ...]
    width: float
    yaw: float
    light: float


class Outcome(NamedTuple):
    """The outcome of a visit with a gallery.

    Attributes:
        greeted: Person who was greeted first; None for nobody.
        seconds: Seconds from the first sight of the visitor to the greeting.
        held_back: Whether somebody was recognised but counted as a possible photo until the end.
        probability: Probability at the greeting.
    """

    greeted: str | None
    seconds: float | None
    held_back: bool
    probability: float | None


def clips_of(source: FrameSource, videos: Sequence[str] | None = None) -> "dict[str, list[Any]]":
    """Return the rows of each video of a source, in order."""
    rows: dict[str, list[Any]] = {}
    for row in sorted(source.rows(BadRows("raise")), key=lambda row: (row.video, row.frame)):
        rows.setdefault(row.video, []).append(row)
    return rows if videos is None else {video: rows[video] for video in videos}


def read_clip(source: FrameSource, rows: Sequence[Any]) -> Clip:
    """Return the frames of some rows of one video, at the size of the first."""
    frames = [source.read(row) for row in rows]
    height, width = frames[0].shape[:2]
    same = [
        frame if frame.shape[:2] == (height, width) else np.asarray(cv2.resize(frame, (width, height)), np.uint8)
        for frame in frames
    ]
    return Clip(rows[0].person, rows[0].video, same)


class Stage:
    """A stand that clips pass one after another, with one enrolled person whom nobody looks like.

    Args:
        settings: Settings of what the stand sees.
        embedder: Embedder of the faces.
    """

    def __init__(self, settings: Watching, embedder: Embedder) -> None:
        self._looks: list[Look] = []
        self._camera = _ClipCamera()
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        enrolment = ChanceGallery(embedder)
        self._recogniser = Recogniser(embedder, enrolment, Rule(OneThreshold(2.0)), self._looks.append, at_once=True)
        store = EventStore(f"sqlite:///{folder / 'events.db'}")
        watch = Watch(settings, folder)
        self._loop = watch.loop(self._camera, store, Board(), self._recogniser, clock=self._camera.clock)

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.close()
        self._folder.cleanup()

    def pass_by(self, clip: Clip) -> Visit:
        """Let a clip go through the loop of the stand, and wait until it is forgotten."""
        self._looks.clear()
        self._camera.show(clip.frames)
        while self._camera.more:
            self._loop.step()
        self._camera.pause(_FORGOTTEN)
        self._loop.step()
        return _visit(clip, self._looks)


class _ClipCamera:
    """Shows each frame of a clip for some time, with a clock that goes along."""

    def __init__(self) -> None:
        self._frames: Sequence[Image] = ()
        self._shown, self._steps = 0, 0
        self._start = datetime.now(UTC).timestamp()

    def show(self, frames: Sequence[Image]) -> None:
        self._frames, self._shown = frames, 0

    def pause(self, seconds: float) -> None:
        self._steps += round(seconds * RATE)

    @property
    def more(self) -> bool:
        return self._shown < _HOLD * len(self._frames)

    def clock(self) -> Moment:
        seconds = self._steps / RATE
        return Moment(datetime.fromtimestamp(self._start + seconds, UTC), seconds)

    @property
    def health(self) -> CaptureHealth:
        return CaptureHealth(frames=self._steps)

    def newest(self, timeout: float) -> Frame | None:
        if not self.more:
            return None
        picture = self._frames[self._shown // _HOLD]
        self._shown += 1
        self._steps += 1
        return Frame(picture, self.clock(), self._steps)

    def close(self) -> None:
        """Do nothing: there is no device."""


def _visit(clip: Clip, looks: Sequence[Look]) -> Visit:
    """Return the looks at the visitor who was looked at most."""
    numbers = [look.number for look in looks]
    chosen = max(set(numbers), key=numbers.count) if numbers else None
    own = tuple(look for look in looks if look.number == chosen)
    width, yaw = (
        float(np.median([getattr(look.quality, name) for look in own])) if own else 0.0 for name in ("width_px", "yaw")
    )
    return Visit(clip.person, clip.video, own, width, yaw, float(np.mean([frame.mean() for frame in clip.frames])))


def enrol_from(visits: Sequence[Visit], rule: Rule) -> Template | None:
    """Return the template that the stand's own enrolment makes of some visits; None if it refuses them."""
    made = []
    for visit in visits:
        if not visit.looks:
            return None
        embeddings = np.stack([look.embedding for look in visit.looks])
        try:
            quality = [look.quality for look in visit.looks]
            made.append(make_template(embeddings, quality, LIMITS, rule.one_person()).template)
        except InputError:
            return None
    return mean_direction(np.stack(made))


def judge(visit: Visit, gallery: Gallery, rule: Rule, photos: bool = True) -> Outcome:
    """Return what the stand would have done in a visit.

    Args:
        visit: Recorded visit.
        gallery: Templates of the enrolled people.
        rule: Rule that says when a person is named.
        photos: Whether a visitor who may be a photo is left ungreeted.
    """
    evidence, named = Evidence(), False
    for look in visit.looks:
        verdict = evidence.add(look.embedding, look.quality.weight(), gallery, rule)
        if verdict.person is None:
            continue
        named = True
        if not photos or look.flat is False:
            seconds = look.at - visit.looks[0].at
            return Outcome(verdict.person, seconds, False, verdict.probability)
    return Outcome(None, None, named, None)
