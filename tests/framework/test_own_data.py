"""A table of faces with five points, made here, goes the whole way: check, training, evaluation, bundle, prediction."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceline.cli import main
from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces
from faceline.geometry.crops import ARCFACE
from faceline.inference.bundle import LandmarkManifest, read_bundle

DATA = ("data=csv", "data.root=faces", "data.csv=faces.csv", "split.protocol=video_disjoint")
TINY = (
    "markup=five",
    "data.size=48",
    "data.batch_size=8",
    "model.backbone.width=16",
    "model.head.width=16",
    "trainer.precision=32-true",
    "trainer.max_epochs=2",
    "threads=1",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with faces of five points, and a detector that was trained on them."""
    folder = tmp_path_factory.mktemp("five")
    (folder / "faces").mkdir()
    source = SyntheticFaces(people=8, videos=2, frames=4, seed=5)
    with (folder / "faces" / "faces.csv").open("w", newline="") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(["picture", "who", "video", *(f"p{i}{axis}" for i in range(1, 6) for axis in "xy")])
        for number, row in enumerate(source.rows(BadRows("raise"))):
            Image.fromarray(source.read(row)).save(folder / "faces" / f"{number}.png")
            points = ARCFACE.of(row.landmarks)
            table.writerow([f"{number}.png", row.person, row.video, *(f"{value:.2f}" for value in points.ravel())])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        assert main(["train", *DATA, *TINY, "+data.source.columns.person=who"]) == 0
    return folder


@pytest.fixture
def inside(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return place


def test_the_check_tells_how_the_table_is_read(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", *DATA[:3], "markup=five"]) == 0
    told = capsys.readouterr().out
    assert "separator ';'" in told
    assert "5 landmarks in the columns p1x p1y … p5x p5y, in pixels" in told
    assert "not used      who" in told


def test_the_wrong_markup_is_refused_with_the_right_one(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *DATA]) == 2
    assert "the data has 5 landmarks, ibug-68 has 68; choose markup=five" in capsys.readouterr().err


def test_five_points_come_out_of_the_bundle(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run,) = (inside / "mlruns" / "runs").iterdir()
    assert main(["export", f"run_id={run.name}", "output=five.faceline", "frames=4"]) == 0
    manifest = read_bundle("five.faceline", LandmarkManifest).manifest
    assert (manifest.markup, manifest.points, manifest.format) == ("five", 5, 6)
    assert main(["predict", "faces/0.png", "bundle=five.faceline", "faces=whole", "output=found.csv"]) == 0
    header, row = csv.reader(Path("found.csv").read_text().splitlines())
    assert header[-10:] == [f"{axis}{i}" for i in range(5) for axis in "xy"]
    assert np.isfinite(np.array(row[-10:], dtype=float)).all()
    assert main(["evaluate", f"run_id={run.name}"]) == 0
    assert "nme_mouth" in capsys.readouterr().out


def test_a_stand_refuses_another_markup(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run,) = (inside / "mlruns" / "runs").iterdir()
    assert main(["export", f"run_id={run.name}", "output=stand.faceline", "frames=4"]) == 0
    assert main(["stand", "bundle=stand.faceline", "seconds=1"]) == 2
    assert "the stand reads expressions and the pose of heads from the 68 points of iBUG" in capsys.readouterr().err
