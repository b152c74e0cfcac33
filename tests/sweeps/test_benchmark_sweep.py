"""`faceline benchmark sweep`, in small: the figures are those of the runs that it made."""

import json
import os
from pathlib import Path

import pytest
from tests.sweeps.conftest import TRAINING

from faceline.cli import main


@pytest.mark.slow
def test_the_report_compares_runs_alone_with_the_sweep(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training = f"training={json.dumps(TRAINING)}"
    assert main(["benchmark", "sweep", "trials=2", "jobs=1", training, "output=report.json"]) == 0
    report = json.loads((workplace / "report.json").read_text())["sweep"]
    for part in ("commands", "runs"):
        row = report[part]
        assert len(row["alone_seconds"]) == 2
        assert row["ideal_seconds"] == pytest.approx(sum(row["alone_seconds"]))
        assert row["ratio"] == pytest.approx(row["together_seconds"] / row["ideal_seconds"])
        assert row["ratio"] > 0.2
    assert report["overhead_seconds"] > 0 and report["train_seconds"] > 0
    assert report["made_with"]["machine"]
    assert "at most 1.15" in capsys.readouterr().out


def test_more_jobs_than_cores_are_refused(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "sweep", f"jobs={len(os.sched_getaffinity(0)) + 1}"]) == 2
    assert "jobs: expected at most" in capsys.readouterr().err


def test_a_training_that_fails_is_told(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "sweep", 'training=["sead=1"]']) == 2
    assert "training: failed: sead: no such key; did you mean seed?" in capsys.readouterr().err
