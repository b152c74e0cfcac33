"""Frames of the training size on disk: checked and decoded once, then mapped into memory by every run.

A cache is a folder named after its content and its settings. It is built beside its final place and renamed when it is
complete, so a folder with that name is always complete. One lock for all caches of a folder lets a second job wait for
the first and then use what it built.
"""

import hashlib
import io
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import numpy as np
from filelock import FileLock
from rich.console import Console
from rich.progress import Progress

from faceline.config.own_code import is_of_own_code, own_code_of
from faceline.data.index import BadRows, FrameIndex, FrameRow, FrameSource, index_of, markup_of, usable_rows
from faceline.errors import InputError
from faceline.geometry.markup import Markup
from faceline.geometry.resize import resize_image
from faceline.types import Image, Images, Square

_FORMAT: Final = 1  # raise when the layout or the way of resizing changes
_IMAGES, _INDEX, _CHECKSUM = "images.u8", "index.npz", "index.sha256"
_UNFINISHED: Final = ".building"
_COLUMNS: Final = ("files", "persons", "videos", "frames", "parts", "landmarks", "sizes", "digests")


@dataclass(frozen=True, eq=False)
class FrameStore:
    """The usable frames of one data set with their pixels.

    Attributes:
        index: Information about each frame; sizes and landmarks are those of the original.
        images: (n, size, size, 3) read-only memory map with whole frames stretched to squares.
    """

    index: FrameIndex
    images: Images


@runtime_checkable
class View(Protocol):
    """The part of a frame that is kept, if it is not the whole frame."""

    def key(self) -> str:
        """Return a text of everything that the view depends on."""
        ...

    def __call__(self, row: FrameRow, image: Image, size: int) -> Square:
        """Return the square picture to keep.

        Raises:
            InputError: This frame has no such part.
        """
        ...


def cached_frames(source: FrameSource, size: int, cache_dir: Path, view: View | None = None) -> FrameStore:
    """Read the frames of a source at one size from the cache, or decode them into it now.

    Args:
        source: Source of the frames.
        size: Side of the square images, in pixels.
        cache_dir: Folder of all caches; created if missing.
        view: Part of each frame to keep; None keeps the whole frame, stretched to the square.

    Raises:
        InputError: A row cannot be used and the source says ``raise``, no row can be used, or the cache cannot be
            written. Nothing is left behind in these cases.
    """
    if size < 1:
        raise InputError(f"expected a size of at least 1 pixel, got {size}", column="size")
    folder = cache_dir / _folder_name(source, size, view)
    store = _open(folder, size, markup_of(source))
    if store is not None:
        return store
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_dir / ".lock"):
            _remove_unfinished(cache_dir)
            store = _open(folder, size, markup_of(source)) or _build(source, size, folder, view)
    except OSError as error:
        if is_of_own_code(error):  # it read, and did not write
            raise
        reason = error.strerror or str(error)
        message = f"the cache cannot be written: {reason}; free some space, or choose another folder"
        raise InputError(message, file=cache_dir) from None
    return store


def frames_at_hand(source: FrameSource, size: int, cache_dir: Path) -> FrameStore | None:
    """Return the whole frames of a source from the cache; None if ``cached_frames`` would have to decode them.

    Raises:
        InputError: The files of the source are missing.
    """
    return _open(cache_dir / _folder_name(source, size, None), size, markup_of(source))


def _folder_name(source: FrameSource, size: int, view: View | None) -> str:
    content = f"{_FORMAT} {source.name} {source.key()} {size} {source.on_error}{own_code_of(type(source))}"
    if view is not None:
        content += f" {view.key()}"
    return f"{source.name}-{size}-{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _remove_unfinished(cache_dir: Path) -> None:
    """Delete what killed builds left; the owner of the lock is the only builder."""
    for leftover in cache_dir.glob(f"*{_UNFINISHED}"):
        shutil.rmtree(leftover)


