"""Numbers faces over the frames of a film, and removes jitter from landmarks.

Source of the filter: Casiez, Roussel and Vogel, "1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
Interactive Systems", CHI 2012.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from faceline.inference.detection import DetectedFace
from faceline.types import Shape

PATIENCE: Final = 1.0
"""Seconds that an unseen face keeps its number."""

_REACH: Final = 1.0
"""Largest distance of a face from its last place in sizes of the face; it grows with the time unseen."""
_GROWTH: Final = 1.6  # by which it may be larger or smaller

MIN_CUTOFF: Final = 1.0
"""Cutoff frequency in Hz for a still face."""

BETA: Final = 16.0
"""Rise of the cutoff in Hz for each face size of movement in a second."""

_SPEED_CUTOFF: Final = 1.0  # Hz


class OneEuroFilter:
    """Removes jitter from the landmarks of one face, but lets it move.

    A slow face is smoothed strongly and a quick one hardly, so its landmarks do not lag behind. Speeds are in sizes of
    the face, so near and far faces are treated alike.

    Args:
        min_cutoff: Cutoff frequency in Hz for a still face.
        beta: Rise of the cutoff in Hz for each face size of movement in a second.
    """

    def __init__(self, min_cutoff: float = MIN_CUTOFF, beta: float = BETA) -> None:
        self.min_cutoff, self.beta = min_cutoff, beta
        self._time: float | None = None
        self._value = self._raw = self._speed = np.zeros((68, 2))

    def __call__(self, landmarks: Shape, time: float) -> Shape:
        """Return the smoothed landmarks.

        Args:
            landmarks: Landmarks of the face in pixels.
            time: Time in seconds, later than before.
        """
        value = np.asarray(landmarks, dtype=np.float64)
        if self._time is None or time <= self._time:
            self._value, self._raw, self._speed = value, value, np.zeros_like(value)
        else:
            step = time - self._time
            size = max(float(np.sqrt(np.ptp(value, axis=0).prod())), 1.0)
            self._speed += _share(_SPEED_CUTOFF, step) * ((value - self._raw) / step - self._speed)
            # One cutoff for all points: the face moves as a whole, and its eyes and lips faster still.
            quick = np.linalg.norm(self._speed, axis=1) / size  # (68,)
            cutoff = self.min_cutoff + self.beta * np.maximum(quick, np.median(quick))[:, None]
            self._value = self._value + _share(cutoff, step) * (value - self._value)
            self._raw = value
        self._time = time
        return self._value.astype(np.float32)


def _share(cutoff: np.ndarray | float, step: float) -> np.ndarray | float:
    """Return the share of a new value that a low-pass filter takes."""
    return 1 / (1 + 1 / (2 * np.pi * np.asarray(cutoff) * step))


@dataclass(eq=False)
class _Track:
    number: int
    face: DetectedFace
    time: float
    filter: OneEuroFilter
    speed: np.ndarray


class Tracker:
    """Follows the faces of one film.

    Args:
        smooth: Whether to remove jitter from landmarks too.
        patience: Seconds that an unseen face keeps its number.
    """

    def __init__(self, smooth: bool = False, patience: float = PATIENCE) -> None:
        self.smooth, self.patience = smooth, patience
        self._tracks: list[_Track] = []
        self._next = 1

    def update(self, faces: Sequence[DetectedFace], time: float) -> list[tuple[int, DetectedFace]]:
        """Number the faces of the next frame.

        Args:
            faces: Faces in the frame.
            time: Seconds since the start of the film.

        Returns:
            The faces in the same order, each with its number from 1, smoothed if asked.
        """
        self._tracks = [track for track in self._tracks if time - track.time <= self.patience]
        chosen = self._match(faces, time)
        return [self._take(face, chosen.get(i), time) for i, face in enumerate(faces)]

    def _match(self, faces: Sequence[DetectedFace], time: float) -> dict[int, _Track]:
        """Match faces to tracks, the nearest pair first."""
        pairs = sorted(
            (cost, i, j)
            for i, face in enumerate(faces)
            for j, track in enumerate(self._tracks)
            if (cost := _distance(face, track, time)) is not None
        )
        chosen: dict[int, _Track] = {}
        taken: set[int] = set()
        for _, i, j in pairs:
            if i not in chosen and j not in taken:
                chosen[i] = self._tracks[j]
                taken.add(j)
        return chosen

    def _take(self, face: DetectedFace, track: _Track | None, time: float) -> tuple[int, DetectedFace]:
        if track is None:
            track = _Track(self._next, face, time, OneEuroFilter(), np.zeros(2))
            self._next += 1
            self._tracks.append(track)
        elif time > track.time:
            track.speed = (_middle(face) - _middle(track.face)) / (time - track.time)
        smoothed = replace(face, landmarks=track.filter(face.landmarks, time)) if self.smooth else face
        track.face, track.time = face, time
        return track.number, smoothed


def _distance(face: DetectedFace, track: _Track, time: float) -> float | None:
    """Return the distance of a face from a track's predicted place, in its sizes; None for another face."""
    size = _size(track.face)
    gone = time - track.time
    foreseen = _middle(track.face) + track.speed * min(gone, 0.2)
    distance = float(np.linalg.norm(_middle(face) - foreseen)) / size
    growth = abs(float(np.log(_size(face) / size)))
    if distance > _REACH * (0.7 + gone) or growth > np.log(_GROWTH):
        return None
    return distance + growth


def _middle(face: DetectedFace) -> np.ndarray:
    return np.asarray(face.box[:2] + face.box[2:]) / 2


def _size(face: DetectedFace) -> float:
    return float(np.sqrt(max(np.prod(face.box[2:] - face.box[:2]), 1.0)))
