"""`faceline cluster` as users type it."""

import json
from pathlib import Path

import pandas as pd
import pytest
from tests.drawn import write_pts

from faceline.cli import main
from faceline.data.synthetic import SyntheticFaces

CROWD = ("data.source.people=6", "data.source.videos=2", "data.source.frames=5", "threads=1", "k=[2,4]")


def run_of(store, folder: Path):
    client = store(folder)
    (experiment,) = client.search_experiments(filter_string="name = 'clusters'")
    (run,) = client.search_runs([experiment.experiment_id])
    return run, Path(run.info.artifact_uri.removeprefix("file://"))


@pytest.mark.figures
@pytest.mark.parametrize("overrides", [[], ["dims=3", "rotate=false", "chosen=3", "examples=2"]], ids=["2d", "3d"])
def test_groups_are_described_and_compared_with_people(overrides: list[str], workplace: Path, store, capsys) -> None:
    assert main(["cluster", "data=synthetic", *CROWD, *overrides]) == 0
    run, files = run_of(store, workplace)
    assert run.info.status == "FINISHED"
    figures = {"elbow_and_silhouette.png", "mean_shapes.png", "examples.png", "purity.png", "normalisation.png"}
    assert figures <= {path.name for path in files.iterdir()}
    told = json.loads((files / "clusters.json").read_text())
    frames = pd.read_csv(files / "frames.csv")
    assert len(frames) == 60 == sum(group["frames"] for group in told["groups"])
    assert len(told["groups"]) == run.data.metrics["k"] == frames["group"].max()
    for group in told["groups"]:
        members = frames[frames["group"] == group["group"]]
        assert group["yaw"] == pytest.approx(members["yaw"].median(), abs=1e-3)
        assert set(group["nearest"]) <= set(members["file"])
    for name in ("purity_person", "purity_person_chance", "purity_video", "silhouette"):
        assert 0 <= run.data.metrics[name] <= 1
    out = capsys.readouterr().out
    assert "into as many groups as people, 6: purity" in out and "Groups of shapes" in out


def test_one_person_is_said_and_not_compared(workplace: Path, store, capsys) -> None:
    assert main(["cluster", "data=synthetic", *CROWD, "data.source.people=1"]) == 0
    assert "one person only" in capsys.readouterr().err
    assert "purity_person" not in run_of(store, workplace)[0].data.metrics


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["k=[2,200]"], "k: synthetic has 60 frames, fewer than 200 groups"),
        (["k=[5,2]"], "k: expected the fewest and the most groups"),
        (["k=[1,3]"], "k: expected the fewest"),
        (["k=3"], "k: expected a list"),
        (["dims=4"], "dims: expected 2 or 3"),
        (["chosen=61"], "k: expected from 1 to 60 groups"),
        (["rotat=true"], "rotat"),
    ],
    ids=str,
)
def test_mistakes_are_told_in_one_line(overrides: list[str], words: str, workplace: Path, capsys) -> None:
    assert main(["cluster", "data=synthetic", *CROWD, *overrides]) == 2
    error = capsys.readouterr().err
    assert error.strip().count("\n") == 0 and words in error


def test_depth_is_not_asked_of_a_set_without_it(udacity_like: Path, workplace: Path, capsys) -> None:
    data = ["data=udacity", f"data.root={udacity_like}", "data.on_error=skip", "dims=3", "k=[2,3]"]
    assert main(["cluster", *data]) == 2
    assert "dims: udacity has no landmarks in three dimensions" in capsys.readouterr().err


def test_a_photo_that_cannot_be_read_stops_nothing_where_such_are_skipped(workplace: Path, store, capsys) -> None:
    write_pts(workplace / "set", SyntheticFaces(people=6, videos=1, frames=1, test_frames=0, seed=3))
    next(workplace.glob("set/*/*.png")).write_bytes(b"")
    overrides = ["data=pts", "data.root=set", "k=[2,3]", "threads=1"]
    assert main(["cluster", *overrides]) == 2
    assert "is empty (0 bytes)" in capsys.readouterr().err
    assert main(["cluster", *overrides, "data.on_error=skip"]) == 0