def _build(source: FrameSource, size: int, folder: Path, view: View | None) -> FrameStore:
    unfinished = folder.with_name(folder.name + _UNFINISHED)
    unfinished.mkdir()
    try:
        index = _write_images(source, size, unfinished / _IMAGES, view)
        _write_index(index, unfinished)
        if folder.exists():  # damaged, or it would have been opened
            shutil.rmtree(folder)
        unfinished.replace(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return FrameStore(index, _map(folder / _IMAGES, len(index), size))


def _write_images(source: FrameSource, size: int, path: Path, view: View | None) -> FrameIndex:
    bad = BadRows(source.on_error)
    rows: list[FrameRow] = []
    sizes: list[tuple[int, int]] = []
    digests: list[str] = []
    # Written as a stream, not through a memory map: there a full disk ends the process with SIGBUS.
    with path.open("wb") as file, _progress() as progress:
        listed = progress.track(usable_rows(source, bad), description=f"Decoding {source.name}")
        for row, image, picture in _decoded(source, listed, bad, size, view):
            file.write(picture.tobytes())
            rows.append(row)
            sizes.append((image.shape[1], image.shape[0]))
            digests.append(_digest(image))
        _flush(file)
    if not rows:
        first = bad.errors[0] if bad.errors else "the source lists none"
        raise InputError(f"{source.name} has no usable frame; {len(bad.errors)} rows were skipped, first: {first}")
    labels = index_of(source, rows, bad)
    return FrameIndex(**vars(labels), sizes=np.array(sizes, dtype=np.int64), digests=np.array(digests))


def _progress() -> Progress:
    return Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())


def _decoded(
    source: FrameSource, rows: Iterable[FrameRow], bad: BadRows, size: int, view: View | None
) -> Iterator[tuple[FrameRow, Image, Square]]:
    """Yield each usable row with its image and the picture to keep."""
    for row in rows:
        try:
            image = source.read(row)
            _refuse_other_than_rgb(image, row)
            picture = resize_image(image, size, size) if view is None else view(row, image, size)
        except InputError as error:
            bad.add(error)
        else:
            yield row, image, picture


def _refuse_other_than_rgb(image: object, row: FrameRow) -> None:
    """Refuse what a source of the user's own may give in place of an image: floats, or no colours."""
    if not (isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3):
        came = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else type(image).__name__
        raise InputError(
            f"{row.file}: the data source read {came}; expected RGB pixels (h, w, 3) as uint8", row=row.line
        )


def _digest(image: Image) -> str:
    digest = hashlib.sha256(str(image.shape).encode())
    digest.update(image.tobytes())
    return digest.hexdigest()[:32]


def _write_index(index: FrameIndex, folder: Path) -> None:
    columns = {name: getattr(index, name) for name in _COLUMNS}
    if index.landmarks3d is not None:
        columns["landmarks3d"] = index.landmarks3d
    content = io.BytesIO()
    np.savez(
        content,
        dataset=np.array(index.dataset),
        unlabelled=np.array(index.unlabelled),
        rejected=np.array(index.rejected, dtype=np.str_),
        **columns,
    )
    checksum = hashlib.sha256(content.getvalue()).hexdigest()
    for name, part in ((_INDEX, content.getvalue()), (_CHECKSUM, checksum.encode())):
        with (folder / name).open("wb") as file:
            file.write(part)
            _flush(file)


def _flush(file: io.BufferedWriter) -> None:
    """Write to the disk itself; otherwise a power cut could leave empty files in the renamed folder."""
    file.flush()
    os.fsync(file.fileno())


def _open(folder: Path, size: int, markup: Markup) -> FrameStore | None:
    """Open the cache in a folder; None if it is missing or damaged."""
    path = folder / _IMAGES
    try:
        content = (folder / _INDEX).read_bytes()
        if hashlib.sha256(content).hexdigest() != (folder / _CHECKSUM).read_text(encoding="ascii"):
            return None
        length = path.stat().st_size
    except (OSError, UnicodeDecodeError):
        return None
    index = _load_index(content, markup)
    if length != len(index) * size * size * 3:
        return None
    return FrameStore(index, _map(path, len(index), size))


def _map(path: Path, n: int, size: int) -> Images:
    return np.memmap(path, dtype=np.uint8, mode="r", shape=(n, size, size, 3))


def _load_index(content: bytes, markup: Markup) -> FrameIndex:
    with np.load(io.BytesIO(content), allow_pickle=False) as saved:
        return FrameIndex(
            dataset=str(saved["dataset"]),
            unlabelled=int(saved["unlabelled"]),
            rejected=tuple(saved["rejected"].tolist()),
            landmarks3d=saved.get("landmarks3d"),
            markup=markup,
            **{name: saved[name] for name in _COLUMNS},
        )
