"""Defines a task: it builds data and model, measures them, and says how well it went."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import pytorch_lightning as pl
from hydra.utils import instantiate
from matplotlib.figure import Figure

from faceline.data.index import FrameSource, LabelIndex
from faceline.data.splits import Split

Config = dict[str, Any]
"""A resolved config in plain containers."""

Part = Literal["train", "val", "test", "all"]

Lessons = Mapping[str, list[str]]
"""Names of the frames whose labels or sets differ from the data set's, by the kind of change."""

LANDMARKS = {"_target_": "faceline.tasks.landmarks.LandmarkTask"}
"""Task of runs that are older than tasks."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """The measurement of a model on one set of the split.

    Attributes:
        scalars: Every metric of the set.
        frames: Table with one row for each frame: file, person, video and the model's result.
        figures: Functions that draw the figures, by file name; unused figures cost nothing.
        landmarks: (n, 68, 2) predictions on [0, 1] of each frame, in a landmark task.
    """

    scalars: dict[str, float]
    frames: pd.DataFrame
    figures: Callable[[], dict[str, Figure]]
    landmarks: np.ndarray | None = None


@runtime_checkable
class TaskData(Protocol):
    """The data module of any task."""

    source: FrameSource

    @property
    def index(self) -> LabelIndex:
        """The usable frames."""
        ...

    @property
    def split(self) -> Split:
        """The training, validation and test sets."""
        ...

    def prepare_data(self) -> None:
        """Read what is slow to read."""
        ...


@runtime_checkable
class Task(Protocol):
    """The purpose of a model.

    Attributes:
        name: Name that tells the runs of this task from others.
        objective: Validation metric by which models are chosen.
    """

    name: str
    objective: str

    def build_model(self, config: Config) -> Any:
        """Build the untrained model of a config; a wrong config is refused before any data are read."""
        ...

    def scalars(self, config: Config) -> frozenset[str]:
        """Return the names of the validation metrics."""
        ...

    def build_data(self, config: Config) -> Any:
        """Build the data module of a config without reading anything."""
        ...

    def join(self, model: Any, data: Any) -> Lessons:
        """Let the model build the layers that depend on the data, and let teacher models label data."""
        ...

    def fit(self, model: Any, data: Any, file: Path, record: Mapping[str, Any]) -> None:
        """Fit and save a model that is not trained in epochs.

        Args:
            model: Model that is no LightningModule.
            data: Data module to fit it to.
            file: File for the model.
            record: Config and run, which are stored with it.
        """
        ...

    def measure(self, model: Any, data: Any, part: Part, label: str, source: str) -> Measurement:
        """Compute all metrics of a trained model on a set, in total and for each frame, with figures.

        Args:
            model: Trained model on any device.
            data: Its data module, or another one of the same kind.
            part: Set of the split: ``train``, ``val`` or ``test``; or ``all`` frames.
            label: Name of the model in the figures.
            source: Line that says where the numbers come from.
        """
        ...

    def one_frame(self, model: Any, data: Any) -> Callable[[], object] | None:
        """Return a function that processes one frame on the CPU; None if its time does not matter."""
        ...

    def lines(self, scalars: Mapping[str, float]) -> list[str]:
        """Format the metrics as aligned text."""
        ...

    def verdict(self, scalars: Mapping[str, float]) -> str:
        """Summarise the metrics that count."""
        ...


def task_of(config: Mapping[str, Any]) -> Task:
    """Return the task of a config."""
    task: Task = instantiate(config.get("task", LANDMARKS))
    return task


def is_trained_in_epochs(model: Any) -> bool:
    """Tell whether Lightning trains the model."""
    return isinstance(model, pl.LightningModule)
