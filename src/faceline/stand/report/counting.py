"""Counts the events of a report with DuckDB, over Parquet files of any size, with one pass for each table.

There are three tables: *seen* (a row for each visit and content), *visits*, and *sessions*. All of them carry their
closed period (`faceline.stand.report.periods`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import duckdb
import pandas as pd

from faceline.stand.report.periods import Period
from faceline.threads import usable_threads

_DID: Final = """sum(attention) AS attention, sum(ots) AS ots, sum(views) AS views,
    bool_or(reacted) AS reacted, bool_or(interested) AS interested,
    bool_or(followed_up) AS followed_up, bool_or(greeted) AS greeted"""
"""What a visitor did, over several contents."""

_QUARTER: Final = 900_000_000
"""Microseconds in a quarter of an hour."""

ARMS: Final = ("adaptive", "control")

CLOSING: Final = (
    "NOT continued",
    "attention > 0",
    *(f"{condition} AND arm = '{arm}'" for arm in ARMS for condition in ("NOT continued", "attention > 0")),
)
"""Counts of people that decide when a period ends, each as a condition on a visit; the visitors come first."""


_EVERY_SEEN: Final = """CREATE TEMP TABLE every_seen AS WITH
    presence AS (SELECT visit, any_value(session) AS session, min("at") FILTER (kind = 'visitor_appeared') AS came,
        came + coalesce(sum(seconds) FILTER (kind = 'visitor_left') * 1000000, max("at") - came) AS went
        FROM events WHERE visit IS NOT NULL GROUP BY visit HAVING came IS NOT NULL),
    plays AS (SELECT impression, any_value(session) AS session, any_value(content) AS content,
        any_value(campaign) AS campaign, min("at") FILTER (kind = 'impression_started') AS began,
        began + coalesce(sum(seconds) FILTER (kind = 'impression_ended'), 0) * 1000000 AS ended
        FROM events WHERE kind IN ('impression_started', 'impression_ended') AND session IS NOT NULL
        GROUP BY impression HAVING began IS NOT NULL),
    could AS (SELECT visit, content, any_value(session) AS session, any_value(campaign) AS campaign, count(*) AS ots,
        sum(greatest(least(went, ended) - greatest(came, began), 0)) / 1000000 AS airtime
        FROM presence JOIN plays USING (session)
        WHERE began <= went AND (came < ended OR began = ended AND came <= began) GROUP BY visit, content),
    did AS (SELECT visit, content, any_value(session) AS session, any_value(campaign) AS campaign,
        coalesce(sum(seconds) FILTER (kind = 'attention_held'), 0) AS attention,
        count(*) FILTER (kind = 'attention_held' AND seconds > 0) AS views,
        bool_or(kind = 'reacted') AS reacted, bool_or(kind = 'interest_seen') AS interested,
        bool_or(kind = 'follow_up_shown') AS followed_up, bool_or(kind = 'loyal_greeted') AS greeted
        FROM events WHERE visit IS NOT NULL AND impression IS NOT NULL GROUP BY visit, content)
    SELECT visit, content AS name, coalesce(did.session, could.session) AS session,
        coalesce(did.campaign, could.campaign) AS campaign, coalesce(attention, 0) AS attention,
        coalesce(views, 0) AS views, greatest(coalesce(ots, 0), coalesce(views, 0)) AS ots,
        greatest(coalesce(airtime, 0), coalesce(attention, 0)) AS airtime, coalesce(reacted, false) AS reacted,
        coalesce(interested, false) AS interested, coalesce(followed_up, false) AS followed_up,
        coalesce(greeted, false) AS greeted
    FROM did FULL JOIN could USING (visit, content)"""
"""What each visitor could see of each content, and did.

