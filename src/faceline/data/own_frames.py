"""Shared parts of the sources of users' own images: names, sizes, markups, and how a frame is read."""

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image as PillowImage

from faceline.data.images import read_labelled, refuse_no_file
from faceline.data.index import BadRows, FrameRow
from faceline.errors import InputError, first_line
from faceline.geometry.crops import cut_window, face_window
from faceline.geometry.markup import IBUG68, Markup
from faceline.types import AnyImage, Image

IMAGES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
_TURNED: Final = (5, 6, 7, 8)  # EXIF's orientations in which width and height change places
_ORIENTATION: Final = 0x0112
_HINTS: Final = {68: "ibug68", 5: "five", 98: "wflw98", 478: "face_mesh478"}


def own_root(root: str | Path | None) -> Path:
    """Return the folder of the user's own data.

    Raises:
        InputError: No folder is given, or it does not exist.
    """
    if not root:
        raise InputError("give the folder of your data, as in data.root=FOLDER", column="data.root")
    found = Path(root).expanduser().resolve()
    if not found.is_dir():
        raise InputError("no such folder", file=found, column="data.root")
    return found


def markup_for(points: int, chosen: Markup | None) -> Markup:
    """Return the chosen markup, which must fit the table, or one without regions if none is chosen.

    Raises:
        InputError: The table has another number of landmarks.
    """
    name = _HINTS.get(points)
    if chosen is None:
        if points == IBUG68.points:
            return IBUG68
        return Markup(name=f"{points}-points", points=points, normaliser=(0, 1), regions={}, flip_pairs=())
    if chosen.points != points:
        way = f"markup={name}" if name else "a file of your own in conf/markup, as docs/own_data.md shows"
        raise InputError(
            f"the data has {points} landmarks, {chosen.name} has {chosen.points}; choose {way}", column="markup"
        )
    return chosen


def files_below(root: Path) -> tuple[list[Path], list[InputError]]:
    """List every file below a folder, without links to folders and hidden names; and the folders that stay closed."""
    found: list[Path] = []
    closed: list[OSError] = []
    for folder, folders, names in os.walk(root, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(folder, name) for name in sorted(names) if not name.startswith(".")]
    why = "cannot be read, nor what lies below it"
    return found, [InputError(f"{why}: {error.strerror}", file=error.filename) for error in closed]


def image_file(root: Path, name: str) -> Path:
    """Return the file that a table names: below the root, with slashes, and with a suffix if the name has none.

    Raises:
        InputError: The name leads out of the root.
    """
    file = root / name.strip().replace("\\", "/")
    if not file.suffix.lower().endswith(IMAGES) and not file.is_file():
        file = next((place for ending in IMAGES if (place := file.with_name(file.name + ending)).is_file()), file)
    if not file.resolve().is_relative_to(root):
        raise InputError(f"leads out of {root}, where nothing is read", file=file)
    return file


def size_of(file: Path) -> tuple[int, int]:
    """Read width and height of an image from its header, in the orientation that a viewer shows.

    Raises:
        InputError: There is no such image.
    """
    refuse_no_file(file)
    try:
        with PillowImage.open(file) as image:
            width, height = image.size
            return (height, width) if image.getexif().get(_ORIENTATION) in _TURNED else (width, height)
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError(f"is not an image that can be read ({first_line(error)})", file=file) from None


def read_cut(file: Path, box: np.ndarray | None) -> Image | AnyImage:
    """Read an image, or the part of it around the box of a face."""
    image = read_labelled(file)
    return image if box is None else cut_window(image, face_window(box))


def digest_of(files: Iterable[Path], *more: bytes) -> str:
    """Return a hex digest of the bytes of files and of further data."""
    digest = hashlib.sha256()
    for content in more:
        digest.update(hashlib.sha256(content).digest())
    for file in files:
        digest.update(str(file).encode(errors="surrogateescape"))
        digest.update(content_digest(file))
    return digest.hexdigest()


def content_digest(file: Path) -> bytes:
    """Return a digest of the bytes of a file; it is empty if it cannot be read, which its row tells when it is used."""
    try:
        refuse_no_file(file)
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").digest()
    except (InputError, OSError):
        return b""


def template(text: str | None) -> re.Pattern[str] | None:
    """Turn a template of file names, such as ``{person}_{video}{frame}``, into a pattern.

    ``{video}`` and ``{frame}`` match one character each if nothing separates them from their neighbour.

    Raises:
        InputError: The template has an unknown field.
    """
    if text is None:
        return None
    parts = re.split(r"(\{\w*\})", text)
    pattern = ""
    for number, part in enumerate(parts):
        if not part.startswith("{"):
            pattern += re.escape(part)
            continue
        name = part[1:-1]
        if name not in ("person", "video", "frame", "any"):
            raise InputError(
                f"expected {{person}}, {{video}}, {{frame}} or {{any}}, got {part}", column="data.source.names"
            )
        touches = number + 2 < len(parts) and not parts[number + 1]
        before = number > 1 and not parts[number - 1]
        one = r"[^/]" if (touches or before) and name != "person" else r"[^/]+?"
        pattern += f"(?:{one})" if name == "any" else f"(?P<{name}>{one})"
    return re.compile(pattern)


def names_of(file: Path, pattern: re.Pattern[str] | None, number: int) -> tuple[str, str, int]:
    """Return person, video and frame number of an image: from the template, else from its folders.

    Args:
        file: Image file, relative to the root.
        pattern: Pattern from `template`; None uses the folders.
        number: Number of the row, used as frame number if nothing else is known.

    Raises:
        InputError: The name does not match the template.
    """
    if pattern is not None:
        match = pattern.fullmatch(file.stem) or pattern.fullmatch(file.name) or pattern.fullmatch(file.as_posix())
        if match is None:
            raise InputError(f"{file} does not fit the template of names", column="data.source.names")
        found = match.groupdict()
        person = found.get("person") or found.get("video") or file.stem
        frame = found.get("frame") or ""
        return (
            person,
            f"{person}/{found['video']}" if "video" in found else person,
            int(frame) if frame.isdecimal() else number,
        )
    folders = file.parts[:-1]
    person = folders[-2] if len(folders) > 1 else folders[0] if folders else file.stem
    return person, "/".join(folders) or file.stem, number


def names_person(file: Path, pattern: re.Pattern[str] | None) -> bool:
    """Tell whether template or folders name the person on an image; if not, `names_of` takes another name."""
    return len(file.parts) > 1 if pattern is None else "person" in pattern.groupindex


def has_labels(row: FrameRow, bad: BadRows) -> bool:
    """Tell whether any landmark of a face has a label; if none has, the row is skipped and counted."""
    if not np.isnan(row.landmarks).all():
        return True
    bad.leave_out(InputError(f"{row.file}: no landmark has a label", row=row.line))
    return False


def whole(row: FrameRow, points: np.ndarray, box: np.ndarray | None) -> FrameRow:
    """Return a row with its landmarks in pixels of what `read_cut` returns."""
    corner = np.zeros(2) if box is None else np.array(face_window(box)[:2], dtype=float)
    return replace(row, landmarks=points - corner)
