"""A small JSON file of secrets: for its owner only, changed by one process at a time, reloaded after changes."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from filelock import FileLock, Timeout

from faceline.errors import InputError, first_line
from faceline.files import write_whole

_LOCK_SECONDS: Final = 10.0
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")


class KeptFile(ABC):
    """A file that a stand and its commands share; a change by one takes effect in the other at once.

    Args:
        file: JSON file, created with the first change.
    """

    purpose: ClassVar[str]
    """Purpose of the file and what to do if it is damaged; the end of a message."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._state: tuple[int, int] | None = None

    @abstractmethod
    def _take(self, content: Any) -> None:
        """Take over what is in the file.

        Raises:
            ValueError: The content is invalid; KeyError and TypeError mean the same.
        """

    @abstractmethod
    def _told(self) -> dict[str, Any]:
        """Return what goes into the file."""

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Change the file while no other process does."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock = FileLock(self.file.with_name(f".{self.file.name}.lock"), timeout=_LOCK_SECONDS).acquire()
        except Timeout:
            raise InputError("another process changes it; try again", file=self.file) from None
        with lock:
            if self.file.exists():
                self._read()
            yield
            self._write()

    def _write(self) -> None:
        with write_whole(self.file, 0o600) as partial:
            partial.write_text(json.dumps(self._told(), indent=2), encoding="utf-8")
        self._state = self._stamp()

    def _read(self) -> None:
        if self.file.stat().st_mode & 0o077:
            raise InputError("others may read it; run chmod 600 on it", file=self.file)
        try:
            self._take(json.loads(self.file.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"not {self.purpose.format(error=first_line(error))}", file=self.file) from None

    def _look_again(self) -> None:
        """Reload the file if it has changed; an invalid one changes nothing."""
        state = self._stamp()
        if state != self._state:
            self._state = state
            with suppress(InputError, OSError):
                self._read()

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self.file.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino


def check_name(name: str) -> None:
    """Refuse an invalid name of an account, a token or a webhook.

    Raises:
        InputError: The name has other characters, or too many.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"expected up to 40 of a to z, 0 to 9, . _ and -, got {name!r}", column="name")


def note(audit: Path, by: str, action: str, **what: Any) -> None:
    """Add a line to an audit: who did what, and when.

    Args:
        audit: Audit file with one JSON object in each line; only its owner may read it.
        by: Name of the person who did it.
        action: What they did.
        **what: Which thing they did it to.
    """
    audit.parent.mkdir(parents=True, exist_ok=True)
    audit.touch(0o600, exist_ok=True)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    with audit.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({"at": at, "by": by, "action": action, **what}) + "\n")


def lines_of(audit: Path) -> list[str]:
    """Return the lines of an audit, oldest first."""
    return audit.read_text(encoding="utf-8").splitlines() if audit.exists() else []
