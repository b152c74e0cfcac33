"""What a campaign did: figures by stand, hour, day, campaign and content, and the uplift over the standard loop.

DuckDB does the counting, over Parquet files of any size. Three tables are made: what was *seen* (a row for a visit
and a content), the *visits*, and the *sessions*; all figures are sums over them, by closed periods of days
(`faceline.stand.report.periods`).
"""

from collections.abc import Mapping, Sequence
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
from faceline.stand.report.disclosure import Flags, People, complement, protect
from faceline.stand.report.periods import Period, added, closed_periods, each, rounded, within
from faceline.stand.report.uplift import MOMENTS, compare
from faceline.threads import usable_threads

PLACES: Final = {"stand": "stand", "hour": "hour", "day": "day"}
"""Groups of visits, and their column."""

ARMS: Final = ("adaptive", "control")

OUTCOMES: Final = {
    "attention": "seconds of attention a visitor",
    "interest": "share of visitors who showed interest",
    "reaction": "share of visitors who reacted",
}
"""What the arms are compared by."""

_COUNTS: Final = {
    "attended": ["attention_seconds"],
    "reacted": [],
    "interested": [],
}
_RARE: Final = ("followed_up", "greeted", "offers_taken")
"""Counts that are rounded."""

_PLACE_RATIOS: Final = {
    "dwell_seconds": ("dwell", "passers_by"),
    "attention_per_visitor": ("attention_seconds", "passers_by"),
    "reaction_rate": ("reacted", "visits"),
    "interest_rate": ("interested", "visits"),
}
_CONTENT_RATIOS: Final = {
    "attention_per_viewer": ("attention_seconds", "viewers"),
    "reaction_rate": ("reacted", "viewers"),
    "interest_rate": ("interested", "viewers"),
}
_ORDER: Final = (
    "name", "passers_by", "viewers", "impressions", "dwell_seconds", "attention_seconds", "attention_per_visitor",
    "attention_per_viewer", "attended", "reacted", "reaction_rate", "interested", "interest_rate", *_RARE, "suppressed",
)  # fmt: skip
"""Columns of the tables."""

_ONLY_PLACES: Final = ("passers_by", "dwell_seconds", "attention_per_visitor", "attended")
_ONLY_CONTENTS: Final = ("viewers", "attention_per_viewer")

_WHOLE: Final = ("passers_by", "viewers", "impressions", "attended", "reacted", "interested")
"""Figures that are whole numbers."""

_DID: Final = """sum(attention) AS attention, bool_or(reacted) AS reacted, bool_or(interested) AS interested,
    bool_or(followed_up) AS followed_up, bool_or(greeted) AS greeted"""
"""What somebody did, over several contents."""

_LATE: Final = timedelta(hours=1)
"""So long after midnight a day is over: visits end, and stands write what is pending."""

_QUARTER: Final = 900_000_000
"""Microseconds of a quarter of an hour."""


@dataclass(frozen=True)
class Scope:
    """Which events are looked at, and how they are told.

    Attributes:
        campaign: Only what belongs to it; None for all.
        since: First day; None for all. Only periods that lie in the span are told.
        until: Last day; None for all.
        now: Until when days are over; None is now.
        zone: In which days and hours are told.
        smallest_group: Figures about fewer visitors are not told.
        level: Of the intervals.
        greeting_rate: Measured share of enrolled people's visits that stands greet; None where it is not known.
        stranger_rate: Measured share of strangers' visits that they greet.
        threads: None for all cores.
        memory_gb: Above, the engine goes to the disk; None for most of the machine's.
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
    """The figures of a report; what would be about few people is missing.

    Attributes:
        total: One row.
        stand: A row for each stand.
        hour: A row for each hour of the day.
        day: A row for each day.
        campaign: A row for each campaign.
        content: A row for each content.
        uplift: A row for each group and outcome.
        period: First and last day of the periods that are told.
        stands: How many stands there are.
        lost: Events that stands could not keep, and seconds in which they could not.
    """

    total: pd.DataFrame
    stand: pd.DataFrame
    hour: pd.DataFrame
    day: pd.DataFrame
    campaign: pd.DataFrame
    content: pd.DataFrame
    uplift: pd.DataFrame
    period: tuple[date, date]
    stands: int
    lost: tuple[int, float]

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by their names."""
        names = ("total", "campaign", "content", "stand", "hour", "day", "uplift")
        return {name: getattr(self, name) for name in names}


