"""An output replaces only what its verb has written, and names are written so that nothing runs them."""

import csv
import io
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceline import files
from faceline.errors import InputError
from faceline.files import write_whole
from faceline.outputs import check_output, check_output_folder, csv_cell, csv_cells, from_csv_cell


def checked(file: Path, *inputs: Path) -> None:
    check_output(file, "output", begins=[b"file,frame,"], inputs=inputs)


def refused(file: Path, *inputs: Path) -> str:
    with pytest.raises(InputError) as caught:
        checked(file, *inputs)
    assert caught.value.column == "output" and "\n" not in str(caught.value)
    return caught.value.message


@pytest.mark.parametrize("content", [b"\x89PNG", b"\xff\xd8", b"SQLite format 3\0", b"a,b\n1,2\n", b"my notes"])
def test_what_somebody_else_wrote_is_not_replaced(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "photo"
    file.write_bytes(content)
    assert "this command does not write" in refused(file)
    assert file.read_bytes() == content


def test_new_empty_and_own_files_may_be_written(tmp_path: Path) -> None:
    own, empty = tmp_path / "a.csv", tmp_path / "b.csv"
    own.write_bytes(b"file,frame,x0\n")
    empty.touch()
    for file in (own, empty, tmp_path / "new" / "c.csv"):
        checked(file)


def test_the_input_is_not_replaced_by_whatever_name(tmp_path: Path) -> None:
    photo, link, hard = tmp_path / "a", tmp_path / "soft", tmp_path / "hard"
    photo.touch()
    link.symlink_to(photo)
    os.link(photo, hard)
    for name in (photo, link, hard):
        assert refused(name, photo) == "is an input of this command; choose another output"


@pytest.mark.parametrize(
    ("mark", "inside"),
    [
        ("training_frames_keypoints.csv", "training/a.csv"),
        ("mlflow.db", "artifacts/a/artifacts/a.csv"),
        ("mlflow.db", "runs/1/a.csv"),
        ("people.db", "people.db"),
    ],
)
def test_data_sets_runs_and_stores_are_left_alone(tmp_path: Path, mark: str, inside: str) -> None:
    (tmp_path / mark).touch()
    assert "choose another place" in refused(tmp_path / inside)


def test_a_folder_of_other_files_of_these_names_is_refused(tmp_path: Path) -> None:
    names = ("report.html", "day.csv")
    check_output_folder(tmp_path / "new", "output", own=names)
    (tmp_path / "day.csv").write_text("my diary")
    with pytest.raises(InputError, match=r"holds a day\.csv that this command has not written"):
        check_output_folder(tmp_path, "output", own=names)
    (tmp_path / "report.html").touch()
    check_output_folder(tmp_path, "output", own=names)
    with pytest.raises(InputError, match="is a file"):
        check_output_folder(tmp_path / "day.csv", "output", own=names)


def write(file: Path, text: str) -> None:
    with write_whole(file) as part:
        part.write_text(text)


def test_a_link_is_followed(tmp_path: Path) -> None:
    link, target = tmp_path / "link", tmp_path / "there" / "target"
    link.symlink_to(target)
    for text in ("one", "two"):
        write(link, text)
        assert link.is_symlink() and target.read_text() == text


def test_a_pipe_gets_what_is_written(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    write(pipe, "hello")
    reader.join(10)
    assert got == ["hello"] and pipe.is_fifo()


def test_devices_stay_devices_and_say_what_they_refuse() -> None:
    write(Path("/dev/null"), "hello")
    with pytest.raises(OSError, match="No space left") as caught:
        write(Path("/dev/full"), "hello")
    assert caught.value.filename == "/dev/full"
    assert Path("/dev/full").is_char_device() and Path("/dev/null").is_char_device()


def test_a_socket_or_a_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert "socket" in refused(Path("s"))
        with pytest.raises(InputError, match="socket"):
            write(Path("s"), "x")
    assert "folder" in refused(tmp_path)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert refused(loop) == "is a link that leads to itself; choose another name"


KILLED = """
import sys, time
from pathlib import Path
from faceline.files import write_whole
with write_whole(Path(sys.argv[1])) as part:
    part.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_is_removed_by_the_next_and_of_a_living_one_is_not(tmp_path: Path) -> None:
    def writer() -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path / "a.csv")], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        return process

    dead, living = writer(), writer()
    try:
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        assert len(list(tmp_path.iterdir())) == 2
        write(tmp_path / "b.csv", "x")
        assert sorted(file.suffix for file in tmp_path.iterdir()) == [".csv", ".partial"]
    finally:
        living.kill()
        living.wait()
    files._looked.clear()  # as a minute later
    write(tmp_path / "b.csv", "x")
    assert [file.name for file in tmp_path.iterdir()] == ["b.csv"]


@pytest.mark.parametrize("sign", "=+-@\t")
def test_no_cell_begins_as_a_formula(sign: str) -> None:
    assert csv_cell(f"{sign}cmd|' /C calc'!A0").startswith(f"'{sign}")
    table = csv_cells(pd.DataFrame({"name": [f"{sign}1", "b"], "value": [-1.5, 2.0], f"{sign}x": [1, 2]}))
    rows = list(csv.reader(io.StringIO(table.to_csv(index=False), newline="")))
    assert rows[0] == ["name", "value", f"'{sign}x"] and rows[1][:2] == [f"'{sign}1", "-1.5"]


@given(st.text())
def test_a_cell_is_read_as_it_was_written(text: str) -> None:
    assert csv_cell(text)[:1] not in ("=", "+", "-", "@", "\t", "\r") or not text
    if not text.startswith("'") and "\r" not in text:
        assert from_csv_cell(csv_cell(text)) == text


def test_names_that_are_not_utf_8_can_be_written() -> None:
    assert csv_cell(os.fsdecode(b"caf\xe9.jpg")) == "caf%E9.jpg"
    assert csv_cell("\r=1") == "%0D=1"
