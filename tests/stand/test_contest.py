"""Contents that are equally good are seldom told apart, and one that is better is found."""

import numpy as np
import pandas as pd

from faceline.stand.report.contest import ALONE, BEST, UNSURE, WORSE, contest
from faceline.stand.report.uplift import MOMENTS, company, session_sums


def arms(truths: dict[str, float], seed: int, sessions: int = 60) -> pd.DataFrame:
    """Sums of sessions that attended to each content for a share of its airtime."""
    rng, rows = np.random.default_rng(seed), []
    for name, truth in truths.items():
        airtime = rng.uniform(5, 30, (1, sessions))
        held = airtime * rng.beta(6 * truth, 6 * (1 - truth), (1, sessions))
        sums = dict(zip((f"control {each}" for each in MOMENTS), session_sums(airtime, held)[0], strict=True))
        rows.append({"group": "content", "outcome": "attention", "period": 0, "campaign": "x", "name": name, **sums})
    return pd.DataFrame(rows)


def test_equal_contents_are_called_better_no_more_often_than_said() -> None:
    wrong = 0
    for seed in range(150):
        wrong += WORSE in set(contest(arms({"a": 0.3, "b": 0.3, "c": 0.3}, seed), [0], 0.95)["finding"])
    assert wrong <= 0.08 * 150  # the leader is picked after the fact; each rival is held to a stricter level


def test_a_better_content_is_found_and_its_lead_is_held_by_the_interval() -> None:
    found, inside = 0, 0
    for seed in range(100):
        table = contest(arms({"a": 0.3, "b": 0.45}, seed), [0], 0.95)
        assert table["name"].tolist()[0] == table.loc[table["finding"] == BEST, "name"].item()
        row = table.iloc[1]
        found += row["finding"] == WORSE and row["name"] == "a"
        inside += row["difference_low"] <= -0.15 <= row["difference_high"]
    assert found >= 95
    assert inside >= 88


def test_what_is_hidden_or_alone_is_compared_with_nothing() -> None:
    table = arms({"a": 0.3, "b": 0.3}, 1)
    table.loc[table["name"] == "b", [f"control {name}" for name in MOMENTS]] = np.nan
    told = contest(table, [0], 0.95).set_index("name")
    assert told.loc["a", "finding"] == ALONE
    assert told.loc["b", "finding"] is None
    assert told.loc["b", "suppressed"]
    close = contest(arms({"a": 0.3, "b": 0.301}, 2), [0], 0.95)
    assert set(close["finding"]) == {BEST, UNSURE}


def test_people_who_come_together_are_less_evidence() -> None:
    rng = np.random.default_rng(0)
    people = np.full((1, 500), 4.0)
    alike = people * rng.binomial(1, 0.5, (1, 500))
    apart = rng.binomial(4, 0.5, (1, 500)).astype(float)
    assert 3.5 < company(session_sums(people, alike)) < 4.5
    assert 1.0 <= company(session_sums(people, apart)) < 1.2
