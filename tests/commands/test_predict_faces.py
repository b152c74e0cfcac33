"""`faceline predict` on photos and films with several faces, with the model that ships: no training, no torch."""

import csv
import inspect
import json
import os
import signal
import struct
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import faceline
from faceline.cli import main
from faceline.data.index import BadRows
from faceline.data.pts import read_pts
from faceline.data.synthetic import SyntheticFaces
from faceline.photos.prediction import Prediction


@pytest.fixture(scope="module")
def group() -> tuple[np.ndarray, np.ndarray]:
    """A photo with two drawn faces, the larger one at the right, and their landmarks in that order."""
    source = SyntheticFaces(people=6, videos=1, frames=1, test_frames=0, min_width=180, seed=3)
    photo, landmarks = np.full((420, 700, 3), 128, dtype=np.uint8), []
    for row, left, width in ((source.rows(BadRows("raise"))[0], 350, 300), (source.rows(BadRows("raise"))[2], 30, 200)):
        image = source.read(row)
        zoom = width / image.shape[1]
        small = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)[:400]
        photo[10 : 10 + small.shape[0], left : left + width] = small
        landmarks.append((row.landmarks + 0.5) * zoom - 0.5 + [left, 10])
    return photo, np.array(landmarks)


def rows_of(table: str = "landmarks.csv") -> list[dict[str, str]]:
    with Path(table).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def points(row: dict[str, str]) -> np.ndarray:
    return np.array([[float(row[f"x{i}"]), float(row[f"y{i}"])] for i in range(68)])


def is_near(found: np.ndarray, truth: np.ndarray) -> bool:
    return bool(np.linalg.norm(found - truth, axis=1).mean() < 0.2 * np.linalg.norm(truth[36] - truth[45]))


def write_film(path: Path, pictures: list[np.ndarray]) -> None:
    part = path.with_suffix(".mp4")
    writer = cv2.VideoWriter(str(part), cv2.VideoWriter.fourcc(*"mp4v"), 10, pictures[0].shape[1::-1])
    for picture in pictures:
        writer.write(np.ascontiguousarray(picture[..., ::-1]))
    writer.release()
    part.rename(path)


