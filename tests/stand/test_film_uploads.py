"""Films that browsers do not play are converted after their upload, or refused with the reason."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.stand.test_artwork import film

from faceline.errors import InputError
from faceline.stand.content import films
from faceline.stand.content.artwork import read_film
from faceline.stand.content.desk import Desk, copy_demo


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(copy_demo(tmp_path / "catalogue.yaml"))
    yield desk
    desk.films.close()


def upload(desk: Desk, name: str, content: bytes) -> bool:
    partial = desk.new_partial()
    partial.write_bytes(content)
    return desk.films.take(name, partial, "ed")


def wait(desk: Desk) -> list[films.Conversion]:
    end = time.monotonic() + 60
    while any(not each.problem for each in desk.films.listed) and time.monotonic() < end:
        time.sleep(0.05)
    return desk.films.listed


def left(desk: Desk) -> set[str]:
    return {path.name for path in desk.file.parent.iterdir() if path.name.startswith(".")}


def recorded(folder: Path, name: str, codec: str, seconds: float = 2.0) -> bytes:
    film(folder / name, codec, seconds)
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    return content


@pytest.mark.parametrize(("name", "codec"), [("Spring Sale.AVI", "XVID"), ("old.mp4", "mp4v"), ("a.mov", "MJPG")])
def test_a_film_is_converted_to_what_browsers_play(desk: Desk, tmp_path: Path, name: str, codec: str) -> None:
    assert upload(desk, name, recorded(tmp_path, f"film{Path(name).suffix.lower()}", codec))
    assert wait(desk) == []
    (converted,) = (desk.file.parent / "uploads").iterdir()
    told = read_film(converted, name)
    assert told.plays
    assert told.seconds == pytest.approx(2.0, abs=0.1)
    content = converted.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "it begins to play before all of it is there"
    assert left(desk) == set()
    assert [(line["by"], line["action"]) for line in desk.history()] == [("ed", "uploaded")]


def test_what_displays_show_is_not_converted(desk: Desk, tmp_path: Path) -> None:
    assert not upload(desk, "new.webm", recorded(tmp_path, "new.webm", "VP80"))
    assert not upload(desk, "picture.png", b"whatever")


def test_what_cannot_be_converted_is_refused_with_the_reason(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not a film that can be played: x\.avi"):
        upload(desk, "x.avi", b"RIFF and nothing else")
    with pytest.raises(InputError, match=r"expected a film of at most 300 s, got 400 s: long\.avi"):
        upload(desk, "long.avi", recorded(tmp_path, "long.avi", "XVID", 400.0))
    whole = recorded(tmp_path, "cut.avi", "MJPG", 10.0)
    assert upload(desk, "cut.avi", whole[: len(whole) // 2])
    (conversion,) = wait(desk)
    assert (conversion.name, conversion.by) == ("cut.avi", "ed")
    assert "damaged: only 4 of 10 s can be read" in conversion.problem
    assert not (desk.file.parent / "uploads").exists()


def test_a_list_of_other_films_is_not_opened(desk: Desk, tmp_path: Path) -> None:
    film(tmp_path / "secret.mp4", "mp4v", 2.0)
    try:
        assert upload(desk, "x.avi", b"ffconcat version 1.0\nfile secret.mp4\n")
        (conversion,) = wait(desk)
    except InputError as error:
        assert "not a film that can be played" in str(error)
    else:
        assert "ffmpeg cannot convert it" in conversion.problem
    assert not (desk.file.parent / "uploads").exists()


def test_a_stop_ends_what_is_being_converted_and_leaves_nothing(desk: Desk, tmp_path: Path) -> None:
    content = recorded(tmp_path, "film.avi", "XVID", 60.0)
    for number in range(2):
        assert upload(desk, f"{number}.avi", content)
    desk.films.close()
    assert not (desk.file.parent / "uploads").exists()
    assert left(desk) == set()


def test_what_a_killed_process_left_goes_with_the_next_upload(desk: Desk) -> None:
    old, new = desk.new_partial(), desk.new_partial()
    for partial in (old, new):
        partial.write_bytes(b"half")
    past = time.time() - 100_000
    os.utime(old, (past, past))
    desk.new_partial()
    assert left(desk) == {new.name}
