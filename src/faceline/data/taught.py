"""Frames that nobody has labelled, with landmarks from a model, so that another one can learn from them too."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from faceline.data.cache import FrameStore, cached_frames
from faceline.data.chosen import ChosenFrames
from faceline.data.index import BadRows, FrameSource
from faceline.errors import InputError
from faceline.geometry.coordinates import denormalise_landmarks, normalise_landmarks
from faceline.types import AnyImage, Landmarks, PerFrame

Teacher = Callable[[Sequence[AnyImage]], tuple[Landmarks, PerFrame | None]]
"""Pixels of the landmarks in some frames, and how sure it is of each: `LandmarkRuntime.detect_batch`."""

SURE: Final = 0.9
"""Least confidence with which landmarks are believed, where the teacher knows it."""

_BATCH: Final = 64


def taught_frames(
    source: FrameSource, people: Collection[str], teacher: Teacher, size: int, cache_dir: Path
) -> tuple[FrameStore, np.ndarray]:
    """Frames without landmarks, with those that a teacher gives them, and the rows of those that it is sure of.

    Source: Lee, "Pseudo-Label", ICML workshop on challenges in representation learning, 2013.

    Args:
        source: Lists its frames without landmarks too.
        people: Whose frames are wanted: those that are trained on. Of others nothing may be learnt.
        teacher: Gives landmarks.
        size: Edge of the cached frames in pixels.
        cache_dir: Folder of the cache.

    Raises:
        InputError: There is no such frame, or none that the teacher is sure of.
    """
    rows = source.rows(BadRows("skip"))
    files = [row.file for row in rows if np.isnan(row.landmarks).any() and row.person in people]
    if not files:
        raise InputError(
            f"{source.name} has no frame without landmarks of anybody who is trained on", column="task.teacher"
        )
    store = cached_frames(ChosenFrames(source, files), size, cache_dir)
    found = [teacher(list(store.images[first : first + _BATCH])) for first in range(0, len(store.index), _BATCH)]
    landmarks = np.concatenate([landmarks for landmarks, _ in found])
    sure = np.concatenate([np.ones(len(points)) if confidence is None else confidence for points, confidence in found])
    believed = np.flatnonzero(sure >= SURE)
    if not len(believed):
        raise InputError(
            f"the teacher is sure of none of the {len(files)} frames without landmarks", column="task.teacher"
        )
    in_frame = denormalise_landmarks(normalise_landmarks(landmarks, (size, size)), store.index.sizes[:, None])
    return FrameStore(replace(store.index, landmarks=in_frame), store.images), believed
