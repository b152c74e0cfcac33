"""Who of those present is enrolled. Whoever is not stays unknown, and nothing of them is kept.

Embedding a face may take longer than a frame lasts, so it is done by a thread of its own, for one face at a time.
"""

import hashlib
import logging
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float

from faceline.errors import InputError, first_line
from faceline.geometry.crops import align_face
from faceline.stand.audience.perception import Face, Sight
from faceline.stand.consent.enrolment import NOBODY, Enrolment, Gallery, Person
from faceline.stand.consent.quality import FrameQuality, Template
from faceline.types import Image, Images, Square

_ASK_EVERY: Final = 0.5  # seconds between two looks at one person
_VOTES: Final = 3  # the last looks, of which two must name the same person
_GALLERY_EVERY: Final = 1.0  # seconds between two looks at who is enrolled
_ENROL_FRAMES: Final = 6
_ENROL_SECONDS: Final = 10.0
_ENROL_STEP: Final = 0.25  # seconds between two frames, so that they differ

log = logging.getLogger("faceline.stand")


@runtime_checkable
class Embedder(Protocol):
    """Makes numbers of aligned faces, near each other for one person.

    Attributes:
        size: Edge of the faces in pixels.
    """

    size: int

    def embed(self, faces: Images) -> Float[np.ndarray, "n e"]:
        """Embeddings of faces (n, size, size, 3), RGB."""
        ...


class Sample(NamedTuple):
    """An embedded frame of somebody who is being enrolled."""

    embedding: Template
    quality: FrameQuality


class Match(NamedTuple):
    """The nearest of those who are enrolled."""

    person: str | None
    similarity: float


def match(embedding: Template, gallery: Gallery, threshold: float, margin: float) -> Match:
    """Who of a gallery a face is, with rejection.

    Args:
        embedding: Of the face.
        gallery: Who is enrolled.
        threshold: Least cosine similarity.
        margin: By which the nearest must be more similar than the next person.
    """
    if not len(gallery.persons):
        return Match(None, -1.0)
    similarity = gallery.templates @ (embedding / max(float(np.linalg.norm(embedding)), 1e-12))
    order = np.argsort(-similarity)
    best = float(similarity[order[0]])
    lead = best - float(similarity[order[1]]) if len(order) > 1 else np.inf
    accepted = best >= threshold and lead >= margin
    return Match(gallery.persons[order[0]] if accepted else None, best)


