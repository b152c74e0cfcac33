"""Closed periods for all figures, so that the difference of two reports never tells about few people.

A period is one whole day, or several if one is too small. It depends only on earlier days and never changes later.

Counts are rounded to a multiple of the smallest group. What is rounded is the running total from the first period on; a
span reports the difference of two such totals. So sums and differences over days, campaigns and groups are multiples
too, and no span is wrong by a whole smallest group.

Sums of seconds are exact, and a span adds up the periods that `faceline.stand.report.disclosure` allows. So several
reports together reveal only sums of single periods, and none of those is about few people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float

LONGEST: Final = 7
"""Days after which a period with enough visitors ends, even if some of its figures are about few people."""


@dataclass(frozen=True)
class Period:
    """Days that are only reported together.

    Attributes:
        first: First day.
        last: Last day.
        visitors: Number of visitors.
    """

    first: date
    last: date
    visitors: int


def closed_periods(days: Sequence[date], counts: Float[np.ndarray, "days counts"], smallest: int) -> list[Period]:
    """Divide days into periods that are as short as possible.

    A period ends with the first day by which it has enough visitors and each other count is zero or large enough, at
    the latest after a week. The remaining days form no period yet.

    Args:
        days: Days that are over, in order; days without visitors may be missing.
        counts: Counts of people on each day; visitors come first.
        smallest: Smallest number of people that is reported.
    """
    periods: list[Period] = []
    start, sums = 0, np.zeros(counts.shape[1])
    for place, day in enumerate(days):
        sums = sums + counts[place]
        enough = np.all((sums == 0) | (sums >= smallest))
        if sums[0] >= smallest and (enough or (day - days[start]).days + 1 >= LONGEST):
            periods.append(Period(days[start], day, int(sums[0])))
            start, sums = place + 1, np.zeros(counts.shape[1])
    return periods


def within(periods: Sequence[Period], since: date | None, until: date | None) -> list[int]:
    """Return the positions of the periods that lie wholly in a span."""
    return [
        place
        for place, period in enumerate(periods)
        if (since is None or period.first >= since) and (until is None or period.last <= until)
    ]


def rounded(table: pd.DataFrame, chosen: Sequence[int], columns: Sequence[str], base: int | float) -> pd.DataFrame:
    """Return the counts of a span as differences of rounded running totals before it and at its end.

    Args:
        table: A row for each period and name, of all periods.
        chosen: Consecutive periods of the span.
        columns: Names of the columns with counts.
        base: Totals are rounded to multiples of this.

    Returns:
        A row for each name, in the index.
    """
    ends = [table[table["period"] < chosen[0]], table[table["period"] <= chosen[-1]]]
    sums = [part.groupby("name")[list(columns)].sum().astype(float).round(6) for part in ends]
    before, until = ((of + base / 2) // base * base for of in sums)
    return until.sub(before.reindex(until.index, fill_value=0)).astype("Int64")