def measure(files: Sequence[Path], scope: Scope, temporary: Path) -> Effectiveness:
    """The figures of all events in some files.

    Args:
        files: Parquet, each with the columns of `faceline.stand.events.sources.SCHEMA`.
        scope: Which of them count.
        temporary: Folder for what does not fit into memory.

    Raises:
        InputError: The files cannot be read, hold no visitor in the scope, or fewer than the smallest group, or
            nothing of the campaign.
    """
    time_zone(scope.zone)
    with duckdb.connect() as engine:
        try:
            _open(engine, files, scope, temporary)
        except duckdb.Error as error:
            raise InputError(f"the events cannot be read: {first_line(error)}", column="stores") from None
        periods, chosen = _periods(engine, scope)
        if scope.campaign is not None and not _one(engine, "SELECT count(*) FROM shown")[0]:
            _refuse_campaign(engine, scope.campaign)
        span = f"WHERE period BETWEEN {chosen[0]} AND {chosen[-1]}"
        stands = _one(engine, f"SELECT count(DISTINCT stand) FROM visits {span}")[0]
        lost = _one(engine, f"SELECT coalesce(sum(lost), 0), coalesce(sum(seconds), 0) FROM gaps {span}")
        parts, rare = _parts(engine, scope)
        tables = {name: _told(name, parts[name], rare[name], chosen, scope) for name in parts}
        return Effectiveness(
            **tables,
            uplift=_uplift(engine, scope, parts, chosen),
            period=(periods[chosen[0]].first, periods[chosen[-1]].last),
            stands=stands,
            lost=(int(lost[0]), float(lost[1])),
        )


def _periods(engine: duckdb.DuckDBPyConnection, scope: Scope) -> tuple[list[Period], list[int]]:
    """Make the tables that all figures come from, of all closed periods; and say which of them lie in the scope.

    Periods do not depend on the campaign or the span that is asked for: then all reports of the same stores, at any
    time, tell of the same ones.

    Raises:
        InputError: There are none.
    """
    _build(engine)
    now = (scope.now or datetime.now(UTC)) - _LATE
    today = now.astimezone(time_zone(scope.zone)).date()
    counts = ", ".join(f"count(*) FILTER ({condition})" for condition in _CLOSING)
    table = engine.execute(
        f"SELECT day, {counts} FROM every_visit WHERE day < $today GROUP BY day ORDER BY day", {"today": today}
    ).fetchall()
    days, values = [row[0] for row in table], np.array([row[1:] for row in table], dtype=float)
    values = values.reshape(-1, len(_CLOSING))
    periods = closed_periods(days, values, scope.smallest_group)
    chosen = within(periods, scope.since, scope.until)
    if not chosen:
        raise InputError(
            f"{values[:, 0].sum():.0f} visitors on all days that are over, and none of the days that were asked for "
            f"can be told: figures about fewer than {scope.smallest_group} are not, a day that is too small is told "
            f"together with the next ones, and today is told tomorrow; choose other days or stores",
            column="stores",
        )
    rows = ", ".join(f"({place}, DATE '{period.first}', DATE '{period.last}')" for place, period in enumerate(periods))
    engine.execute(f"""CREATE TEMP TABLE days AS SELECT DISTINCT day, period
        FROM quarters JOIN (VALUES {rows}) AS periods(period, first, last) ON day BETWEEN first AND last""")
    _keep_periods(engine)
    return periods, chosen


