"""Which content comes next: rules first, then a bandit that learns what holds attention."""

from dataclasses import dataclass, field
from pathlib import Path

from faceline.campaign.catalogue import Catalogue, Content
from faceline.campaign.clock import Moment
from faceline.campaign.events import Arm, DecisionMade, new_id


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
        reason: ``nobody there``, ``standard loop``, ``follow-up``, ``loyal``, ``bandit`` or ``only choice``.
        probability: With which this content was chosen among those that might have been, given the arm.
        people: As in the context.
        moment: As in the context.
        features: What the bandit saw; kept for the reward.
        greeted: Whom the content greets, where the reason is ``loyal``.
        answers: Content and visit whose interest is answered, where the reason is ``follow-up``.
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


class Policy:
    """Chooses contents for one stand, and learns.

    Ask it when a content has been on the screen for its time, when a session begins, when somebody is recognised, and
    when interest is seen; show at once what it answers.

    Args:
        catalogue: What can be shown.
        stand: Name of the stand.
        control_share: Share of the sessions that see the standard loop, whoever is there.
        zone: Name of the stand's time zone.
        state: File in which what was learned survives a restart; None keeps it in memory.
        seed: Of the draws; None takes one from the system.
        draws: How often the posterior is drawn to tell the probability of a choice.

    Raises:
        InputError: The state was written by another program.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        stand: str,
        control_share: float = 0.2,
        zone: str = "UTC",
        state: Path | None = None,
        seed: int | None = None,
        draws: int = 1000,
    ) -> None:
        self.catalogue = catalogue
        raise NotImplementedError

    def arm(self, session: int) -> Arm:
        """The arm of a session: always the same for the same session."""
        raise NotImplementedError

    def decide(self, context: Context) -> Decision:
        """What to show now. The answer counts as shown (caps, place in the loop)."""
        raise NotImplementedError

    def reward(self, decision: Decision, attention: float) -> None:
        """Tell what a decision was worth.

        Args:
            decision: Whose content has left the screen.
            attention: Share of the time of the impression that its visitors attended to it, the mean over visitors
                (0 to 1).
        """
        raise NotImplementedError

    def save(self) -> None:
        """Write the state, all or nothing; call it now and then, and at the end."""
        raise NotImplementedError
