"""Reports the uplift of adaptive over control, for closed periods and never about few people.

For all visitors the outcome is seconds of attention per visitor. A campaign or content is compared in its own airtime:
the share of the time in which visitors could see it that they attended to it. So more showings bring no advantage.

Attention comes from exact sums, which are hidden in periods with few visitors in an arm. Shares of visitors come from
rounded counts.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import duckdb
import numpy as np
import pandas as pd

from faceline.stand.report.counting import ARMS, airtime_moments, campaigns_of, moments
from faceline.stand.report.disclosure import Flags, hidden
from faceline.stand.report.periods import rounded
from faceline.stand.report.uplift import MOMENTS, compare
from faceline.stand.words import mark

OUTCOMES: Final = {
    mark(
        "attention"
    ): "seconds of attention a visitor; of a campaign or content: the share of its airtime that was attended",
    mark("interest"): "share of visitors who showed interest",
    mark("reaction"): "share of visitors who reacted",
}
"""Outcomes by which the arms are compared."""

SECONDS, AIRTIME, PEOPLE = mark("seconds a visitor"), mark("share of its airtime"), mark("share of visitors")
"""Units of the outcomes."""

_KEYS: Final = ["group", "name", "outcome", "measure"]
_OF_ARMS: Final = [f"{arm} {name}" for arm in ARMS for name in (*MOMENTS, "people")]


def told_arms(
    engine: duckdb.DuckDBPyConnection, counted: Mapping[str, pd.DataFrame], smallest: int, campaign: str | None
) -> pd.DataFrame:
    """Return the sums of both arms for each period, group and outcome; confidential sums are missing.

    Args:
        engine: Engine with the tables of `faceline.stand.report.counting.keep_periods`.
        counted: Other tables of the report, by period; confidential sums are missing.
        smallest: Smallest number of people that is reported.
        campaign: The only campaign to report; None for all.
    """
    arms = _arms(engine)
    arms["campaign"] = campaigns_of(engine, arms["name"].where(arms["group"] == "content"))
    arms.loc[_few(arms, smallest, counted), _OF_ARMS] = np.nan
    return arms if campaign is None else _of_campaign(arms, campaign)


def told_uplift(arms: pd.DataFrame, chosen: Sequence[int], smallest: int, level: float) -> pd.DataFrame:
    """Compare adaptive with control: in all, by content, and for all campaigns together by stand and hour.

    Args:
        arms: Sums from `told_arms`.
        chosen: Periods to report.
        smallest: Smallest number of people that is reported.
        level: Confidence level of the intervals.

    Returns:
        A row for each group and outcome; confidential values are missing.
    """
    groups = arms[arms["period"].isin(chosen)].groupby(_KEYS, sort=False)
    sums = groups[_OF_ARMS].sum(min_count=1)
    sums = _with_rounded_shares(sums, arms, chosen, smallest)
    adaptive, control = (
        np.nan_to_num(sums[[f"{arm} {name}" for name in MOMENTS]].to_numpy(dtype=float)) for arm in ARMS
    )
    figures = pd.DataFrame(vars(compare(adaptive, control, level)), index=sums.index)
    own = figures.index.get_level_values("measure") == AIRTIME
    for place, arm in enumerate(ARMS):
        figures.insert(place, f"visitors_{arm}", sums[f"{arm} people"])
    for arm in ARMS:
        figures[f"airtime_{arm}"] = sums[f"{arm} v"].where(own)
    figures[sums["adaptive v"].isna()] = np.nan
    figures["suppressed"] = groups["adaptive v"].count() < groups.size()
    return figures.astype(dict.fromkeys((f"visitors_{arm}" for arm in ARMS), "Int64")).reset_index()


def _arms(engine: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Return the sums of both arms side by side, for each period, group and outcome."""
    sums = [moments(engine, "all", "'all'", outcome) for outcome in OUTCOMES]
    sums += [airtime_moments(engine, group) for group in ("campaign", "content")]
    sums += [moments(engine, group, group, "attention") for group in ("stand", "hour")]
    rows, keys = pd.concat(sums, ignore_index=True), ["period", *_KEYS]
    rows["measure"] = np.where(
        rows["outcome"] != "attention", PEOPLE, np.where(rows["group"].isin(["campaign", "content"]), AIRTIME, SECONDS)
    )
    index = pd.MultiIndex.from_frame(rows.drop_duplicates(keys)[keys])
    of_arms = [
        rows[rows["arm"] == arm].set_index(keys)[[*MOMENTS, "who", "people"]].astype(float).reindex(index).fillna(0.0)
        for arm in ARMS
    ]
    return pd.concat(
        [table.add_prefix(f"{arm} ") for arm, table in zip(ARMS, of_arms, strict=True)], axis=1
    ).reset_index()