def _open(engine: duckdb.DuckDBPyConnection, files: Sequence[Path], scope: Scope, temporary: Path) -> None:
    """Make a view ``events`` of what is in the scope, with day and hour of the time zone."""
    settings = {
        "TimeZone": scope.zone,
        "temp_directory": str(temporary),
        "preserve_insertion_order": False,
        "enable_progress_bar": False,
    }
    settings |= {} if scope.threads is None else {"threads": usable_threads(scope.threads)}
    settings |= {} if scope.memory_gb is None else {"memory_limit": f"{scope.memory_gb}GB"}
    for name, value in settings.items():
        engine.execute(f"SET {name} = {value!r}" if isinstance(value, str) else f"SET {name} = {value}")
    engine.execute("SET VARIABLE campaign = $campaign", {"campaign": scope.campaign})
    names = [str(file) for file in files]
    source = engine.read_parquet(names, union_by_name=len(names) > 1, filename=True)
    source.create_view("raw")
    overlap, first, last = _spans(engine)
    once = "SELECT DISTINCT ON (stand, id) * FROM raw" if overlap else "SELECT * FROM raw"
    # a time zone is asked for each quarter of an hour, not for each event; offsets are multiples of one
    engine.execute(
        f"""CREATE TEMP TABLE quarters AS
        SELECT quarter, make_timestamptz(quarter * {_QUARTER}) AS moment,
            moment::DATE AS day, extract(hour FROM moment)::TINYINT AS hour
        FROM range({first // _QUARTER}, {last // _QUARTER + 1}) AS quarters(quarter)"""
    )
    engine.execute(f"""CREATE VIEW events AS SELECT *, "at" // {_QUARTER} AS quarter FROM ({once})""")


def _spans(engine: duckdb.DuckDBPyConnection) -> tuple[bool, int, int]:
    """Whether two files may hold the same event (they have times of one stand in common); first and last time."""
    overlap, first, last = _one(
        engine,
        """WITH spans AS (
            SELECT stand, min("at") AS first, max("at") AS last FROM raw GROUP BY stand, filename),
        pairs AS (SELECT *, first <= lag(last) OVER (PARTITION BY stand ORDER BY first, last) AS again FROM spans)
        SELECT coalesce(bool_or(again), false), coalesce(min(first), 0), coalesce(max(last), 0) FROM pairs""",
    )
    return bool(overlap), int(first), int(last)


_CLOSING: Final = (
    "NOT continued",
    *("attention > 0", "reacted", "interested"),
    *(f"{condition} AND arm = '{arm}'" for arm in ARMS for condition in ("NOT continued", "attention > 0")),
)
"""Counts of people by which a period ends, each as a condition on a visit; the visitors first."""


def _build(engine: duckdb.DuckDBPyConnection) -> None:
    """Make a table of what was seen, and one of all visits, of all days and campaigns."""
    engine.execute("""CREATE TEMP TABLE every_seen AS
        SELECT visit, content AS name, any_value(session) AS session, any_value(campaign) AS campaign,
            coalesce(sum(seconds) FILTER (kind = 'attention_held'), 0) AS attention,
            bool_or(kind = 'reacted') AS reacted, bool_or(kind = 'interest_seen') AS interested,
            bool_or(kind = 'follow_up_shown') AS followed_up, bool_or(kind = 'loyal_greeted') AS greeted
        FROM events WHERE visit IS NOT NULL AND impression IS NOT NULL GROUP BY visit, content""")
    engine.execute("""CREATE TEMP TABLE came AS
        SELECT came.* EXCLUDE (quarter), day, hour FROM (
            SELECT visit, any_value(stand) AS stand, any_value(session) AS session, any_value(arm) AS arm,
                coalesce(bool_or(continued), false) AS continued, min(quarter) AS quarter,
                sum(seconds) FILTER (kind = 'visitor_left') AS dwell
            FROM events WHERE kind IN ('visitor_appeared', 'visitor_left') GROUP BY visit
            HAVING bool_or(kind = 'visitor_appeared')) AS came JOIN quarters USING (quarter)""")
    engine.execute(f"CREATE VIEW every_visit AS {_visits('every_seen', 'came')}")


