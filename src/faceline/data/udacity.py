"""Reads the Udacity facial landmarks set: one CSV and one folder of frames for each of training and test.

Source: the first project of Udacity's Computer Vision Nanodegree; frames of the YouTube Faces data set.
"""

import csv
import hashlib
import io
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from faceline.data.images import read_frame
from faceline.data.index import BadRows, FrameRow, OnError, PublishedPart
from faceline.data.own_frames import content_digest
from faceline.data.roots import find_root
from faceline.errors import InputError
from faceline.geometry.markup import N_LANDMARKS, OUTER_EYE_CORNERS
from faceline.types import Image, Shape

_PARTS: Final[tuple[tuple[PublishedPart, str, str], ...]] = (
    ("train", "training_frames_keypoints.csv", "training"),
    ("test", "test_frames_keypoints.csv", "test"),
)
_COORDINATES: Final = tuple(str(i) for i in range(2 * N_LANDMARKS))  # x0 y0 x1 y1 …
_FRAME_NAME: Final = re.compile(r"([^./\\\x00-\x1f][^/\\\x00-\x1f]*)_([0-9])([0-9])\.jpg")


class UdacityFaces:
    """The labelled frames of the published folder; a root with the training set alone works too.

    A fault of a whole table (missing, empty, without a column, not UTF-8) raises with any ``on_error``.

    Args:
        root: Folder with ``training_frames_keypoints.csv`` and ``training/``, and the same for ``test``. None means the
            folder ``udacity`` below the environment variable FACELINE_DATA.
        on_error: ``raise`` at the first row that cannot be used, or ``skip`` such rows.
        label_shift: Offset of the published landmarks to the right and downwards in pixels; it is subtracted.
            Predictions of a model trained so lie on the face, not on the published labels. Otherwise every mirrored
            training frame would have the offset on the wrong side.
        unlabelled: Whether to list frames without rows too, after the others and with NaN for landmarks.

    Raises:
        InputError: The folder is missing, or the shift is not two numbers.
    """

    name = "udacity"
    licence = "MIT"

    def __init__(
        self,
        root: str | Path | None = None,
        on_error: OnError = "raise",
        label_shift: Sequence[int | float] = (0, 0),
        unlabelled: bool = False,
    ) -> None:
        if len(label_shift) != 2:
            raise InputError(f"expected two numbers, got {len(label_shift)}", column="data.source.label_shift")
        self.label_shift = np.array(label_shift, dtype=np.float64)
        self.root = find_root(root, "udacity")
        self.on_error: OnError = BadRows(on_error).on_error
        self.lists_unlabelled = unlabelled

    def key(self) -> str:
        """Return a hex digest of the tables, all frame names, and the bytes of the frames in the tables.

        Raises:
            InputError: A table is faulty.
        """
        digest = hashlib.sha256(self.label_shift.tobytes())
        for table in self._tables:
            names = "\n".join(sorted(table.listing)).encode(errors="surrogateescape")
            for content in (table.part.encode(), table.content, names):
                digest.update(hashlib.sha256(content).digest())
            for row in [*table.rows, *self._unlabelled(table)]:
                digest.update(content_digest(self.root / row.file))
        return digest.hexdigest()

    def rows(self, bad: BadRows) -> list[FrameRow]:
        """List the labelled frames in the order of the tables, training first; unusable rows go to ``bad``.

        Raises:
            InputError: A table is faulty, or ``bad`` raises.
        """
        for table in self._tables:
            for error in table.errors:
                bad.add(error)
        labelled = [row for table in self._tables for row in table.rows]
        others = [row for table in self._tables for row in self._unlabelled(table)]
        return [replace(row, landmarks=row.landmarks - self.label_shift) for row in [*labelled, *others]]

    def _unlabelled(self, table: "_Table") -> list[FrameRow]:
        """List the frames that no row of a table names, if they are wanted."""
        found = [_FRAME_NAME.fullmatch(name) for name in sorted(table.listing) if name not in table.lines]
        return [
            FrameRow(
                file=f"{table.folder.name}/{name[0]}",
                person=name[1],
                video=f"{name[1]}_{name[2]}",
                frame=int(name[3]),
                part=table.part,
                landmarks=np.full((N_LANDMARKS, 2), np.nan),
            )
            for name in found
            if name is not None and self.lists_unlabelled
        ]

    def with_unlabelled(self) -> "UdacityFaces":
        """Return the same set with the frames that no row names."""
        return UdacityFaces(self.root, self.on_error, self.label_shift.tolist(), unlabelled=True)

    def unlabelled(self) -> int:
        """Return the number of frames that no row names."""
        return sum(
            bool(_FRAME_NAME.fullmatch(name)) and name not in table.lines
            for table in self._tables
            for name in table.listing
        )

    def read(self, row: FrameRow) -> Image:
        """Read the pixels of one frame, RGB.

        Raises:
            InputError: The frame cannot be used; the message names table, row and frame.
        """
        try:
            return read_frame(self.root / row.file)
        except InputError as error:
            table = next(table for table in self._tables if table.part == row.part)
            raise InputError(
                f"{row.file} {error.message}", file=table.path, row=row.line, column=table.name_column
            ) from None

    @cached_property
    def _tables(self) -> list["_Table"]:
        """Read both tables once, so that key and rows refer to the same bytes."""
        return [
            _read_table(part, self.root, self.root / csv_name, self.root / folder)
            for part, csv_name, folder in _PARTS
            if part == "train" or (self.root / csv_name).exists() or (self.root / folder).exists()
        ]


