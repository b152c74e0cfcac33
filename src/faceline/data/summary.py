"""Summarises a data set in numbers and lines: the text of ``faceline data check``."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Final

import numpy as np

from faceline.data.index import FrameIndex

UNKNOWN: Final = "; each frame counts as another person: nothing says who is seen (docs/own_data.md)"


@dataclass(frozen=True)
class Spread:
    """Smallest, median and largest of some numbers."""

    minimum: float
    median: float
    maximum: float

    def __str__(self) -> str:
        return f"{self.minimum:g} to {self.maximum:g}, median {self.median:g}"


@dataclass(frozen=True)
class Summary:
    """The numbers of a data set.

    Attributes:
        dataset: Name of the source.
        people: Number of people.
        people_unknown: Whether each frame counts as a person of its own.
        videos: Number of videos.
        labelled: Number of frames with landmarks.
        unlabelled: Number of frames without landmarks: those without any label, and those that no row names.
        parts: Number of labelled frames in each part of the publisher's division.
        widths: Widths of the original frames in pixels.
        heights: Heights of the original frames in pixels.
        face_sizes: Distances of the outer eye corners in pixels; None if no frame has landmarks.
        missing_landmarks: Number of landmarks without a label in these frames.
        missing_frames: Number of frames with such landmarks.
        outside_landmarks: Number of landmarks beyond the edges of their frame.
        outside_frames: Number of frames with such landmarks.
        duplicates: Groups of frame names with the same pixels.
        skipped: One line for each row that could not be used.
    """

    dataset: str
    markup: str
    points: int
    normaliser: tuple[int, int]
    people: int
    people_unknown: bool
    videos: int
    labelled: int
    unlabelled: int
    parts: dict[str, int]
    widths: Spread
    heights: Spread
    face_sizes: Spread | None
    missing_landmarks: int
    missing_frames: int
    outside_landmarks: int
    outside_frames: int
    duplicates: tuple[tuple[str, ...], ...]
    skipped: tuple[str, ...]

    def lines(self) -> list[str]:
        """Return what was skipped and what is there twice, one line each, and then the summary as aligned text."""
        parts = f" ({told})" if (told := ", ".join(f"{name} {count}" for name, count in self.parts.items())) else ""
        table = {
            "data set": self.dataset,
            "landmarks": f"{self.points} ({self.markup})",
            "people": f"{self.people}{UNKNOWN if self.people_unknown else ''}",
            "videos": str(self.videos),
            "frames": f"{self.labelled} with landmarks{parts}, {self.unlabelled} without",
            "frame width": f"{self.widths} px",
            "frame height": f"{self.heights} px",
            **self._about_landmarks(),
            "duplicates": f"{len(self.duplicates)} groups of frames with the same pixels",
            "skipped rows": str(len(self.skipped)),
        }
        return [
            *(f"skipped: {line}" for line in self.skipped),
            *(f"same pixels: {' = '.join(group)}" for group in self.duplicates),
            *(f"{name:<13} {text}" for name, text in table.items()),
        ]

    def _about_landmarks(self) -> dict[str, str]:
        if self.face_sizes is None:
            return {}
        whole = self.labelled * self.points
        missing, outside = (count / whole for count in (self.missing_landmarks, self.outside_landmarks))
        return {
            "face size": f"{self.face_sizes} px between landmarks {self.normaliser[0]} and {self.normaliser[1]}",
            "missing": f"{self.missing_landmarks} landmarks ({missing:.2%}) in {self.missing_frames} frames",
            "outside": f"{self.outside_landmarks} landmarks ({outside:.2%}) in {self.outside_frames} frames",
        }


def summarise(index: FrameIndex) -> Summary:
    """Count what an index of at least one frame holds."""
    left, right = index.markup.normaliser
    face_sizes = np.linalg.norm(index.landmarks[:, left] - index.landmarks[:, right], axis=1)  # (n,)
    placed = index.normalised()
    outside = np.any((placed < 0) | (placed > 1), axis=2)  # (n, 68)
    labelled = ~index.missing.all(axis=1)
    missing, sizes = index.missing[labelled], face_sizes[np.isfinite(face_sizes)]
    return Summary(
        dataset=index.dataset,
        markup=index.markup.name,
        points=index.markup.points,
        normaliser=index.markup.normaliser,
        people=len(set(index.persons.tolist())),
        people_unknown=index.people_unknown,
        videos=len(set(index.videos.tolist())),
        labelled=int(labelled.sum()),
        unlabelled=index.unlabelled + int((~labelled).sum()),
        parts=dict(Counter(index.parts[labelled].tolist())),
        widths=_spread(index.sizes[:, 0]),
        heights=_spread(index.sizes[:, 1]),
        face_sizes=_spread(sizes) if len(sizes) else None,
        missing_landmarks=int(missing.sum()),
        missing_frames=int(missing.any(axis=1).sum()),
        outside_landmarks=int(outside.sum()),
        outside_frames=int(outside.any(axis=1).sum()),
        duplicates=_duplicates(index),
        skipped=index.rejected,
    )


def _spread(values: np.ndarray) -> Spread:
    return Spread(*(round(float(value), 1) for value in (values.min(), np.median(values), values.max())))


def _duplicates(index: FrameIndex) -> tuple[tuple[str, ...], ...]:
    groups = defaultdict(list)
    for file, digest in zip(index.files.tolist(), index.digests.tolist(), strict=True):
        groups[digest].append(file)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)
