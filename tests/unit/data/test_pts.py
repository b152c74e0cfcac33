"""Sets of photos with .pts files: what is read is where it was drawn, and every bad file is named."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceline.data.cache import cached_frames
from faceline.data.index import BadRows
from faceline.data.pts import PtsFaces, read_pts
from faceline.data.splits import make_split
from faceline.data.synthetic import SyntheticFaces
from faceline.errors import InputError


def text_of(landmarks: np.ndarray, header: bool = True) -> str:
    lines = "\n".join(f"{x + 1:.4f} {y + 1:.4f}" for x, y in landmarks)
    return f"version: 1\nn_points:  68\n{{\n{lines}\n}}\n" if header else f"{lines}\n"


@pytest.fixture(scope="module")
def faces() -> list[tuple[np.ndarray, np.ndarray]]:
    source = SyntheticFaces(people=6, videos=1, frames=1, test_frames=0, seed=2)
    return [(source.read(row), row.landmarks) for row in source.rows(BadRows("raise"))]


@pytest.fixture
def folder(tmp_path: Path, faces) -> Path:
    """Two faces in one photo, the others alone; below trainset/ and testset/; a mirrored copy and a hidden file."""
    for part, some in (("helen/trainset", faces[2:4]), ("lfpw/testset", faces[4:])):
        (tmp_path / part).mkdir(parents=True)
        for i, (image, landmarks) in enumerate(some):
            Image.fromarray(image).save(tmp_path / part / f"image_{i}.png")
            (tmp_path / part / f"image_{i}.pts").write_text(text_of(landmarks, header=i == 0))
    photo = np.full((500, 900, 3), 90, dtype=np.uint8)
    for i, (image, landmarks) in enumerate(faces[:2]):
        corner = np.array([20 + 450 * i, 30])
        photo[corner[1] : corner[1] + image.shape[0], corner[0] : corner[0] + image.shape[1]] = image
        (tmp_path / "helen/trainset" / f"two_{i + 1}.pts").write_text(text_of(landmarks + corner))
    Image.fromarray(photo).save(tmp_path / "helen/trainset/two.png")
    Image.fromarray(photo[:, ::-1]).save(tmp_path / "helen/trainset/two_mirror.png")
    (tmp_path / "helen/trainset/two_mirror.pts").write_text("anything")
    (tmp_path / "helen/trainset/._two_1.pts").write_bytes(b"\0\5\x16\7")
    Image.fromarray(photo).convert("L").save(tmp_path / "helen/trainset/nobody.jpg")
    return tmp_path


def test_faces_are_where_they_were_drawn_with_room_around_them(folder: Path, faces) -> None:
    source = PtsFaces(folder)
    rows = source.rows(BadRows("raise"))
    assert [row.file for row in rows] == [
        "helen/trainset/image_0.pts",
        "helen/trainset/image_1.pts",
        "helen/trainset/two_1.pts",
        "helen/trainset/two_2.pts",
        "lfpw/testset/image_0.pts",
        "lfpw/testset/image_1.pts",
    ]
    assert source.unlabelled() == 1
    for row, (image, landmarks) in zip(rows, [*faces[2:4], *faces[:2], *faces[4:]], strict=True):
        frame = source.read(row)
        extent = np.ptp(row.landmarks, axis=0).max()
        assert 2.2 < frame.shape[0] / extent < 2.4 and frame.shape[0] == frame.shape[1]
        np.testing.assert_allclose(row.landmarks - row.landmarks[30], landmarks - landmarks[30], atol=1e-3)
        x, y = np.round(row.landmarks[33]).astype(int)
        there, drawn = np.round(landmarks[33]).astype(int), frame[y - 2 : y + 3, x - 2 : x + 3]
        np.testing.assert_array_equal(drawn, image[there[1] - 2 : there[1] + 3, there[0] - 2 : there[0] + 3])


def test_faces_of_one_photo_stay_together_in_every_split(folder: Path) -> None:
    rows = PtsFaces(folder).rows(BadRows("raise"))
    two = [row for row in rows if "two" in row.file]
    assert len({row.video for row in two}) == 1 and len({row.person for row in rows}) == 5


def test_folders_are_the_official_parts_where_that_is_asked_for(folder: Path, tmp_path: Path) -> None:
    source = PtsFaces(folder, split_by="folder")
    assert {row.file.split("/")[1]: row.part for row in source.rows(BadRows("raise"))} == {
        "trainset": "train",
        "testset": "test",
    }
    index = cached_frames(source, 32, tmp_path / "cache").index
    split = make_split(index, "official", val_fraction=0.3)
    assert all(file.startswith("lfpw/testset") for file in index.files[split.test]) and len(split.test) == 2
    assert source.key() != PtsFaces(folder).key()
    with pytest.raises(InputError, match="wants folders trainset/ and testset/"):
        PtsFaces(folder / "lfpw", split_by="folder").rows(BadRows("raise"))


GOOD = text_of(np.random.default_rng(0).uniform(10, 90, (68, 2)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD.replace("68", "51"), "has 51 points, expected 68"),
        ("\n".join(GOOD.splitlines()[:-2]), "has 67 points"),
        ("", "has 0 points"),
        (GOOD.replace("}", "nan 3\n}"), "row 72: expected two numbers of pixels"),
        (GOOD.replace("}", "1e300 3\n}"), "row 72: expected two numbers of pixels"),
        (GOOD.replace("}", "1 2 3\n}"), "row 72: expected two numbers, got '1 2 3'"),
        (text_of(np.full((68, 2), 7.0)), "outer eye corners"),
        (b"\xff\xfe\0\1" * 20, "is not text"),
        (GOOD.replace(GOOD.splitlines()[5], "3000 4000"), r"point 3 at \(3000, 4000\) lies 4,9\d\d px from the middle"),
        (GOOD.replace(GOOD.splitlines()[5], "-1 -1"), r"point 3 lies at \(-1, -1\).*data\.source\.missing=-1"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "bad.pts"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message) as caught:
        read_pts(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_bad_files_are_skipped_or_stop_as_was_asked(folder: Path, tmp_path: Path) -> None:
    trainset = folder / "helen/trainset"
    (trainset / "lonely.pts").write_text(GOOD)
    (trainset / "nobody.pts").write_text(text_of(np.random.default_rng(0).uniform(5000, 90000, (68, 2))))
    with pytest.raises(InputError, match=r"lonely\.pts: has no photo beside it"):
        PtsFaces(folder).rows(BadRows("raise"))
    index = cached_frames(PtsFaces(folder, on_error="skip"), 32, tmp_path / "cache").index
    assert len(index) == 6 and len(index.rejected) == 2
    assert "lonely.pts: has no photo" in index.rejected[0] and "nobody.pts: its points reach far" in index.rejected[1]
    with pytest.raises(InputError, match=r"holds no \.pts file"):
        PtsFaces(tmp_path / "cache").rows(BadRows("raise"))


def test_pipes_links_to_nothing_and_closed_folders_are_bad_files(folder: Path, tmp_path: Path, monkeypatch) -> None:
    trainset = folder / "helen/trainset"
    os.mkfifo(trainset / "pipe.pts")
    os.mkfifo(trainset / "image_0.jpeg")  # comes before the .png of that name
    (trainset / "nobody.pts").symlink_to(tmp_path / "gone.pts")
    walk = os.walk

    def closed(root: Path, onerror: Callable[[OSError], None]) -> Iterator[tuple[str, list[str], list[str]]]:
        onerror(PermissionError(13, "Permission denied", str(folder / "closed")))
        return walk(root)

    monkeypatch.setattr(os, "walk", closed)
    index = cached_frames(PtsFaces(folder, on_error="skip"), 32, tmp_path / "cache").index
    assert len(index) == 5
    assert [line.removeprefix(f"{folder}/") for line in index.rejected] == [
        "closed: cannot be read, nor what lies below it: Permission denied",
        "helen/trainset/nobody.pts: is a link to a file that is not there",
        "helen/trainset/pipe.pts: has no photo beside it; expected pipe with .jpg .jpeg .png .bmp .webp .tif .tiff",
        "helen/trainset/image_0.jpeg: is not a file",
    ]
    with pytest.raises(InputError, match=r"closed: cannot be read, nor what lies below it"):
        PtsFaces(folder).rows(BadRows("raise"))
    with pytest.raises(InputError, match=r"pipe\.pts: is not a file"):
        read_pts(trainset / "pipe.pts")


def test_the_photos_without_points_are_counted_anew(folder: Path, tmp_path: Path) -> None:
    def counted(root: Path) -> int:
        return cached_frames(PtsFaces(root), 32, tmp_path / "cache").index.unlabelled

    assert counted(folder / "helen") == 1
    shutil.copy(folder / "helen/trainset/nobody.jpg", folder / "helen/trainset/stranger.jpg")
    assert counted(folder / "helen") == 2
    shutil.copytree(folder / "helen", tmp_path / "copy", ignore=shutil.ignore_patterns("nobody*", "stranger*"))
    assert counted(tmp_path / "copy") == 0


def test_a_phone_photo_is_read_as_viewers_show_it_where_that_is_asked_for(tmp_path: Path, faces) -> None:
    (image, landmarks), turned = faces[0], Image.Exif()
    turned[0x0112] = 6  # shown turned to the right
    Image.fromarray(np.rot90(image)).save(tmp_path / "phone.png", exif=turned)
    (tmp_path / "phone.pts").write_text(text_of(landmarks))
    refused = PtsFaces(tmp_path)
    (row,) = refused.rows(BadRows("raise"))
    with pytest.raises(InputError, match=r"phone\.png: is turned by its EXIF .* 6.*data\.source\.upright=true"):
        refused.read(row)
    Image.fromarray(image).save(tmp_path / "upright.png")
    (tmp_path / "upright.pts").write_text(text_of(landmarks))
    source = PtsFaces(tmp_path, upright=True)
    phone, upright = (source.read(row) for row in source.rows(BadRows("raise")))
    np.testing.assert_array_equal(phone, upright)
    assert source.key() != PtsFaces(tmp_path).key()
