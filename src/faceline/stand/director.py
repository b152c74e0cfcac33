"""Runs the screen: follows who comes and goes, shows contents, measures reactions, and records events."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from faceline.errors import InputError
from faceline.stand.audience.perception import Departure, Face, Sight
from faceline.stand.audience.reactions import Reaction, ReactionSettings
from faceline.stand.audience.sessions import Sessions
from faceline.stand.clock import Moment
from faceline.stand.consent.people import Person
from faceline.stand.content.catalogue import Catalogue
from faceline.stand.content.decision import Context, Decision, Recognised
from faceline.stand.content.policy import Policy
from faceline.stand.events.event import (
    Arm,
    AttentionHeld,
    Event,
    FollowUpShown,
    ImpressionEnded,
    ImpressionStarted,
    InterestSeen,
    LoyalGreeted,
    OfferTaken,
    Reacted,
    ReactionKind,
    VisitorAppeared,
    VisitorLeft,
    new_id,
    offer_id,
)

Known = Mapping[int, tuple[str, Person]]
"""Id and wishes of enrolled people by track number."""

_OFFERS_KEPT: Final = 20
_TAKEN_KEPT: Final = 1_000


@dataclass(eq=False)
class Visitor:
    """One visit.

    Attributes:
        visit: Number of the visit in events.
        since: Time when it began, in seconds of the steady clock.
    """

    visit: int
    since: float


@dataclass(eq=False)
class Showing:
    """What is on the screen now.

    Attributes:
        decision: The decision behind it.
        since: Moment when it appeared.
        impression: Number of the impression in events.
        greeting: Name of the greeted person; None without one.
        attention: Seconds that each visit attended to it.
        strongest: Strongest reaction of each visit, by kind.
        interested: Visits that showed interest.
    """

    decision: Decision
    since: Moment
    impression: int = field(default_factory=new_id)
    greeting: str | None = None
    attention: dict[int, float] = field(default_factory=dict)
    strongest: dict[tuple[int, ReactionKind], float] = field(default_factory=dict)
    interested: set[int] = field(default_factory=set)


class Director:
    """Decides when to ask the policy, and records everything in the store.

    Args:
        policy: Policy that chooses contents.
        sessions: Numbers the sessions.
        reactions: Settings that say when a reaction counts.
        append: Receives the events.
    """

    def __init__(
        self, policy: Policy, sessions: Sessions, reactions: ReactionSettings, append: Callable[..., None]
    ) -> None:
        self.policy, self._sessions, self._reactions, self._append = policy, sessions, reactions, append
        self.stand = policy.stand
        self.session: int | None = None
        self.visitors: dict[int, Visitor] = {}
        self.showing: Showing | None = None
        self.offers: deque[Showing] = deque(maxlen=_OFFERS_KEPT)
        self.catalogues = 1  # used so far
        self._taken: deque[int] = deque(maxlen=_TAKEN_KEPT)  # decisions whose offers were taken just now
        self._met: set[str] = set()  # who was recognised in this session
        self._outdated = False  # whether what is shown is not as the catalogue has it now

    @property
    def arm(self) -> Arm | None:
        """Arm of the current session."""
        return None if self.session is None else self.policy.arm(self.session)

    def update(self, sight: Sight, known: Known) -> Showing:
        """Process a sight and return what is on the screen.

        Args:
            sight: The newest sight; it must be later than the one before.
            known: Recognised people by track number.
        """
        moment = sight.moment
        while self._taken:
            self.policy.offer_taken(self._taken.popleft())
        self._depart(sight.gone, moment)
        session = self._sessions.update(bool(sight.present), moment)
        begun = session is not None and session != self.session
        if session != self.session:
            self._change_session(session, moment)
        for face in sight.faces:
            self._arrive(face, moment)
        interest = self._watch(sight.faces, moment)
        recognised = self._recognised(known)
        new_people = {each.person for each in recognised} - self._met
        self._met |= new_people
        context = Context(moment, session, len(sight.present), recognised, interest)
        adaptive = self.arm == "adaptive"
        over = self.showing is None or self._outdated or self._over(moment) or self._taken_back(known)
        if over or begun or (adaptive and (new_people or interest)):
            self._show(self.policy.decide(context), known, moment)
        assert self.showing is not None
        return self.showing

    def use(self, catalogue: Catalogue) -> None:
        """Use another catalogue from now on; a content that is missing or different in it ends now."""
        self.policy.use(catalogue)
        self.catalogues += 1
        shown = self.showing.decision.content if self.showing else None
        self._outdated = shown is not None and catalogue.by_id.get(shown.id) != shown

    def take_offer(self, impression: int, moment: Moment) -> None:
        """Record that the offer of a recent impression was taken.

        Raises:
            InputError: The impression has no known offer.
        """
        for showing in list(self.offers):
            if showing.impression == impression:
                decision = showing.decision
                visit = decision.greeted.visit if decision.greeted else decision.answers and decision.answers[1]
                self._append(OfferTaken(**self._on_screen(showing, moment), id=offer_id(impression), visit=visit))
                self.offers.remove(showing)
                self.offer_was_taken(decision.id)
                return
        raise InputError("this offer is not among the last ones any more, or was taken already")

    def offer_was_taken(self, decision: int) -> None:
        """Let the policy learn about a taken offer with the next sight; any thread may call this."""
        self._taken.append(decision)

    def close(self, moment: Moment) -> None:
        """End the current impression and visits before the stand stops."""
        if self.showing is not None:
            self._end(self.showing, moment)
            self.showing = None
        self._depart([Departure(number, moment.steady) for number in self.visitors], moment)

    def _arrive(self, face: Face, moment: Moment, continued: bool = False) -> None:
        if face.number in self.visitors or self.session is None:
            return
        visitor = self.visitors[face.number] = Visitor(new_id(), face.arrived)
        self._appear(visitor, moment, continued)

    def _appear(self, visitor: Visitor, moment: Moment, continued: bool) -> None:
        assert self.session is not None
        self._append(
            VisitorAppeared(
                stand=self.stand,
                at=moment.utc,
                session=self.session,
                arm=self.policy.arm(self.session),
                visit=visitor.visit,
                continued=continued,
            )
        )

    def _depart(self, gone: Sequence[Departure], moment: Moment) -> None:
        for departure in gone:
            visitor = self.visitors.pop(departure.number, None)
            if visitor is not None and self.session is not None:
                self._leave(visitor, departure.last, moment)

    def _leave(self, visitor: Visitor, last: float, moment: Moment) -> None:
        assert self.session is not None
        self._append(
            VisitorLeft(
                stand=self.stand,
                at=moment.utc,
                session=self.session,
                arm=self.policy.arm(self.session),
                visit=visitor.visit,
                seconds=max(last - visitor.since, 0.0),
            )
        )

    def _change_session(self, session: int | None, moment: Moment) -> None:
        """Begin or end a session; people who stay continue as new visits."""
        if self.session is not None:
            for visitor in self.visitors.values():
                self._leave(visitor, moment.steady, moment)
        self.session, self._met = session, set()
        if session is None:
            self.visitors.clear()
        for number in self.visitors:
            visitor = self.visitors[number] = Visitor(new_id(), moment.steady)
            self._appear(visitor, moment, continued=True)

    def _watch(self, faces: Sequence[Face], moment: Moment) -> tuple[str, int] | None:
        """Record reactions to the content; return content and visit of an interest to answer, if any."""
        showing, answer = self.showing, None
        if showing is None or showing.decision.session != self.session:
            return None
        for face in faces:
            visitor, reaction = self.visitors.get(face.number), face.reaction
            if visitor is None:
                continue
            attended = showing.attention.get(visitor.visit, 0.0)
            showing.attention[visitor.visit] = max(attended, reaction.content_attention)
            for kind, strength in self._strengths(reaction).items():
                key = visitor.visit, kind
                showing.strongest[key] = max(strength, showing.strongest.get(key, 0.0))
            if reaction.interested and visitor.visit not in showing.interested:
                showing.interested.add(visitor.visit)
                self._append(InterestSeen(**self._on_screen(showing, moment), visit=visitor.visit))
                if showing.decision.content.follow_up is not None:
                    answer = showing.decision.content.id, visitor.visit
        return answer

    def _strengths(self, reaction: Reaction) -> dict[ReactionKind, float]:
        """Return the reactions that count."""
        limits, found = self._reactions, {}
        strengths: dict[ReactionKind, tuple[float, float]] = {
            "smile": (reaction.smile, limits.smile),
            "mouth_open": (reaction.mouth_open, limits.mouth_open),
            "brow_raise": (reaction.brow_raise, limits.brow_raise),
        }
        for kind, (strength, limit) in strengths.items():
            if strength >= limit:
                found[kind] = strength
        if reaction.group == "eyes closed":
            found["eyes_closed"] = 1 - reaction.eye_opening
        return found

    def _recognised(self, known: Known) -> tuple[Recognised, ...]:
        return tuple(
            Recognised(known[number][0], visitor.visit, known[number][1].group)
            for number, visitor in self.visitors.items()
            if number in known
        )

    def _over(self, moment: Moment) -> bool:
        showing = self.showing
        return showing is not None and moment.since(showing.since) >= showing.decision.content.seconds

    def _taken_back(self, known: Known) -> bool:
        """Tell whether somebody is greeted who is not recognised any more: who left, withdrew, or may be a photo."""
        greeted = None if self.showing is None else self.showing.decision.greeted
        return greeted is not None and greeted.person not in {person for person, _ in known.values()}

    def _show(self, decision: Decision, known: Known, moment: Moment) -> None:
        before = self.showing
        if before is not None:
            self._end(before, moment)
        showing = Showing(decision, moment)
        self._append(decision.event(self.stand))
        self._append(ImpressionStarted(**self._on_screen(showing, moment), decision=decision.id))
        if decision.greeted is not None:
            people = dict(known.values())
            showing.greeting = people[decision.greeted.person].greeting
            self._append(LoyalGreeted(**self._on_screen(showing, moment), visit=decision.greeted.visit))
        if decision.answers is not None and before is not None:
            visit, follow_up = decision.answers[1], decision.content.id
            self._append(FollowUpShown(**self._on_screen(before, moment), visit=visit, follow_up=follow_up))
        if decision.content.offer is not None and decision.session is not None:
            self.offers.append(showing)
        self.showing, self._outdated = showing, False

    def _end(self, showing: Showing, moment: Moment) -> None:
        """Record the result of an impression, and let the policy learn from it."""
        seconds = moment.since(showing.since)
        place = self._on_screen(showing, moment)
        events: list[Event] = [
            AttentionHeld(**place, visit=visit, seconds=attended)
            for visit, attended in showing.attention.items()
            if attended > 0
        ]
        events += [
            Reacted(**place, visit=visit, reaction=kind, strength=strength)
            for (visit, kind), strength in showing.strongest.items()
        ]
        self._append(*events, ImpressionEnded(**place, seconds=seconds))
        self.policy.ended(showing.decision, seconds)
        if showing.attention and seconds > 0:
            shares = [min(attended / seconds, 1.0) for attended in showing.attention.values()]
            self.policy.reward(showing.decision, sum(shares) / len(shares))

    def _on_screen(self, showing: Showing, moment: Moment) -> dict[str, Any]:
        """Return what every event of an impression contains."""
        decision = showing.decision
        return {
            "stand": self.stand,
            "at": moment.utc,
            "impression": showing.impression,
            "session": decision.session,
            "arm": decision.arm,
            "content": decision.content.id,
            "campaign": decision.content.campaign,
        }