def _visits(seen: str, came: str) -> str:
    """What the visitors of a table did, of what was seen."""
    return f"""SELECT came.*, coalesce(attention, 0) AS attention,
            coalesce(reacted, false) AS reacted, coalesce(interested, false) AS interested,
            coalesce(followed_up, false) AS followed_up, coalesce(greeted, false) AS greeted
        FROM {came} AS came LEFT JOIN (SELECT visit, {_DID} FROM {seen} GROUP BY visit) AS did USING (visit)"""


def _keep_periods(engine: duckdb.DuckDBPyConnection) -> None:
    """Make the tables that figures come from: of the chosen campaign, and of the periods that are told."""
    engine.execute("""CREATE TEMP TABLE seen_content AS
        SELECT seen.*, period FROM every_seen AS seen JOIN came USING (visit) JOIN days USING (day)
        WHERE getvariable('campaign') IS NULL OR campaign = getvariable('campaign')""")
    engine.execute(f"""CREATE TEMP TABLE seen_campaign AS SELECT visit, campaign AS name, any_value(session) AS session,
        any_value(period) AS period, {_DID} FROM seen_content GROUP BY visit, campaign""")
    told = "(SELECT came.*, period FROM came JOIN days USING (day))"
    engine.execute(f"CREATE TEMP TABLE visits AS {_visits('seen_content', told)}")
    engine.execute(f"CREATE TEMP TABLE all_visits AS {_visits('every_seen', told)}")
    engine.execute("""CREATE TEMP TABLE sessions AS
        SELECT session, any_value(arm) AS arm, any_value(stand) AS stand, min(hour) AS hour, min(period) AS period,
            count(*)::DOUBLE AS v, sum(attention) AS attention, sum((attention > 0)::INT)::DOUBLE AS who,
            sum(interested::INT)::DOUBLE AS interest, sum(reacted::INT)::DOUBLE AS reaction
        FROM visits GROUP BY session""")
    engine.execute("""CREATE TEMP TABLE shown AS
        SELECT stand, day, hour, campaign, content, period,
            count(*) FILTER (kind = 'impression_started') AS impressions,
            count(*) FILTER (kind = 'offer_taken') AS offers_taken
        FROM events JOIN quarters USING (quarter) JOIN days USING (day)
        WHERE kind IN ('impression_started', 'offer_taken') AND session IS NOT NULL
            AND (getvariable('campaign') IS NULL OR campaign = getvariable('campaign'))
        GROUP BY ALL""")
    engine.execute("""CREATE TEMP TABLE gaps AS
        SELECT lost, seconds, period FROM events JOIN quarters USING (quarter) JOIN days USING (day)
        WHERE kind = 'logging_paused'""")


Parts = dict[str, dict[int, pd.DataFrame]]
"""By the name of a table what is told of each period."""


def _parts(engine: duckdb.DuckDBPyConnection, scope: Scope) -> tuple[Parts, dict[str, pd.DataFrame]]:
    """What is told of each period in each table but that of the uplift; and all counts of what is rare."""
    raw = {name: _by_place(engine, column, "visits") for name, column in {"total": "'all'", **PLACES}.items()}
    parts = {name: _places(engine, name, table, scope) for name, table in raw.items()}
    raw |= {name: _by_content(engine, name) for name in ("campaign", "content")}
    parts["campaign"] = _contents(engine, raw["campaign"], scope)
    parts["content"] = _contents(engine, raw["content"], scope, parts["campaign"])
    return parts, {name: table[["period", "name", *_RARE]] for name, table in raw.items()}


