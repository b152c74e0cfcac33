"""Finds which content of a campaign holds attention best, and whether that may be luck.

The comparison uses the share of a content's own airtime that visitors attended to, in control sessions only. There the
standard loop chooses without looking at the audience; an adaptive stand shows each content to a different, fitting
audience.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from faceline.stand.report.uplift import MOMENTS, compare, mean_interval

COLUMNS: Final = ("campaign", "name", "share", "low", "high", "difference", "difference_low", "difference_high",
                  "chance", "finding", "suppressed")  # fmt: skip

BEST, WORSE, UNSURE, ALONE = "best", "worse", "may be luck", "alone"
"""Findings about a content: it leads; the leader is better; the two cannot be told apart; it has no rival."""


def contest(arms: pd.DataFrame, chosen: Sequence[int], level: float) -> pd.DataFrame:
    """Compare the contents of each campaign with its leader.

    With several rivals each comparison uses a stricter level (Bonferroni), because the leader is picked afterwards.

    Args:
        arms: Sums from `faceline.stand.report.comparison.told_arms`; confidential values are missing.
        chosen: Periods to report.
        level: Confidence level of the intervals.

    Returns:
        A row for each content, the best of a campaign first; confidential values are missing.
    """
    rows = arms[(arms["group"] == "content") & (arms["outcome"] == "attention") & arms["period"].isin(chosen)]
    groups, columns = rows.groupby(["campaign", "name"], sort=False), [f"control {name}" for name in MOMENTS]
    sums = groups[columns].sum(min_count=1)
    hidden = groups["control v"].count() < groups.size()
    known = sums.fillna(0.0).to_numpy(dtype=float)
    share, low, high = mean_interval(known, level)
    table = sums[[]].assign(share=share, low=np.clip(low, 0, 1), high=np.clip(high, 0, 1), suppressed=hidden)
    table = table.assign(**dict.fromkeys(("difference", "difference_low", "difference_high", "chance"), np.nan))
    table["finding"] = None
    places = pd.Series(np.arange(len(table)))
    for members in places.groupby(table.index.get_level_values("campaign"), sort=False):
        _judge(table, known, members[1].to_numpy(), level)
    told = table.reset_index().sort_values(["campaign", "share", "name"], ascending=[True, False, True])
    return told[list(COLUMNS)].reset_index(drop=True)


def _judge(table: pd.DataFrame, known: np.ndarray, members: np.ndarray, level: float) -> None:
    """Compare the contents of one campaign with its best."""
    shares = table["share"].to_numpy(dtype=float)
    members = members[~np.isnan(shares[members])]
    if not len(members):
        return
    best = members[np.argmax(shares[members])]
    rivals = members[members != best]
    columns = list(table.columns)
    table.iloc[int(best), columns.index("finding")] = BEST if len(rivals) else ALONE
    if not len(rivals):
        return
    strict = 1 - (1 - level) / len(rivals)
    found = compare(known[rivals], np.repeat(known[[best]], len(rivals), axis=0), strict)
    for column, values in (
        ("difference", found.difference),
        ("difference_low", found.low),
        ("difference_high", found.high),
        ("chance", 1 - found.chance),
        ("finding", np.where(found.high < 0, WORSE, UNSURE)),
    ):
        table.iloc[rivals, columns.index(column)] = values
