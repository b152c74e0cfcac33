"""Writes whole files."""

import errno
import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from faceline.errors import InputError

_AGAIN = 60.0
_looked: dict[Path, float] = {}
"""Time when this process last looked for leftovers in each folder."""

_PARTIAL = re.compile(r"\..+\.[0-9a-f]{8}\.partial(\.\w+)?")


@contextmanager
def write_whole(file: Path, mode: int = 0o666, suffix: str = "") -> Iterator[Path]:
    """Yield a file to write, which replaces the target at once when it is complete.

    After a crash or power failure at any point there is the old or the new file. A failed write keeps the old one. A
    link is followed and keeps its target. A device or a pipe gets the content when it is complete. Leftovers of killed
    processes in the folder are removed.

    Args:
        file: Target file; its folder is created.
        mode: Permissions of the new file, minus the umask.
        suffix: End of the name of the unfinished file, for writers that choose a format by it.

    Raises:
        InputError: The name belongs to a folder, a socket or a disk.
        OSError: The disk refuses the file.
    """
    if is_stream(file):
        with _streamed(file, suffix) as partial:
            yield partial
        return
    target = file.resolve() if file.is_symlink() else file
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target.parent)
    try:
        partial, lock = _partial(target, mode, suffix)
    except OSError as error:
        error.filename = str(file)  # the name that the user knows
        raise
    try:
        yield partial
        _to_disk(partial)
        partial.replace(target)
    except OSError as error:
        if error.errno and error.filename is None:  # a full disk names no file
            error.filename = str(file)
        raise
    finally:
        partial.unlink(missing_ok=True)
        os.close(lock)
    with suppress(OSError):  # some mounted stores know no folders
        _to_disk(target.parent)


def why_no_file(file: Path) -> str:
    """Say what is wrong with a name at which no file can be read."""
    return "is a folder, where a file is needed" if file.is_dir() else "no such file"


def check_writable(file: Path) -> None:
    """Create the folder of a file and an unfinished file in it, and remove that: what fails later fails now.

    Raises:
        InputError: The name belongs to a folder, a socket or a disk.
        OSError: The disk refuses the file.
    """
    if not is_stream(file):
        target = file.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        partial, lock = _partial(target, 0o600, "")
        partial.unlink()
        os.close(lock)


def is_stream(file: Path) -> bool:
    """Tell whether a name is a device or a pipe, which gets the content directly.

    Raises:
        InputError: The name is a folder, a socket or a disk, which cannot be written as a file, or links to itself.
    """
    try:
        mode = file.stat().st_mode
    except OSError as error:  # there is nothing yet, or nothing that may be seen; to write it tells
        if error.errno == errno.ELOOP:
            raise InputError("is a link that leads to itself; choose another name", file=file) from None
        return False
    if stat.S_ISDIR(mode):
        raise InputError("is a folder, where a file is needed; choose another name", file=file)
    if stat.S_ISSOCK(mode) or stat.S_ISBLK(mode):
        raise InputError("is a socket or a disk, where a file is needed; choose another name", file=file)
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


@contextmanager
def _streamed(file: Path, suffix: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="faceline-") as folder:
        whole = Path(folder, f"whole{suffix}")
        yield whole
        with whole.open("rb") as content:
            try:
                with file.open("wb") as stream:
                    shutil.copyfileobj(content, stream)
            except OSError as error:
                error.filename = str(file)
                raise


def _partial(target: Path, mode: int, suffix: str) -> tuple[Path, int]:
    """Create a file beside the target, with the lock that marks it as being written."""
    while True:
        partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial{suffix}")
        lock = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with suppress(OSError):  # some mounted stores know no locks, and there nothing is removed either
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_nlink:  # else another process has taken it for a leftover just now
            return partial, lock
        os.close(lock)


def _remove_leftovers(folder: Path) -> None:
    """Remove what dead processes left unfinished in a folder, once a minute at most because it may be large."""
    now = time.monotonic()
    if now - _looked.get(folder, -_AGAIN) < _AGAIN:
        return
    _looked[folder] = now
    for file in folder.glob(".*.partial*"):
        if _PARTIAL.fullmatch(file.name):
            with suppress(OSError):
                _remove_unless_written(file)


def _remove_unless_written(file: Path) -> None:
    number = os.open(file, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.unlink()
    finally:
        os.close(number)


def _to_disk(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
