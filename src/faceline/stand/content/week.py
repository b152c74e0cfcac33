"""Says which contents may be shown when, over a week of the stand's clock."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from faceline.stand.content.catalogue import Catalogue, Content


class Block(NamedTuple):
    """A part of a day over which the same contents may be shown.

    Attributes:
        contents: Contents with dates, days or hours that hold then.
        rows: Number of the week's spans that it covers.
    """

    contents: tuple[Content, ...]
    rows: int


class Week(NamedTuple):
    """What may be shown in a week.

    Attributes:
        days: Its days, from Monday on.
        spans: Parts of the day, each from one time to another; midnight ends the last one.
        blocks: For each span, the blocks that begin with it, by the place of their day.
        always: Contents without dates, days or hours.
        never: Contents that have some, none of which lies in this week.
    """

    days: tuple[date, ...]
    spans: tuple[tuple[time, time], ...]
    blocks: tuple[dict[int, Block], ...]
    always: tuple[Content, ...]
    never: tuple[Content, ...]


def week_of(catalogue: Catalogue, day: date) -> Week:
    """Return what the dates, weekdays and hours of a catalogue allow in the week of a day."""
    monday = day - timedelta(days=day.weekday())
    days = tuple(monday + timedelta(days=place) for place in range(7))
    timed = tuple(content for content in catalogue.contents if not _at_all_times(catalogue, content))
    rows = [(at, _row(catalogue, timed, days, at)) for at in _edges(catalogue)]
    rows = [next(same) for _, same in groupby(rows, key=lambda row: row[1])]
    times = [at for at, _ in rows]
    shown = {content.id for _, row in rows for contents in row for content in contents}
    return Week(
        days,
        tuple(zip(times, [*times[1:], time()], strict=True)),
        tuple(_begin([row for _, row in rows], place) for place in range(len(rows))),
        tuple(content for content in catalogue.contents if content not in timed),
        tuple(content for content in timed if content.id not in shown),
    )


def _at_all_times(catalogue: Catalogue, content: Content) -> bool:
    return catalogue.campaign_by_id[content.campaign].is_always and content.is_always and not content.quiet_hours


def _edges(catalogue: Catalogue) -> list[time]:
    """Return the times of the day at which something may begin or end."""
    windows = [window for part in (*catalogue.campaigns, *catalogue.contents) for window in part.hours]
    windows += [window for content in catalogue.contents for window in content.quiet_hours]
    return sorted({time(), *(edge for window in windows for edge in window)})


def _row(
    catalogue: Catalogue, contents: tuple[Content, ...], days: tuple[date, ...], at: time
) -> list[tuple[Content, ...]]:
    return [tuple(each for each in contents if catalogue.allowed(each, datetime.combine(day, at))) for day in days]


def _begin(rows: list[list[tuple[Content, ...]]], place: int) -> dict[int, Block]:
    """Return the blocks that begin in a row, by the place of their day."""
    begun = {}
    for day, contents in enumerate(rows[place]):
        if place and rows[place - 1][day] == contents:
            continue
        lasts = next((i for i, row in enumerate(rows[place:]) if row[day] != contents), len(rows) - place)
        begun[day] = Block(contents, lasts)
    return begun


class ClockChange(NamedTuple):
    """A change between winter and summer time.

    Attributes:
        first: Time on the clock at which the changed hour begins.
        last: Time on the clock at which it ends.
        twice: Whether that hour comes twice; else it does not come at all.
    """

    first: time
    last: time
    twice: bool


def clock_change(day: date, zone: ZoneInfo) -> ClockChange | None:
    """Return how the clock of a zone changes on a day; None if it does not."""
    step = timedelta(minutes=15)
    at = datetime.combine(day, time(), zone).astimezone(UTC) - step
    for _ in range(24 * 4 + 8):
        expected = (at.astimezone(zone) + step).replace(tzinfo=None)
        at += step
        told = at.astimezone(zone).replace(tzinfo=None)
        first, last = sorted((expected, told))
        if first < last and first.date() == day:
            return ClockChange(first.time(), last.time(), told < expected)
    return None
