"""`faceline compare` and `faceline data check`: what a reviewer and a newcomer see first."""

from pathlib import Path

import pytest
from tests.workflows.conftest import TINY

from faceline.cli import main


def test_runs_are_ranked_among_their_like(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("slow", "fast", "apart"):
        rate = "1e-6" if name == "slow" else "3e-3"
        settings = [f"name={name}", f"model.lr={rate}", "tags=[mine]"]
        settings += ["data.source.seed=9"] if name == "apart" else []  # other pixels under the same names
        assert main(["train", *TINY, *settings, "trainer.max_epochs=1"]) == 0
    assert main(["train", *TINY, "name=other", "trainer.max_epochs=1", "data.limit=8"]) == 0
    capsys.readouterr()
    assert main(["compare", "tags=[mine]", "output=figures"]) == 0
    tables = capsys.readouterr().out.split("Leaderboard")[1:]
    names = [{name for name in ("slow", "fast", "apart", "other") if f" {name} " in table} for table in tables]
    assert sorted(names, key=len) == [{"apart"}, {"slow", "fast"}]
    drawn = sorted(path.name for path in (workplace / "figures").iterdir())
    assert sum("error_curve" in name for name in drawn) == 2
    assert sum("region_errors" in name for name in drawn) == 2


def test_no_runs_is_said(in_trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "tags=[nobody]"]) == 2
    assert "no finished runs" in capsys.readouterr().err


def test_data_check_tells_and_draws(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["data.source.people=5", "data.source.videos=2", "data.source.frames=3", "data.size=32"]
    assert main(["data", "check", *small, "figure=out/data.png"]) == 0
    text = capsys.readouterr().out
    assert "people        5" in text
    assert "videos        10" in text
    assert (workplace / "out" / "data.png").read_bytes().startswith(b"\x89PNG")


def test_data_check_names_the_bad_row(workplace: Path, udacity_like: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = ["data=udacity", f"data.root={udacity_like}", "data.size=32"]
    assert main(["data", "check", *overrides]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "row 3" in error and "training_frames_keypoints.csv" in error
    assert not list((workplace / "mlruns" / "cache").glob("udacity*"))
    assert main(["data", "check", *overrides, "data.on_error=skip"]) == 0
    assert "skipped rows  1" in capsys.readouterr().out


def test_identification_is_ranked_by_f1_within_its_protocol(workplace: Path, capsys) -> None:
    crowd = ["data.source.people=10", "data.source.videos=2", "data.source.frames=4", "threads=1"]
    for method in ("gnb", "tree"):
        assert main(["train", f"experiment=identification/{method}", *crowd]) == 0
    assert main(["train", "experiment=identification/gnb", *crowd, "split.protocol=video_disjoint"]) == 0
    capsys.readouterr()
    assert main(["compare", "tracking.experiment=identification", "output=out"]) == 0
    out = capsys.readouterr().out
    assert out.count("synthetic · frame_random") == out.count("synthetic · video_disjoint") == 1
    rows = [line.split("│") for line in out.splitlines() if line.startswith("│")]
    ranked = [cells[2].strip() for cells in rows if cells[1].strip().isdigit()]
    assert sorted(ranked) == ["gnb", "gnb", "tree"]
    assert len(list((workplace / "out").glob("*-ranks.png"))) == 2
