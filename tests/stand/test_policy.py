"""The policy: rules in their order, caps, arms, probabilities that are kept, learning that survives."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceline.errors import InputError
from faceline.stand.audience.sessions import Sessions
from faceline.stand.clock import Moment
from faceline.stand.content.bandit import Posterior, ThompsonSampling
from faceline.stand.content.catalogue import DEMO, Caps, Catalogue, read_catalogue
from faceline.stand.content.decision import Context, Recognised
from faceline.stand.content.policy import Policy
from faceline.stand.events.event import new_id

NOON = Moment(datetime(2026, 3, 4, 12, tzinfo=UTC), 1000.0)  # a Wednesday


@pytest.fixture
def catalogue() -> Catalogue:
    return read_catalogue(DEMO)


def policy_of(catalogue: Catalogue, control_share: float = 0.0, **settings: object) -> Policy:
    return Policy(catalogue, stand="north", control_share=control_share, seed=0, **settings)


def changed(catalogue: Catalogue, name: str, **values: object) -> Catalogue:
    contents = [
        replaced if replaced.id != name else replaced.model_copy(update=values) for replaced in catalogue.contents
    ]
    return catalogue.model_copy(update={"contents": tuple(contents)}).model_copy()


def fresh(catalogue: Catalogue) -> Catalogue:
    return Catalogue.model_validate(catalogue.model_dump())


def unsold(catalogue: Catalogue) -> Catalogue:
    """The same, where no airtime was sold."""
    campaigns = tuple(each.model_copy(update={"share": None}) for each in catalogue.campaigns)
    return fresh(catalogue.model_copy(update={"campaigns": campaigns}))


def test_nobody_there_and_the_control_arm_see_the_loop_in_its_order(catalogue: Catalogue) -> None:
    for context in (Context(NOON), Context(NOON, session=1, people=2, recognised=(Recognised("p", 1, "gold"),))):
        policy = policy_of(unsold(catalogue), control_share=1.0)
        decisions = [policy.decide(context) for _ in range(8)]
        assert [decision.content.id for decision in decisions] == [*catalogue.loop, *catalogue.loop[:2]]
        assert {decision.probability for decision in decisions} == {1.0}
        assert {decision.reason for decision in decisions} == {"standard loop" if context.session else "nobody there"}
        assert decisions[0].arm == ("control" if context.session else None)


def test_a_session_keeps_its_arm_and_arms_have_their_shares(catalogue: Catalogue) -> None:
    policy = policy_of(catalogue, control_share=0.3)
    sessions = [new_id() for _ in range(4000)]
    arms = [policy.arm(session) for session in sessions]
    assert arms == [policy_of(catalogue, control_share=0.3).arm(session) for session in sessions]
    assert abs(arms.count("control") / 4000 - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 4000)


def test_interest_is_answered_once_a_session(catalogue: Catalogue) -> None:
    policy = policy_of(catalogue)
    context = Context(NOON, session=5, people=1, interest=("espresso", 77))
    first, second = policy.decide(context), policy.decide(context)
    assert (first.content.id, first.reason, first.answers) == ("espresso_more", "follow-up", ("espresso", 77))
    assert second.reason == "bandit"
    assert policy.decide(replace(context, session=6)).reason == "follow-up"
    assert policy.decide(replace(context, session=7, interest=("market", 77))).reason == "bandit"  # has no follow-up


def test_only_those_who_opted_in_see_their_content_and_only_that_of_their_group(catalogue: Catalogue) -> None:
    policy = policy_of(catalogue)
    silver = Recognised("anna", 3, "silver")
    decision = policy.decide(Context(NOON, session=1, people=2, recognised=(silver,)))
    assert (decision.content.id, decision.reason, decision.greeted) == ("coffee_friends", "loyal", silver)
    again = policy.decide(Context(NOON, session=1, people=2, recognised=(silver,)))
    assert again.reason == "bandit"  # once a session
    gold = Recognised("ben", 4, "gold")
    seen = {policy.decide(Context(NOON, session=2, people=1, recognised=(gold,))).content.id for _ in range(2)}
    assert seen == {"coffee_friends", "shoes_gold"}
    for session in range(10, 60):
        content = policy.decide(Context(NOON, session=session, people=1)).content
        assert content.audience == "anyone"
        assert content.id not in catalogue.follow_ups


def test_a_person_is_greeted_so_often_a_day_and_the_next_day_again(catalogue: Catalogue) -> None:
    policy = policy_of(catalogue)
    anna = (Recognised("anna", 3),)

    def greetings(day: int) -> list[str]:
        moments = [NOON.later(86_400.0 * day + 60 * i) for i in range(4)]
        return [
            policy.decide(Context(moment, session=10 * day + i, people=1, recognised=anna)).reason
            for i, moment in enumerate(moments)
        ]

    assert greetings(0) == ["loyal", "loyal", "bandit", "bandit"]
    assert greetings(1) == ["loyal", "loyal", "bandit", "bandit"]


def test_caps_hold_by_the_steady_clock(catalogue: Catalogue) -> None:
    capped = fresh(changed(catalogue, "espresso", caps=Caps(per_hour=2)))
    policy = policy_of(capped, control_share=1.0)

    def shown(moment: Moment) -> int:
        return [policy.decide(Context(moment)).content.id for _ in range(30)].count("espresso")

    assert shown(NOON) == 2
    jumped = Moment(NOON.utc + timedelta(days=2), NOON.steady + 60)  # the wall clock jumps, an hour has not passed
    assert shown(jumped) == 0
    assert shown(NOON.later(3601.0)) == 2


def test_a_cap_of_a_session_ends_with_it(catalogue: Catalogue) -> None:
    names = {name for name in catalogue.by_id if name not in ("market", "welcome")}
    contents = [c.model_copy(update={"quiet_hours": ()}) for c in catalogue.contents]
    contents = [
        c.model_copy(update={"caps": Caps(per_session=1)}) if c.id in names and c.audience == "anyone" else c
        for c in contents
    ]
    policy = policy_of(fresh(catalogue.model_copy(update={"contents": tuple(contents)})))
    for session in (1, 2):
        counts = Counter(policy.decide(Context(NOON, session=session, people=1)).content.id for _ in range(40))
        assert all(counts[name] <= 1 for name in names)


def test_quiet_hours_are_those_of_the_stand(catalogue: Catalogue) -> None:
    night = Moment(datetime(2026, 3, 4, 21, 30, tzinfo=UTC), 0.0)

    def loop(zone: str) -> set[str]:
        policy = policy_of(catalogue, control_share=1.0, zone=zone)
        return {policy.decide(Context(night)).content.id for _ in range(12)}

    assert "cold_brew" in loop("UTC")
    assert loop("Europe/Paris") == loop("UTC") - {"cold_brew"}  # half past ten there


def test_where_nothing_is_left_the_loop_goes_on(catalogue: Catalogue) -> None:
    contents = [
        c if c.id in ("welcome", "market") else c.model_copy(update={"caps": Caps(per_hour=1)})
        for c in catalogue.contents
    ]
    contents = [c.model_copy(update={"caps": Caps(per_session=1)}) if c.id == "market" else c for c in contents]
    policy = policy_of(fresh(catalogue.model_copy(update={"contents": tuple(contents)})))
    reasons = [policy.decide(Context(NOON, session=1, people=1)).reason for _ in range(40)]
    assert set(reasons) <= {"bandit", "only choice"}
    assert reasons[-1] == "only choice"


def test_probabilities_are_kept(catalogue: Catalogue) -> None:
    """Among decisions that were given a probability p, a share p are of that kind: calibrated over many draws."""
    sampler = ThompsonSampling(1, seed=3, draws=2000)
    rng = np.random.default_rng(0)
    for name, mean in (("a", 0.3), ("b", 0.35), ("c", 0.4)):
        for reward in rng.uniform(mean - 0.2, mean + 0.2, 12):
            sampler.learn(name, np.ones(1), float(reward))
    choices = [sampler.choose(["a", "b", "c"], np.ones((3, 1))) for _ in range(3000)]
    for index in range(3):
        told = np.mean([p for choice, p in choices if choice == index])
        share = np.mean([choice == index for choice, _ in choices])
        assert abs(told - share) < 0.03


def test_the_posterior_is_that_of_the_book() -> None:
    """Against the batch formulas of a normal-inverse-gamma prior, worked by matrix inversion."""
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(20), rng.integers(0, 2, (20, 2))]).astype(float)
    y = rng.uniform(0, 1, 20)
    known = Posterior.prior(3)
    for row, reward in zip(x, y, strict=True):
        known.learn(row, float(reward))
    m0 = np.array([0.3, 0, 0])
    precision = np.eye(3) + x.T @ x
    mean = np.linalg.inv(precision) @ (m0 + x.T @ y)
    rate = 0.1 + 0.5 * (y @ y + m0 @ m0 - mean @ precision @ mean)
    new = np.array([1.0, 1.0, 0.0])
    location, scale, freedom = known.predict(new)
    assert location == pytest.approx(new @ mean)
    assert freedom == 2 * (2 + 20 / 2)
    assert scale**2 == pytest.approx(rate / (2 + 20 / 2) * new @ np.linalg.inv(precision) @ new)


def test_it_learns_what_holds_attention_and_remembers_it(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue, state = unsold(catalogue), tmp_path / "deep" / "policy.json"
    policy = policy_of(catalogue, state=state)
    rng = np.random.default_rng(0)

    def share(policy: Policy, learn: bool) -> float:
        chosen = []
        for session in range(300):
            decision = policy.decide(Context(NOON.later(60.0 * session), session=session, people=1))
            chosen.append(decision.content.id == "runners")
            if learn:
                mean = 0.7 if decision.content.id == "runners" else 0.3
                policy.reward(decision, float(np.clip(rng.normal(mean, 0.2), 0, 1)))
        return float(np.mean(chosen[-100:]))

    assert share(policy, learn=False) < 0.5
    assert share(policy, learn=True) > 0.9
    policy.save()
    assert share(policy_of(catalogue, state=state), learn=False) > 0.9
    assert share(policy_of(catalogue), learn=False) < 0.5


def test_a_state_that_is_none_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    state = tmp_path / "policy.json"
    policy = policy_of(catalogue, state=state)
    policy.save()
    good = json.loads(state.read_text())
    for wrong in (
        "{",
        "[]",
        "{}",
        json.dumps({**good, "features": ["age"]}),
        json.dumps({**good, "contents": {"a": 1}}),
    ):
        state.write_text(wrong)
        with pytest.raises(InputError, match="not what a policy learned"):
            policy_of(catalogue, state=state)


@pytest.mark.parametrize("attention", [-0.1, 1.1, float("nan")])
def test_a_reward_is_a_share(catalogue: Catalogue, attention: float) -> None:
    policy = policy_of(catalogue)
    with pytest.raises(ValueError, match="expected a share"):
        policy.reward(policy.decide(Context(NOON, session=1, people=1)), attention)


def test_a_decision_is_written_down_without_the_person(catalogue: Catalogue) -> None:
    decision = policy_of(catalogue).decide(Context(NOON, session=1, people=1, recognised=(Recognised("anna", 3),)))
    event = decision.event("north")
    assert (event.reason, event.content, event.arm, event.people) == ("loyal", "coffee_friends", "adaptive", 1)
    assert "anna" not in repr(event)


@given(st.lists(st.tuples(st.booleans(), st.floats(0.1, 400)), min_size=1, max_size=60))
def test_sessions_end_with_their_audience_and_never_grow_too_long(steps: list[tuple[bool, float]]) -> None:
    sessions, moment = Sessions(longest=600.0, pause=3.0), NOON
    began: dict[int, float] = {}
    over: set[int] = set()
    before: int | None = None
    for present, seconds in steps:
        moment = moment.later(seconds)
        session = sessions.update(present, moment)
        assert session not in over  # a number is never used again
        if session != before and before is not None:
            over.add(before)
        if present:
            assert session is not None
            assert moment.steady - began.setdefault(session, moment.steady) <= 600
        if not present and seconds > 3:
            assert session is None
        before = session
