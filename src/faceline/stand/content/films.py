"""Converts films that browsers do not play, where ffmpeg is at hand: on the path, or by the extra ``video``."""

import logging
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from faceline.errors import InputError, first_line
from faceline.stand.content.artwork import FILMS, LARGEST_MB, LONGEST_FILM, OTHER_FILMS, read_film
from faceline.stand.folders import check_room

LARGEST_SOURCE_MB: Final = 500
"""Megabytes that a film may have before it is converted."""

_LONGEST: Final = 1800.0  # seconds that a conversion may take
_WAITING: Final = 8  # films that may wait
_NICE: Final = 15  # the camera's loop goes first
_SHORTER: Final = 0.9  # of the length that the file tells; a shorter film has lost its end
_FASTEST: Final = 12_000  # kbit a second
_READERS: Final = "avi,mov,matroska,mpeg,mpegts,mpegvideo,asf,flv,ogg"  # none of them opens another file
_SIZE: Final = "scale='min(3840,iw)':'min(3840,ih)':force_original_aspect_ratio=decrease:force_divisible_by=2"


log = logging.getLogger("faceline.stand")


@cache
def ffmpeg() -> str | None:
    """Return the program that converts films; None without one."""
    if program := shutil.which("ffmpeg"):
        return program
    try:
        from imageio_ffmpeg import get_ffmpeg_exe  # noqa: PLC0415  # of the extra ``video``

        return str(get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None


def largest_upload_mb() -> int:
    """Return the megabytes that an uploaded file may have."""
    return LARGEST_MB if ffmpeg() is None else LARGEST_SOURCE_MB


@dataclass(eq=False)
class Conversion:
    """A film that waits, is converted, or could not be.

    Attributes:
        name: Name of its file.
        by: Name of the editor.
        share: Share that is done.
        problem: Why it could not be converted; empty if nothing is wrong.
    """

    name: str
    by: str
    share: float = 0.0
    problem: str = ""


class Films:
    """Converts films one after the other in the background.

    Args:
        add: Stores a converted film, by its name, its file and the name of the editor.
    """

    def __init__(self, add: Callable[[str, Path, str], str]) -> None:
        self._add, self._lock = add, threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="films")
        self._running: subprocess.Popen[str] | None = None
        self._closed = False
        self.listed: list[Conversion] = []

    def take(self, name: str, file: Path, by: str) -> bool:
        """Take a film that has to be converted.

        Args:
            name: Name that the editor gave it.
            file: The uploaded file; it is deleted when the film is converted.
            by: Name of the editor.

        Returns:
            Whether it was taken; False if a display can show it as it is, or if nothing here converts it.

        Raises:
            InputError: It cannot be converted; the message says why.
            OSError: The disk has no room for what it becomes.
        """
        ending = Path(name).suffix.lower()
        if ffmpeg() is None or ending not in FILMS + OTHER_FILMS:
            return False
        try:
            film = read_film(file, name)
        except ValueError as error:
            raise InputError(str(error)) from None
        if ending in FILMS and film.plays and file.stat().st_size <= LARGEST_MB * 1e6:
            return False
        check_room({file.parent: LARGEST_MB * 1e6})
        with self._lock:
            self.listed = [each for each in self.listed if not each.problem]  # what failed was told until now
            if len(self.listed) >= _WAITING:
                raise InputError(f"{name}: {_WAITING} films wait to be converted; try again when some are done")
            conversion = Conversion(name, by)
            self.listed.append(conversion)
        self._worker.submit(self._convert, conversion, file, film.seconds)
        return True

    def close(self) -> None:
        """Stop converting; what is not finished is deleted."""
        with self._lock:
            self._closed = True
            if self._running:
                self._running.kill()
        self._worker.shutdown()

    def _convert(self, conversion: Conversion, file: Path, seconds: float | None) -> None:
        partial = file.with_name(f"{file.name}.mp4")
        try:
            self._run(conversion, file, partial, seconds or LONGEST_FILM)
            shown = read_film(partial, conversion.name).seconds
            if seconds and shown and shown < _SHORTER * seconds:
                raise InputError(f"damaged: only {shown:.0f} of {seconds:.0f} s can be read")
            self._add(f"{Path(conversion.name).stem}.mp4", partial, conversion.by)
            with self._lock:
                self.listed.remove(conversion)
        except Exception as error:
            if not isinstance(error, (OSError, ValueError)):
                log.exception("a film could not be converted")
            conversion.problem = first_line(error)
        finally:
            partial.unlink(missing_ok=True)
            file.unlink(missing_ok=True)

    def _run(self, conversion: Conversion, file: Path, to: Path, seconds: float) -> None:
        """Run ffmpeg, behind everything else that the machine does."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as told:
            with self._lock:
                if self._closed:
                    raise InputError("the stand was stopped")
                process = subprocess.Popen(_command(file, to, seconds), stdout=subprocess.PIPE, stderr=told, text=True)
                self._running = process
            assert process.stdout is not None
            late = threading.Timer(_LONGEST, process.kill)
            late.start()
            try:
                for line in process.stdout:
                    if found := re.match(r"out_time_us=(\d+)", line):
                        conversion.share = min(int(found[1]) / 1e6 / seconds, 1.0)
                code = process.wait()
                overdue = not late.is_alive()
            finally:
                late.cancel()
                process.kill()  # nothing, where it has ended
                process.stdout.close()
                self._running = None
            told.seek(0)
            why = [line.strip() for line in told if line.strip()]
        if self._closed:
            raise InputError("the stand was stopped")
        if overdue:
            raise InputError(f"not done within {_LONGEST / 60:.0f} minutes")
        if code < 0:
            raise InputError(f"ffmpeg was ended by signal {-code}, perhaps because the machine had no memory left")
        if code:
            raise InputError(
                f"ffmpeg cannot convert it: {why[-1].replace(str(file.resolve()), conversion.name) if why else code}"
            )


def _command(file: Path, to: Path, seconds: float) -> list[str]:
    """Return the command; the rate of bits is what lets the whole film have the size that displays take."""
    rate = min(_FASTEST, round(0.9 * 8 * LARGEST_MB * 1e3 / seconds))
    return [
        "nice", "-n", str(_NICE), str(ffmpeg()), "-nostdin", "-v", "error", "-progress", "pipe:1",
        "-protocol_whitelist", "file", "-format_whitelist", _READERS, "-i", f"file:{file.resolve()}",
        "-map", "0:v:0", "-map", "0:a:0?", "-map_metadata", "-1", "-t", f"{LONGEST_FILM:.0f}",
        "-vf", _SIZE, "-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-maxrate", f"{rate}k",
        "-bufsize", f"{2 * rate}k", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k", "-ac", "2",
        "-movflags", "+faststart", "-f", "mp4", "-y", f"file:{to.resolve()}",
    ]  # fmt: skip
