"""The cache: right pixels, one build for all, and nothing half-done that is ever taken for a cache."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from faceline.data.cache import FrameStore, cached_frames
from faceline.data.index import BadRows, FrameRow, OnError
from faceline.data.summary import summarise
from faceline.data.udacity import UdacityFaces
from faceline.errors import InputError

SIZE = 16


def labels(frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks of a frame in pixels, in two and in three dimensions."""
    rng = np.random.default_rng(frame)
    return 10 * rng.normal(size=(68, 2)), 10 * rng.normal(size=(68, 3))


@dataclass
class Frames:
    """A source of a few frames in memory that counts how often it is read."""

    count: int = 4
    solid: bool = False
    content: int = 0
    pause: float = 0.0
    on_error: OnError = "raise"
    broken: tuple[int, ...] = ()
    log: Path | None = None
    name: str = "frames"
    reads: list[str] = field(default_factory=list)

    def key(self) -> str:
        return f"{self.count} {self.solid} {self.content}"

    def rows(self, bad: BadRows) -> list[FrameRow]:
        return [self._row(i) for i in range(self.count)]

    def _row(self, i: int) -> FrameRow:
        flat, solid = labels(i)
        return FrameRow(f"f{i}", "p", "p_0", i, "train", flat, solid if self.solid else None, line=i + 2)

    def unlabelled(self) -> int:
        return 3

    def read(self, row: FrameRow) -> np.ndarray:
        self.reads.append(row.file)
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{os.getpid()} {row.file}\n")
        time.sleep(self.pause)
        if row.frame in self.broken:
            raise InputError("is broken", file="table", row=row.line)
        rng = np.random.default_rng(self.content + row.frame % 3)  # frame 3 repeats frame 0
        return rng.integers(0, 256, (20 + row.frame % 3, 30, 3), dtype=np.uint8)


def entries(cache_dir: Path) -> list[str]:
    return sorted(path.name for path in cache_dir.glob("*") if path.name != ".lock")


def assert_equal(one: FrameStore, other: FrameStore) -> None:
    assert one.index.fingerprint == other.index.fingerprint
    np.testing.assert_array_equal(one.images, other.images)


def test_a_second_start_reads_no_frame(tmp_path) -> None:
    first, second = Frames(), Frames()
    built = cached_frames(first, SIZE, tmp_path / "new" / "cache")
    opened = cached_frames(second, SIZE, tmp_path / "new" / "cache")
    assert (len(first.reads), len(second.reads)) == (4, 0)
    assert_equal(built, opened)
    assert built.images.shape == (4, SIZE, SIZE, 3)
    assert not opened.images.flags.writeable


@pytest.mark.parametrize("solid", [False, True])
def test_the_index_comes_back_whole(tmp_path, solid) -> None:
    source = Frames(solid=solid, on_error="skip", broken=(1,))
    for store in (cached_frames(source, SIZE, tmp_path), cached_frames(source, SIZE, tmp_path)):
        index = store.index
        assert index.files.tolist() == ["f0", "f2", "f3"]
        assert index.sizes.tolist() == [[30, 20], [30, 22], [30, 20]]
        assert (index.dataset, index.unlabelled) == ("frames", 3)
        assert index.rejected == ("table, row 3: is broken",)
        for i, frame in enumerate((0, 2, 3)):
            flat, deep = labels(frame)
            np.testing.assert_array_equal(index.landmarks[i], flat)
            if solid:
                np.testing.assert_array_equal(index.landmarks3d[i], deep)
            else:
                assert index.landmarks3d is None
        assert summarise(index).duplicates == (("f0", "f3"),)


class Plain(Frames):
    """Frames that show where a pixel goes."""

    def __init__(self, pixels: np.ndarray) -> None:
        super().__init__(count=1)
        self.pixels = pixels

    def read(self, row: FrameRow) -> np.ndarray:
        return self.pixels


def test_shrinking_averages_and_growing_interpolates(tmp_path) -> None:
    fine = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    small = cached_frames(Plain(fine), 16, tmp_path / "a").images[0]
    blocks = fine.reshape(16, 2, 16, 3, 3).mean(axis=(1, 3))  # whole frame, both axes on their own
    assert np.abs(small - blocks).max() <= 0.51
    ramp = np.broadcast_to(np.arange(8, dtype=np.uint8)[None, :, None] * 20, (8, 8, 3)).copy()
    large = cached_frames(Plain(ramp), 32, tmp_path / "b").images[0]
    assert np.all(np.diff(large[5, :, 0].astype(int)) >= 0)
    assert len(np.unique(large)) > 20


def test_content_size_and_error_handling_have_their_own_caches(tmp_path) -> None:
    for source, size in (
        (Frames(), SIZE),
        (Frames(), SIZE + 1),
        (Frames(content=5), SIZE),
        (Frames(on_error="skip"), SIZE),
    ):
        cached_frames(source, size, tmp_path)
        assert len(source.reads) == 4
    assert len(entries(tmp_path)) == 4


