"""What the stand shows of itself to its pages: the newest state, handed from the loop to the web server."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from faceline.stand.audience.perception import Face
from faceline.stand.camera.covered import Blind
from faceline.stand.consent.enrolment import Person
from faceline.stand.director import Showing
from faceline.stand.recognition.collection import Guidance
from faceline.stand.recognition.recogniser import Standing

Problem = Literal[
    "camera",
    "covered",
    "slow",
    "late",
    "store",
    "lost",
    "fault",
    "learning",
    "people",
    "catalogue",
    "webhooks",
    "fleet",
]
"""No frames come, or they show nothing; too few or too late to count visitors rightly; events wait, or were lost; a
fault; what was learned cannot be saved; nobody can be recognised; a catalogue is refused; a webhook is not answered;
the fleet is not reached."""

PROBLEMS: Final[tuple[Problem, ...]] = get_args(Problem)

SILENCE: Final = 5.0
"""Seconds without a word from the loop after which the stand is silent."""


@dataclass(frozen=True)
class Health:
    """How the stand is.

    Attributes:
        frames_per_second: Looked at, over the last seconds.
        latency_ms: From a frame to its decision, 95th percentile over the last ones; None where there were none.
        problems: What somebody should look after: a sentence for each of `PROBLEMS`.
        camera: Whether frames come.
        picture: What is wrong with them, where something is.
        logging: Whether events are written.
        enrolled: People who may be recognised; None where nobody can be, for want of an embedder.
        counts: Frames, dropped, damaged, reopened, events written, pending and lost.
    """

    frames_per_second: float = 0.0
    latency_ms: float | None = None
    problems: dict[Problem, str] = field(default_factory=dict)
    camera: bool = False
    picture: Blind | None = None
    logging: bool = True
    enrolled: int | None = None
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The sentences."""
        return tuple(self.problems.values())


@dataclass(frozen=True, eq=False)
class State:
    """What the pages can know.

    Attributes:
        showing: What is on the screen; None before the first decision.
        faces: Who is there.
        customers: The recognised, by the numbers of their tracks.
        standings: Who each face is, how sure that is, and why not, by the same numbers.
        guidance: What to say to somebody who is being enrolled; None where nobody is.
        at: Seconds of the steady clock at this moment.
        size: Width and height of the frame.
        health: How the stand is.
        picture: The frame as JPEG, where the operator may see it.
    """

    showing: Showing | None = None
    faces: tuple[Face, ...] = ()
    size: tuple[int, int] = (640, 480)
    health: Health = Health()
    picture: bytes | None = None
    standings: dict[int, Standing] = field(default_factory=dict)
    guidance: Guidance | None = None
    at: float | None = None
    customers: dict[int, Person] = field(default_factory=dict)

    def silent(self, now: float) -> float | None:
        """Seconds since when nothing was heard of the loop; None where it goes on, or has not begun.

        Args:
            now: Seconds of the steady clock.
        """
        return now - self.at if self.at is not None and now - self.at > SILENCE else None


class Board:
    """Holds the newest state; the loop's thread writes, tasks of the server wait for changes of the screen."""

    def __init__(self) -> None:
        self.state = State()
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._impression: int | None = None

    def publish(self, state: State) -> None:
        """Take up the newest state, and wake the displays where the screen has changed."""
        impression = state.showing.impression if state.showing else None
        with self._lock:
            self.state = state
            if impression == self._impression:
                return
            self._impression = impression
            waiting = list(self._waiting)
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    @asynccontextmanager
    async def changes(self) -> AsyncIterator[asyncio.Event]:
        """An event that is set whenever the screen changes; whoever waits clears it."""
        event = asyncio.Event()
        entry = asyncio.get_running_loop(), event
        with self._lock:
            self._waiting.add(entry)
        try:
            yield event
        finally:
            with self._lock:
                self._waiting.discard(entry)
