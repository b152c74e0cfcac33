"""Reads the figures of the advertiser's page from the event store."""

import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from faceline.errors import InputError
from faceline.stand.content.catalogue import Catalogue, time_zone
from faceline.stand.words import speaking

if TYPE_CHECKING:
    import pandas as pd

    from faceline.stand.report.effectiveness import Effectiveness, Scope
    from faceline.stand.report.plays import Plays

_FRESH: Final = 600.0  # seconds for which figures are told again; they change once a day
_MOST_KEPT: Final = 40


@dataclass(frozen=True)
class _Read:
    """Figures and plays of one campaign and span, or why there are none."""

    at: datetime
    scope: "Scope"
    empty: str | None = None
    told: "Effectiveness | None" = None
    plays: "Plays | None" = None


class Figures:
    """Reads the figures from the event store and keeps them for some minutes.

    Args:
        store: Address of the event database.
        smallest_group: Smallest number of visitors that is reported; counts are rounded to multiples of it.
        zone: Time zone of days and hours.
        catalogue: Returns what can be shown now and what was sold.
        greeting_rate: Share of enrolled people's visits that are greeted; None if unknown.
        stranger_rate: Share of strangers' visits that are greeted by mistake.
    """

    def __init__(
        self,
        store: str,
        smallest_group: int,
        zone: str,
        catalogue: Callable[[], Catalogue],
        greeting_rate: float | None = None,
        stranger_rate: float = 0.0,
    ) -> None:
        self.store, self.smallest_group, self.zone, self.catalogue = store, smallest_group, zone, catalogue
        self.greeting_rate, self.stranger_rate = greeting_rate, stranger_rate
        self._kept: dict[tuple[str | None, date | None, date | None], tuple[float, _Read]] = {}
        self._one_at_a_time = threading.Lock()

    def __call__(self, campaign: str | None, since: date | None = None, until: date | None = None) -> dict[str, Any]:
        """Return the values of the page in the current language, or why there are none.

        Args:
            campaign: Name of a campaign; None for all.
            since: First day; None for no limit.
            until: Last day; None for all days that are over.
        """
        key = campaign, since, until
        with self._one_at_a_time:
            at, read = self._kept.get(key, (0.0, None))
            if read is None or time.monotonic() - at > _FRESH:
                if len(self._kept) >= _MOST_KEPT:
                    self._kept.clear()
                read = self._read(*key)
                self._kept[key] = time.monotonic(), read
        return self._words_of(read)

    def _read(self, campaign: str | None, since: date | None, until: date | None) -> _Read:
        from faceline.stand.events.sources import collect  # noqa: PLC0415
        from faceline.stand.report.effectiveness import Scope, measure  # noqa: PLC0415 (a data engine; only this page)
        from faceline.stand.report.plays import count_plays  # noqa: PLC0415

        now, catalogue = datetime.now(time_zone(self.zone)), self.catalogue()
        scope = Scope(
            campaign=campaign, since=since, until=until, zone=self.zone, smallest_group=self.smallest_group,
            greeting_rate=self.greeting_rate, stranger_rate=self.stranger_rate, threads=1, memory_gb=1.0,
        )  # fmt: skip
        over = now.date() - timedelta(days=1)
        try:
            with tempfile.TemporaryDirectory() as folder:
                files = collect([self.store], Path(folder))
                found = measure(files, scope, Path(folder))
                played = count_plays(
                    files, catalogue, zone=self.zone, since=since, until=min(until or over, over), campaign=campaign,
                    smallest_group=self.smallest_group,
                )  # fmt: skip
        except InputError as error:
            return _Read(now, scope, error.told)
        return _Read(now, scope, None, found, played)

    def _words_of(self, read: _Read) -> dict[str, Any]:
        from faceline.stand.report.page import loyal_table, titled  # noqa: PLC0415
        from faceline.stand.report.wording import definitions  # noqa: PLC0415

        shared = {"at": read.at, "smallest_group": self.smallest_group, "definitions": definitions()}
        if read.told is None or read.plays is None:
            return {**shared, "empty": read.empty}

        from faceline.stand.report.figures import finding, headline, winners  # noqa: PLC0415
        from faceline.stand.report.plays_page import verdict  # noqa: PLC0415
        from faceline.stand.web.charts import courses, funnel, rows_of, week  # noqa: PLC0415

        catalogue = self.catalogue()
        called = titled(read.told, catalogue)
        rows = {name: rows_of(table) for name, table in called.tables.items()}
        return {
            **shared,
            "empty": None,
            "period": read.told.period,
            "verdict": headline(called, 0.95),
            "winners": winners(called),
            "finding": finding,
            "total": rows["total"][0],
            "tables": rows,
            "charts": courses(read.told),
            "week": week(read.told),
            "funnel": funnel(read.told),
            "plays": rows_of(read.plays.campaigns),
            "loyal": loyal_table(called, read.scope),
            "given": verdict(read.plays, catalogue),
            "frames": lambda: _frames(read, catalogue),
        }


def _frames(read: _Read, catalogue: Catalogue) -> "dict[str, pd.DataFrame]":
    """Return the tables for download, in English, like the names of their columns."""
    from faceline.stand.report.files import with_titles  # noqa: PLC0415

    assert read.told is not None and read.plays is not None
    plays = read.plays.rows.drop(columns="hour").groupby(["stand", "day", "campaign", "content"], as_index=False).sum()
    with speaking("en"):
        return with_titles({**read.told.tables, "plays": plays}, catalogue)
