"""Airtime that was sold is given: in both arms and before an empty hall, over the day, whatever is interrupted."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceline.commands.simulate import simulate
from faceline.errors import InputError
from faceline.stand.clock import Moment
from faceline.stand.content.campaign import Campaign
from faceline.stand.content.catalogue import DEMO, Catalogue, Content, read_catalogue
from faceline.stand.content.decision import Context
from faceline.stand.content.policy import Policy
from faceline.stand.events.event import ImpressionEnded
from faceline.stand.settings import Simulate
from faceline.stand.simulation import Outcome

LONG = (100, 60)
"""Seconds of contents, where a whole day is played."""

OPENS = Moment(datetime(2026, 3, 2, 10, tzinfo=UTC), 0.0)


def catalogue(
    campaigns: dict[str, dict[str, object]], seconds: tuple[float, ...] = (10, 6), **more: object
) -> Catalogue:
    """Campaigns of two contents each."""
    contents = tuple(
        Content(id=f"{name}{place}", campaign=name, title=name, seconds=length)
        for name in campaigns
        for place, length in enumerate(seconds)
    )
    made = tuple(Campaign.model_validate({"id": name, "name": name, **keys}) for name, keys in campaigns.items())
    loop = tuple(content.id for content in contents)
    return Catalogue.model_validate({"campaigns": made, "contents": contents, "loop": loop, **more})


def policy_of(made: Catalogue, **keys: object) -> Policy:
    return Policy(made, stand="north", seed=0, draws=10, **keys)


def play(policy: Policy, moment: Moment, cut: float | None = None, **context: object) -> tuple[Content, Moment]:
    decision = policy.decide(Context(moment, **context))
    seconds = decision.content.seconds if cut is None else min(cut, decision.content.seconds)
    policy.ended(decision, seconds)
    return decision.content, moment.later(seconds)


def day_of(policy: Policy, start: Moment, hours: float = 10.0, **context: object) -> list[tuple[float, str]]:
    """What is played from a moment on: hour since then, and campaign."""
    moment, played = start, []
    while moment.since(start) < hours * 3600:
        at = moment.since(start) / 3600
        content, moment = play(policy, moment, **context)
        played.append((at, content.campaign))
    return played


def test_over_simulated_weeks_every_campaign_gets_its_share_in_both_arms_and_adapting_still_helps() -> None:
    keys = {"days": 14, "audiences_per_day": 20, "control_share": 0.3, "catalogue": None, "output": "x",
            "repeats": 1, "level": 0.95, "seed": 0, "config": None}  # fmt: skip
    demo = read_catalogue(DEMO)
    given: dict[tuple[str, str], float] = defaultdict(float)

    def keep(outcome: Outcome) -> None:
        for event in outcome.events:
            if isinstance(event, ImpressionEnded):
                given[outcome.arm, event.campaign] += event.seconds

    run = simulate(demo, Simulate.model_validate(keys), 0, keep)
    for arm in ("adaptive", "control"):
        whole = sum(seconds for (of, _), seconds in given.items() if of == arm)
        for campaign in demo.campaigns:
            expected = campaign.share or 1 - sum(each.share or 0 for each in demo.campaigns)
            assert abs(given[arm, campaign.id] / whole - expected) < 0.01, (arm, campaign.id)
    assert run.truth > 0.5, "seconds of attention a visitor that adapting adds, by the world's own preferences"


@settings(max_examples=10)
@given(
    st.lists(st.integers(5, 40), min_size=1, max_size=3),
    st.lists(st.tuples(st.sampled_from([None, 1, 2, 3]), st.floats(0.5, 15)), min_size=100, max_size=100),
)
def test_no_share_is_ever_far_behind_or_ahead_whatever_cuts_a_play_short(
    percent: list[int], steps: list[tuple[int | None, float]]
) -> None:
    if sum(percent) >= 100:
        percent = percent[:1]
    made = catalogue({"rest": {}} | {f"c{i}": {"share": share / 100} for i, share in enumerate(percent)})
    policy, moment = policy_of(made, control_share=0.5), OPENS
    given: dict[tuple[str | None, str], float] = defaultdict(float)
    for session, cut in steps:
        content, ends = play(policy, moment, cut, session=session, people=1)
        arm = None if session is None else policy.arm(session)
        given[arm, content.campaign] += ends.since(moment)
        moment = ends
        whole = sum(seconds for (of, _), seconds in given.items() if of == arm)
        for campaign in made.campaigns:
            expected = whole * (campaign.share or 1 - sum(percent) / 100)
            assert abs(given[arm, campaign.id] - expected) <= 10 * len(made.campaigns), (arm, campaign.id)


def test_what_is_due_is_due_at_any_hour_of_the_day() -> None:
    policy = policy_of(catalogue({"rest": {}, "sold": {"share": 0.25}}, LONG))
    for hour in range(10):
        played = Counter(name for _, name in day_of(policy, OPENS.later(3600.0 * hour), 1.0))
        assert played["sold"] / played.total() == pytest.approx(0.25, abs=0.03)


def test_a_campaign_that_may_not_be_shown_hoards_no_airtime() -> None:
    made = catalogue({"rest": {}, "sold": {"share": 0.5, "starts": date(2026, 3, 3)}}, LONG)
    policy = policy_of(made)
    assert {name for _, name in day_of(policy, OPENS)} == {"rest"}
    played = Counter(name for _, name in day_of(policy, OPENS.later(86_400.0), 1.0))
    assert played["sold"] / played.total() == pytest.approx(0.5, abs=0.02)


def test_follow_ups_and_greetings_are_paid_from_the_share_of_their_campaign() -> None:
    made = catalogue({"rest": {}, "sold": {"share": 0.25}})
    more = Content(id="more", campaign="sold", title="More", seconds=10)
    contents = [each.model_copy(update={"follow_up": "more"}) for each in made.contents]
    made = Catalogue.model_validate({**made.model_dump(), "contents": [*contents, more]})
    policy, moment, given, shown = policy_of(made, control_share=0.0), OPENS, Counter[str](), "rest0"
    for session in range(600):  # each audience shows interest in whatever it sees first
        content, moment = play(policy, moment, session=session, people=1, interest=(shown, 1))
        given[content.campaign] += round(content.seconds)
        shown = content.id if content.id != "more" else "rest0"
    assert given["sold"] / given.total() == pytest.approx(0.25, abs=0.02)


def test_a_minimum_is_spread_over_the_hours_and_taken_from_what_was_not_sold() -> None:
    made = catalogue(
        {"rest": {"priority": 1}, "least": {"plays_a_day": 60}, "sold": {"share": 0.3}}, LONG, hours="10:00-20:00"
    )
    played = day_of(policy_of(made), OPENS)
    for hour in range(10):
        assert abs(sum(hour <= at < hour + 1 and name == "least" for at, name in played) - 6) <= 1
    assert sum(name == "sold" for _, name in played) / len(played) == pytest.approx(0.3, abs=0.02)


def test_opportunities_to_see_are_made_up_where_people_are() -> None:
    made = catalogue({"rest": {"priority": 1}, "least": {"ots_a_day": 900}}, hours="10:00-20:00")
    policy = policy_of(made, control_share=1.0)
    assert {name for _, name in day_of(policy, OPENS.later(3600.0), 1.0)} == {"rest"}
    played = day_of(policy, OPENS.later(7200.0), 2.0, session=1, people=3)
    assert sum(name == "least" for _, name in played) * 3 == pytest.approx(0.4 * 900, abs=6)


def test_a_play_that_is_cut_short_counts_for_no_minimum_and_no_budget() -> None:
    policy = policy_of(catalogue({"rest": {"priority": -1}, "few": {"budget": 3}}))
    for _ in range(10):
        assert play(policy, OPENS, cut=1.0)[0].campaign == "few"
    assert [play(policy, OPENS)[0].campaign for _ in range(5)] == ["few", "few", "few", "rest", "rest"]


def test_a_budget_lasts_until_the_last_day() -> None:
    campaign = {"budget": 80, "starts": date(2026, 3, 2), "ends": date(2026, 3, 5)}
    policy = policy_of(catalogue({"rest": {"priority": -1}, "few": campaign}, LONG, hours="10:00-20:00"))
    days = [day_of(policy, OPENS.later(86_400.0 * day)) for day in range(5)]
    counts = [sum(name == "few" for _, name in day) for day in days]
    assert counts == pytest.approx([20, 20, 20, 20, 0], abs=1)
    assert sum(counts) <= 80
    assert sum(name == "few" and at < 5 for at, name in days[1]) == pytest.approx(10, abs=1)


def test_filler_is_shown_only_where_nothing_else_is(tmp_path: Path) -> None:
    made = catalogue({"filler": {"priority": -1}, "rest": {}, "sold": {"share": 0.4}})
    assert {name for _, name in day_of(policy_of(made), OPENS, 0.5)} == {"rest", "sold"}


def test_where_all_have_a_share_the_rest_is_for_all() -> None:
    policy = policy_of(catalogue({"a": {"share": 0.2}, "b": {"share": 0.4}}))
    played = Counter(name for _, name in day_of(policy, OPENS, 2.0))
    assert played["a"] / played.total() == pytest.approx(0.4, abs=0.02)  # its own, and half of what is left


def test_accounts_and_counts_survive_a_restart(tmp_path: Path) -> None:
    made = catalogue({"rest": {}, "sold": {"share": 0.25, "budget": 5}})
    moment = OPENS
    for _ in range(40):
        policy = policy_of(made, state=tmp_path / "policy.json")
        _, moment = play(policy, moment)
        policy.save()
    assert policy.airtime.state() == policy_of(made, state=tmp_path / "policy.json").airtime.state()
    shown = [play(policy, moment)[0].campaign for _ in range(10)]
    assert "sold" not in shown, "the budget is used up"


def test_what_was_learned_before_there_were_accounts_is_still_read(tmp_path: Path) -> None:
    made, state = catalogue({"rest": {}}), tmp_path / "policy.json"
    policy_of(made, state=state).save()
    told = state.read_text().replace('"places": {}', '"place": 3')
    state.write_text(told[: told.index('"airtime"')] + told[told.index('"contents"') :])
    assert play(policy_of(made, state=state), OPENS)[0].campaign == "rest"


GOOD = """\
hours: "10:00-20:00"
campaigns:
  - {id: house, name: The house}
  - {id: coffee, name: Coffee, share: 0.6}
  - {id: shoes, name: Shoes, share: 0.3}
