"""What a stand writes down: anonymous events, each a few numbers, none about a face.

A *visit* is one person before the stand, from coming to going, under a random number that is never used again. A
*session* is one audience. It begins when somebody comes before a screen that nobody watched, or when the last one grew
too long (see `faceline.stand.audience.sessions`). It has one arm, since those who stand together see the same screen.
An *impression* is one showing of one content. An event names neither a person nor a template.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar, Literal

Arm = Literal["adaptive", "control"]
"""Whether a session sees what the policy chooses, or the standard loop."""

ReactionKind = Literal["smile", "mouth_open", "eyes_closed", "brow_raise"]
"""What a face does, measured against its own neutral shape."""


def new_id() -> int:
    """A random number of 63 bits, from the system's source of secrets.

    To a browser it goes as text: JavaScript's numbers end at 53 bits.
    """
    return secrets.randbits(63)


def offer_id(impression: int) -> int:
    """The number of the event that the offer of an impression was taken: always the same, so that it is there once."""
    digest = hashlib.blake2b(f"offer of {impression}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened at a stand.

    Attributes:
        stand: Name of the stand.
        at: When, in UTC.
        id: Of this event.
    """

    kind: ClassVar[str]

    stand: str
    at: datetime
    id: int = field(default_factory=new_id)

    def __post_init__(self) -> None:
        if self.at.utcoffset() is None or self.at.tzinfo is not UTC:
            raise ValueError(f"expected a time in UTC, got {self.at!r}")


@dataclass(frozen=True, kw_only=True)
class VisitorAppeared(Event):
    """Somebody came before the stand.

    Attributes:
        session: The audience they joined.
        arm: Of that session.
        visit: Random number of this visit.
        continued: The same person was there under another number: their session grew too long and was followed by
            the next. Not a new passer-by.
    """

    kind = "visitor_appeared"

    session: int
    arm: Arm
    visit: int
    continued: bool = False


@dataclass(frozen=True, kw_only=True)
class VisitorLeft(Event):
    """Somebody went.

    Attributes:
        session: As in `VisitorAppeared`.
        arm: As in `VisitorAppeared`.
        visit: As in `VisitorAppeared`.
        seconds: How long they were there (dwell), by the steady clock.
    """

    kind = "visitor_left"

    session: int
    arm: Arm
    visit: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class DecisionMade(Event):
    """The policy chose a content.

    Attributes:
        decision: Number of the decision.
        session: The audience; None where nobody watched.
        arm: Of the session; None where nobody watched.
        content: What was chosen.
        campaign: Of the content.
        reason: The rule that chose, or ``bandit``.
        probability: With which this content was chosen among those that might have been, given the arm.
        people: How many stood there.
    """

    kind = "decision_made"

    decision: int
    session: int | None
    arm: Arm | None
    content: str
    campaign: str
    reason: str
    probability: float
    people: int


@dataclass(frozen=True, kw_only=True)
class _OnScreen(Event):
    """An event of one impression.

    Attributes:
        impression: Number of the impression.
        session: The audience; None where nobody watched.
        arm: Of the session; None where nobody watched.
        content: What was shown.
        campaign: Of the content.
    """

    impression: int
    session: int | None
    arm: Arm | None
    content: str
    campaign: str


@dataclass(frozen=True, kw_only=True)
class ImpressionStarted(_OnScreen):
    """A content came on the screen; ``decision`` is the one that chose it."""

    kind = "impression_started"

    decision: int


@dataclass(frozen=True, kw_only=True)
class ImpressionEnded(_OnScreen):
    """A content left the screen after some ``seconds``."""

    kind = "impression_ended"

    seconds: float


@dataclass(frozen=True, kw_only=True)
class _OfVisit(_OnScreen):
    """What one visitor did while a content was shown; ``visit`` is theirs."""

    visit: int


@dataclass(frozen=True, kw_only=True)
class AttentionHeld(_OfVisit):
    """A visitor's head was turned to the screen for some ``seconds`` of the impression; one event for each of both."""

    kind = "attention_held"

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Reacted(_OfVisit):
    """A visitor's face moved.

    Attributes:
        reaction: What it did.
        strength: Largest change from the visitor's own neutral shape, in the unit of that measure.
    """

    kind = "reacted"

    reaction: ReactionKind
    strength: float


@dataclass(frozen=True, kw_only=True)
class InterestSeen(_OfVisit):
    """A visitor's attention held, with a positive change."""

    kind = "interest_seen"


@dataclass(frozen=True, kw_only=True)
class FollowUpShown(_OfVisit):
    """Interest in ``content`` was answered by another content.

    Attributes:
        follow_up: The content that answered; ``impression`` is that of the first content.
    """

    kind = "follow_up_shown"

    follow_up: str


@dataclass(frozen=True, kw_only=True)
class LoyalGreeted(_OfVisit):
    """An enrolled visitor was greeted with a content of theirs. Who they are is not written down."""

    kind = "loyal_greeted"


@dataclass(frozen=True, kw_only=True)
class OfferTaken(_OnScreen):
    """The offer of a content was taken; ``visit`` is that of the visitor where it is known."""

    kind = "offer_taken"

    visit: int | None = None


@dataclass(frozen=True, kw_only=True)
class LoggingPaused(Event):
    """The store could not be written for some ``seconds``, and ``lost`` events did not fit into memory meanwhile."""

    kind = "logging_paused"

    seconds: float
    lost: int


EVENTS: tuple[type[Event], ...] = (
    VisitorAppeared,
    VisitorLeft,
    DecisionMade,
    ImpressionStarted,
    ImpressionEnded,
    AttentionHeld,
    Reacted,
    InterestSeen,
    FollowUpShown,
    LoyalGreeted,
    OfferTaken,
    LoggingPaused,
)
"""All kinds of events."""
