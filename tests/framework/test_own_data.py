"""A table of faces with five points, made here, goes the whole way: check, training, evaluation, bundle, prediction."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image
from tests import drawn
from tests.prepared import quick_commands

from faceline.cli import main
from faceline.config.tree import conf_dir
from faceline.data.csv_faces import CsvFaces
from faceline.data.faces import AlignedFace
from faceline.data.index import BadRows
from faceline.data.labels import list_labels
from faceline.data.pts import PtsFaces
from faceline.data.synthetic import SyntheticFaces
from faceline.geometry.crops import ARCFACE
from faceline.geometry.markup import Markup
from faceline.inference.bundle import LandmarkManifest, read_bundle
from faceline.tasks.assembly import tell_people_unknown

SOURCE = SyntheticFaces(people=8, videos=2, frames=4, seed=5)
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
def place(kept: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with faces of five points, and a detector that was trained on them."""
    folder = tmp_path_factory.mktemp("five")
    (folder / "faces").mkdir()
    source = SOURCE
    with (folder / "faces" / "faces.csv").open("w", newline="") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(["picture", "who", "video", *(f"p{i}{axis}" for i in range(1, 6) for axis in "xy")])
        for number, row in enumerate(source.rows(BadRows("raise"))):
            Image.fromarray(source.read(row)).save(folder / "faces" / f"{number}.png")
            points = ARCFACE.of(row.landmarks)
            table.writerow([f"{number}.png", row.person, row.video, *(f"{value:.2f}" for value in points.ravel())])
    with pytest.MonkeyPatch.context() as patch, quick_commands(kept):
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        assert main(["train", *DATA, *TINY, "data.source.columns={person: who}"]) == 0
    return folder


@pytest.fixture
def inside(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return place


def test_the_check_tells_how_the_table_is_read(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", *DATA[:3]]) == 0
    told = capsys.readouterr().out
    assert "separator ';'" in told
    assert "5 landmarks in the columns p1x p1y … p5x p5y, in pixels" in told
    assert "not used      who" in told


def test_the_wrong_markup_is_refused_with_the_right_one(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *DATA]) == 2
    assert "the data has 5 landmarks, ibug-68 has 68; choose markup=five" in capsys.readouterr().err


@pytest.fixture
def bundle(inside: Path) -> str:
    """The file of the bundle of that run, made once."""
    (run,) = (inside / "mlruns" / "runs").iterdir()
    if not Path("five.faceline").exists():
        assert main(["export", f"run_id={run.name}", "output=five.faceline", "frames=4"]) == 0
    return "five.faceline"


def test_five_points_come_out_of_the_bundle(inside: Path, bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    (run,) = (inside / "mlruns" / "runs").iterdir()
    manifest = read_bundle(bundle, LandmarkManifest).manifest
    assert (manifest.markup, manifest.points, manifest.format) == ("five", 5, 6)
    assert main(["predict", "faces/0.png", f"bundle={bundle}", "faces=whole", "output=found.csv"]) == 0
    header, row = csv.reader(Path("found.csv").read_text().splitlines())
    assert header[-10:] == [f"{axis}{i}" for i in range(5) for axis in "xy"]
    assert np.isfinite(np.array(row[-10:], dtype=float)).all()
    assert main(["evaluate", f"run_id={run.name}"]) == 0
    assert "nme_mouth" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["blinks=true"], "blinks: moves the lids among the 68 landmarks of ibug-68, and this model finds five"),
        (["output=five.onnx"], "five.onnx, key 'output': a bundle is no ONNX file, but holds one: name it .faceline"),
    ],
)
def test_an_export_refuses_what_it_cannot_do(
    inside: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = (inside / "mlruns" / "runs").iterdir()
    before = set(Path("mlruns").rglob("*.faceline"))
    assert main(["export", f"run_id={run.name}", "frames=4", *words]) == 2
    assert told in capsys.readouterr().err
    assert set(Path("mlruns").rglob("*.faceline")) == before


def test_a_stand_refuses_another_markup(bundle: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stand", f"bundle={bundle}", "seconds=1"]) == 2
    assert "the stand reads expressions and the pose of heads from the 68 points of iBUG" in capsys.readouterr().err


def test_people_are_told_apart_by_five_points(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = ("markup=five", "data.source.columns.person=who", "tracking.root=people", "threads=1")
    assert main(["train", "experiment=identification/knn", *DATA, *own]) == 0
    assert "rank-1" in capsys.readouterr().out
    assert list(Path("people").glob("mlruns/artifacts/**/test/examples.png"))


def test_faces_are_aligned_by_the_five_points_as_by_the_68() -> None:
    row = SOURCE.rows(BadRows("raise"))[0]
    image = SOURCE.read(row)
    five = replace(row, landmarks=ARCFACE.of(row.landmarks), landmarks3d=None)
    np.testing.assert_array_equal(
        AlignedFace(markup=read_markup("five"))(five, image, 64), AlignedFace()(row, image, 64)
    )


def read_markup(name: str) -> Markup:
    found: Markup = instantiate(OmegaConf.load(conf_dir() / "markup" / f"{name}.yaml"))
    return found


@pytest.mark.slow
def test_a_face_mesh_of_478_points_is_trained_on_and_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The 68 where they lie, each other point halfway between two of them; the pose is told from the 68."""
    halfway = np.random.default_rng(0).integers(0, 68, (478, 2))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faces").mkdir()
    with (tmp_path / "faces" / "faces.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "person", "video", *(f"{axis}{i}" for i in range(478) for axis in "xy")])
        for number, row in enumerate(SOURCE.rows(BadRows("raise"))):
            Image.fromarray(SOURCE.read(row)).save(tmp_path / "faces" / f"{number}.png")
            points = row.landmarks[halfway].mean(axis=1)
            points[list(read_markup("face_mesh478").ibug68)] = row.landmarks
            table.writerow([f"{number}.png", row.person, row.video, *points.ravel().round(2)])
    assert main(["train", *DATA, *TINY[1:], "markup=face_mesh478"]) == 0
    assert list(tmp_path.glob("mlruns/artifacts/**/test/error_by_condition.png"))
    assert "the data has 478 landmarks" not in capsys.readouterr().err


def test_photos_with_pts_files_are_trained_on_and_evaluated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    drawn.write_pts(tmp_path / "300w", SOURCE)
    data = ["data=pts", "data.root=300w", "data.split_by=folder"]
    assert main(["data", "check", *data[:2]]) == 0
    assert main(["train", *data, *TINY[1:]]) == 0
    (run,) = (tmp_path / "mlruns" / "runs").iterdir()
    assert main(["evaluate", f"run_id={run.name}"]) == 0
    assert "nme" in capsys.readouterr().out


def test_who_is_unknown_is_told_where_it_could_be_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn.write_table(tmp_path / "table", SOURCE)
    drawn.write_pts(tmp_path / "300w", SOURCE)
    table, photos = CsvFaces(tmp_path / "table", tmp_path / "table" / "labels.csv"), PtsFaces(tmp_path / "300w")
    for source, told in ((table, 1), (photos, 0)):
        tell_people_unknown(source, list_labels(source), "frame_random")
        assert capsys.readouterr().err == ""
        tell_people_unknown(source, list_labels(source), "person_disjoint")
        assert capsys.readouterr().err.count("nothing says who is seen, so person_disjoint divides the frames") == told
