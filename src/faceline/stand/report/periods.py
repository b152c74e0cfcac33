"""The closed periods that all figures are made of, so that two reports never tell of few people by their difference.

A period is one whole day, or several where one alone is too small. Periods follow from the days before them and never
change later.

Counts are rounded to a multiple of the smallest group. It is the running total from the first period on that is
rounded; a span tells the difference of two such totals. So whatever is added to or subtracted from one another, over
days, campaigns and groups, is a multiple too, and no span is wrong by as much as one smallest group.

Sums of seconds are exact, and a span adds up those of its periods that `faceline.stand.report.disclosure` lets be told.
Hence what follows from several reports follows from sums of single periods, and none of those is about few people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
from jaxtyping import Float

LONGEST: Final = 7
"""Days after which a period ends although some of its figures are about few people, if it has visitors enough."""


@dataclass(frozen=True)
class Period:
    """Some days that are only told together.

    Attributes:
        first: First day.
        last: Last day.
        visitors: Who came then.
    """

    first: date
    last: date
    visitors: int


def closed_periods(days: Sequence[date], counts: Float[np.ndarray, "days counts"], smallest: int) -> list[Period]:
    """Divide days into periods, each as short as can be.

    A period ends with the first day by which it has visitors enough and each other count is of nobody or of enough
    people; at the latest after a week. What is left at the end is no period yet.

    Args:
        days: That are over, in order; days without visitors may be missing.
        counts: Of people on each; the visitors first.
        smallest: How many people may be told.
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
    """The places of the periods that lie wholly in a span."""
    return [
        place
        for place, period in enumerate(periods)
        if (since is None or period.first >= since) and (until is None or period.last <= until)
    ]


def rounded(table: pd.DataFrame, chosen: Sequence[int], columns: Sequence[str], base: int | float) -> pd.DataFrame:
    """Counts of a span, as the difference of what has been counted before it and to its end, each rounded.

    Args:
        table: A row for each period and name, of all periods.
        chosen: The periods of the span, which follow one another.
        columns: The counts.
        base: The numbers are rounded to its nearest multiples.

    Returns:
        A row for each name, in the index.
    """
    ends = [table[table["period"] < chosen[0]], table[table["period"] <= chosen[-1]]]
    sums = [part.groupby("name")[list(columns)].sum().astype(float).round(6) for part in ends]
    before, until = ((of + base / 2) // base * base for of in sums)
    return until.sub(before.reindex(until.index, fill_value=0)).astype("Int64")
