"""What a campaign did: figures by stand, hour, day, campaign and content, and the uplift over the standard loop.

DuckDB does the counting, over Parquet files of any size. Three tables are made: what was *seen* (a row for a visit
and a content), the *visits*, and the *sessions*; all figures are sums over them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pandas as pd

from faceline.config.tree import hint
from faceline.errors import InputError, first_line
from faceline.stand.content.catalogue import time_zone
from faceline.stand.report.disclosure import Flags, People, complement, protect
from faceline.stand.report.uplift import MOMENTS, compare
from faceline.threads import usable_threads

PLACES: Final = {"stand": "stand", "hour": "hour", "day": "day"}
"""Groups of visits, and their column."""

OUTCOMES: Final = {
    "attention": "seconds of attention a visitor",
    "interest": "share of visitors who showed interest",
    "reaction": "share of visitors who reacted",
}
"""What the arms are compared by."""

_COUNTS: Final = {
    "attended": ["attention_seconds", "attention_per_visitor"],
    "reacted": ["reaction_rate"],
    "interested": ["interest_rate"],
    "followed_up": [],
    "greeted": [],
    "offers_taken": [],
}
_DID: Final = """sum(attention) AS attention, bool_or(reacted) AS reacted, bool_or(interested) AS interested,
    bool_or(followed_up) AS followed_up, bool_or(greeted) AS greeted"""
"""What somebody did, over several contents."""

_QUARTER: Final = 900_000_000
"""Microseconds of a quarter of an hour."""


@dataclass(frozen=True)
class Scope:
    """Which events are looked at, and how they are told.

    Attributes:
        campaign: Only what belongs to it; None for all.
        since: First day; None for all.
        until: Last day; None for all.
        zone: In which days and hours are told.
        smallest_group: Figures about fewer visitors are not told.
        level: Of the intervals.
        threads: None for all cores.
        memory_gb: Above, the engine goes to the disk; None for most of the machine's.
    """

    campaign: str | None = None
    since: date | None = None
    until: date | None = None
    zone: str = "UTC"
    smallest_group: int = 10
    level: float = 0.95
    threads: int | None = None
    memory_gb: float | None = None


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
        period: First and last day.
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
        _build(engine)
        visitors = _one(engine, "SELECT count(*) FILTER (NOT continued) FROM visits")[0]
        if visitors < scope.smallest_group:
            raise InputError(
                f"{visitors} visitors in all, and figures about fewer than {scope.smallest_group} are not told; "
                "choose other days or stores",
                column="stores",
            )
        if scope.campaign is not None and not _one(engine, "SELECT count(*) FROM shown")[0]:
            _refuse_campaign(engine, scope.campaign)
        first, last, stands = _one(engine, "SELECT min(day), max(day), count(DISTINCT stand) FROM visits")
        lost = _one(engine, "SELECT coalesce(sum(lost), 0), coalesce(sum(seconds), 0) FROM gaps")
        tables = {name: _places(engine, column, scope) for name, column in PLACES.items()}
        tables["campaign"] = _contents(engine, "campaign", scope)
        tables["content"] = _contents(engine, "content", scope, tables["campaign"])
        return Effectiveness(
            total=_places(engine, "'all'", scope),
            **tables,
            uplift=_uplift(engine, scope, tables),
            period=(first, last),
            stands=stands,
            lost=(int(lost[0]), float(lost[1])),
        )


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
    engine.execute(
        f"""CREATE VIEW events AS SELECT *, "at" // {_QUARTER} AS quarter FROM ({once}) WHERE {_within(scope)}"""
    )


def _within(scope: Scope) -> str:
    """A condition on ``at``; days begin at midnight of the time zone."""
    ends = []
    if scope.since is not None:
        ends.append(f"\"at\" >= epoch_us('{scope.since} 00:00:00'::TIMESTAMPTZ)")
    if scope.until is not None:
        ends.append(f"\"at\" < epoch_us('{scope.until} 00:00:00'::TIMESTAMPTZ + INTERVAL 1 DAY)")
    return " AND ".join(ends) or "true"


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