def _few(arms: pd.DataFrame, smallest: int, counted: Mapping[str, pd.DataFrame]) -> Flags:
    """Return which rows must be hidden.

    A row is hidden if an arm is small, if few people gave its attention, if another table hides the attention of the
    group or its campaign, or if a total would reveal such a row.
    """
    visitors = arms[[f"{arm} people" for arm in ARMS]].to_numpy(dtype=float)
    is_attention = (arms["outcome"] == "attention").to_numpy()
    who = np.where(is_attention[:, None], arms[[f"{arm} who" for arm in ARMS]].to_numpy(dtype=float), 0.0)
    people = np.column_stack([visitors, who])
    few = np.any(visitors < smallest, axis=1)
    shown = arms["group"].isin(["campaign", "content"]).to_numpy()
    groups = arms["group"].where(arms["group"] != "all", "total")
    for name, table in counted.items():
        missing = table[table["attention_seconds"].isna()]
        keys = pd.MultiIndex.from_arrays([missing["period"], missing["name"].astype(str)])
        few |= (
            is_attention & (groups == name).to_numpy() & pd.MultiIndex.from_frame(arms[["period", "name"]]).isin(keys)
        )
    together = arms["period"].astype(str) + "/" + arms["group"] + "/" + arms["campaign"].fillna(arms["outcome"])
    few = hidden(people, smallest, together, few, shown)
    campaigns = few & (arms["group"] == "campaign").to_numpy()
    keys = pd.MultiIndex.from_frame(arms.loc[campaigns, ["period", "name"]])
    return few | pd.MultiIndex.from_frame(arms[["period", "campaign"]]).isin(keys)


def _of_campaign(arms: pd.DataFrame, campaign: str) -> pd.DataFrame:
    """Return the rows of one campaign; attention in all is that to the campaign, in its own airtime."""
    own = arms[(arms["group"] == "campaign") & (arms["name"] == campaign)]
    shares = arms[arms["outcome"] != "attention"]
    return pd.concat([own.assign(group="all", name="all"), shares, own, arms[arms["campaign"] == campaign]])


def _with_rounded_shares(sums: pd.DataFrame, arms: pd.DataFrame, chosen: Sequence[int], smallest: int) -> pd.DataFrame:
    """Round the counts behind shares, and add the rounding error to the variance."""
    told = arms[(arms["outcome"] != "attention") & arms["adaptive v"].notna()]
    for arm in ARMS:
        exact, column = sums[f"{arm} y"], f"{arm} y"
        near = rounded(told.assign(name=told["outcome"]), chosen, [column], smallest)[column].astype(float)
        for key in exact.index[exact.index.get_level_values("outcome") != "attention"]:
            if not np.isnan(exact[key]):
                share = near[key[2]] / max(exact[key], 1.0)
                sums.loc[key, [f"{arm} yy", f"{arm} vy"]] *= share
                sums.loc[key, column] = near[key[2]]
                sums.loc[key, f"{arm} yy"] += smallest**2 / 6  # two ends, each off by up to half a step
    return sums
