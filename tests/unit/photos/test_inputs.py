"""The photos and films of an input, among them what has the name of one and cannot be read."""

import os
from pathlib import Path

import pytest
from PIL import Image

from faceline.errors import InputError
from faceline.photos.inputs import find_inputs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "below").mkdir()
    for name in ("a.png", "below/b.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    return tmp_path


def faults(*words: Path) -> dict[str, str | None]:
    return {file.name: file.fault for file in find_inputs(list(map(str, words))).files}


def test_links_to_nothing_and_pipes_are_named_and_do_not_block(folder: Path) -> None:
    (folder / "loop.jpg").symlink_to("loop2")
    (folder / "loop2").symlink_to("loop.jpg")
    (folder / "dead.png").symlink_to("nowhere.png")
    (folder / "folder.png").symlink_to("below")
    os.mkfifo(folder / "pipe.mp4")
    link, pipe = "is a link that leads to no file", "is a pipe or a device; save what comes from it, and give that file"
    told = {"a.png": None, "below/b.png": None, "dead.png": link, "loop.jpg": link, "pipe.mp4": pipe}
    assert faults(folder) == told and find_inputs([str(folder)]).others == 1
    for name in ("loop.jpg", "dead.png", "pipe.mp4"):
        found = find_inputs([str(folder / name)])
        assert found.one and found.files[0].fault == told[name]


def test_a_folder_that_cannot_be_read_stops_only_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def closed(path: Path):
        if path.name == "below":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert faults(folder) == {"a.png": None, "below": "is a folder that cannot be read; change its permissions"}
    with pytest.raises(InputError, match="below: cannot be read: Permission denied"):
        find_inputs([str(folder / "below")])
