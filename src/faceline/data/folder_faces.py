"""Reads images of people from folders, without landmarks: ``person/video/*.jpg`` or ``person/*.jpg``."""

from functools import cached_property
from pathlib import Path

import numpy as np

from faceline.data import own_frames
from faceline.data.images import read_labelled
from faceline.data.index import BadRows, FrameRow, OnError
from faceline.errors import InputError
from faceline.geometry.markup import N_LANDMARKS
from faceline.types import Image


class FolderFaces:
    """Images for identification: a folder for each person, with images or a folder for each video or occasion.

    Args:
        root: Folder that holds the people's folders.
        on_error: ``raise`` at the first image that cannot be used, or ``skip`` such images.
        name: Name of the data set.

    Raises:
        InputError: The folder is missing or holds no images.
    """

    licence = "unknown"

    def __init__(self, root: str | Path | None, on_error: OnError = "raise", name: str = "folders") -> None:
        self.name, self.on_error = name, BadRows(on_error).on_error
        self.root = own_frames.own_root(root)
        if not self._files:
            raise InputError(
                "expected images as person/video/0.jpg or person/0.jpg", file=self.root, column="data.root"
            )

    @cached_property
    def _files(self) -> list[Path]:
        files = (path for path in self._listing[0] if path.suffix.lower() in own_frames.IMAGES)
        return sorted(path for path in files if len(path.relative_to(self.root).parts) in (2, 3))

    @cached_property
    def _listing(self) -> tuple[list[Path], list[InputError]]:
        return own_frames.files_below(self.root)

    def key(self) -> str:
        """Return a hex digest of all images and their names."""
        return own_frames.digest_of(self._files)

    def describe(self) -> list[str]:
        """Describe in lines what was found."""
        people = {path.relative_to(self.root).parts[0] for path in self._files}
        return [f"images        {len(self._files)} of {len(people)} people, without landmarks"]

    def rows(self, bad: BadRows) -> list[FrameRow]:
        """List every image in the order of the names; an image directly below its person is a video of its own."""
        for error in self._listing[1]:
            bad.add(error)
        rows = []
        for number, path in enumerate(self._files):
            parts = path.relative_to(self.root).parts
            video = "/".join(parts[:2])
            nowhere = np.full((N_LANDMARKS, 2), np.nan)
            rows.append(FrameRow("/".join(parts), parts[0], video, number, "train", nowhere))
        return rows

    def unlabelled(self) -> int:
        """Return 0: all images are listed."""
        return 0

    def read(self, row: FrameRow) -> Image:
        """Read the pixels of an image."""
        return read_labelled(self.root / row.file)
