"""Counts the events of a report with DuckDB, over Parquet files of any size, in one pass for each table.

Three tables are made: what was *seen* (a row for a visit and a content), the *visits*, and the *sessions*. All of them
carry the closed period (`faceline.stand.report.periods`) that they belong to.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import pandas as pd

from faceline.stand.report.periods import Period
from faceline.threads import usable_threads

_DID: Final = """sum(attention) AS attention, bool_or(reacted) AS reacted, bool_or(interested) AS interested,
    bool_or(followed_up) AS followed_up, bool_or(greeted) AS greeted"""
"""What somebody did, over several contents."""

_QUARTER: Final = 900_000_000
"""Microseconds of a quarter of an hour."""

ARMS: Final = ("adaptive", "control")

CLOSING: Final = (
    "NOT continued",
    "attention > 0",
    *(f"{condition} AND arm = '{arm}'" for arm in ARMS for condition in ("NOT continued", "attention > 0")),
)
"""Counts of people by which a period ends, each as a condition on a visit; the visitors first."""


def open_events(
    engine: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    temporary: Path,
    *,
    zone: str,
    campaign: str | None,
    threads: int | None,
    memory_gb: float | None,
) -> None:
    """Make a view ``events``, with day and hour of the time zone, and the tables ``every_seen`` and ``came``."""
    settings = {
        "TimeZone": zone,
        "temp_directory": str(temporary),
        "preserve_insertion_order": False,
        "enable_progress_bar": False,
    }
    settings |= {} if threads is None else {"threads": usable_threads(threads)}
    settings |= {} if memory_gb is None else {"memory_limit": f"{memory_gb}GB"}
    for name, value in settings.items():
        engine.execute(f"SET {name} = {value!r}" if isinstance(value, str) else f"SET {name} = {value}")
    engine.execute("SET VARIABLE campaign = $campaign", {"campaign": campaign})
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


def _spans(engine: duckdb.DuckDBPyConnection) -> tuple[bool, int, int]:
    """Whether two files may hold the same event (they have times of one stand in common); first and last time."""
    overlap, first, last = one(
        engine,
        """WITH spans AS (
            SELECT stand, min("at") AS first, max("at") AS last FROM raw GROUP BY stand, filename),
        pairs AS (SELECT *, first <= lag(last) OVER (PARTITION BY stand ORDER BY first, last) AS again FROM spans)
        SELECT coalesce(bool_or(again), false), coalesce(min(first), 0), coalesce(max(last), 0) FROM pairs""",
    )
    return bool(overlap), int(first), int(last)


def _visits(seen: str, came: str) -> str:
    """What the visitors of a table did, of what was seen."""
    return f"""SELECT came.*, coalesce(attention, 0) AS attention,
            coalesce(reacted, false) AS reacted, coalesce(interested, false) AS interested,
            coalesce(followed_up, false) AS followed_up, coalesce(greeted, false) AS greeted
        FROM {came} AS came LEFT JOIN (SELECT visit, {_DID} FROM {seen} GROUP BY visit) AS did USING (visit)"""


def keep_periods(engine: duckdb.DuckDBPyConnection, periods: Sequence[Period]) -> None:
    """Make the tables that figures come from, of the periods that may be told.

    Those of visits and sessions tell what visitors did with the chosen campaign, or with any. Attention of sessions is
    that to any campaign.
    """
    rows = ", ".join(f"({place}, DATE '{period.first}', DATE '{period.last}')" for place, period in enumerate(periods))
    engine.execute(f"""CREATE TEMP TABLE days AS SELECT DISTINCT day, period
        FROM quarters JOIN (VALUES {rows}) AS periods(period, first, last) ON day BETWEEN first AND last""")
    engine.execute("""CREATE TEMP TABLE seen_content AS
        SELECT seen.*, period FROM every_seen AS seen JOIN came USING (visit) JOIN days USING (day)""")
    engine.execute(f"""CREATE TEMP TABLE seen_campaign AS SELECT visit, campaign AS name, any_value(session) AS session,
        any_value(period) AS period, {_DID} FROM seen_content GROUP BY visit, campaign""")
    told = "(SELECT came.*, period FROM came JOIN days USING (day))"
    chosen = "(SELECT * FROM seen_content WHERE campaign = getvariable('campaign'))"
    engine.execute(f"CREATE TEMP TABLE all_visits AS {_visits('seen_content', told)}")
    if one(engine, "SELECT getvariable('campaign')")[0] is None:
        engine.execute("CREATE VIEW visits AS SELECT * FROM all_visits")
        engine.execute("CREATE VIEW outcomes AS SELECT * FROM all_visits")
    else:
        engine.execute(f"CREATE TEMP TABLE visits AS {_visits(chosen, told)}")
        engine.execute("""CREATE VIEW outcomes AS
            SELECT came.* EXCLUDE (reacted, interested), did.reacted, did.interested
            FROM all_visits AS came JOIN visits AS did USING (visit)""")
    sums = """any_value(arm) AS arm, count(*)::DOUBLE AS v, sum(attention) AS attention,
        sum((attention > 0)::INT)::DOUBLE AS who, sum(interested::INT)::DOUBLE AS interest,
        sum(reacted::INT)::DOUBLE AS reaction"""
    # parts of a session, so that they add up to the figures of the same days and hours
    engine.execute(f"""CREATE TEMP TABLE sessions AS
        SELECT session, period, any_value(stand) AS stand, {sums} FROM outcomes GROUP BY session, period""")
    engine.execute(f"""CREATE VIEW hours_of_sessions AS
        SELECT session, period, hour, {sums} FROM outcomes GROUP BY session, period, hour""")
    engine.execute("""CREATE TEMP TABLE shown AS
        SELECT stand, day, hour, campaign, content, period,
            count(*) FILTER (kind = 'impression_started') AS impressions,
            count(*) FILTER (kind = 'offer_taken') AS offers_taken
        FROM events JOIN quarters USING (quarter) JOIN days USING (day)
        WHERE kind IN ('impression_started', 'offer_taken') AND session IS NOT NULL GROUP BY ALL""")
    engine.execute("""CREATE TEMP TABLE gaps AS
        SELECT lost, seconds, period FROM events JOIN quarters USING (quarter) JOIN days USING (day)
        WHERE kind = 'logging_paused'""")


def by_place(engine: duckdb.DuckDBPyConnection, column: str) -> pd.DataFrame:
    """Counts and sums of each period by where or when somebody came."""
    return engine.execute(f"""WITH
        people AS (SELECT period, {column} AS name, count(*) FILTER (NOT continued) AS passers_by, count(*) AS visits,
            coalesce(sum(dwell), 0) AS dwell, sum(attention) AS attention_seconds,
            count(*) FILTER (attention > 0) AS attended, count(*) FILTER (reacted) AS reacted,
            count(*) FILTER (interested) AS interested, count(*) FILTER (followed_up) AS followed_up,
            count(*) FILTER (greeted) AS greeted
            FROM visits GROUP BY ALL),
        had AS (SELECT period, {column} AS name, sum(impressions)::BIGINT AS shown,
            sum(offers_taken)::BIGINT AS taken FROM shown
            WHERE getvariable('campaign') IS NULL OR campaign = getvariable('campaign') GROUP BY ALL)
        SELECT people.*, coalesce(shown, 0) AS impressions, coalesce(taken, 0) AS offers_taken
        FROM people LEFT JOIN had USING (period, name) ORDER BY period, name""").df()


def by_content(engine: duckdb.DuckDBPyConnection, column: str) -> pd.DataFrame:
    """Counts and sums of each period by campaign or content; a viewer is a visitor who attended to it."""
    table = engine.execute(f"""WITH
        did AS (SELECT period, name, count(*) FILTER (attention > 0) AS viewers,
            sum(attention) AS attention_seconds, count(*) FILTER (reacted) AS reacted,
            count(*) FILTER (interested) AS interested, count(*) FILTER (followed_up) AS followed_up,
            count(*) FILTER (greeted) AS greeted
            FROM seen_{column} GROUP BY period, name),
        had AS (SELECT period, {column} AS name, sum(impressions)::BIGINT AS impressions,
            sum(offers_taken)::BIGINT AS offers_taken FROM shown WHERE content IS NOT NULL GROUP BY ALL)
        SELECT * FROM did FULL JOIN had USING (period, name) ORDER BY period, name""").df()
    counts = table.columns.drop(["period", "name"])
    return table.assign(**table[counts].fillna(0))


def campaigns_of(engine: duckdb.DuckDBPyConnection, contents: "pd.Series[Any]") -> "pd.Series[Any]":
    """The campaign that each content belongs to."""
    found = engine.execute("""SELECT content, any_value(campaign) FROM shown WHERE content IS NOT NULL GROUP BY content
        UNION ALL SELECT name, any_value(campaign) FROM seen_content GROUP BY name""").fetchall()
    return contents.map(dict(found))


def moments(engine: duckdb.DuckDBPyConnection, group: str, column: str, outcome: str) -> pd.DataFrame:
    """The sums of `faceline.stand.report.uplift.Sums` of each group and arm, and how many visitors attended."""
    source = "hours_of_sessions" if group == "hour" else "sessions"
    return engine.execute(f"""SELECT period, '{group}' AS "group", {column}::VARCHAR AS name, '{outcome}' AS outcome,
            arm, count(*) AS n, sum(v) AS v, sum({outcome}) AS y, sum(v * v) AS vv, sum({outcome} * {outcome}) AS yy,
            sum(v * {outcome}) AS vy, sum(who) AS who
        FROM {source} GROUP BY ALL ORDER BY ALL""").df()


def shown_moments(engine: duckdb.DuckDBPyConnection, group: str) -> pd.DataFrame:
    """Attention to each campaign or content, a visitor of any session: sessions that did not see it count as 0."""
    return engine.execute(f"""WITH
        every AS (SELECT period, arm, count(*) AS n, sum(v) AS v, sum(v * v) AS vv FROM sessions GROUP BY period, arm),
        held AS (SELECT session, period, name, sum(attention) AS y, count(*) FILTER (attention > 0) AS who
            FROM seen_{group} GROUP BY session, period, name),
        sums AS (SELECT period, arm, name, sum(y) AS y, sum(y * y) AS yy, sum(v * y) AS vy, sum(held.who) AS who
            FROM held JOIN sessions USING (session, period) GROUP BY ALL),
        names AS (SELECT DISTINCT period, name FROM sums WHERE name IS NOT NULL)
        SELECT period, '{group}' AS "group", name, 'attention' AS outcome, arm, n, v, coalesce(y, 0) AS y, vv,
            coalesce(yy, 0) AS yy, coalesce(vy, 0) AS vy, coalesce(who, 0) AS who
        FROM every JOIN names USING (period) LEFT JOIN sums USING (period, arm, name)
        ORDER BY period, name, arm""").df()


def one(engine: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """The only row that a query gives."""
    row = engine.execute(query).fetchone()
    assert row is not None
    return row
