"""Reads the catalogue again when its file or a medium has changed, in a thread; an invalid one changes nothing."""

import logging
import threading
from collections.abc import Collection
from pathlib import Path
from typing import Final

from faceline.errors import InputError, first_line
from faceline.stand.content.catalogue import Catalogue, read_catalogue
from faceline.stand.sentences import Sentence

_EVERY: Final = 1.0
"""Seconds between two checks; a change is read when it is this old, so that no half-written file is read."""

_RETRY: Final = 5
"""Number of checks after which a refused catalogue is read again."""

log = logging.getLogger("faceline.stand")

_Stamp = tuple[tuple[str, int, int] | None, ...]


class CatalogueFile:
    """Reads a catalogue at once, and again after each change.

    Args:
        file: YAML file.
        pages: Web sites that contents may show.

    Attributes:
        first: The catalogue at the start.
        problem: Why the newest file is not used; None if it is.

    Raises:
        InputError: The catalogue is invalid.
    """

    def __init__(self, file: Path, pages: Collection[str] = ()) -> None:
        self.file, self.pages = file, pages
        self.first = read_catalogue(file, pages)
        self.problem: str | None = None
        self._names = self.first.files
        self._read = self._seen = self._stamp()
        self._new: Catalogue | None = None
        self._looks = 0
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="catalogue", daemon=True)

    def start(self) -> None:
        """Start to check for changes."""
        self._thread.start()

    def close(self) -> None:
        """Stop checking."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def take(self) -> Catalogue | None:
        """Return a newer catalogue, once; None without one."""
        if self._new is None:  # asked with every frame
            return None
        with self._lock:
            new, self._new = self._new, None
        return new

    def look(self) -> None:
        """Read the file if it has changed and is stable again."""
        now, before = self._stamp(), self._seen
        self._seen = now
        self._looks += 1
        again = self.problem is not None and self._looks % _RETRY == 0  # a medium that was missing may have come
        if now != before or (now == self._read and not again):
            return
        self._read = now
        try:
            catalogue = read_catalogue(self.file, self.pages)
        except (InputError, OSError) as error:
            told = Sentence.CATALOGUE_REFUSED(why=first_line(error))
            if told != self.problem:
                log.warning(told)
            self.problem = told
            return
        self._names = catalogue.files
        self._read = self._seen = self._stamp()
        with self._lock:
            self._new, self.problem = catalogue, None
        log.warning("the catalogue has changed: %d contents", len(catalogue.contents))

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            try:
                self.look()
            except Exception as error:  # whatever it was, the screen goes on
                self.problem = Sentence.CATALOGUE_UNREAD(why=first_line(error))
                log.exception("the catalogue cannot be looked at")

    def _stamp(self) -> _Stamp:
        """Return a stamp that changes with the catalogue or any file that it names."""
        return tuple(_stamp(path) for path in (self.file, *(self.file.parent / name for name in sorted(self._names))))


def _stamp(path: Path) -> tuple[str, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return str(path), status.st_mtime_ns, status.st_size
