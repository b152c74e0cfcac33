"""The statistics of the report: intervals that hold the truth as often as they say, and small groups kept back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from faceline.stand.report.disclosure import hidden
from faceline.stand.report.uplift import compare, session_sums


def sessions(rng: np.random.Generator, repeats: int, n: int, mean: float) -> tuple[np.ndarray, np.ndarray]:
    """Audiences of one to four whose members share a mood, so that visitors of one session are alike."""
    visitors = rng.choice([1.0, 2.0, 3.0, 4.0], (repeats, n), p=[0.5, 0.3, 0.1, 0.1])
    mood = rng.gamma(2.0, 0.5, (repeats, n))  # mean 1, skewed
    return visitors, visitors * mean * mood + rng.normal(0, 1, (repeats, n)) * np.sqrt(visitors)


@pytest.mark.parametrize(("n_adaptive", "n_control"), [(400, 100), (60, 40)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_hold_the_truth_as_often_as_they_say(n_adaptive: int, n_control: int, level: float) -> None:
    repeats = 4000
    rng = np.random.default_rng(7)
    found = compare(
        session_sums(*sessions(rng, repeats, n_adaptive, 6.0)),
        session_sums(*sessions(rng, repeats, n_control, 5.0)),
        level,
    )
    for low, high, truth in (
        (found.low, found.high, 1.0),
        (found.relative_low, found.relative_high, 0.2),
    ):
        hits = float(np.mean((low <= truth) & (truth <= high)))
        assert abs(hits - level) < 0.025, (hits, level)


def test_where_nothing_differs_every_chance_is_as_likely() -> None:
    rng = np.random.default_rng(3)
    chance = compare(session_sums(*sessions(rng, 4000, 200, 5.0)), session_sums(*sessions(rng, 4000, 90, 5.0))).chance
    assert stats.kstest(chance, "uniform").statistic < 0.04


def test_visitors_as_units_would_be_far_too_sure() -> None:
    """Why sessions are counted: the same data with every visitor taken for independent evidence."""
    rng = np.random.default_rng(5)
    mood = rng.gamma(2.0, 0.5, (2, 2000, 100))
    outcome = 5.0 * np.repeat(mood, 4, axis=-1)  # four visitors a session
    alone = compare(*(session_sums(np.ones_like(arm), arm) for arm in outcome))
    whole = compare(*(session_sums(np.full_like(arm, 4.0), 20.0 * arm) for arm in mood))
    assert np.mean((alone.low <= 0) & (alone.high >= 0)) < 0.75
    assert abs(np.mean((whole.low <= 0) & (whole.high >= 0)) - 0.95) < 0.02


@settings(max_examples=30)
@given(
    st.lists(st.floats(-50, 50), min_size=3, max_size=30).filter(lambda values: np.std(values) > 1e-3),
    st.lists(st.floats(-50, 50), min_size=3, max_size=30).filter(lambda values: np.std(values) > 1e-3),
)
def test_with_one_visitor_a_session_it_is_welchs_test(first: list[float], second: list[float]) -> None:
    a, b = np.array([first]), np.array([second])
    found = compare(session_sums(np.ones_like(a), a), session_sums(np.ones_like(b), b))
    test = stats.ttest_ind(first, second, equal_var=False, alternative="less")
    assert found.chance[0] == pytest.approx(float(test.pvalue), abs=1e-6)
    interval = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert (found.low[0], found.high[0]) == pytest.approx((interval.low, interval.high), rel=1e-5, abs=1e-6)


def test_an_arm_with_one_session_says_nothing() -> None:
    many, one, none = (session_sums(np.ones((1, n)), np.arange(float(n))[None]) for n in (5, 1, 0))
    for other in (one, none):
        found = compare(many, other)
        assert all(np.isnan(value[0]) for value in (found.difference, found.low, found.chance, found.relative))


def emptied(
    people: list[int], smallest: int = 10, of: str | None = None, also: int | None = None, overlapping: bool = False
) -> list[bool]:
    """Which of some sums are hidden; `of` names the total of each, a letter for each group."""
    others = np.arange(len(people)) == (-1 if also is None else also)
    counts, flags = np.array(people, dtype=float)[:, None], np.full(len(people), overlapping)
    found: list[bool] = hidden(counts, smallest, list(of or "a" * len(people)), others, flags).tolist()
    return found


def test_the_sum_of_few_is_emptied_and_one_more_so_that_the_total_does_not_tell() -> None:
    assert emptied([500, 3, 40, 200]) == [False, True, True, False]
    assert emptied([3]) == [True]
    assert emptied([500, 0]) == [False, False]  # nobody is nobody


def test_the_smallest_group_that_may_be_told_is_told() -> None:
    assert emptied([500, 10, 40]) == [False, False, False]
    assert emptied([500, 9, 40]) == [False, True, True]


def test_groups_are_emptied_within_the_total_that_they_add_up_to() -> None:
    assert emptied([3, 40, 30, 50], of="aabb") == [True, True, False, False]  # 43 less 40 would tell of 3


def test_what_is_hidden_for_another_reason_takes_others_along() -> None:
    assert emptied([5, 30, 60], also=0) == [True, True, False]
    assert emptied([30, 40, 60], also=1) == [False, True, False]


def test_groups_that_may_be_the_same_people_are_not_more_than_the_largest() -> None:
    assert emptied([6, 7, 50, 60]) == [True, True, False, False]
    assert emptied([6, 7, 50, 60], overlapping=True) == [True, True, True, False]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8), st.integers(2, 20), st.booleans())
def test_nothing_about_few_people_is_told_or_can_be_told(people: list[int], smallest: int, overlapping: bool) -> None:
    few = np.array(emptied(people, smallest, overlapping=overlapping))
    told, rest = np.array(people)[~few], np.array(people)[few]
    assert all(value == 0 or value >= smallest for value in told)
    # the total less what is told is about nobody or no few, or nothing is told
    left = rest.max(initial=0) if overlapping else rest.sum()
    assert not 0 < left < smallest or not any(told > 0)