def _build(engine: duckdb.DuckDBPyConnection) -> None:
    """Make the tables that all figures come from."""
    engine.execute("""CREATE TEMP TABLE seen_content AS
        SELECT visit, content AS name, any_value(session) AS session, any_value(campaign) AS campaign,
            coalesce(sum(seconds) FILTER (kind = 'attention_held'), 0) AS attention,
            bool_or(kind = 'reacted') AS reacted, bool_or(kind = 'interest_seen') AS interested,
            bool_or(kind = 'follow_up_shown') AS followed_up, bool_or(kind = 'loyal_greeted') AS greeted
        FROM events WHERE visit IS NOT NULL AND impression IS NOT NULL
            AND (getvariable('campaign') IS NULL OR campaign = getvariable('campaign'))
        GROUP BY visit, content""")
    engine.execute(f"""CREATE TEMP TABLE seen_campaign AS
        SELECT visit, campaign AS name, any_value(session) AS session, {_DID} FROM seen_content GROUP BY ALL""")
    engine.execute(f"""CREATE TEMP TABLE visits AS
        WITH came AS (
            SELECT visit, any_value(stand) AS stand, any_value(session) AS session, any_value(arm) AS arm,
                coalesce(bool_or(continued), false) AS continued, min(quarter) AS quarter,
                sum(seconds) FILTER (kind = 'visitor_left') AS dwell
            FROM events WHERE kind IN ('visitor_appeared', 'visitor_left') GROUP BY visit
            HAVING bool_or(kind = 'visitor_appeared')),
        did AS (SELECT visit, {_DID} FROM seen_campaign GROUP BY visit)
        SELECT came.* EXCLUDE (quarter), day, hour, coalesce(attention, 0) AS attention,
            coalesce(reacted, false) AS reacted, coalesce(interested, false) AS interested,
            coalesce(followed_up, false) AS followed_up, coalesce(greeted, false) AS greeted
        FROM came JOIN quarters USING (quarter) LEFT JOIN did USING (visit)""")
    engine.execute("""CREATE TEMP TABLE sessions AS
        SELECT session, any_value(arm) AS arm, any_value(stand) AS stand, min(hour) AS hour,
            count(*)::DOUBLE AS v, sum(attention) AS attention, sum((attention > 0)::INT)::DOUBLE AS who,
            sum(interested::INT)::DOUBLE AS interest, sum(reacted::INT)::DOUBLE AS reaction
        FROM visits GROUP BY session""")
    engine.execute("""CREATE TEMP TABLE shown AS
        WITH counts AS (
            SELECT stand, quarter, campaign, content, count(*) FILTER (kind = 'impression_started') AS impressions,
                count(*) FILTER (kind = 'offer_taken') AS offers_taken
            FROM events WHERE kind IN ('impression_started', 'offer_taken') AND session IS NOT NULL
                AND (getvariable('campaign') IS NULL OR campaign = getvariable('campaign'))
            GROUP BY GROUPING SETS ((stand), (quarter), (campaign, content)))
        SELECT counts.*, day, hour FROM counts LEFT JOIN quarters USING (quarter)""")
    engine.execute("CREATE TEMP TABLE gaps AS SELECT lost, seconds FROM events WHERE kind = 'logging_paused'")


def _places(engine: duckdb.DuckDBPyConnection, column: str, scope: Scope) -> pd.DataFrame:
    """Figures by where or when somebody came."""
    table = engine.execute(f"""WITH
        came AS (SELECT {column} AS name, count(*) FILTER (NOT continued) AS passers_by,
            sum(dwell) / passers_by AS dwell_seconds, sum(attention) AS attention_seconds,
            sum(attention) / passers_by AS attention_per_visitor, count(*) FILTER (attention > 0) AS attended,
            count(*) FILTER (reacted) AS reacted, count(*) FILTER (reacted) / count(*) AS reaction_rate,
            count(*) FILTER (interested) AS interested, count(*) FILTER (interested) / count(*) AS interest_rate,
            count(*) FILTER (followed_up) AS followed_up, count(*) FILTER (greeted) AS greeted
            FROM visits GROUP BY ALL),
        had AS (SELECT {column} AS name, sum(impressions)::BIGINT AS impressions, sum(offers_taken)::BIGINT AS taken
            FROM shown WHERE {"day" if column in ("day", "hour") else "stand"} IS NOT NULL GROUP BY ALL)
        SELECT name, passers_by, coalesce(impressions, 0) AS impressions, came.* EXCLUDE (name, passers_by),
            coalesce(taken, 0) AS offers_taken
        FROM came LEFT JOIN had USING (name) WHERE passers_by > 0 ORDER BY name""").df()
    return protect(table, "passers_by", _COUNTS, scope.smallest_group, whole=len(table) == 1)


