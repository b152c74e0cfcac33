"""Dates, weekdays and hours of contents, by the clock of the stand."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stand.test_catalogue import GOOD, refusal, written

from faceline.stand.clock import Moment
from faceline.stand.content.catalogue import read_catalogue
from faceline.stand.content.decision import Context
from faceline.stand.content.policy import Policy
from faceline.stand.content.schedule import DAYS, Schedule

MONDAY = datetime(2026, 3, 2)


def schedule(**keys: object) -> Schedule:
    return Schedule.model_validate(keys)


@pytest.mark.parametrize(
    ("keys", "due"),
    [
        ({}, ["Mon 00:00", "Sun 23:59"]),
        ({"days": "mon"}, ["Mon 00:00", "Mon 23:59"]),
        ({"days": ["mon", "Wed-fri"]}, ["Mon 12:00", "Wed 00:00", "Fri 23:59"]),
        ({"days": ["sat-mon"]}, ["Sat 12:00", "Sun 12:00", "Mon 12:00"]),
        ({"hours": "08:00-11:00"}, ["Tue 08:00", "Sun 10:59"]),
        ({"hours": ["08:00-11:00", "18:00-24:00"]}, ["Tue 09:00", "Tue 23:59"]),
        ({"days": ["fri"], "hours": ["22:00-02:00"]}, ["Fri 22:00", "Sat 01:59"]),
    ],
)
def test_what_is_due_when(keys: dict, due: list[str]) -> None:
    for told in due:
        assert schedule(**keys).due(at(told)), told


@pytest.mark.parametrize(
    ("keys", "not_due"),
    [
        ({"days": "mon"}, ["Tue 00:00", "Sun 23:59"]),
        ({"days": ["mon", "wed-fri"]}, ["Tue 12:00", "Sat 00:00"]),
        ({"hours": "08:00-11:00"}, ["Tue 07:59", "Sun 11:00"]),
        ({"hours": ["18:00-24:00"]}, ["Tue 00:00", "Tue 17:59"]),
        ({"days": ["fri"], "hours": ["22:00-02:00"]}, ["Fri 01:00", "Fri 21:59", "Sat 02:00", "Sat 22:00"]),
    ],
)
def test_what_is_not_due_when(keys: dict, not_due: list[str]) -> None:
    for told in not_due:
        assert not schedule(**keys).due(at(told)), told


def at(told: str) -> datetime:
    day, hour = told.split()
    hours, minutes = map(int, hour.split(":"))
    return MONDAY + timedelta(days=DAYS.index(day.lower()), hours=hours, minutes=minutes)


minutes = st.integers(0, 24 * 60 - 1)


@given(st.sets(st.sampled_from(DAYS)), minutes, minutes, st.integers(0, 14 * 24 * 60), st.integers(0, 10))
def test_a_schedule_is_the_minutes_that_one_counts_from_its_beginnings(
    days: set[str], first: int, last: int, now: int, start: int
) -> None:
    if first == last:
        return
    hours = f"{first // 60:02}:{first % 60:02}-{last // 60:02}:{last % 60:02}"
    starts = MONDAY.date() + timedelta(days=start)
    found = schedule(days=sorted(days), hours=[hours], starts=starts).due(MONDAY + timedelta(minutes=now))
    length = (last - first) % (24 * 60)
    begins = [24 * 60 * day + first for day in range(start, 16) if not days or DAYS[day % 7] in days]
    assert found == any(begin <= now < begin + length for begin in begins)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("days: [mo]", "expected a day such as mon, or days such as mon-fri, got 'mo'; did you mean mon?"),
        ("days: [9]", "expected a day such as mon"),
        ("days: {mon: 1}", "contents.0.days"),
        ("hours: ['8-11']", "expected hours such as 22:00-07:00, got '8-11'"),
        ("hours: ['08:00-25:00']", "expected hours such as"),
        ("hours: ['00:00-24:00']", "expected hours that differ"),
        ("days: [tue]", "never shown: its campaign runs on other days"),
        ("starts: 2026-03-02\n    ends: 2026-03-01", "ends: before it starts, on 2026-03-02"),
    ],
)
def test_a_wrong_schedule_is_told_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    text = GOOD.replace("The house}", "The house, days: [mon]}").replace("title: Hello", f"title: Hello\n    {line}")
    error = refusal(written(tmp_path, text))
    assert told in error.message
    assert error.row in (7, 8)


def test_the_policy_goes_by_the_clock_of_the_stand(tmp_path: Path) -> None:
    text = GOOD.replace("loop: [hello]", """\
  - {id: breakfast, campaign: house, title: Breakfast, days: [mon-fri], hours: ["07:00-10:00"]}
loop: [breakfast, hello]
""")  # fmt: skip
    policy = Policy(read_catalogue(written(tmp_path, text)), stand="s", zone="Asia/Tokyo", seed=0)

    def shown(local: datetime) -> set[str]:
        utc = local.replace(tzinfo=ZoneInfo("Asia/Tokyo")).astimezone(UTC)
        return {policy.decide(Context(Moment(utc, 0.0))).content.id for _ in range(4)}

    assert shown(datetime(2026, 3, 2, 8, 30)) == {"breakfast", "hello"}
    assert shown(datetime(2026, 3, 2, 10, 30)) == {"hello"}
    assert shown(datetime(2026, 3, 1, 8, 30)) == {"hello"}, "a Sunday in Tokyo"


def test_what_always_is_has_no_schedule() -> None:
    assert schedule().is_always
    assert not schedule(days=["mon"]).is_always
    assert not schedule(ends=date(2026, 3, 2)).is_always
