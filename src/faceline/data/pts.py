"""Reads the data sets of the field: photos with ``.pts`` files of 68 points beside them.

300-W, HELEN, LFPW, AFW, IBUG and Menpo have this form. Source: Sagonas et al., "300 Faces in-the-Wild Challenge", ICCVW
2013.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import numpy as np

from faceline.data.images import read_labelled, refuse_no_file
from faceline.data.index import BadRows, FrameRow, OnError, PublishedPart, stray
from faceline.data.own_frames import digest_of, files_below, has_labels
from faceline.data.roots import find_root
from faceline.errors import InputError
from faceline.geometry.crops import Window, cut_window, window_around
from faceline.geometry.markup import N_LANDMARKS, OUTER_EYE_CORNERS
from faceline.types import Image, Shape

SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")

_MIRRORED: Final = "_mirror"
_TEST_FOLDERS: Final = ("testset", "test")
_TRAIN_FOLDERS: Final = ("trainset", "train", "training")
_MOST_ROOM: Final = 4
"""Largest size of a frame relative to its photo."""
_FARTHEST: Final = 1e6
_NUMBER_OF_FACE: Final = re.compile(r"(.+)_\d+")
_HEADER: Final = re.compile(r"\s*(version|n_points)\s*:\s*(\S+)\s*", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class _Face:
    """A usable ``.pts`` file: its photo, the part that is the frame, and the points in that frame."""

    photo: Path
    window: Window
    row: FrameRow


class PtsFaces:
    """Photos in nested folders with their points; each face is cut out with the margin of other data sets' frames.

    The points of ``name.jpg`` are in ``name.pts``, or for several faces in ``name_1.pts``, ``name_2.pts`` and so on.
    Files may begin with ``version`` and ``n_points`` or not; points count from 1. Mirrored copies, whose names end with
    ``_mirror``, are left out. People are unknown, so each photo counts as a person with one video.

    Args:
        root: Folder of the set; None means the folder ``pts`` below the environment variable FACELINE_DATA.
        on_error: ``raise`` at the first file that cannot be used, or ``skip`` such files.
        split_by: With ``folder``, files below a folder ``testset`` are the test set and those below ``trainset`` the
            training set, as the protocol ``official`` needs. With None, everything can be trained on.
        missing: Number that marks a point without a label, such as -1. Loss and metrics leave such points out. Faces
            without a label at the outer eye corners are skipped.
        upright: Whether points lie on photos as viewers show them, turned by their EXIF tag, where `faceline predict`
            writes them. Without it turned photos are refused.

    Raises:
        InputError: The folder is missing.
    """

    name = "pts"
    licence = "as its publishers say; most of these sets allow research only"
    can_name_people = False

    def __init__(
        self,
        root: str | Path | None = None,
        on_error: OnError = "raise",
        split_by: Literal["folder"] | None = None,
        missing: float | None = None,
        upright: bool = False,
    ) -> None:
        if split_by not in (None, "folder"):
            raise InputError(f"expected folder or null, got {split_by!r}", column="data.split_by")
        self.root = find_root(root, "pts")
        self.on_error: OnError = BadRows(on_error).on_error
        self.split_by, self.missing, self.upright = split_by, missing, upright

    def key(self) -> str:
        """Return a hex digest of all points, their photos, the names of the other photos, and the settings."""
        photos = sorted({face.photo for face in self._faces.values()})
        settings = repr((self.split_by, self.missing, self.upright, self.unlabelled()))
        return digest_of([*self._files, *photos], settings.encode())

    def rows(self, bad: BadRows) -> list[FrameRow]:
        """List the labelled faces by the names of their files; unusable ones go to ``bad``.

        Raises:
            InputError: There is no ``.pts`` file, the folders define no test set, or ``bad`` raises.
        """
        for error in [*self._listing[1], *self._read[1]]:
            bad.add(error)
        if not self._files:
            raise InputError("holds no .pts file, in no folder below it", file=self.root)
        rows = [face.row for face in self._faces.values() if has_labels(face.row, bad)]
        if self.split_by and rows and {row.part for row in rows} != {"train", "test"}:
            raise InputError(
                "split_by=folder wants folders trainset/ and testset/, and faces below both; leave it out, and measure "
                "all with part=all or choose another split.protocol",
                file=self.root,
                column="data.split_by",
            )
        return rows

    def unlabelled(self) -> int:
        """Return the number of photos without points."""
        used = {face.photo for face in self._faces.values()}
        return sum(not _is_mirrored(path) and path not in used for path in set(self._photos.values()))

    def read(self, row: FrameRow) -> Image:
        """Read the part of the photo around one face, RGB.

        Raises:
            InputError: The photo cannot be used; the message names it.
        """
        face = self._faces[row.file]
        if self._last is None or self._last[0] != face.photo:  # faces of one photo follow each other
            self._last = face.photo, read_labelled(face.photo, self.upright)
        height, width = self._last[1].shape[:2]
        left, top, wide, high = face.window
        inside = left < width and top < height and left + wide > 0 and top + high > 0
        if not inside or wide > _MOST_ROOM * max(width, height):
            told = (
                f"its points reach far beyond its photo of {width} x {height} pixels: are they of another size of it?"
            )
            raise InputError(told, file=self.root / row.file)
        return cut_window(self._last[1], face.window).copy()

    _last: tuple[Path, Image] | None = None

    @cached_property
    def _listing(self) -> tuple[list[Path], list[InputError]]:
        return files_below(self.root)

    @cached_property
    def _files(self) -> list[Path]:
        return [path for path in self._listing[0] if path.suffix.lower() == ".pts" and not _is_mirrored(path)]

    @cached_property
    def _photos(self) -> dict[tuple[Path, str], Path]:
        """Find each photo by its folder and its name, with and without the suffix."""
        photos = [path for path in self._listing[0] if path.suffix.lower() in SUFFIXES]
        return {(path.parent, name): path for path in reversed(photos) for name in (path.stem, path.name)}

    @property
    def _faces(self) -> dict[str, _Face]:
        """Return the usable faces by the names of their files."""
        return self._read[0]

    @cached_property
    def _read(self) -> tuple[dict[str, _Face], list[InputError]]:
        """Return the usable faces, and what is wrong with the other files."""
        faces: dict[str, _Face] = {}
        errors: list[InputError] = []
        for path in self._files:
            try:
                face = self._face(path)
            except InputError as error:
                errors.append(error)
            else:
                faces[face.row.file] = face
        return faces, errors

    def _face(self, path: Path) -> _Face:
        photo = self._photo_of(path)
        landmarks = read_pts(path, self.missing)
        window = window_around(landmarks) if np.isfinite(landmarks).any() else Window(0, 0, 1, 1)
        inside = path.relative_to(self.root)
        video = photo.relative_to(self.root).with_suffix("").as_posix()
        row = FrameRow(
            file=inside.as_posix(),
            person=video,
            video=video,
            frame=0,
            part=self._part(inside),
            landmarks=landmarks - np.array(window[:2]),
        )
        return _Face(photo, window, row)

    def _photo_of(self, path: Path) -> Path:
        several = _NUMBER_OF_FACE.fullmatch(path.stem)
        names = [path.stem, *([several[1]] if several else [])]
        for name in names:
            if photo := self._photos.get((path.parent, name)):
                return photo
        raise InputError(f"has no photo beside it; expected {' or '.join(names)} with {' '.join(SUFFIXES)}", file=path)

    def _part(self, inside: Path) -> PublishedPart:
        folders = [part.lower() for part in inside.parent.parts]
        if self.split_by is None or not any(name in _TEST_FOLDERS for name in folders):
            return "train"
        last = next(name for name in reversed(folders) if name in (*_TEST_FOLDERS, *_TRAIN_FOLDERS))
        return "test" if last in _TEST_FOLDERS else "train"


def read_pts(path: Path, missing: float | None = None) -> Shape:
    """Read the 68 points of a ``.pts`` file, in pixels counted from 0.

    Args:
        path: The file.
        missing: Number that marks a point without a label; such points become NaN.

    Raises:
        InputError: The file has another form; the message names file and line.
    """
    refuse_no_file(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise InputError("is not text", file=path) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=path) from None
    points: list[tuple[float, float]] = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text and text not in ("{", "}"):
            header = _HEADER.fullmatch(text)
            if header is None:
                points.append(_point(text, path, number))
            elif header[1].lower() == "n_points" and header[2] != str(N_LANDMARKS):
                raise _wrong_count(header[2], path)
    if len(points) != N_LANDMARKS:
        raise _wrong_count(str(len(points)), path)
    shape = np.array(points)
    shape[(shape == missing).any(axis=1)] = np.nan
    _refuse_marker(shape, path)
    if strayed := stray(shape):
        raise InputError(f"point {strayed[0] + 1} {strayed[1]}", file=path)
    shape -= 1.0
    left, right = OUTER_EYE_CORNERS
    if (shape[left] == shape[right]).all():
        raise InputError(
            f"the outer eye corners (points {left + 1} and {right + 1}) are in one place, so the face has no size",
            file=path,
        )
    known = shape[~np.isnan(shape).any(axis=1)]
    if len(known) and not (np.ptp(known, axis=0) > 0).all():
        raise InputError("all points lie on one line, upright or level: that is no face", file=path)
    return shape


def _refuse_marker(points: np.ndarray, path: Path) -> None:
    """Refuse points that are one number twice and lie outside of the photo: it marks missing points."""
    (found,) = np.nonzero((points[:, 0] == points[:, 1]) & (points[:, 0] <= 0))
    if len(found):
        value = points[found[0], 0]
        raise InputError(
            f"point {found[0] + 1} lies at ({value:g}, {value:g}), which looks like a mark for missing points; "
            f"set data.source.missing={value:g}, or leave such files out with data.on_error=skip",
            file=path,
        )


def _point(text: str, path: Path, line: int) -> tuple[float, float]:
    cells = text.replace(",", " ").split()
    try:
        x, y = (float(cell) for cell in cells)
    except ValueError:
        raise InputError(f"expected two numbers, got {text[:60]!r}", file=path, row=line) from None
    if not (abs(x) < _FARTHEST and abs(y) < _FARTHEST):  # not a number is refused too
        raise InputError(f"expected two numbers of pixels, got {text[:60]!r}", file=path, row=line)
    return x, y


def _wrong_count(got: str, path: Path) -> InputError:
    return InputError(f"has {got} points, expected {N_LANDMARKS}", file=path)


def _is_mirrored(path: Path) -> bool:
    return path.stem.lower().endswith(_MIRRORED)
