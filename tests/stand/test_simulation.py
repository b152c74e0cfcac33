"""Simulated campaigns: regret falls, and the reported uplift holds the true one at its stated rate."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from faceline.cli import main
from faceline.commands.simulate import SimulatedRun, simulate
from faceline.stand.content.catalogue import DEMO, Catalogue, read_catalogue
from faceline.stand.events.event import AttentionHeld, Event, VisitorAppeared
from faceline.stand.settings import Simulate


def run(seed: int, catalogue: Catalogue | None = None, **changes: object) -> SimulatedRun:
    settings = {
        "days": 4, "audiences_per_day": 100, "control_share": 0.3, "catalogue": None, "output": "x", "repeats": 1,
        "level": 0.95, "seed": 0, "config": None,
    }  # fmt: skip
    return simulate(catalogue or read_catalogue(DEMO), Simulate.model_validate({**settings, **changes}), seed)


def test_regret_falls() -> None:
    demo = read_catalogue(DEMO)  # all compete where no airtime was sold: then there is something to learn
    campaigns = tuple(each.model_copy(update={"share": None}) for each in demo.campaigns)
    unsold = Catalogue.model_validate({**demo.model_dump(), "campaigns": campaigns})
    regrets = np.array([run(seed, unsold, days=3, audiences_per_day=60).regret() for seed in range(2)])
    assert (regrets[:, -1] < 0.6 * regrets[:, 0]).all(), regrets


def test_a_simulation_is_the_same_again() -> None:
    first, second = run(3, days=1), run(3, days=1)
    assert first.truth == second.truth
    assert [outcome.attention for outcome in first.outcomes] == [outcome.attention for outcome in second.outcomes]


def test_some_come_by_and_do_not_look() -> None:
    settings = Simulate(
        days=1, audiences_per_day=80, control_share=0.3, catalogue=None, output="x", repeats=1, level=0.95, seed=0,
        config=None,
    )  # fmt: skip
    events: list[Event] = []
    simulate(read_catalogue(DEMO), settings, 0, keep=lambda outcome: events.extend(outcome.events))
    came = {event.visit for event in events if isinstance(event, VisitorAppeared)}
    looked = {event.visit for event in events if isinstance(event, AttentionHeld)}
    assert looked < came
    assert 0.5 < len(looked) / len(came) < 0.85


@pytest.mark.slow
def test_the_interval_holds_the_true_uplift_at_its_stated_rate_in_200_campaigns() -> None:
    """The whole way: the real policy learns, sessions are assigned, the report's statistics judge."""
    level, repeats = 0.9, 200
    words = ["simulate", f"repeats={repeats}", f"level={level}", "days=1", "audiences_per_day=80", "seed=1000"]
    # a process of its own: checks of types would make it ten times as slow
    done = subprocess.run([sys.executable, "-m", "faceline", *words], capture_output=True, text=True, check=True)
    found = re.search(r"held the truth in ([\d.]+)%.*mean uplift \+([\d.]+) s reported, \+([\d.]+) s true", done.stdout)
    assert found is not None, done.stdout
    rate, reported, truth = map(float, found.groups())
    # by chance alone a rate of 90 % leaves this interval once in a thousand times
    low, high = stats.binom.interval(0.999, repeats, level)
    assert low <= rate / 100 * repeats <= high
    assert abs(reported - truth) < 0.1 * truth  # and it leans to neither side


def test_the_command_drives_store_and_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    real = [tmp_path / "stand" / "simulation" / f"events.db{end}" for end in ("", "-wal", "-shm")]
    real[0].parent.mkdir(parents=True)
    for file in real:
        file.write_text("of a stand")
    assert main(["simulate", "days=2", "audiences_per_day=60"]) == 0
    assert [file.read_text() for file in real] == ["of a stand"] * 3
    told = capsys.readouterr().out
    found = re.search(
        r"reported ([+-][\d.]+) \[([+-][\d.]+), ([+-][\d.]+)\], truly ([+-][\d.]+): the interval (holds|does)", told
    )
    assert found is not None, told
    reported, low, high, truth = map(float, found.groups()[:4])
    assert low < reported < high
    assert (found[5] == "holds") == (low <= truth <= high)
    assert (tmp_path / "stand" / "simulation" / "report.html").is_file()
    expected = run(0, days=2, audiences_per_day=60).uplift(0.95)
    assert reported == pytest.approx(expected.difference[0], abs=0.006)  # by store and report, as by hand
    assert low == pytest.approx(expected.low[0], abs=0.006)
    assert main(["simulate", "days=1", "audiences_per_day=40", "repeats=3"]) == 0
    assert "3 campaigns of 1 days: intervals of 95% held the truth in" in capsys.readouterr().out
    assert main(["simulate", "catalogue=none.yaml"]) == 2
    assert capsys.readouterr().err.startswith("faceline: error: none.yaml: no such file")
