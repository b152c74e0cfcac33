"""Recognises enrolled people among those present. Everybody else stays unknown, and nothing of them is kept.

Embedding a face may take longer than a frame, so a thread of its own does it for one face at a time.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Protocol, runtime_checkable

import cv2
import numpy as np

from faceline.errors import InputError, first_line
from faceline.geometry.crops import align_face
from faceline.stand.audience.perception import Face, Sight
from faceline.stand.consent.likeness import Rule
from faceline.stand.consent.people import NOBODY, Gallery, Person
from faceline.stand.consent.quality import FrameQuality, QualityLimits, Template
from faceline.stand.recognition.collection import Collection, Gathered, Guidance, Sample
from faceline.stand.recognition.embedder import Embedder
from faceline.stand.recognition.evidence import Evidence, Reason, Verdict
from faceline.stand.recognition.presentation import FlatCheck, Signs
from faceline.stand.sentences import Sentence
from faceline.types import Image, Square

_QUICK, _CALM = 0.25, 1.0  # seconds between two looks at one person: at first, and once much is known
_FIRST_LOOKS: Final = 8
_GALLERY_EVERY: Final = 1.0  # seconds between two looks at who is enrolled
_FARTHEST_TURN: Final = 60.0  # degrees beyond which a look tells nothing
_SMALLEST: Final = 24.0  # pixels

log = logging.getLogger("faceline.stand")

Why = Reason | Literal["too far", "turned away", "may be a photo", "nobody to compare with"]
"""Why a visitor is greeted or not, for the operator."""


@runtime_checkable
class Enrolled(Protocol):
    """People who may be recognised: those of a database, or made up for a measurement."""

    @property
    def limits(self) -> QualityLimits:
        """Quality that frames of an enrolment must have."""

    @property
    def problem(self) -> str | None:
        """Why somebody is missing."""

    def gallery(self) -> Gallery:
        """Return those who are enrolled now."""


class Standing(NamedTuple):
    """What is known about the identity of a visitor.

    Attributes:
        why: Why the visitor is recognised or not.
        person: Id of the person; None if nobody is named.
        probability: Probability that the nearest person is right; None if the embedder gives none.
        similarity: Similarity with the nearest template.
        wanted: Similarity at which that person would be named.
        since: Time since when the person is named, in seconds of the steady clock; None if nobody is.
    """

    why: Why
    person: str | None
    probability: float | None
    similarity: float
    wanted: float
    since: float | None


class Look(NamedTuple):
    """One embedded look at a visitor, as listeners receive it.

    Attributes:
        number: Number of the track.
        embedding: Embedding of the face.
        quality: Quality of the look.
        at: Time in seconds of the steady clock.
        flat: Whether the visitor may be a photo; None if that is not known yet.
        signs: Signs for and against a photo; None while too little was seen.
    """

    number: int
    embedding: Template
    quality: FrameQuality
    at: float
    flat: bool | None
    signs: Signs | None


@dataclass(eq=False)
class _Visitor:
    """What is known about one visitor; it is forgotten when they leave."""

    evidence: Evidence = field(default_factory=Evidence)
    flat: FlatCheck = field(default_factory=FlatCheck)
    asked: float = -np.inf
    since: float | None = None
    hindered: Why | None = None

    def verdict(self) -> Verdict:
        return self.evidence.verdict


class _Job(NamedTuple):
    face: Face
    crop: Square
    at: float
    collection: Collection | None


class Recogniser:
    """Names enrolled people who are present.

    Args:
        embedder: Embeds aligned faces.
        enrolment: People who may be recognised.
        rule: Rule that says when a person is named.
        listener: Receives every look, for measurements.
        photos: Whether a visitor who may be a photo is left ungreeted.
        at_once: Whether to embed in the calling thread, for measurements in simulated time.
    """

    def __init__(
        self,
        embedder: Embedder,
        enrolment: Enrolled,
        rule: Rule,
        listener: Callable[[Look], None] | None = None,
        photos: bool = True,
        at_once: bool = False,
    ) -> None:
        self._embedder, self._enrolment, self.rule = embedder, enrolment, rule
        self._listener, self._photos, self._at_once = listener, photos, at_once
        self._lock = threading.Condition()
        self._job: _Job | None = None
        self._visitors: dict[int, _Visitor] = {}
        self._collection: Collection | None = None
        self._stop = False
        self._fault: str | None = None  # of the last look
        self._broken: str | None = None
        self.refresh()
        self._thread = threading.Thread(target=self._run, name="recogniser", daemon=True)
        self._thread.start()

    @property
    def enrolled(self) -> int:
        """Return how many people may be recognised."""
        return len(self._gallery.persons)

    @property
    def problem(self) -> str | None:
        """Return why nobody is recognised at the moment; None if all is well."""
        return self._broken or self._fault or self._enrolment.problem

    @property
    def guidance(self) -> Guidance | None:
        """Return what to say to the person who is being enrolled; None if nobody is."""
        with self._lock:
            return None if self._collection is None else self._collection.guidance()

    def known(self, sight: Sight) -> dict[int, tuple[str, Person]]:
        """Return id and wishes of recognised people, by track number."""
        with self._lock:
            wishes = self._wishes
            found = {
                number: visitor.verdict().person
                for number, visitor in self._visitors.items()
                if number in sight.present and not self._may_be_photo(visitor)
            }
            return {number: (name, wishes[name]) for number, name in found.items() if name in wishes}

    def standings(self, sight: Sight) -> dict[int, Standing]:
        """Return what is known about the identity of each face, by track number."""
        with self._lock:
            return {face.number: self._standing(face) for face in sight.faces}

    def forget(self, sight: Sight) -> None:
        """Forget everybody who has left, with the small pictures of their faces."""
        with self._lock:
            for gone in sight.gone:
                self._visitors.pop(gone.number, None)

    def look(self, sight: Sight, image: Image) -> None:
        """Offer a frame; one of its faces is embedded if there is time and need."""
        now = sight.moment.steady
        self.forget(sight)
        with self._lock:
            for face in sight.faces:
                self._see(face, image, now)
            if self._job is not None:
                return
            choice = self._to_enrol(sight, now) or self._to_recognise(sight, now)
            if choice is None:
                return
            face, collection = choice
            try:
                crop = align_face(image, face.landmarks, self._embedder.size, template=self._embedder.template)
            except InputError:
                return
            self._job = job = _Job(face, crop, now, collection)
            if not self._at_once:
                self._lock.notify_all()
        if self._at_once:
            self._do(job)

    def settle(self, timeout: float = 20.0) -> None:
        """Wait until the current look is done."""
        with self._lock:
            self._lock.wait_for(lambda: self._job is None, timeout)

    def collect(self, number: int) -> "Future[Gathered]":
        """Collect a few frames of a visitor, to enrol them.

        Raises:
            InputError: Somebody else is being enrolled.
        """
        with self._lock:
            if self._collection is not None and not self._collection.done.done():
                raise InputError(Sentence.BUSY())
            self._collection = Collection(number, self._enrolment.limits)
            return self._collection.done

    def refresh(self) -> None:
        """Reload who is enrolled at once, as after an enrolment or a withdrawal; if that fails, nobody is."""
        try:
            gallery, broken = self._enrolment.gallery(), None
        except Exception as error:  # the thread must live on, whatever it was, and look again
            gallery, broken = NOBODY, f"Nobody is recognised: {first_line(error)}"
            if broken != self._broken:  # one that comes every second fills no disk
                log.exception("nobody is recognised after a fault")
        with self._lock:
            self._gallery, self._gallery_at, self._broken = gallery, time.monotonic(), broken
            self._wishes = dict(zip(gallery.persons, gallery.people, strict=True))

    def close(self) -> None:
        """Stop the thread."""
        with self._lock:
            self._stop = True
            self._lock.notify_all()
        self._thread.join(timeout=3.0)

    def _see(self, face: Face, image: Image, now: float) -> None:
        """Record what a frame tells about a face without its embedding."""
        visitor = self._visitors.setdefault(face.number, _Visitor())
        if self._photos:
            visitor.flat.add(image, face.landmarks, now)
        visitor.hindered = _hindered(face)

    def _may_be_photo(self, visitor: _Visitor) -> bool:
        """Tell whether the visitor may be a photo; True in doubt."""
        return self._photos and visitor.flat.verdict is not False

    def _standing(self, face: Face) -> Standing:
        visitor = self._visitors.get(face.number, _Visitor())
        verdict = visitor.verdict()
        if not self._gallery.persons:  # nor is anybody who was enrolled
            return Standing("nobody to compare with", None, None, -1.0, verdict.wanted, None)
        person = verdict.person if verdict.person in self._wishes else None
        why: Why = verdict.reason if person == verdict.person else "nobody with a consent"
        if person is not None and self._may_be_photo(visitor):
            why, person = "may be a photo", None
        elif person is None and visitor.hindered is not None:
            why = visitor.hindered
        since = visitor.since if person is not None else None
        return Standing(why, person, verdict.probability, verdict.similarity, verdict.wanted, since)

    def _to_enrol(self, sight: Sight, now: float) -> tuple[Face, Collection] | None:
        wanted = self._collection
        if wanted is None:
            return None
        face = next((face for face in sight.faces if face.number == wanted.number), None)
        wants = face is not None and wanted.wants(face, now)
        if wanted.over(now) or wanted.number not in sight.present:
            visitor = self._visitors.get(wanted.number)
            photo = visitor is not None and visitor.flat.verdict is True
            wanted.finish(gone=wanted.number not in sight.present, photo=photo)
            self._collection = None
            return None
        return (face, wanted) if face is not None and wants else None

    def _to_recognise(self, sight: Sight, now: float) -> tuple[Face, None] | None:
        """Return the face whose last look is oldest, among those that are clear enough."""
        if not self._gallery.persons:
            return None
        due = [face for face in sight.faces if self._is_due(self._visitors[face.number], now)]
        if not due:
            return None
        face = min(due, key=lambda face: self._visitors[face.number].asked)
        self._visitors[face.number].asked = now
        return face, None

    def _is_due(self, visitor: _Visitor, now: float) -> bool:
        pause = _QUICK if visitor.verdict().looks < _FIRST_LOOKS else _CALM
        return visitor.hindered is None and now - visitor.asked >= pause

    def _run(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._stop or (self._job and not self._at_once), _GALLERY_EVERY)
                if self._stop:
                    return
                job = None if self._at_once else self._job
            if time.monotonic() - self._gallery_at >= _GALLERY_EVERY:
                self.refresh()
            if job is not None:
                self._do(job)

    def _do(self, job: _Job) -> None:
        try:
            sample = Sample(np.asarray(self._embedder.embed(job.crop[None])[0]), quality_of(job.face, job.crop))
            with self._lock:
                self._take(job, sample)
            self._fault = None
        except Exception as error:  # others are looked at all the same
            self._fault = error.told if isinstance(error, InputError) else first_line(error)
        with self._lock:
            self._job = None
            self._lock.notify_all()

    def _take(self, job: _Job, sample: Sample) -> None:
        if job.collection is not None:
            job.collection.take(sample, job.at)
            return
        visitor = self._visitors.get(job.face.number)
        if visitor is None:  # gone meanwhile
            return
        before = visitor.verdict().person
        verdict = visitor.evidence.add(sample.embedding, sample.quality.weight(), self._gallery, self.rule)
        if verdict.person != before:
            visitor.since = None if verdict.person is None else job.at
        if self._listener is not None:
            self._listener(
                Look(
                    job.face.number, sample.embedding, sample.quality, job.at, visitor.flat.verdict, visitor.flat.signs
                )
            )


def _hindered(face: Face) -> Why | None:
    """Return what keeps a face from being recognised; None if nothing does."""
    if face.width < _SMALLEST:
        return "too far"
    return "turned away" if max(abs(face.yaw), abs(face.pitch)) > _FARTHEST_TURN else None


def quality_of(face: Face, crop: Square) -> FrameQuality:
    """Describe the quality of the frame that a face is cut from."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    sharpness = float(cv2.Laplacian(grey, cv2.CV_64F).var())
    return FrameQuality(face.width, sharpness, face.yaw, face.pitch, face.confidence)
