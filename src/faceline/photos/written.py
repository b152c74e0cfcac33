"""Remembers which files below a folder `faceline predict` wrote.

A later run replaces these and reads none of them as photos. A file that somebody has changed since is theirs.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Final

from faceline.files import write_whole

_NAME: Final = ".faceline.json"


class Written:
    """The files below a folder that earlier runs wrote, with the SHA-256 of each.

    Args:
        folder: Folder of results; it need not exist.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._digests = _read(folder / _NAME)

    def __contains__(self, file: Path) -> bool:
        """Tell whether a file is as it was written."""
        digest = self._digests.get(self._name(file))
        return digest is not None and digest == _digest(file)

    def unchanged(self) -> set[Path]:
        """Return the files that are as they were written."""
        return {file for name in self._digests if (file := self.folder / name) in self}

    def add(self, file: Path) -> None:
        """Remember a new file."""
        if (digest := _digest(file)) is not None:
            self._digests[self._name(file)] = digest

    def save(self) -> None:
        """Write what is remembered into the folder; files that are gone are forgotten."""
        there = {name: digest for name, digest in self._digests.items() if (self.folder / name).is_file()}
        if there or (self.folder / _NAME).is_file():
            with write_whole(self.folder / _NAME) as part:
                part.write_text(json.dumps({"written by faceline predict": there}, indent=0), encoding="ascii")

    def _name(self, file: Path) -> str:
        return Path(os.path.relpath(file, self.folder)).as_posix()


def _read(file: Path) -> dict[str, str]:
    """Read what is remembered; nothing if the file is missing or damaged, so that nothing is replaced."""
    try:
        found = json.loads(file.read_text(encoding="ascii"))["written by faceline predict"]
        return {str(name): str(digest) for name, digest in found.items() if _is_inside(name)}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _is_inside(name: str) -> bool:
    return not Path(name).is_absolute() and ".." not in Path(name).parts


def _digest(file: Path) -> str | None:
    try:
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError:
        return None
