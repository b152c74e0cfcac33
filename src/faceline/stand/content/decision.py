"""What the policy is asked, and what it answers."""

from dataclasses import dataclass, field

from faceline.stand.clock import Moment
from faceline.stand.content.airtime import UNSOLD, Charge
from faceline.stand.content.catalogue import Content
from faceline.stand.events.event import Arm, DecisionMade, new_id


@dataclass(frozen=True)
class Recognised:
    """An enrolled person who stands there.

    Attributes:
        person: Their id in the enrolment; goes into no event.
        visit: Their visit.
        group: The group they chose; None where they chose none.
    """

    person: str
    visit: int
    group: str | None = None


@dataclass(frozen=True)
class Context:
    """What the policy knows when it decides.

    Attributes:
        moment: Now.
        session: The audience; None where nobody watches.
        people: How many stand there.
        recognised: Those of them who are enrolled, valid today and recognised.
        interest: The content on the screen, if interest in it was just seen, with the visit whose interest it is.
    """

    moment: Moment
    session: int | None = None
    people: int = 0
    recognised: tuple[Recognised, ...] = ()
    interest: tuple[str, int] | None = None


@dataclass(frozen=True)
class Decision:
    """What is to be shown, and why.

    Attributes:
        content: To be shown now.
        arm: Of the session; None where nobody watches.
        session: As in the context.
        charge: How its airtime is booked.
        reason: ``nobody there``, ``standard loop``, ``follow-up``, ``loyal``, ``bandit`` or ``only choice``.
        probability: With which this content was chosen among those that might have been, given the arm.
        people: As in the context.
        moment: As in the context.
        features: What the bandit saw; kept for the reward.
        greeted: Whom the content greets, where the reason is ``loyal``.
        answers: Content and visit whose interest is answered, where the reason is ``follow-up``.
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
        """The decision as it is written down."""
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
