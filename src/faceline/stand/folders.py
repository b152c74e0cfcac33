"""Creates folders that a user names, keeps other processes out of them, and looks for room on their disks."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from faceline.errors import InputError
from faceline.stand.sentences import Sentence

_SPARE: Final = 50_000_000
"""Bytes of a disk that stay free."""


def make_folder(folder: Path, key: str) -> None:
    """Create a folder and its parents.

    Args:
        folder: The folder; it may exist.
        key: Setting that named it, for the message.

    Raises:
        InputError: It cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: no folder can be made there: {error.strerror}", column=key) from None


@contextmanager
def alone_in(folder: Path, who: str) -> Iterator[None]:
    """Keep a second process of one kind out of a folder.

    Args:
        folder: Folder with the files of the process.
        who: ``stand`` or ``fleet``; names the lock and the other process in the message.

    Raises:
        InputError: Another process of that kind uses the folder.
    """
    lock = FileLock(folder / f"{who}.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise InputError(f"{folder}: another {who} runs there; give each its own", column="folder") from None
    try:
        yield
    finally:
        lock.release()


def check_room(needed: Mapping[Path, float]) -> None:
    """Refuse to write more than disks can hold.

    Args:
        needed: Bytes that are to be written, by folder; folders may share a disk.

    Raises:
        OSError: A disk has too little room.
    """
    for folder in needed:
        disk, free = folder.stat().st_dev, shutil.disk_usage(folder).free
        size = sum(size for other, size in needed.items() if other.stat().st_dev == disk)
        if size + _SPARE > free:
            raise OSError(Sentence.NO_ROOM(count=f"{(size + _SPARE) / 1e6:.0f}", limit=f"{free / 1e6:.0f}"))
