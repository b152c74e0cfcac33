"""Counts showings, so that nobody sees one thing too often.

Counts of enrolled people stay in memory for one day: a restart loses them, and nothing about a person is kept beside
their enrolment.
"""

from collections import Counter, deque
from datetime import date
from typing import Final

from faceline.stand.clock import Moment
from faceline.stand.content.catalogue import Content

_HOUR: Final = 3600.0


class CapCounter:
    """Counts the showings of one stand."""

    def __init__(self) -> None:
        self._session: int | None = None
        self._in_session: Counter[tuple[str, str | None]] = Counter()  # content, and the person it greeted
        self._last_hour: dict[str, deque[float]] = {}
        self._day: date | None = None
        self._of_day: Counter[tuple[str, str]] = Counter()

    def free(self, content: Content, moment: Moment, session: int | None, day: date, person: str | None = None) -> bool:
        """Tell whether a content's caps allow a showing; a greeting is shown once to a person in a session."""
        caps = content.caps
        hour = self._last_hour.get(content.id, deque())
        while hour and moment.steady - hour[0] >= _HOUR:
            hour.popleft()
        if caps.per_hour is not None and len(hour) >= caps.per_hour:
            return False
        if session is not None and session == self._session:
            if caps.per_session is not None and self.seen(content.id, session) >= caps.per_session:
                return False
            if person is not None and self._in_session[content.id, person]:
                return False
        today = self._of_day[content.id, person] if person is not None and day == self._day else 0
        return caps.per_person_day is None or today < caps.per_person_day

    def seen(self, content: str, session: int | None) -> int:
        """Return how often a session has seen a content."""
        if session is None or session != self._session:
            return 0
        return sum(count for (name, _), count in self._in_session.items() if name == content)

    def count(self, content: Content, moment: Moment, session: int | None, day: date, person: str | None) -> None:
        """Count a showing of a content."""
        if session != self._session:
            self._session = session
            self._in_session.clear()
        if day != self._day:
            self._day = day
            self._of_day.clear()
        self._in_session[content.id, person] += 1
        if content.caps.per_hour is not None:
            self._last_hour.setdefault(content.id, deque()).append(moment.steady)
        if person is not None:
            self._of_day[content.id, person] += 1
