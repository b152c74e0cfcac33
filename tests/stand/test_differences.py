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
from faceline.stand.report.comparison import AIRTIME
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


def campaign(folder: Path, seed: int, longest: int = 5) -> Path:
    """Some days of a stand or two with few and many visitors, who do this and that."""
    rng, rows = np.random.default_rng(seed), list[dict[str, Any]]()
    for day, stand in product(range(int(rng.integers(3, longest + 1))), "ab"[: int(rng.integers(1, 3))]):
        for _ in range(int(rng.choice([0, 3, 15, 60]))):
            at = int(datetime(2026, 3, 1 + day, int(rng.integers(8, 20)), tzinfo=UTC).timestamp() * 1e6)
            visit = len(rows) + 1
            base = {"stand": stand, "at": at, "session": visit, "visit": visit,
                    "arm": str(rng.choice(["adaptive", "control"]))}  # fmt: skip
            rows.append({**base, "kind": "visitor_appeared", "continued": False})
            rows.append({**base, "kind": "visitor_left", "seconds": float(rng.choice([3, 5.5, 90]))})
            names = rng.choice(["x.a", "x.b", "y.c"], p=[0.6, 0.3, 0.1], size=int(rng.integers(1, 3)), replace=False)
            for place, name in enumerate(map(str, names)):
                shown = {**base, "impression": 2 * visit + place, "content": name, "campaign": name[0]}
                kinds = {"reacted": 0.4, "interest_seen": 0.2, "loyal_greeted": 0.05, "follow_up_shown": 0.1}
                rows.append({**shown, "kind": "impression_started", "visit": None})
                rows.append({**shown, "kind": "attention_held", "seconds": float(rng.choice([0, 1, 2.5, 40]))})
                rows += [{**shown, "kind": kind} for kind, share in kinds.items() if rng.random() < share]
                rows += [{**shown, "kind": "offer_taken"}] if rng.random() < 0.03 else []
    table = [{**dict.fromkeys(SCHEMA.names), "id": place, **row} for place, row in enumerate(rows)]
    file = folder / "events.parquet"
    pq.write_table(pa.Table.from_pylist(table, SCHEMA), file)
    return file


def reports(file: Path, folder: Path, longest: int) -> Iterator[tuple[str | None, Effectiveness]]:
    """What somebody is told who asks again every day, and then for every span and campaign."""
    nights = [datetime(2026, 3, 2 + day, 4, tzinfo=UTC) for day in (2, 4)]
    asked: list[dict[str, Any]] = [{"now": night} for night in nights]
    asked += [{"until": day} for day in DAYS[:longest]] + [{"since": DAYS[3]}, {"campaign": "x"}, {"campaign": "y"}]
    ends = set[date]()
    while asked:
        scope = asked.pop(0)
        try:
            told = measure([file], Scope(smallest_group=K, threads=1, **scope), folder)
        except InputError:
            continue
        yield scope.get("campaign"), told
        if "until" in scope and told.period[1] not in ends:  # a period that was not known: then it alone
            first = max(ends) + timedelta(days=1) if ends else FIRST
            ends.add(told.period[1])
            asked += [{"since": first, "until": told.period[1], "campaign": name} for name in (None, "x")]


def exact(told: Effectiveness) -> dict[tuple[str, str, str], float]:
    """All sums of seconds that a report tells, by table, row and column; nothing of it is rounded."""
    found = {}
    for name, table in ((name, table) for name, table in told.tables.items() if name not in ("week", "contest")):
        for row in table.to_dict("records"):
            key = "/".join((name, row["group"], row["outcome"])) if name == "uplift" else name
            if name == "uplift" and row["outcome"] == "attention":
                of = "airtime" if row["measure"] == AIRTIME else "visitors"
                for arm in ("adaptive", "control"):
                    found[key, str(row["name"]), arm] = float(row[arm]) * float(row[f"{of}_{arm}"] or np.nan)
            elif name != "uplift":
                found[key, str(row["name"]), "attention"] = float(row["attention_seconds"] or 0.0)
                if "passers_by" in row:
                    found[key, str(row["name"]), "dwell"] = float(row["mean_dwell_seconds"]) * float(row["passers_by"])
    return found


class Truth:
    """Who was there, counted in another way than the product counts."""

    def __init__(self, file: Path) -> None:
        table = pq.read_table(file).to_pandas()
        at = pd.to_datetime(table["at"], unit="us")
        table["day"], table["hour"], table["all"] = at.dt.date, at.dt.hour, "all"
        self.seconds = table[table["kind"].isin(["attention_held", "visitor_left"]) & (table["seconds"] > 0)]

    def people(self, told: Effectiveness, key: tuple[str, str, str]) -> tuple[set[int], float]:
        """Those whose seconds make a sum, and what it really is."""
        table, row, column = key
        group = table.split("/")[1] if table.startswith("uplift") else {"total": "all"}.get(table, table)
        chosen = self.seconds[self.seconds["day"].between(*told.period)]
        chosen = chosen[chosen["kind"] == ("visitor_left" if column == "dwell" else "attention_held")]
        chosen = chosen[chosen["arm"] == column] if column in ("adaptive", "control") else chosen
        chosen = chosen[chosen[group].astype(str) == row.removesuffix(" 00:00:00")]
        return set(chosen["visit"]), float(chosen["seconds"].sum())