An opportunity to see is a visitor who was there during a play; ``airtime`` is the seconds of both. Whoever attended had
the opportunity, whatever the clocks say.
"""


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
    """Create the view ``events``, with day and hour of the time zone, and the tables ``every_seen`` and ``came``."""
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
    engine.execute(_EVERY_SEEN)
    engine.execute("""CREATE TEMP TABLE came AS
        SELECT came.* EXCLUDE (quarter), day, hour FROM (
            SELECT visit, any_value(stand) AS stand, any_value(session) AS session, any_value(arm) AS arm,
                coalesce(bool_or(continued), false) AS continued, min(quarter) AS quarter,
                sum(seconds) FILTER (kind = 'visitor_left') AS dwell
            FROM events WHERE kind IN ('visitor_appeared', 'visitor_left') GROUP BY visit
            HAVING bool_or(kind = 'visitor_appeared')) AS came JOIN quarters USING (quarter)""")
    engine.execute(f"CREATE VIEW every_visit AS {_visits('every_seen', 'came')}")


def _spans(engine: duckdb.DuckDBPyConnection) -> tuple[bool, int, int]:
    """Tell whether two files may hold the same event (times of one stand overlap); also return first and last time."""
    overlap, first, last = one(
        engine,
        """WITH spans AS (
            SELECT stand, min("at") AS first, max("at") AS last FROM raw GROUP BY stand, filename),
        pairs AS (SELECT *, first <= lag(last) OVER (PARTITION BY stand ORDER BY first, last) AS again FROM spans)
        SELECT coalesce(bool_or(again), false), coalesce(min(first), 0), coalesce(max(last), 0) FROM pairs""",
    )
    return bool(overlap), int(first), int(last)


def _visits(seen: str, came: str) -> str:
    """Return a query for what visitors of a table did, over what they saw."""
    return f"""SELECT came.*, coalesce(attention, 0) AS attention,
            coalesce(ots, 0) AS ots, coalesce(views, 0) AS views,
            coalesce(reacted, false) AS reacted, coalesce(interested, false) AS interested,
            coalesce(followed_up, false) AS followed_up, coalesce(greeted, false) AS greeted
        FROM {came} AS came LEFT JOIN (SELECT visit, {_DID} FROM {seen} GROUP BY visit) AS did USING (visit)"""


def keep_periods(engine: duckdb.DuckDBPyConnection, periods: Sequence[Period]) -> None:
    """Create the tables that figures come from, for the periods that may be reported.

    Visits and sessions count what visitors did with the chosen campaign, or with any. Attention of sessions is that to
    any campaign.
    """
    rows = ", ".join(f"({place}, DATE '{period.first}', DATE '{period.last}')" for place, period in enumerate(periods))
    engine.execute(f"""CREATE TEMP TABLE days AS SELECT DISTINCT day, period
        FROM quarters JOIN (VALUES {rows}) AS periods(period, first, last) ON day BETWEEN first AND last""")
    engine.execute("""CREATE TEMP TABLE seen_content AS
        SELECT seen.*, period FROM every_seen AS seen JOIN came USING (visit) JOIN days USING (day)""")
    engine.execute(f"""CREATE TEMP TABLE seen_campaign AS SELECT visit, campaign AS name, any_value(session) AS session,
        any_value(period) AS period, sum(airtime) AS airtime, {_DID} FROM seen_content GROUP BY visit, campaign""")
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
    engine.execute("CREATE VIEW all_sessions AS SELECT DISTINCT session, period, arm FROM all_visits")
    # parts of a session, so that they add up to the figures of the same days and hours
    engine.execute(f"""CREATE TEMP TABLE sessions AS
        SELECT session, period, any_value(stand) AS stand, {sums} FROM outcomes GROUP BY session, period""")
    engine.execute(f"""CREATE VIEW hours_of_sessions AS
        SELECT session, period, hour, {sums} FROM outcomes GROUP BY session, period, hour""")
    engine.execute("""CREATE TEMP TABLE shown AS
        SELECT stand, day, hour, campaign, content, period,
            count(*) FILTER (kind = 'impression_started') AS plays,
            count(*) FILTER (kind = 'offer_taken') AS offers_taken
        FROM events JOIN quarters USING (quarter) JOIN days USING (day)
        WHERE kind IN ('impression_started', 'offer_taken') AND session IS NOT NULL GROUP BY ALL""")
    engine.execute("""CREATE TEMP TABLE gaps AS
        SELECT lost, seconds, period FROM events JOIN quarters USING (quarter) JOIN days USING (day)
        WHERE kind = 'logging_paused'""")


def by_place(engine: duckdb.DuckDBPyConnection, column: str) -> pd.DataFrame:
    """Return counts and sums of each period by place or time of arrival."""
    return engine.execute(f"""WITH
        people AS (SELECT period, {column} AS name, count(*) FILTER (NOT continued) AS passers_by, count(*) AS visits,
            sum(ots) AS ots, sum(views) AS views, coalesce(sum(dwell), 0) AS dwell, sum(attention) AS attention_seconds,
            count(*) FILTER (attention > 0) AS attended, count(*) FILTER (reacted) AS reacted,
            count(*) FILTER (interested) AS interested, count(*) FILTER (followed_up) AS followed_up,
            count(*) FILTER (greeted) AS greeted
            FROM visits GROUP BY ALL),
        had AS (SELECT period, {column} AS name, sum(plays)::BIGINT AS shown,
            sum(offers_taken)::BIGINT AS taken FROM shown
            WHERE getvariable('campaign') IS NULL OR campaign = getvariable('campaign') GROUP BY ALL)
        SELECT people.*, coalesce(shown, 0) AS plays, coalesce(taken, 0) AS offers_taken
        FROM people LEFT JOIN had USING (period, name) ORDER BY period, name""").df()


def by_content(engine: duckdb.DuckDBPyConnection, column: str) -> pd.DataFrame:
    """Return counts and sums of each period by campaign or content; a viewer is a visitor who attended to it."""
    table = engine.execute(f"""WITH
        did AS (SELECT period, name, count(*) FILTER (attention > 0) AS viewers,
            sum(ots) AS ots, sum(views) AS views,
            sum(attention) AS attention_seconds, count(*) FILTER (reacted) AS reacted,
            count(*) FILTER (interested) AS interested, count(*) FILTER (followed_up) AS followed_up,
            count(*) FILTER (greeted) AS greeted
            FROM seen_{column} GROUP BY period, name),
        had AS (SELECT period, {column} AS name, sum(plays)::BIGINT AS plays,
            sum(offers_taken)::BIGINT AS offers_taken FROM shown WHERE content IS NOT NULL GROUP BY ALL)
        SELECT * FROM did FULL JOIN had USING (period, name) ORDER BY period, name""").df()
    counts = table.columns.drop(["period", "name"])
    return table.assign(**table[counts].fillna(0))


def campaigns_of(engine: duckdb.DuckDBPyConnection, contents: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return the campaign of each content."""
    found = engine.execute("""SELECT content, any_value(campaign) FROM shown WHERE content IS NOT NULL GROUP BY content
        UNION ALL SELECT name, any_value(campaign) FROM seen_content GROUP BY name""").fetchall()
    return contents.map(dict(found)).astype(object)  # of missing contents alone pandas would make numbers


