"""Reads frames from a camera, a file, a network stream, a folder, or drawn visitors.

A source gives one frame at a time. `Capture` reads it in a thread and keeps only the newest frame. So a slow machine
sees fewer frames, never old ones.
"""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import cv2
import cv2.utils.logging
import numpy as np

from faceline.errors import InputError, first_line
from faceline.stand.clock import Moment, Pace, now
from faceline.types import Image

os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what they would print about a lost source is told here
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

DEMO: Final = "demo"
"""Name of the source that draws visitors."""

_PICTURES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
_STREAMS: Final = ("rtsp://", "rtsps://", "http://", "https://")


class SourceLostError(RuntimeError):
    """The source gives no more frames for now."""


@runtime_checkable
class Source(Protocol):
    """A source of frames."""

    def read(self) -> Image | None:
        """Return the next frame when it is due; None for a damaged one.

        Raises:
            SourceLostError: There is no frame: the camera is gone or the stream broke.
        """

    def close(self) -> None:
        """Release the device."""


class VideoSource:
    """A camera by its index, a film by its file, a stream by its address.

    Args:
        name: Index, file or address to open.

    Raises:
        SourceLostError: The source cannot be opened.
    """

    def __init__(self, name: int | str) -> None:
        self.name = name
        self._video = cv2.VideoCapture(name)
        self._video.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self._from_file = isinstance(name, str) and not name.startswith(_STREAMS)
        rate = float(self._video.get(cv2.CAP_PROP_FPS)) if self._from_file else 0.0
        self._pace = Pace(rate if 1 <= rate <= 240 else 25.0)
        if not self._video.isOpened():
            raise SourceLostError(f"cannot open {name}")

    def read(self) -> Image | None:
        """Return the next frame; a film starts again at its end."""
        if self._from_file:
            self._pace.wait()
        there, picture = self._video.read()
        if not there and self._from_file:
            self._video.set(cv2.CAP_PROP_POS_FRAMES, 0)
            there, picture = self._video.read()
        if not there:
            raise SourceLostError(f"no frame from {self.name}")
        return as_image(picture)

    def close(self) -> None:
        """Release the device."""
        self._video.release()


class FolderSource:
    """The pictures of a folder in the order of their names, in an endless loop.

    Args:
        folder: Folder with the pictures.
        rate: Frames a second.

    Raises:
        SourceLostError: The folder holds no picture.
    """

    def __init__(self, folder: Path, rate: float = 25.0) -> None:
        self.folder = folder
        self._pace = Pace(rate)
        self._files = self._forever()

    def read(self) -> Image | None:
        """Return the next picture; None for a file that is none."""
        self._pace.wait()
        picture = cv2.imread(str(next(self._files)), cv2.IMREAD_COLOR)
        return None if picture is None else as_image(picture)

    def close(self) -> None:
        """Do nothing: there is no device."""

    def _forever(self) -> Iterator[Path]:
        while True:
            files = sorted(file for file in self.folder.glob("*") if file.suffix.lower() in _PICTURES)
            if not files:
                raise SourceLostError(f"no picture in {self.folder}")
            yield from files


def as_image(picture: np.ndarray | None) -> Image | None:
    """Convert a picture of OpenCV to RGB; None if it is empty or no picture."""
    if picture is None or picture.dtype != np.uint8 or min(picture.shape[:2], default=0) < 16:
        return None
    if picture.ndim == 2 or picture.shape[2] == 1:
        return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), dtype=np.uint8)
    return np.ascontiguousarray(picture[..., 2::-1])


