"""`faceline predict`: a user's own images, folders and videos."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceline.cli import main
from faceline.data.index import BadRows
from faceline.data.synthetic import SyntheticFaces


@pytest.fixture
def ask(in_trained: Path, tmp_path: Path):
    """Predict with the trained run into a folder of the test; gives the rows of the table."""
    (folder,) = (in_trained / "mlruns" / "runs").iterdir()

    def predict(*overrides: str) -> list[dict[str, str]]:
        table = tmp_path / "out" / "landmarks.csv"
        assert (
            main(["predict", f"run_id={folder.name}", f"output={table}", "faces=whole", "min_confidence=0", *overrides])
            == 0
        )
        return list(csv.DictReader(table.open()))

    return predict


@pytest.fixture
def face(tmp_path: Path) -> Path:
    source = SyntheticFaces(people=1, videos=1, frames=3)
    path = tmp_path / "photos" / "face.png"
    path.parent.mkdir()
    Image.fromarray(source.read(source.rows(BadRows("raise"))[0])).save(path)
    return path


def points(row: dict[str, str]) -> np.ndarray:
    return np.array([[float(row[f"x{i}"]), float(row[f"y{i}"])] for i in range(68)])


def test_an_image_gives_one_row_in_pixels_of_that_image(ask, face: Path) -> None:
    (row,) = ask(f"input={face}")
    width, height = Image.open(face).size
    assert (row["file"], row["frame"]) == ("face.png", "0")
    assert list(row)[:8] == ["file", "frame", "face", "confidence", "left", "top", "right", "bottom"]
    assert len(row) == 8 + 136
    assert (points(row) > -width).all() and (points(row) < 2 * max(width, height)).all()


def test_a_larger_copy_has_the_same_landmarks_at_its_scale(ask, face: Path) -> None:
    large = face.with_name("large.png")
    image = Image.open(face)
    image.resize((image.width * 3, image.height * 3), Image.Resampling.BICUBIC).save(large)
    rows = {row["file"]: points(row) for row in ask(f"input={face.parent}")}
    small = (rows["face.png"] + 0.5) * 3 - 0.5
    assert np.abs(rows["large.png"] - small).max() < 0.03 * image.width * 3


def test_a_folder_with_all_kinds_of_images_is_read(ask, face: Path) -> None:
    image = Image.open(face).convert("RGB")
    image.convert("L").save(face.with_name("grey.png"))
    image.convert("CMYK").save(face.with_name("cmyk.jpg"))
    image.convert("RGBA").save(face.with_name("alpha.webp"))
    (face.parent / "notes.txt").write_text("no image")
    assert [row["file"] for row in ask(f"input={face.parent}")] == ["alpha.webp", "cmyk.jpg", "face.png", "grey.png"]


def test_neither_the_photo_nor_another_file_is_written_over(
    face: Path, tmp_path: Path, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, file = face.read_bytes(), tmp_path / "notes.txt"
    file.write_text("a file")
    for settings, words in (
        ([f"output={face}"], "is the name of an image or film"),
        ([f"output={file}/landmarks.csv"], "notes.txt: is there already"),
        ([f"overlays={file}/drawn"], "lies below a file"),
    ):
        assert main(["predict", str(face), *settings]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and words in error
    assert face.read_bytes() == before and file.read_text() == "a file"


@pytest.mark.parametrize(("content", "words"), [(None, "no such file"), (b"", "empty"), (b"just text", "not an image")])
def test_an_input_that_is_no_image_is_refused(
    in_trained: Path, tmp_path: Path, content: bytes | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = (in_trained / "mlruns" / "runs").iterdir()
    path, table = tmp_path / "photo.jpg", tmp_path / "landmarks.csv"
    if content is not None:
        path.write_bytes(content)
    assert main(["predict", f"run_id={folder.name}", f"input={path}", f"output={table}"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and words in error and "photo.jpg" in error
    assert not table.exists() and not list(tmp_path.glob(".*"))


def test_an_empty_folder_and_a_broken_video_are_refused(
    in_trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder,) = (in_trained / "mlruns" / "runs").iterdir()
    film, empty = tmp_path / "film.mp4", tmp_path / "empty"
    film.write_bytes(b"no film")
    empty.mkdir()
    for source, words in ((film, "not a video"), (empty, "no images or films")):
        assert main(["predict", f"run_id={folder.name}", f"input={source}", f"output={tmp_path / 'x.csv'}"]) == 2
        assert words in capsys.readouterr().err


def test_a_bundle_gives_what_its_run_gives(ask, exported: Path, face: Path, tmp_path: Path) -> None:
    (expected,) = ask(f"input={face}")
    table = tmp_path / "bundle.csv"
    assert (
        main(
            [
                "predict",
                str(face),
                f"bundle={exported}",
                "faces=whole",
                "min_confidence=0",
                f"output={table}",
                "threads=1",
            ]
        )
        == 0
    )
    (row,) = csv.DictReader(table.open())
    np.testing.assert_allclose(points(row), points(expected), atol=0.02)


def test_a_photo_is_enough_and_nothing_of_training_is_imported(face: Path, workplace: Path) -> None:
    photo = workplace / "a photo = (1), of mine.png"
    photo.write_bytes(face.read_bytes())
    code = f"""
