"""Films frame by frame, with the time of each: by FFmpeg, or by Pillow for animated GIF, WebP and PNG."""

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
from PIL import Image as PillowImage

from faceline.errors import InputError
from faceline.types import Image

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what it would print about damaged films is told here

_ANIMATIONS: Final = ("GIF", "WEBP", "PNG")
_SLACK: Final = 0.02
"""Share of the promised frames that may be missing: containers without an exact count only estimate it."""

_EVEN: Final = 0.9
"""Share of frames that follow one step after the frame before, in a film with a constant rate."""

_HOLE: Final = bytes(512)
"""Compressed films hold so many zeros in a row at most where a JPEG is flat; lost sectors and unfinished copies do."""

_COMPRESSED: Final = frozenset(
    {"mjpg", "jpeg", "avc1", "h264", "x264", "hev1", "hvc1", "hevc", "mp4v", "fmp4", "xvid", "divx", "dx50"}
    | {"vp80", "vp90", "av01", "mpg1", "mpg2"}
)
"""Codecs, by their names in containers, for which that is true."""


class FilmFrame(NamedTuple):
    """One frame of a film.

    Attributes:
        number: Number of the frame, from 0.
        time: Seconds since the start of the film, from the film itself: frames need not come at an even rate.
        image: Upright RGB image.
    """

    number: int
    time: float
    image: Image


class Film:
    """A film that is read once, from start to end.

    Args:
        path: File of the film.

    Raises:
        InputError: The file is no film that can be decoded.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.came, self.last = path, 0, 0.0
        self._even = 0  # frames that came one step after the one before
        self._gaps: list[float] = []  # times of frames after which others should have come
        self._holes: list[int] = []
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        self._video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)  # it turns frames as the film says
        if not self._video.isOpened():
            raise InputError("is not a video that can be decoded", file=path)
        self.promised = max(0, round(self._video.get(cv2.CAP_PROP_FRAME_COUNT)))
        self._codec = _codec(self._video)
        rate = self._video.get(cv2.CAP_PROP_FPS)
        self.rate = float(rate) if 0 < rate <= 1000 else 25.0

    def frames(self) -> Iterator[FilmFrame]:
        """Yield every frame in order.

        Raises:
            InputError: No frame can be decoded.
        """
        try:
            while True:
                there, picture = self._video.read()
                if not there:
                    break
                time = self._video.get(cv2.CAP_PROP_POS_MSEC) / 1000
                time = time if self.came == 0 or time > self.last else self.last + 1 / self.rate
                steps = round((time - self.last) * self.rate)
                self._even += steps == 1
                if steps > 1:
                    self._gaps.append(self.last)
                number, self.came, self.last = self.came, self.came + 1, time
                yield FilmFrame(number, time, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8))
        finally:
            self._video.release()
        if self.came == 0:
            raise InputError("is not a video that can be decoded", file=self.path)
        self._holes = _holes(self.path)

    @property
    def shortfall(self) -> str | None:
        """Return what is missing after reading all frames, in words; None if all are complete."""
        came = f"{self.came} of the {self.promised} frames that it promises came"
        exact = self._codec == "mjpg"  # every packet is a picture, none is an order to show the last once more
        enough = self.promised if exact else self.promised * (1 - _SLACK) - 1
        if self.came < enough:
            if self.last < (enough - 1.5) / self.rate:
                return f"{came}: it is cut or damaged"
            if self._even >= _EVEN * (self.came - 1):  # else its rate varies, and their number is a guess
                return f"{came}: it is damaged after second {self._gaps[0] if self._gaps else self.last:.2f}"
        if self._holes:
            numbers = ", ".join(map(str, self._holes[:5])) + (", …" if len(self._holes) > 5 else "")
            return f"it is damaged: bytes of frames were lost, and what these show is made up (frames {numbers})"
        return None


def _codec(video: cv2.VideoCapture) -> str:
    """Return the codec that a container names."""
    return int(video.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("latin-1").lower()


def _holes(path: Path) -> list[int]:
    """Return the numbers of frames whose bytes were lost and which decoders make up."""
    packets = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    codec, number = _codec(packets), 0
    found: list[int] = []
    while codec in _COMPRESSED:
        there, packet = packets.read()
        if not there:
            break
        content = packet.tobytes()
        filled = content.rstrip(b"\0")  # encoders may fill up what they send
        if not filled or (_HOLE in filled and not _flat_is_zeros(filled)):
            found.append(number)
        number += 1
    packets.release()
    return found


def _flat_is_zeros(packet: bytes) -> bool:
    """Tell whether a packet is a JPEG that writes a flat area as zeros, by its Huffman tables.

    The first symbol of a table has a code of zeros. Symbol 0 says that a block is as bright as the one before, or that
    nothing more follows in it.
    """
    firsts: list[int] = []
    for segment in packet.split(b"\xff\xc4")[1:]:
        tables = segment[2 : int.from_bytes(segment[:2], "big")]
        while len(tables) > 17:  # its number, and how many codes of each length there are
            firsts.append(tables[17])
            tables = tables[17 + sum(tables[1:17]) :]
    return bool(firsts) and not any(firsts)


class Animation:
    """An animated GIF, WebP or PNG, read as a film.

    Args:
        path: File of the animation.

    Raises:
        InputError: The file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.came, self.last = path, 0, 0.0
        self.promised = animated(path)

    @cached_property
    def rate(self) -> float:
        """Return the mean number of pictures a second; all are read for it."""
        again = Animation(self.path)
        for _ in again.frames():
            pass
        return (again.came - 1) / again.last if again.last else 10.0

    def frames(self) -> Iterator[FilmFrame]:
        """Yield every picture in order, with the time at which it is shown."""
        time = 0.0
        with PillowImage.open(self.path, formats=_ANIMATIONS) as image:
            for number in range(self.promised):
                try:
                    image.seek(number)
                    picture = np.array(image.convert("RGB"))
                except (EOFError, OSError, SyntaxError, ValueError):
                    return
                self.came, self.last = number + 1, time
                yield FilmFrame(number, time, picture)
                time += float(image.info.get("duration", 100) or 100) / 1000

    @property
    def shortfall(self) -> str | None:
        """Return what is missing after reading all pictures, in words; None if all are complete."""
        if self.came == self.promised:
            return None
        return f"{self.came} of its {self.promised} pictures came: it is cut or damaged"


def animated(path: Path) -> int:
    """Return the number of pictures in an animation; 1 for every other file."""
    try:
        with path.open("rb") as file:
            head = file.read(21)
        moving_webp = head[8:16] == b"WEBPVP8X" and head[20] & 2  # the flag of an animation
        if not (moving_webp or head.startswith((b"GIF", b"\x89PNG"))):
            return 1  # to count the pictures takes longer
        with PillowImage.open(path, formats=_ANIMATIONS) as image:
            return int(getattr(image, "n_frames", 1)) if getattr(image, "is_animated", False) else 1
    except Exception:  # whoever reads it as a photo tells what is wrong
        return 1


def open_film(path: Path) -> Film | Animation:
    """Open a film or an animation.

    Raises:
        InputError: The file cannot be decoded.
    """
    return Animation(path) if animated(path) > 1 else Film(path)
