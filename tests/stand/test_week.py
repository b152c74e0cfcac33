"""The calendar of a week: what dates, weekdays and hours allow, and how clocks change."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.stand.test_catalogue import written

from faceline.stand.content.catalogue import Catalogue, read_catalogue
from faceline.stand.content.week import Week, clock_change, week_of

TEXT = """
version: 1
campaigns:
  - {id: house, name: The mall}
  - {id: coffee, name: Coffee, days: [mon-fri]}
contents:
  - {id: welcome, campaign: house, title: Welcome}
  - {id: breakfast, campaign: coffee, title: Breakfast, hours: ["07:00-10:30"]}
  - {id: lunch, campaign: coffee, title: Lunch, hours: ["11:30-14:00"], quiet_hours: ["12:00-12:30"]}
  - {id: night, campaign: house, title: Late, days: [fri], hours: ["22:00-02:00"]}
  - {id: autumn, campaign: house, title: Autumn, starts: 2026-09-01}
  - {id: from_thursday, campaign: house, title: Thursday, starts: 2026-03-26, ends: 2026-03-28}
loop: [welcome]
"""
FIRST = date(2026, 3, 23)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return read_catalogue(written(tmp_path_factory.mktemp("week"), TEXT))


@pytest.fixture(scope="module")
def week(catalogue: Catalogue) -> Week:
    return week_of(catalogue, date(2026, 3, 27))


def shown(week: Week, day: int, at: time) -> set[str]:
    """What the table says for a time: the block that covers it, as a reader finds it."""
    place = max(i for i, (first, _) in enumerate(week.spans) if first <= at)
    block = next(week.blocks[i][day] for i in range(place, -1, -1) if day in week.blocks[i])
    return {content.id for content in block.contents}


def test_every_quarter_of_an_hour_is_as_the_policy_allows_it(catalogue: Catalogue, week: Week) -> None:
    always = {content.id for content in week.always}
    for day in range(7):
        for quarter in range(96):
            local = datetime.combine(FIRST + timedelta(days=day), time(quarter // 4, 15 * (quarter % 4)))
            allowed = {content.id for content in catalogue.contents if catalogue.allowed(content, local)}
            assert shown(week, day, local.time()) | always == allowed, local


def test_the_table_is_whole_and_no_longer_than_it_must_be(week: Week) -> None:
    assert week.days[0] == FIRST
    assert [content.id for content in week.always] == ["welcome"]
    assert [content.id for content in week.never] == ["autumn"]
    for day in range(7):
        assert sum(row[day].rows for row in week.blocks if day in row) == len(week.spans)
    firsts = [first.strftime("%H:%M") for first, _ in week.spans]
    assert firsts == ["00:00", "02:00", "07:00", "10:30", "11:30", "12:00", "12:30", "14:00", "22:00"]
    assert week.spans[-1][1] == time()
    assert shown(week, 5, time(1, 0)) == {"night", "from_thursday"}, "Friday's night ends on Saturday"


def test_a_week_in_which_nothing_changes_is_one_row(catalogue: Catalogue) -> None:
    only = catalogue.model_copy(update={"contents": catalogue.contents[:1]})
    week = week_of(only, FIRST)
    assert week.spans == ((time(), time()),)
    assert [len(block.contents) for block in week.blocks[0].values()] == [0] * 7


@pytest.mark.parametrize(
    ("day", "zone", "change"),
    [
        (date(2026, 3, 29), "Europe/Paris", (time(2), time(3), False)),
        (date(2026, 10, 25), "Europe/Paris", (time(2), time(3), True)),
        (date(2026, 3, 28), "Europe/Paris", None),
        (date(2026, 4, 5), "Australia/Lord_Howe", (time(1, 30), time(2), True)),
        (date(2026, 4, 24), "Africa/Cairo", (time(0), time(1), False)),
        (date(2026, 10, 29), "Africa/Cairo", (time(23), time(0), True)),
        (date(2026, 3, 29), "UTC", None),
    ],
)
def test_changes_of_the_clock_are_told_on_their_day(day: date, zone: str, change: tuple | None) -> None:
    assert clock_change(day, ZoneInfo(zone)) == change
