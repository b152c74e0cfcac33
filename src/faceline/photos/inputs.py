"""Finds the photos and films of an input: files, folders with everything below them, and patterns such as ``*.png``.

The first bytes of a file decide, not its name; an animated picture is a film.
"""

import errno
import glob
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Final, Literal

from faceline.errors import InputError
from faceline.photos.films import animated
from faceline.photos.written import Written

Kind = Literal["photo", "film", "unknown"]

PHOTO_SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".gif"}
)
FILM_SUFFIXES: Final = frozenset(
    {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv", ".3gp", ".ogv"}
)

_RAW: Final = frozenset([".nef", ".cr2", ".cr3", ".dng", ".arw", ".orf", ".rw2", ".pef", ".raf", ".srw"])
"""Raw files of cameras: they begin as TIFF does, and a reader of TIFF finds a tiny preview in them."""

_HEAD: Final = 400
_PHOTO_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
_PHOTOS: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*")
_FILMS: Final = (
    b"\x1a\x45\xdf\xa3",
    b"\0\0\x01\xba",
    b"\0\0\x01\xb3",
    b"FLV\x01",
    b"OggS",
    b"\x30\x26\xb2\x75\x8e\x66",
)
_BMP_HEADERS: Final = (12, 40, 52, 56, 64, 108, 124)
_PACKET: Final = 188  # bytes of a packet of MPEG-TS, each of which begins with 0x47
_PATTERN: Final = frozenset("*?[")


@dataclass(frozen=True)
class InputFile:
    """One file to process.

    Attributes:
        path: Path of the file.
        name: Name in the table: the file name, or below a folder the path from there.
        kind: Kind from its first bytes.
        fault: Why there is nothing to read; None for a file.
    """

    path: Path
    name: str
    kind: Kind
    fault: str | None = None

    @property
    def place(self) -> Path:
        """Name as a path below a folder of results, whatever it begins with."""
        return Path(*(part for part in Path(self.name).parts if part not in ("/", "..")))


@dataclass
class Inputs:
    """All files of an input.

    Attributes:
        files: Files in the order of the inputs, and by name within a folder.
        one: Whether a single file was named, not a folder, a pattern or several files.
        others: Number of files in folders that are neither photos nor films.
        own: Number of files that an earlier run wrote, such as overlays.
    """

    files: list[InputFile] = field(default_factory=list)
    one: bool = False
    others: int = 0
    own: int = 0


def find_inputs(words: Sequence[str], leave_out: Sequence[Path] = ()) -> Inputs:
    """Find the photos and films of some inputs.

    Folders are searched with everything below them. Names that begin with a dot are left out, such as the ``._a.jpg``
    that a Mac writes beside ``a.jpg``. So are files of an earlier run in folders below, such as overlays.

    Args:
        words: Files, folders and patterns.
        leave_out: Folders that are not searched, such as that of the overlays.

    Raises:
        InputError: A file or folder is missing, or holds nothing that could be a photo or a film.
    """
    if not words or "" in words:
        raise InputError("expected photos, films or folders, got an empty name", column="input")
    first = Path(words[0])
    found = Inputs(one=len(words) == 1 and (first.exists() or first.is_symlink()) and not first.is_dir())
    closed = set(map(os.path.realpath, leave_out))
    seen: set[Path] = set()
    records: dict[Path, Written] = {}
    for word in words:
        for path, name, is_named in _expand(word, closed, several=len(words) > 1):
            if path in seen:
                continue
            seen.add(path)
            if path != Path(word) and _is_own(path, _root(word), records):
                found.own += 1
                continue
            kind = kind_of(path, is_named)
            if kind == "photo" and animated(path) > 1:
                kind = "film"
            if kind is None:
                found.others += 1
            else:
                found.files.append(InputFile(path, name, kind, _fault(path)))
    if not found.files:
        beside = f"; it holds {found.others + found.own} other files" if found.others or found.own else ""
        raise InputError(f"no images or films in {' '.join(words)}{beside}", column="input")
    return found


def check_places(files: Sequence[InputFile]) -> None:
    """Refuse files whose results would replace each other.

    Raises:
        InputError: Two files have the same place below a folder of results.
    """
    names: dict[Path, str] = {}
    for file in files:
        other = names.setdefault(file.place, file.name)
        if other != file.name:
            told = f"{other} and {file.name} would be written to the same file; start in a folder above both"
            raise InputError(told, column="input")


def kind_of(path: Path, is_named: bool = True) -> Kind | None:
    """Return the kind of a file from its first bytes.

    Args:
        path: The file.
        is_named: Whether the user has named it, so that it is tried in any case.

    Returns:
        ``unknown`` for a file that only its name calls a photo or film; None for other files.
    """
    suffix = path.suffix.lower()
    if suffix in _RAW and not is_named:
        return None
    head = b""
    with suppress(OSError):
        if path.is_dir():
            return "unknown"
        if path.is_file():  # a pipe would block
            with path.open("rb") as file:
                head = file.read(_HEAD)
    kind = _kind_of_bytes(head)
    if kind is not None:
        return kind
    if suffix in FILM_SUFFIXES:
        return "film"
    return "unknown" if is_named or suffix in PHOTO_SUFFIXES else None


def _fault(path: Path) -> str | None:
    """Return why there is nothing to read under a name; None for a file."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        dead = error.errno in (errno.ENOENT, errno.ELOOP)
        return "is a link that leads to no file" if dead else f"cannot be read: {error.strerror}"
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISDIR(mode):
        return "is a folder that cannot be read; change its permissions"
    return "is a pipe or a device; save what comes from it, and give that file"


def _kind_of_bytes(head: bytes) -> Kind | None:
    if head[4:8] == b"ftyp":
        return "photo" if head[8:12] in _PHOTO_BRANDS else "film"
    if head[:4] == b"RIFF":
        return {b"WEBP": "photo", b"AVI ": "film"}.get(head[8:12])  # type: ignore[return-value]
    if head[:6] in (b"GIF87a", b"GIF89a") or head.startswith(_PHOTOS):
        return "photo"
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return "photo"
    is_stream = len(head) > _PACKET and head[0] == head[_PACKET] == 0x47
    return "film" if head.startswith(_FILMS) or is_stream else None


def _expand(word: str, closed: set[str], several: bool) -> Iterator[tuple[Path, str, bool]]:
    """Yield each file of a word, its name, and whether the user named exactly this file."""
    path = Path(word)
    if path.is_dir():
        for file in _below(path, closed):
            inner = file.relative_to(path)
            yield file, (path / inner if several else inner).as_posix(), False
    elif path.exists() or path.is_symlink():
        yield path, path.as_posix() if several else path.name, True
    elif "://" in word:
        raise InputError(f"{word} is an address, and nothing is fetched from the network; give a file", column="input")
    elif _PATTERN & set(word):
        matches = sorted(glob.glob(word, recursive=True))  # noqa: PTH207  # the pattern may begin at the root
        if not matches:
            raise InputError(f"no file matches {word}", column="input")
        for match in matches:
            yield from _expand(match, closed, several=True)
    else:
        raise InputError("no such file or folder", file=path, column="input")


def _root(word: str) -> Path:
    """Return the folder that a word names: itself, or what lies before the first pattern."""
    path = Path(word)
    return path if path.is_dir() else Path(*takewhile(lambda part: not _PATTERN & set(part), path.parts))


def _is_own(path: Path, root: Path, records: dict[Path, Written]) -> bool:
    """Tell whether an earlier run wrote a file into a folder below the one that the user named."""
    for inner in path.relative_to(root).parents[:-1]:
        folder = root / inner
        if path in records.setdefault(folder, Written(folder)):
            return True
    return False


def _below(folder: Path, closed: set[str]) -> Iterator[Path]:
    """Yield every file below a folder, and folders that cannot be read; links to folders are left out."""
    if os.path.realpath(folder) in closed:
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=folder) from None
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith("."):
            continue
        if not entry.is_dir(follow_symlinks=False):
            if not os.path.isdir(path):  # noqa: PTH112  # Path.is_dir raises where nothing may be seen
                yield path
            continue
        try:
            yield from _below(path, closed)
        except InputError:
            yield path
