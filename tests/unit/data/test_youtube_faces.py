"""YouTube Faces as users have it: in folders or archives, whole or damaged; landmarks without images."""

import importlib.util
import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from faceline.data.index import BadRows
from faceline.data.labels import list_labels
from faceline.data.npz_videos import VideoFile, read_video_labels
from faceline.data.synthetic import SyntheticFaces
from faceline.data.youtube_faces import FOLDERS, SYNTHETIC, TABLE, YouTubeFaces
from faceline.errors import InputError

ROOT = Path(__file__).parents[3]


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("write_youtube_faces", ROOT / "scripts" / "write_youtube_faces.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WRITER = _script()


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people with two videos each, three frames, in doubled folders."""
    out = tmp_path_factory.mktemp("written") / "youtube"
    assert WRITER.main([str(out), "--people", "2", "--videos", "2", "--frames", "3", "--label-error", "0"]) == 0
    return out


@pytest.fixture
def root(written: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return Path(shutil.copytree(written, tmp_path / "youtube"))


def npz(root: Path, video: str = "Person_0000_0") -> Path:
    (file,) = root.rglob(f"{video}.npz")
    return file


def change(file: Path, **arrays: np.ndarray | None) -> None:
    """Replace arrays of an npz file; None takes one away."""
    with np.load(file) as saved:
        content = {name: saved[name] for name in saved.files} | arrays
    np.savez_compressed(file, **{name: value for name, value in content.items() if value is not None})


def test_what_was_written_is_what_is_read(written: Path) -> None:
    index = list_labels(YouTubeFaces(written))
    assert (index.dataset, len(index), len(set(index.persons)), len(set(index.videos))) == (
        "youtube_faces_synthetic", 12, 2, 4,
    )  # fmt: skip
    crowd = SyntheticFaces(people=2, videos=2, frames=3, test_frames=0)
    expected = [crowd.row(p, v, f).landmarks3d for p in range(2) for v in range(2) for f in range(3)]
    np.testing.assert_allclose(index.landmarks3d, expected, atol=1e-4)
    np.testing.assert_array_equal(index.landmarks, index.landmarks3d[..., :2])
    assert index.files[4] == "Person_0000_1/0001"


def flat(root: Path) -> None:
    for folder in FOLDERS:
        for file in (root / folder / folder).glob("*.npz"):
            file.replace(root / folder / file.name)
        (root / folder / folder).rmdir()


def bare(root: Path) -> None:
    for file in root.rglob("*.npz"):
        file.replace(root / file.name)


def zipped(compression: int, inside: str = "{folder}/") -> Callable[[Path], None]:
    def pack(root: Path) -> None:
        for folder in FOLDERS:
            with zipfile.ZipFile(root / f"{folder}.zip", "w", compression) as archive:
                for file in sorted((root / folder).rglob("*.npz")):
                    archive.write(file, inside.format(folder=folder) + file.name)
            shutil.rmtree(root / folder)

    return pack


@pytest.mark.parametrize(
    "lay_out",
    [flat, bare, zipped(zipfile.ZIP_STORED), zipped(zipfile.ZIP_DEFLATED), zipped(zipfile.ZIP_STORED, "")],
    ids=["flat", "bare", "stored", "deflated", "stored-without-folder"],
)
def test_every_form_gives_the_same(lay_out: Callable[[Path], None], root: Path, written: Path) -> None:
    lay_out(root)
    source, plain = YouTubeFaces(root), YouTubeFaces(written)
    assert list_labels(source).fingerprint == list_labels(plain).fingerprint
    rows, others = source.rows(BadRows("raise")), plain.rows(BadRows("raise"))
    assert [row.file for row in rows] == [row.file for row in others]
    for i in (0, 5, 11):
        np.testing.assert_array_equal(source.read(rows[i]), plain.read(others[i]))


def test_a_folder_wins_over_an_archive(root: Path) -> None:
    with zipfile.ZipFile(root / f"{FOLDERS[0]}.zip", "w") as archive:
        archive.writestr("Person_0000_0.npz", b"damaged")
    assert len(list_labels(YouTubeFaces(root))) == 12


def test_rows_and_labels_tell_the_same(written: Path) -> None:
    index, rows = list_labels(YouTubeFaces(written)), YouTubeFaces(written).rows(BadRows("raise"))
    assert [row.file for row in rows] == index.files.tolist()
    assert [(row.person, row.video, row.frame) for row in rows] == list(
        zip(index.persons.tolist(), index.videos.tolist(), index.frames.tolist(), strict=True)
    )
    np.testing.assert_array_equal([row.landmarks3d for row in rows], index.landmarks3d)


def test_landmarks_are_read_though_the_images_are_damaged(root: Path) -> None:
    file = npz(root)
    with zipfile.ZipFile(file) as archive:
        info = archive.getinfo("colorImages.npy")
    content = bytearray(file.read_bytes())
    middle = info.header_offset + info.compress_size // 2
    content[middle : middle + 2000] = bytes(2000)
    file.write_bytes(content)
    source = YouTubeFaces(root)
    row = source.rows(BadRows("raise"))[0]
    assert len(list_labels(source)) == 12
    with pytest.raises(InputError, match="colorImages") as caught:
        source.read(row)
    assert file.name in str(caught.value)


def test_a_small_part_of_an_archive_is_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {"colorImages": np.random.default_rng(0).integers(0, 256, (400, 400, 3, 3), dtype=np.uint8)}
    change(npz(root), **arrays)
    zipped(zipfile.ZIP_STORED)(root)
    archive = root / f"{FOLDERS[0]}.zip"
    read = 0
    opened = Path.open

    class Counted(io.FileIO):
        def readinto(self, buffer) -> int:  # type: ignore[override]
            nonlocal read
            count = super().readinto(buffer)
            read += count or 0
            return count or 0

    def counting(path: Path, mode: str = "r", **options):
        return io.BufferedReader(Counted(str(path), "rb")) if mode == "rb" else opened(path, mode, **options)

    monkeypatch.setattr(Path, "open", counting)
    labels = read_video_labels(VideoFile(archive, f"{FOLDERS[0]}/Person_0000_0.npz"))
    assert labels.landmarks.shape == (3, 68, 2)
    assert 0 < read < archive.stat().st_size / 4


GOOD = np.zeros((68, 2, 3))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda file: file.unlink(), "no npz file of video Person_0000_0"),
        (lambda file: file.write_bytes(file.read_bytes()[:400]), "is truncated or no npz file"),
        (lambda file: file.write_bytes(b"not a zip"), "is truncated or no npz file"),
        (lambda file: change(file, landmarks2D=None), "landmarks2D': is missing; the file holds"),
        (lambda file: change(file, landmarks2D=np.zeros((68, 3, 3))), r"landmarks2D': expected \(68, 2, 3\)"),
        (lambda file: change(file, landmarks3D=np.zeros((68, 3, 4))), r"landmarks3D': expected \(68, 3, 3\)"),
        (lambda file: change(file, landmarks2D=GOOD.astype(int)), "landmarks2D': expected"),
        (lambda file: change(file, landmarks2D=GOOD + np.nan), "expected finite numbers"),
        (lambda file: change(file, landmarks2D=GOOD.astype(object)), "landmarks2D': is pickled"),
        (lambda file: change(file, colorImages=np.zeros((9, 9, 4, 3), np.uint8)), r"colorImages': expected \(height"),
        (lambda file: change(file, colorImages=np.zeros((9, 9, 3, 3))), "colorImages': expected"),
        (lambda file: change(file, colorImages=np.zeros((9, 9, 3, 3), np.uint8)), "the table lists 3 frames of"),
    ],
    ids=["gone", "cut", "no-zip", "no-key", "shape", "frames", "whole", "nan", "pickled", "four", "float", "size"],
)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_a_bad_video_is_named_and_stops_or_is_left_out(
    root: Path, damage: Callable[[Path], object], words: str, on_error: str
) -> None:
    damage(npz(root))
    source = YouTubeFaces(root, on_error=on_error)  # type: ignore[arg-type]
    if on_error == "raise":
        with pytest.raises(InputError, match=words) as caught:
            list_labels(source)
        assert "Person_0000_0" in str(caught.value) and "\n" not in str(caught.value)
    else:
        index = list_labels(source)
        assert len(index) == 9 and len(index.rejected) == 1


def test_a_header_that_asks_for_terabytes_is_refused(root: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (68, 2, 10**10)})
    file = npz(root)
    with np.load(file) as saved:
        rest = {name: saved[name] for name in saved.files if name != "landmarks2D"}
    np.savez(file, **rest)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("landmarks2D.npy", header.getvalue())
    with pytest.raises(InputError, match="more than a video can have"):
        list_labels(YouTubeFaces(root))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda _: None, "missing; expected the table"),
        (lambda _: "", "expected a column videoID"),
        (lambda text: text.split("\n")[0] + "\n", "has a header and no rows"),
        (lambda text: text.replace("personName", "who"), "expected a column personName"),
        (lambda text: text.replace(",3.0,", ",three,"), "row 2.*videoDuration': expected a whole number.*'three'"),
        (lambda text: text.replace(",3.0,", ",-3,"), "expected a whole number"),
        (lambda text: text.replace("Person_0000_1,", "Person_0000_0,"), "a second time, first in row 2"),
        (lambda text: text.replace(",Person_0000,", ",,"), "personName': is empty"),
        (lambda text: text.replace("Person_0000_0,", "../secret,"), "videoID': expected the name of a file"),
        (lambda text: text.encode() + b"\xff\xfe", "is not UTF-8"),
    ],
    ids=["gone", "empty", "header", "column", "number", "negative", "twice", "nameless", "path", "bytes"],
)
def test_a_bad_table_is_named(root: Path, edit: Callable[[str], str | bytes | None], words: str) -> None:
    table = root / TABLE
    text = edit(table.read_text().replace("\r", ""))
    if text is None:
        table.unlink()
    else:
        table.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=words) as caught:
        list_labels(YouTubeFaces(root))
    assert TABLE in str(caught.value) and "\n" not in str(caught.value)


def test_nothing_usable_is_said(root: Path) -> None:
    for file in root.rglob("*.npz"):
        file.unlink()
    with pytest.raises(InputError, match="no usable label; 4 were skipped"):
        list_labels(YouTubeFaces(root, on_error="skip"))


def test_videos_that_the_table_does_not_name_are_counted(root: Path) -> None:
    shutil.copy(npz(root), root / "another.npz")
    assert list_labels(YouTubeFaces(root)).unlabelled == 1


def test_an_archive_that_is_none_is_named(root: Path) -> None:
    (root / f"{FOLDERS[2]}.zip").write_bytes(b"half a download")
    with pytest.raises(InputError, match="download it again"):
        list_labels(YouTubeFaces(root))


@pytest.mark.parametrize(("compression", "byte"), [(zipfile.ZIP_DEFLATED, 0), (zipfile.ZIP_LZMA, 20)])
def test_a_damaged_video_of_a_compressed_archive_is_named_or_left_out(root: Path, compression: int, byte: int) -> None:
    zipped(compression)(root)
    archive, member = root / f"{FOLDERS[0]}.zip", f"{FOLDERS[0]}/Person_0000_0.npz"
    with zipfile.ZipFile(archive) as packed:
        info = packed.getinfo(member)
    content, start = bytearray(archive.read_bytes()), info.header_offset + 30 + len(member) + byte
    content[start : start + 500] = bytes([255]) * 500
    archive.write_bytes(content)
    assert len(list_labels(YouTubeFaces(root, on_error="skip"))) == 9
    with pytest.raises(InputError, match=r"Person_0000_0\.npz: is truncated or no npz file"):
        list_labels(YouTubeFaces(root))


def test_an_archive_of_a_version_to_come_is_named(root: Path) -> None:
    zipped(zipfile.ZIP_STORED)(root)
    archive = root / f"{FOLDERS[0]}.zip"
    content = bytearray(archive.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 6] = 150  # the version that is needed to extract the last member
    archive.write_bytes(content)
    with pytest.raises(InputError, match=r"version 15.*download it again"):
        list_labels(YouTubeFaces(root))


def test_drawn_sets_have_a_name_of_their_own_and_the_key_follows_the_files(root: Path) -> None:
    before = YouTubeFaces(root).key()
    change(npz(root), landmarks2D=GOOD)
    assert YouTubeFaces(root).key() != before
    (root / SYNTHETIC).unlink()
    assert YouTubeFaces(root).name == "youtube_faces"


def test_where_it_is_looked_for_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACELINE_DATA", raising=False)
    with pytest.raises(InputError, match="FACELINE_DATA"):
        YouTubeFaces()
    with pytest.raises(InputError, match="no such folder"):
        YouTubeFaces(tmp_path / "none")


@pytest.mark.data
def test_the_published_table_is_what_it_is_said_to_be(data_root: Path) -> None:
    plans = WRITER._published(data_root / "youtube_faces" / TABLE)
    assert (len(plans), len({plan.name for plan in plans})) == (2194, 828)
    assert sum(plan.frames for plan in plans) == 260_399
    with pytest.raises(InputError, match="no usable label; 2194 were skipped"):
        list_labels(YouTubeFaces(data_root / "youtube_faces", on_error="skip"))


def test_labels_are_as_wrong_as_was_asked(tmp_path: Path) -> None:
    for error in ("0", "0.05"):
        arguments = ["--people", "3", "--videos", "3", "--frames", "8", "--images", "flat", "--label-error", error]
        assert WRITER.main([str(tmp_path / error), *arguments]) == 0
    exact, wrong = (list_labels(YouTubeFaces(tmp_path / error)) for error in ("0", "0.05"))
    eyes = np.median(np.linalg.norm(exact.landmarks[:, 36] - exact.landmarks[:, 45], axis=1))
    off = (wrong.landmarks - exact.landmarks) / eyes
    by_video = off.reshape(9, 8, 68, 2)
    assert by_video.mean(axis=1).std() == pytest.approx(0.05, rel=0.2)
    assert (by_video - by_video.mean(axis=1, keepdims=True)).std() == pytest.approx(0.025, rel=0.2)


def test_a_published_table_can_be_followed_and_an_interrupted_run_goes_on(written: Path, tmp_path: Path) -> None:
    arguments = [str(tmp_path / "out"), "--like", str(written / TABLE), "--form", "folder", "--seed", "4"]
    assert WRITER.main(arguments) == 0
    kept = npz(tmp_path / "out", "Person_0001_1")
    before, again = kept.stat().st_mtime_ns, npz(tmp_path / "out", "Person_0000_0")
    first = again.read_bytes()
    again.unlink()
    assert WRITER.main(arguments) == 0
    assert kept.stat().st_mtime_ns == before
    with np.load(io.BytesIO(first)) as one, np.load(again) as other:
        np.testing.assert_array_equal(one["landmarks3D"], other["landmarks3D"])
    index, like = list_labels(YouTubeFaces(tmp_path / "out")), list_labels(YouTubeFaces(written))
    assert index.videos.tolist() == like.videos.tolist()
    assert not list((tmp_path / "out").rglob("*.partial"))


def test_wrong_arguments_are_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert WRITER.main([str(tmp_path / "out"), "--people", "0"]) == 2
    assert WRITER.main([str(tmp_path / "out"), "--like", str(tmp_path / "none.csv")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.startswith("write_youtube_faces: error: ") for line in lines)