@dataclass
class _Table:
    """A CSV with its folder of frames."""

    part: PublishedPart
    root: Path
    path: Path
    folder: Path
    content: bytes
    listing: dict[str, os.DirEntry[str]]
    header: list[str] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)  # of each coordinate in the header
    rows: list[FrameRow] = field(default_factory=list)
    errors: list[InputError] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)  # of each frame name, where it was first seen

    @property
    def name_column(self) -> str:
        """Name of the file column in messages; the published header of that column is empty."""
        return self.header[0] or "file name (the first)"


def _read_table(part: PublishedPart, root: Path, path: Path, folder: Path) -> _Table:
    for expected, is_there in ((path, path.is_file()), (folder, folder.is_dir())):
        if not is_there:
            raise InputError(f"missing; expected {path.name} and {folder.name}/ beside each other", file=expected)
        _refuse_outside(expected, root)
    try:
        content = path.read_bytes()
        listing = {entry.name: entry for entry in os.scandir(folder)}
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=error.filename) from None
    table = _Table(part, root, path, folder, content, listing)
    _parse_table(table)
    return table


def _parse_table(table: _Table) -> None:
    records = _records(table)
    line, table.header = next(records, (1, []))
    if not table.header:
        raise InputError("is empty; expected a header and one row a frame", file=table.path)
    table.positions = _positions(table.header, table.path, line)
    for line, cells in records:
        try:
            table.rows.append(_parse_row(table, line, cells))
        except InputError as error:
            table.errors.append(error)
    if not table.rows and not table.errors:
        raise InputError("has a header but no rows; expected one row a frame", file=table.path, row=line)


def _refuse_outside(path: Path, root: Path) -> None:
    if not path.resolve().is_relative_to(root):
        raise InputError(f"is a link that leads outside of {root}, where nothing is read", file=path)


