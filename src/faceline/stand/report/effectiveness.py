"""Computes what a campaign achieved: figures by stand, hour, day, campaign and content, and the uplift.

`faceline.stand.report.counting` counts. This module decides what is reported: figures cover closed periods of days,
counts are rounded, and sums about few people are left out (`faceline.stand.report.periods`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd

from faceline.config.tree import hint
from faceline.errors import InputError, first_line
from faceline.stand.content.catalogue import time_zone
from faceline.stand.report.comparison import told_arms, told_uplift
from faceline.stand.report.contest import contest
from faceline.stand.report.counting import (
    CLOSING,
    by_content,
    by_place,
    campaigns_of,
    keep_periods,
    one,
    open_events,
)
from faceline.stand.report.disclosure import Flags, hidden
from faceline.stand.report.periods import Period, closed_periods, rounded, within
from faceline.stand.report.shares import hours_of_week, share_interval
from faceline.stand.report.uplift import company

PLACES: Final = {
    "total": "'all'", "stand": "stand", "hour": "hour", "day": "day", "week": "isodow(day) * 100 + hour",
}  # fmt: skip
"""Groups of visits and their columns; the hour of the week begins with the weekday, 1 for Monday."""

SECONDS_EACH: Final = 60
"""Attention to one campaign by place is rounded to so many seconds for each person of the smallest group."""

_COUNTS: Final = (
    "passers_by", "visits", "viewers", "plays", "attended", "reacted", "interested", "followed_up", "greeted",
    "offers_taken",
)  # fmt: skip
_PAIRS: Final = ("ots", "views")
"""Counts of pairs of a visitor and a play; one visitor makes several."""

PLAYS_EACH: Final = 5
"""Such a count is rounded to a multiple of this for each person of the smallest group."""

_SUMS: Final = {"dwell": ["passers_by", "visits"], "attention_seconds": ["attended"]}
"""Sums of seconds, and the counts of the people behind them."""

_RATIOS: Final = {
    "mean_dwell_seconds": ("dwell", "passers_by"),
    "look_rate": ("attended", "visits"),
    "view_rate": ("views", "ots"),
    "attention_per_visitor": ("attention_seconds", "passers_by"),
    "attention_per_viewer": ("attention_seconds", "viewers"),
    "reaction_rate": ("reacted", "visits"),
    "interest_rate": ("interested", "visits"),
    "offer_rate": ("offers_taken", "views"),
}
_CONTENT_RATIOS: Final = {
    **_RATIOS,
    "reaction_rate": ("reacted", "viewers"),
    "interest_rate": ("interested", "viewers"),
    "greeting_offer_rate": ("offers_taken", "greeted"),
}
_ORDER: Final = (
    *(
        "name",
        "passers_by",
        "attended",
        "look_rate",
        "look_low",
        "look_high",
        "plays",
        "ots",
        "views",
        "view_rate",
        "viewers",
    ),
    *("mean_dwell_seconds", "attention_seconds", "attention_per_visitor", "attention_per_viewer"),
    *("reacted", "reaction_rate", "interested", "interest_rate", "followed_up", "greeted", "offers_taken"),
    *("offer_rate", "greeting_offer_rate"),
    "suppressed",
)
"""Columns of the tables."""

_ONLY_PLACES: Final = (
    "passers_by",
    "look_rate",
    "look_low",
    "look_high",
    "mean_dwell_seconds",
    "attention_per_visitor",
    "attended",
)
_ONLY_CONTENTS: Final = ("viewers", "attention_per_viewer", "greeting_offer_rate")

_LOOKS: Final = "count(*), sum(v), sum(who), sum(v * v), sum(who * who), sum(v * who)"
"""Sums over sessions of visitors who looked."""

GREETING_RATE: Final = 0.8
"""Share of enrolled people's visits that a stand greets, as measured on clips of the Udacity set."""

STRANGER_RATE: Final = 0.001
"""Share of strangers' visits that a stand greets by mistake, as measured on those clips."""

LATE: Final = timedelta(hours=1)
"""Time after midnight when a day is over: visits have ended, and stands have written what was pending."""


@dataclass(frozen=True)
class Scope:
    """Which events count, and how they are reported.

    Attributes:
        campaign: Only events of this campaign; None for all.
        since: First day; None for no limit. Only periods inside the span are reported.
        until: Last day; None for no limit.
        now: Time up to which days are over; None uses the clock.
        zone: Time zone of days and hours.
        smallest_group: Smallest number of visitors that is reported; counts are rounded to multiples of it.
        level: Confidence level of the intervals.
        greeting_rate: Measured share of enrolled people's visits that stands greet; None if unknown.
        stranger_rate: Measured share of strangers' visits that stands greet; None if unknown.
        threads: Number of threads; None uses all cores.
        memory_gb: Memory above which the engine uses the disk; None uses most of the machine's.
    """

    campaign: str | None = None
    since: date | None = None
    until: date | None = None
    zone: str = "UTC"
    smallest_group: int = 10
    level: float = 0.95
    greeting_rate: float | None = None
    stranger_rate: float = 0.0
    threads: int | None = None
    memory_gb: float | None = None
    now: datetime | None = None


