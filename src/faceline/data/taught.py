"""Pseudo-labels: frames without labels, with landmarks from a model, so that another model can learn from them too."""

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
"""Lowest confidence at which a pseudo-label is used, if the teacher gives one."""

_KEY: Final = "task.teacher"


@runtime_checkable
class Listing(Protocol):
    """A source that can also list frames without rows."""

    def with_unlabelled(self) -> FrameSource:
        """Return the source with those frames; their landmarks are NaN."""
        ...


@runtime_checkable
class Teacher(Protocol):
    """A model that finds landmarks: a `faceline.inference.runtime.LandmarkRuntime`."""

    size: int

    def predict(self, squares: Images, sizes: Sizes) -> tuple[Landmarks, PerFrame | None]:
        """Return landmarks on [0, 1] of frames in squares, and confidences; ``sizes`` are the original ones."""
        ...


@dataclass(frozen=True, eq=False)
class TaughtFrames:
    """Training frames with pseudo-labels, beside those of the split.

    Attributes:
        store: Frames without a row, with the landmarks of a teacher.
        rows: Frames in which the teacher is confident.
    """

    store: FrameStore
    rows: np.ndarray

    @property
    def files(self) -> list[str]:
        """Names of these frames."""
        return [str(file) for file in self.store.index.files[self.rows]]


def teach(
    teacher: Teacher, source: FrameSource, index: FrameIndex, split: Split, size: int, cache_dir: Path
) -> TaughtFrames:
    """Let a teacher label the unlabelled frames of training videos; frames of other videos must not be learnt from.

    A frame with the same pixels as a validation or test frame is left out too. Source: Lee, "Pseudo-Label", ICML
    workshop on challenges in representation learning, 2013.

    Args:
        teacher: Model that was trained on no frame of the validation or test set.
        source: The data set.
        index: Labelled frames of the data set.
        split: Split of the labelled frames.
        size: Edge of the cached frames in pixels.
        cache_dir: Folder of the cache.

    Raises:
        InputError: There is no such frame, or none in which the teacher is confident.
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
        raise InputError(
            f"the teacher is not confident in any of the {len(files)} frames without landmarks", column=_KEY
        )
    in_pixels = denormalise_landmarks(landmarks, store.index.sizes[:, None])
    return TaughtFrames(FrameStore(replace(store.index, landmarks=in_pixels), store.images), np.flatnonzero(believed))
