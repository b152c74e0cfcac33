"""What a training is for: each task builds its data and model, measures them, and says how well it went."""

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

Part = Literal["train", "val", "test"]

Lessons = Mapping[str, list[str]]
"""Names of the frames that are learnt otherwise than split and labels of the data set say, by what is done."""

LANDMARKS = {"_target_": "faceline.tasks.landmarks.LandmarkTask"}
"""The task of runs that are older than tasks."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """A model on one part of a data set.

    Attributes:
        scalars: Every metric of the part.
        frames: One row a frame: file, person, video and what the model made of it.
        figures: Draws the figures, by file name; nobody pays for those that nobody keeps.
        landmarks: (n, 68, 2) predicted on [0, 1] of each frame, where the task is to find them.
    """

    scalars: dict[str, float]
    frames: pd.DataFrame
    figures: Callable[[], dict[str, Figure]]
    landmarks: np.ndarray | None = None


@runtime_checkable
class TaskData(Protocol):
    """A data module of any task."""

    source: FrameSource

    @property
    def index(self) -> LabelIndex:
        """The usable frames."""
        ...

    @property
    def split(self) -> Split:
        """Who trains, chooses and judges."""
        ...

    def prepare_data(self) -> None:
        """Read what is slow to read."""
        ...


@runtime_checkable
class Task(Protocol):
    """What a model is for.

    Attributes:
        name: Runs of one task are told apart from those of another by it.
        objective: The metric of validation by which models are chosen.
    """

    name: str
    objective: str

    def build_model(self, config: Config) -> Any:
        """The untrained model of a config; refuses what is wrong before any data are read."""
        ...

    def scalars(self, config: Config) -> frozenset[str]:
        """The names of the metrics of validation."""
        ...

    def build_data(self, config: Config) -> Any:
        """The data module of a config; reads nothing yet."""
        ...

    def join(self, model: Any, data: Any) -> Lessons:
        """Let the model take from the data what it is built from, and the data from other models what these teach."""
        ...

    def fit(self, model: Any, data: Any, file: Path, record: Mapping[str, Any]) -> None:
        """Fit and save a model that is not trained in epochs.

        Args:
            model: No LightningModule.
            data: What it is fitted to.
            file: Where the model goes.
            record: Goes with it: config and run.
        """
        ...

    def measure(self, model: Any, data: Any, part: Part, label: str, source: str) -> Measurement:
        """All metrics of a trained model on a part, whole and frame by frame, with their figures.

        Args:
            model: On any device.
            data: Its data module, or another one of the same kind.
            part: The part of the split.
            label: How the model is called in the figures.
            source: Line that tells where the numbers come from.
        """
        ...

    def one_frame(self, model: Any, data: Any) -> Callable[[], object] | None:
        """What a trained model on the CPU does for one frame; None where nobody asks how long that takes."""
        ...

    def lines(self, scalars: Mapping[str, float]) -> list[str]:
        """The metrics as aligned text."""
        ...

    def verdict(self, scalars: Mapping[str, float]) -> str:
        """The metrics that count, in a few words."""
        ...


def task_of(config: Mapping[str, Any]) -> Task:
    """The task of a config."""
    task: Task = instantiate(config.get("task", LANDMARKS))
    return task


def is_trained_in_epochs(model: Any) -> bool:
    """Whether Lightning trains the model."""
    return isinstance(model, pl.LightningModule)
