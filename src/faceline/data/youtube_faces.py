"""Reads YouTube Faces with facial keypoints: one CSV of videos and one npz file for each, as downloaded.

Source: the Kaggle set "YouTube Faces With Facial Keypoints", made of Wolf et al., "Face Recognition in Unconstrained
Videos with Matched Background Similarity", CVPR 2011.
"""

import csv
import hashlib
import io
import math
import os
import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.progress import Progress

from faceline.data.index import BadRows, FrameRow, LabelIndex, OnError
from faceline.data.npz_videos import DAMAGED, VideoFile, VideoLabels, read_video_images, read_video_labels
from faceline.data.roots import find_root
from faceline.errors import InputError
from faceline.types import Image

TABLE: Final = "youtube_faces_with_keypoints_full.csv"
FOLDERS: Final = tuple(f"youtube_faces_with_keypoints_full_{number}" for number in range(1, 5))
SYNTHETIC: Final = "SYNTHETIC"
"""A file with this name beside the table says that a program drew the set."""

_COLUMNS: Final = ("videoID", "personName", "imageHeight", "imageWidth", "videoDuration")
_ID: Final = re.compile(r"[^/\\\x00-\x1f.][^/\\\x00-\x1f]*")


@dataclass(frozen=True)
class _Video:
    """A row of the table."""

    id: str
    person: str
    height: int
    width: int
    frames: int
    line: int


