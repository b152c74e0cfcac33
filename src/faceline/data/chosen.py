"""Some frames of a data set, so that a quick trial does not wait until all of them are read."""

import hashlib
from collections.abc import Sequence

from faceline.data.index import BadRows, FrameRow, FrameSource, OnError, markup_of
from faceline.types import Image


class ChosenFrames:
    """The frames of a source that have one of some names.

    Args:
        source: All frames.
        files: Names of those that are wanted.
    """

    def __init__(self, source: FrameSource, files: Sequence[str]) -> None:
        self.source, self.files = source, frozenset(files)
        self.name, self.markup = source.name, markup_of(source)
        self.on_error: OnError = source.on_error

    def key(self) -> str:
        """Hex digest of what the frames depend on, and of which they are."""
        return hashlib.sha256("\n".join([self.source.key(), *sorted(self.files)]).encode()).hexdigest()

    def rows(self, bad: BadRows) -> list[FrameRow]:
        """The wanted rows, in the order of the source."""
        return [row for row in self.source.rows(bad) if row.file in self.files]

    def unlabelled(self) -> int:
        """As the source."""
        return self.source.unlabelled()

    def read(self, row: FrameRow) -> Image:
        """The pixels of one frame."""
        return self.source.read(row)
