"""A chain's report: the benchmark's events are well formed, and what was put into them comes out."""

import json
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest

from faceline.cli import main
from faceline.stand.events.sources import SCHEMA
from faceline.stand.events.synthetic import UPLIFT, write_events


def test_the_benchmark_aggregates_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, output = tmp_path / "events", tmp_path / "out" / "report.json"
    words = ["benchmark", "report", "events=80000", "stands=20", f"folder={folder}", f"output={output}", "threads=1"]
    assert main(words) == 0
    told = json.loads(output.read_text())
    assert abs(told["events"] / 80_000 - 1) < 0.05
    assert told["stands"] == 20
    assert told["low"] < UPLIFT < told["high"]
    assert 0 < told["peak_gb"] < 8
    assert "events written" in capsys.readouterr().out
    assert main(words) == 0
    assert "events written" not in capsys.readouterr().out  # the folder has them


def test_synthetic_events_hang_together(tmp_path: Path) -> None:
    count = write_events(tmp_path, 20_000, 5, 1)
    table = ds.dataset(tmp_path).to_table()
    assert (table.num_rows, table.schema) == (count, SCHEMA)
    assert pc.count_distinct(table["id"]).as_py() == count
    rows = table.to_pandas()
    came, held = rows[rows["kind"] == "visitor_appeared"], rows[rows["kind"] == "attention_held"]
    assert came["visit"].is_unique
    session = came.set_index("visit")["session"]
    assert (held["session"].to_numpy() == session.loc[held["visit"]].to_numpy()).all()  # a visitor sees their session's
    sizes = came.groupby("session").size()
    shown = rows[rows["kind"] == "impression_started"].groupby("session").size()
    assert (held.groupby("session").size() == (sizes * shown)).all()  # each visitor and each impression once
    assert (rows["at"].diff().dropna() >= 0).all()
    assert (rows.groupby("session")["stand"].nunique() == 1).all()