def _contents(
    engine: duckdb.DuckDBPyConnection, column: str, scope: Scope, campaigns: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Figures by what was shown; a viewer is a visitor who attended to it.

    Args:
        engine: With the tables.
        column: ``campaign`` or ``content``.
        scope: Tells the smallest group.
        campaigns: As told; those of contents add up to them.
    """
    table = engine.execute(f"""WITH
        did AS (SELECT name, count(*) FILTER (attention > 0) AS viewers,
            coalesce(sum(attention), 0) AS attention_seconds,
            attention_seconds / nullif(viewers, 0) AS attention_per_viewer,
            count(*) FILTER (reacted) AS reacted, count(*) FILTER (reacted) / nullif(viewers, 0) AS reaction_rate,
            count(*) FILTER (interested) AS interested,
            count(*) FILTER (interested) / nullif(viewers, 0) AS interest_rate,
            count(*) FILTER (followed_up) AS followed_up, count(*) FILTER (greeted) AS greeted
            FROM seen_{column} GROUP BY name),
        had AS (SELECT {column} AS name, sum(impressions)::BIGINT AS impressions, sum(offers_taken)::BIGINT AS taken
            FROM shown WHERE content IS NOT NULL GROUP BY ALL)
        SELECT name, coalesce(viewers, 0) AS viewers, coalesce(impressions, 0) AS impressions,
            did.* EXCLUDE (name, viewers), coalesce(taken, 0) AS offers_taken
        FROM did FULL JOIN had USING (name) ORDER BY attention_seconds DESC NULLS LAST, name""").df()
    totals = None if campaigns is None else campaigns.set_index("name").reindex(_campaigns(engine, table["name"]))
    return protect(table, "viewers", _COUNTS, scope.smallest_group, totals=totals)


def _campaigns(engine: duckdb.DuckDBPyConnection, contents: pd.Series) -> "pd.Index[Any]":
    """The campaign that each content belongs to."""
    found = engine.execute("""SELECT content, any_value(campaign) FROM shown WHERE content IS NOT NULL GROUP BY content
        UNION ALL SELECT name, any_value(campaign) FROM seen_content GROUP BY name""").fetchall()
    campaigns: pd.Index[Any] = pd.Index(contents.map(dict(found)), name="name")
    return campaigns


def _uplift(engine: duckdb.DuckDBPyConnection, scope: Scope, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Adaptive against control: in all, by what was shown, by stand and by hour."""
    every = {"all": "'all'", "stand": "stand", "hour": "hour"}
    parts = [_moments(engine, "all", every["all"], outcome) for outcome in OUTCOMES]
    parts += [_shown_moments(engine, group) for group in ("campaign", "content")]
    parts += [_moments(engine, group, every[group], "attention") for group in ("stand", "hour")]
    sums = pd.concat(parts, ignore_index=True)
    keys = ["group", "name", "outcome"]
    index = pd.MultiIndex.from_frame(sums.drop_duplicates(keys)[keys])
    adaptive, control = (
        sums[sums["arm"] == arm].set_index(keys)[[*MOMENTS, "who"]].astype(float).reindex(index).fillna(0.0)
        for arm in ("adaptive", "control")
    )
    found = compare(adaptive[list(MOMENTS)].to_numpy(), control[list(MOMENTS)].to_numpy(), scope.level)
    table = pd.DataFrame(vars(found), index=index).reset_index()
    counts = {"visitors_adaptive": adaptive["v"], "visitors_control": control["v"]}
    for place, (name, values) in enumerate(counts.items(), start=len(keys)):
        table.insert(place, name, values.to_numpy())
    people = np.column_stack([adaptive["v"], control["v"], adaptive["who"], control["who"]])
    few = _few(engine, table, people, scope.smallest_group, tables)
    table.loc[few, table.columns[len(keys) :]] = np.nan
    return table.astype(dict.fromkeys(counts, "Int64")).assign(suppressed=few)


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
        few |= ((table["group"] == group) & table["name"].isin(missing)).to_numpy()
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
    return engine.execute(f"""SELECT '{group}' AS "group", {column}::VARCHAR AS name, '{outcome}' AS outcome, arm,
            count(*) AS n, sum(v) AS v, sum({outcome}) AS y, sum(v * v) AS vv, sum({outcome} * {outcome}) AS yy,
            sum(v * {outcome}) AS vy, sum({who}) AS who
        FROM sessions GROUP BY ALL ORDER BY ALL""").df()


def _shown_moments(engine: duckdb.DuckDBPyConnection, group: str) -> pd.DataFrame:
    """Attention to each campaign or content, a visitor of any session: sessions that did not see it count as 0."""
    return engine.execute(f"""WITH
        every AS (SELECT arm, count(*) AS n, sum(v) AS v, sum(v * v) AS vv FROM sessions GROUP BY arm),
        held AS (SELECT session, name, sum(attention) AS y, count(*) FILTER (attention > 0) AS who
            FROM seen_{group} GROUP BY session, name),
        sums AS (SELECT arm, name, sum(y) AS y, sum(y * y) AS yy, sum(v * y) AS vy, sum(held.who) AS who
            FROM held JOIN sessions USING (session) GROUP BY ALL),
        names AS (SELECT DISTINCT name FROM sums)
        SELECT '{group}' AS "group", name, 'attention' AS outcome, arm, n, v, coalesce(y, 0) AS y, vv,
            coalesce(yy, 0) AS yy, coalesce(vy, 0) AS vy, coalesce(who, 0) AS who
        FROM every CROSS JOIN names LEFT JOIN sums USING (arm, name) ORDER BY name, arm""").df()


def _refuse_campaign(engine: duckdb.DuckDBPyConnection, name: str) -> None:
    """A figure of 0 would look like a finding; nobody may have seen the campaign, or its name may be misspelt."""
    found = engine.execute("SELECT DISTINCT campaign FROM events WHERE campaign IS NOT NULL").fetchall()
    others = [other for (other,) in found if other != name]
    raise InputError(f"{name}: nobody was shown this campaign{hint(name, others)}", column="campaign")


def _one(engine: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row = engine.execute(query).fetchone()
    assert row is not None
    return row
