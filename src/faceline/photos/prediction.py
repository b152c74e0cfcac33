"""Finds faces in photo after photo and film after film, writes them, and records what failed."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from faceline.data.photos import Photo, read_photo
from faceline.errors import InputError
from faceline.inference.detection import Detected, DetectedFace, FaceDetector
from faceline.inference.stream import ahead
from faceline.photos.films import FilmFrame, open_film
from faceline.photos.inputs import InputFile
from faceline.photos.overlays import OverlayFilm, write_overlay
from faceline.photos.tables import FaceRow, FaceTable
from faceline.photos.tracks import Tracker
from faceline.photos.written import Written

if TYPE_CHECKING:
    from rich.progress import Progress

_NAMED: Final = 20
"""Most photos without a face that are named one by one."""


@dataclass
class Summary:
    """The results of all inputs.

    Attributes:
        faces: Number of written faces.
        photos: Number of photos that were read.
        photos_with_faces: Number of photos with a face.
        films: Number of films that were read.
        frames_of_films: Number of their frames.
        frames_with_faces: Number of those frames with a face.
        without_face: Names of photos and films in which nothing was found.
        doubtful: Number of faces whose confidence was too low.
        skipped: Files that could not be read completely, and why.
        notes: Further notes for the user, one line each.
    """

    faces: int = 0
    photos: int = 0
    photos_with_faces: int = 0
    films: int = 0
    frames_of_films: int = 0
    frames_with_faces: int = 0
    without_face: list[str] = field(default_factory=list)
    doubtful: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Return the summary in one line, such as "312 faces in 287 of 300 photos; in 13 none was found"."""
        places = []
        if self.photos or not self.films:
            places.append(f"{self.photos_with_faces} of {_count(self.photos, 'photo')}")
        if self.films:
            frames = f"{self.frames_with_faces} of {_count(self.frames_of_films, 'frame')}"
            places.append(f"{frames} of {_count(self.films, 'film')}")
        line = f"{_count(self.faces, 'face')} in {' and '.join(places)}"
        if missing := self.photos - self.photos_with_faces:
            line += f"; in {missing} none was found"
        if self.doubtful:
            line += f"; {self.doubtful} below min_confidence left out"
        if self.skipped:
            line += f"; {_count(len(self.skipped), 'file')} skipped or cut"
        return line


class Prediction:
    """Finds the faces of files, one after another.

    Args:
        detector: Detector of faces and landmarks.
        table: Table that receives the faces.
        overlays: Record of the folder for copies with the faces drawn on them; None for no copies.
        smooth: Whether to remove jitter from landmarks in films.
        stops: Whether to raise at the first file that cannot be read, instead of skipping it.
    """

    def __init__(
        self,
        detector: FaceDetector,
        table: FaceTable,
        overlays: Written | None,
        smooth: bool = False,
        stops: bool = False,
    ) -> None:
        self.detector, self.table, self.overlays, self.smooth, self.stops = detector, table, overlays, smooth, stops
        self.summary = Summary()

    def add(self, file: InputFile, progress: "Progress | None" = None) -> None:
        """Find the faces of one photo or film.

        Raises:
            InputError: The file cannot be read, and ``stops`` is set.
        """
        try:
            if file.fault is not None:
                raise InputError(file.fault, file=file.path)
            if file.kind == "film":
                self._film(file, progress)
            else:
                self._photo(file)
        except InputError as error:
            if self.stops:
                raise
            self._skip(file, error.message)

    def end(self) -> Summary:
        """Finish the table and return the results."""
        summary = self.summary
        for name in summary.without_face[:_NAMED]:
            summary.notes.append(f"{name}: no face was found")
        if len(summary.without_face) > _NAMED:
            summary.notes.append(f"… and in {len(summary.without_face) - _NAMED} more files no face was found")
        self.table.end(summary.without_face, summary.skipped)
        return summary

    def _skip(self, file: InputFile, reason: str) -> None:
        self.summary.skipped[file.name] = reason
        self.summary.notes.append(f"{file.name}: {reason}")

    def _photo(self, file: InputFile) -> None:
        photo = read_photo(file.path)
        found = self.detector.detect(photo.image)
        numbered = list(enumerate(found.faces, start=1))
        for number, face in numbered:
            self.table.add(FaceRow(file.name, 0, None, number, in_photo(face, photo)))
        if self.overlays is not None:
            copy = self._overlay(file, ".png")
            write_overlay(copy, photo.image, numbered)
            self.overlays.add(copy)
        self.summary.photos += 1
        self.summary.photos_with_faces += bool(numbered)
        self._count(file, found)
        if photo.zoom > 1:
            height, width = photo.image.shape[:2]
            self.summary.notes.append(f"{file.name}: {photo.width} x {photo.height} pixels, read at {width} x {height}")
        if not numbered:
            self.summary.without_face.append(file.name)

    def _film(self, file: InputFile, progress: "Progress | None") -> None:
        film = open_film(file.path)
        tracker = Tracker(self.smooth)
        copy = OverlayFilm(self._overlay(file, ".mp4"), film.rate) if self.overlays is not None else None
        task = progress.add_task(file.name, total=film.promised or None) if progress else None
        before = self.summary.faces
        complete = False
        try:
            for frame in ahead(film.frames()):
                numbered = self._frame(file, frame, tracker)
                if copy is not None:
                    copy.add(frame.image, numbered)
                if progress is not None and task is not None:
                    progress.advance(task)
            complete = True
        finally:
            if copy is not None:
                copy.close(complete)
                if self.overlays is not None and complete:
                    self.overlays.add(copy.file)
            if progress is not None and task is not None:
                progress.remove_task(task)
        self.summary.films += 1
        if self.summary.faces == before:
            self.summary.without_face.append(file.name)
        if film.shortfall is not None:
            self._skip(file, film.shortfall)

    def _frame(self, file: InputFile, frame: FilmFrame, tracker: Tracker) -> Sequence[tuple[int, DetectedFace]]:
        found = self.detector.detect(frame.image)
        numbered = tracker.update(found.faces, frame.time)
        for number, face in numbered:
            self.table.add(FaceRow(file.name, frame.number, frame.time, number, face))
        self.summary.frames_of_films += 1
        self.summary.frames_with_faces += bool(numbered)
        self._count(file, found)
        return numbered

    def _count(self, file: InputFile, found: Detected) -> None:
        self.summary.faces += len(found.faces)
        self.summary.doubtful += found.doubtful
        if found.left_out:
            self.summary.notes.append(f"{file.name}: {found.left_out} more faces, the smallest, were not looked at")

    def _overlay(self, file: InputFile, suffix: str) -> Path:
        assert self.overlays is not None
        return self.overlays.folder / file.place.with_name(file.place.name + suffix)


def in_photo(face: DetectedFace, photo: Photo) -> DetectedFace:
    """Map a face from a reduced photo to pixels of the photo itself."""
    if photo.zoom == 1:
        return face
    high, wide = photo.image.shape[:2]
    step = np.array([photo.width / wide, photo.height / high])
    landmarks = ((face.landmarks + 0.5) * step - 0.5).astype(np.float32)
    return replace(face, landmarks=landmarks, box=(face.box + 0.5) * np.tile(step, 2) - 0.5)


def _count(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"
