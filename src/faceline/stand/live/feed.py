"""Tells other programs what has just changed before the screen, without delaying the stand.

A message comes from two successive states of the board. It names nobody unless the listener may hear names and the
customer chose to be named on the screen. A slow listener loses messages and notices it: each message has a number, and
the numbers of lost ones are missing.
"""

import secrets
import threading
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from faceline.stand.board import State
from faceline.stand.consent.people import Person

Kind = Literal["audience_changed", "content_shown", "interest_seen", "customer_present"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True)
class Message:
    """A change before the screen.

    Attributes:
        kind: What changed: the number of people, the content on the screen, interest in it, or an enrolled person was
            recognised.
        stand: Name of the stand.
        at: Time in UTC.
        people: Number of people who are there.
        attending: Number of people who look at the screen.
        content: Id of the content on the screen.
        campaign: Id of its campaign.
        customer: The recognised person, if there is one.
    """

    kind: Kind
    stand: str
    at: datetime
    people: int
    attending: int
    content: str | None
    campaign: str | None
    customer: Person | None = None

    def told(self, names: bool) -> dict[str, Any]:
        """Return the message as it is sent.

        Args:
            names: Whether the listener may hear the name that a customer chose, and their group.
        """
        told = {
            "kind": self.kind,
            "stand": self.stand,
            "at": self.at.isoformat(timespec="milliseconds"),
            "people": self.people,
            "attending": self.attending,
            "content": self.content,
            "campaign": self.campaign,
        }
        if names and self.customer is not None:
            told["customer"] = {"name": self.customer.greeting, "group": self.customer.group}
        return told


@dataclass(eq=False)
class Subscription:
    """The messages that one listener has not taken yet.

    Attributes:
        kinds: Kinds of messages that the listener wants.
        capacity: Most messages that wait.
        wake: Called in the loop's thread when a message comes; it must not wait.
        stream: Random id, different after a restart, when numbers start again.
        lost: Number of messages that did not fit.
    """

    kinds: Collection[str]
    capacity: int
    wake: Callable[[], None]
    stream: str = field(default_factory=lambda: secrets.token_hex(4))
    lost: int = 0
    _number: int = 0
    _waiting: deque[tuple[int, Message]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, message: Message) -> None:
        """Add a message if there is room."""
        if message.kind not in self.kinds:
            return
        with self._lock:
            self._number += 1
            if len(self._waiting) >= self.capacity:
                self.lost += 1
                return
            self._waiting.append((self._number, message))
        self.wake()

    def first(self) -> tuple[int, Message] | None:
        """Return the oldest message and its number without removing it."""
        with self._lock:
            return self._waiting[0] if self._waiting else None

    def done(self) -> None:
        """Remove the oldest message."""
        with self._lock:
            self._waiting.popleft()

    def __len__(self) -> int:
        return len(self._waiting)


class Feed:
    """Makes messages from what the loop sees, and gives them to all listeners.

    Args:
        stand: Name of the stand.
        clock: Returns the time in UTC.
    """

    def __init__(self, stand: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.stand, self._clock = stand, clock
        self._lock = threading.Lock()
        self._listeners: list[Subscription] = []
        self._people = 0
        self._impression: int | None = None
        self._interested = 0
        self._customers: set[int] = set()

    def listen(self, wake: Callable[[], None], kinds: Collection[str] = KINDS, capacity: int = 1_000) -> Subscription:
        """Add a listener from now on."""
        subscription = Subscription(kinds, capacity, wake)
        with self._lock:
            self._listeners.append(subscription)
        return subscription

    def leave(self, subscription: Subscription) -> None:
        """Remove a listener."""
        with self._lock:
            self._listeners.remove(subscription)

    def take(self, state: State) -> None:
        """Send what is new in a state; never waits."""
        showing = state.showing
        impression = showing.impression if showing else None
        found: list[tuple[Kind, Person | None]] = []
        if len(state.faces) != self._people:
            found.append(("audience_changed", None))
        if impression != self._impression:
            self._interested = 0
            found.append(("content_shown", None))
        interested = len(showing.interested) if showing else 0
        found += [("interest_seen", None)] * (interested - self._interested)
        found += [
            ("customer_present", state.customers[number]) for number in sorted(set(state.customers) - self._customers)
        ]
        self._people, self._impression, self._interested = len(state.faces), impression, interested
        # who is found again in a track is no news; numbers of tracks are not used twice
        self._customers = (self._customers & {face.number for face in state.faces}) | set(state.customers)
        for kind, customer in found:
            self._tell(kind, state, customer)

    def _tell(self, kind: Kind, state: State, customer: Person | None) -> None:
        with self._lock:
            listeners = list(self._listeners)
        if listeners:
            message = message_of(kind, self.stand, self._clock(), state, customer)
            for each in listeners:
                each.put(message)


def message_of(kind: Kind, stand: str, at: datetime, state: State, customer: Person | None = None) -> Message:
    """Make a message about a state."""
    content = state.showing.decision.content if state.showing else None
    attending = sum(face.reaction.attending for face in state.faces)
    name, campaign = (content.id, content.campaign) if content else (None, None)
    return Message(kind, stand, at, len(state.faces), attending, name, campaign, customer)