def _told(
    name: str, parts: dict[int, pd.DataFrame], rare: pd.DataFrame, chosen: Sequence[int], scope: Scope
) -> pd.DataFrame:
    """What is told of a span in a table."""
    is_place = name in ("total", *PLACES)
    size, ratios = ("passers_by", _PLACE_RATIOS) if is_place else ("viewers", _CONTENT_RATIOS)
    kept = [column for column in _ORDER if column not in (_ONLY_CONTENTS if is_place else _ONLY_PLACES)]
    if not any(period in parts for period in chosen):
        return pd.DataFrame({column: pd.Series(dtype="object" if column == "name" else "float") for column in kept})
    table = added(parts, chosen, ratios).drop(columns=list(_RARE))
    table = table.join(rounded(rare, chosen, _RARE, scope.smallest_group), on="name")
    table.loc[table[size].isna(), list(_RARE)] = pd.NA
    table = table.astype({column: "Int64" for column in _WHOLE if column in table})
    by = ["name"] if is_place else ["attention_seconds", "name"]
    return table.sort_values(by, ascending=by[-1:] == by or [False, True])[kept].reset_index(drop=True)


def _by_place(engine: duckdb.DuckDBPyConnection, column: str, visits: str) -> pd.DataFrame:
    """Counts and sums of each period by where or when somebody came."""
    return engine.execute(f"""WITH
        came AS (SELECT period, {column} AS name, count(*) FILTER (NOT continued) AS passers_by, count(*) AS visits,
            coalesce(sum(dwell), 0) AS dwell, sum(attention) AS attention_seconds,
            count(*) FILTER (attention > 0) AS attended, count(*) FILTER (reacted) AS reacted,
            count(*) FILTER (interested) AS interested, count(*) FILTER (followed_up) AS followed_up,
            count(*) FILTER (greeted) AS greeted
            FROM {visits} GROUP BY ALL),
        had AS (SELECT period, {column} AS name, sum(impressions)::BIGINT AS impressions,
            sum(offers_taken)::BIGINT AS taken FROM shown GROUP BY ALL)
        SELECT period, name, passers_by, coalesce(impressions, 0) AS impressions,
            came.* EXCLUDE (period, name, passers_by), coalesce(taken, 0) AS offers_taken
        FROM came LEFT JOIN had USING (period, name) WHERE passers_by > 0 ORDER BY period, name""").df()


def _places(engine: duckdb.DuckDBPyConnection, name: str, table: pd.DataFrame, scope: Scope) -> dict[int, pd.DataFrame]:
    """What is told of each period by where or when somebody came."""
    found = {
        period: protect(rows, "passers_by", _COUNTS, scope.smallest_group, whole=len(rows) == 1)
        for period, rows in each(table)
    }
    if scope.campaign is not None:
        every = _by_place(engine, {"total": "'all'", **PLACES}[name], "all_visits")
        _hide_rest(found, dict(each(every)), scope.smallest_group)
    return found


def _hide_rest(parts: dict[int, pd.DataFrame], every: Mapping[int, pd.DataFrame], smallest: int) -> None:
    """Empty figures of one campaign that would tell, by a report of all campaigns, of few people with the others."""
    for period, table in parts.items():
        whole = every[period].set_index("name").reindex(table["name"])
        for column in set(whole.columns) & set(_COUNTS):
            rest = whole[column].to_numpy(dtype=float) - table[column].to_numpy(dtype=float, na_value=np.nan)
            few = (rest > 0) & (rest < smallest)
            table.loc[few, [column, *_COUNTS[column]]] = None
            table.loc[few, "suppressed"] = True


def _by_content(engine: duckdb.DuckDBPyConnection, column: str) -> pd.DataFrame:
    """Counts and sums of each period by campaign or content; a viewer is a visitor who attended to it."""
    return engine.execute(f"""WITH
        did AS (SELECT period, name, count(*) FILTER (attention > 0) AS viewers,
            coalesce(sum(attention), 0) AS attention_seconds, count(*) FILTER (reacted) AS reacted,
            count(*) FILTER (interested) AS interested, count(*) FILTER (followed_up) AS followed_up,
            count(*) FILTER (greeted) AS greeted
            FROM seen_{column} GROUP BY period, name),
        had AS (SELECT period, {column} AS name, sum(impressions)::BIGINT AS impressions,
            sum(offers_taken)::BIGINT AS taken FROM shown WHERE content IS NOT NULL GROUP BY ALL)
        SELECT period, name, coalesce(viewers, 0) AS viewers, coalesce(impressions, 0) AS impressions,
            coalesce(followed_up, 0) AS followed_up, coalesce(greeted, 0) AS greeted,
            did.* EXCLUDE (period, name, viewers, followed_up, greeted), coalesce(taken, 0) AS offers_taken
        FROM did FULL JOIN had USING (period, name) ORDER BY period, name""").df()


