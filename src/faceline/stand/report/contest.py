"""Which content of a campaign holds attention best, and whether that may be luck.

Compared is the share of its own airtime that visitors attended to, in control sessions alone: there the standard loop
chooses without a look at the audience. An adaptive stand shows each content to those whom it suits, so that its
audiences differ.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from faceline.stand.report.uplift import MOMENTS, compare, mean_interval

COLUMNS: Final = ("campaign", "name", "share", "low", "high", "difference", "difference_low", "difference_high",
                  "chance", "finding", "suppressed")  # fmt: skip

BEST, WORSE, UNSURE, ALONE = "best", "worse", "may be luck", "alone"
"""What is found of a content: it leads; the leader is better; the two cannot be told apart; it has no rival."""


def contest(arms: pd.DataFrame, chosen: Sequence[int], level: float) -> pd.DataFrame:
    """The contents of each campaign against the one that leads.

    With several rivals each is held to a stricter level (Bonferroni), since a leader is picked after the fact.

    Args:
        arms: Of `faceline.stand.report.comparison.told_arms`; what must not be told is missing.
        chosen: The periods to tell of.
        level: Of the intervals.

    Returns:
        A row for each content, the best of a campaign first; what must not be told is missing.
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
    """Hold the contents of one campaign against its best."""
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