def test_every_face_is_a_row_the_largest_first(group, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo, truth = group
    Image.fromarray(photo).save("-dash.png")
    assert main(["predict", "-dash.png", "threads=1"]) == 0
    rows = rows_of()
    assert [(row["face"], row["frame"]) for row in rows] == [("1", "0"), ("2", "0")]
    for row, landmarks in zip(rows, truth, strict=True):
        assert is_near(points(row), landmarks) and 0.5 <= float(row["confidence"]) <= 1
        low, high = (float(row["left"]), float(row["top"])), (float(row["right"]), float(row["bottom"]))
        assert (low < landmarks.mean(axis=0)).all() and (landmarks.mean(axis=0) < high).all()
    assert capsys.readouterr().out.startswith("2 faces in 1 of 1 photo; written to landmarks.csv")
    assert main(["predict", "-dash.png", "faces=largest", "threads=1"]) == 0
    assert [row["x0"] for row in rows_of()] == [rows[0]["x0"]]


def test_the_python_call_gives_the_same(group, workplace: Path) -> None:
    photo, _ = group
    Image.fromarray(photo).save("photo.png")
    assert main(["predict", "photo.png", "threads=1"]) == 0
    faces = faceline.detect_faces(photo)
    assert [face.landmarks.shape for face in faces] == [(68, 2)] * 2
    for face, row in zip(faces, rows_of(), strict=True):
        np.testing.assert_allclose(face.landmarks, points(row), atol=2e-3)
        np.testing.assert_allclose(
            face.box, [float(row[edge]) for edge in ("left", "top", "right", "bottom")], atol=1e-3
        )
    assert faceline.detect_faces(np.full((90, 120, 3), 128, dtype=np.uint8)) == []
    for wrong in (photo[..., 0], photo.astype(float), "photo.png"):
        with pytest.raises(ValueError, match="expected an RGB image"):
            inspect.unwrap(faceline.detect_faces)(wrong)  # where types are not checked at run time, as for users


@pytest.mark.parametrize("quarter", [1, 2])
def test_a_photo_on_its_side_or_upside_down_has_the_same_landmarks(group, quarter: int) -> None:
    photo, truth = group
    faces = faceline.detect_faces(np.ascontiguousarray(np.rot90(photo, quarter)))
    height, width = photo.shape[:2]
    x, y = np.moveaxis(truth, 2, 0)
    turned = np.stack([y, width - 1 - x] if quarter == 1 else [width - 1 - x, height - 1 - y], axis=2)
    assert [is_near(face.landmarks, landmarks) for face, landmarks in zip(faces, turned, strict=True)] == [True, True]


def test_a_folder_says_what_was_not_found_and_what_not_read(
    group, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, _ = group
    folder = Path("photos")
    (folder / "more").mkdir(parents=True)
    Image.fromarray(photo).save(folder / "more" / "two.JPG", "JPEG")
    Image.fromarray(np.full((90, 120, 3), 128, dtype=np.uint8)).save(folder / "wall.png")
    (folder / "._two.jpg").write_bytes(b"\0\5\x16\7")
    (folder / "notes.txt").write_text("no photo")
    assert main(["predict", "photos", "overlays=photos/drawn", "threads=1"]) == 0
    first = capsys.readouterr()
    assert "2 faces in 1 of 2 photos; in 1 none was found; written" in first.out
    assert "wall.png: no face was found" in first.err and "1 other file is neither" in first.err
    assert sorted(path.name for path in folder.glob("drawn/**/*.png")) == ["two.JPG.png", "wall.png.png"]
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    assert main(["predict", "photos", "overlays=photos/drawn", "format=json", "threads=1"]) == 3
    again = capsys.readouterr()
    assert "1 file skipped or cut" in again.out and "broken.png: is " in again.err
    told = json.loads(Path("landmarks.json").read_text())
    assert [(face["file"], face["face"]) for face in told["faces"]] == [("more/two.JPG", 1), ("more/two.JPG", 2)]
    assert told["without_face"] == ["wall.png"] and told["skipped"][0]["file"] == "broken.png"
    stopped = ["predict", str(folder / "more"), str(folder / "broken.png"), "on_error=stop", "threads=1"]
    assert main([*stopped, "output=other.csv"]) == 2
    assert main([*stopped, "output=other", "format=pts"]) == 2
    assert not Path("other.csv").exists() and list(Path("other").iterdir()) == []


def test_one_photo_without_a_face_is_a_no(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)).save("noise.png")
    assert main(["predict", "noise.png", "threads=1"]) == 3
    assert "noise.png: no face was found" in capsys.readouterr().err
    assert rows_of() == [] and Path("landmarks.csv").read_text().startswith("file,frame,face,confidence,left")


def test_a_face_below_the_least_confidence_is_no_surprise(
    group, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(group[0]).save("photo.png")
    assert main(["predict", "photo.png", "faces=whole", "min_confidence=1", "threads=1"]) == 3
    told = capsys.readouterr()
    assert "1 below min_confidence left out" in told.out
    assert "no face was found in photo.png; a lower min_confidence keeps what was left out" in told.err


def test_pts_files_are_read_back_as_labels(group, workplace: Path) -> None:
    photo, _ = group
    Path("in").mkdir()
    Image.fromarray(photo).save("in/a.png")
    for name in ("a_2.png", "a_2.jpg", "a.png_2.png"):
        Image.fromarray(photo[:, :340]).save(f"in/{name}")
    assert main(["predict", "in", "format=pts", "output=points", "threads=1"]) == 0
    faces = faceline.detect_faces(photo)
    names = {path.name for path in Path("points").glob("[!.]*")}
    assert names == {"a.pts", "a_02.pts", "a_2.png.pts", "a_2.jpg.pts", "a.png_2.pts"}
    for name, face in (("a", faces[0]), ("a_02", faces[1])):
        np.testing.assert_allclose(read_pts(Path("points", f"{name}.pts")), face.landmarks, atol=1e-3)
    assert main(["predict", "in/a.png", "in/a_2.png", "format=pts", "output=two", "threads=1"]) == 0
    assert {path.name for path in Path("two/in").iterdir()} == {"a.pts", "a_2.pts", "a_02.pts"}
    assert main(["predict", "in", "format=pts", "output=in", "faces=largest", "threads=1"]) == 0
    assert Path("in/a.png").exists() and Path("in/a.pts").read_bytes() == Path("points/a.pts").read_bytes()


def test_pts_files_of_an_earlier_run_are_replaced_but_no_label_of_somebody(
    group, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "ab":
        Image.fromarray(group[0]).save(f"{name}.png")
    words = ["format=pts", "output=points", "overlays=points", "faces=largest", "threads=1"]
    assert main(["predict", "a.png", "b.png", *words]) == 0
    assert main(["predict", "a.png", *words]) == 0
    assert {path.name for path in Path("points").glob("[!.]*")} == {"a.pts", "a.png.png", "b.png.png"}
    label = Path("points/a.pts").read_text().replace("1", "2")
    Path("points/a.pts").write_text(label)
    assert main(["predict", "a.png", *words]) == 2
    assert "a.pts there was not written by faceline predict, or was changed since" in capsys.readouterr().err
    assert Path("points/a.pts").read_text() == label


@pytest.mark.parametrize("word", ["in", "in/*", "in/**/*.png"])
def test_overlays_of_an_earlier_run_are_no_photos(
    group, workplace: Path, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in").mkdir()
    Image.fromarray(group[0]).save("in/a.png")
    Image.fromarray(group[0]).save("a.png")
    whole = ["faces=whole", "min_confidence=0", "threads=1"]
    assert main(["predict", "in", "overlays=in/drawn", *whole]) == 0
    capsys.readouterr()
    assert main(["predict", word, *whole]) == 0
    told = capsys.readouterr()
    assert " of 1 photo;" in told.out and "1 file of an earlier run, such as overlays, not read" in told.err
    assert main(["predict", "in/drawn", *whole]) == 0  # asked for by name
    Path("a.png").replace("in/drawn/a.png.png")
    assert main(["predict", word, *whole]) == 0  # a photo that took an overlay's place
    assert " of 2 photos;" in capsys.readouterr().out


def test_photos_whose_results_would_get_one_name_are_refused(
    group, workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("in").mkdir()
    for name in ("x.png", "in/x.png"):
        Image.fromarray(group[0]).save(name)
    monkeypatch.chdir("in")
    for word in ("format=pts", "overlays=drawn"):
        assert main(["predict", "x.png", "../x.png", word, "threads=1"]) == 2
        assert "x.png and ../x.png would be written to the same file; start in" in capsys.readouterr().err
    assert sorted(path.name for path in Path().iterdir()) == ["x.png"]


def test_faces_of_a_film_keep_their_numbers_and_frames_have_times(group, workplace: Path) -> None:
    photo, _ = group
    write_film(Path("film.dat"), [np.roll(photo, 4 * i, axis=1)[:, :640] for i in range(6)])
    assert main(["predict", "film.dat", "overlays=drawn", "smooth=true", "threads=1"]) == 0
    rows = rows_of()
    assert list(rows[0])[:5] == ["file", "frame", "time", "face", "confidence"]
    assert [float(row["time"]) for row in rows if row["face"] == "1"] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert {row["face"] for row in rows} == {"1", "2"} and len(rows) == 12
    ways = {number: [points(row)[:, 0].mean() for row in rows if row["face"] == number] for number in ("1", "2")}
    assert all((np.diff(way) > 1).all() for way in ways.values())
    drawn = cv2.VideoCapture("drawn/film.dat.mp4")
    assert drawn.get(cv2.CAP_PROP_FRAME_COUNT) == 6 and drawn.get(cv2.CAP_PROP_FPS) == 10


def test_films_follow_one_another(group, workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = cv2.resize(group[0], (350, 210))
    for name in ("a", "b"):
        write_film(Path(f"{name}.avi"), [small] * 2)
    assert main(["predict", "a.avi", "b.avi", "faces=largest", "threads=1"]) == 0
    assert "4 of 4 frames of 2 films" in capsys.readouterr().out
    assert [(row["file"], row["frame"]) for row in rows_of()] == [(f"{n}.avi", f) for n in "ab" for f in "01"]


def patch_box(film: bytes, name: bytes, change) -> bytes:
    """A film in which the content of a box is another one of the same length."""
    at = film.index(name)
    length = struct.unpack(">I", film[at - 4 : at])[0] - 8
    changed = change(film[at + 4 : at + 4 + length])
    assert len(changed) == length
    return film[: at + 4] + changed + film[at + 4 + length :]


def test_a_film_is_turned_as_it_says(group, workplace: Path) -> None:
    photo, _ = group
    write_film(Path("film.mp4"), [np.rot90(photo)] * 2)
    turn = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    turned = patch_box(Path("film.mp4").read_bytes(), b"tkhd", lambda old: old[:40] + turn + old[76:])
    Path("turned.mp4").write_bytes(turned)
    assert main(["predict", "turned.mp4", "threads=1"]) == 0
    (first, _), *_ = [[points(row) for row in rows_of() if row["frame"] == frame] for frame in ("0", "1")]
    assert first[8, 1] > first[27, 1] + 20  # the chin below the eyes


def test_a_cut_film_keeps_what_came_and_says_what_did_not(
    group, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, _ = group
    writer = cv2.VideoWriter("film.avi", cv2.VideoWriter.fourcc(*"MJPG"), 10, (350, 210))
    for _ in range(8):
        writer.write(cv2.resize(photo, (350, 210))[..., ::-1])
    writer.release()
    content = Path("film.avi").read_bytes()
    Path("cut.avi").write_bytes(content[: len(content) // 2])
    assert main(["predict", "cut.avi", "threads=1"]) == 3
    told = capsys.readouterr()
    assert "of the 8 frames that it promises came" in told.err and "skipped or cut" in told.out
    assert 0 < len({row["frame"] for row in rows_of()}) < 8


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_is_ended_leaves_nothing_unfinished(
    group, workplace: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    for name in range(2):
        Image.fromarray(group[0]).save(f"{name}.png")
    monkeypatch.setattr(sys, "argv", ["faceline", "predict", "0.png", "1.png", "output=new/x.csv", "threads=1"])
    monkeypatch.setattr(Prediction, "add", lambda *_: os.kill(os.getpid(), number))
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        signal.signal(number, signal.SIG_DFL)  # a shell may have it ignored
        with pytest.raises(SystemExit) as caught:
            main()
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert caught.value.code == 128 + number
    assert list(Path("new").iterdir()) == []


def test_an_animation_is_a_film(group, workplace: Path) -> None:
    pictures = [Image.fromarray(group[0]).resize((350, 210)) for _ in range(3)]
    for number, picture in enumerate(pictures):
        picture.putpixel((0, 0), (100 * number, 0, 0))
    pictures[0].save("moving.webp", save_all=True, append_images=pictures[1:], duration=[200, 300, 300], quality=90)
    assert main(["predict", "moving.webp", "faces=largest", "overlays=drawn", "threads=1"]) == 0
    assert [(row["frame"], row["time"]) for row in rows_of()] == [("0", "0.000"), ("1", "0.200"), ("2", "0.500")]
    assert cv2.VideoCapture("drawn/moving.webp.mp4").get(cv2.CAP_PROP_FPS) == 4  # two steps in half a second


def test_one_input_without_a_file_writes_nothing_and_one_of_several_is_skipped(
    group, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(group[0]).save("photo.png")
    os.mkfifo("pipe.png")
    assert main(["predict", "pipe.png", "threads=1"]) == 2
    assert not Path("landmarks.csv").exists()
    assert "pipe.png: is a pipe or a device" in capsys.readouterr().err
    assert main(["predict", "pipe.png", "photo.png", "faces=largest", "threads=1"]) == 3
    assert len(rows_of()) == 1