def quality_of(face: Face, crop: Square) -> FrameQuality:
    """What is known of the frame that a face is cut from."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    return FrameQuality(face.width, float(cv2.Laplacian(grey, cv2.CV_64F).var()), face.yaw, face.pitch)


@dataclass(eq=False)
class _Collection:
    """Frames that are gathered of somebody who wants to be enrolled."""

    number: int
    done: "Future[list[Sample]]" = field(default_factory=Future)
    samples: list[Sample] = field(default_factory=list)
    next: float = 0.0
    until: float | None = None


class Recogniser:
    """Names enrolled people who are present.

    Args:
        embedder: Embeds aligned faces.
        enrolment: Who may be recognised.
        threshold: Least cosine similarity of a match.
        margin: By which the nearest must lead.
    """

    def __init__(self, embedder: Embedder, enrolment: Enrolment, threshold: float, margin: float = 0.05) -> None:
        self._embedder, self._enrolment = embedder, enrolment
        self._threshold, self._margin = threshold, margin
        self._lock = threading.Condition()
        self._job: tuple[Face, Square, _Collection | None] | None = None
        self._votes: dict[int, deque[str | None]] = {}
        self._asked: dict[int, float] = {}
        self._collection: _Collection | None = None
        self._stop = False
        self._fault: str | None = None  # of the last look
        self._broken: str | None = None
        self.refresh()
        self._thread = threading.Thread(target=self._run, name="recogniser", daemon=True)
        self._thread.start()

    @property
    def enrolled(self) -> int:
        """How many people may be recognised."""
        return len(self._gallery.persons)

    @property
    def problem(self) -> str | None:
        """Why nobody is recognised at the moment."""
        return self._broken or self._fault or self._enrolment.problem

    def known(self, sight: Sight) -> dict[int, tuple[str, Person]]:
        """Id and wishes of the recognised, by the numbers of their tracks."""
        with self._lock:
            wishes = dict(zip(self._gallery.persons, self._gallery.people, strict=True))
            found = {number: _elected(votes) for number, votes in self._votes.items() if number in sight.present}
            return {number: (name, wishes[name]) for number, name in found.items() if name in wishes}

    def look(self, sight: Sight, image: Image) -> None:
        """Offer a frame; a face of it is looked at where there is time and need."""
        now = sight.moment.steady
        with self._lock:
            for gone in sight.gone:
                self._votes.pop(gone.number, None)
                self._asked.pop(gone.number, None)
            if self._job is not None:
                return
            choice = self._to_enrol(sight, now) or self._to_recognise(sight, now)
            if choice is None:
                return
            face, collection = choice
            try:
                crop = align_face(image, face.landmarks, self._embedder.size)
            except InputError:
                return
            self._job = face, crop, collection
            self._lock.notify()

    def collect(self, number: int) -> "Future[list[Sample]]":
        """Gather a few frames of somebody who stands there, to enrol them.

        Raises:
            InputError: Somebody else is being enrolled.
        """
        with self._lock:
            if self._collection is not None and not self._collection.done.done():
                raise InputError("somebody else is being enrolled just now")
            self._collection = _Collection(number)
            return self._collection.done

    def refresh(self) -> None:
        """Look at once who is enrolled, as after an enrolment or a withdrawal; nobody is, where that fails."""
        try:
            gallery, broken = self._enrolment.gallery(), None
        except Exception as error:  # the thread must live on, whatever it was, and look again
            gallery, broken = NOBODY, f"Nobody is recognised: {first_line(error)}"
            if broken != self._broken:  # one that comes every second fills no disk
                log.exception("nobody is recognised after a fault")
        with self._lock:
            self._gallery, self._gallery_at, self._broken = gallery, time.monotonic(), broken

    def close(self) -> None:
        """End the thread."""
        with self._lock:
            self._stop = True
            self._lock.notify()
        self._thread.join(timeout=3.0)

    def _to_enrol(self, sight: Sight, now: float) -> tuple[Face, _Collection] | None:
        wanted = self._collection
        if wanted is None or wanted.done.done():
            return None
        wanted.until = wanted.until or now + _ENROL_SECONDS
        if now >= wanted.until or len(wanted.samples) >= _ENROL_FRAMES or wanted.number not in sight.present:
            wanted.done.set_result(wanted.samples)
            self._collection = None
            return None
        face = next((face for face in sight.faces if face.number == wanted.number), None)
        if face is None or now < wanted.next:
            return None
        wanted.next = now + _ENROL_STEP
        return face, wanted

    def _to_recognise(self, sight: Sight, now: float) -> tuple[Face, None] | None:
        """The face that was looked at the longest ago, of those that look to the screen."""
        if not self._gallery.persons:
            return None
        due = [
            face
            for face in sight.faces
            if face.reaction.attending and now - self._asked.get(face.number, -np.inf) >= _ASK_EVERY
        ]
        if not due:
            return None
        face = min(due, key=lambda face: self._asked.get(face.number, -np.inf))
        self._asked[face.number] = now
        return face, None

    def _run(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._job is not None or self._stop, _GALLERY_EVERY)
                if self._stop:
                    return
                job = self._job
            if time.monotonic() - self._gallery_at >= _GALLERY_EVERY:
                self.refresh()
            if job is not None:
                self._do(*job)

    def _do(self, face: Face, crop: Square, collection: _Collection | None) -> None:
        sample: Sample | None = None
        name: str | None = None
        try:
            sample = Sample(self._embed(crop), quality_of(face, crop))
            name = match(sample.embedding, self._gallery, self._threshold, self._margin).person
            self._fault = None
        except Exception as error:  # others are looked at all the same
            self._fault = error.told if isinstance(error, InputError) else first_line(error)
        with self._lock:
            self._job = None
            if sample is None:
                return
            if collection is not None:
                collection.samples.append(sample)
                return
            self._votes.setdefault(face.number, deque(maxlen=_VOTES)).append(name)

    def _embed(self, crop: Square) -> Float[np.ndarray, " e"]:
        return np.asarray(self._embedder.embed(crop[None])[0])


def embedder_name(file: Path) -> str:
    """Name and version of the embedder of a file: templates of one mean nothing to another."""
    return f"{file.stem}-{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"


def _elected(votes: deque[str | None]) -> str | None:
    """The name that two of the last looks agree on."""
    return next((name for name in votes if name is not None and votes.count(name) >= 2), None)
