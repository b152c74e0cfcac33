"""Feeds aligned faces to models that identify people by their looks."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, cast, runtime_checkable

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from faceline.data.cache import FrameStore, cached_frames
from faceline.data.datamodule import Draw, Pipeline
from faceline.data.index import FrameIndex, FrameRow, FrameSource, markup_of
from faceline.data.splits import (
    GalleryAndProbes,
    Split,
    columns_of,
    gallery_and_probes,
    limited,
    make_split,
    refuse_unknown_people,
    unseen,
)
from faceline.errors import InputError
from faceline.geometry.crops import ARCFACE, Template, align_face
from faceline.geometry.markup import IBUG68, Markup
from faceline.threads import usable_threads
from faceline.types import Image, Shape, Square

FaceBatch = Sequence[Tensor]
"""Faces (n, 3, h, w) on [0, 1]; person numbers (n,) int64, -1 for strangers; and (n,) bool, whether a frame enrols its
person."""

MARGIN = 1 / 14
"""Margin around the template for moving the face in training: 128 pixels for a template of 112."""

_OF_VIDEO = 3  # frames of a video that enrol in the validation of an epoch; near copies of them would add little
_NOWHERE = np.zeros((68, 2), dtype=np.float32)  # a pipeline takes landmarks too; of a crop nobody needs them


@runtime_checkable
class Detector(Protocol):
    """Finds landmarks in frames without labels."""

    def key(self) -> str:
        """Return a text that differs between detectors."""
        ...

    def __call__(self, image: Image) -> Shape:
        """Return the landmarks of the single face in a frame, in pixels."""
        ...


class AlignedFace:
    """Cuts the aligned face out of a frame.

    Args:
        detector: Detector for frames without landmarks; None refuses such frames.
        every: Whether to detect landmarks in every frame, as a stand does, even in labelled ones.
        template: How faces are aligned.
        markup: Meaning of the labels; a detector finds the 68 points of iBUG.

    Raises:
        InputError: The markup does not say which landmarks align a face.
    """

    def __init__(
        self,
        detector: Detector | None = None,
        every: bool = False,
        template: Template = ARCFACE,
        markup: Markup = IBUG68,
    ) -> None:
        self.detector, self.every, self.template = detector, every, template
        self.of_labels = template if every else template.for_markup(markup)

    def key(self) -> str:
        """Return a text of what the pictures depend on, beside frames and labels."""
        return (
            f"face {MARGIN:.4f} {self.detector.key() if self.detector else ''}{' every' if self.every else ''}"
            f"{'' if self.template == ARCFACE else f' {self.template}'}"
            f"{'' if self.of_labels == self.template else f' {self.of_labels.landmarks}'}"
        )

    def __call__(self, row: FrameRow, image: Image, size: int) -> Square:
        """Return the aligned face.

        Raises:
            InputError: Eyes, nose or mouth have no label and there is no detector, or the landmarks make no face.
        """
        landmarks, template = row.landmarks, self.of_labels
        if self.every or np.isnan(template.of(landmarks)).any():
            if self.detector is None:
                lacks = "has no landmarks" if np.isnan(landmarks).all() else "misses landmarks of eyes, nose or mouth"
                raise InputError(
                    f"{row.file} {lacks}; name a checkpoint that finds them, or leave out such frames",
                    column="task.detector",
                )
            landmarks, template = self.detector(image), self.template
        try:
            return align_face(image, landmarks, size, MARGIN, template)
        except InputError as error:
            raise InputError(f"{row.file}: {error.message}", row=row.line) from None


class Faces(Dataset[FaceBatch]):
    """Faces of a store under a pipeline of transforms.

    Args:
        store: Store of aligned faces.
        rows: Rows of the store, in order.
        labels: (n,) person number of each face.
        enrols: (n,) whether each face enrols its person.
        pipeline: Transforms for every face; random steps use the seed that comes with the position.
    """

    def __init__(
        self, store: FrameStore, rows: np.ndarray, labels: np.ndarray, enrols: np.ndarray, pipeline: Pipeline
    ) -> None:
        self.store, self.rows, self.pipeline = store, rows, pipeline
        self.labels, self.enrols = torch.from_numpy(labels), torch.from_numpy(enrols)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draw: Draw | int) -> FaceBatch:
        """Return one face; without a seed, the position is the seed."""
        position, seed = draw if isinstance(draw, tuple) else (draw, draw)
        picture, _ = self.pipeline(np.array(self.store.images[self.rows[position]]), _NOWHERE, seed)
        return cast(Tensor, picture), self.labels[position], self.enrols[position]


class PeopleSampler(Sampler[Draw]):
    """Batches of P people with K frames each, from different videos if possible; seed and epoch alone decide.

    Args:
        labels: (n,) person number of each frame.
        videos: (n,) video of each frame.
        people: Number P of people in a batch.
        frames: Number K of frames of each person.
        seed: Seed of the run.
    """

    def __init__(self, labels: np.ndarray, videos: np.ndarray, people: int, frames: int, seed: int) -> None:
        self.labels, self.videos, self.people, self.frames = labels, videos, people, frames
        self.seed, self.epoch = seed, 0
        self._of_person = [np.flatnonzero(labels == label) for label in np.unique(labels)]

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; Lightning calls it."""
        self.epoch = epoch

    def __len__(self) -> int:
        batch = self.people * self.frames
        return len(self.labels) // batch * batch

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng([self.seed, self.epoch])
        for _ in range(len(self) // (self.people * self.frames)):
            for person in rng.permutation(len(self._of_person))[: self.people]:
                for position in self._some(self._of_person[person], rng):
                    yield int(position), int(rng.integers(2**31))

    def _some(self, rows: np.ndarray, rng: np.random.Generator) -> list[int]:
        """Draw K frames of one person, from each video in turn; frames repeat if there are fewer."""
        videos = self.videos[rows]
        by_video = [rng.permutation(rows[videos == video]) for video in rng.permutation(np.unique(videos))]
        turns = [by_video[k % len(by_video)] for k in range(self.frames)]
        return [int(frames[k // len(by_video) % len(frames)]) for k, frames in enumerate(turns)]


class FaceData(pl.LightningDataModule):
    """A LightningDataModule of aligned faces: cached, split, transformed, batched by people.

    Args:
        source: The data set. Frames without landmarks join only the training of their video. Those with the same pixels
            as a validation or test frame are left out.
        split: Settings of `make_split`.
        transforms: Pipelines ``train`` and ``eval``; they take faces with a `MARGIN` and return them at ``size``.
        size: Edge of the template in pixels.
        people: Number of people in a batch.
        frames: Number of frames of each person.
        workers: Processes that prepare batches; 0 prepares them between the steps.
        seed: Seed of order and augmentation.
        cache_dir: Folder of the cache.
        limit: Most frames of each set, for quick trials.
        detector: Finds landmarks in frames without labels.
        every: Whether it finds the landmarks of all frames.
        template: How faces are aligned.

    Raises:
        InputError: No person of the validation set would be known.
    """

    def __init__(
        self,
        source: FrameSource,
        split: dict[str, Any],
        transforms: dict[str, Pipeline],
        size: int,
        people: int,
        frames: int,
        workers: int,
        seed: int,
        cache_dir: Path,
        limit: int | None = None,
        detector: Detector | None = None,
        every: bool = False,
        template: Template = ARCFACE,
    ) -> None:
        super().__init__()
        refuse_unknown_people(split)
        self.source, self.split_settings, self.pipelines = source, split, transforms
        self.size, self.people_per_batch, self.frames_per_person = size, people, frames
        self.workers, self.seed, self.cache_dir, self.limit = (
            usable_threads(workers, "data.workers"),
            seed,
            cache_dir,
            limit,
        )
        self.view = AlignedFace(detector, every, template, markup_of(source))
        self._store: FrameStore | None = None

    @property
    def store(self) -> FrameStore:
        """The aligned faces, which are read once."""
        if self._store is None:
            edge = round(self.size * (1 + 2 * MARGIN))
            self._store = cached_frames(self.source, edge, self.cache_dir, self.view)
            self._split, self._extra = self._divide(self._store.index)
        return self._store

    @property
    def index(self) -> FrameIndex:
        """The usable frames of the source."""
        return self.store.index

    @property
    def split(self) -> Split:
        """The training, validation and test sets of the labelled frames."""
        _ = self.store
        return self._split

    @property
    def extra(self) -> np.ndarray:
        """Rows of the frames without landmarks that join the training set."""
        _ = self.store
        return self._extra

    @property
    def people(self) -> np.ndarray:
        """Sorted names of the people in the training set."""
        return np.unique(self.index.persons[self.split.train])

    @property
    def _learnt(self) -> np.ndarray:
        """Rows of all frames that the training uses."""
        return np.union1d(self.split.train, self.extra)

    def trial(self, part: Literal["val", "test"]) -> GalleryAndProbes:
        """Return gallery and probes of one set."""
        return gallery_and_probes(self.index, self.split, part, self.split_settings["seed"])

    def prepare_data(self) -> None:
        """Fill the cache in one process before the others need it."""
        _ = self.store

    def setup(self, stage: str | None = None) -> None:
        """Open the cache in every process."""
        _ = self.store

    def faces(self, rows: np.ndarray) -> Faces:
        """Return some faces in order, under the transforms that do not change them."""
        return self._faces(rows, np.full(len(rows), -1), enrols=False)

    def still_dataloader(self) -> DataLoader[FaceBatch]:
        """Return the training faces once and in order, under the transforms that do not change them."""
        rows = self._learnt
        labels = columns_of(self.index.persons[rows], self.people)
        return self._loader(self._faces(rows, labels, enrols=False), 64)

    def train_dataloader(self) -> DataLoader[FaceBatch]:
        """Return augmented batches of P people with K frames each.

        Raises:
            InputError: There are fewer people or frames than that.
        """
        rows, index = self._learnt, self.index
        if len(self.people) < self.people_per_batch:
            raise InputError(
                f"a batch of {self.people_per_batch} people needs more than {len(self.people)} of them; lower it",
                column="task.people",
            )
        labels = columns_of(index.persons[rows], self.people)
        faces = Faces(self.store, rows, labels, np.zeros(len(rows), dtype=bool), self.pipelines["train"])
        sampler = PeopleSampler(labels, index.videos[rows], self.people_per_batch, self.frames_per_person, self.seed)
        batch = self.people_per_batch * self.frames_per_person
        if len(sampler) < batch:
            raise InputError(
                f"a batch of {batch} frames needs more than {len(rows)} of them; lower it", column="task.frames"
            )
        return self._loader(faces, batch, sampler=sampler)

    def val_dataloader(self) -> DataLoader[FaceBatch]:
        """Return the validation trial in order: some frames of each gallery video, then the probes."""
        trial, index = self.trial("val"), self.index
        gallery = self._few(trial.gallery)
        people = np.unique(index.persons[gallery])
        rows = np.concatenate([gallery, trial.probes])
        labels = columns_of(index.persons[rows], people)
        enrols = np.arange(len(rows)) < len(gallery)
        known = enrols | (labels >= 0) | (self.split.protocol == "person_disjoint")
        faces = Faces(self.store, rows[known], labels[known], enrols[known], self.pipelines["eval"])
        return self._loader(faces, 64)

    def _divide(self, index: FrameIndex) -> tuple[Split, np.ndarray]:
        """Split the labelled frames; also return the unlabelled frames of training videos.

        Where no frame has landmarks, as in folders of people, all are split.
        """
        unknown = index.missing.all(axis=1)
        labelled = np.flatnonzero(~unknown | unknown.all())
        split = make_split(index.take(labelled), **self.split_settings)
        split = Split(split.protocol, **{part: labelled[rows] for part, rows in split.parts().items()})
        others = np.setdiff1d(np.arange(len(index)), labelled)
        held_out = index.videos[np.concatenate([split.val, split.test])]
        mine = np.isin(index.videos[others], index.videos[split.train]) & unseen(index.digests[others], index, split)
        if split.protocol in ("video_disjoint", "person_disjoint"):
            mine &= ~np.isin(index.videos[others], held_out)
        return limited(split, self.limit, self.seed), others[mine] if self.limit is None else others[:0]

    def _few(self, rows: np.ndarray) -> np.ndarray:
        """Keep at most a few frames of each video."""
        videos = self.index.videos[rows]
        order = np.argsort(videos, kind="stable")
        _, first, counts = np.unique(videos[order], return_index=True, return_counts=True)
        place = np.arange(len(rows)) - np.repeat(first, counts)
        return np.sort(rows[order[place < _OF_VIDEO]])

    def _faces(self, rows: np.ndarray, labels: np.ndarray, enrols: bool) -> Faces:
        return Faces(self.store, rows, labels, np.full(len(rows), enrols), self.pipelines["eval"])

    def _loader(self, faces: Faces, batch_size: int, **options: Any) -> DataLoader[FaceBatch]:
        return DataLoader(
            faces,
            batch_size=batch_size,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            multiprocessing_context="fork" if self.workers else None,
            **options,
        )