def attack_counts(told: list[tuple[str | None, Effectiveness]]) -> int:
    """Subtract every count from every other one that is told of the same row; how many differences there were."""
    tried = 0
    for name in ("total", "stand", "hour", "day", "week", "campaign", "content") if told else ():
        table = pd.concat([each.tables[name] for _, each in told])
        if name == "week":
            assert not {"attention_seconds", "mean_dwell_seconds"} & set(table.columns), (
                "an hour of a week is few people"
            )
            table["name"] = 100 * table["weekday"] + table["hour"]
        for row, same in table.groupby("name"):
            for column in (column for column in (*EXACT, *RARE, "viewers", "plays", "ots", "views") if column in same):
                found = differences(same[column])
                assert ((found == 0) | (found >= K)).all(), (name, row, column)
                assert (same[column].dropna() % K == 0).all(), (name, row, column)  # hence whatever is made of them
                tried += found.size
    for _, each in told:
        uplift = each.uplift[(each.uplift["group"] == "content") & (each.uplift["outcome"] == "attention")]
        known = uplift.set_index("name")["control"]
        for row in each.contest.dropna(subset=["share"]).to_dict("records"):
            assert row["share"] == pytest.approx(known[row["name"]]), "nothing but what the uplift tells"
        shares = each.uplift[each.uplift["outcome"] != "attention"].dropna(subset=["adaptive", "control"])
        for arm in ("adaptive", "control"):
            count = (shares[arm] * shares[f"visitors_{arm}"].astype(float)).to_numpy(dtype=float)
            assert np.allclose(count / K, np.round(count / K)), count
    return tried


def attack_seconds(told: list[tuple[str | None, Effectiveness]], truth: Truth) -> int:
    """Subtract the rows that are told of one period from their totals, and one campaign from all."""
    tried, spans = 0, {each.period for _, each in told}
    single = {span for span in spans if not any(o != span and span[0] <= o[0] and o[1] <= span[1] for o in spans)}
    for campaign_of, each in told:
        if each.period not in single:
            continue
        sums, hidden = exact(each), {}
        for key, value in sums.items():
            people, seconds = truth.people(each, key)
            if campaign_of is not None and (key[0] in ("stand", "hour", "day") and key[2] == "attention"):
                assert value % (60 * K) == 0, key
                continue
            if campaign_of is not None and key[1] == "all" and key[2] != "dwell":  # the same number as in another table
                twin = ("campaign" if key[0] == "total" else "uplift/campaign/attention", campaign_of, key[2])
                assert value == pytest.approx(sums[twin], nan_ok=True), key
                continue
            hidden[key] = people if np.isnan(value) else set()
            if not np.isnan(value) and key[2] != "dwell":
                assert value == pytest.approx(seconds), key
                assert not people or len(people) >= K, key
        rests: dict[tuple[str, str], set[int]] = {}
        for (table, row, column), people in hidden.items():
            kind = table.partition("/")[0]
            total = ("total", "all", column) if kind != "uplift" else ("uplift/all/attention", "all", column)
            if "content" in table:
                total = (table.replace("content", "campaign"), row[0], column)
            if total in sums and not np.isnan(sums[total]) and campaign_of is None:
                rests.setdefault((f"{table} of {total}", column), set()).update(people)
        for what, people in rests.items():
            assert not people or len(people) >= K, what
            tried += 1
    return tried


def attack_spans(told: list[tuple[str | None, Effectiveness]]) -> int:
    """What is told of a span adds up from its periods, so that spans tell nothing more than those."""
    tried, spans = 0, {each.period for _, each in told}
    single = {span for span in spans if not any(o != span and span[0] <= o[0] and o[1] <= span[1] for o in spans)}
    parts = {each.period: exact(each) for name, each in told if name is None and each.period in single}
    for name, each in told:
        if name is None:
            inside = [sums for span, sums in parts.items() if each.period[0] <= span[0] and span[1] <= each.period[1]]
            for key, value in exact(each).items():
                values = [sums[key] for sums in inside if not np.isnan(sums.get(key, np.nan))]
                if key[2] != "dwell":  # a mean over a count that is rounded
                    assert value == pytest.approx(sum(values) if values else np.nan, nan_ok=True), key
                    tried += 1
    return tried


def differences(values: Iterable[Any]) -> np.ndarray:
    """Of every two different numbers."""
    known = np.unique(pd.Series(list(values), dtype="Float64").dropna().to_numpy(dtype=float))
    return np.asarray(np.abs(np.subtract.outer(known, known)))


def attack(file: Path, folder: Path, longest: int = 5) -> int:
    """Everything that can be made of all reports; how many numbers were made."""
    told = list(reports(file, folder, longest))
    return attack_counts(told) + attack_seconds(told, Truth(file)) + attack_spans(told)


def test_no_two_reports_tell_of_few_people(tmp_path: Path) -> None:
    assert attack(campaign(tmp_path, 3), tmp_path) > 100  # there is much to subtract


@pytest.mark.slow
@settings(max_examples=30)
@given(seed=st.integers(0, 1_000_000))
def test_no_two_of_many_reports_tell_of_few_people(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("attack")
    attack(campaign(folder, seed, longest=9), folder, longest=9)


def test_a_span_takes_whole_periods_only() -> None:
    periods = closed_periods(DAYS[:4], np.array([[12.0], [4], [7], [20]]), K)
    assert [(p.first.day, p.last.day) for p in periods] == [(1, 1), (2, 3), (4, 4)]
    assert within(periods, DAYS[0], DAYS[1]) == [0]
    assert within(periods, DAYS[2], DAYS[3]) == [2]
    assert within(periods, None, None) == [0, 1, 2]