contents:
  - {id: hello, campaign: house, title: Hello}
  - {id: cup, campaign: coffee, title: Cup}
  - {id: boots, campaign: shoes, title: Boots}
loop: [hello, cup, boots]
"""


@pytest.mark.parametrize(
    ("old", "new", "row", "told"),
    [
        ("share: 0.3", "share: 0.5", 5, "campaigns.2.share: 110 % of the airtime are sold up to this campaign"),
        ("share: 0.3", "plays_a_day: 2000", 5, "campaigns.2.plays_a_day: 116 % of the airtime are sold"),
        ("share: 0.3", "share: 30", 5, "campaigns.2.share: expected at most 1, got 30"),
        ("share: 0.3", "share: 0", 5, "campaigns.2.share: expected above 0"),
        ("share: 0.3", "sahre: 0.3", 5, "campaigns.2.sahre: no such key; did you mean share?"),
        ("share: 0.6", "share: 0.1, plays_a_day: 500", 4, "campaigns.1.plays_a_day: 500 plays a day fill 13.9 % of "
         "10:00 to 20:00, and the share is 10 %; raise it to 13.9 %, or lower the plays"),
        ("share: 0.6", "plays_a_day: 9, budget: 30, starts: 2026-03-01, ends: 2026-03-09", 4,
         "campaigns.1.budget: 9 plays on each of 9 days are 81; the budget is 30"),
        ("cup, boots]", "cup]", 5, "campaigns.2.share: the loop shows no content of shoes"),
        ("name: The house", "name: The house, budget: 9", 10, "quiet hours, caps or budget"),
        ("10:00-20:00", "20:00-10:00", 1, "hours: expected hours of one day such as 09:00-21:00"),
    ],
)  # fmt: skip
def test_a_promise_that_cannot_be_kept_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, row: int, told: str
) -> None:
    file = tmp_path / "catalogue.yaml"
    assert old in GOOD
    text = GOOD.replace(old, new)
    if "budget: 9}" in text:  # then nothing of the loop may always be shown
        text = text.replace("share: 0.6", "budget: 1").replace("share: 0.3", "budget: 1")
    file.write_text(text)
    with pytest.raises(InputError) as error:
        read_catalogue(file)
    assert told in error.value.message
    assert (error.value.file, error.value.row) == (file, row)
    assert "\n" not in str(error.value)


def test_the_day_turns_in_the_zone_of_the_stand() -> None:
    made = catalogue({"rest": {"priority": 1}, "least": {"plays_a_day": 24}})
    policy = policy_of(made, zone="Asia/Tokyo")
    before = Moment(datetime(2026, 3, 1, 14, 55, tzinfo=UTC), 0.0)  # five to midnight there
    played = day_of(policy, before, 2.0)
    late = [at for at, name in played if name == "least"]
    assert sum(at < 1 / 12 for at in late) == 24  # the whole minimum of the day that ends
    assert len(late) - 24 == pytest.approx(2, abs=1)
