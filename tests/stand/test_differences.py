"""Nobody learns of few people by subtracting one report from another."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceline.errors import InputError
from faceline.stand.events.sources import SCHEMA
from faceline.stand.report.effectiveness import Effectiveness, Scope, measure
from faceline.stand.report.periods import closed_periods, rounded, within

K = 10
FIRST = date(2026, 3, 1)
DAYS = [FIRST + timedelta(days=day) for day in range(40)]
EXACT, RARE = ("passers_by", "attended", "reacted", "interested"), ("followed_up", "greeted", "offers_taken")

counts = st.lists(st.integers(0, 30), min_size=1, max_size=40)


@given(visitors=counts, rare=st.randoms(use_true_random=False))
def test_periods_never_change_and_are_large_enough(visitors: list[int], rare: Any) -> None:
    others = [min(count, rare.randint(0, 4)) for count in visitors]
    values = np.array([visitors, others], dtype=float).T
    whole = closed_periods(DAYS[: len(visitors)], values, K)
    for length in range(len(visitors)):
        part = closed_periods(DAYS[:length], values[:length], K)
        assert part == whole[: len(part)]
    for period in whole:
        assert period.visitors >= K
        assert period.visitors == sum(
            c for d, c in zip(DAYS, visitors, strict=False) if period.first <= d <= period.last
        )
    assert all(one.last < other.first for one, other in pairwise(whole))


@settings(max_examples=20)
@given(st.lists(st.integers(0, 25), min_size=1, max_size=6))
def test_whatever_is_subtracted_rounded_counts_differ_by_groups_and_are_never_far_off(values: list[int]) -> None:
    table = pd.DataFrame({"period": range(len(values)), "name": "all", "greeted": values})
    told = {}
    for first, last in product(range(len(values)), repeat=2):
        if first <= last:
            (told[first, last],) = rounded(table, range(first, last + 1), ["greeted"], K)["greeted"]
            assert abs(told[first, last] - sum(values[first : last + 1])) < K
    assert all(number % K == 0 for number in told.values())
    for first, middle, last in product(range(len(values)), repeat=3):
        if first <= middle < last:  # spans add up, so more of them tell nothing more
            assert told[first, last] == told[first, middle] + told[middle + 1, last]


def campaign(folder: Path, seed: int) -> Path:
    """Some days of a stand or two with few and many visitors, who do this and that."""
    rng, rows = np.random.default_rng(seed), []
    for day, stand in product(range(int(rng.integers(3, 10))), "ab"[: int(rng.integers(1, 3))]):
        for _ in range(int(rng.choice([0, 3, 15, 60]))):
            at = int(datetime(2026, 3, 1 + day, int(rng.integers(8, 20)), tzinfo=UTC).timestamp() * 1e6)
            visit, name = len(rows) + 1, str(rng.choice(["x.a", "x.b", "y.c"], p=[0.6, 0.3, 0.1]))
            base = {"stand": stand, "at": at, "session": visit, "visit": visit,
                    "arm": str(rng.choice(["adaptive", "control"]))}  # fmt: skip
            shown = {**base, "impression": visit, "content": name, "campaign": name[0]}
            rows.append({**base, "kind": "visitor_appeared", "continued": False})
            kinds = {"reacted": 0.4, "interest_seen": 0.2, "loyal_greeted": 0.05, "follow_up_shown": 0.1}
            rows.append({**shown, "kind": "attention_held", "seconds": float(rng.choice([0, 1, 2.5, 40]))})
            rows += [{**shown, "kind": kind} for kind, share in kinds.items() if rng.random() < share]
            rows += [{**shown, "kind": "offer_taken"}] if rng.random() < 0.03 else []
    table = [{**dict.fromkeys(SCHEMA.names), "id": place, **row} for place, row in enumerate(rows)]
    file = folder / "events.parquet"
    pq.write_table(pa.Table.from_pylist(table, SCHEMA), file)
    return file


def reports(file: Path, folder: Path) -> Iterator[Effectiveness]:
    """What somebody is told who asks again every day, and then for every span and campaign."""
    nights = [datetime(2026, 3, 2 + day, 4, tzinfo=UTC) for day in (2, 4, 5)]
    asked: list[dict[str, Any]] = [{"now": night} for night in nights]
    asked += [{"until": day} for day in DAYS[2:7]] + [{"since": DAYS[3]}, {"campaign": "x"}]
    for scope in asked:
        try:
            yield measure([file], Scope(smallest_group=K, threads=1, **scope), folder)
        except InputError:
            continue


def differences(values: Iterable[Any]) -> np.ndarray:
    """Of every two different numbers."""
    known = np.unique(pd.Series(list(values), dtype="Float64").dropna().to_numpy(dtype=float))
    return np.abs(np.subtract.outer(known, known))


def attack(file: Path, folder: Path) -> int:
    """Subtract everything told from everything else told; how many differences there were."""
    told, tried = list(reports(file, folder)), 0
    for name in ("total", "stand", "hour", "day", "campaign", "content") if told else ():
        table = pd.concat([each.tables[name] for each in told])
        for row, same in table.groupby("name"):
            for column in (column for column in (*EXACT, "viewers") if column in same):
                found = differences(same[column])
                assert ((found == 0) | (found >= K)).all(), (name, row, column)
                tried += found.size
            for column in RARE:
                assert (differences(same[column]) % K == 0).all(), (name, row, column)
            people = same["attended" if "attended" in same else "viewers"].to_numpy(dtype=float, na_value=np.nan)
            seconds = same["attention_seconds"].to_numpy(dtype=float, na_value=np.nan)
            by = np.abs(np.subtract.outer(people, people)) >= K
            assert (by | ~(np.abs(np.subtract.outer(seconds, seconds)) > 1e-6)).all(), (name, row)
    for each in told:  # and the rows of a table from its total
        for column in ("passers_by", "attended"):
            rest = each.total[column].iloc[0] - each.stand[column].sum()
            assert pd.isna(rest) or rest == 0 or rest >= K, column
    return tried


@settings(max_examples=3)
@given(seed=st.integers(0, 10_000))
def test_no_two_reports_tell_of_few_people(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("attack")
    attack(campaign(folder, seed), folder)


@pytest.mark.slow
@settings(max_examples=150)
@given(seed=st.integers(0, 1_000_000))
def test_no_two_of_many_reports_tell_of_few_people(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("attack")
    attack(campaign(folder, seed), folder)


def test_the_attack_has_something_to_subtract(tmp_path: Path) -> None:
    assert attack(campaign(tmp_path, 3), tmp_path) > 100


def test_a_span_takes_whole_periods_only() -> None:
    periods = closed_periods(DAYS[:4], np.array([[12.0], [4], [7], [20]]), K)
    assert [(p.first.day, p.last.day) for p in periods] == [(1, 1), (2, 3), (4, 4)]
    assert within(periods, DAYS[0], DAYS[1]) == [0]
    assert within(periods, DAYS[2], DAYS[3]) == [2]
    assert within(periods, None, None) == [0, 1, 2]
