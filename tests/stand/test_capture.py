"""Sources give what is there, say when it is gone, and never make old frames wait."""

import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceline.errors import InputError
from faceline.stand.camera.capture import (
    Capture,
    FolderSource,
    Pace,
    SourceLostError,
    VideoSource,
    as_image,
    source_opener,
)


def picture(value: int) -> np.ndarray:
    return np.full((48, 64, 3), value, np.uint8)


class Scripted:
    """Gives frames of rising brightness; fails, or gives a damaged one, where it is told to."""

    def __init__(self, fails: Collection[int] = (), damaged: Collection[int] = (), step: float = 0.002) -> None:
        self.fails, self.damaged, self.step = set(fails), set(damaged), step
        self.number = self.opened = 0
        self.closed = threading.Event()

    def open(self) -> "Scripted":
        self.opened += 1
        self.closed.clear()
        return self

    def read(self) -> np.ndarray | None:
        time.sleep(self.step)
        self.number += 1
        if self.number in self.fails:
            raise SourceLostError("unplugged")
        return None if self.number in self.damaged else picture(min(self.number, 255))

    def close(self) -> None:
        self.closed.set()


def wait_for(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.005)
    assert condition()


def test_only_the_newest_frame_waits() -> None:
    source = Scripted()
    capture = Capture(source.open)
    wait_for(lambda: source.number >= 20)
    frame = capture.newest(1.0)
    assert frame is not None
    assert frame.number >= 19
    assert frame.image[0, 0, 0] == frame.number
    later = capture.newest(1.0)
    assert later is not None
    assert later.number > frame.number
    health = capture.health
    assert health.dropped >= 17
    assert health.lost is None
    capture.close()
    assert source.closed.is_set()


def test_a_source_that_is_lost_is_opened_again_and_damaged_frames_are_passed_over() -> None:
    source = Scripted(fails={5, 9}, damaged={3, 7})
    capture = Capture(source.open, retry=0.01)
    wait_for(lambda: source.number > 12)
    health = capture.health
    capture.close()
    assert (health.reopened, health.damaged, health.lost) == (2, 2, None)
    assert source.opened == 3


def test_while_it_is_lost_the_reason_is_told() -> None:
    def gone() -> Scripted:
        raise SourceLostError("cannot open 0")

    capture = Capture(gone, retry=0.01)
    wait_for(lambda: capture.health.lost == "cannot open 0")
    assert capture.newest(0.02) is None
    capture.close()


def test_a_folder_is_read_in_the_order_of_names_and_begins_again(tmp_path: Path) -> None:
    for name, value in (("b.png", 20), ("a.png", 10)):
        cv2.imwrite(str(tmp_path / name), picture(value))
    (tmp_path / "c.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("not read")
    source = FolderSource(tmp_path, rate=1000.0)
    seen = [source.read() for _ in range(4)]
    assert [None if image is None else int(image[0, 0, 0]) for image in seen] == [10, 20, None, 10]


def test_an_empty_folder_and_a_broken_film_are_lost(tmp_path: Path) -> None:
    with pytest.raises(SourceLostError, match="no picture"):
        FolderSource(tmp_path).read()
    film = tmp_path / "film.avi"
    film.write_bytes(b"RIFF but no more")
    with pytest.raises(SourceLostError, match="cannot open"):
        VideoSource(str(film))


def test_a_film_is_played_again_from_its_start(tmp_path: Path) -> None:
    film = str(tmp_path / "film.avi")
    writer = cv2.VideoWriter(film, cv2.VideoWriter_fourcc(*"MJPG"), 120.0, (64, 48))
    for value in (50, 100, 150):
        writer.write(picture(value))
    writer.release()
    source = VideoSource(film)
    values = [int(image.mean().round(-1)) for _ in range(5) if (image := source.read()) is not None]
    source.close()
    assert values == [50, 100, 150, 50, 100]


def test_a_film_that_was_cut_off_is_refused_at_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    film = tmp_path / "film.mp4"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (64, 48))
    for value in range(20):
        writer.write(picture(10 * value))
    writer.release()
    source_opener(str(film))
    whole = film.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"no film at all" * 99):
        film.write_bytes(damaged)
        with pytest.raises(InputError, match=r"film\.mp4: no frame can be read"):
            source_opener(str(film))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["nowhere.mp4", "ftp://host/film", "", "-1"])
def test_what_is_no_source_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="expected demo, the number of a camera"):
        source_opener(name)


def test_a_camera_that_is_not_there_is_lost_and_no_bug(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SourceLostError):
        source_opener("97")()
    assert capfd.readouterr().err == "", "the stand itself says so, and not OpenCV at every try"


def test_pictures_of_other_kinds_become_rgb_or_nothing() -> None:
    blue = np.zeros((20, 20, 3), np.uint8)
    blue[..., 0] = 255
    image = as_image(blue)
    assert image is not None and image[0, 0].tolist() == [0, 0, 255]
    for shape in ((20, 20), (20, 20, 4)):
        image = as_image(np.full(shape, 7, np.uint8))
        assert image is not None and image.shape == (20, 20, 3)
    for nothing in (None, np.zeros((0, 0, 3), np.uint8), np.zeros((20, 20, 3), np.float32)):
        assert as_image(nothing) is None


def test_a_pace_is_kept_and_lateness_is_not_made_up_for() -> None:
    pace = Pace(100.0)
    pace.wait()
    time.sleep(0.1)
    start = time.monotonic()
    for _ in range(6):
        pace.wait()
    assert time.monotonic() - start >= 0.035
