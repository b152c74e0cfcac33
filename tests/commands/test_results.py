"""`faceline results`: what is published is a finished run of a commit, and the page of results shows it."""

import json
from pathlib import Path

import pytest
from tests.recorded import landmark_frames, landmark_run

from faceline.cli import main
from faceline.metrics.bootstrap import mean_interval
from faceline.tracking.runs import Run, tracked_run
from faceline.tracking.store import connect

METRICS = {"test/mse": 0.000123456, "test/nme": 0.0456789, "parameters": 1234.0, "train_seconds": 77.4}


def finished(folder: Path, model: str = "cnn", dirty: bool = False, mse: float = METRICS["test/mse"]) -> Run:
    command = f"""faceline train name={model} 'data.root="/home/ann/my faces"' model.start=/home/ann/a.faceline"""
    tags = {"model": model, "data": "udacity", "protocol": "official", "command": command}
    with tracked_run(connect(None, folder), "landmarks", model, tags=tags) as run:
        run.set_tags({"faceline.commit": "0123456789abcdef0123", "faceline.dirty": dirty})
        run.log_config({"data": {"size": 128}})
        run.log_metrics({**METRICS, "test/mse": mse})
    return run


@pytest.fixture
def page(workplace: Path) -> Path:
    file = workplace / "docs" / "results.md"
    file.parent.mkdir()
    file.write_text("# before\n<!-- results:landmarks -->\n<!-- /results:landmarks -->\nafter\n")
    return file


def rows(folder: Path) -> list[dict]:
    return json.loads((folder / "docs" / "results" / "landmarks.json").read_text())


def test_a_run_becomes_a_row_of_file_and_page(workplace: Path, page: Path) -> None:
    run = finished(workplace)
    assert main(["results", "--add", run.id]) == 0
    (row,) = rows(workplace)
    assert row == {
        "model": "cnn",
        "data": "udacity",
        "split": "official",
        "input_size": 128,
        "mse": 0.0001235,
        "nme": 0.04568,
        "ci95": None,
        "params": 1234,
        "train_seconds": 77,
        "run_id": run.id,
        "commit": "0123456789ab",
        "command": "faceline train name=cnn model.start=…/a.faceline",
    }
    assert "| 4.57 |" in page.read_text()
    assert main(["results", "--check"]) == 0


@pytest.mark.figures
def test_the_interval_comes_from_the_frames_of_the_run(workplace: Path, page: Path) -> None:
    client, made = connect(None, workplace), {"faceline.commit": "0123456789abcdef", "faceline.dirty": "False"}
    run = landmark_run(client, "landmarks", "cnn", 0.05, tags=made)
    frames = landmark_frames(0.05)
    low, high = mean_interval(frames["nme"].to_numpy(), frames["video"].to_numpy(dtype=str))
    assert main(["results", "--add", run.id]) == 0
    assert rows(workplace)[0]["ci95"] == pytest.approx([low, high], rel=1e-3)
    assert f" [{100 * low:.2f}, {100 * high:.2f}] |" in page.read_text()
    assert (workplace / "docs" / "results" / "landmarks.png").read_bytes().startswith(b"\x89PNG")


def test_a_new_run_takes_the_place_of_its_like_and_leaves_the_others(workplace: Path, page: Path) -> None:
    for model, mse in (("cnn", 3e-4), ("resnet18", 2e-4), ("cnn", 1e-4)):
        assert main(["results", "--add", finished(workplace, model, mse=mse).id]) == 0
    assert {row["model"]: row["mse"] for row in rows(workplace)} == {"resnet18": 2e-4, "cnn": 1e-4}


def test_another_row_of_a_model_stays_beside_one_with_a_name(workplace: Path, page: Path) -> None:
    for mse, name in ((3e-4, []), (1e-4, ["--as", "cnn large"]), (9e-5, ["--as", "cnn large"])):
        assert main(["results", "--add", finished(workplace, "cnn", mse=mse).id, *name]) == 0
    assert {row["model"]: row["mse"] for row in rows(workplace)} == {"cnn": 3e-4, "cnn large": 9e-5}
    assert "| cnn large |" in page.read_text()


def test_a_run_of_changed_files_is_not_published(
    workplace: Path, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["results", "--add", finished(workplace, dirty=True).id]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "only finished runs of a commit are published" in error
    assert not (workplace / "docs" / "results").exists()


def test_a_run_that_was_not_tested_is_not_published(
    workplace: Path, page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {"faceline.commit": "0123456789abcdef", "faceline.dirty": "False", "model": "cnn"}
    with tracked_run(connect(None, workplace), "landmarks", "debugged", tags=made) as run:
        run.log_metrics({"val/nme": 0.5})
    assert main(["results", "--add", run.id]) == 2
    assert "has no test metrics: its training is not complete" in capsys.readouterr().err


def test_a_page_that_differs_is_told(workplace: Path, page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", "--add", finished(workplace).id]) == 0
    page.write_text(page.read_text().replace("| 4.57 |", "| 1.00 |"))
    assert main(["results", "--check"]) == 2
    assert "results.md" in capsys.readouterr().err
