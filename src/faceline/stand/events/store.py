"""Stores events in SQLite or PostgreSQL, in batches, from a thread of its own."""

import contextlib
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from faceline.errors import InputError
from faceline.stand.clock import now
from faceline.stand.database import EVENTS, microseconds, open_database, reason, sqlite_file
from faceline.stand.events.event import Event, LoggingPaused

_BATCH: Final = 2000
_LONGEST_WAIT: Final = 5.0
"""Longest pause, in seconds, between two tries to reach a database that is away."""
_TIDY: Final = 3600.0

log = logging.getLogger("faceline.stand")


@dataclass(frozen=True)
class StoreHealth:
    """The health of the store.

    Attributes:
        paused: Why nothing is written at the moment; None if all is well.
        pending: Number of events in memory that are not written yet.
        lost: Number of events, by kind, that did not fit into memory during a pause or that no database accepts.
        written: Number of events written since the start.
    """

    paused: str | None = None
    pending: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    written: int = 0


class EventStore:
    """Takes events without making the caller wait, and writes them within a second.

    While the database is away (disk full, file damaged, file or server gone), events stay in memory up to a capacity;
    further ones are counted and dropped. When it is back, an event records the gap.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://…``; created and migrated if needed.
        interval: Seconds between two writes.
        capacity: Most events in memory.
        keep_days: Whole days in UTC after which events are deleted, once an hour; None keeps them for good.

    Raises:
        InputError: The address is invalid, or the store cannot be opened at the start.
    """

    def __init__(
        self, url: str, *, interval: float = 0.5, capacity: int = 50_000, keep_days: int | None = None
    ) -> None:
        self.url, self.interval, self.capacity, self.keep_days = url, interval, capacity, keep_days
        self.engine = open_database(url)
        self._inode = self._identity()
        self._changed = threading.Condition()  # guards what follows
        self._queue: deque[Event] = deque()
        self._lost: Counter[str] = Counter()
        self._written = 0
        self._paused: str | None = None
        self._hurry = self._closing = False
        self._tidied = -_TIDY
        self._gap: tuple[float, int] | None = None  # since when nothing is written, and how many were lost before
        self._thread = threading.Thread(target=self._run, name="event-store", daemon=True)
        self._thread.start()

    def __enter__(self) -> "EventStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, *events: Event) -> None:
        """Take events; this returns at once, whatever the database does."""
        with self._changed:
            for event in events:
                if len(self._queue) < self.capacity:
                    self._queue.append(event)
                else:
                    self._lost[event.kind] += 1

    @property
    def health(self) -> StoreHealth:
        """Return the health of the store, for the operator's page."""
        with self._changed:
            return StoreHealth(self._paused, len(self._queue), dict(self._lost), self._written)

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until all appended events are written; False if that takes too long."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: not self._queue, timeout)

    def close(self) -> None:
        """Write what is left, if the database accepts it within a few seconds, and end the thread."""
        self.flush(_LONGEST_WAIT)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(_LONGEST_WAIT)
        self.engine.dispose()

    def _run(self) -> None:
        wait = self.interval
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._hurry or self._closing, wait)
                if self._closing:
                    return
                batch = list(islice(self._queue, _BATCH))
                more = len(self._queue) > _BATCH
                self._hurry = False
            try:
                self._tidy()
                refused, dropped = self._try(batch)
            except Exception as error:  # the thread must live on, whatever it was
                refused, dropped = reason(error), []
                if refused != self._paused:  # one that comes with every try fills no disk
                    log.exception("the store goes on after a fault")
            wait = min(2 * wait, _LONGEST_WAIT) if refused else 0.0 if more else self.interval
            self._note(batch, refused, dropped)

    def _try(self, batch: Sequence[Event]) -> tuple[str | None, list[Event]]:
        """Write a batch, or each event by itself if one of them is invalid.

        Returns:
            Why the database is away, if it is, and the events that no database would accept.
        """
        if not batch:
            return None, []
        try:
            self._reopen_if_gone()
            with self.engine.begin() as connection:
                connection.execute(insert_once(self.engine), [_row(event) for event in batch])
        except Exception as error:
            if not _is_of_an_event(error):
                return reason(error), []
            if len(batch) == 1:
                return None, list(batch)
        else:
            return None, []
        dropped: list[Event] = []
        for event in batch:
            refused, more = self._try([event])
            dropped += more
            if refused is not None:
                return refused, []
        return None, dropped

    def _tidy(self) -> None:
        """Delete the days that are too old; what cannot be deleted now is deleted an hour later."""
        if self.keep_days is None or time.monotonic() - self._tidied < _TIDY:
            return
        self._tidied = time.monotonic()
        today = now().utc.replace(hour=0, minute=0, second=0, microsecond=0)
        old = EVENTS.c.at < microseconds(today - timedelta(days=self.keep_days))
        with contextlib.suppress(SQLAlchemyError), self.engine.begin() as connection:
            connection.execute(EVENTS.delete().where(old))

    def _note(self, batch: Sequence[Event], refused: str | None, dropped: Sequence[Event]) -> None:
        with self._changed:
            self._paused = refused
            if refused is not None:
                self._gap = self._gap or (time.monotonic(), self._lost.total())
                return
            for _ in batch:
                self._queue.popleft()
            self._written += len(batch) - len(dropped)
            self._lost.update(event.kind for event in dropped)
            if self._gap is not None and batch:
                began, lost = self._gap
                self._gap = None
                self._queue.append(
                    LoggingPaused(
                        stand=batch[-1].stand,
                        at=now().utc,
                        seconds=time.monotonic() - began,
                        lost=self._lost.total() - lost,
                    )
                )
                self._hurry = True
            self._changed.notify_all()

    def _identity(self) -> tuple[int, int] | None:
        file = sqlite_file(self.engine)
        if file is None:
            return None
        status = file.stat()
        return status.st_dev, status.st_ino

    def _reopen_if_gone(self) -> None:
        """Reopen a deleted SQLite file, because SQLite would go on writing into it."""
        try:
            same = self._identity() == self._inode
        except OSError:
            same = False
        if not same:
            self.engine.dispose()
            self.engine = open_database(self.url)
            self._inode = self._identity()


def _is_of_an_event(error: Exception) -> bool:
    """Tell whether an event is invalid; otherwise the database is away, full or damaged."""
    if isinstance(error, DBAPIError | InputError):
        return isinstance(error, DataError | IntegrityError)
    return isinstance(error, StatementError | OverflowError | ValueError)


def insert_once(engine: sa.Engine) -> Any:
    """Return a statement that inserts each event once, however often it is sent."""
    insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
    return insert(EVENTS).on_conflict_do_nothing()


_NAMES: Final = [column.name for column in EVENTS.columns]


def _row(event: Event) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(_NAMES)
    row.update((item.name, getattr(event, item.name)) for item in fields(event))
    row["kind"] = event.kind
    row["at"] = microseconds(event.at)
    return row