def test_a_bad_frame_leaves_nothing(tmp_path) -> None:
    with pytest.raises(InputError, match="table, row 4: is broken"):
        cached_frames(Frames(broken=(2,)), SIZE, tmp_path)
    assert entries(tmp_path) == []


def test_no_usable_frame_is_an_error(tmp_path) -> None:
    with pytest.raises(InputError, match="no usable frame; 2 rows were skipped, first: table, row 2"):
        cached_frames(Frames(count=2, broken=(0, 1), on_error="skip"), SIZE, tmp_path)
    with pytest.raises(InputError, match="no usable frame; 0 rows"):
        cached_frames(Frames(count=0), SIZE, tmp_path)
    with pytest.raises(InputError, match="at least 1 pixel, got 0"):
        cached_frames(Frames(), 0, tmp_path)
    assert entries(tmp_path) == []


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


DAMAGES: tuple[tuple[str, Callable[[Path], None]], ...] = (
    ("images.u8", shorten),
    ("images.u8", lengthen),
    ("images.u8", Path.unlink),
    ("index.npz", shorten),
    ("index.npz", flip),
    ("index.npz", Path.unlink),
    ("index.sha256", flip),
    ("index.sha256", Path.unlink),
)


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_a_damaged_cache_is_built_again(tmp_path, name, damage) -> None:
    expected = np.array(cached_frames(Frames(), SIZE, tmp_path).images)
    (folder,) = entries(tmp_path)
    damage(tmp_path / folder / name)
    again = Frames()
    store = cached_frames(again, SIZE, tmp_path)
    assert len(again.reads) == 4
    np.testing.assert_array_equal(store.images, expected)
    assert entries(tmp_path) == [folder]


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that runs some lines with this module's names at hand."""
    prelude = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom test_cache import *\n"
    command = [sys.executable, "-c", prelude + code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


BUILD = """
store = cached_frames(Frames(pause=float(sys.argv[2]), log=Path(sys.argv[3])), SIZE, Path(sys.argv[1]))
print(store.index.fingerprint, int(store.images.sum()))
"""


def test_two_jobs_at_once_build_one_cache(tmp_path) -> None:
    log = tmp_path / "log"
    jobs = [start(BUILD, tmp_path / "cache", 0.1, log) for _ in range(2)]
    answers = [job.communicate(timeout=60) for job in jobs]
    assert answers[0] == answers[1]
    assert answers[0][0].split()[0] == cached_frames(Frames(), SIZE, tmp_path / "cache").index.fingerprint
    readers = [line.split()[0] for line in log.read_text().splitlines()]
    assert len(readers) == 4
    assert len(set(readers)) == 1
    assert len(entries(tmp_path / "cache")) == 1


def test_a_killed_build_is_no_cache_and_is_cleared(tmp_path) -> None:
    log, cache = tmp_path / "log", tmp_path / "cache"
    job = start(BUILD, cache, 30, log)
    deadline = time.monotonic() + 60
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    job.send_signal(signal.SIGKILL)
    job.communicate()
    (leftover,) = entries(cache)
    # Another size, so another cache: it clears the leftover all the same.
    store = cached_frames(Frames(), SIZE + 1, cache)
    assert leftover not in entries(cache)
    assert len(entries(cache)) == 1
    assert store.images.shape == (4, SIZE + 1, SIZE + 1, 3)
    assert_equal(store, cached_frames(Frames(), SIZE + 1, cache))


LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    cached_frames(Frames(count=40), SIZE, Path(sys.argv[1]))
except InputError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [10_000, 40 * SIZE * SIZE * 3 + 100])
def test_where_no_more_can_be_written_nothing_stays(tmp_path, limit) -> None:
    """The first limit stops the pixels (30,720 bytes), the second the index (over 43,520)."""
    out, err = start(LIMITED, tmp_path, limit).communicate(timeout=60)
    assert err == ""
    assert out.startswith(f"{tmp_path}: the cache cannot be written: File too large")
    assert out.count("\n") == 1
    assert entries(tmp_path) == []


def test_a_cache_folder_that_cannot_be_made_is_an_input_error(tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="the cache cannot be written"):
        cached_frames(Frames(), SIZE, tmp_path / "file" / "cache")


@pytest.mark.data
@pytest.mark.slow
def test_the_real_set_is_cached_and_its_twins_are_found(data_root, tmp_path) -> None:
    class Unreadable(UdacityFaces):
        def read(self, row):
            raise AssertionError(f"{row.file} is read although it is cached")

    store = cached_frames(UdacityFaces(data_root / "udacity"), 32, tmp_path)
    assert_equal(store, cached_frames(Unreadable(data_root / "udacity"), 32, tmp_path))
    summary = summarise(store.index)
    assert (summary.people, summary.labelled, summary.unlabelled) == (347, 4232, 1538)
    shared = [group for group in summary.duplicates if len({name.split("/")[0] for name in group}) == 2]
    assert ("training/Poala_Suarez_51.jpg", "test/Poala_Suarez_51.jpg") in shared
    assert len(shared) == 2
    assert summary.outside_frames >= 4
