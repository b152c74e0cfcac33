"""Sends a stand's events to the chain's store, day by day; each is stored once, however often it is sent."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from faceline.stand.database import EVENTS, database_errors, microseconds, open_database, utc
from faceline.stand.events.sources import write_events
from faceline.stand.events.store import insert_once

_ROWS: Final = 2000
_DAY: Final = timedelta(days=1) // timedelta(microseconds=1)


def ship_to_folder(source: sa.Engine, folder: Path, now: datetime) -> int:
    """Write each day that is over as ``day=2026-03-01/STAND.parquet``, all or nothing.

    An existing file is written again if events of its day came later.

    Args:
        source: Database of the stand.
        folder: Folder of the chain, on this machine or in a mounted or synchronised object store.
        now: Current time; days of UTC before this one are over.

    Returns:
        The number of events that were new there.
    """
    count = 0
    for (stand, day), events in days_of(source).items():
        file = folder / f"day={utc(day * _DAY):%Y-%m-%d}" / f"{quote(stand, safe='')}.parquet"
        there = _rows(file)
        if day < microseconds(now) // _DAY and events > there:
            count += write_events(source, file, on_day(stand, day)) - there
    return count


def ship_to_database(source: sa.Engine, url: str) -> int:
    """Insert the events that another database lacks, day by day; an event that is sent twice is stored once.

    Returns:
        The number of events that were new there.

    Raises:
        InputError: The other database cannot be used.
    """
    target = open_database(url, "to")
    with database_errors(target.url, "to"), source.connect() as reading:
        days = days_of(source)
        own = EVENTS.c.stand.in_({stand for stand, _ in days})
        there = days_of(target, own)
        for (stand, day), events in days.items():
            if events <= there.get((stand, day), 0):
                continue
            with target.begin() as writing:
                query = sa.select(EVENTS).where(on_day(stand, day))
                for rows in reading.execution_options(yield_per=_ROWS).execute(query).partitions():
                    writing.execute(insert_once(target), [dict(row._mapping) for row in rows])
        after = days_of(target, own)
    target.dispose()
    return sum(after.get(day, 0) - there.get(day, 0) for day in days)


def days_of(engine: sa.Engine, where: sa.ColumnElement[bool] | None = None) -> dict[tuple[str, int], int]:
    """Count the events of each stand and day; days are counted from 1970 in UTC."""
    day = (EVENTS.c.at // _DAY).label("day")
    query = sa.select(EVENTS.c.stand, day, sa.func.count()).group_by(EVENTS.c.stand, day).order_by(EVENTS.c.stand, day)
    with engine.connect() as connection:
        query = query if where is None else query.where(where)
        return {(stand, number): count for stand, number, count in connection.execute(query)}


def on_day(stand: str, day: int) -> sa.ColumnElement[bool]:
    """Select the events of a stand and a day."""
    return (EVENTS.c.stand == stand) & (EVENTS.c.at >= day * _DAY) & (EVENTS.c.at < (day + 1) * _DAY)


def _rows(file: Path) -> int:
    """Count the events in a file; 0 if it is missing or damaged."""
    try:
        return int(pq.read_metadata(file).num_rows)
    except (OSError, pa.ArrowInvalid):
        return 0
