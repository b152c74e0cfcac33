"""Feeds frames and landmarks to Lightning: the same ones for the same seed, even after an interruption."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from faceline.data.cache import FrameStore, cached_frames
from faceline.data.chosen import ChosenFrames
from faceline.data.index import BadRows, FrameIndex, FrameSource, refuse_outside
from faceline.data.labels import list_labels, refuse_unlabelled
from faceline.data.splits import Split, limited, make_split
from faceline.data.taught import TaughtFrames, Teacher, teach
from faceline.errors import InputError
from faceline.geometry.coordinates import denormalise_landmarks, normalise_landmarks
from faceline.threads import usable_threads
from faceline.types import AnyImage, Image, Shape

Batch = Sequence[Tensor]
"""Images (n, 3, h, w) on [0, 1], landmarks (n, 68, 2) on [0, 1], sizes (n, 2) of the original frames in pixels."""

Pipeline = Callable[[Image, Shape, int], tuple[Any, Any]]
"""Turns an image, landmarks in pixels and a seed into tensors on [0, 1]: a `faceline.transforms.Pipeline`."""

Draw = tuple[int, int]
"""Position in a data set, and the seed of its augmentation."""


class LandmarkFrames(Dataset[Batch]):
    """Frames of a store under a pipeline of transforms.

    Args:
        store: Store of frames at training size.
        rows: Rows of the store, in order.
        pipeline: Transforms for every frame; random steps use the seed that comes with the position.
    """

    def __init__(self, store: FrameStore, rows: np.ndarray, pipeline: Pipeline) -> None:
        self.store, self.rows, self.pipeline = store, rows, pipeline
        edge = store.images.shape[1]
        normalised = store.index.take(rows).normalised()
        self.landmarks = denormalise_landmarks(normalised, (edge, edge))  # (n, 68, 2) pixels of the stored frame
        self.sizes = torch.from_numpy(store.index.sizes[rows].astype(np.float32))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draw: Draw | int) -> Batch:
        """Return one frame; without a seed, the position is the seed."""
        position, seed = draw if isinstance(draw, tuple) else (draw, draw)
        image, landmarks = self.pipeline(
            np.array(self.store.images[self.rows[position]]), self.landmarks[position], seed
        )
        return cast(Tensor, image), cast(Tensor, landmarks), self.sizes[position]


class AllFrames(Dataset[Batch]):
    """Several sets of frames, one after another.

    Args:
        sets: The sets, at least one.
    """

    def __init__(self, sets: Sequence[LandmarkFrames]) -> None:
        self.sets = sets

    def __len__(self) -> int:
        return sum(map(len, self.sets))

    def __getitem__(self, draw: Draw) -> Batch:
        """Return one frame."""
        position, seed = draw
        for frames in self.sets:
            if position < len(frames):
                return frames[position, seed]
            position -= len(frames)
        raise IndexError(f"expected a position under {len(self)}")


class EpochSampler(Sampler[Draw]):
    """Shuffles by seed and epoch alone, so that a resumed epoch continues the interrupted one.

    Lightning calls ``set_epoch``. With several processes each takes every k-th frame.

    Args:
        length: Number of frames.
        seed: Seed of the run.
    """

    def __init__(self, length: int, seed: int) -> None:
        self.length, self.seed, self.epoch = length, seed, 0
        distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
        self.rank = torch.distributed.get_rank() if distributed else 0
        self.world = torch.distributed.get_world_size() if distributed else 1

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration belongs to."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length // self.world

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng([self.seed, self.epoch])
        order, seeds = rng.permutation(self.length), rng.integers(2**31, size=self.length)
        mine = order[self.rank :: self.world][: len(self)]
        return iter([(int(position), int(seeds[position])) for position in mine])


def unchanged(image: Image, landmarks: Shape, seed: int) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    """Convert a frame and its landmarks to tensors on [0, 1] without any transform."""
    height, width = image.shape[:2]
    pixels = torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32) / 255)
    return pixels, torch.from_numpy(normalise_landmarks(landmarks, (width, height)).astype(np.float32))


class LandmarkData(pl.LightningDataModule):
    """A LightningDataModule of frames with landmarks: cached at training size, split, transformed, batched.

    Args:
        source: The data set.
        split: Settings of `make_split`; by default the publisher's own division.
        transforms: The pipelines ``train`` and ``eval``; by default both are `unchanged`.
        size: Edge of the cached frames in pixels; whole frames are resized to squares.
        batch_size: Frames for each step and process.
        workers: Processes that prepare batches; 0 prepares them between the steps.
        seed: Seed of order and augmentation.
        cache_dir: Folder of the cache.
        limit: Most frames of each set (the first of a seeded shuffle), for quick trials.
    """

    def __init__(
        self,
        source: FrameSource,
        split: dict[str, Any] | None = None,
        transforms: dict[str, Pipeline] | None = None,
        size: int = 128,
        batch_size: int = 32,
        workers: int = 0,
        seed: int = 0,
        cache_dir: Path = Path("mlruns/cache"),
        limit: int | None = None,
    ) -> None:
        super().__init__()
        self.source, self.split_settings = source, split or {"protocol": "official"}
        self.pipelines = transforms or dict.fromkeys(("train", "eval"), unchanged)
        self.size, self.batch_size, self.workers = size, batch_size, usable_threads(workers, "data.workers")
        self.seed, self.cache_dir, self.limit = seed, cache_dir, limit
        self.taught: TaughtFrames | None = None
        self._store: FrameStore | None = None

    @property
    def store(self) -> FrameStore:
        """The cached frames, which are read once."""
        if self._store is None:
            store, self._split = self._open() if self.limit is None else self._open_few(self.limit)
            refuse_unlabelled(store.index)
            refuse_outside(store.index)
            self._store = store
        return self._store

    def _open(self) -> tuple[FrameStore, Split]:
        """Read every frame."""
        store = cached_frames(self.source, self.size, self.cache_dir)
        return store, make_split(store.index, **self.split_settings)

    def _open_few(self, limit: int) -> tuple[FrameStore, Split]:
        """Read only the frames of a limited split."""
        labels = list_labels(self.source)
        split = limited(make_split(labels, **self.split_settings), limit, self.seed)
        files = {part: labels.files[rows] for part, rows in split.parts().items()}
        source = ChosenFrames(self.source, np.concatenate(list(files.values())).tolist())
        store = cached_frames(source, self.size, self.cache_dir)
        parts = {part: np.flatnonzero(np.isin(store.index.files, names)) for part, names in files.items()}
        return store, Split(split.protocol, **parts)

    @property
    def index(self) -> FrameIndex:
        """The usable frames of the source."""
        return self.store.index

    @property
    def split(self) -> Split:
        """The training, validation and test sets."""
        _ = self.store
        return self._split

    def originals(self, rows: np.ndarray) -> list[AnyImage]:
        """Read frames of the index in their original size, which the cache does not hold."""
        listed = {row.file: row for row in self.source.rows(BadRows("skip"))}
        return [self.source.read(listed[file]) for file in self.index.files[rows].tolist()]

    def learn_from(self, teacher: Teacher) -> list[str]:
        """Add frames without a row to the training set, with pseudo-labels from a teacher.

        Returns:
            The names of these frames.

        Raises:
            InputError: There are no such frames.
        """
        self.taught = teach(teacher, self.source, self.index, self.split, self.size, self.cache_dir)
        return self.taught.files

    def prepare_data(self) -> None:
        """Fill the cache in one process before the others need it."""
        _ = self.store

    def setup(self, stage: str | None = None) -> None:
        """Open the cache in every process."""
        _ = self.store

    def frames(self, part: str) -> LandmarkFrames:
        """Return one set of the split, or all frames, under the transforms that do not change frames.

        Args:
            part: ``train``, ``val`` or ``test``; or ``all``.
        """
        store = self.store
        rows = np.arange(len(store.index)) if part == "all" else self.split.parts()[part]
        return LandmarkFrames(store, rows, self.pipelines["eval"])

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return shuffled, augmented batches; an incomplete last batch is dropped."""
        pipeline = self.pipelines["train"]
        sets = [LandmarkFrames(self.store, self.split.train, pipeline)]
        if self.taught is not None:
            sets.append(LandmarkFrames(self.taught.store, self.taught.rows, pipeline))
        frames = AllFrames(sets)
        sampler = EpochSampler(len(frames), self.seed)
        if len(sampler) < self.batch_size:
            raise InputError(
                f"a batch of {self.batch_size} needs more than {len(sampler)} training frames; lower it",
                column="data.batch_size",
            )
        return self._loader(frames, sampler=sampler, drop_last=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Return every validation frame once and in order, in every process, so that each computes exact figures."""
        return self._loader(self.frames("val"))

    def _loader(self, frames: Dataset[Batch], **options: Any) -> DataLoader[Batch]:
        return DataLoader(
            frames,
            batch_size=self.batch_size,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            # fork: the memory map and the pipelines are shared, and Hydra's job launchers work with workers
            multiprocessing_context="fork" if self.workers else None,
            **options,
        )