def _contents(
    engine: duckdb.DuckDBPyConnection,
    table: pd.DataFrame,
    scope: Scope,
    campaigns: dict[int, pd.DataFrame] | None = None,
) -> dict[int, pd.DataFrame]:
    """What is told of each period by what was shown.

    Args:
        engine: With the tables.
        table: Of `_by_content`.
        scope: Tells the smallest group.
        campaigns: As told; those of contents add up to them.
    """
    found = {}
    for period, rows in each(table):
        of = _campaigns(engine, rows["name"])
        totals = None if campaigns is None else campaigns[period].set_index("name").reindex(of)
        found[period] = protect(rows, "viewers", _COUNTS, scope.smallest_group, totals=totals)
    return found


def _campaigns(engine: duckdb.DuckDBPyConnection, contents: pd.Series) -> "pd.Index[Any]":
    """The campaign that each content belongs to."""
    found = engine.execute("""SELECT content, any_value(campaign) FROM shown WHERE content IS NOT NULL GROUP BY content
        UNION ALL SELECT name, any_value(campaign) FROM seen_content GROUP BY name""").fetchall()
    campaigns: pd.Index[Any] = pd.Index(contents.map(dict(found)), name="name")
    return campaigns


def _uplift(engine: duckdb.DuckDBPyConnection, scope: Scope, parts: Parts, chosen: Sequence[int]) -> pd.DataFrame:
    """Adaptive against control: in all, by what was shown, by stand and by hour."""
    every = {"all": "'all'", "stand": "stand", "hour": "hour"}
    sums = [_moments(engine, "all", every["all"], outcome) for outcome in OUTCOMES]
    sums += [_shown_moments(engine, group) for group in ("campaign", "content")]
    sums += [_moments(engine, group, every[group], "attention") for group in ("stand", "hour")]
    keys = ["group", "name", "outcome"]
    periods = each(pd.concat(sums, ignore_index=True))
    told = [_told_arms(engine, rows, keys, scope, parts, period) for period, rows in periods if period in chosen]
    arms = pd.concat(told)
    table = arms.groupby(keys, sort=False).sum(min_count=1)
    suppressed = table.pop("suppressed") > 0
    moments = {arm: table[[f"{arm} {name}" for name in MOMENTS]].to_numpy(dtype=float) for arm in ARMS}
    found = compare(np.nan_to_num(moments["adaptive"]), np.nan_to_num(moments["control"]), scope.level)
    figures = pd.DataFrame(vars(found), index=table.index)
    for place, arm in enumerate(ARMS):
        figures.insert(place, f"visitors_{arm}", table[f"{arm} v"])
    figures[table["adaptive v"].isna()] = np.nan
    whole = dict.fromkeys((f"visitors_{arm}" for arm in ARMS), "Int64")
    return figures.astype(whole).assign(suppressed=suppressed).reset_index()


def _told_arms(
    engine: duckdb.DuckDBPyConnection, rows: pd.DataFrame, keys: list[str], scope: Scope, parts: Parts, period: int
) -> pd.DataFrame:
    """The sums of both arms in one period, side by side; missing where they must not be told."""
    index = pd.MultiIndex.from_frame(rows.drop_duplicates(keys)[keys])
    arms = {
        arm: rows[rows["arm"] == arm].set_index(keys)[[*MOMENTS, "who"]].astype(float).reindex(index).fillna(0.0)
        for arm in ARMS
    }
    people = np.column_stack([arms[arm][column] for column in ("v", "who") for arm in ARMS])
    told = {name: tables[period] for name, tables in parts.items() if period in tables}
    few = _few(engine, index.to_frame(index=False), people, scope.smallest_group, told)
    table = pd.concat([arms[arm].add_prefix(f"{arm} ") for arm in ARMS], axis=1)
    table.loc[few] = np.nan
    return table.assign(suppressed=few.astype(int))


