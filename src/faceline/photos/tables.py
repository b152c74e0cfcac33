"""Writes results as a CSV table, a JSON document, or a ``.pts`` file for each face in the form of 300-W."""

import csv
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal, Protocol, runtime_checkable

import numpy as np

from faceline.errors import InputError
from faceline.files import write_whole
from faceline.geometry.markup import N_LANDMARKS
from faceline.inference.detection import DetectedFace
from faceline.outputs import check_output, csv_cell
from faceline.photos.inputs import FILM_SUFFIXES, PHOTO_SUFFIXES, InputFile
from faceline.photos.written import Written
from faceline.types import Shape

Format = Literal["csv", "json", "pts"]

DEFAULT_OUTPUTS: Final[dict[str, str]] = {"csv": "landmarks.csv", "json": "landmarks.json", "pts": "landmarks"}

_JSON_START: Final = '{"format": "faceline faces 1",\n "faces": ['


@dataclass(frozen=True, eq=False)
class FaceRow:
    """A face in a table.

    Attributes:
        file: Name of the photo or film.
        frame: Number of the frame; 0 for a photo.
        time: Seconds since the start of the film; None for a photo.
        number: Number of the face: in a photo by size, from 1; in a film it stays over the frames.
        face: The detected face.
    """

    file: str
    frame: int
    time: float | None
    number: int
    face: DetectedFace


@runtime_checkable
class FaceTable(Protocol):
    """Receives faces one by one."""

    def add(self, row: FaceRow) -> None:
        """Write one face."""

    def end(self, without_face: Sequence[str], skipped: dict[str, str]) -> None:
        """Write the end: photos without a face, and files that could not be read and why."""


def csv_header(times: bool, landmarks: int = N_LANDMARKS) -> list[str]:
    """Return the columns of the table.

    Args:
        times: Whether the inputs include a film, whose frames have a time.
        landmarks: Number of landmarks of each face.
    """
    points = [f"{axis}{i}" for i in range(landmarks) for axis in "xy"]
    when = ["time"] if times else []
    return ["file", "frame", *when, "face", "confidence", "left", "top", "right", "bottom", *points]


def check_table(named: str, kind: Format, inputs: Sequence[Path]) -> None:
    """Refuse an output that would replace something else, or whose name promises another kind.

    Raises:
        InputError: The output is refused.
    """
    output = Path(named)
    suffix = output.suffix.lower()
    if named == "-":
        raise InputError("expected a name, got -; standard output is /dev/stdout", column="output")
    if suffix in PHOTO_SUFFIXES | FILM_SUFFIXES:
        raise InputError(
            f"is the name of an image or film; give that of a {kind.upper()} file", file=output, column="output"
        )
    if suffix[1:] in DEFAULT_OUTPUTS and suffix[1:] != kind:
        told = f"has the suffix of another format: give format={suffix[1:]}, or another name"
        raise InputError(told, file=output, column="output")
    if kind == "pts":
        if output.exists() and not output.is_dir():
            raise InputError("is a file, and format=pts wants a folder", file=output, column="output")
        _refuse_labels(output, Written(output))
        return
    if named.endswith("/"):
        raise InputError(f"is a folder; give the name of a {kind.upper()} file", file=named, column="output")
    begins = {"csv": [b"file,frame,"], "json": [_JSON_START[:20].encode()]}[kind]
    check_output(output, "output", begins=begins, inputs=inputs)


@contextmanager
def face_table(
    output: Path, kind: Format, files: Sequence[InputFile], landmarks: int = N_LANDMARKS
) -> Iterator[FaceTable]:
    """Yield a table for faces; its file or files appear when they are complete, not before.

    Args:
        output: File, or folder for ``pts``.
        kind: Format of the file.
        files: All inputs.
        landmarks: Number of landmarks of each face.
    """
    if kind == "pts":
        with _pts_folder(output, files) as folder:
            yield folder
        return
    times = any(file.kind == "film" for file in files)
    with write_whole(output) as part, part.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        yield CsvTable(file, times, landmarks) if kind == "csv" else JsonTable(file)


def _refuse_labels(folder: Path, written: Written) -> None:
    """Refuse a folder with ``.pts`` files that are not as an earlier run wrote them: they may be labels set by hand."""
    for file in sorted(folder.rglob("*.pts")):
        inside = file.relative_to(folder)
        if not any(part.startswith(".") for part in inside.parts) and file not in written:
            told = f"{inside} there was not written by faceline predict, or was changed since; give another folder"
            raise InputError(told, file=folder, column="output")


