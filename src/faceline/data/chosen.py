"""Selects frames of a data set, so that a quick trial does not have to read all of them."""

import hashlib
from collections.abc import Sequence

from faceline.data.index import BadRows, FrameRow, FrameSource, OnError, markup_of
from faceline.types import Image


class ChosenFrames:
    """The frames of a source whose names are listed.

    Args:
        source: Source of all frames.
        files: Names of the wanted frames.
    """

    def __init__(self, source: FrameSource, files: Sequence[str]) -> None:
        self.source, self.files = source, frozenset(files)
        self.name, self.markup = source.name, markup_of(source)
        self.on_error: OnError = source.on_error

    def key(self) -> str:
        """Return a hex digest of what the frames depend on and of their names."""
        return hashlib.sha256("\n".join([self.source.key(), *sorted(self.files)]).encode()).hexdigest()

    def rows(self, bad: BadRows) -> list[FrameRow]:
        """Return the wanted rows in the order of the source."""
        return [row for row in self.source.rows(bad) if row.file in self.files]

    def unlabelled(self) -> int:
        """Return the number of the source."""
        return self.source.unlabelled()

    def read(self, row: FrameRow) -> Image:
        """Read the pixels of one frame."""
        return self.source.read(row)
