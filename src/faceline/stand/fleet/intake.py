"""Stores the events of stands in the fleet's database, each once, and counts them by hour."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from faceline.errors import InputError
from faceline.stand.database import EVENTS
from faceline.stand.events.event import VisitorAppeared
from faceline.stand.events.store import insert_once
from faceline.stand.fleet.protocol import Batch
from faceline.stand.fleet.roster import Roster
from faceline.stand.fleet.tables import HOURS

_HOUR: Final = 3600 * 1_000_000
_COLUMNS: Final = {column.name: column for column in EVENTS.columns if column.name != "stand"}
_LARGEST: Final = 2**63


def take_events(roster: Roster, stand: str, batch: Batch) -> int:
    """Store the new ones among some events; they are on the disk when this returns.

    Args:
        roster: Stands of the fleet.
        stand: Name of the stand that sends them.
        batch: The events; some may be stored already.

    Returns:
        The number of events that were new.

    Raises:
        InputError: This version does not know such events.
    """
    rows = _rows(stand, batch)
    with roster.writing, roster.engine.begin() as connection:
        ids = [row["id"] for row in rows]
        there = set(connection.scalars(sa.select(EVENTS.c.id).where(EVENTS.c.stand == stand, EVENTS.c.id.in_(ids))))
        new = list({row["id"]: row for row in rows if row["id"] not in there}.values())
        if new:
            connection.execute(insert_once(roster.engine), new)
            _count(connection, stand, new)
    return len(new)


def days_of(roster: Roster, stand: str) -> dict[int, int]:
    """Count the events that came from a stand, by days since 1970 in UTC; deleted events count too."""
    day = (HOURS.c.hour // 24).label("day")
    query = sa.select(day, sa.func.sum(HOURS.c.events)).where(HOURS.c.stand == stand).group_by(day)
    with roster.engine.connect() as connection:
        return {number: int(count) for number, count in connection.execute(query)}


def _count(connection: sa.Connection, stand: str, rows: Sequence[Mapping[str, Any]]) -> None:
    events = Counter(row["at"] // _HOUR for row in rows)
    visitors = Counter(
        row["at"] // _HOUR for row in rows if row["kind"] == VisitorAppeared.kind and not row.get("continued")
    )
    for hour, count in events.items():
        came = visitors[hour]
        changed = connection.execute(
            HOURS.update()
            .where(HOURS.c.stand == stand, HOURS.c.hour == hour)
            .values(events=HOURS.c.events + count, visitors=HOURS.c.visitors + came)
        )
        if not changed.rowcount:
            connection.execute(HOURS.insert().values(stand=stand, hour=hour, events=count, visitors=came))


def _rows(stand: str, batch: Batch) -> list[dict[str, Any]]:
    unknown = set(batch.columns) - set(_COLUMNS)
    if unknown:
        raise InputError(f"events have columns that this fleet does not know ({', '.join(sorted(unknown))}); update it")
    kinds = [(name, _COLUMNS[name].type.python_type, bool(_COLUMNS[name].nullable)) for name in batch.columns]
    if not {"id", "kind", "at"} <= set(batch.columns) or any(len(row) != len(kinds) for row in batch.rows):
        raise InputError("events without id, kind and time, or rows of another length than their columns")
    for row in batch.rows:
        for value, (name, kind, nullable) in zip(row, kinds, strict=True):
            if not _fits(value, kind, nullable):
                raise InputError(f"an event with {name}={value!r}")
    return [{"stand": stand, **dict(zip(batch.columns, row, strict=True))} for row in batch.rows]


def _fits(value: Any, kind: type, nullable: bool) -> bool:
    if value is None:
        return nullable
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return type(value) is int and -_LARGEST <= value < _LARGEST
    return isinstance(value, kind)
