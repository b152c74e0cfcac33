"""Logs Lightning's metrics to a tracked run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from faceline.tracking.runs import Run


class RunLogger(Logger):
    """Logs metrics by epoch, and leaves the run's status and params to whoever opened it.

    Lightning's own MLflow logger marks a run FINISHED when fit ends, which hides a later crash.

    Args:
        run: The open run.
        folder: Folder with the working files of all runs; checkpoints go to ``<folder>/<run id>/checkpoints``.
    """

    def __init__(self, run: Run, folder: Path) -> None:
        super().__init__()
        self.run, self.folder = run, folder

    @property
    def save_dir(self) -> str:
        """Folder with the working files of all runs."""
        return str(self.folder)

    @property
    def name(self) -> str:
        """Empty name: no further folder lies between that of all runs and this run's."""
        return ""

    @property
    def version(self) -> str:
        """Id of the run."""
        return self.run.id

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics under the epoch if Lightning gives it, else under the step."""
        numbers = dict(metrics)
        epoch = numbers.pop("epoch", step)
        self.run.log_metrics(numbers, None if epoch is None else int(epoch))

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the run holds the whole config."""
