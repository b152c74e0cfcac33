"""The newest state of the stand, handed from the loop to the web server."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from faceline.stand.audience.perception import Face
from faceline.stand.camera.covered import Blind
from faceline.stand.consent.people import Person
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
"""Kinds of problems: no frames, or empty ones; too few or late frames to count visitors correctly; events that wait or
were lost; a fault; learning that cannot be saved; no recognition; a refused catalogue; an unanswered webhook; a fleet
out of reach."""

PROBLEMS: Final[tuple[Problem, ...]] = get_args(Problem)

SILENCE: Final = 5.0
"""Seconds without news from the loop after which the stand counts as silent."""

SLOWEST: Final = 8.0
"""Frames a second below which the stand warns.

In films of known truth (``docs/stand_tested.md``) people who walk past at 12 face widths a second were all counted at
6.25 frames a second, and none at 5.
"""

LATEST_MS: Final = 500.0
"""Milliseconds from a frame to its decision above which the stand warns: it then answers people who have left."""


@dataclass(frozen=True)
class Health:
    """The health of the stand.

    Attributes:
        frames_per_second: Frames analysed each second, over the last seconds.
        latency_ms: Milliseconds from a frame to its decision, 95th percentile; None without frames.
        problems: A sentence for each of `PROBLEMS` that an operator should look after.
        camera: Whether frames arrive.
        picture: What is wrong with the frames; None if nothing is.
        logging: Whether events are written.
        enrolled: Number of people who may be recognised; None without an embedder.
        counts: Numbers of frames, dropped, damaged, reopened, and of events written, pending and lost.
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
        """Return the sentences of all problems."""
        return tuple(self.problems.values())


@dataclass(frozen=True, eq=False)
class State:
    """Everything that the pages can know.

    Attributes:
        showing: What is on the screen; None before the first decision.
        faces: The faces that are there.
        customers: Recognised people by track number.
        standings: What is known about the identity of each face, by track number.
        guidance: What to say to the person who is being enrolled; None if nobody is.
        at: Time in seconds of the steady clock.
        size: Width and height of the frame in pixels.
        health: Health of the stand.
        picture: The frame as JPEG, if the operator may see it.
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
        """Return for how many seconds the loop has been silent; None if it works, or has not begun.

        Args:
            now: Time in seconds of the steady clock.
        """
        return now - self.at if self.at is not None and now - self.at > SILENCE else None


class Board:
    """Holds the newest state; the loop's thread writes, and the server's tasks wait for changes of the screen."""

    def __init__(self) -> None:
        self.state = State()
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._impression: int | None = None

    def publish(self, state: State) -> None:
        """Store the newest state, and wake the displays if the screen has changed."""
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
        """Yield an event that is set whenever the screen changes; whoever waits clears it."""
        event = asyncio.Event()
        entry = asyncio.get_running_loop(), event
        with self._lock:
            self._waiting.add(entry)
        try:
            yield event
        finally:
            with self._lock:
                self._waiting.discard(entry)