@contextmanager
def _pts_folder(output: Path, files: Sequence[InputFile]) -> Iterator[FaceTable]:
    """Yield a folder within the output, and move its files to their places, instead of an earlier run's, at the end."""
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".faceline-", dir=output) as name:
        yield PtsFolder(Path(name), {file.name: file.place for file in files})
        written = Written(output)
        _refuse_labels(output, written)  # somebody may have set labels meanwhile
        outdated = {file for file in written.unchanged() if file.suffix == ".pts"}
        for new in [path for path in Path(name).rglob("*.pts") if path.is_file()]:
            target = output / new.relative_to(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            new.replace(target)
            written.add(target)
            outdated.discard(target)
        for old in outdated:
            old.unlink(missing_ok=True)
        written.save()


class CsvTable:
    """Writes one row for each face.

    Args:
        file: File that is open for writing.
        times: Whether there is a column for the time of a frame.
    """

    def __init__(self, file: IO[str], times: bool, landmarks: int = N_LANDMARKS) -> None:
        self._table, self._times = csv.writer(file), times
        self._table.writerow(csv_header(times, landmarks))

    def add(self, row: FaceRow) -> None:
        """Write one face."""
        time = [] if not self._times else ["" if row.time is None else f"{row.time:.3f}"]
        numbers = [*row.face.box.tolist(), *row.face.landmarks.ravel().tolist()]
        begin = [csv_cell(row.file), row.frame, *time, row.number, f"{row.face.confidence:.3f}"]
        self._table.writerow([*begin, *(f"{value:.3f}" for value in numbers)])

    def end(self, without_face: Sequence[str], skipped: dict[str, str]) -> None:
        """Do nothing: a table does not list what is missing."""


class JsonTable:
    """Writes one document with lists of faces, of photos without a face, and of files that could not be read.

    Args:
        file: File that is open for writing.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file, self._before = file, "\n  "
        file.write(_JSON_START)

    def add(self, row: FaceRow) -> None:
        """Write one face."""
        left, top, right, bottom = (round(value, 3) for value in row.face.box.tolist())
        entry: dict[str, Any] = {"file": _plain(row.file), "frame": row.frame}
        if row.time is not None:
            entry["time"] = round(row.time, 3)
        entry |= {
            "face": row.number,
            "confidence": round(row.face.confidence, 3),
            "box": {"left": left, "top": top, "right": right, "bottom": bottom},
            "landmarks": [[round(x, 3), round(y, 3)] for x, y in row.face.landmarks.tolist()],
        }
        self._file.write(self._before + json.dumps(entry, ensure_ascii=False))
        self._before = ",\n  "

    def end(self, without_face: Sequence[str], skipped: dict[str, str]) -> None:
        """Write the photos without a face and the files that could not be read."""
        without = json.dumps([_plain(name) for name in without_face], ensure_ascii=False)
        bad = json.dumps([{"file": _plain(name), "reason": why} for name, why in skipped.items()], ensure_ascii=False)
        self._file.write(f'\n ],\n "without_face": {without},\n "skipped": {bad}}}\n')


class PtsFolder:
    """Writes a ``.pts`` file for each face: ``name.pts`` for the first one of a photo, ``name_2.pts`` for the second.

    Frames of films are ``name_000012_1.pts``, with the number of the face at the end. If a photo has such a name
    itself, the number begins with a zero. Points count from 1.

    Args:
        folder: Folder for the files.
        places: Names of all inputs and their places in the folder; if two differ only in their suffix, it stays.
    """

    def __init__(self, folder: Path, places: Mapping[str, Path]) -> None:
        self._folder = folder
        short = {name: str(place.with_suffix("")) for name, place in places.items()}
        wanted = Counter([*short.values(), *map(str, places.values())])
        self._stems = {name: short[name] if wanted[short[name]] == 1 else str(place) for name, place in places.items()}
        self._taken = {*short.values(), *self._stems.values()}

    def add(self, row: FaceRow) -> None:
        """Write one face."""
        stem = self._stems[row.file]
        if row.time is not None or row.number > 1:
            frame = "" if row.time is None else f"_{row.frame:06d}"
            stem = self._free(f"{stem}{frame}_", str(row.number))
        file = self._folder / f"{stem}.pts"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(pts_text(row.face.landmarks), encoding="ascii")

    def _free(self, begin: str, number: str) -> str:
        """Return a name that nothing has: the second face of a.jpg beside a_2.jpg is a_02."""
        while (stem := f"{begin}{number}") in self._taken:
            number = f"0{number}"
        self._taken.add(stem)
        return stem

    def end(self, without_face: Sequence[str], skipped: dict[str, str]) -> None:
        """Do nothing: a photo without a face has no file."""


def pts_text(landmarks: Shape) -> str:
    """Return landmarks in the form of a ``.pts`` file: pixels counted from 1."""
    lines = (f"{x:.3f} {y:.3f}" for x, y in (np.asarray(landmarks, dtype=np.float64) + 1).tolist())
    return "\n".join([f"version: 1\nn_points: {len(landmarks)}\n{{", *lines, "}"]) + "\n"


def _plain(name: str) -> str:
    """Return a name that may hold bytes outside UTF-8 as text for every reader of JSON."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