def source_opener(name: str) -> Callable[[], Source]:
    """Return a function that opens a source, and opens it again after it was lost.

    Args:
        name: ``demo``, the index of a camera, a film, a folder of pictures, or the address of a stream.

    Raises:
        InputError: The name is none of these, or a file without a frame.
    """
    if name == DEMO:
        from faceline.stand.camera.demo_visitors import DemoSource  # noqa: PLC0415 (drawing is loaded for the demo only)

        return DemoSource
    if name.isdecimal():
        return lambda: VideoSource(int(name))
    if name.startswith(_STREAMS):
        return lambda: VideoSource(name)
    path = Path(name).expanduser()
    if name and path.is_dir():
        return lambda: FolderSource(path)
    if path.is_file():
        _check_film(path)
        return lambda: VideoSource(str(path))
    raise InputError(
        f"{name}: expected demo, the number of a camera, a film, a folder of pictures, or an address such as "
        f"rtsp://HOST/PATH",
        column="source",
    )


def _check_film(path: Path) -> None:
    """Refuse a file without a single frame at once, instead of waiting for it as for a camera."""
    video = cv2.VideoCapture(str(path))
    there, _ = video.read()
    video.release()
    if not there:
        raise InputError(
            f"{path}: no frame can be read; expected a film, whole: one that was cut off while it was written or "
            "copied often cannot be opened",
            column="source",
        )


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of the scene.

    Attributes:
        image: RGB image.
        moment: Moment when it was taken.
        number: Number of the frame within its source.
    """

    image: Image
    moment: Moment
    number: int


@dataclass(frozen=True)
class CaptureHealth:
    """The health of a source.

    Attributes:
        lost: Why there is no frame now; None if all is well.
        frames: Number of frames that the source gave.
        dropped: Number of frames that a newer one replaced before they were analysed.
        damaged: Number of frames that could not be read.
        reopened: How many times the source came back.
    """

    lost: str | None = None
    frames: int = 0
    dropped: int = 0
    damaged: int = 0
    reopened: int = 0


class Capture:
    """Reads a source in a thread and keeps only its newest frame.

    Args:
        opener: Opens the source, also after it was lost.
        retry: Seconds to the first attempt to open it again; each next wait is twice as long, up to ten times this.
    """

    def __init__(self, opener: Callable[[], Source], retry: float = 0.5) -> None:
        self._opener, self._retry = opener, retry
        self._fresh = threading.Condition()
        self._newest: Frame | None = None
        self._stop = threading.Event()
        self._counts = {"frames": 0, "dropped": 0, "damaged": 0, "reopened": 0}
        self._lost: str | None = "not opened yet"
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    @property
    def health(self) -> CaptureHealth:
        """Return the health of the source."""
        with self._fresh:
            return CaptureHealth(self._lost, **self._counts)

    def newest(self, timeout: float) -> Frame | None:
        """Return the newest unread frame; None if none comes in time."""
        with self._fresh:
            self._fresh.wait_for(lambda: self._newest is not None or self._stop.is_set(), timeout)
            frame, self._newest = self._newest, None
            return frame

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        with self._fresh:
            self._fresh.notify_all()
        self._thread.join(timeout=3.0)

    def _run(self) -> None:
        wait, opened = self._retry, False
        while not self._stop.is_set():
            before = self._counts["frames"]
            try:
                source = self._opener()
            except Exception as error:  # a driver may raise anything; the stand must live on
                self._lose(error)
            else:
                self._counts["reopened"] += opened
                opened = True
                self._read(source)
            wait = self._retry if self._counts["frames"] > before else min(2 * wait, 10 * self._retry)
            self._stop.wait(wait)

    def _read(self, source: Source) -> None:
        """Read frames until the source is lost."""
        try:
            while not self._stop.is_set():
                image = source.read()
                if image is None:
                    self._count("damaged")
                else:
                    self._publish(image)
        except Exception as error:
            self._lose(error)
        finally:
            source.close()

    def _publish(self, image: Image) -> None:
        with self._fresh:
            self._counts["frames"] += 1
            self._counts["dropped"] += self._newest is not None
            self._newest, self._lost = Frame(image, now(), self._counts["frames"]), None
            self._fresh.notify()

    def _count(self, name: str) -> None:
        with self._fresh:
            self._counts[name] += 1

    def _lose(self, error: Exception) -> None:
        with self._fresh:
            self._lost = first_line(error)
