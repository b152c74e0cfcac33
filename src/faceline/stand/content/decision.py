"""The input and the output of the policy."""

from dataclasses import dataclass, field

from faceline.stand.clock import Moment
from faceline.stand.content.airtime import UNSOLD, Charge
from faceline.stand.content.catalogue import Content
from faceline.stand.events.event import Arm, DecisionMade, new_id


@dataclass(frozen=True)
class Recognised:
    """An enrolled person who is present.

    Attributes:
        person: Id in the enrolment; it goes into no event.
        visit: Number of their visit.
        group: Group that they chose; None if they chose none.
    """

    person: str
    visit: int
    group: str | None = None


@dataclass(frozen=True)
class Context:
    """The input of a decision.

    Attributes:
        moment: Current moment.
        session: Number of the session; None if nobody watches.
        people: Number of people who are present.
        recognised: Enrolled people among them who are recognised and valid today.
        interest: Content on the screen and visit, if interest was just seen.
    """

    moment: Moment
    session: int | None = None
    people: int = 0
    recognised: tuple[Recognised, ...] = ()
    interest: tuple[str, int] | None = None


@dataclass(frozen=True)
class Decision:
    """A content to show, and the reason.

    Attributes:
        content: Content to show now.
        arm: Arm of the session; None if nobody watches.
        session: Number of the session, as in the context.
        charge: How its airtime is booked.
        reason: ``nobody there``, ``standard loop``, ``follow-up``, ``loyal``, ``bandit`` or ``only choice``.
        probability: Probability of this choice among the possible contents, given the arm.
        people: Number of people, as in the context.
        moment: Moment, as in the context.
        features: Features that the bandit saw, kept for the reward.
        greeted: Person that the content greets, if the reason is ``loyal``.
        answers: Content and visit of the answered interest, if the reason is ``follow-up``.
        among: Contents that the bandit chose among.
        id: Number of the decision.
    """

    content: Content
    arm: Arm | None
    session: int | None
    reason: str
    probability: float
    people: int
    moment: Moment
    features: tuple[float, ...] = ()
    greeted: Recognised | None = None
    answers: tuple[str, int] | None = None
    among: tuple[Content, ...] = ()
    charge: Charge = field(default_factory=lambda: Charge(None, UNSOLD, {}))
    id: int = field(default_factory=new_id)

    def event(self, stand: str) -> DecisionMade:
        """Return the decision as an event."""
        return DecisionMade(
            stand=stand,
            at=self.moment.utc,
            decision=self.id,
            session=self.session,
            arm=self.arm,
            content=self.content.id,
            campaign=self.content.campaign,
            reason=self.reason,
            probability=self.probability,
            people=self.people,
        )
