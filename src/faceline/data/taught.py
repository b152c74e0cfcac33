"""Frames that nobody has labelled, with landmarks from a model, so that another one can learn from them too."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import numpy as np

from faceline.data.cache import FrameStore, cached_frames
from faceline.data.chosen import ChosenFrames
from faceline.data.index import BadRows, FrameIndex, FrameSource
from faceline.data.splits import Split, unseen
from faceline.errors import InputError
from faceline.geometry.coordinates import denormalise_landmarks
from faceline.types import Images, Landmarks, PerFrame, Sizes

SURE: Final = 0.9
"""Least confidence with which landmarks are believed, where the teacher knows it."""

_KEY: Final = "task.teacher"


@runtime_checkable
class Listing(Protocol):
    """A source that has frames beside those that it has rows for."""

    def with_unlabelled(self) -> FrameSource:
        """The same with them, NaN for landmarks."""
        ...


@runtime_checkable
class Teacher(Protocol):
    """What finds landmarks: a `faceline.inference.runtime.LandmarkRuntime`."""

    size: int

    def predict(self, squares: Images, sizes: Sizes) -> tuple[Landmarks, PerFrame | None]:
        """Landmarks on [0, 1] of whole frames of its size, which had others, and how sure it is of each."""
        ...


@dataclass(frozen=True, eq=False)
class TaughtFrames:
    """Frames to train on beside those of the split.

    Attributes:
        store: Frames without a row, with the landmarks that a teacher gives them.
        rows: Those of them that it is sure of.
    """

    store: FrameStore
    rows: np.ndarray

    @property
    def files(self) -> list[str]:
        """Their names."""
        return [str(file) for file in self.store.index.files[self.rows]]


def teach(
    teacher: Teacher, source: FrameSource, index: FrameIndex, split: Split, size: int, cache_dir: Path
) -> TaughtFrames:
    """Let a teacher label what nobody has, in the videos that are trained on; of others nothing may be learnt.

    A frame with the very pixels of one that is validated or tested on is left out too. Source: Lee, "Pseudo-Label",
    ICML workshop on challenges in representation learning, 2013.

    Args:
        teacher: Was trained on nothing that is validated or tested on.
        source: The data set.
        index: Its labelled frames.
        split: The split of these.
        size: Edge of the cached frames in pixels.
        cache_dir: Folder of the cache.

    Raises:
        InputError: There is no such frame, or none that the teacher is sure of.
    """
    if not isinstance(source, Listing):
        raise InputError(f"{source.name} has no frames without landmarks", column=_KEY)
    listing, videos = source.with_unlabelled(), set(index.videos[split.train].tolist())
    rows = listing.rows(BadRows("skip"))
    files = [row.file for row in rows if np.isnan(row.landmarks).all() and row.video in videos]
    if not files:
        raise InputError(f"{source.name} has no frame without landmarks in a video that is trained on", column=_KEY)
    chosen = ChosenFrames(listing, files)
    seen = cached_frames(chosen, teacher.size, cache_dir)
    landmarks, sure = teacher.predict(seen.images, seen.index.sizes)
    store = cached_frames(chosen, size, cache_dir)
    believed = unseen(store.index.digests, index, split) & (sure is None or sure >= SURE)
    if not believed.any():
        raise InputError(f"the teacher is sure of none of the {len(files)} frames without landmarks", column=_KEY)
    in_pixels = denormalise_landmarks(landmarks, store.index.sizes[:, None])
    return TaughtFrames(FrameStore(replace(store.index, landmarks=in_pixels), store.images), np.flatnonzero(believed))
