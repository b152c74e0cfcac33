"""The Udacity set: what it gives, and every fault that its files can have."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from faceline.data.cache import cached_frames
from faceline.data.index import BadRows
from faceline.data.udacity import UdacityFaces
from faceline.errors import InputError

HEADER = ["", *map(str, range(136))]
NAMES = ("Ann_Lee_00.jpg", "Ann_Lee_01.jpg", "Bo_van_Dam_12.jpg")
SCRIPT = Path(__file__).parents[3] / "scripts" / "fetch_udacity.py"


@dataclass
class Published:
    """A tiny set as it lies on a disk, with its training table as cells that a test may spoil."""

    root: Path
    rows: list[list[str]]

    @property
    def csv(self) -> Path:
        return self.root / "training_frames_keypoints.csv"

    @property
    def frames(self) -> Path:
        return self.root / "training"

    def write(self, line_end: str = "\n", prefix: bytes = b"") -> None:
        text = "".join(",".join(row) + line_end for row in self.rows)
        self.csv.write_bytes(prefix + text.encode())


def landmark_cells(seed: int) -> list[str]:
    return [f"{value:.1f}" for value in np.random.default_rng(seed).integers(0, 36, 136).astype(float)]


def write_frame(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (36, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, "PNG")


def publish(root: Path) -> Published:
    (root / "training").mkdir(parents=True)
    for seed, name in enumerate(NAMES):
        write_frame(root / "training" / name, seed)
    made = Published(root, [list(HEADER), *([name, *landmark_cells(seed)] for seed, name in enumerate(NAMES))])
    made.write()
    return made


@pytest.fixture
def made(tmp_path: Path) -> Published:
    return publish(tmp_path / "set")


def add_test_part(made: Published) -> None:
    (made.root / "test").mkdir()
    for seed, name in enumerate((NAMES[0], "Cy_Oz_20.jpg")):
        write_frame(made.root / "test" / name, 10 + seed)
    row = ",".join([NAMES[0], *landmark_cells(9)])
    (made.root / "test_frames_keypoints.csv").write_text(",".join(HEADER) + "\n" + row + "\n")


def test_person_video_and_frame_come_from_the_name(made) -> None:
    add_test_part(made)
    source = UdacityFaces(made.root)
    rows = source.rows(BadRows("raise"))
    assert [(row.file, row.person, row.video, row.frame, row.part, row.line) for row in rows] == [
        ("training/Ann_Lee_00.jpg", "Ann_Lee", "Ann_Lee_0", 0, "train", 2),
        ("training/Ann_Lee_01.jpg", "Ann_Lee", "Ann_Lee_0", 1, "train", 3),
        ("training/Bo_van_Dam_12.jpg", "Bo_van_Dam", "Bo_van_Dam_1", 2, "train", 4),
        ("test/Ann_Lee_00.jpg", "Ann_Lee", "Ann_Lee_0", 0, "test", 2),
    ]
    assert source.unlabelled() == 1
    expected = np.random.default_rng(1).integers(0, 36, 136).reshape(68, 2)
    np.testing.assert_array_equal(rows[1].landmarks, expected)
    np.testing.assert_array_equal(
        source.read(rows[2]), np.random.default_rng(2).integers(0, 256, (36, 40, 3), dtype=np.uint8)
    )


def test_points_outside_the_frame_and_other_files_are_fine(made) -> None:
    made.rows[1][1:3] = ["-5", "1000.25"]
    made.write()
    (made.frames / ".DS_Store").write_text("x")
    source = UdacityFaces(made.root)
    assert source.rows(BadRows("raise"))[0].landmarks[0].tolist() == [-5, 1000.25]
    assert source.unlabelled() == 0


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_mark_make_no_difference(made, line_end, prefix) -> None:
    before = UdacityFaces(made.root).rows(BadRows("raise"))
    made.rows[1][0] = f'"{made.rows[1][0]}"'
    made.write(line_end, prefix)
    after = UdacityFaces(made.root).rows(BadRows("raise"))
    assert [row.file for row in after] == [row.file for row in before]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old.landmarks, new.landmarks)


def test_the_order_of_the_columns_does_not_matter(made) -> None:
    before = UdacityFaces(made.root).rows(BadRows("raise"))
    made.rows = [[row[0], *row[:0:-1]] for row in made.rows]
    made.write()
    after = UdacityFaces(made.root).rows(BadRows("raise"))
    np.testing.assert_array_equal(before[0].landmarks, after[0].landmarks)


numbers = st.floats(-1e6, 1e6, allow_nan=False)


@settings(max_examples=25, deadline=None)
@given(values=st.lists(numbers, min_size=136, max_size=136, unique=True))
def test_every_number_comes_back_exactly(tmp_path_factory, values) -> None:
    made = publish(tmp_path_factory.mktemp("exact") / "set")
    made.rows[2][1:] = [repr(value) for value in values]
    made.write()
    row = UdacityFaces(made.root).rows(BadRows("raise"))[1]
    np.testing.assert_array_equal(row.landmarks.ravel(), values)


def test_the_key_follows_content_and_not_place(made, tmp_path) -> None:
    key = UdacityFaces(made.root).key()
    assert UdacityFaces(publish(tmp_path / "elsewhere").root).key() == key
    write_frame(made.frames / NAMES[0], 99)
    other_pixels = UdacityFaces(made.root).key()
    write_frame(made.frames / "New_One_00.jpg", 0)
    other_names = UdacityFaces(made.root).key()
    made.rows[1][1] = "17.5"
    made.write()
    assert len({key, other_pixels, other_names, UdacityFaces(made.root).key()}) == 4


def cell(row: int, column: int, text: str) -> Callable[[Published], None]:
    def spoil(made: Published) -> None:
        made.rows[row][column] = text

    return spoil


def frame(action: Callable[[Path], object]) -> Callable[[Published], None]:
    return lambda made: action(made.frames / NAMES[1])


def outside_link(path: Path) -> None:
    outside = path.parents[2] / "outside.jpg"
    write_frame(outside, 5)
    path.unlink()
    path.symlink_to(outside)


def dead_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent / "nowhere.jpg")


def one_point(made: Published) -> None:
    made.rows[2][1:] = ["7.0", "8.0"] * 68


def no_eye_distance(made: Published) -> None:
    made.rows[2][1 + 90 : 1 + 92] = made.rows[2][1 + 72 : 1 + 74]


def grey(path: Path) -> None:
    Image.new("L", (40, 36), 9).save(path, "JPEG")


def large(path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(path, "PNG")


def exif_rotated(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.new("RGB", (40, 36)).save(path, "JPEG", exif=exif)


NAME = "file name (the first)"
BAD_ROWS: dict[str, tuple[Callable[[Published], None], int, str, str]] = {
    "missing frame": (frame(Path.unlink), 3, NAME, "training/Ann_Lee_01.jpg is missing"),
    "folder for a frame": (frame(lambda path: (path.unlink(), path.mkdir())), 3, NAME, "is not a file"),
    "pipe for a frame": (frame(lambda path: (path.unlink(), os.mkfifo(path))), 3, NAME, "is not a file"),
    "empty frame": (frame(lambda path: path.write_bytes(b"")), 3, NAME, "Ann_Lee_01.jpg is empty"),
    "truncated": (frame(lambda path: path.write_bytes(path.read_bytes()[:900])), 3, NAME, "truncated"),
    "text": (frame(lambda path: path.write_text("hello\n" * 99)), 3, NAME, "not an image of a known kind"),
    "bomb": (frame(large), 3, NAME, "too large"),
    "grey": (frame(grey), 3, NAME, "Ann_Lee_01.jpg is grey, expected 8-bit RGB"),
    "exif": (frame(exif_rotated), 3, NAME, "EXIF orientation 8"),
    "outside link": (frame(outside_link), 3, NAME, "link that leads outside"),
    "dead link": (frame(dead_link), 3, NAME, "is not a file"),
    "nan": (cell(2, 58, "NaN"), 3, "57", "expected a finite number of pixels, got 'NaN'"),
    "infinite": (cell(2, 1, "-inf"), 3, "0", "got '-inf'"),
    "too large a number": (cell(2, 1, "1e999"), 3, "0", "got '1e999'"),
    "no number": (cell(2, 136, ""), 3, "135", "got ''"),
    "text in a number": (cell(3, 4, "12px"), 4, "3", "got '12px'"),
    "python number": (cell(3, 4, "1_2"), 4, "3", "got '1_2'"),
    "absolute path": (cell(2, 0, "/etc/x_00.jpg"), 3, NAME, "'/etc/x_00.jpg' is a path"),
    "way up": (cell(2, 0, "../training/Ann_Lee_01.jpg"), 3, NAME, "is a path"),
    "way up with backslashes": (cell(2, 0, "..\\Ann_Lee_01.jpg"), 3, NAME, "is a path"),
    "other name": (cell(2, 0, "portrait.jpg"), 3, NAME, "expected Person_Name_VF.jpg"),
    "no name": (cell(2, 0, ""), 3, NAME, "got ''"),
    "null in a name": (cell(2, 0, "Ann\0Lee_01.jpg"), 3, NAME, "expected Person_Name_VF.jpg"),
    "repeated row": (lambda made: made.rows.append(made.rows[1]), 5, NAME, "Ann_Lee_00.jpg repeats row 2"),
    "too few cells": (lambda made: made.rows[2].pop(), 3, "135", "expected 137 cells, got 136"),
    "too many cells": (lambda made: made.rows[2].append("1"), 3, "cell 138", "expected 137 cells, got 138"),
    "one point": (one_point, 3, "0 to 135", "all 68 landmarks are in one point, (7.0, 8.0)"),
    "no eye distance": (no_eye_distance, 3, "72", "outer eye corners"),
}


@pytest.mark.parametrize("fault", BAD_ROWS)
def test_a_bad_row_is_named_and_leaves_no_cache(made, tmp_path, capfd, fault) -> None:
    spoil, row, column, message = BAD_ROWS[fault]
    spoil(made)
    made.write()
    with pytest.raises(InputError) as caught:
        cached_frames(UdacityFaces(made.root), 16, tmp_path / "cache")
    error = caught.value
    assert (error.file, error.row, error.column) == (made.csv, row, column)
    assert message in str(error)
    assert "\n" not in str(error)
    assert [path.name for path in (tmp_path / "cache").glob("*") if path.name != ".lock"] == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("fault", BAD_ROWS)
def test_a_bad_row_can_be_skipped(made, tmp_path, fault) -> None:
    spoil, row, _, message = BAD_ROWS[fault]
    good = [name for line, name in enumerate(NAMES, start=2) if line != row]
    spoil(made)
    made.write()
    index = cached_frames(UdacityFaces(made.root, on_error="skip"), 16, tmp_path / "cache").index
    assert index.files.tolist() == [f"training/{name}" for name in good]
    (line,) = index.rejected
    assert message in line
    assert f"row {row}" in line


def test_rows_are_counted_as_an_editor_does(made) -> None:
    made.rows[1][1] = '"1\n0"'  # a cell over two lines
    made.rows.insert(2, [])  # and a blank line
    made.rows[3][2] = "bad"
    made.write()
    bad = BadRows("skip")
    UdacityFaces(made.root).rows(bad)
    assert [(error.row, error.column) for error in bad.errors] == [(2, "0"), (5, "1")]


def drop_columns(made: Published) -> None:
    made.rows = [row[:100] for row in made.rows]


def no_header(made: Published) -> None:
    del made.rows[0]


BAD_TABLES: dict[str, tuple[Callable[[Published], None], int | None, str | None, str]] = {
    "missing columns": (drop_columns, 1, "99", "missing, with 36 more"),
    "no header": (no_header, 1, "0", "missing"),
    "one column twice": (lambda made: [row.append(row[5]) for row in made.rows], 1, "4", "is there twice"),
    "unknown column": (lambda made: [row.append("z") for row in made.rows], 1, "z", "unknown"),
    "only a header": (lambda made: made.rows.__delitem__(slice(1, None)), 1, None, "no rows"),
    "empty": (lambda made: made.rows.clear(), None, None, "is empty"),
    "open quote": (cell(3, 0, '"Ann'), 4, None, "is not a CSV"),
}


@pytest.mark.parametrize("fault", BAD_TABLES)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_a_faulty_table_raises_even_where_rows_are_skipped(made, tmp_path, on_error, fault) -> None:
    spoil, row, column, message = BAD_TABLES[fault]
    spoil(made)
    made.write()
    with pytest.raises(InputError) as caught:
        cached_frames(UdacityFaces(made.root, on_error=on_error), 16, tmp_path / "cache")
    assert (caught.value.file, caught.value.row, caught.value.column) == (made.csv, row, column)
    assert message in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_a_table_in_another_encoding_is_refused(made) -> None:
    made.csv.write_bytes(made.csv.read_bytes().replace(b"Bo_van", "Bö_van".encode("latin-1")))
    with pytest.raises(InputError, match="row 4: is not UTF-8"):
        UdacityFaces(made.root).key()


@pytest.mark.parametrize("gone", ["training_frames_keypoints.csv", "training", "test_frames_keypoints.csv", "test"])
def test_a_part_needs_its_table_and_its_folder(made, gone) -> None:
    add_test_part(made)
    (made.root / gone).rename(made.root / "away")
    with pytest.raises(InputError, match="missing; expected") as caught:
        UdacityFaces(made.root).rows(BadRows("skip"))
    assert caught.value.file == made.root / gone


@pytest.mark.parametrize("name", ["training_frames_keypoints.csv", "training"])
def test_a_table_or_folder_outside_the_root_is_not_read(made, name) -> None:
    (made.root / name).rename(made.root.parent / name)
    (made.root / name).symlink_to(made.root.parent / name)
    with pytest.raises(InputError, match="leads outside"):
        UdacityFaces(made.root).rows(BadRows("skip"))


def test_a_frame_that_vanishes_after_listing_is_an_input_error(made) -> None:
    source = UdacityFaces(made.root)
    (row, *_) = source.rows(BadRows("raise"))
    (made.frames / NAMES[0]).unlink()
    assert source.key()  # so that it can be skipped
    with pytest.raises(InputError, match=r"row 2.*no such file"):
        source.read(row)


def test_the_root_may_come_from_the_environment(made, monkeypatch) -> None:
    made.root.rename(made.root.with_name("udacity"))
    monkeypatch.setenv("FACELINE_DATA", str(made.root.parent))
    assert UdacityFaces().root == made.root.with_name("udacity").resolve()
    with pytest.raises(InputError, match=r"data\.root=FOLDER, or set FACELINE_DATA"):
        UdacityFaces(made.root)
    monkeypatch.delenv("FACELINE_DATA")
    with pytest.raises(InputError, match=r"data\.root=FOLDER, or set FACELINE_DATA"):
        UdacityFaces(None)


def fetch(source: Path, root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "--from", str(source), "--root", str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_fetch_lays_out_a_zip_and_lets_nothing_escape(made, tmp_path) -> None:
    archive = tmp_path / "published.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in (made.csv, *made.frames.iterdir()):
            file.write(path, Path("data") / path.relative_to(made.root))
        file.writestr("../../training/Escape_Artist_00.jpg", "x")
        file.writestr("../evil.py", "x")
    done = fetch(archive, tmp_path / "out" / "udacity")
    assert done.returncode == 0, done.stderr
    assert "3 labelled frames" in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["udacity"]
    assert not list(tmp_path.rglob("evil.py"))
    assert UdacityFaces(tmp_path / "out" / "udacity").unlabelled() == 1


def test_fetch_leaves_nothing_of_a_bad_set(made, tmp_path) -> None:
    (made.frames / NAMES[0]).unlink()
    done = fetch(made.root, tmp_path / "out" / "udacity")
    assert done.returncode == 1
    assert "Ann_Lee_00.jpg is missing" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.data
def test_the_published_set(data_root) -> None:
    source = UdacityFaces(data_root / "udacity")
    rows = source.rows(BadRows("raise"))
    train = [row for row in rows if row.part == "train"]
    assert (len(train), len(rows) - len(train), source.unlabelled()) == (3462, 770, 1538)
    assert len({row.person for row in rows}) == 347
    assert sum(bool((row.landmarks < 0).any()) for row in train) == 4


@pytest.mark.data
def test_the_original_files_are_read(data_root, tmp_path) -> None:
    store = cached_frames(UdacityFaces(data_root / "udacity_original_png"), 64, tmp_path)
    assert len(store.index) == 27
    assert store.images.std() > 20
