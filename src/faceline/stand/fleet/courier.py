"""Sends the events of a stand to its fleet, however long the fleet was away.

New events go in the order of their times, and a mark records how far that went. Clocks can jump, and a fleet can lose
data. So from time to time both sides count the events of each day. The stand sends a day again if the fleet has fewer,
as ``faceline ship`` does. The fleet keeps each event once.
"""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from faceline.files import write_whole
from faceline.stand.clock import now
from faceline.stand.database import EVENTS, microseconds, utc
from faceline.stand.events.shipping import days_of, on_day
from faceline.stand.fleet.protocol import ROWS, Batch

_SETTLED: Final = timedelta(seconds=5)
"""Events of this age are all written, in whatever order they came."""
_MOST: Final = 40
"""Most batches of one turn; a health report goes between two turns."""

_OWN: Final = tuple(column for column in EVENTS.columns if column.name != "stand")
_NAMES: Final = tuple(column.name for column in _OWN)


class Courier:
    """Sends the events that the fleet does not have.

    Args:
        engine: Returns the database of the stand.
        stand: Name of the stand.
        send: Sends some events; raises if they did not arrive.
        there: Returns how many events of each day have arrived; days are counted from 1970 in UTC.
        file: File that keeps the mark.
        clock: Returns the time.
    """

    def __init__(
        self,
        engine: Callable[[], sa.Engine],
        stand: str,
        send: Callable[[Batch], object],
        there: Callable[[], dict[int, int]],
        file: Path,
        clock: Callable[[], datetime] = lambda: now().utc,
    ) -> None:
        self._engine, self._stand, self._send, self._there = engine, stand, send, there
        self._file, self._clock = file, clock
        self._mark: tuple[int, int] = _read(file)

    def waiting(self) -> tuple[int, datetime | None]:
        """Return how many events wait to be sent, and the time of the first of them."""
        query = sa.select(sa.func.count(), sa.func.min(EVENTS.c.at)).where(self._after(self._mark))
        with self._engine().connect() as connection:
            count, first = connection.execute(query).one()
        return int(count), None if first is None else utc(first)

    def carry(self) -> bool:
        """Send new events; False if some are left for another turn."""
        for _ in range(_MOST):
            rows = self._next()
            if not rows:
                return True
            self._send(Batch(columns=_NAMES, rows=rows))
            self._keep((rows[-1][_NAMES.index("at")], rows[-1][_NAMES.index("id")]))
        return False

    def compare(self) -> int:
        """Send each day again of which the fleet has fewer events; return how many events were sent."""
        limit = microseconds(self._clock() - _SETTLED)
        ahead = limit + timedelta(hours=1) // timedelta(microseconds=1)  # the clock was wrong when they were written
        settled = (EVENTS.c.stand == self._stand) & ((EVENTS.c.at <= limit) | (EVENTS.c.at > ahead))
        there, sent = self._there(), 0
        for (_, day), count in days_of(self._engine(), settled).items():
            if count > there.get(day, 0):
                for rows in self._of_day(day):
                    self._send(Batch(columns=_NAMES, rows=rows))
                    sent += len(rows)
        return sent

    def _next(self) -> tuple[tuple[Any, ...], ...]:
        query = sa.select(*_OWN).where(self._after(self._mark)).order_by(EVENTS.c.at, EVENTS.c.id).limit(ROWS)
        with self._engine().connect() as connection:
            return tuple(tuple(row) for row in connection.execute(query))

    def _of_day(self, day: int) -> Iterator[tuple[tuple[Any, ...], ...]]:
        query = sa.select(*_OWN).where(on_day(self._stand, day)).order_by(EVENTS.c.at, EVENTS.c.id)
        with self._engine().connect() as connection:
            for rows in connection.execution_options(yield_per=ROWS).execute(query).partitions():
                yield tuple(tuple(row) for row in rows)

    def _after(self, mark: tuple[int, int]) -> sa.ColumnElement[bool]:
        at, number = EVENTS.c.at, EVENTS.c.id
        settled = at <= microseconds(self._clock() - _SETTLED)
        return (EVENTS.c.stand == self._stand) & settled & ((at > mark[0]) | ((at == mark[0]) & (number > mark[1])))

    def _keep(self, mark: tuple[int, int]) -> None:
        self._mark = mark
        with write_whole(self._file, 0o600) as partial:
            partial.write_text(json.dumps(mark), encoding="utf-8")


def _read(file: Path) -> tuple[int, int]:
    """Read the mark. Without a file, begin at the start: the fleet keeps each event once anyway."""
    try:
        at, number = json.loads(file.read_text(encoding="utf-8"))
        return int(at), int(number)
    except (OSError, ValueError, TypeError):
        return 0, -1