import sys
from faceline.cli import main
assert main(["predict", {str(photo)!r}, "overlays=drawn"]) == 0
loaded = {{"torch", "hydra", "mlflow", "pytorch_lightning", "albumentations", "pandas"}} & set(sys.modules)
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (row,) = csv.DictReader((workplace / "landmarks.csv").open())
    assert float(row["confidence"]) > 0.5
    assert row["file"] == photo.name and len(list((workplace / "drawn").glob("*.png"))) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["face.png", "b.png"], "b.png, key 'input': no such file or folder"),
        (["a.png", "inptu=b"], "inptu: no such key; did you mean input?"),
        (["a.png", "faces=maybe"], "faces: expected"),
        (["a.png"], "a.png, key 'input': no such file or folder"),
        (["face.png", "bundle=none.faceline"], "none.faceline: no such bundle; faceline export"),
        (["face.png", "bundle=face.png"], "face.png: is no faceline bundle"),
        (["face.png", "ckpt_path=face.png"], "face.png: not a readable checkpoint; give the .ckpt file of a run"),
        (["face.png", "bundle=x", "run_id=abc"], "bundle: give bundle=FILE, or run_id=RUN"),
        (["face.png", "min_confidence=2"], "min_confidence: "),
        (["*.gif"], "input: no file matches *.gif"),
        (["face.png", "output=x.json"], "x.json, key 'output': has the suffix of another format"),
        ([], "input: missing; give it a value with input="),
        ([""], "input: expected photos, films or folders, got an empty name"),
        (["input=[]"], "input: expected photos, films or folders, got an empty name"),
        (["input=5"], "input: expected text or a list, got 5"),
        (["face.png", "input=b.png"], "input: name everything in one place: either face.png and others, or input="),
        (["-"], "-, key 'input': no such file or folder"),
        (["https://a.b/c.jpg?d=1"], "input: https://a.b/c.jpg?d=1 is an address"),
        (["face.png", "--version"], "--version: no such flag"),
        (["face.png", "-m", "faces=all,largest"], "-m: no such flag"),
        (["--config-name", "nope", "face.png"], "--config-name nope: no such config"),
        (["face.png", "output=-"], "output: expected a name, got -; standard output is /dev/stdout"),
        (["face.png", "output=x.pts"], "x.pts, key 'output': has the suffix of another format: give format=pts"),
        (["face.png", "output=new/"], "new/, key 'output': is a folder; give the name of a CSV file"),
        (["face.png", "output=a", "overlays=a"], "a, key 'overlays': is the name of the table too"),
        (["face.png", "output=a", "overlays=a/b"], "a/b, key 'overlays': is the name of the table too"),
        (["face.png", "overlays=true"], "overlays: expected text, got true"),
    ],
)
def test_a_mistake_without_a_run_is_told_in_one_line(
    face: Path, workplace: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "face.png").write_bytes(face.read_bytes())
    assert main(["predict", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"faceline: error: {told}") and error.count("\n") == 1
    assert not (workplace / "landmarks.csv").exists()


def test_the_config_is_printed_with_the_names_of_the_photos(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "a b.png", "c.png", "--cfg", "job", "--package", "input"]) == 0
    assert capsys.readouterr().out.splitlines()[1:3] == ["- a b.png", "- c.png"]


def test_photos_may_have_any_names(face: Path, workplace: Path, capfd: pytest.CaptureFixture[str]) -> None:
    names = ["a$t${y}.png", os.fsdecode(b"caf\xe9.png"), "'a\".png", "5"]
    for name in names:
        Image.open(face).resize((60, 80)).save(name, "PNG")
    assert main(["predict", *names, "faces=whole", "min_confidence=1", "output=table.csv", "threads=1"]) == 0
    assert "in 0 of 4 photos" in capfd.readouterr().out
