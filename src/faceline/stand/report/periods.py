"""The closed periods that all figures are made of, so that two reports never tell of few people by their difference.

A period is one whole day, or several where one alone is too small. Periods follow from the days before them and never
change later. What is told of a span of days is the sum of what is told of the periods that lie in it, each by the rule
of `faceline.stand.report.disclosure`. Hence whatever follows from several reports follows from figures of single
periods, and none of those is about few people. The price: days at the edge of a span may belong to a period that is
is not whole in it, and a figure leaves out the periods in which it is about few.

Counts of what is rare, such as greetings, would be left out of nearly every period. They are rounded instead: down to a
multiple of the smallest group, from the first period on. A span tells the difference of two such numbers, so whatever
is added to or subtracted from one another is a multiple too, and no span is wrong by as much as one smallest group.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
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


def each(table: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """The rows of each period of a table, without the column that tells it."""
    for period, rows in table.groupby("period", sort=True):
        yield int(str(period)), rows.drop(columns="period").reset_index(drop=True)


def added(
    parts: Mapping[int, pd.DataFrame], chosen: Collection[int], ratios: Mapping[str, tuple[str, str]]
) -> pd.DataFrame:
    """The sums over periods of what is told in each.

    Args:
        parts: A table for each period; rows have names, what is not told is missing, and ``suppressed`` says so.
        chosen: The periods to add.
        ratios: Columns to make: of each a column over another, where the first is told.

    Returns:
        One table; a figure that is told of no period is missing.
    """
    table = pd.concat([parts[period] for period in chosen if period in parts], ignore_index=True)
    figures = [column for column in table.columns if column not in ("name", "suppressed")]
    values = table[figures].apply(pd.to_numeric, errors="coerce").astype(float)
    for name, (_, below) in ratios.items():
        values[f"{name} of"] = values[below].where(values[ratios[name][0]].notna())
    values["name"], values["suppressed"] = table["name"], table["suppressed"].astype(int)
    sums: pd.DataFrame = values.groupby("name", sort=False).sum(min_count=1).reset_index()
    for name, (above, _) in ratios.items():
        sums[name] = sums[above] / sums[f"{name} of"].where(sums[f"{name} of"] > 0)
    sums["suppressed"] = sums["suppressed"] > 0
    return pd.DataFrame(sums)


def rounded(table: pd.DataFrame, chosen: Sequence[int], columns: Sequence[str], base: int) -> pd.DataFrame:
    """Counts of a span, as the difference of what has been counted before it and to its end, each rounded down.

    Args:
        table: A row for each period and name, of all periods.
        chosen: The periods of the span, which follow one another.
        columns: The counts.
        base: The numbers are rounded to its multiples.

    Returns:
        A row for each name, in the index.
    """
    ends = [table[table["period"] < chosen[0]], table[table["period"] <= chosen[-1]]]
    before, until = (part.groupby("name")[list(columns)].sum() // base * base for part in ends)
    return until.sub(before.reindex(until.index, fill_value=0)).astype("Int64")
