"""Reads the landmarks of videos from npz files without their images, from a folder or directly from a zip archive.

An npz file is a zip archive of arrays, so one array can be read without the others. Arrays that need pickle are never
read.
"""

import io
import lzma
import math
import os
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import numpy as np
from numpy.lib import format as npy

from faceline.errors import InputError
from faceline.geometry.markup import N_LANDMARKS

IMAGES: Final = "colorImages"
DAMAGED: Final = (
    *(zipfile.BadZipFile, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError),
    RuntimeError,  # encrypted, or packed in a way that is not known
)
"""Exceptions that a damaged zip archive raises."""
_LARGEST: Final = 4_000_000_000  # bytes of one array; more is a damaged or hostile header
_LOCAL_HEADER: Final = 30  # bytes before the name of a file in a zip archive


@dataclass(frozen=True)
class VideoFile:
    """The place of a video's npz file.

    Attributes:
        path: The npz file, or the archive that holds it.
        member: Name in the archive; None for a file of its own.
    """

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return f"{self.path}" if self.member is None else f"{self.path}:{self.member}"


@dataclass(frozen=True, eq=False)
class VideoLabels:
    """The labels of a video.

    Attributes:
        landmarks: (frames, 68, 2) pixels, x first.
        landmarks3d: (frames, 68, 3) landmarks in three dimensions.
        width: Width of its frames in pixels.
        height: Height of its frames in pixels.
    """

    landmarks: np.ndarray
    landmarks3d: np.ndarray
    width: int
    height: int


def read_video_labels(video: VideoFile) -> VideoLabels:
    """Read the landmarks of a video, and only the header of its images.

    Raises:
        InputError: The file is missing, truncated or no npz, or an array is missing, pickled, not finite, or of another
            shape or type. The message names file and key.
    """
    with _Npz(video) as npz:
        shape, kind = npz.header(IMAGES)
        if len(shape) != 4 or shape[2] != 3 or 0 in shape or kind != np.uint8:
            raise npz.refuse(IMAGES, f"expected (height, width, 3, frames) of uint8, got {shape} of {kind}")
        height, width, _, frames = shape
        flat = npz.points("landmarks2D", 2, frames)
        solid = npz.points("landmarks3D", 3, frames)
    return VideoLabels(flat, solid, width, height)


def read_video_images(video: VideoFile) -> np.ndarray:
    """Read the RGB images (frames, h, w, 3) of a whole video.

    Raises:
        InputError: The file or its images cannot be used, as for ``read_video_labels``.
    """
    with _Npz(video) as npz:
        shape, kind = npz.header(IMAGES)
        if len(shape) != 4 or shape[2] != 3 or 0 in shape or kind != np.uint8:
            raise npz.refuse(IMAGES, f"expected (height, width, 3, frames) of uint8, got {shape} of {kind}")
        return np.moveaxis(npz.array(IMAGES), 3, 0)


class _Npz:
    """An open npz file; every fault becomes one line that names the file."""

    def __init__(self, video: VideoFile) -> None:
        self.video = video

    def __enter__(self) -> "_Npz":
        try:
            self._outer = self.video.path.open("rb")
        except OSError as error:
            reason = "missing" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
            raise self.refuse(None, reason) from None
        try:
            self._zip = zipfile.ZipFile(self._content())
        except (*DAMAGED, KeyError) as error:
            self._outer.close()
            raise self.refuse(None, f"is truncated or no npz file ({error})") from None
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()
        self._outer.close()

    def refuse(self, key: str | None, message: str) -> InputError:
        return InputError(message, file=str(self.video), column=key)

    def header(self, key: str) -> tuple[tuple[int, ...], np.dtype]:
        """Return shape and type of an array without reading its data."""
        with self._open(key) as stream:
            shape, _, kind = self._parse(stream, key)
        return shape, kind

    def array(self, key: str) -> np.ndarray:
        """Read a whole array."""
        with self._open(key) as stream:
            shape, fortran, kind = self._parse(stream, key)
            size = math.prod(shape) * kind.itemsize
            try:
                data = stream.read(size)
            except DAMAGED as error:
                raise self.refuse(key, f"is damaged: {error}") from None
        if len(data) != size:
            raise self.refuse(key, f"is truncated: expected {size} bytes, got {len(data)}")
        values = np.frombuffer(data, dtype=kind)
        return values.reshape(shape[::-1]).transpose() if fortran else values.reshape(shape)

    def points(self, key: str, dims: int, frames: int) -> np.ndarray:
        """Read landmarks (frames, 68, dims) as float32: exact to a hundred-thousandth of a pixel."""
        shape, kind = self.header(key)
        if shape != (N_LANDMARKS, dims, frames) or kind.kind != "f":
            expected = f"({N_LANDMARKS}, {dims}, {frames}) of float64, the frames of {IMAGES}"
            raise self.refuse(key, f"expected {expected}, got {shape} of {kind}")
        points = np.moveaxis(self.array(key), 2, 0)
        if not np.isfinite(points).all():
            frame = int((~np.isfinite(points)).any(axis=(1, 2)).argmax())
            raise self.refuse(key, f"expected finite numbers, got NaN or infinity in frame {frame}")
        return np.ascontiguousarray(points, dtype=np.float32)

    def _content(self) -> io.BufferedIOBase:
        """Open the npz as a seekable file; unless it is compressed, only the requested bytes are read."""
        if self.video.member is None:
            return self._outer
        with zipfile.ZipFile(self._outer) as archive:
            info = archive.getinfo(self.video.member)
            if info.compress_type != zipfile.ZIP_STORED:
                return io.BytesIO(archive.read(info))
        self._outer.seek(info.header_offset)
        header = self._outer.read(_LOCAL_HEADER)
        name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        return io.BufferedReader(_Slice(self._outer, info.header_offset + _LOCAL_HEADER + name + extra, info.file_size))

    def _open(self, key: str) -> io.BufferedIOBase:
        try:
            return cast(io.BufferedIOBase, self._zip.open(f"{key}.npy"))
        except KeyError:
            held = ", ".join(name.removesuffix(".npy") for name in self._zip.namelist()) or "nothing"
            raise self.refuse(key, f"is missing; the file holds {held}") from None
        except DAMAGED as error:
            raise self.refuse(key, f"is damaged: {error}") from None

    def _parse(self, stream: io.BufferedIOBase, key: str) -> tuple[tuple[int, ...], bool, np.dtype]:
        try:
            version = npy.read_magic(stream)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, kind = read(stream)
        except (*DAMAGED, tokenize.TokenError) as error:
            raise self.refuse(key, f"is no array ({str(error).splitlines()[0] if str(error) else 'empty'})") from None
        if kind.hasobject:
            raise self.refuse(key, "is pickled, which could run a program when it is read; save it as plain numbers")
        if math.prod(shape) * kind.itemsize > _LARGEST:
            raise self.refuse(key, f"is said to have {shape} numbers of {kind}, more than a video can have")
        return shape, fortran, kind


class _Slice(io.RawIOBase):
    """A range of bytes of a file as a file of its own.

    Args:
        file: File that is open for reading; its position changes.
        start: First byte of the range.
        length: Number of bytes.
    """

    def __init__(self, file: io.BufferedIOBase, start: int, length: int) -> None:
        self._file, self._start, self._length, self._place = file, start, length, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._length}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        self._file.seek(self._start + self._place)
        data = self._file.read(min(len(buffer), max(0, self._length - self._place)))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)
