"""``faceline ship``: events of a stand to where those of the whole chain are."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

import sqlalchemy as sa
from rich.console import Console

from faceline.campaign.database import EVENTS, database_errors, microseconds, open_database, utc
from faceline.campaign.folders import make_folder
from faceline.campaign.settings import Ship
from faceline.campaign.sources import write_events
from faceline.campaign.store import insert_once

_ROWS: Final = 2000
_OVERLAP: Final = timedelta(days=1)
"""Sent again each time: an event may be written later than one that happened after it."""


def main(settings: Ship) -> None:
    """Send what is new, and tell how much that was."""
    source = open_database(settings.store, "store", create=False)
    with database_errors(source.url, "store"):
        if "://" in settings.to:
            count = ship_to_database(source, settings.to)
        else:
            make_folder(Path(settings.to), "to")
            count = ship_to_folder(source, Path(settings.to), datetime.now(UTC))
    source.dispose()
    Console(highlight=False, soft_wrap=True).print(f"{count:,} new events shipped")


def ship_to_folder(source: sa.Engine, folder: Path, now: datetime) -> int:
    """Write each day that is over as ``day=2026-03-01/STAND.parquet``, all or nothing; days that are there stay.

    Args:
        source: Database of the stand.
        folder: Of the chain: of this machine, or of an object store that is mounted or synchronised.
        now: Days of UTC before this one are over.

    Returns:
        How many events were written.
    """
    today = datetime(now.year, now.month, now.day, tzinfo=UTC)
    count = 0
    for stand, day in _days(source, today):
        file = folder / f"day={day:%Y-%m-%d}" / f"{quote(stand, safe='')}.parquet"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            first, last = microseconds(day), microseconds(day + timedelta(days=1))
            count += write_events(
                source, file, (EVENTS.c.stand == stand) & (EVENTS.c.at >= first) & (EVENTS.c.at < last)
            )
    return count


def ship_to_database(source: sa.Engine, url: str) -> int:
    """Insert what another database lacks; sent twice, an event is there once.

    Returns:
        How many events were new there.

    Raises:
        InputError: That database cannot be used.
    """
    target = open_database(url, "to")
    count = 0
    with database_errors(target.url, "to"), source.connect() as reading:
        for stand in reading.scalars(sa.select(EVENTS.c.stand).distinct()).all():
            with target.begin() as writing:
                of_stand = EVENTS.c.stand == stand
                newest = writing.scalar(sa.select(sa.func.max(EVENTS.c.at)).where(of_stand))
                since = 0 if newest is None else microseconds(utc(newest) - _OVERLAP)
                before = writing.scalar(sa.select(sa.func.count()).select_from(EVENTS).where(of_stand))
                query = sa.select(EVENTS).where(of_stand & (EVENTS.c.at >= since))
                for rows in reading.execution_options(yield_per=_ROWS).execute(query).partitions():
                    writing.execute(insert_once(target), [dict(row._mapping) for row in rows])
                after = writing.scalar(sa.select(sa.func.count()).select_from(EVENTS).where(of_stand))
                count += (after or 0) - (before or 0)
    target.dispose()
    return count


def _days(source: sa.Engine, today: datetime) -> Iterator[tuple[str, datetime]]:
    """Stands and days of a database, up to yesterday."""
    length = microseconds(utc(0) + timedelta(days=1))
    with source.connect() as connection:
        query = sa.select(EVENTS.c.stand, sa.func.min(EVENTS.c.at), sa.func.max(EVENTS.c.at)).group_by(EVENTS.c.stand)
        for stand, first, last in connection.execute(query).all():
            day = utc(first - first % length)
            while day < today and microseconds(day) <= last:
                yield stand, day
                day += timedelta(days=1)
