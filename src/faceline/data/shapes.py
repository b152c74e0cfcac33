"""Feeds the shapes of faces, which are landmarks without pixels, to models that identify people."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pytorch_lightning as pl
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from faceline.data.index import FrameSource, LabelIndex
from faceline.data.labels import read_labels
from faceline.data.splits import (
    GalleryAndProbes,
    Split,
    columns_of,
    gallery_and_probes,
    limited,
    make_split,
    refuse_unknown_people,
)
from faceline.errors import InputError
from faceline.geometry.shape import centroid_size, generalised_procrustes, normalise

Features = Float[np.ndarray, "n features"]
"""Normalised shapes, one row each: x, y (and z) of landmark 0, then of landmark 1, …"""


class ShapeBatch(NamedTuple):
    """A batch of shapes and their labels.

    Attributes:
        features: (n, 68 * d) float32 normalised shapes.
        people: (n,) int64 person numbers, -1 for strangers.
        videos: (n,) int64 numbers of the training videos, -1 for others.
        sizes: (n, 1) float32 centroid size of the face in pixels.
        enrols: (n,) bool, whether the frame enrols its person.
    """

    features: Tensor
    people: Tensor
    videos: Tensor
    sizes: Tensor
    enrols: Tensor

    def take(self, rows: Tensor) -> "ShapeBatch":
        """Return some rows of the batch."""
        return ShapeBatch(*(column[rows] for column in self))


_EVAL_BATCH = 8192


class ShapeBatches(IterableDataset[ShapeBatch]):
    """Cuts whole batches out of tensors in memory by index; nothing is done frame by frame.

    Args:
        columns: Tensors with one row for each frame.
        batch_size: Frames in each batch; an incomplete last batch is returned only in order.
        seed: Seed of the shuffle, together with the epoch; None keeps the order.
    """

    def __init__(self, columns: ShapeBatch, batch_size: int, seed: int | None = None) -> None:
        self.columns, self.batch_size, self.seed, self.epoch = columns, batch_size, seed, 0
        distributed = seed is not None and torch.distributed.is_available() and torch.distributed.is_initialized()
        self.rank = torch.distributed.get_rank() if distributed else 0
        self.world = torch.distributed.get_world_size() if distributed else 1

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; Lightning calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        n = len(self.columns[0]) // self.world
        return n // self.batch_size if self.seed is not None else -(-n // self.batch_size)

    def __iter__(self) -> Iterator[ShapeBatch]:
        n = len(self.columns[0])
        order = np.arange(n) if self.seed is None else np.random.default_rng([self.seed, self.epoch]).permutation(n)
        mine = torch.from_numpy(order[self.rank :: self.world])
        for batch in range(len(self)):
            rows = mine[batch * self.batch_size : (batch + 1) * self.batch_size]
            yield self.columns.take(rows)


class ShapeData(pl.LightningDataModule):
    """A LightningDataModule of shapes: centred, scaled and, if asked, rotated to the mean shape of the training set.

    Args:
        source: The data set; its pixels are not read.
        split: Settings of `make_split`.
        dims: Number of coordinates of each landmark, 2 or 3.
        rotate: Whether to rotate every shape to the mean shape, so that a tilted head does not tell who it is.
        batch_size: Shapes for each step and process.
        seed: Seed of the order.
        cache_dir: Folder of the index of labels.
        limit: Most frames of each set, for quick trials.

    Raises:
        InputError: No person of the validation set would be known, or ``dims`` is 3 and the data set has no
            three-dimensional landmarks.
    """

    def __init__(
        self,
        source: FrameSource,
        split: dict[str, Any],
        dims: Literal[2, 3],
        rotate: bool,
        batch_size: int,
        seed: int,
        cache_dir: Path,
        limit: int | None = None,
    ) -> None:
        super().__init__()
        refuse_unknown_people(split)
        self.source, self.split_settings, self.dims, self.rotate = source, split, dims, rotate
        self.batch_size, self.seed, self.cache_dir, self.limit = batch_size, seed, cache_dir, limit

    @cached_property
    def index(self) -> LabelIndex:
        """The usable labels of the source."""
        index = read_labels(self.source, self.cache_dir)
        if self.dims == 3 and index.landmarks3d is None:
            raise InputError(
                f"{self.source.name} has no landmarks in three dimensions; set it to 2", column="task.dims"
            )
        return index

    @cached_property
    def split(self) -> Split:
        """The training, validation and test sets."""
        return limited(make_split(self.index, **self.split_settings), self.limit, self.seed)

    @cached_property
    def features(self) -> Features:
        """Features (n, 68 * d) in float32 of every frame of the index."""
        shapes = self.index.landmarks if self.dims == 2 else self.index.landmarks3d
        assert shapes is not None
        mean = generalised_procrustes(shapes[self.split.train]) if self.rotate else None
        return normalise(shapes, mean).reshape(len(shapes), -1).astype(np.float32)

    @cached_property
    def sizes(self) -> np.ndarray:
        """Centroid size (n,) of every face in pixels."""
        return centroid_size(self.index.landmarks)

    @cached_property
    def videos(self) -> np.ndarray:
        """Sorted names of the videos in the training set."""
        return np.unique(self.index.videos[self.split.train])

    @cached_property
    def people(self) -> np.ndarray:
        """Sorted names of the people in the training set."""
        return np.unique(self.index.persons[self.split.train])

    def trial(self, part: Literal["val", "test"]) -> GalleryAndProbes:
        """Return gallery and probes of one set of the split."""
        return gallery_and_probes(self.index, self.split, part, self.split_settings["seed"])

    def prepare_data(self) -> None:
        """Read the labels in one process before the others need them."""
        _ = self.index

    def setup(self, stage: str | None = None) -> None:
        """Normalise the shapes in every process."""
        _ = self.features

    def train_dataloader(self) -> DataLoader[ShapeBatch]:
        """Return shuffled batches; an incomplete last batch is dropped."""
        rows = self.split.train
        if len(rows) < self.batch_size:
            raise InputError(
                f"a batch of {self.batch_size} needs more than {len(rows)} training frames; lower it",
                column="data.batch_size",
            )
        columns = self._columns(rows, self.people, enrols=False)
        return DataLoader(ShapeBatches(columns, self.batch_size, self.seed), batch_size=None)

    def val_dataloader(self) -> DataLoader[ShapeBatch]:
        """Return the validation trial in order: the probes of known people, or the gallery and then the probes."""
        trial = self.trial("val")
        persons = self.index.persons
        if self.split.protocol == "person_disjoint":
            people = np.unique(persons[trial.gallery])
            parts = [
                self._columns(trial.gallery, people, enrols=True),
                self._columns(trial.probes, people, enrols=False),
            ]
            columns = ShapeBatch(*(torch.cat(column) for column in zip(*parts, strict=True)))
        else:
            known = trial.probes[np.isin(persons[trial.probes], self.people)]
            columns = self._columns(known, self.people, enrols=False)
        return DataLoader(ShapeBatches(columns, _EVAL_BATCH), batch_size=None)

    def _columns(self, rows: np.ndarray, people: np.ndarray, enrols: bool) -> ShapeBatch:
        return ShapeBatch(
            features=torch.from_numpy(self.features[rows]),
            people=torch.from_numpy(columns_of(self.index.persons[rows], people)),
            videos=torch.from_numpy(columns_of(self.index.videos[rows], self.videos)),
            sizes=torch.from_numpy(self.sizes[rows, None].astype(np.float32)),
            enrols=torch.full((len(rows),), enrols),
        )
