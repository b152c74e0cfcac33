"""Computes how much more attention the adaptive arm got than the control arm, and how certain that is.

The unit is the session, because an arm belongs to a session: visitors who stand together see the same screen and are no
independent evidence. The outcome is a mean over visitors, so a ratio of two sums over sessions, and its variance is
that of the linearised ratio (the delta method; Deng, Knoblich and Lu, "Applying the Delta Method in Metric Analytics",
2018). Intervals are Welch's. Six sums for each arm are enough, so a report about a chain of stands needs one pass over
its sessions and no resampling.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

Sums = Float[np.ndarray, "groups 6"]
"""For each group: sessions, visitors, outcome, visitors squared, outcome squared, visitors times outcome; each summed
over sessions."""

Values = Float[np.ndarray, " groups"]
"""One number for each group."""

MOMENTS = ("n", "v", "y", "vv", "yy", "vy")
"""Names of the sums in `Sums`."""


@dataclass(frozen=True)
class Uplift:
    """Adaptive against control, for each group; NaN where an arm has fewer than two sessions.

    Attributes:
        adaptive: Mean outcome of a visitor in the adaptive arm.
        control: Mean outcome of a visitor in the control arm.
        difference: Adaptive minus control.
        low: Lower end of the interval of the difference.
        high: Upper end of that interval.
        relative: Difference divided by control.
        relative_low: Lower end of the interval of the relative difference.
        relative_high: Upper end of that interval.
        chance: Probability that the true difference is above 0, given the data and a flat prior.
    """

    adaptive: Values
    control: Values
    difference: Values
    low: Values
    high: Values
    relative: Values
    relative_low: Values
    relative_high: Values
    chance: Values


def session_sums(visitors: Float[np.ndarray, "groups n"], outcome: Float[np.ndarray, "groups n"]) -> Sums:
    """Compute the sums over sessions.

    Args:
        visitors: Number of visitors of each session.
        outcome: Outcome of each session, summed over its visitors.
    """
    ones = np.ones_like(visitors)
    parts = (ones, visitors, outcome, visitors**2, outcome**2, visitors * outcome)
    return np.stack([part.sum(axis=-1) for part in parts], axis=-1)


def compare(adaptive: Sums, control: Sums, level: float = 0.95) -> Uplift:
    """Compute the uplift of each group.

    Args:
        adaptive: Sums of the adaptive arm.
        control: Sums of the control arm, in the same order.
        level: Confidence level of the intervals.
    """
    (rate_a, var_a, df_a), (rate_c, var_c, df_c) = _ratio(adaptive), _ratio(control)
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = rate_a - rate_c
        half, df = _half(var_a, df_a, var_c, df_c, level)
        error = np.sqrt(var_a + var_c)
        chance = np.where(error > 0, stats.t.cdf(difference / error, df), np.nan)
        # on the logarithm the two arms are a difference again
        log_half, _ = _half(var_a / rate_a**2, df_a, var_c / rate_c**2, df_c, level)
        ratio = np.where((rate_a > 0) & (rate_c > 0), rate_a / rate_c, np.nan)
        return Uplift(
            rate_a, rate_c, difference, difference - half, difference + half, ratio - 1,
            ratio * np.exp(-log_half) - 1, ratio * np.exp(log_half) - 1, chance,
        )  # fmt: skip


def mean_interval(sums: Sums, level: float = 0.95) -> tuple[Values, Values, Values]:
    """Return the mean outcome per visitor in each group and its interval; NaN for fewer than two sessions."""
    rate, variance, df = _ratio(sums)
    with np.errstate(invalid="ignore"):
        half = stats.t.ppf((1 + level) / 2, df) * np.sqrt(variance)
    return rate, rate - half, rate + half


def company(sums: Sums) -> float:
    """Return how many visitors count as one piece of evidence, because those of a session see the same screen.

    This is the variance of a share over sessions divided by its variance if all visitors came alone (the design effect;
    Kish, "Survey Sampling", 1965).

    Args:
        sums: Sums of one group; the outcome is a number of visitors.
    """
    n, v, y, vv, *_ = np.asarray(sums, dtype=np.float64)[0]
    (rate,), (variance,), _ = _ratio(sums)
    alone = rate * (1 - rate) / v if n >= 2 and 0 < y < v else 0.0
    found = variance / alone if alone > 0 else vv / max(v, 1.0)
    return float(max(1.0, found))


def _ratio(sums: Sums) -> tuple[Values, Values, Values]:
    """Return the outcome per visitor, its variance and its degrees of freedom."""
    n, v, y, vv, yy, vy = np.moveaxis(np.asarray(sums, dtype=np.float64), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = y / v
        # the residuals y - rate v sum to zero, so that their variance is their mean square
        residuals = np.maximum(yy - 2 * rate * vy + rate**2 * vv, 0.0)
        variance = n / (n - 1) * residuals / v**2
    few = n < 2
    return np.where(few, np.nan, rate), np.where(few, np.nan, variance), np.where(few, np.nan, n - 1)


def _half(var_a: Values, df_a: Values, var_c: Values, df_c: Values, level: float) -> tuple[Values, Values]:
    """Return half the width of an interval, and the degrees of freedom (Welch and Satterthwaite)."""
    variance = var_a + var_c
    df = variance**2 / (var_a**2 / df_a + var_c**2 / df_c)
    return stats.t.ppf((1 + level) / 2, df) * np.sqrt(variance), df