@dataclass(frozen=True)
class Effectiveness:
    """The figures of a report. Counts are rounded; sums about few people are missing.

    Attributes:
        total: One row.
        stand: A row for each stand.
        hour: A row for each hour of the day.
        day: A row for each day.
        week: A row for each hour of a week, with the ``days`` of the span that are such a weekday.
        campaign: A row for each campaign.
        content: A row for each content.
        uplift: A row for each group and outcome.
        contest: A row for each content, against the best of its campaign.
        period: First and last day of the reported periods.
        stands: Number of stands.
        lost: Number of events that stands could not keep, and the seconds of those pauses.
    """

    total: pd.DataFrame
    stand: pd.DataFrame
    hour: pd.DataFrame
    day: pd.DataFrame
    week: pd.DataFrame
    campaign: pd.DataFrame
    content: pd.DataFrame
    uplift: pd.DataFrame
    contest: pd.DataFrame
    period: tuple[date, date]
    stands: int
    lost: tuple[int, float]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by their names."""
        names = ("total", "campaign", "content", "stand", "hour", "day", "week", "uplift", "contest")
        return {name: getattr(self, name) for name in names}


def measure(files: Sequence[Path], scope: Scope, temporary: Path) -> Effectiveness:
    """Compute the figures of all events in some files.

    Args:
        files: Parquet files with the columns of `faceline.stand.events.sources.SCHEMA`.
        scope: Which events count.
        temporary: Folder for data that do not fit into memory.

    Raises:
        InputError: The files cannot be read, or they hold no visitor in the scope, fewer than the smallest group, or
            nothing of the campaign.
    """
    time_zone(scope.zone)
    with duckdb.connect() as engine:
        try:
            open_events(
                engine,
                files,
                temporary,
                zone=scope.zone,
                campaign=scope.campaign,
                threads=scope.threads,
                memory_gb=scope.memory_gb,
            )
        except duckdb.Error as error:
            raise InputError(f"the events cannot be read: {first_line(error)}", column="stores") from None
        periods, chosen = _periods(engine, scope)
        _refuse_unknown(engine, scope.campaign)
        span = f"WHERE period BETWEEN {chosen[0]} AND {chosen[-1]}"
        stands = one(engine, f"SELECT count(DISTINCT stand) FROM visits {span}")[0]
        lost = one(engine, f"SELECT coalesce(sum(lost), 0), coalesce(sum(seconds), 0) FROM gaps {span}")
        counted, smallest = _counted(engine, scope), scope.smallest_group
        together = company(np.array([one(engine, f"SELECT {_LOOKS} FROM sessions {span}")], dtype=float))
        tables = {name: _told(name, table, chosen, scope, round(together, 1)) for name, table in counted.items()}
        period = periods[chosen[0]].first, periods[chosen[-1]].last
        without_week = {name: table for name, table in counted.items() if name != "week"}
        arms = told_arms(engine, without_week, smallest, scope.campaign)
        return Effectiveness(
            **{**tables, "week": hours_of_week(tables["week"], period)},
            uplift=told_uplift(arms, chosen, smallest, scope.level),
            contest=contest(arms, chosen, scope.level),
            period=period,
            stands=stands,
            lost=(int(lost[0]), float(lost[1])),
        )


def _periods(engine: duckdb.DuckDBPyConnection, scope: Scope) -> tuple[list[Period], list[int]]:
    """Create the tables behind all figures, for all closed periods; return which of them are in the scope.

    Periods do not depend on the campaign or the span, so all reports about the same stores use the same ones.

    Raises:
        InputError: There is no closed period.
    """
    now = (scope.now or datetime.now(UTC)) - LATE
    today = now.astimezone(time_zone(scope.zone)).date()
    counts = ", ".join(f"count(*) FILTER ({condition})" for condition in CLOSING)
    table = engine.execute(
        f"SELECT day, {counts} FROM every_visit WHERE day < $today GROUP BY day ORDER BY day", {"today": today}
    ).fetchall()
    days, values = [row[0] for row in table], np.array([row[1:] for row in table], dtype=float)
    values = values.reshape(-1, len(CLOSING))
    periods = closed_periods(days, values, scope.smallest_group)
    chosen = within(periods, scope.since, scope.until)
    if not chosen:
        raise InputError(
            f"no figure of these days may be shown: a period needs {scope.smallest_group} people, and the days "
            f"that are over have {values[:, 0].sum():.0f} visitors in all; choose other days or stores, or wait",
            column="stores",
        )
    keep_periods(engine, periods)
    return periods, chosen


def _refuse_unknown(engine: duckdb.DuckDBPyConnection, name: str | None) -> None:
    """Refuse a campaign that no event names: a figure of 0 would look like a result, but the name may be misspelt."""
    if name is None or one(engine, "SELECT count(*) FROM shown WHERE campaign = getvariable('campaign')")[0]:
        return
    found = engine.execute("SELECT DISTINCT campaign FROM events WHERE campaign IS NOT NULL").fetchall()
    others = [other for (other,) in found if other != name]
    raise InputError(f"{name}: nobody was shown this campaign{hint(name, others)}", column="campaign")


def _counted(engine: duckdb.DuckDBPyConnection, scope: Scope) -> dict[str, pd.DataFrame]:
    """Return counts and sums of each period for each table but the uplift; confidential sums are missing."""
    tables = {name: by_place(engine, column) for name, column in PLACES.items()}
    tables["week"] = tables["week"].drop(columns=list(_SUMS))
    for table in (tables[name] for name in PLACES if name != "week"):
        for name, people in _SUMS.items():
            if name == "dwell" or scope.campaign is None:
                _hide(table, name, people, scope.smallest_group, table["period"])
    contents, campaigns = by_content(engine, "content"), by_content(engine, "campaign")
    _hide(campaigns, "attention_seconds", ["viewers"], scope.smallest_group, campaigns["period"], overlapping=True)
    campaign = campaigns_of(engine, contents["name"])
    missing = _keys(campaigns[campaigns["attention_seconds"].isna()], "period", "name")
    contents["key"] = list(zip(contents["period"], campaign, strict=True))
    _hide(contents, "attention_seconds", ["viewers"], scope.smallest_group, contents["key"],
          also=contents["key"].isin(missing).to_numpy(), overlapping=True)  # fmt: skip
    if scope.campaign is not None:
        contents, campaigns = contents[campaign == scope.campaign], campaigns[campaigns["name"] == scope.campaign]
        of_period = campaigns.set_index("period")["attention_seconds"]
        missing = set(of_period.index[of_period.isna()])
        tables["total"].loc[tables["total"]["period"].isin(missing), "attention_seconds"] = np.nan
    return {**tables, "campaign": campaigns, "content": contents.drop(columns="key")}


def _hide(
    table: pd.DataFrame,
    name: str,
    people: list[str],
    smallest: int,
    together: "pd.Series[Any]",
    *,
    also: Flags | None = None,
    overlapping: bool = False,
) -> None:
    """Empty the confidential sums of a table, in which rows with the same name add up to a total."""
    who = table[people].to_numpy(dtype=float)
    few = np.any((who > 0).any(axis=1, keepdims=True) & (who < smallest), axis=1)
    few = few if also is None else few | also
    table[name] = table[name].astype(float)
    empty = hidden(who, smallest, together, few, np.full(len(table), overlapping))
    table[name] = table[name].where(~empty)


def _keys(table: pd.DataFrame, *columns: str) -> set[tuple[object, ...]]:
    return set(zip(*(table[column] for column in columns), strict=True))


def _told(name: str, table: pd.DataFrame, chosen: Sequence[int], scope: Scope, together: float) -> pd.DataFrame:
    """Return the reported rows of a table for a span; so many visitors together count as one piece of evidence."""
    is_place, smallest = name in PLACES, scope.smallest_group
    kept = [column for column in _ORDER if column not in (_ONLY_CONTENTS if is_place else _ONLY_PLACES)]
    counts, sums = ([column for column in columns if column in table] for columns in (_COUNTS, _SUMS))
    rows = table[table["period"].isin(chosen)]
    told = rounded(table, chosen, counts, smallest)
    told = told[told.index.isin(rows["name"])]
    for pair in _PAIRS:
        told[pair] = rounded(table, chosen, [pair], PLAYS_EACH * smallest)[pair]
    if sums:
        told[sums] = rows.groupby("name")[sums].sum(min_count=1)
    told["suppressed"] = rows[sums].isna().any(axis=1).groupby(rows["name"]).any()
    if sums and is_place and name != "total" and scope.campaign is not None:
        base = SECONDS_EACH * smallest
        told["attention_seconds"] = rounded(table, chosen, ["attention_seconds"], base).astype(float)
    for ratio, (above, below) in (_RATIOS if is_place else _CONTENT_RATIOS).items():
        if above in table and below in table:
            missing = table[above].isna()
            known = rounded(table[~missing], chosen, [below], smallest) if missing.any() else told
            people = known[below].reindex(told.index).astype(float)
            told[ratio] = told[above].astype(float) / people.where(people > 0)
            told[ratio] = told[ratio].clip(upper=1.0 if above in (*counts, *_PAIRS) else np.inf)
    if is_place:
        ends = share_interval(told["look_rate"], told["visits"], together, scope.level, smallest)
        told["look_low"], told["look_high"] = ends
    by = ["name"] if is_place else ["attention_seconds", "name"]
    told = told.rename_axis("name").reset_index().sort_values(by, ascending=by[-1:] == by or [False, True])
    return told[[column for column in kept if column in told]].reset_index(drop=True)
