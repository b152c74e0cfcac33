"""Chooses the next content: rules first, then the campaign whose turn it is, then a bandit that learns attention.

Looks play no part: the bandit sees how many people there are, the time, and what they have seen.
"""

import hashlib
import json
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from faceline.errors import InputError, first_line
from faceline.files import write_whole
from faceline.stand.content.airtime import Airtime, Charge
from faceline.stand.content.bandit import ThompsonSampling
from faceline.stand.content.caps import CapCounter
from faceline.stand.content.catalogue import ANYONE, LOYAL, Catalogue, Content, time_zone
from faceline.stand.content.decision import Context, Decision
from faceline.stand.events.event import Arm

FEATURES: Final = ("one", "alone", "three or more", "before 11", "after 17", "weekend", "seen before")
"""The features of a situation, each 0 or 1; hours and days are in the stand's time zone."""


_OFFERED_KEPT: Final = 5_000
_EARLY_KEPT: Final = 200


class Policy:
    """Chooses contents for one stand, and learns.

    Ask it when a content's time is over, a session begins, somebody is recognised, or interest is seen. Show its answer
    at once, and tell it when that has ended. The rules, in this order:

    1. Outside of the control arm, the follow-up of a content answers interest in it, once in a session.
    2. Outside of the control arm, a recognised person gets the bandit's choice among the contents for them.
    3. Otherwise it is the turn of one campaign, by the airtime that it bought (`faceline.stand.content.airtime`), or of
    the campaigns that use unsold airtime. The standard loop chooses their content if nobody is there or the session is
    in the control arm, and the bandit chooses in the adaptive arm.

    Dates, quiet hours, caps and budgets always hold. Follow-ups and greetings use their campaign's airtime; without any
    left they wait.

    Args:
        catalogue: Contents that can be shown.
        stand: Name of the stand.
        control_share: Share of the sessions that see the standard loop.
        zone: Name of the stand's time zone.
        state: File that keeps what was learned over a restart; None keeps it in memory.
        seed: Seed of the draws; None takes one from the system.
        draws: Number of draws that estimate the probability of a choice.
        offer_reward: Weight of a taken offer in the reward, from 0 to 1; the rest is attention.

    Raises:
        InputError: The state belongs to another program, or the time zone is unknown.
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
        offer_reward: float = 0.0,
    ) -> None:
        self.offer_reward = offer_reward
        self._offered: dict[int, tuple[Decision, float]] = {}  # what was learned of offers that may still be taken
        self._early: deque[int] = deque(maxlen=_EARLY_KEPT)  # decisions whose offer was taken while it was shown
        self.catalogue, self.stand, self.control_share, self.state = catalogue, stand, control_share, state
        self.zone = time_zone(zone)
        self.bandit = ThompsonSampling(len(FEATURES), seed, draws)
        self.airtime = Airtime(catalogue)
        self._caps = CapCounter()
        self._places: dict[str, int] = {}  # in the loop, of each account of airtime
        self._answered: set[tuple[int, str]] = set()  # session and content whose interest was answered
        if state is not None and state.exists():
            self._restore(state)

    def arm(self, session: int) -> Arm:
        """Return the arm of a session, which never changes."""
        digest = hashlib.blake2b(f"{self.stand}/{session}".encode(), digest_size=8).digest()
        return "control" if int.from_bytes(digest, "big") < self.control_share * 2**64 else "adaptive"

    def use(self, catalogue: Catalogue) -> None:
        """Use another catalogue from now on; what was learned about remaining contents is kept."""
        self.catalogue = self.airtime.catalogue = catalogue

    def decide(self, context: Context) -> Decision:
        """Return what to show now; the answer counts as shown (caps, airtime, place in the loop)."""
        arm = None if context.session is None else self.arm(context.session)
        local = context.moment.utc.astimezone(self.zone)
        decision = None
        if arm == "adaptive":
            decision = self._follow_up(context, local) or self._loyal(context, local)
        decision = decision or self._by_turn(context, arm, local)
        person = decision.greeted.person if decision.greeted else None
        self._caps.count(decision.content, context.moment, context.session, local.date(), person)
        self.airtime.charge(decision.charge, decision.content.seconds)
        return decision

    def ended(self, decision: Decision, seconds: float) -> None:
        """Record for how many seconds a decision was on the screen, after it has left."""
        day = decision.moment.utc.astimezone(self.zone).date()
        self.airtime.charge(decision.charge, seconds - decision.content.seconds)
        self.airtime.played(decision.content, seconds, decision.people, day)

    def reward(self, decision: Decision, attention: float) -> None:
        """Record the reward of a decision; decisions of both arms are learned from.

        Args:
            decision: Decision whose content has left the screen.
            attention: Share of the impression's time that its visitors attended to it, averaged over visitors (0 to 1).

        Raises:
            ValueError: The attention is not between 0 and 1.
        """
        if not 0 <= attention <= 1:
            raise ValueError(f"expected a share from 0 to 1, got {attention}")
        if decision.session is None:
            return
        value = (1 - self.offer_reward) * attention + self.offer_reward * (decision.id in self._early)
        self.bandit.learn(decision.content.id, np.array(decision.features), value)
        if self.offer_reward and decision.content.offer and decision.id not in self._early:
            self._offered[decision.id] = decision, value
            while len(self._offered) > _OFFERED_KEPT:
                del self._offered[next(iter(self._offered))]

    def offer_taken(self, decision: int) -> None:
        """Record that a decision's offer was taken; a restart forgets offers that are still open."""
        if not self.offer_reward:
            return
        if decision not in self._offered:
            self._early.append(decision)
            return
        of, value = self._offered.pop(decision)
        self.bandit.correct(of.content.id, np.array(of.features), value, value + self.offer_reward)

    def save(self) -> None:
        """Write the state, all or nothing; call it from time to time and at the end.

        Raises:
            OSError: The disk refuses it; the old state remains.
        """
        if self.state is None:
            return
        told = {
            "features": FEATURES,
            "places": self._places,
            "airtime": self.airtime.state(),
            "contents": self.bandit.state(),
        }
        with write_whole(self.state) as partial:
            partial.write_text(json.dumps(told), encoding="utf-8")

    def _restore(self, file: Path) -> None:
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            if told["features"] != list(FEATURES):
                raise ValueError(f"expected the features {', '.join(FEATURES)}")
            self.bandit.restore(told["contents"])
            self._places = {str(account): int(place) for account, place in told.get("places", {}).items()}
            if "airtime" in told:  # there was none in earlier versions
                self.airtime.restore(told["airtime"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"not what a policy learned ({first_line(error)}); move it away to learn anew", file=file
            ) from None

    def _follow_up(self, context: Context, local: datetime) -> Decision | None:
        if context.interest is None or context.session is None:
            return None
        shown, _ = context.interest
        content = self.catalogue.by_id.get(shown)  # None: the catalogue has changed since
        if content is None or content.follow_up is None or (context.session, shown) in self._answered:
            return None
        answer = self.catalogue.by_id[content.follow_up]
        if not self._free(answer, context, local) or not self.airtime.in_advance("adaptive", answer):
            return None
        self._answered = {pair for pair in self._answered if pair[0] == context.session} | {(context.session, shown)}
        return self._decision(context, "adaptive", local, answer, "follow-up", answers=context.interest)

    def _loyal(self, context: Context, local: datetime) -> Decision | None:
        """Choose a content for a recognised person; the bandit chooses among all that fit one of them."""
        for known in context.recognised:
            names = (LOYAL, f"group:{known.group}")
            contents = [
                content
                for content in self.catalogue.contents
                if content.audience in names
                and self._free(content, context, local, known.person)
                and self.airtime.in_advance("adaptive", content)
            ]
            if contents:
                content, probability = self._choose(contents, context, local)
                more = {"probability": probability, "greeted": known, "among": tuple(contents)}
                return self._decision(context, "adaptive", local, content, "loyal", **more)
        return None

    def _by_turn(self, context: Context, arm: Arm | None, local: datetime) -> Decision:
        """Choose a content of the campaign whose turn it is; `read_catalogue` makes sure that there is one."""
        adaptive = arm == "adaptive"
        contents = [content for content in self._standing(adaptive) if self._free(content, context, local)]
        if not contents:
            raise AssertionError("no content of the loop may always be shown")
        account, due = self.airtime.due(arm, contents, local, watched=context.session is not None)
        if adaptive:
            content, probability = self._choose(due, context, local)
            reason = "bandit" if len(due) > 1 else "only choice"
        else:
            content, probability = self._next_of_loop(account, due), 1.0
            reason = "nobody there" if arm is None else "standard loop"
        charge = Charge(arm, account, self.airtime.shares(contents))
        more = {"probability": probability, "among": tuple(due), "charge": charge}
        return self._decision(context, arm, local, content, reason, **more)

    def _standing(self, adaptive: bool) -> list[Content]:
        """Return the contents without follow-ups and greetings; only those of the loop without adaptation."""
        if not adaptive:
            return [self.catalogue.by_id[name] for name in self.catalogue.loop]
        follow_ups = self.catalogue.follow_ups
        return [each for each in self.catalogue.contents if each.audience == ANYONE and each.id not in follow_ups]

    def _next_of_loop(self, account: str, due: Sequence[Content]) -> Content:
        """Return the next content of the loop after the last one of the same account."""
        loop, names = self.catalogue.loop, {content.id for content in due}
        start = self._places.get(account, 0)
        place = next(at % len(loop) for at in range(start, start + len(loop)) if loop[at % len(loop)] in names)
        self._places[account] = (place + 1) % len(loop)
        return self.catalogue.by_id[loop[place]]

    def _free(self, content: Content, context: Context, local: datetime, person: str | None = None) -> bool:
        return (
            self.catalogue.allowed(content, local)
            and self.airtime.affordable(content, local)
            and self._caps.free(content, context.moment, context.session, local.date(), person)
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
        if "charge" not in more:  # what comes out of turn is booked as a turn would be
            usual = [each for each in self._standing(adaptive=True) if self._free(each, context, local)]
            more["charge"] = Charge(arm, self.airtime.account(content), self.airtime.shares(usual))
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
