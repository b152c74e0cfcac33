"""Lightning's numbers into a tracked run."""

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
        folder: The folder of the working files of all runs; checkpoints go to ``<folder>/<run id>/checkpoints``.
    """

    def __init__(self, run: Run, folder: Path) -> None:
        super().__init__()
        self.run, self.folder = run, folder

    @property
    def save_dir(self) -> str:
        """Folder of all runs' working files."""
        return str(self.folder)

    @property
    def name(self) -> str:
        """Empty: no folder between the one of all runs and this run's."""
        return ""

    @property
    def version(self) -> str:
        """Id of the run."""
        return self.run.id

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log under the epoch where Lightning tells it, else under the step."""
        numbers = dict(metrics)
        epoch = numbers.pop("epoch", step)
        self.run.log_metrics(numbers, None if epoch is None else int(epoch))

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: the run holds the whole config."""