class YouTubeFaces:
    """The videos of one folder, from folders of npz files (nested once or twice) or from their zip archives.

    A video that cannot be used is a bad row; a fault of the whole table raises with any ``on_error``.

    Args:
        root: Folder with the table; None means the folder ``youtube_faces`` below the environment variable
            FACELINE_DATA.
        on_error: ``raise`` at the first video that cannot be used, or ``skip`` such videos.

    Raises:
        InputError: The folder is missing.
    """

    def __init__(self, root: str | Path | None = None, on_error: OnError = "raise") -> None:
        self.root = find_root(root, "youtube_faces")
        self.on_error: OnError = BadRows(on_error).on_error
        self.name = "youtube_faces_synthetic" if (self.root / SYNTHETIC).exists() else "youtube_faces"
        self._decoded: tuple[str, np.ndarray] = ("", np.empty(0))

    def key(self) -> str:
        """Return a hex digest of the table and of names, sizes and times of the files, without reading their 10 GB."""
        digest = hashlib.sha256(self._table[0])
        for video, file in sorted(self._files.items()):
            status = file.path.stat()
            digest.update(f"{video} {file} {status.st_size} {status.st_mtime_ns}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()

    def labels(self, bad: BadRows) -> LabelIndex:
        """Return the labels of every frame in columns; videos that cannot be used go to ``bad``."""
        found = list(self._read_all(bad))
        lengths = [len(labels.landmarks) for _, labels in found]

        def spread(values: list[str]) -> np.ndarray:
            return np.repeat(np.array(values, dtype=np.str_), lengths)

        def stack(name: str, dims: int) -> np.ndarray:
            empty = np.empty((0, 68, dims), dtype=np.float32)
            return np.concatenate([empty, *(getattr(labels, name) for _, labels in found)])

        frames = np.concatenate([np.empty(0, dtype=np.int64), *(np.arange(length) for length in lengths)])
        videos = spread([video.id for video, _ in found])
        return LabelIndex(
            dataset=self.name,
            files=np.array(
                [_file(video, frame) for video, frame in zip(videos.tolist(), frames.tolist(), strict=True)],
                dtype=np.str_,
            ),
            persons=spread([video.person for video, _ in found]),
            videos=videos,
            frames=frames,
            parts=spread(["train"] * len(found)),
            landmarks=stack("landmarks", 2),
            landmarks3d=stack("landmarks3d", 3),
            unlabelled=self.unlabelled(),
            rejected=tuple(str(error) for error in bad.errors),
        )

    def rows(self, bad: BadRows) -> list[FrameRow]:
        """List every frame of every video in the order of the table; videos that cannot be used go to ``bad``."""
        return [
            FrameRow(
                file=_file(video.id, frame),
                person=video.person,
                video=video.id,
                frame=frame,
                part="train",
                landmarks=labels.landmarks[frame],
                landmarks3d=labels.landmarks3d[frame],
                line=video.line,
            )
            for video, labels in self._read_all(bad)
            for frame in range(len(labels.landmarks))
        ]

    def unlabelled(self) -> int:
        """Return the number of videos that the table does not name; their frames are unknown."""
        return len(self._files.keys() - {video.id for video in self._table[1]})

    def read(self, row: FrameRow) -> Image:
        """Read the pixels of one frame, RGB. Its video stays in memory until a frame of another one is read.

        Raises:
            InputError: The video cannot be used; the message names the file.
        """
        if self._decoded[0] != row.video:
            if row.video not in self._files:
                raise InputError(f"no npz file of video {row.video}", file=self.root / TABLE, row=row.line)
            self._decoded = (row.video, read_video_images(self._files[row.video]))
        return np.ascontiguousarray(self._decoded[1][row.frame])

    def _read_all(self, bad: BadRows) -> Iterator[tuple[_Video, VideoLabels]]:
        _, videos, errors = self._table
        for error in errors:
            bad.add(error)
        shown = Console(stderr=True)
        with Progress(console=shown, transient=True, disable=not sys.stderr.isatty()) as progress:
            for video in progress.track(videos, description=f"Reading the labels of {self.name}"):
                try:
                    yield video, self._read(video)
                except InputError as error:
                    bad.add(error)

    def _read(self, video: _Video) -> VideoLabels:
        file = self._files.get(video.id)
        place = self.root / TABLE
        if file is None:
            expected = f"{FOLDERS[0]}/{video.id}.npz, or in another of the {len(FOLDERS)} folders or zip archives"
            raise InputError(f"no npz file of video {video.id}; expected {expected}", file=place, row=video.line)
        labels = read_video_labels(file)
        listed = (video.frames, video.height, video.width)
        found = (len(labels.landmarks), labels.height, labels.width)
        if listed != found:
            raise InputError(
                f"the table lists {listed[0]} frames of {listed[2]} x {listed[1]} pixels (row {video.line}), the file "
                f"has {found[0]} of {found[2]} x {found[1]}",
                file=str(file),
            )
        return labels

    @cached_property
    def _table(self) -> tuple[bytes, list[_Video], list[InputError]]:
        """Read the bytes of the table, its usable rows and the errors of the others, once."""
        path = self.root / TABLE
        try:
            content = path.read_bytes()
            text = content.decode("utf-8-sig")
        except FileNotFoundError:
            raise InputError("missing; expected the table of the videos, as it is downloaded", file=path) from None
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", file=path) from None
        except UnicodeDecodeError as error:
            raise InputError(f"is not UTF-8 (byte {error.start})", file=path) from None
        reader = csv.DictReader(io.StringIO(text, newline=""))
        header = [name.strip() for name in reader.fieldnames or []]
        reader.fieldnames = header
        if missing := [name for name in _COLUMNS if name not in header]:
            raise InputError(f"expected a column {missing[0]}, got {', '.join(header) or 'an empty file'}", file=path)
        videos: dict[str, _Video] = {}
        errors: list[InputError] = []
        for row in reader:
            try:
                video = _parse(row, path, reader.line_num)
                if video.id in videos:
                    raise InputError(
                        f"lists {video.id} a second time, first in row {videos[video.id].line}",
                        file=path, row=reader.line_num, column="videoID",
                    )  # fmt: skip
                videos[video.id] = video
            except InputError as error:
                errors.append(error)
        if not videos and not errors:
            raise InputError("has a header and no rows; expected one row a video", file=path)
        return content, list(videos.values()), errors

    @cached_property
    def _files(self) -> dict[str, VideoFile]:
        """Find the file of each video; a folder wins over an archive, and the first of several wins."""
        found: dict[str, VideoFile] = {}
        for folder in (*FOLDERS, "."):
            for place in (self.root / folder / folder, self.root / folder):
                if place.is_dir():
                    names = sorted(entry.name for entry in os.scandir(place) if entry.name.endswith(".npz"))
                    for name in names:
                        found.setdefault(name.removesuffix(".npz"), VideoFile(place / name))
        for archive in (self.root / f"{folder}.zip" for folder in FOLDERS):
            if archive.is_file():
                for member in sorted(_members(archive)):
                    found.setdefault(Path(member).name.removesuffix(".npz"), VideoFile(archive, member))
        return found


def _members(archive: Path) -> list[str]:
    try:
        with zipfile.ZipFile(archive) as content:
            return [name for name in content.namelist() if name.endswith(".npz") and "__MACOSX" not in name]
    except DAMAGED as error:
        raise InputError(f"is no zip archive that can be read ({error}); download it again", file=archive) from None


def _file(video: str, frame: int) -> str:
    return f"{video}/{frame:04d}"


def _parse(row: dict[str, str | None], path: Path, line: int) -> _Video:
    def text(name: str) -> str:
        value = (row.get(name) or "").strip()
        if not value:
            raise InputError("is empty", file=path, row=line, column=name)
        return value

    def count(name: str) -> int:
        value = text(name)
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (number >= 1 and number == int(number) and number < 1e6):
            raise InputError(f"expected a whole number from 1, got {value!r}", file=path, row=line, column=name)
        return int(number)

    video = text("videoID")
    if not _ID.fullmatch(video):
        raise InputError(f"expected the name of a file, got {video!r}", file=path, row=line, column="videoID")
    return _Video(video, text("personName"), count("imageHeight"), count("imageWidth"), count("videoDuration"), line)
