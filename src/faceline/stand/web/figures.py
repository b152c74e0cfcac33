"""Reads the figures of the advertiser's page out of the store."""

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from faceline.errors import InputError
from faceline.stand.content.catalogue import Catalogue, time_zone

if TYPE_CHECKING:
    import pandas as pd

_FRESH: Final = 600.0  # seconds for which figures are told again; they change once a day
_MOST_KEPT: Final = 40


class Figures:
    """Reads the figures out of the store, and keeps them for some minutes.

    Args:
        store: Address of the database of events.
        smallest_group: Sums about fewer visitors are not told, and counts are rounded to multiples of it.
        zone: In which days and hours are told.
        catalogue: Gives what can be shown now, and what was sold.
    """

    def __init__(self, store: str, smallest_group: int, zone: str, catalogue: Callable[[], Catalogue]) -> None:
        self.store, self.smallest_group, self.zone, self.catalogue = store, smallest_group, zone, catalogue
        self._kept: dict[tuple[str | None, date | None, date | None], tuple[float, dict[str, Any]]] = {}
        self._one_at_a_time = threading.Lock()

    def __call__(self, campaign: str | None, since: date | None = None, until: date | None = None) -> dict[str, Any]:
        """What the page tells of a campaign or all, or why it tells nothing.

        Args:
            campaign: None for all.
            since: First day; None for all.
            until: Last day; None for all that are over.
        """
        key = campaign, since, until
        with self._one_at_a_time:
            at, told = self._kept.get(key, (0.0, {}))
            if not told or time.monotonic() - at > _FRESH:
                if len(self._kept) >= _MOST_KEPT:
                    self._kept.clear()
                told = self._read(*key)
                self._kept[key] = time.monotonic(), told
            return told

    def _read(self, campaign: str | None, since: date | None, until: date | None) -> dict[str, Any]:
        from faceline.stand.events.sources import collect  # noqa: PLC0415
        from faceline.stand.report.effectiveness import Scope, measure  # noqa: PLC0415 (a data engine; only this page)
        from faceline.stand.report.figures import headline  # noqa: PLC0415
        from faceline.stand.report.page import DEFINITIONS, titled  # noqa: PLC0415
        from faceline.stand.report.plays import count_plays  # noqa: PLC0415
        from faceline.stand.report.plays_page import verdict  # noqa: PLC0415

        now, catalogue = datetime.now(time_zone(self.zone)), self.catalogue()
        shared = {"at": now, "smallest_group": self.smallest_group, "definitions": DEFINITIONS}
        scope = Scope(campaign=campaign, since=since, until=until, zone=self.zone, smallest_group=self.smallest_group,
                      threads=1, memory_gb=1.0)  # fmt: skip
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
            return {**shared, "empty": error.told}
        called = titled(found, catalogue)
        rows = {name: _rows(table) for name, table in called.tables.items()}
        frames = {**found.tables, "plays": played.rows.drop(columns="hour").groupby(
            ["stand", "day", "campaign", "content"], as_index=False).sum()}  # fmt: skip
        return {
            **shared,
            "empty": None,
            "period": found.period,
            "verdict": headline(called, scope.level),
            "total": rows["total"][0],
            "tables": rows,
            "charts": {
                "day": _bars([f"{day['name']:%-d %b}" for day in rows["day"]], rows["day"]),
                "hour": _bars([f"{hour['name']}:00" for hour in rows["hour"]], rows["hour"]),
            },
            "plays": _rows(played.campaigns),
            "given": verdict(played, catalogue),
            "frames": frames,
        }


def _rows(table: "pd.DataFrame") -> list[dict[str, Any]]:
    plain = table.astype(object).where(table.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]


def _bars(labels: Sequence[str], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Passers-by and opportunities to see of a course, as shares of the most, with a label for some of them."""
    most = max([row["passers_by"] or 0 for row in rows] + [row["ots"] or 0 for row in rows] + [1])
    step = max(1, -(-len(rows) // 12))
    return [
        {
            "label": label,
            "shown": place % step == 0,
            "step": step,
            "passers_by": row["passers_by"],
            "ots": row["ots"],
            "heights": [round((row[name] or 0) / most, 4) for name in ("passers_by", "ots")],
        }
        for place, (label, row) in enumerate(zip(labels, rows, strict=True))
    ]
