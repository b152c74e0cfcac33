"""What a model can learn from others: landmarks of frames that nobody labelled, and second opinions on labels."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

import numpy as np

from faceline.data.cache import FrameStore, cached_frames
from faceline.data.chosen import ChosenFrames
from faceline.data.index import BadRows, FrameIndex, FrameSource
from faceline.data.splits import Half, Split
from faceline.errors import InputError
from faceline.geometry.coordinates import denormalise_landmarks
from faceline.types import Images, Landmarks, PerFrame

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

    def predict(self, squares: Images) -> tuple[Landmarks, PerFrame | None]:
        """Landmarks on [0, 1] of whole frames of its size, and how sure it is of each."""
        ...


@dataclass(frozen=True, eq=False)
class TaughtFrames:
    """Frames with landmarks that are not those of the data set.

    Attributes:
        store: Frames of it.
        rows: Those of them whose landmarks a teacher had a share in.
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
        split: Of these.
        size: Edge of the cached frames in pixels.
        cache_dir: Folder of the cache.

    Raises:
        InputError: There is no such frame, or none that the teacher is sure of.
    """
    if not isinstance(source, Listing):
        raise InputError(f"{source.name} has no frames without landmarks", column=_KEY)
    listing, videos = source.with_unlabelled(), set(index.videos[split.train].tolist())
    rows = listing.rows(BadRows("skip"))
    files = [row.file for row in rows if np.isnan(row.landmarks).any() and row.video in videos]
    if not files:
        raise InputError(f"{source.name} has no frame without landmarks in a video that is trained on", column=_KEY)
    chosen = ChosenFrames(listing, files)
    landmarks, sure = teacher.predict(cached_frames(chosen, teacher.size, cache_dir).images)
    store = cached_frames(chosen, size, cache_dir)
    held_out = index.digests[np.concatenate([split.val, split.test])]
    believed = ~np.isin(store.index.digests, held_out) & (sure is None or sure >= SURE)
    if not believed.any():
        raise InputError(f"the teacher is sure of none of the {len(files)} frames without landmarks", column=_KEY)
    in_pixels = denormalise_landmarks(landmarks, store.index.sizes[:, None])
    return TaughtFrames(FrameStore(replace(store.index, landmarks=in_pixels), store.images), np.flatnonzero(believed))


def second_opinions(
    teachers: Mapping[Half, Teacher],
    halves: Mapping[Half, np.ndarray],
    source: FrameSource,
    store: FrameStore,
    cache_dir: Path,
) -> TaughtFrames:
    """The mean of each label and of what the teacher of the other half says, who has not learnt that label.

    Labels have noise, and a network that sees them often learns it by heart; two opinions have less of it. Where the
    teacher is not sure, the label stays. Source: Hinton et al., "Distilling the knowledge in a neural network", NIPS
    workshop 2014, with teachers that are fitted across, as in cross-fitting.

    Args:
        teachers: By the half that they were trained on.
        halves: Rows of the frames in each half.
        source: Of the labelled frames.
        store: These.
        cache_dir: Folder of the cache.
    """
    landmarks = store.index.landmarks.astype(np.float64)
    judged: list[np.ndarray] = []
    for half, teacher in teachers.items():
        rows = halves[2 if half == 1 else 1]
        opinion, sure = teacher.predict(cached_frames(source, teacher.size, cache_dir).images[rows])
        believed = np.full(len(rows), True) if sure is None else sure >= SURE
        in_pixels = denormalise_landmarks(opinion, store.index.sizes[rows][:, None])
        landmarks[rows[believed]] = (landmarks[rows] + in_pixels)[believed] / 2
        judged.append(rows[believed])
    rows = np.sort(np.concatenate(judged))
    return TaughtFrames(FrameStore(replace(store.index, landmarks=landmarks), store.images), rows)
