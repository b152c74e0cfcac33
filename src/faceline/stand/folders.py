"""Creates folders that a user names, and keeps other processes out of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from faceline.errors import InputError


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
