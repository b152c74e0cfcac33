"""Writes files whole."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def write_whole(file: Path, mode: int = 0o666) -> Iterator[Path]:
    """A file to write, which takes the place of another at once when it is complete.

    Killed or without power at any point, there is the old file or the new one. What fails leaves the old one.

    Args:
        file: To be there in the end; its folder is made.
        mode: Permissions of the new file, less the umask.

    Raises:
        OSError: The disk does not take it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}.partial")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    except OSError as error:
        error.filename = str(file)  # the name that the user knows
        raise
    try:
        yield partial
        _to_disk(partial)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    with suppress(OSError):  # some mounted stores know no folders
        _to_disk(file.parent)


def _to_disk(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
