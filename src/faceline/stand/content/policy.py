"""Which content comes next: rules first, then a bandit that learns what holds attention.

Nothing about looks is asked: what the bandit sees of an audience is how many they are, when, and what they saw.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from faceline.errors import InputError, first_line
from faceline.files import write_whole
from faceline.stand.clock import Moment
from faceline.stand.content.bandit import ThompsonSampling
from faceline.stand.content.caps import CapCounter
from faceline.stand.content.catalogue import ANYONE, LOYAL, Catalogue, Content, time_zone
from faceline.stand.events.event import Arm, DecisionMade, new_id

FEATURES: Final = ("one", "alone", "three or more", "before 11", "after 17", "weekend", "seen before")
"""What the bandit knows of a situation, each 0 or 1; hours and days are those of the stand's time zone."""


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
        reason: ``nobody there``, ``standard loop``, ``follow-up``, ``loyal``, ``bandit``, ``only choice`` or
            ``nothing else allowed``.
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
    when interest is seen; show at once what it answers. The rules, in their order:

    1. Nobody there, or a session of the control arm: the next content of the standard loop.
    2. Interest in a content that has a follow-up: the follow-up, once a session.
    3. Somebody recognised for whom there is a content: the bandit's choice among those.
    4. Else the bandit's choice among the contents for anyone.

    Dates, quiet hours and caps hold in all of them. Where nothing is left, the standard loop goes on.

    Args:
        catalogue: What can be shown.
        stand: Name of the stand.
        control_share: Share of the sessions that see the standard loop, whoever is there.
        zone: Name of the stand's time zone.
        state: File in which what was learned survives a restart; None keeps it in memory.
        seed: Of the draws; None takes one from the system.
        draws: How often the posterior is drawn to tell the probability of a choice.

    Raises:
        InputError: The state is not one of this program, or there is no such time zone.
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
        self.catalogue, self.stand, self.control_share, self.state = catalogue, stand, control_share, state
        self.zone = time_zone(zone)
        self.bandit = ThompsonSampling(len(FEATURES), seed, draws)
        self._caps = CapCounter()
        self._place = 0  # in the loop
        self._answered: set[tuple[int, str]] = set()  # session and content whose interest was answered
        if state is not None and state.exists():
            self._restore(state)

    def arm(self, session: int) -> Arm:
        """The arm of a session: always the same for the same session."""
        digest = hashlib.blake2b(f"{self.stand}/{session}".encode(), digest_size=8).digest()
        return "control" if int.from_bytes(digest, "big") < self.control_share * 2**64 else "adaptive"

    def decide(self, context: Context) -> Decision:
        """What to show now. The answer counts as shown (caps, place in the loop)."""
        arm = None if context.session is None else self.arm(context.session)
        local = context.moment.utc.astimezone(self.zone)
        decision = None
        if arm == "adaptive":
            decision = self._follow_up(context, local) or self._loyal(context, local) or self._among_all(context, local)
        decision = decision or self._loop(context, arm, local)
        person = decision.greeted.person if decision.greeted else None
        self._caps.count(decision.content, context.moment, context.session, local.date(), person)
        return decision

    def reward(self, decision: Decision, attention: float) -> None:
        """Tell what a decision was worth; those of both arms are learned from.

        Args:
            decision: Whose content has left the screen.
            attention: Share of the time of the impression that its visitors attended to it, the mean over visitors
                (0 to 1).

        Raises:
            ValueError: The attention is no such share.
        """
        if not 0 <= attention <= 1:
            raise ValueError(f"expected a share from 0 to 1, got {attention}")
        if decision.session is not None:
            self.bandit.learn(decision.content.id, np.array(decision.features), attention)

    def save(self) -> None:
        """Write the state, all or nothing; call it now and then, and at the end.

        Raises:
            OSError: The disk does not take it; the old state is still there.
        """
        if self.state is None:
            return
        told = {"features": FEATURES, "place": self._place, "contents": self.bandit.state()}
        with write_whole(self.state) as partial:
            partial.write_text(json.dumps(told), encoding="utf-8")

    def _restore(self, file: Path) -> None:
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            if told["features"] != list(FEATURES):
                raise ValueError(f"expected the features {', '.join(FEATURES)}")
            self.bandit.restore(told["contents"])
            self._place = int(told["place"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"not what a policy learned ({first_line(error)}); move it away to learn anew", file=file
            ) from None

    def _follow_up(self, context: Context, local: datetime) -> Decision | None:
        if context.interest is None or context.session is None:
            return None
        shown, _ = context.interest
        content = self.catalogue.by_id[shown]
        if content.follow_up is None or (context.session, shown) in self._answered:
            return None
        answer = self.catalogue.by_id[content.follow_up]
        if not self._free(answer, context, local):
            return None
        self._answered = {pair for pair in self._answered if pair[0] == context.session} | {(context.session, shown)}
        return self._decision(context, "adaptive", local, answer, "follow-up", answers=context.interest)

    def _loyal(self, context: Context, local: datetime) -> Decision | None:
        """A content for one of those who are recognised; the bandit chooses among all that fit one of them."""
        for known in context.recognised:
            names = (LOYAL, f"group:{known.group}")
            contents = [
                content
                for content in self.catalogue.contents
                if content.audience in names and self._free(content, context, local, known.person)
            ]
            if contents:
                content, probability = self._choose(contents, context, local)
                return self._decision(
                    context, "adaptive", local, content, "loyal", probability=probability, greeted=known
                )
        return None

    def _among_all(self, context: Context, local: datetime) -> Decision | None:
        contents = [
            content
            for content in self.catalogue.contents
            if content.audience == ANYONE
            and content.id not in self.catalogue.follow_ups
            and self._free(content, context, local)
        ]
        if not contents:
            return None
        content, probability = self._choose(contents, context, local)
        reason = "bandit" if len(contents) > 1 else "only choice"
        return self._decision(context, "adaptive", local, content, reason, probability=probability)

    def _loop(self, context: Context, arm: Arm | None, local: datetime) -> Decision:
        """The next content of the loop that may be shown; one of them always may (`read_catalogue` sees to it)."""
        loop = self.catalogue.loop
        for step in range(len(loop)):
            content = self.catalogue.by_id[loop[(self._place + step) % len(loop)]]
            if self._free(content, context, local):
                self._place = (self._place + step + 1) % len(loop)
                reason = {None: "nobody there", "control": "standard loop", "adaptive": "nothing else allowed"}[arm]
                return self._decision(context, arm, local, content, reason)
        raise AssertionError("no content of the loop may always be shown")

    def _free(self, content: Content, context: Context, local: datetime, person: str | None = None) -> bool:
        return self.catalogue.allowed(content, local) and self._caps.free(
            content, context.moment, context.session, local.date(), person
        )

    def _choose(self, contents: Sequence[Content], context: Context, local: datetime) -> tuple[Content, float]:
        situations = np.stack([self._features(content, context, local) for content in contents])
        choice, probability = self.bandit.choose([content.id for content in contents], situations)
        return contents[choice], probability

    def _features(self, content: Content, context: Context, local: datetime) -> np.ndarray:
        return np.array(
            (
                1,
                context.people == 1,
                context.people >= 3,
                local.hour < 11,
                local.hour >= 17,
                local.weekday() >= 5,
                self._caps.seen(content.id, context.session) > 0,
            ),
            dtype=np.float64,
        )

    def _decision(
        self, context: Context, arm: Arm | None, local: datetime, content: Content, reason: str, **more: Any
    ) -> Decision:
        return Decision(
            content=content,
            arm=arm,
            session=context.session,
            reason=reason,
            people=context.people,
            moment=context.moment,
            features=tuple(self._features(content, context, local).tolist()),
            **{"probability": 1.0, **more},
        )
