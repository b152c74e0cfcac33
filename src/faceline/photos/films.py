"""Films frame by frame, with the time of each: by FFmpeg, or by Pillow for animated GIF, WebP and PNG."""

import os
from collections.abc import Iterator
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
"""Share of the promised frames that may be missing: containers without an exact count give an estimate."""


class FilmFrame(NamedTuple):
    """One frame of a film.

    Attributes:
        number: Counted from 0.
        time: Seconds since the film began, as the film itself says: frames need not come at an even rate.
        image: Upright, RGB.
    """

    number: int
    time: float
    image: Image


class Film:
    """A film that is read once, from its beginning to its end.

    Args:
        path: The file.

    Raises:
        InputError: No film that can be decoded.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.came, self.last = path, 0, 0.0
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        self._video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)  # it turns frames as the film says
        if not self._video.isOpened():
            raise InputError("is not a video that can be decoded", file=path)
        self.promised = max(0, round(self._video.get(cv2.CAP_PROP_FRAME_COUNT)))
        rate = self._video.get(cv2.CAP_PROP_FPS)
        self.rate = float(rate) if 0 < rate <= 1000 else 25.0

    def frames(self) -> Iterator[FilmFrame]:
        """Every frame in order.

        Raises:
            InputError: Not a single one can be decoded.
        """
        try:
            while True:
                there, picture = self._video.read()
                if not there:
                    break
                time = self._video.get(cv2.CAP_PROP_POS_MSEC) / 1000
                time = time if self.came == 0 or time > self.last else self.last + 1 / self.rate
                number, self.came, self.last = self.came, self.came + 1, time
                yield FilmFrame(number, time, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8))
        finally:
            self._video.release()
        if self.came == 0:
            raise InputError("is not a video that can be decoded", file=self.path)

    @property
    def shortfall(self) -> str | None:
        """What is missing once all frames were read, in words; None where all came."""
        enough = self.promised * (1 - _SLACK) - 1
        whole = self.last >= (enough - 1) / self.rate  # a variable rate makes the count of some containers a guess
        if self.came >= enough or whole:
            return None
        return f"{self.came} of the {self.promised} frames that it promises came: it is cut or damaged"


class Animation:
    """An animated GIF, WebP or PNG, read as a film.

    Args:
        path: The file.

    Raises:
        InputError: It is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.came, self.last, self.rate = path, 0, 0.0, 10.0
        self.promised = animated(path)

    def frames(self) -> Iterator[FilmFrame]:
        """Every picture in order, with the time at which it is shown."""
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
        """What is missing once all pictures were read, in words; None where all came."""
        if self.came == self.promised:
            return None
        return f"{self.came} of its {self.promised} pictures came: it is cut or damaged"


def animated(path: Path) -> int:
    """How many pictures an animation holds; 1 for every other file."""
    try:
        with path.open("rb") as file:
            head = file.read(200)
        if head[:3] != b"GIF" and b"ANIM" not in head and b"acTL" not in head:
            return 1  # to count the pictures takes longer
        with PillowImage.open(path, formats=_ANIMATIONS) as image:
            return int(getattr(image, "n_frames", 1)) if getattr(image, "is_animated", False) else 1
    except Exception:  # whoever reads it as a photo tells what is wrong
        return 1


def open_film(path: Path) -> Film | Animation:
    """A film or an animation.

    Raises:
        InputError: It cannot be decoded.
    """
    return Animation(path) if animated(path) > 1 else Film(path)
