"""Raises each problem once and clears it once, after it has lasted or has been over for some time."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from faceline.stand.database import microseconds, utc
from faceline.stand.fleet.conditions import Findings, Kind
from faceline.stand.fleet.roster import Roster
from faceline.stand.fleet.tables import ALERTS, MESSAGES

_AT_ONCE: Final[frozenset[Kind]] = frozenset({"silent", "faces", "release", "rollout"})
"""Kinds that are raised at once, because they have already lasted or do not pass by themselves."""


class Message(NamedTuple):
    """An alert that was raised or cleared.

    Attributes:
        number: Number of the message, in order.
        at: Time of the message.
        stand: Name of the stand.
        kind: Kind of the problem.
        state: ``raised`` or ``cleared``.
        told: The problem in one sentence.
        waits: Ways on which the message has not been sent yet.
    """

    number: int
    at: datetime
    stand: str
    kind: str
    state: str
    told: str
    waits: tuple[str, ...]


class Alerts:
    """The alerts of a fleet.

    Args:
        roster: Stands of the fleet.
        raise_after: How long a problem must last before it is raised.
        clear_after: How long a problem must be over before it is cleared.
        ways: Names of the ways on which messages are sent.
    """

    def __init__(self, roster: Roster, raise_after: timedelta, clear_after: timedelta, ways: tuple[str, ...]) -> None:
        self.roster, self.raise_after, self.clear_after, self.ways = roster, raise_after, clear_after, ways

    def raised(self) -> dict[str, dict[str, str]]:
        """Return the raised problems: a sentence for each kind, for each stand."""
        found: dict[str, dict[str, str]] = {}
        with self.roster.engine.connect() as connection:
            for row in connection.execute(sa.select(ALERTS).where(ALERTS.c.raised_at.is_not(None))):
                found.setdefault(row.stand, {})[row.kind] = row.told
        return found

    def take(self, found: Mapping[str, Findings]) -> None:
        """Update the alerts with what is wrong at this moment, by stand."""
        now = self.roster.clock()
        with self.roster.writing, self.roster.engine.begin() as connection:
            rows = {(row.stand, row.kind): row for row in connection.execute(sa.select(ALERTS))}
            for stand, findings in found.items():
                for kind, told in findings.wrong.items():
                    self._wrong(connection, stand, kind, told, rows.get((stand, kind)), now)
                for kind in findings.known - set(findings.wrong):
                    if (row := rows.get((stand, kind))) is not None:
                        self._well(connection, row, now)

    def messages(self, stand: str | None = None, most: int = 50) -> list[Message]:
        """Return the last messages, newest first."""
        query = sa.select(MESSAGES).order_by(MESSAGES.c.id.desc()).limit(most)
        query = query if stand is None else query.where(MESSAGES.c.stand == stand)
        with self.roster.engine.connect() as connection:
            return [_message(row) for row in connection.execute(query)]

    def waiting(self, way: str, most: int = 200) -> list[Message]:
        """Return messages that have not been sent on a way, oldest first."""
        query = sa.select(MESSAGES).where(MESSAGES.c.waits.contains(way)).order_by(MESSAGES.c.id).limit(most)
        with self.roster.engine.connect() as connection:
            return [_message(row) for row in connection.execute(query)]

    def sent(self, way: str, messages: list[Message]) -> None:
        """Record that messages were sent on a way."""
        with self.roster.writing, self.roster.engine.begin() as connection:
            for each in messages:
                waits = ",".join(other for other in each.waits if other != way)
                connection.execute(MESSAGES.update().where(MESSAGES.c.id == each.number).values(waits=waits))

    def _wrong(self, connection: sa.Connection, stand: str, kind: Kind, told: str, row: Any, now: datetime) -> None:
        at = microseconds(now)
        since = now if row is None else utc(row.since)
        lasted = kind in _AT_ONCE or now - since >= self.raise_after
        raised = at if row is None or row.raised_at is None else row.raised_at
        values = {"told": told, "well_since": None, "raised_at": raised if lasted else None}
        if row is None:
            connection.execute(ALERTS.insert().values(stand=stand, kind=kind, since=at, **values))
        else:
            connection.execute(ALERTS.update().where(_is(stand, kind)).values(**values))
        if lasted and (row is None or row.raised_at is None):
            self._tell(connection, stand, kind, "raised", told, at)

    def _well(self, connection: sa.Connection, row: Any, now: datetime) -> None:
        mine = _is(row.stand, row.kind)
        if row.raised_at is None:
            connection.execute(ALERTS.delete().where(mine))
        elif row.well_since is None:
            connection.execute(ALERTS.update().where(mine).values(well_since=microseconds(now)))
        elif now - utc(row.well_since) >= self.clear_after:
            connection.execute(ALERTS.delete().where(mine))
            self._tell(connection, row.stand, row.kind, "cleared", row.told, microseconds(now))

    def _tell(self, connection: sa.Connection, stand: str, kind: str, state: str, told: str, at: int) -> None:
        values = {"at": at, "stand": stand, "kind": kind, "state": state, "told": told, "waits": ",".join(self.ways)}
        connection.execute(MESSAGES.insert().values(**values))


def _is(stand: str, kind: str) -> sa.ColumnElement[bool]:
    return (ALERTS.c.stand == stand) & (ALERTS.c.kind == kind)


def _message(row: Any) -> Message:
    waits = tuple(row.waits.split(",")) if row.waits else ()
    return Message(row.id, utc(row.at), row.stand, row.kind, row.state, row.told, waits)
