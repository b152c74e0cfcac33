"""Proof of play: what was on the screen, when, for how long, and its share of the airtime.

A play is one showing of a content to its end. Cut showings count only in the shares of the airtime, because the number
of cuts would reveal how many audiences came. Plays that answered one visitor (follow-ups and greetings) could reveal
single people. So their counts are rounded down to a multiple of the smallest group, counted from the first day on, and
reported by day only. All other plays are exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

import duckdb
import pandas as pd

from faceline.errors import InputError, first_line
from faceline.stand.content.campaign import Campaign
from faceline.stand.content.catalogue import Catalogue, time_zone

STATES: Final = ("adaptive", "control", "nobody")
"""Audience of a play: a session of either arm, or nobody."""

_WHOLE: Final = 0.95  # of the seconds of a content, after which a play counts as shown to its end
_KEYS: Final = ("stand", "day", "hour", "campaign", "content")


@dataclass(frozen=True)
class Plays:
    """The proof of play for some days.

    Attributes:
        rows: A row for each stand, day, hour, campaign and content: ``plays`` and their ``seconds``. Plays that
            answered a visitor have no hour.
        days: A row for each day and campaign, with the ``sold`` and ``given`` share of the airtime; shares are rounded
            to a tenth of a percentage point.
        campaigns: A row for each campaign over all days: the shares given in each of `STATES`, and the number of days
            that missed the minimum of plays (``days_short``).
        contents: A row for each content over all days.
        span: First and last day.
    """

    rows: pd.DataFrame
    days: pd.DataFrame
    campaigns: pd.DataFrame
    contents: pd.DataFrame
    span: tuple[date, date]


def count_plays(
    files: Sequence[Path],
    catalogue: Catalogue,
    *,
    zone: str = "UTC",
    since: date | None = None,
    until: date | None = None,
    campaign: str | None = None,
    smallest_group: int = 10,
) -> Plays:
    """Count the plays in some files of events.

    Args:
        files: Parquet files with the columns of `faceline.stand.events.sources.SCHEMA`.
        catalogue: Catalogue with what was sold and the lengths of contents.
        zone: Time zone of days and hours.
        since: First day; None for no limit.
        until: Last day; None for no limit.
        campaign: Only plays of this campaign; shares are of all airtime. None for all.
        smallest_group: Plays that answered a visitor are rounded down to a multiple of it.

    Raises:
        InputError: The files cannot be read, or nothing was played on these days.
    """
    today = datetime.now(time_zone(zone)).date()
    try:
        counted = _counted(files, zone, catalogue)
    except duckdb.Error as error:
        raise InputError(f"the events cannot be read: {first_line(error)}", column="stores") from None
    counted = _rounded(counted, smallest_group)
    inside = pd.Series(True, index=counted.index)
    if since is not None:
        inside &= counted["day"] >= since
    if until is not None:
        inside &= counted["day"] <= until
    counted = counted[inside & (counted["airtime"] > 0)]
    if counted.empty:
        raise InputError("nothing was played on these days; choose other days or stores", column="stores")
    known, played = catalogue.campaign_by_id, set(counted["day"])
    if not set(counted["campaign"]) & set(known):
        raise InputError(
            "this catalogue has none of the campaigns that were played "
            f"({', '.join(sorted(set(counted['campaign']))[:5])}); give that of the stand",
            column="catalogue",
        )
    names = set(counted["campaign"]) | {each.id for each in catalogue.campaigns if any(map(each.runs, played))}
    found = {name: known.get(name) for name in sorted(names) if campaign in (None, name)}
    days = pd.DataFrame(
        [row for name, of in found.items() for row in _days(counted, name, of, today)], columns=_DAY_COLUMNS
    )
    campaigns = pd.DataFrame([_campaign(counted, days, name, of) for name, of in found.items()])
    own = counted if campaign is None else counted[counted["campaign"] == campaign]
    sums = {column: (column, "sum") for column in ("plays", "seconds")}
    own = own[own["plays"] > 0]
    rows = own.groupby([*_KEYS], as_index=False, dropna=False).agg(**sums)
    contents = own.groupby(["campaign", "content"], as_index=False).agg(**sums)
    return Plays(rows, days, campaigns, contents, (min(counted["day"]), max(counted["day"])))


_DAY_COLUMNS: Final = ("day", "campaign", "plays", "seconds", "sold", "given", "minimum")


def _counted(files: Sequence[Path], zone: str, catalogue: Catalogue) -> pd.DataFrame:
    """Return plays and seconds by stand, day, hour, campaign, content, audience and answer to a visitor."""
    lengths = pd.DataFrame(
        [(content.id, _WHOLE * content.seconds) for content in catalogue.contents], columns=["content", "least"]
    )
    with duckdb.connect() as engine:
        engine.execute(f"SET TimeZone = '{zone}'")
        engine.execute("SET enable_progress_bar = false")
        engine.read_parquet([str(file) for file in files], union_by_name=True).create_view("raw")
        engine.register("lengths", lengths)
        table = engine.execute("""WITH
            once AS (SELECT DISTINCT ON (stand, id) * FROM raw
                WHERE kind IN ('impression_started', 'impression_ended', 'decision_made')),
            why AS (SELECT decision, any_value(reason) AS reason FROM once
                WHERE kind = 'decision_made' GROUP BY decision),
            began AS (SELECT stand, impression, any_value(decision) AS decision FROM once
                WHERE kind = 'impression_started' GROUP BY stand, impression),
            played AS (SELECT stand, impression, content, campaign, coalesce(arm, 'nobody') AS state, seconds,
                make_timestamptz("at" - (seconds * 1000000)::BIGINT) AS moment
                FROM once WHERE kind = 'impression_ended')
            SELECT stand, moment::DATE AS day, extract(hour FROM moment)::INTEGER AS hour, played.campaign,
                played.content, state, coalesce(reason IN ('follow-up', 'loyal'), false) AS answers,
                count(*) AS answered, count(*) FILTER (seconds >= coalesce(least, 0)) AS plays,
                coalesce(sum(seconds) FILTER (seconds >= coalesce(least, 0)), 0) AS seconds, sum(seconds) AS airtime
            FROM played LEFT JOIN began USING (stand, impression) LEFT JOIN why USING (decision)
                LEFT JOIN lengths ON played.content = lengths.content
            GROUP BY ALL ORDER BY ALL""").df()
    table["day"] = pd.to_datetime(table["day"]).dt.date
    return table.astype({"hour": "Int64"})


def _rounded(table: pd.DataFrame, base: int) -> pd.DataFrame:
    """Round the plays that answered a visitor, by day, to multiples of a number, each with the average length."""
    exact, rare = table[~table["answers"]], table[table["answers"]]
    if rare.empty:
        return table
    keys = ["stand", "campaign", "content", "state", "answers"]
    rare = rare.assign(plays=rare["answered"])
    mean = rare.groupby(keys)["airtime"].sum() / rare.groupby(keys)["plays"].sum()
    days = pd.DataFrame(rare.groupby([*keys, "day"], as_index=False).agg(plays=("plays", "sum")))
    days = days.sort_values("day")
    until = days.groupby(keys)["plays"].cumsum()
    days["plays"] = until // base * base - (until - days["plays"]) // base * base
    days["seconds"] = days["plays"] * days.join(mean.rename("mean"), on=keys)["mean"]
    days["airtime"] = days["seconds"]
    days["hour"] = pd.array([pd.NA] * len(days), dtype="Int64")
    return pd.concat([exact, days], ignore_index=True)


def _days(counted: pd.DataFrame, name: str, campaign: Campaign | None, today: date) -> list[tuple[object, ...]]:
    """Return what a campaign got on each of its days; minimums are for each stand and for days that are over."""
    rows: list[tuple[object, ...]] = []
    for day, of_day in counted.groupby("day"):
        assert isinstance(day, date)
        own = of_day[of_day["campaign"] == name]
        if own.empty and (campaign is None or not campaign.runs(day)):
            continue
        runs = campaign is not None and campaign.runs(day)
        sold = campaign.share if campaign is not None and runs else None
        minimum = None
        if campaign is not None and runs and campaign.plays_a_day and day < today:
            minimum = campaign.plays_a_day * of_day["stand"].nunique()
        given = round(own["airtime"].sum() / of_day["airtime"].sum(), 3)
        rows.append((day, name, own["plays"].sum(), own["seconds"].sum(), sold, given, minimum))
    return rows


def _campaign(counted: pd.DataFrame, days: pd.DataFrame, name: str, campaign: Campaign | None) -> dict[str, object]:
    """Return what a campaign got on all of its days."""
    own_days = days[days["campaign"] == name]
    base = counted[counted["day"].isin(own_days["day"])]
    own = base[base["campaign"] == name]
    whole, mine = base.groupby("state")["airtime"].sum(), own.groupby("state")["airtime"].sum()
    given = {
        f"given_{state}": round(mine.get(state, 0.0) / whole[state], 3) if state in whole else None for state in STATES
    }
    short = (own_days["plays"] < own_days["minimum"].astype(float).fillna(0)).sum()
    return {
        "campaign": name,
        "plays": own["plays"].sum(),
        "seconds": own["seconds"].sum(),
        "sold": None if campaign is None else campaign.share,
        "given": round(own["airtime"].sum() / base["airtime"].sum(), 3) if len(base) else None,
        **given,
        "plays_a_day": None if campaign is None else campaign.plays_a_day,
        "days": len(own_days),
        "days_short": short,
    }
