"""The anonymous events that a stand records, each a few numbers, none about a face.

A *visit* is one person before the stand, from coming to going, with a random number that is never used again. A
*session* is one audience. It begins when somebody comes to an empty screen, or when the last session grew too long (see
`faceline.stand.audience.sessions`). It has one arm, because people who stand together see the same screen. An
*impression* is one showing of one content. No event names a person or a template.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar, Literal

Arm = Literal["adaptive", "control"]
"""Whether a session sees the policy's choices or the standard loop."""

ReactionKind = Literal["smile", "mouth_open", "eyes_closed", "brow_raise"]
"""What a face does, compared with its own neutral shape."""


def new_id() -> int:
    """Return a random number of 63 bits from the system's source of secrets.

    Browsers get it as text, because JavaScript's numbers have 53 bits.
    """
    return secrets.randbits(63)


def offer_id(impression: int) -> int:
    """Return the event number for the taken offer of an impression; it never changes, so the event exists once."""
    digest = hashlib.blake2b(f"offer of {impression}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event at a stand.

    Attributes:
        stand: Name of the stand.
        at: Time in UTC.
        id: Number of this event.
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
    """A person came before the stand.

    Attributes:
        session: Number of their session.
        arm: Arm of that session.
        visit: Random number of this visit.
        continued: Whether the same person was there under another number before: their session grew too long and the
            next one began. They are no new passer-by.
    """

    kind = "visitor_appeared"

    session: int
    arm: Arm
    visit: int
    continued: bool = False


@dataclass(frozen=True, kw_only=True)
class VisitorLeft(Event):
    """A person left.

    Attributes:
        session: Number of their session.
        arm: Arm of that session.
        visit: Random number of this visit.
        seconds: Seconds that they stayed (dwell time), by the steady clock.
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
        session: Number of the session; None if nobody watched.
        arm: Arm of the session; None if nobody watched.
        content: Id of the chosen content.
        campaign: Id of its campaign.
        reason: The rule that chose, or ``bandit``.
        probability: Probability of this choice among the possible contents, given the arm.
        people: Number of people who were there.
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
        session: Number of the session; None if nobody watched.
        arm: Arm of the session; None if nobody watched.
        content: Id of the shown content.
        campaign: Id of its campaign.
    """

    impression: int
    session: int | None
    arm: Arm | None
    content: str
    campaign: str


@dataclass(frozen=True, kw_only=True)
class ImpressionStarted(_OnScreen):
    """A content appeared on the screen because of ``decision``."""

    kind = "impression_started"

    decision: int


@dataclass(frozen=True, kw_only=True)
class ImpressionEnded(_OnScreen):
    """A content left the screen after some ``seconds``."""

    kind = "impression_ended"

    seconds: float


@dataclass(frozen=True, kw_only=True)
class _OfVisit(_OnScreen):
    """An action of one visitor while a content was shown; ``visit`` is the visitor's."""

    visit: int


@dataclass(frozen=True, kw_only=True)
class AttentionHeld(_OfVisit):
    """A visitor looked towards the screen for some ``seconds`` of the impression; one event for each pair of both."""

    kind = "attention_held"

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Reacted(_OfVisit):
    """A visitor's face moved.

    Attributes:
        reaction: Kind of the reaction.
        strength: Largest change from the visitor's own neutral shape, in the unit of that measure.
    """

    kind = "reacted"

    reaction: ReactionKind
    strength: float


@dataclass(frozen=True, kw_only=True)
class InterestSeen(_OfVisit):
    """A visitor showed interest: attention held, together with a positive change."""

    kind = "interest_seen"


@dataclass(frozen=True, kw_only=True)
class FollowUpShown(_OfVisit):
    """Another content answered interest in ``content``.

    Attributes:
        follow_up: Id of the answering content; ``impression`` belongs to the first content.
    """

    kind = "follow_up_shown"

    follow_up: str


@dataclass(frozen=True, kw_only=True)
class LoyalGreeted(_OfVisit):
    """An enrolled visitor was greeted with a content of theirs; the event does not say who they are."""

    kind = "loyal_greeted"


@dataclass(frozen=True, kw_only=True)
class OfferTaken(_OnScreen):
    """The offer of a content was taken; ``visit`` is the visitor's, if known."""

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
