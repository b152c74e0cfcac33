"""Defines what a data set is for the rest of the project: rows of labelled frames, and the index built from them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float

from faceline.errors import InputError
from faceline.geometry.coordinates import normalise_landmarks
from faceline.geometry.markup import IBUG68, Markup
from faceline.types import Image, Landmarks, Shape, Sizes

OnError = Literal["raise", "skip"]
PublishedPart = Literal["train", "test"]

_Index = TypeVar("_Index", bound="LabelIndex")


@dataclass(frozen=True, eq=False)
class FrameRow:
    """One labelled frame as its source lists it, before its pixels are read.

    Attributes:
        file: Name of the frame, unique in its source; relative to the root if there is one.
        person: Name of the person in the frame.
        video: Name of the video, unique among all people.
        frame: Number of the frame in its video.
        part: ``train`` or ``test`` in the publisher's division; ``train`` without one.
        landmarks: Pixels of the frame, x first; they may lie outside of it. NaN without a label: all of them if nobody
            has labelled the frame.
        landmarks3d: Landmarks in three dimensions, if the source has them.
        line: Line of the table that names the frame, for messages.
    """

    file: str
    person: str
    video: str
    frame: int
    part: PublishedPart
    landmarks: Shape
    landmarks3d: Float[np.ndarray, "p 3"] | None = None
    line: int | None = None


class BadRows:
    """Decides about rows that cannot be used: stop at the first, or skip and remember each.

    Args:
        on_error: ``raise`` or ``skip``.
    """

    def __init__(self, on_error: OnError) -> None:
        if on_error not in ("raise", "skip"):
            raise InputError(f"expected raise or skip, got {on_error!r}", column="data.on_error")
        self.on_error = on_error
        self.errors: list[InputError] = []

    def add(self, error: InputError) -> None:
        """Raise the error, or store it in ``errors``."""
        if self.on_error == "raise":
            raise error
        self.errors.append(error)

    def leave_out(self, error: InputError) -> None:
        """Keep the error in ``errors``, as the user said that such rows may occur."""
        self.errors.append(error)


@runtime_checkable
class FrameSource(Protocol):
    """A set of labelled frames. Everything special about one data set stays behind this interface."""

    name: str
    on_error: OnError

    def key(self) -> str:
        """Return a hex digest of everything that the frames depend on: the bytes of the files, or the settings."""
        ...

    def rows(self, bad: BadRows) -> list[FrameRow]:
        """List the labelled frames in a fixed order, without reading pixels; unusable rows go to ``bad``."""
        ...

    def unlabelled(self) -> int:
        """Return the number of frames that no row names."""
        ...

    def read(self, row: FrameRow) -> Image:
        """Read the pixels of one frame.

        Raises:
            InputError: The frame cannot be used; the message names file and row.
        """
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelIndex:
    """The labelled frames of a data set in columns, without their pixels.

    Attributes:
        dataset: Name of the source.
        files: (n,) unique names of the frames.
        persons: (n,) names of the people.
        videos: (n,) names of the videos, unique over all people.
        frames: (n,) number of each frame in its video.
        parts: (n,) ``train`` or ``test`` in the publisher's division.
        landmarks: (n, 68, 2) pixels of the original frame, x first; NaN without a label.
        landmarks3d: (n, 68, 3) landmarks in three dimensions, if the source has them.
        unlabelled: Number of frames of the source without a row.
        rejected: One line for each skipped row.
        markup: Meaning of the landmarks.
    """

    dataset: str
    files: np.ndarray
    persons: np.ndarray
    videos: np.ndarray
    frames: np.ndarray
    parts: np.ndarray
    landmarks: Landmarks
    landmarks3d: Float[np.ndarray, "n p 3"] | None = None
    unlabelled: int = 0
    rejected: tuple[str, ...] = ()
    markup: Markup = IBUG68

    _columns: ClassVar[tuple[str, ...]] = ("files", "persons", "videos", "frames", "parts", "landmarks")
    _named_by: ClassVar[tuple[str, ...]] = ("files", "parts")

    def __len__(self) -> int:
        return len(self.files)

    @property
    def missing(self) -> np.ndarray:
        """Return (n, 68), whether each landmark has no label."""
        return np.asarray(np.isnan(self.landmarks).any(axis=2))

    @property
    def fingerprint(self) -> str:
        """Return a hex digest of names, parts, landmarks, and pixels if known: equal for equal data."""
        digest = hashlib.sha256(self.dataset.encode())
        for column in self._named_by:
            digest.update("\n".join(getattr(self, column).tolist()).encode())
        digest.update(np.ascontiguousarray(self.landmarks, dtype=np.float64).tobytes())
        return digest.hexdigest()[:16]

    @property
    def people_unknown(self) -> bool:
        """Whether each frame counts as a person of its own, as it does where nothing says who is seen."""
        return len(set(self.persons.tolist())) == len(self) > 1

    def take(self: _Index, rows: Sequence[int] | np.ndarray) -> _Index:
        """Return the same index with some rows, in the given order."""
        rows = np.asarray(rows, dtype=np.int64)
        landmarks3d = None if self.landmarks3d is None else self.landmarks3d[rows]
        return replace(self, landmarks3d=landmarks3d, **{name: getattr(self, name)[rows] for name in self._columns})


@dataclass(frozen=True, eq=False, kw_only=True)
class FrameIndex(LabelIndex):
    """Labelled frames whose pixels were read, so they are known to be usable.

    Attributes:
        sizes: (n, 2) width and height of the original frames.
        digests: (n,) digest of the decoded pixels; equal for frames with the same content.
    """

    sizes: Sizes
    digests: np.ndarray

    _columns: ClassVar[tuple[str, ...]] = (*LabelIndex._columns, "sizes", "digests")
    _named_by: ClassVar[tuple[str, ...]] = ("files", "digests", "parts")

    def normalised(self) -> Landmarks:
        """Return landmarks (n, 68, 2) on [0, 1] of their own frames, float32."""
        return normalise_landmarks(self.landmarks, self.sizes[:, None, :]).astype(np.float32)


def usable_rows(source: FrameSource, bad: BadRows) -> list[FrameRow]:
    """Return the rows of a source that hold a face, or no label; others go to ``bad``."""
    markup, normaliser = markup_of(source), list(markup_of(source).normaliser)
    rows = [row for row in source.rows(bad) if _has_points(row, markup, bad)]
    return [row for row in rows if _has_size(row, normaliser, bad) and _is_face(row, bad)]


def index_of(source: FrameSource, rows: list[FrameRow], bad: BadRows) -> LabelIndex:
    """Build the index of some rows of a source.

    Args:
        source: Source of the rows.
        rows: Usable rows.
        bad: Rows that cannot be used.
    """
    solid = [row.landmarks3d for row in rows if row.landmarks3d is not None]
    markup = markup_of(source)
    landmarks = np.array([row.landmarks for row in rows]).reshape(len(rows), markup.points, 2)
    refuse_impossible(landmarks, markup)
    return LabelIndex(
        dataset=source.name,
        files=np.array([row.file for row in rows], dtype=np.str_),
        persons=np.array([row.person for row in rows], dtype=np.str_),
        videos=np.array([row.video for row in rows], dtype=np.str_),
        frames=np.array([row.frame for row in rows], dtype=np.int64),
        parts=np.array([row.part for row in rows], dtype=np.str_),
        landmarks=landmarks,
        landmarks3d=np.array(solid) if solid and len(solid) == len(rows) else None,
        unlabelled=source.unlabelled(),
        rejected=tuple(str(error) for error in bad.errors),
        markup=markup,
    )


def markup_of(source: FrameSource) -> Markup:
    """Return the markup of a source: its attribute ``markup``, or the 68 points of iBUG without one."""
    return getattr(source, "markup", None) or IBUG68


_FARTHEST = 10
"""A landmark does not belong to a face if it lies so many times farther from the middle than the others."""


def _has_points(row: FrameRow, markup: Markup, bad: BadRows) -> bool:
    """Tell whether a row has as many landmarks as the markup; if not, it goes to the bad rows."""
    if row.landmarks.shape == (markup.points, 2):
        return True
    expected = f"landmarks ({markup.points}, 2) of the markup {markup.name}"
    bad.add(InputError(f"{row.file}: expected {expected}, got {row.landmarks.shape}", row=row.line))
    return False


def _has_size(row: FrameRow, normaliser: list[int], bad: BadRows) -> bool:
    """Tell whether both points of the normaliser have labels; a row without them is skipped and counted.

    A row without any label stays: some tasks find the landmarks of such frames themselves.
    """
    missing = np.isnan(row.landmarks).any(axis=1)
    if missing.all() or not missing[normaliser].any():
        return True
    first, second = normaliser
    bad.leave_out(
        InputError(
            f"{row.file}: landmark {normaliser[int(missing[second])]} has no label; errors are measured by the "
            f"distance of landmarks {first} and {second}",
            row=row.line,
        )
    )
    return False


def _is_face(row: FrameRow, bad: BadRows) -> bool:
    """Tell whether the landmarks of a row lie together; if not, it goes to the bad rows."""
    strayed = stray(row.landmarks)
    if strayed is None:
        return True
    bad.add(InputError(f"{row.file}: landmark {strayed[0]} {strayed[1]}", row=row.line))
    return False


def stray(points: Shape) -> tuple[int, str] | None:
    """Return the landmark that lies far from all others, and a text about it; None if all lie together."""
    known = points[~np.isnan(points).any(axis=1)]
    if not len(known):
        return None
    far = np.linalg.norm(points - np.median(known, axis=0), axis=1)
    worst = int(np.nanargmax(far))
    if far[worst] <= _FARTHEST * max(float(np.nanmedian(far)), 1.0):
        return None
    return worst, (
        f"at ({points[worst, 0]:g}, {points[worst, 1]:g}) lies {far[worst]:,.0f} px from the middle of the face; "
        "correct it, or leave such rows out with data.on_error=skip"
    )


def refuse_impossible(landmarks: Landmarks, markup: Markup = IBUG68) -> None:
    """Refuse labels that cannot be pixels.

    Args:
        landmarks: (n, p, 2) landmarks of all frames of a data set.
        markup: Meaning of the landmarks.

    Raises:
        InputError: The faces are impossibly small, or a value marks missing points; the message says what it looks
            like.
    """
    points = landmarks[~np.isnan(landmarks).any(axis=2)]
    if not len(points):
        return
    left, right = (landmarks[:, corner] for corner in markup.normaliser)
    eyes = float(np.nanmedian(np.linalg.norm(left - right, axis=1)))
    if eyes < 2:
        looks = "shares of the frame, on [0, 1]" if np.abs(points).max() <= 2 else "no pixels"
        raise InputError(
            f"the outer eye corners are {eyes:.2g} px apart (median): the labels look like {looks}; multiply x by "
            "the width and y by the height of each frame (with data=csv: data.source.units=normalised)",
            column="data",
        )
    same = points[(points[:, 0] == points[:, 1]) & ((points[:, 0] <= 0) | (points[:, 0] >= 999))][:, 0]
    values, counts = np.unique(same, return_counts=True)
    if len(values) and counts.max() >= max(3, len(points) / 10_000):
        value = values[counts.argmax()]
        raise InputError(
            f"{counts.max():,} landmarks lie at ({value:g}, {value:g}), which looks like a mark for missing points; "
            f"set data.source.missing={value:g} (with data=csv or data=pts)",
            column="data",
        )


_MOST_OUTSIDE = 0.25
"""Share of landmarks outside of their frames that no real data set has; real ones have a hundredth."""


def refuse_outside(index: FrameIndex) -> None:
    """Refuse labels if too many lie outside of their frames.

    Raises:
        InputError: Too many lie outside; the message says what the reason may be.
    """
    placed = index.normalised()[~index.missing]
    outside = np.any((placed < 0) | (placed > 1), axis=1)
    if outside.size and outside.mean() > _MOST_OUTSIDE:
        raise InputError(
            f"{outside.mean():.0%} of the landmarks lie outside of their frames; check the size of the frames, "
            "and that the labels are in pixels (with data=csv: data.source.units)",
            column="data",
        )


def evenly(rows: np.ndarray, count: int) -> np.ndarray:
    """Pick that many rows, evenly spread; all of them if there are fewer."""
    return np.asarray(rows[np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int)])
