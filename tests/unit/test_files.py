"""Files that are written whole, whatever happens meanwhile."""

import stat
from pathlib import Path

import pytest

from faceline.files import check_writable, write_whole


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.txt"
    with write_whole(file) as partial:
        partial.write_text("first")
        assert not file.exists()
    assert file.read_text() == "first"
    with pytest.raises(RuntimeError), write_whole(file) as partial:
        partial.write_text("half")
        raise RuntimeError
    with write_whole(file, 0o600) as one, write_whole(file) as other:  # two at once
        one.write_text("one")
        other.write_text("other")
    assert file.read_text() == "one"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    file = tmp_path / ("a" * 250)  # there is no room for the name that it has meanwhile
    with pytest.raises(OSError, match="too long") as refused, write_whole(file):
        pytest.fail("expected nothing to be written")
    assert refused.value.filename == str(file)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    with pytest.raises(OSError, match="No space left") as refused, write_whole(file):
        Path("/dev/full").write_text("a key")  # as Python says it: without a name
    assert refused.value.filename == str(file)


def test_a_file_that_can_be_written_is_known_before_and_nothing_stays(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "a.json")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"file"):
        check_writable(tmp_path / "file" / "a.json")


def test_what_a_killed_process_left_is_removed_whatever_its_suffix(tmp_path: Path) -> None:
    file = tmp_path / "film.mp4"
    leftover = tmp_path / ".film.mp4.0123abcd.partial.mp4"
    leftover.write_text("half")
    with write_whole(file, suffix=".mp4") as partial:
        assert partial.suffix == ".mp4"
        assert not leftover.exists()
        partial.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