def moments(engine: duckdb.DuckDBPyConnection, group: str, column: str, outcome: str) -> pd.DataFrame:
    """Return `faceline.stand.report.uplift.Sums` of each group and arm, and how many visitors attended."""
    source = "hours_of_sessions" if group == "hour" else "sessions"
    return engine.execute(f"""SELECT period, '{group}' AS "group", {column}::VARCHAR AS name, '{outcome}' AS outcome,
            arm, count(*) AS n, sum(v) AS v, sum({outcome}) AS y, sum(v * v) AS vv, sum({outcome} * {outcome}) AS yy,
            sum(v * {outcome}) AS vy, sum(who) AS who, sum(v) AS people
        FROM {source} GROUP BY ALL ORDER BY ALL""").df()


def airtime_moments(engine: duckdb.DuckDBPyConnection, group: str) -> pd.DataFrame:
    """Return attention to each campaign or content, its airtime before visitors, and the sessions that could see it."""
    return engine.execute(f"""WITH
        held AS (SELECT session, period, name, sum(airtime) AS v, sum(attention) AS y, count(*) AS could,
            count(*) FILTER (attention > 0) AS who FROM seen_{group} WHERE airtime > 0 GROUP BY session, period, name)
        SELECT period, '{group}' AS "group", name, 'attention' AS outcome, arm, count(*) AS n, sum(v) AS v, sum(y) AS y,
            sum(v * v) AS vv, sum(y * y) AS yy, sum(v * y) AS vy, sum(who) AS who, sum(could) AS people
        FROM held JOIN all_sessions USING (session, period) GROUP BY ALL ORDER BY period, name, arm""").df()


def one(engine: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """Return the only row of a query."""
    row = engine.execute(query).fetchone()
    assert row is not None
    return row
