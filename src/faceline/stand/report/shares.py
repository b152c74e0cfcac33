"""Shares of visitors with their intervals, and the hours of a week, all from rounded counts."""

from datetime import date
from typing import Any, Final

import pandas as pd
from scipy import stats

_WEEK: Final = ("passers_by", "attended", "look_rate", "plays", "ots", "views")
"""Columns of the hours of a week, without sums of seconds, which would be about few people."""


def share_interval(
    share: "pd.Series[Any]", people: "pd.Series[Any]", together: float, level: float, smallest: int
) -> "tuple[pd.Series[Any], pd.Series[Any]]":
    """Return the ends of the interval of each share, from reported numbers alone.

    Args:
        share: Shares of two rounded counts.
        people: Rounded counts that the shares are of.
        together: Visitors that count as one piece of evidence (`faceline.stand.report.uplift.company`).
        level: Confidence level of the interval.
        smallest: Counts are rounded to multiples of it; the rounding error widens the interval.
    """
    of, z = people.astype(float).where(people > 0), stats.norm.ppf((1 + level) / 2)
    exact = share.astype(float)
    near = (exact * of + z**2 / 2) / (of + z**2)  # after Agresti and Coull: a share of 0 or 1 is unsure too
    variance = near * (1 - near) * together / of + smallest**2 / 6 * (1 + exact**2) / of**2
    half = z * variance**0.5
    return (exact - half).clip(lower=0.0), (exact + half).clip(upper=1.0)


def hours_of_week(table: pd.DataFrame, period: tuple[date, date]) -> pd.DataFrame:
    """Return a row for each hour of a week, with the number of such weekdays in the span as ``days`` (1 is Monday)."""
    names = table["name"].astype(int)
    days = pd.Series(pd.date_range(*period).day_of_week + 1).value_counts()
    return pd.DataFrame(
        {"weekday": names // 100, "hour": names % 100, "days": (names // 100).map(days), **table[list(_WEEK)]}
    )
