"""The loop of the stand: takes the newest frame, makes a decision, and publishes both on the board."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

import cv2
import numpy as np

from faceline.errors import first_line
from faceline.stand.audience.perception import Perception, Sight
from faceline.stand.board import LATEST_MS, SLOWEST, Board, Health, Problem, State
from faceline.stand.camera.capture import CaptureHealth, Frame
from faceline.stand.camera.covered import Cover
from faceline.stand.clock import Moment, now
from faceline.stand.content.reload import CatalogueFile
from faceline.stand.director import Director
from faceline.stand.events.store import EventStore, StoreHealth
from faceline.stand.live.feed import Feed
from faceline.stand.recognition.recogniser import Recogniser
from faceline.stand.sentences import Sentence
from faceline.types import Image

_NO_FRAME: Final = 0.2  # seconds after which the screen goes on without one
_SAVE_EVERY: Final = 60.0
_CALM: Final = 60.0  # seconds without a problem after which it is logged again
_RECENT: Final = 250  # frames of which speed is told

_JUDGED: Final = 10.0  # seconds over which the stand is found slow

log = logging.getLogger("faceline.stand")


@runtime_checkable
class Frames(Protocol):
    """A source of the newest frame, such as `faceline.stand.camera.capture.Capture`."""

    @property
    def health(self) -> CaptureHealth:
        """Return the health of the source."""

    def newest(self, timeout: float) -> Frame | None:
        """Return the newest unread frame; None if none comes in time."""

    def close(self) -> None:
        """Stop reading."""


@dataclass(eq=False)
class Speed:
    """Measures the speed of the loop.

    Attributes:
        times: Times when the last frames were done, in seconds.
        latencies: Seconds from taking each frame to its decision.
        began: Time when the first frame was done; None without frames.
    """

    began: float | None = None
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    latencies: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))

    def add(self, done: float, latency: float) -> None:
        """Record a frame."""
        self.began = done if self.began is None else self.began
        self.times.append(done)
        self.latencies.append(latency)

    def frames_per_second(self, at: float, over: float = 5.0) -> float:
        """Return the frames a second over the last seconds."""
        return sum(at - done <= over for done in self.times) / over

    def too_slow(self, at: float) -> float | None:
        """Return the frames a second if they are too few to count visitors correctly; else None."""
        rate = self.frames_per_second(at, _JUDGED)
        return rate if self.began is not None and at - self.began >= _JUDGED and rate < SLOWEST else None

    def latency_ms(self) -> float | None:
        """Return the 95th percentile of the latency in milliseconds; None without frames."""
        return float(np.percentile(self.latencies, 95)) * 1000 if self.latencies else None


class Loop:
    """Runs the stand whatever happens: a fault is shown on the board, and the screen goes on.

    Args:
        capture: Source of frames.
        perception: Finds the people who are there.
        director: Decides what to show.
        store: Event store.
        recogniser: Recognises enrolled people; None without an embedder.
        board: Receives the newest state.
        pictures: Whether the board gets the frames too, for the operator.
        clock: Returns the current moment.
        catalogue: Reloads the catalogue after changes; None keeps the director's.
        feed: Tells other programs what is new; None tells nobody.

    Attributes:
        others: Further parts of the stand that may report a problem, by kind.
    """

    def __init__(
        self,
        capture: Frames,
        perception: Perception,
        director: Director,
        store: EventStore,
        recogniser: Recogniser | None,
        board: Board,
        pictures: bool = False,
        clock: Callable[[], Moment] = now,
        catalogue: CatalogueFile | None = None,
        feed: Feed | None = None,
    ) -> None:
        self.catalogue, self.feed = catalogue, feed
        self.capture, self.perception, self.director = capture, perception, director
        self.store, self.recogniser, self.board, self.pictures = store, recogniser, board, pictures
        self.speed, self._clock, self._cover = Speed(), clock, Cover()
        self.others: dict[Problem, Callable[[], str | None]] = {}
        self._stop = threading.Event()
        self._fault: str | None = None
        self._logged: str | None = None
        self._unsaved: str | None = None
        self._noted: dict[Problem, float] = {}  # when each problem was there last
        self._saved = clock().steady
        self._thread = threading.Thread(target=self._run, name="stand", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()
        if self.catalogue is not None:
            self.catalogue.start()

    def close(self) -> None:
        """End what is shown, and write what is left."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)
        if self.catalogue is not None:
            self.catalogue.close()
        self.capture.close()
        self.director.close(self._clock())
        if self.recogniser is not None:
            self.recogniser.close()
        self.store.close()
        self._save()

    def step(self) -> None:
        """Process one frame, or the lack of one."""
        frame = self.capture.newest(_NO_FRAME)
        sight = self._look(frame)
        new = None if self.catalogue is None else self.catalogue.take()
        if new is not None:
            self.director.use(new)
        known = {} if self.recogniser is None else self.recogniser.known(sight)
        showing = self.director.update(sight, known)
        done = self._clock().steady
        if frame is not None:
            self.speed.add(done, done - frame.moment.steady)
            self._cover.look(frame.image, done)
            if self.recogniser is not None:
                self.recogniser.look(sight, frame.image)
        elif self.recogniser is not None:
            self.recogniser.forget(sight)
        self.board.publish(
            State(
                showing,
                sight.faces,
                sight.size,
                self.health(done),
                _jpeg(frame.image) if self.pictures and frame is not None else None,
                {} if self.recogniser is None else self.recogniser.standings(sight),
                None if self.recogniser is None else self.recogniser.guidance,
                done,
                {number: person for number, (_, person) in known.items()},
            )
        )
        self._note(self.board.state.health.problems, done)
        if self.feed is not None:
            self.feed.take(self.board.state)
        if done - self._saved >= _SAVE_EVERY:
            self._save()

    def health(self, at: float) -> Health:
        """Return the health of the stand."""
        capture, store = self.capture.health, self.store.health
        if capture.lost is not None:
            self.speed.began = None  # a source that comes back is judged anew
        return Health(
            frames_per_second=self.speed.frames_per_second(at),
            latency_ms=self.speed.latency_ms(),
            problems={kind: told for kind, told in self._problems(capture, store, at).items() if told},
            camera=capture.lost is None,
            picture=self._cover.told,
            logging=store.paused is None,
            enrolled=None if self.recogniser is None else self.recogniser.enrolled,
            counts={
                "frames": capture.frames,
                "dropped": capture.dropped,
                "damaged": capture.damaged,
                "reopened": capture.reopened,
                "written": store.written,
                "pending": store.pending,
                "lost": sum(store.lost.values()),
            },
        )

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.step()
            except Exception as error:  # the screen must live on, whatever it was
                self._tell(error)
                self._stop.wait(_NO_FRAME)

    def _look(self, frame: Frame | None) -> Sight:
        """Return who is there; a frame that cannot be analysed adds nobody."""
        showing = self.director.showing
        if frame is None:
            return self.perception.wait(self._clock())
        try:
            sight = self.perception.look(frame, str(showing.impression) if showing else None)
            self._fault = None
            return sight
        except Exception as error:  # a frame that breaks the detector is no reason to stop
            self._tell(error)
            return self.perception.wait(frame.moment)

    def _tell(self, error: Exception) -> None:
        told = Sentence.FAULT(why=first_line(error))
        if told != self._logged:  # one that comes with every frame fills no disk
            log.exception("the loop goes on after a fault")
        self._fault = self._logged = told

    def _note(self, problems: dict[Problem, str], at: float) -> None:
        """Log each problem when it begins, for whoever reads the journal; one that comes and goes fills no disk."""
        for kind, told in problems.items():
            if kind != "fault" and at - self._noted.get(kind, -np.inf) >= _CALM:  # a fault has logged its traceback
                log.warning("%s", told)
            self._noted[kind] = at

    def _save(self) -> None:
        self._saved = self._clock().steady
        try:
            self.director.policy.save()
            self._unsaved = None
        except OSError as error:
            self._unsaved = Sentence.UNSAVED(why=first_line(error))

    def _problems(self, capture: CaptureHealth, store: StoreHealth, at: float) -> dict[Problem, str | None]:
        """Return what an operator should look after, in sentences."""
        slow, late = self.speed.too_slow(at), self.speed.latency_ms() or 0.0
        lost = sum(store.lost.values())
        return {
            "camera": capture.lost and Sentence.CAMERA(why=capture.lost),
            "covered": None if capture.lost or self._cover.told is None else Sentence.COVERED(why=self._cover.told),
            "slow": None if slow is None else Sentence.SLOW(rate=f"{slow:.1f}", limit=f"{SLOWEST:.0f}"),
            "late": None if late <= LATEST_MS else Sentence.LATE(rate=f"{late / 1000:.1f}"),
            "store": store.paused and Sentence.PAUSED(why=store.paused, count=f"{store.pending:,}"),
            "lost": Sentence.LOST(count=f"{lost:,}") if lost else None,
            "fault": self._fault,
            "learning": self._unsaved,
            "people": None if self.recogniser is None else self.recogniser.problem,
            "catalogue": None if self.catalogue is None else self.catalogue.problem,
            **{kind: other() for kind, other in self.others.items()},
        }


def _jpeg(image: Image) -> bytes:
    _, coded = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 70])
    return bytes(coded)