def _few(
    engine: duckdb.DuckDBPyConnection,
    table: pd.DataFrame,
    people: People,
    smallest: int,
    tables: Mapping[str, pd.DataFrame],
) -> Flags:
    """Which rows of the uplift must be hidden.

    An arm is small, those are few whose doing makes the figure, another table hides the attention of the group, or
    one of these would follow from a total.

    Args:
        engine: With the tables.
        table: Group, name and outcome of each row.
        people: Visitors of both arms, then those of them who have the outcome.
        smallest: Size of the smallest group that may be told.
        tables: As told.
    """
    few = np.any(people[:, :2] < smallest, axis=1) | np.any((people > 0) & (people < smallest), axis=1)
    for group, told in tables.items():
        missing = told["name"][told["attention_seconds"].isna()].astype(str)
        few |= ((table["group"] == ("all" if group == "total" else group)) & table["name"].isin(missing)).to_numpy()
    is_content = (table["group"] == "content").to_numpy()
    campaign = _campaigns(engine, table["name"].where(is_content))
    together = pd.Index(table["group"] + "/" + table["outcome"].where(~is_content, campaign))
    few = complement(few, people, smallest, together)
    hidden = table["name"][few & (table["group"] == "campaign").to_numpy()]
    few |= is_content & campaign.isin(hidden)
    return complement(few, people, smallest, together)


def _moments(engine: duckdb.DuckDBPyConnection, group: str, column: str, outcome: str) -> pd.DataFrame:
    """The sums of `faceline.stand.report.uplift.Sums` of each group and arm, and how many visitors have an outcome."""
    who = "who" if outcome == "attention" else outcome
    return engine.execute(f"""SELECT period, '{group}' AS "group", {column}::VARCHAR AS name, '{outcome}' AS outcome,
            arm, count(*) AS n, sum(v) AS v, sum({outcome}) AS y, sum(v * v) AS vv, sum({outcome} * {outcome}) AS yy,
            sum(v * {outcome}) AS vy, sum({who}) AS who
        FROM sessions GROUP BY ALL ORDER BY ALL""").df()


def _shown_moments(engine: duckdb.DuckDBPyConnection, group: str) -> pd.DataFrame:
    """Attention to each campaign or content, a visitor of any session: sessions that did not see it count as 0."""
    return engine.execute(f"""WITH
        every AS (SELECT period, arm, count(*) AS n, sum(v) AS v, sum(v * v) AS vv FROM sessions GROUP BY period, arm),
        held AS (SELECT session, name, sum(attention) AS y, count(*) FILTER (attention > 0) AS who
            FROM seen_{group} GROUP BY session, name),
        sums AS (SELECT period, arm, name, sum(y) AS y, sum(y * y) AS yy, sum(v * y) AS vy, sum(held.who) AS who
            FROM held JOIN sessions USING (session) GROUP BY ALL),
        names AS (SELECT DISTINCT period, name FROM sums)
        SELECT period, '{group}' AS "group", name, 'attention' AS outcome, arm, n, v, coalesce(y, 0) AS y, vv,
            coalesce(yy, 0) AS yy, coalesce(vy, 0) AS vy, coalesce(who, 0) AS who
        FROM every JOIN names USING (period) LEFT JOIN sums USING (period, arm, name)
        ORDER BY period, name, arm""").df()


def _refuse_campaign(engine: duckdb.DuckDBPyConnection, name: str) -> None:
    """A figure of 0 would look like a finding; nobody may have seen the campaign, or its name may be misspelt."""
    found = engine.execute("SELECT DISTINCT campaign FROM events WHERE campaign IS NOT NULL").fetchall()
    others = [other for (other,) in found if other != name]
    raise InputError(f"{name}: nobody was shown this campaign{hint(name, others)}", column="campaign")


def _one(engine: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row = engine.execute(query).fetchone()
    assert row is not None
    return row
