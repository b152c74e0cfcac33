"""Tables of the user's own in every form give the same landmarks; faults are told by row and column."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faceline.data.coco_faces import CocoFaces
from faceline.data.csv_faces import CsvFaces
from faceline.data.folder_faces import FolderFaces
from faceline.data.index import BadRows
from faceline.data.own_frames import names_of, template
from faceline.data.table_layout import find_layout
from faceline.errors import InputError
from faceline.geometry.markup import markup

FIVE = markup("five", 5, [0, 1], {"eyes": "0-1"}, [[0, 1], [3, 4]])
POINTS = np.array([[20.0, 30.0], [44.0, 30.5], [32.0, 41.25], [24.0, 52.0], [40.0, 52.0]])
SIZE = (64, 80)  # width, height


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("ann_10.jpg", "ann_11.png", "bob_20.jpg"):
        Image.new("RGB", SIZE, "grey").save(tmp_path / name)
    return tmp_path


def _numbers(points: np.ndarray) -> list[str]:
    return [f"{value:g}" for value in points.ravel()]


AXES = [f"{axis}{i}" for i in range(5) for axis in "xy"]
FORMS = {
    "interleaved": ("name," + ",".join(AXES), ",".join(_numbers(POINTS)), ","),
    "underscores": ("image," + ",".join(f"{a[0]}_{a[1:]}" for a in AXES), ",".join(_numbers(POINTS)), ","),
    "all x first": (
        "file," + ",".join([f"x{i}" for i in range(5)] + [f"y{i}" for i in range(5)]),
        ",".join(_numbers(POINTS.T)),
        ",",
    ),
    "numbers": ("," + ",".join(map(str, range(10))), ",".join(_numbers(POINTS)), ","),
    "from one": (
        "img;" + ";".join(f"landmark_{i + 1}_{a}" for i in range(5) for a in "xy"),
        ";".join(_numbers(POINTS)),
        ";",
    ),
    "names": (
        "file," + ",".join(f"{n}_{a}" for n in ("eye l", "eye r", "nose", "mouth l", "mouth r") for a in "xy"),
        ",".join(_numbers(POINTS)),
        ",",
    ),
    "a column a point": ("file,a,b,c,d,e", ",".join(f'"({x:g}, {y:g})"' for x, y in POINTS), ","),
    "tabs": ("file\t" + "\t".join(AXES), "\t".join(_numbers(POINTS)), "\t"),
    "decimal commas": (
        "file;" + ";".join(AXES),
        ";".join(each.replace(".", ",") for each in _numbers(POINTS)),
        ";",
    ),
    "on [0, 1]": ("file," + ",".join(AXES), ",".join(f"{v:.9f}" for v in ((POINTS + 0.5) / SIZE).ravel()), ","),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_landmarks(form: str, root: Path) -> None:
    header, numbers, separator = FORMS[form]
    (root / "faces.csv").write_text(f"{header}\nann_10.jpg{separator}{numbers}\n")
    source = CsvFaces(root, "faces.csv", markup=FIVE)
    (row,) = source.rows(BadRows("raise"))
    np.testing.assert_allclose(row.landmarks, POINTS, atol=1e-5)
    assert source.read(row).shape == (80, 64, 3)
    assert "5 landmarks" in "\n".join(source.describe())


@pytest.mark.parametrize(
    ("columns", "names", "people", "videos"),
    [
        ("file,clip", None, ["c1", "c1", "c2"], ["c1/c1", "c1/c1", "c2/c2"]),
        ("file,person,clip", None, ["p", "p", "p"], ["p/c1", "p/c1", "p/c2"]),
        ("file", "{video}_{frame}", ["ann", "ann", "bob"], ["ann/ann", "ann/ann", "bob/bob"]),
    ],
)
def test_frames_of_a_video_stay_together_where_nobody_is_named(
    root: Path, columns: str, names: str | None, people: list[str], videos: list[str]
) -> None:
    cells = {"file": ["ann_10.jpg", "ann_11.png", "bob_20.jpg"], "person": ["p"] * 3, "clip": ["c1", "c1", "c2"]}
    told = [cells[name] for name in columns.split(",")]
    lines = [",".join([*row, *_numbers(POINTS)]) for row in zip(*told, strict=True)]
    (root / "faces.csv").write_text("\n".join([f"{columns},{','.join(AXES)}", *lines]))
    rows = CsvFaces(root, "faces.csv", markup=FIVE, names=names).rows(BadRows("raise"))
    assert [row.person for row in rows] == people and [row.video for row in rows] == videos


def test_more_columns_an_index_and_latin_letters_are_no_hindrance(root: Path) -> None:
    Image.new("RGB", SIZE).save(root / "josé.jpg")
    header = f"Unnamed: 0,file,person,mood,{','.join(AXES)},split"
    table = f"{header}\n0,josé.jpg,José,glücklich,{','.join(_numbers(POINTS))},Test\n"
    (root / "faces.csv").write_bytes(table.encode("cp1252"))
    source = CsvFaces(root, "faces.csv", markup=FIVE)
    (row,) = source.rows(BadRows("raise"))
    assert (row.person, row.part, row.file) == ("José", "test", "josé.jpg")
    np.testing.assert_allclose(row.landmarks, POINTS)
    assert any("not used" in line and "mood" in line for line in source.describe())


def test_a_box_cuts_the_face_out_and_moves_its_landmarks(root: Path) -> None:
    header = f"file,{','.join(AXES)},box_x,box_y,box_w,box_h"
    (root / "faces.csv").write_text(f"{header}\nann_10.jpg,{','.join(_numbers(POINTS))},16,24,32,36\n")
    source = CsvFaces(root, "faces.csv", markup=FIVE)
    (row,) = source.rows(BadRows("raise"))
    moved = POINTS - row.landmarks
    np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape))
    assert source.read(row).shape[:2] != (80, 64)
    corners = header.replace("box_x,box_y,box_w,box_h", "x_min,y_min,x_max,y_max")
    (root / "faces.csv").write_text(f"{corners}\nann_10.jpg,{','.join(_numbers(POINTS))},16,24,48,60\n")
    (same,) = CsvFaces(root, "faces.csv", markup=FIVE).rows(BadRows("raise"))
    np.testing.assert_allclose(same.landmarks, row.landmarks)


def test_names_without_an_ending_and_from_windows_are_found(root: Path) -> None:
    (root / "in").mkdir()
    Image.new("RGB", SIZE).save(root / "in" / "eve.png")
    (root / "faces.csv").write_text(f"file,{','.join(AXES)}\nin\\eve,{','.join(_numbers(POINTS))}\n")
    (row,) = CsvFaces(root, "faces.csv", markup=FIVE, columns={"file": "file"}).rows(BadRows("raise"))
    assert row.file == "in/eve.png"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("ann_10.jpg,1,2,3,4,5,6,7,8,9,", "row 3, column 'y4': expected a number, it is empty"),
        ("ann_10.jpg,1,2,3,4,5,six,7,8,9,10", "row 3, column 'y2': expected a number, got 'six'"),
        ("ann_10.jpg,1,2,3,4", "row 3: expected 11 cells, got 5"),
        ("nobody.jpg,1,2,3,4,5,6,7,8,9,10", "row 3, column 'file': nobody.jpg: no such file"),
        ("pipe.jpg,1,2,3,4,5,6,7,8,9,10", "row 3, column 'file': pipe.jpg: is not a file"),
        ("../out.jpg,1,2,3,4,5,6,7,8,9,10", "leads out of"),
        ("bob_20.jpg,1,2,3,4,5,6,7,8,9,10", "bob_20.jpg is in row 2 already"),
        ("ann_10.jpg,1,2,1,2,5,6,7,8,9,10", "landmarks 0 and 1 are both at (1, 2)"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_or_skipped(row: str, message: str, root: Path) -> None:
    good = f"bob_20.jpg,{','.join(_numbers(POINTS))}"
    os.mkfifo(root / "pipe.jpg")
    (root / "faces.csv").write_text(f"file,{','.join(AXES)}\n{good}\n{row}\n")
    with pytest.raises(InputError) as caught:
        CsvFaces(root, "faces.csv", markup=FIVE).rows(BadRows("raise"))
    assert message in str(caught.value)
    skipping = BadRows("skip")
    assert len(CsvFaces(root, "faces.csv", "skip", markup=FIVE).rows(skipping)) == 1
    assert len(skipping.errors) == 1


def test_another_number_of_landmarks_names_the_markup_to_choose(root: Path) -> None:
    (root / "faces.csv").write_text(f"file,{','.join(AXES)}\nann_10.jpg,{','.join(_numbers(POINTS))}\n")
    other = markup("four", 4, [0, 1], {})
    with pytest.raises(InputError, match="the data has 5 landmarks, four has 4; choose markup=five"):
        CsvFaces(root, "faces.csv", markup=other)


def test_templates_of_names() -> None:
    assert names_of(Path("Ann_Lee_12.jpg"), template("{person}_{video}{frame}"), 7) == ("Ann_Lee", "Ann_Lee/1", 2)
    assert names_of(Path("b/s01-v3-0042.png"), template("s{person}-v{video}-{frame}"), 7) == ("01", "01/3", 42)
    assert names_of(Path("ann/first/3.jpg"), None, 7) == ("ann", "ann/first", 7)
    with pytest.raises(InputError, match=r"does not fit the template"):
        names_of(Path("x.jpg"), template("{person}_{frame}"), 0)
    with pytest.raises(InputError, match=r"expected \{person\}"):
        template("{who}.jpg")


@given(
    st.integers(2, 120),
    st.sampled_from(["x{}|y{}", "x_{}|y_{}", "{}_x|{}_y", "p{}x|p{}y", "lm_{}_x|lm_{}_y"]),
    st.randoms(),
)
def test_columns_in_any_order_are_found_by_their_numbers(points: int, form: str, order: object) -> None:
    x, y = form.split("|")
    names = [(x.format(i), y.format(i)) for i in range(points)]
    columns = ["file", *(name for pair in names for name in pair)]
    order.shuffle(columns)  # type: ignore[attr-defined]
    layout = find_layout(columns, ["1"] * len(columns), {})
    assert [(columns[a], columns[b]) for a, b in layout.points] == names


def test_coco_gives_the_landmarks_of_each_face(root: Path) -> None:
    face = [value for x, y in POINTS + 0.5 for value in (x, y, 2)]
    content = {
        "images": [{"id": 1, "file_name": "ann_10.jpg"}, {"id": 2, "file_name": "bob_20.jpg"}],
        "annotations": [
            {"id": 7, "image_id": 1, "keypoints": face, "bbox": []},
            {"id": 8, "image_id": 1, "keypoints": [*face[:-1], 0]},
            {"id": 9, "image_id": 1, "keypoints": [0] * 15},
        ],
    }
    (root / "faces.json").write_text(json.dumps(content))
    source, bad = CocoFaces(root, "faces.json", "skip", FIVE, names="{person}_{video}{frame}"), BadRows("skip")
    row, other = source.rows(bad)
    np.testing.assert_allclose(row.landmarks, POINTS)
    np.testing.assert_allclose(other.landmarks, [*POINTS[:4], [np.nan, np.nan]])
    assert (row.person, row.video, row.frame, source.unlabelled()) == ("ann", "ann/1", 0, 1)
    assert [str(error) for error in bad.errors] == ["ann_10.jpg#9: no landmark has a label"]
    assert source.read(row).shape == (80, 64, 3)


def test_folders_are_people_and_videos(tmp_path: Path) -> None:
    for name in ("ann/first/1.jpg", "ann/second/1.png", "bob/1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE).save(tmp_path / name)
    rows = FolderFaces(tmp_path).rows(BadRows("raise"))
    assert [(row.person, row.video) for row in rows] == [
        ("ann", "ann/first"),
        ("ann", "ann/second"),
        ("bob", "bob/1.jpg"),
    ]


def test_an_image_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann/1.jpg").symlink_to(tmp_path / "gone.jpg")
    source = FolderFaces(tmp_path)
    (row,) = source.rows(BadRows("raise"))
    assert source.key()
    with pytest.raises(InputError, match=r"ann/1\.jpg: is a link to a file that is not there"):
        source.read(row)


@pytest.mark.parametrize(
    ("form", "mark", "missing"),
    [("interleaved", "-1", -1), ("interleaved", "", "empty"), ("a column a point", "-1", -1), ("on [0, 1]", "-1", -1)],
)
def test_what_stands_for_a_missing_point_is_no_place(root: Path, form: str, mark: str, missing: float | str) -> None:
    header, numbers, separator = FORMS[form]
    third = "0.507812500" if form == "on [0, 1]" else "32"  # x of that point
    lost = numbers.replace(third, mark)
    none = separator.join(["(-1, -1)" if "(" in numbers else mark] * numbers.count(separator)) + separator + mark
    rows = [header, f"ann_10.jpg{separator}{numbers}", f"ann_11.png{separator}{lost}"]
    if "(" not in numbers:
        rows.append(f"bob_20.jpg{separator}{none}")
    (root / "t.csv").write_text("\n".join(rows))
    settings = {"markup": FIVE, "names": "{person}_{video}{frame}", "missing": missing}
    bad = BadRows("raise")
    whole, holed = CsvFaces(root, "t.csv", **settings).rows(bad)
    np.testing.assert_allclose(whole.landmarks, POINTS, atol=1e-6)
    np.testing.assert_allclose(holed.landmarks, [*POINTS[:2], [np.nan, np.nan], *POINTS[3:]], atol=1e-6)
    assert len(bad.errors) == ("(" not in numbers)


def test_an_empty_cell_is_no_number_unless_it_stands_for_a_missing_point(root: Path) -> None:
    header, numbers, _ = FORMS["interleaved"]
    (root / "t.csv").write_text(f"{header}\nann_10.jpg,{numbers.replace('32', '')}\n")
    with pytest.raises(InputError, match=r"row 2, column 'x2': expected a number, it is empty"):
        CsvFaces(root, "t.csv", markup=FIVE, missing=-1).rows(BadRows("raise"))


def test_a_list_without_a_first_row_of_names_is_told_in_a_short_line() -> None:
    numbers = " ".join(f"{i}.5" for i in range(300)) + " 0.jpg"  # as WFLW's lists: blanks and no names
    with pytest.raises(InputError, match=r"no columns of landmarks .* expected a first row that names them") as caught:
        find_layout([numbers], [numbers], {})
    assert len(str(caught.value)) < 300
