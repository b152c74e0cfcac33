"""Guesses the columns of a landmark table from their names, and tells the result in plain words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from faceline.errors import InputError

ROLES: Final = ("file", "person", "video", "frame", "split", "box")
"""Roles of columns that hold no coordinates."""

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "file": ("file", "filename", "file_name", "image", "image_name", "image_path", "img", "path", "filepath", "name"),
    "person": ("person", "person_id", "subject", "subject_id", "identity", "people"),
    "video": ("video", "video_id", "sequence", "clip"),
    "frame": ("frame", "frame_number", "frame_id", "frame_no"),
    "split": ("split", "part", "subset", "set", "usage"),
}
_BOXES: Final = (
    ("box_x", "box_y", "box_w", "box_h"),
    ("box_x", "box_y", "box_width", "box_height"),
    ("bbox_x", "bbox_y", "bbox_w", "bbox_h"),
    ("bbox_x", "bbox_y", "bbox_width", "bbox_height"),
    ("left", "top", "width", "height"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("left", "top", "right", "bottom"),
    ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"),
)
_NUMBERED: Final = (
    re.compile(r"(?P<name>.*?)(?P<axis>[xy])[_\-. ]?(?P<number>\d+)", re.IGNORECASE),
    re.compile(r"(?P<name>.*?)(?P<number>\d+)[_\-. ]?(?P<axis>[xy])", re.IGNORECASE),
)
_NAMED: Final = (
    re.compile(r"(?P<name>.+)[_\-. ](?P<axis>[xy])", re.IGNORECASE),
    re.compile(r"(?P<axis>[xy])[_\-. ](?P<name>.+)", re.IGNORECASE),
)
_PAIR: Final = re.compile(r"[\[(]?\s*(-?[\d.eE+-]+)[\s,;]+(-?[\d.eE+-]+)\s*[\])]?")
_IMAGE: Final = re.compile(r".+\.(jpe?g|png|bmp|webp|tiff?)", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """The positions of all columns in a row.

    Attributes:
        points: Columns of each landmark: those of x and of y, or one with both numbers in a cell.
        roles: Columns that hold no coordinates, by role; a box has four.
        corners: Whether a box is left, top, right, bottom instead of left, top, width, height.
        found: How the coordinates were found, in words.
        ignored: Names of unused columns.
    """

    points: tuple[tuple[int, ...], ...]
    roles: dict[str, tuple[int, ...]]
    corners: bool = False
    found: str = ""
    ignored: tuple[str, ...] = field(default=())


def find_layout(header: Sequence[str], row: Sequence[str], named: Mapping[str, str | Sequence[str] | None]) -> Layout:
    """Find the layout of a table.

    Args:
        header: Names of the columns.
        row: First row of the table; its cells show which column holds file names or pairs of numbers.
        named: Columns that the user named, by role; other roles are guessed.

    Raises:
        InputError: A named column does not exist, or no columns of landmarks are found.
    """
    plain = [name.strip().casefold() for name in header]
    roles, corners = _box(header, plain, named.get("box"))
    for role in ROLES[:-1]:
        position = _role(role, header, plain, named.get(role))
        if position is not None:
            roles[role] = (position,)
    if "file" not in roles:
        roles["file"] = (_file_by_content(header, row, roles),)
    taken = {position for positions in roles.values() for position in positions}
    left = [position for position in range(len(header)) if position not in taken]
    points, found = _points(header, plain, row, left)
    used = taken | {position for point in points for position in point}
    ignored = tuple(header[position] or f"column {position + 1}" for position in left if position not in used)
    return Layout(points, roles, corners, found, ignored)


def pair(cell: str) -> tuple[float, float] | None:
    """Return the two numbers of a cell such as ``12.5 30`` or ``(12.5, 30)``; None for anything else."""
    match = _PAIR.fullmatch(cell.strip())
    try:
        return None if match is None else (float(match[1]), float(match[2]))
    except ValueError:
        return None


def _role(role: str, header: Sequence[str], plain: Sequence[str], named: str | Sequence[str] | None) -> int | None:
    if named is None:
        return next((plain.index(name) for name in _NAMES[role] if name in plain), None)
    if not isinstance(named, str) or named not in header:
        raise InputError(f"there is no column {named!r} in the table", column=f"data.source.columns.{role}")
    return list(header).index(named)


def _box(
    header: Sequence[str], plain: Sequence[str], named: str | Sequence[str] | None
) -> tuple[dict[str, tuple[int, ...]], bool]:
    if named is not None:
        missing = [name for name in named if name not in header]
        if isinstance(named, str) or len(named) != 4 or missing:
            raise InputError(
                f"expected the names of four columns, got {named!r}"
                + (f"; there is no {missing[0]!r}" if missing and not isinstance(named, str) else ""),
                column="data.source.columns.box",
            )
        names = tuple(name.casefold() for name in named)
        return {"box": tuple(list(header).index(name) for name in named)}, _are_corners(names)
    for names in _BOXES:
        if all(name in plain for name in names):
            return {"box": tuple(plain.index(name) for name in names)}, _are_corners(names)
    return {}, False


def _are_corners(names: Sequence[str]) -> bool:
    return bool(re.search(r"max|right|x2", names[2]))


def _file_by_content(header: Sequence[str], row: Sequence[str], taken: Mapping[str, tuple[int, ...]]) -> int:
    """Return the column of file names: the first whose cell looks like one, else the first column."""
    used = {position for positions in taken.values() for position in positions}
    for position, cell in enumerate(row):
        if position not in used and _IMAGE.fullmatch(cell.strip()):
            return position
    raise InputError(
        f"no column of file names among {_shown(header)}; name it with data.source.columns.file=NAME",
        column="data.source.columns.file",
    )


def _shown(header: Sequence[str]) -> str:
    """Return the first few names of columns; a table without separators has a single, long one."""
    names = ", ".join(repr(name if len(name) <= 40 else f"{name[:39]}…") for name in header[:6])
    return f"{names} …" if len(header) > 6 else names


def _points(
    header: Sequence[str], plain: Sequence[str], row: Sequence[str], left: Sequence[int]
) -> tuple[tuple[tuple[int, ...], ...], str]:
    """Return the columns of the landmarks by the first reading that finds any."""
    ways = (_numbered_axes(plain, left), _plain_numbers(plain, left), _named_axes(plain, left), _cells(row, left))
    for points in ways:
        if points:
            first, last = (" ".join(header[position] for position in points[i]) for i in (0, -1))
            return points, f"{len(points)} landmarks in the columns {first} … {last}"
    raise InputError(
        f"no columns of landmarks among {_shown(header)}; expected a first row that names them: x0 y0 x1 y1 …, "
        f"x_0 y_0 …, 0 1 2 …, left_eye_x left_eye_y …, or one column a landmark with two numbers in each cell"
    )


def _numbered_axes(plain: Sequence[str], left: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Find ``x0 y0 x1 y1``, ``x_0``, ``landmark_12_x`` and the like; the numbers give the order."""
    for pattern in _NUMBERED:
        places: dict[tuple[str, int], dict[str, int]] = {}
        for position in left:
            if match := pattern.fullmatch(plain[position]):
                places.setdefault((match["name"], int(match["number"])), {})[match["axis"]] = position
        both = {key: axes for key, axes in places.items() if len(axes) == 2}
        if len(both) > 1:
            if len(both) != len(places):
                name, number = next(key for key in places if key not in both)
                raise InputError(
                    f"landmark {name}{number} has one of x and y and not the other", column=f"{name}{number}"
                )
            return tuple((both[key]["x"], both[key]["y"]) for key in sorted(both))
    return ()


def _plain_numbers(plain: Sequence[str], left: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Find ``0 1 2 3 …``, or numbers from 1: x and y alternate."""
    numbers = {int(plain[position]): position for position in left if plain[position].isdecimal()}
    order = sorted(numbers)
    if len(order) < 4 or len(order) % 2 or order != list(range(order[0], order[0] + len(order))) or order[0] > 1:
        return ()
    return tuple((numbers[one], numbers[one + 1]) for one in order[::2])


def _named_axes(plain: Sequence[str], left: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Find ``left_eye_x left_eye_y …``, in the order of the columns."""
    for pattern in _NAMED:
        places: dict[str, dict[str, int]] = {}
        for position in left:
            if match := pattern.fullmatch(plain[position]):
                places.setdefault(match["name"], {})[match["axis"]] = position
        both = [axes for axes in places.values() if len(axes) == 2]
        if len(both) > 1:
            return tuple((axes["x"], axes["y"]) for axes in both)
    return ()


def _cells(row: Sequence[str], left: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Find one column for each landmark with two numbers in each cell."""
    found = [position for position in left if position < len(row) and pair(row[position]) is not None]
    return tuple((position,) for position in found) if len(found) > 1 else ()
