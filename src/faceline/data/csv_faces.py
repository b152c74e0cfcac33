"""Reads the user's own landmarks from a CSV with any columns, separator, encoding and units."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from faceline.data import own_frames
from faceline.data.index import BadRows, FrameRow, OnError, PublishedPart
from faceline.data.table_layout import ROLES, Layout, find_layout, pair
from faceline.errors import InputError
from faceline.geometry.coordinates import denormalise_landmarks
from faceline.geometry.markup import Markup
from faceline.types import Image

Units = Literal["auto", "pixels", "normalised"]

_SEPARATORS: Final = (",", ";", "\t", "|")
_TEST: Final = ("test", "testing", "eval", "evaluation", "publictest", "privatetest")
_WITHIN: Final = 1.5
"""Coordinates count as normalised to [0, 1] if all of them stay below this."""


@dataclass(frozen=True)
class _Table:
    """A CSV file in memory."""

    header: list[str]
    rows: list[tuple[int, list[str]]]
    layout: Layout
    separator: str
    encoding: str
    normalised: bool


class CsvFaces:
    """Landmarks in a CSV and images in a folder.

    Args:
        root: Folder with the images.
        csv: CSV file, relative to the root or to the current folder.
        on_error: ``raise`` at the first row that cannot be used, or ``skip`` such rows.
        markup: Meaning of the landmarks.
        columns: Names of the columns that are no coordinates, by role: ``file``, ``person``, ``video``, ``frame``,
            ``split``, and ``box``, a list of four. Roles without a name are guessed.
        units: Units of the coordinates: ``pixels``, ``normalised`` (on [0, 1] of the image) or ``auto``.
        separator: Character between cells; None guesses it.
        encoding: Encoding of the text; None tries UTF-8, then the Windows encoding of western Europe.
        names: Template of file names, such as ``{person}_{video}{frame}``, if no columns say who is in the image.
        name: Name of the data set.
        missing: Number that marks a point without a label, such as -1, or ``empty`` for empty cells. Loss and metrics
            leave such points out. Rows without a label at the two points of the normaliser are skipped.

    Raises:
        InputError: The folder or table is missing, or a setting is wrong.
    """

    licence = "unknown"

    def __init__(
        self,
        root: str | Path | None,
        csv: str | Path | None,
        on_error: OnError = "raise",
        markup: Markup | None = None,
        columns: Mapping[str, Any] | None = None,
        units: Units = "auto",
        separator: str | None = None,
        encoding: str | None = None,
        names: str | None = None,
        name: str = "csv",
        missing: float | Literal["empty"] | None = None,
    ) -> None:
        self.name, self.on_error = name, BadRows(on_error).on_error
        self.root = own_frames.own_root(root)
        if not csv:
            raise InputError("give the table, as in data.csv=labels.csv", column="data.csv")
        self.file = next((place for place in (self.root / csv, Path(csv)) if place.is_file()), self.root / csv)
        if not self.file.is_file():
            raise InputError("no such table", file=self.file, column="data.csv")
        self.columns = {role: name for role, name in (columns or {}).items() if name is not None}
        if wrong := sorted(set(self.columns) - set(ROLES)):
            raise InputError(f"no such column; expected {', '.join(ROLES)}", column=f"data.source.columns.{wrong[0]}")
        self.units, self.separator, self.encoding, self.missing = units, separator, encoding, missing
        self.pattern, self._names = own_frames.template(names), names
        self._boxes: dict[str, np.ndarray | None] = {}
        self.markup = own_frames.markup_for(len(self._table.layout.points), markup)

    def key(self) -> str:
        """Return a hex digest of the table, the settings and all images that it names."""
        settings = repr((self.columns, self.units, self.separator, self.encoding, self._names, self.markup.name))
        settings += "" if self.missing is None else f" masked {self.missing}"
        settings += " of one person" if self._videos_name_people else ""
        files = []
        for _, cells in self._table.rows:
            try:
                files.append(own_frames.image_file(self.root, self._cell(cells, "file")))
            except (InputError, IndexError):
                continue
        return own_frames.digest_of(files, self.file.read_bytes(), settings.encode())

    def describe(self) -> list[str]:
        """Describe in lines how the table was read."""
        table = self._table
        roles = [f"{role}: {', '.join(self._title(p) for p in at)}" for role, at in table.layout.roles.items()]
        lines = [
            f"table         {self.file.name}: {len(table.rows)} rows, separator {table.separator!r}, {table.encoding}",
            f"layout        {table.layout.found}, {'on [0, 1]' if table.normalised else 'in pixels'}",
            f"columns       {'; '.join(roles)}",
        ]
        if table.layout.ignored:
            lines.append(f"not used      {', '.join(table.layout.ignored)}")
        return lines

    def rows(self, bad: BadRows) -> list[FrameRow]:
        """List the labelled frames in the order of the table; unusable rows go to ``bad``."""
        found: list[FrameRow] = []
        seen: dict[str, int] = {}
        for number, (line, cells) in enumerate(self._table.rows):
            try:
                row = self._row(number, line, cells)
                if row.file in seen:
                    raise self._error(line, f"{row.file} is in row {seen[row.file]} already", "file")
                seen[row.file] = line
                if own_frames.has_labels(row, bad):
                    found.append(row)
            except InputError as error:
                bad.add(error)
        return found

    def unlabelled(self) -> int:
        """Return 0: images that no row names are not counted."""
        return 0

    def read(self, row: FrameRow) -> Image:
        """Read the pixels of one frame, cut out around its box if it has one."""
        if row.file not in self._boxes:
            self.rows(BadRows("skip"))
        try:
            return own_frames.read_cut(own_frames.image_file(self.root, row.file), self._boxes.get(row.file))
        except InputError as error:
            raise InputError(f"{row.file} {error.message}", file=self.file, row=row.line) from None

    @property
    def _videos_name_people(self) -> bool:
        fields = {} if self.pattern is None else self.pattern.groupindex
        roles = self._table.layout.roles
        return "person" not in {*roles, *fields} and "video" in {*roles, *fields}

    @cached_property
    def _table(self) -> _Table:
        text, encoding = self._text()
        separator = self.separator or _guess_separator(text)
        records = list(self._records(text, separator))
        if len(records) < 2:
            raise InputError("expected a header and one row a frame", file=self.file)
        header = [name.strip() for name in records[0][1]]
        try:
            layout = find_layout(header, records[1][1], self.columns)
        except InputError as error:
            raise InputError(error.message, file=self.file, row=1, column=error.column) from None
        return _Table(header, records[1:], layout, separator, encoding, self._is_normalised(layout, records[1:]))

    def _text(self) -> tuple[str, str]:
        content = self.file.read_bytes()
        if self.encoding is not None:
            tried = [self.encoding]
        else:
            tried = ["utf-16"] if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "cp1252"]
        for encoding in tried:
            try:
                return content.decode(encoding), encoding.removesuffix("-sig")
            except (UnicodeDecodeError, LookupError):
                continue
        raise InputError(
            f"is no text in {' or '.join(tried)}; name its encoding", file=self.file, column="data.source.encoding"
        )

    def _records(self, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        line = 1
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield line, cells
                line = reader.line_num + 1
        except csv.Error as error:
            raise InputError(f"is not a CSV: {error}", file=self.file, row=line) from None

    def _is_normalised(self, layout: Layout, rows: Sequence[tuple[int, list[str]]]) -> bool:
        if self.units != "auto":
            return self.units == "normalised"
        values = []
        for _, cells in rows[:200]:
            try:
                values.append(self._numbers(layout, 0, cells))
            except (InputError, IndexError):
                continue
        known = np.abs(np.array(values))[~np.isnan(values)]
        return bool(len(known)) and bool(known.max() <= _WITHIN)

    def _row(self, number: int, line: int, cells: list[str]) -> FrameRow:
        layout = self._table.layout
        if len(cells) != len(self._table.header):
            raise self._error(line, f"expected {len(self._table.header)} cells, got {len(cells)}")
        name = self._cell(cells, "file")
        if not name:
            raise self._error(line, "is empty; expected the name of an image", "file")
        file = own_frames.image_file(self.root, name)
        points = numbers = self._numbers(layout, line, cells)
        size = self._size(line, name, file) if self._table.normalised or not file.is_file() else None
        if self._table.normalised and size is not None:
            points = denormalise_landmarks(points, size)
        relative = file.relative_to(self.root)
        person, video, frame = self._who(relative, number, line, cells)
        box = self._box(line, cells, size)
        self._boxes[relative.as_posix()] = box
        part: PublishedPart = "test" if self._cell(cells, "split").casefold() in _TEST else "train"
        row = FrameRow(relative.as_posix(), person, video, frame, part, points, line=line)
        first, second = self.markup.normaliser
        if np.array_equal(points[first], points[second]):
            x, y = numbers[first]
            sign = f"; if this marks missing points, set data.source.missing={x:g}" if x == y else ""
            raise self._error(line, f"landmarks {first} and {second} are both at ({x:g}, {y:g}){sign}")
        return own_frames.whole(row, points, box)

    def _size(self, line: int, name: str, file: Path) -> tuple[int, int]:
        try:
            return own_frames.size_of(file)
        except InputError as error:
            raise self._error(line, f"{name}: {error.message}", "file") from None

    def _who(self, file: Path, number: int, line: int, cells: list[str]) -> tuple[str, str, int]:
        named = self._cell(cells, "person")
        if self.pattern is None and named:
            person, video, frame = named, named, number
        else:
            person, video, frame = own_frames.names_of(file, self.pattern, number)
            person = named or person
        if told := self._cell(cells, "video"):
            person = person if named or own_frames.names_person(file, self.pattern) else told  # of one person
            video = f"{person}/{told}"
        if told := self._cell(cells, "frame"):
            if not told.isdecimal():
                raise self._error(line, f"expected the number of a frame, got {told!r}", "frame")
            frame = int(told)
        return person, video, frame

    def _box(self, line: int, cells: list[str], size: tuple[int, int] | None) -> np.ndarray | None:
        positions = self._table.layout.roles.get("box")
        if positions is None:
            return None
        box = np.array([self._number(line, position, cells[position]) for position in positions])
        if self._table.layout.corners:
            box[2:] -= box[:2]
        if self._table.normalised and size is not None and np.abs(box).max() <= _WITHIN:
            box *= np.array([*size, *size])
        if not (box[2:] > 0).all():
            raise self._error(line, f"expected a box with an area, got {box.tolist()}", "box")
        return box

    def _numbers(self, layout: Layout, line: int, cells: list[str]) -> np.ndarray:
        """Return (p, 2) numbers as they stand in a row, NaN without a label."""
        points = np.array([self._point(line, positions, cells) for positions in layout.points], dtype=np.float64)
        points[np.isnan(points).any(axis=1) | (points == self.missing).any(axis=1)] = np.nan
        return points

    def _point(self, line: int, positions: tuple[int, ...], cells: list[str]) -> tuple[float, float]:
        if self.missing == "empty" and not all(cells[position].strip() for position in positions):
            return np.nan, np.nan
        if len(positions) == 1:
            both = pair(cells[positions[0]])
            if both is None:
                raise self._cell_error(line, positions[0], cells[positions[0]], "two numbers")
            return both
        x, y = (self._number(line, position, cells[position]) for position in positions)
        return x, y

    def _number(self, line: int, position: int, cell: str) -> float:
        text = cell.strip()
        if text.count(",") == 1 and "." not in text:  # a decimal comma
            text = text.replace(",", ".")
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not np.isfinite(value):
            raise self._cell_error(line, position, cell, "a number")
        return value

    def _cell(self, cells: list[str], role: str) -> str:
        positions = self._table.layout.roles.get(role)
        return "" if positions is None else cells[positions[0]].strip()

    def _title(self, position: int) -> str:
        return self._table.header[position] or f"column {position + 1}"

    def _cell_error(self, line: int, position: int, cell: str, expected: str) -> InputError:
        got = "it is empty" if not cell.strip() else f"got {cell.strip()!r}"
        header = self.__dict__["_table"].header if "_table" in self.__dict__ else None
        column = header[position] if header else f"column {position + 1}"
        return InputError(f"expected {expected}, {got}", file=self.file, row=line, column=column)

    def _error(self, line: int, message: str, role: str | None = None) -> InputError:
        at = self._table.layout.roles.get(role or "")
        return InputError(message, file=self.file, row=line, column=self._title(at[0]) if at else None)


def _guess_separator(text: str) -> str:
    """Return the separator that occurs most often in the header."""
    header = text.partition("\n")[0]
    return max(_SEPARATORS, key=header.count)
