"""Prepares the charts of the advertiser's page: places and heights in a box of 720 by 140."""

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from faceline.stand.report.effectiveness import Effectiveness
from faceline.stand.report.figures import STEPS
from faceline.stand.words import _, day, day_names, number, share

_WIDE, _HIGH = 720, 140
_MOST_LABELS: Final = 12
_SHADES: Final = 6

Rows = list[dict[str, Any]]


def rows_of(table: pd.DataFrame) -> Rows:
    """Return the rows of a table; missing values are None."""
    plain = table.astype(object).where(table.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]


def courses(told: Effectiveness) -> dict[str, Rows]:
    """Return visitors and lookers by day and by hour of the day; an hour is the mean over the days."""
    days = (told.period[1] - told.period[0]).days + 1
    of_day, of_hour = rows_of(told.day), rows_of(told.hour)
    return {
        "day": _course([day(each["name"], "MMMd") for each in of_day], of_day, 1),
        "hour": _course([f"{each['name']}:00" for each in of_hour], of_hour, days),
    }


def _course(labels: Sequence[str], rows: Rows, days: int) -> Rows:
    """Return bars of passers-by and opportunities to see, and the share that looked with its interval."""
    most = max([(row[name] or 0) for row in rows for name in ("passers_by", "ots")] + [1])
    step, wide = max(1, -(-len(rows) // _MOST_LABELS)), _WIDE / max(len(rows), 1)
    bars = []
    for place, (label, row) in enumerate(zip(labels, rows, strict=True)):
        came, could = (_mean(row[name], days) for name in ("passers_by", "ots"))
        bar = {"label": label, "shown": place % step == 0, "minor": place // step % 2 == 1, "x": round(place * wide, 1),
               "wide": round(wide, 2), "heights": [round(_HIGH * (row[name] or 0) / most, 1)
                                                   for name in ("passers_by", "ots")]}  # fmt: skip
        bar["words"] = _("%(label)s: %(came)s passers-by, %(could)s opportunities to see", label=label, came=came,
                         could=could)  # fmt: skip
        if row["look_rate"] is not None:
            ends = [row[name] for name in ("look_rate", "look_low", "look_high")]
            bar["looked"] = [round(_HIGH * (1 - each), 1) for each in ends]
            bar["looked_words"] = _("%(label)s: %(share)s looked, between %(low)s and %(high)s", label=label,
                                    **dict(zip(("share", "low", "high"), map(share, ends), strict=True)))  # fmt: skip
        bars.append(bar)
    return bars


def _mean(count: int | None, days: int) -> str:
    return number((count or 0) / days, 0 if days == 1 else 1)


def week(told: Effectiveness) -> dict[str, Any]:
    """Return passers-by by weekday and hour as means over the days; None is too few to tell."""
    table = told.week
    hours = sorted(set(table["hour"]))
    names = day_names()
    cells = {
        (row["weekday"], row["hour"]): row["passers_by"] / row["days"] if row["passers_by"] else None
        for row in rows_of(table)
    }
    most = max([value for value in cells.values() if value] + [1.0])
    rows = []
    for weekday in sorted(set(table["weekday"])):
        values = [cells.get((weekday, hour)) for hour in hours]
        rows.append((
            names[weekday - 1],
            [None if value is None else (number(value, 0 if value >= 10 else 1), int(_SHADES * value / most - 1e-9))
             for value in values],
        ))  # fmt: skip
    return {"hours": hours, "rows": rows}


def funnel(told: Effectiveness) -> Rows:
    """Return the steps of visitors, each as a share of those who came by."""
    row = rows_of(told.total)[0]
    first = row["passers_by"] or 1
    return [
        {
            "name": _(name),
            "count": row[column],
            "share": row[column] / first,
            "wide": round(400 * row[column] / first, 1),
        }
        for column, name in STEPS.items()
        if row[column] is not None
    ]
