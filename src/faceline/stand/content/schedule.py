"""Says when something is due: dates, weekdays and hours of the stand's clock."""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator

from faceline.config.tree import hint
from faceline.stand.content.artwork import Strict

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_HOURS = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-(([01]\d|2[0-3]):([0-5]\d)|24:00)$")


def _window(text: object) -> object:
    if not isinstance(text, str):
        return text
    found = _HOURS.match(text.replace(" ", ""))
    if not found:
        raise ValueError(f"expected hours such as 22:00-07:00, got {text!r}")
    first, last = time(int(found[1]), int(found[2])), time(int(found[4] or 0), int(found[5] or 0))
    if first == last:
        raise ValueError(f"expected hours that differ, got {text!r}")
    return first, last


def _listed(value: object) -> object:
    """Let one word stand for a list of one."""
    return (value,) if isinstance(value, str) else value


def _days(value: object) -> object:
    """Convert words such as ``mon`` and ``mon-fri`` to numbers of weekdays."""
    value = _listed(value)
    if not isinstance(value, list | tuple):
        return value
    return tuple(sorted({day for word in value for day in _stretch(word)}))


def _stretch(word: object) -> Iterator[int]:
    if isinstance(word, int) and 0 <= word < 7:
        yield word
        return
    first, _, last = str(word).lower().replace(" ", "").partition("-")
    for each in (first, last or first):
        if each not in DAYS:
            raise ValueError(f"expected a day such as mon, or days such as mon-fri, got {word!r}{hint(each, DAYS)}")
    start = DAYS.index(first)
    yield from ((start + step) % 7 for step in range((DAYS.index(last or first) - start) % 7 + 1))


Window = Annotated[tuple[time, time], BeforeValidator(_window)]
Weekdays = Annotated[tuple[int, ...], BeforeValidator(_days)]
Windows = Annotated[tuple[Window, ...], BeforeValidator(_listed)]


class Schedule(Strict):
    """Times at which something is due; without any it is always due.

    Attributes:
        starts: First day.
        ends: Last day.
        days: Weekdays, 0 for Monday; empty means all.
        hours: Spans of the day; one that runs over midnight belongs to the day on which it begins.
    """

    starts: date | None = None
    ends: date | None = None
    days: Weekdays = ()
    hours: Windows = ()

    @property
    def is_always(self) -> bool:
        """Whether it is due at all times."""
        return self.starts is None and self.ends is None and not self.days and not self.hours

    def runs(self, day: date) -> bool:
        """Tell whether it begins on a day, at any hour."""
        begun = self.starts is None or self.starts <= day
        return begun and (self.ends is None or day <= self.ends) and (not self.days or day.weekday() in self.days)

    def due(self, local: datetime) -> bool:
        """Tell whether it is due at a time in the stand's time zone."""
        today, at = local.date(), local.time()
        if not self.hours:
            return self.runs(today)
        yesterday = today - timedelta(days=1)
        for first, last in self.hours:
            if first < last and first <= at < last and self.runs(today):
                return True
            if last < first and ((at >= first and self.runs(today)) or (at < last and self.runs(yesterday))):
                return True
        return False