def _records(table: _Table) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of each record that is not blank; a byte order mark and CRLF do not matter."""
    try:
        text = table.content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = table.content.count(b"\n", 0, error.start) + 1
        raise InputError("is not UTF-8 text; save the table as UTF-8", file=table.path, row=line) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1  # where the record begins: quoted cells may hold line ends
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"is not a CSV: {error}", file=table.path, row=line) from None


def _positions(header: list[str], path: Path, line: int) -> list[int]:
    """Return the position of each coordinate; names decide, not the order of the columns."""
    where = f"expected a column of file names and the columns 0 to {_COORDINATES[-1]}"
    names = header[1:]
    missing = [name for name in _COORDINATES if name not in names]
    if missing:
        message = f"missing, with {len(missing) - 1} more; {where}"
        raise InputError(message, file=path, row=line, column=missing[0])
    for position, name in enumerate(names):
        if name not in _COORDINATES:
            raise InputError(f"unknown; {where}", file=path, row=line, column=name)
        if name in names[:position]:
            raise InputError(f"is there twice; {where}", file=path, row=line, column=name)
    return [header.index(name, 1) for name in _COORDINATES]


def _parse_row(table: _Table, line: int, cells: list[str]) -> FrameRow:
    person, video, frame = _parse_name(table, line, cells[0])
    header = table.header
    if len(cells) != len(header):
        column = header[len(cells)] if len(cells) < len(header) else f"cell {len(header) + 1}"
        message = f"expected {len(header)} cells, got {len(cells)}"
        raise InputError(message, file=table.path, row=line, column=column)
    return FrameRow(
        file=f"{table.folder.name}/{cells[0]}",
        person=person,
        video=f"{person}_{video}",
        frame=int(frame),
        part=table.part,
        landmarks=_parse_landmarks(table, line, [cells[position] for position in table.positions]),
        line=line,
    )


def _parse_name(table: _Table, line: int, name: str) -> tuple[str, str, str]:
    def refuse(message: str) -> InputError:
        return InputError(message, file=table.path, row=line, column=table.name_column)

    if "/" in name or "\\" in name:
        raise refuse(f"{name!r} is a path; expected a plain file name, nothing outside of the folder is read")
    match = _FRAME_NAME.fullmatch(name)
    if not match:
        raise refuse(f"expected Person_Name_VF.jpg (V the video, F the frame, a digit each), got {name!r}")
    first = table.lines.setdefault(name, line)
    if first != line:
        raise refuse(f"{name} repeats row {first}; remove one of them")
    entry, shown = table.listing.get(name), f"{table.folder.name}/{name}"
    if entry is None:
        raise refuse(f"{shown} is missing; add the frame or remove the row")
    if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(table.root):
        raise refuse(f"{shown} is a link that leads outside of {table.root}, where nothing is read")
    if not entry.is_file():
        raise refuse(f"{shown} is not a file")
    return match[1], match[2], match[3]


def _parse_landmarks(table: _Table, line: int, cells: list[str]) -> Shape:
    try:
        values = np.array([float(cell) for cell in cells])
        clean = np.isfinite(values).all() and _is_plain("".join(cells))
    except ValueError:
        clean = False
    if not clean:
        raise _bad_cell(table, line, cells)
    shape = values.reshape(N_LANDMARKS, 2)
    if (shape == shape[0]).all():
        message = f"all {N_LANDMARKS} landmarks are in one point, {tuple(shape[0].tolist())}"
        raise InputError(message, file=table.path, row=line, column=f"0 to {_COORDINATES[-1]}")
    left, right = OUTER_EYE_CORNERS
    if (shape[left] == shape[right]).all():
        message = f"the outer eye corners (landmarks {left} and {right}) are in one point, so the face has no size"
        raise InputError(message, file=table.path, row=line, column=_COORDINATES[2 * left])
    return shape


def _is_plain(text: str) -> bool:
    """Tell whether a number has none of the special forms that Python accepts (1_000, digits of other scripts)."""
    return text.isascii() and "_" not in text


def _bad_cell(table: _Table, line: int, cells: list[str]) -> InputError:
    """Return the error for the first cell that is no finite number."""
    column = next(i for i, cell in enumerate(cells) if not _is_number(cell))
    message = f"expected a finite number of pixels, got {cells[column]!r}"
    return InputError(message, file=table.path, row=line, column=_COORDINATES[column])


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell)) and _is_plain(cell)
    except ValueError:
        return False
