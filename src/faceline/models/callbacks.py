"""Callbacks of a training: seeds, timing, one line for each epoch, and checkpoints that survive a crash."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, RichProgressBar
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor

from faceline.config.names import stored
from faceline.files import write_whole
from faceline.terminal import note

CONFIG_KEY = "faceline"
"""Key of a checkpoint that holds the run's config."""


class EpochSeeds(Callback):
    """Makes randomness inside the model (dropout, stochastic depth) depend on seed and epoch alone.

    Args:
        seed: Seed of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed the epoch."""
        torch.manual_seed(self.seed * 1_000_003 + trainer.current_epoch)


class TrainingClock(Callback):
    """Counts seconds and images of the training steps without validation; the count survives a resume.

    Logs ``train/images_per_second`` each epoch.
    """

    def __init__(self) -> None:
        self.seconds, self.images = 0.0, 0
        self._began, self._images_before, self._seconds_before = 0.0, 0, 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start timing the epoch."""
        self._images_before, self._seconds_before = self.images, self.seconds
        self._began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the images of this step in all processes."""
        self.images += len(batch[0]) * trainer.world_size
        self.seconds = self._seconds_before + time.perf_counter() - self._began
        if batch_idx + 1 == trainer.num_training_batches:
            rate = (self.images - self._images_before) / (self.seconds - self._seconds_before)
            pl_module.log("train/images_per_second", rate, on_step=False, on_epoch=True, sync_dist=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the counts for the checkpoint."""
        return {"seconds": self.seconds, "images": self.images}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the counts from the checkpoint."""
        self.seconds, self.images = state_dict["seconds"], state_dict["images"]


class StayStopped(Callback):
    """Keeps a training that stopped early from training another epoch when it is resumed only to be measured."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop at once if early stopping had stopped before."""
        if any(stopper.stopped_epoch for stopper in trainer.early_stopping_callbacks):
            trainer.should_stop = True


class Pruning(Callback):
    """Stops a training that a sweep gives up because other trials do better.

    Args:
        metric: Name of the validation metric that is reported after each epoch.
        stops: Function of epoch and value; returns whether to stop.
    """

    def __init__(self, metric: str, stops: Callable[[int, float], bool]) -> None:
        self.metric, self.stops, self.pruned = metric, stops, False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report the value and ask whether to stop."""
        if _has(trainer, self.metric) and self.stops(trainer.current_epoch, _number(trainer, self.metric)):
            self.pruned = trainer.should_stop = True


class StepBar(RichProgressBar):
    """Shows the steps of the current epoch, their rate and the time left, on a terminal."""

    def __init__(self) -> None:
        super().__init__(console_kwargs={"stderr": True})

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """Return no metrics: the lines of the epochs show them."""
        return {}


class EpochLines(Callback):
    """Prints one line for each epoch: metrics, rate, and the time left of the whole training."""

    def __init__(self) -> None:
        self._began, self._first = 0.0, 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock for the time left."""
        self._began, self._first = time.perf_counter(), trainer.current_epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print the line."""
        if not trainer.is_global_zero:
            return
        done, total = trainer.current_epoch + 1, trainer.max_epochs or 0
        left = (time.perf_counter() - self._began) / (done - self._first) * (total - done)
        shown = {
            "loss": ("train/loss", "{:.4g}"),
            "val mse": ("val/mse", "{:.3g}"),
            "val nme": ("val/nme", "{:.2%}"),
            "val rank-1": ("val/rank1", "{:.3f}"),
            "val F1": ("val/f1_weighted", "{:.3f}"),
            "images/s": ("train/images_per_second", "{:.0f}"),
        }
        values = {name: form.format(_number(trainer, key)) for name, (key, form) in shown.items() if _has(trainer, key)}
        text = "  ".join(f"{name} {value}" for name, value in values.items())
        note(f"epoch {done}/{total}  {text}  {left / 60:.1f} min left")


class RunConfig(Callback):
    """Stores the config of the run in every checkpoint, so that the file alone can be evaluated.

    Args:
        config: The resolved config, as plain containers.
        run_id: Id of the run.
        needs: The user's own packages without which the model cannot be loaded.
    """

    def __init__(self, config: dict[str, Any], run_id: str, needs: Sequence[str] = ()) -> None:
        self.record = {"config": stored(config), "run_id": run_id, **({"needs": list(needs)} if needs else {})}

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the config to the checkpoint."""
        checkpoint[CONFIG_KEY] = self.record


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and then moves it there, so that a crash leaves the old one whole."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Save under a temporary name, then replace the file."""
        with write_whole(Path(path)) as part:
            super().save_checkpoint(checkpoint, part, storage_options)


def _has(trainer: pl.Trainer, key: str) -> bool:
    return key in trainer.callback_metrics


def _number(trainer: pl.Trainer, key: str) -> float:
    value = trainer.callback_metrics[key]
    return value.item() if isinstance(value, Tensor) else float(value)
