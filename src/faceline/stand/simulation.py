"""Simulates visitors with known preferences, to test whether the policy learns them and the report tells the truth."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np

from faceline.stand.clock import Moment
from faceline.stand.content.catalogue import ANYONE, Catalogue, Content
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
    VisitorAppeared,
    VisitorLeft,
    new_id,
)

_OPEN, _CLOSED = 10, 20  # hours
_CONCENTRATION: Final = 6.0
"""Concentration of the beta distribution of attention; its standard deviation is about 0.18."""

_LOOKS: Final = 0.7
"""Probability that a passer-by looks at all; it does not depend on what is shown."""

_SHORTEST, _WALKS = 1.0, 5.0
"""Seconds before the stand of people who walk on: shortest and mean."""

_STAYS: Final = 0.65
"""Probability that an audience watches one more content. It does not depend on the content, so the truth is exact."""


@dataclass(frozen=True)
class Audience:
    """People who come before the stand together, and how they will behave.

    Attributes:
        session: Number of their session.
        came: Time when they came.
        visits: Number of each visit.
        stays: Seconds after which each of them walks on without a look; infinite for those who look.
        contents: Number of contents that those who look stay for.
        loyal: Group of the first of them if enrolled, else None.
    """

    session: int
    came: Moment
    visits: tuple[int, ...]
    stays: tuple[float, ...]
    contents: int
    loyal: str | None

    def present(self, seconds: float) -> list[int]:
        """Return the positions of those who are still there after some seconds."""
        return [place for place, stays in enumerate(self.stays) if stays > seconds]


class World:
    """The preferences of all people, drawn once.

    Args:
        catalogue: Contents that can be shown.
        seed: Seed of the preferences.
    """

    def __init__(self, catalogue: Catalogue, seed: int) -> None:
        self.catalogue = catalogue
        rng = np.random.default_rng(seed)
        names = list(catalogue.by_id)
        self._base = dict(zip(names, rng.uniform(0.2, 0.6, len(names)), strict=True))
        self._alone, self._late = (dict(zip(names, rng.normal(0, 0.1, len(names)), strict=True)) for _ in range(2))

    def attention(self, content: Content, people: int, hour: int, seen: bool) -> float:
        """Return the expected share of its time that a visitor attends to a content."""
        mean = self._base[content.id] + self._alone[content.id] * (people == 1) + self._late[content.id] * (hour >= 17)
        mean += 0.15 * (content.audience != ANYONE or content.id in self.catalogue.follow_ups) - 0.15 * seen
        return float(np.clip(mean, 0.05, 0.95))

    def best(self, contents: Sequence[Content], people: int, hour: int, seen: set[str]) -> float:
        """Return the attention of the best of some contents."""
        return max(self.attention(content, people, hour, content.id in seen) for content in contents)


@dataclass
class Outcome:
    """What an audience did.

    Attributes:
        arm: Arm of its session.
        visitors: Number of visitors.
        attention: Seconds of attention, summed over visitors.
        expected: Expected attention for what was shown.
        regret: For each choice of the bandit, how much more attention the best possible content would have had.
        events: Events as the stand writes them.
    """

    arm: Arm
    visitors: int
    attention: float = 0.0
    expected: float = 0.0
    regret: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


def audiences(days: int, per_day: int, start: datetime, rng: np.random.Generator) -> Iterator[Audience]:
    """Yield audiences at random times of the opening hours."""
    begin = Moment(start, 0.0)
    for day in range(days):
        times = np.sort(rng.uniform(_OPEN * 3600, _CLOSED * 3600, per_day)) + 86_400 * day
        sizes = rng.choice([1, 2, 3, 4], per_day, p=[0.55, 0.27, 0.12, 0.06])
        lengths = rng.geometric(1 - _STAYS, per_day).clip(max=12)
        groups = rng.choice(["", "silver", "gold"], per_day, p=[0.9, 0.06, 0.04])
        for second, size, length, group in zip(times, sizes, lengths, groups, strict=True):
            session, *visits = map(int, rng.integers(2**63, size=1 + size))
            looks, walks = rng.random(size) < _LOOKS, _SHORTEST + rng.exponential(_WALKS - _SHORTEST, size)
            stays = tuple(np.where(looks, np.inf, walks).tolist())
            contents = int(length) if looks.any() else 1
            yield Audience(session, begin.later(float(second)), tuple(visits), stays, contents, str(group) or None)


def play(
    policy: Policy, audience: Audience, world: World, rng: np.random.Generator, *, learn: bool, write: bool = False
) -> Outcome:
    """Show an audience what a policy chooses.

    Args:
        policy: Policy that chooses contents.
        audience: Audience that watches.
        world: Preferences of the audience.
        rng: Random generator of their attention.
        learn: Whether the policy learns from the outcome.
        write: Whether to make events.
    """
    outcome = Outcome(policy.arm(audience.session), len(audience.visits))
    stage = _Stage(policy, audience, outcome, write)
    stage.come()
    moment, seen, interest = audience.came, set[str](), None
    person = Recognised(f"p{audience.visits[0]}", audience.visits[0], audience.loyal)
    for _ in range(audience.contents):
        here = audience.present(moment.since(audience.came))
        recognised = (person,) if audience.loyal and 0 in here else ()
        decision = policy.decide(Context(moment, audience.session, len(here), recognised, interest))
        content = decision.content
        hour = moment.utc.astimezone(policy.zone).hour
        mean = world.attention(content, len(here), hour, content.id in seen)
        if decision.reason == "bandit":
            outcome.regret.append(world.best(decision.among, len(here), hour, seen) - mean)
        looks = np.isinf(audience.stays)
        shares = looks * rng.beta(_CONCENTRATION * mean, _CONCENTRATION * (1 - mean), len(looks))
        outcome.attention += content.seconds * float(shares.sum())
        outcome.expected += content.seconds * mean * int(looks.sum())
        curious = rng.random(len(looks)) < 0.4 * shares
        interest = (content.id, audience.visits[int(curious.argmax())]) if curious.any() else None
        stage.show(decision, moment, shares, curious, rng)
        policy.ended(decision, content.seconds)
        if learn:
            policy.reward(decision, float(shares[here].mean()))
        seen.add(content.id)
        moment = moment.later(content.seconds)
    stage.leave(moment)
    return outcome


class _Stage:
    """Writes the events of one session."""

    def __init__(self, policy: Policy, audience: Audience, outcome: Outcome, write: bool) -> None:
        self.stand, self.audience, self.outcome, self.write = policy.stand, audience, outcome, write
        self.session: dict[str, Any] = {"stand": policy.stand, "session": audience.session, "arm": outcome.arm}
        self.shown: dict[str, int] = {}  # impression of each content

    def come(self) -> None:
        self._add(
            lambda: [
                VisitorAppeared(**self.session, at=self.audience.came.utc, visit=visit)
                for visit in self.audience.visits
            ]
        )

    def leave(self, moment: Moment) -> None:
        longest = moment.since(self.audience.came)
        seconds = [min(stays, longest) for stays in self.audience.stays]
        self._add(
            lambda: [
                VisitorLeft(**self.session, at=self.audience.came.later(dwell).utc, visit=visit, seconds=dwell)
                for visit, dwell in zip(self.audience.visits, seconds, strict=True)
            ]
        )

    def show(
        self, decision: Decision, moment: Moment, shares: np.ndarray, curious: np.ndarray, rng: np.random.Generator
    ) -> None:
        takes = rng.random() < 0.2  # drawn always, so that writing changes nothing
        smiles = rng.random(len(shares)) < 0.3 * shares
        self._add(lambda: self._showing(decision, moment, shares, curious, smiles, takes))

    def _showing(
        self,
        decision: Decision,
        moment: Moment,
        shares: np.ndarray,
        curious: np.ndarray,
        smiles: np.ndarray,
        takes: bool,
    ) -> list[Event]:
        content = decision.content
        ended = moment.later(content.seconds).utc
        impression = self.shown[content.id] = new_id()
        now: dict[str, Any] = {
            **self.session, "impression": impression, "content": content.id, "campaign": content.campaign
        }  # fmt: skip
        events: list[Event] = [
            decision.event(self.stand),
            ImpressionStarted(**now, at=moment.utc, decision=decision.id),
            ImpressionEnded(**now, at=ended, seconds=content.seconds),
        ]
        if decision.answers is not None:
            name, visit = decision.answers
            asked = {**now, "impression": self.shown[name], "content": name}
            events.append(FollowUpShown(**asked, at=moment.utc, visit=visit, follow_up=content.id))
        if decision.greeted is not None:
            events.append(LoyalGreeted(**now, at=moment.utc, visit=decision.greeted.visit))
        for visit, share, is_curious, smile in zip(self.audience.visits, shares, curious, smiles, strict=True):
            if not share:
                continue
            watched = {**now, "visit": visit, "at": ended}
            events.append(AttentionHeld(**watched, seconds=content.seconds * float(share)))
            if smile or is_curious:  # without a positive change there is no interest
                events.append(Reacted(**watched, reaction="smile", strength=0.2))
            if is_curious:
                events.append(InterestSeen(**watched))
        if content.offer is not None and takes:
            events.append(OfferTaken(**now, at=ended))
        return events

    def _add(self, events: Callable[[], list[Event]]) -> None:
        if self.write:
            self.outcome.events += events()
