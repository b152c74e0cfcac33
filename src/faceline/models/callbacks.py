"""What happens around the steps of a training: seeds, the clock, one line an epoch, checkpoints that survive."""

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
"""Key of a checkpoint under which the run's config lies."""


class EpochSeeds(Callback):
    """Makes what is random inside the model (dropout, stochastic depth) a function of (seed, epoch).

    Args:
        seed: Seed of the run.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Seed the epoch."""
        torch.manual_seed(self.seed * 1_000_003 + trainer.current_epoch)


class TrainingClock(Callback):
    """Seconds and images of the training steps, validation left out; goes on over a resume.

    Logs ``train/images_per_second`` each epoch.
    """

    def __init__(self) -> None:
        self.seconds, self.images = 0.0, 0
        self._began, self._images_before, self._seconds_before = 0.0, 0, 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock of the epoch."""
        self._images_before, self._seconds_before = self.images, self.seconds
        self._began = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the images of the step, of all processes."""
        self.images += len(batch[0]) * trainer.world_size
        self.seconds = self._seconds_before + time.perf_counter() - self._began
        if batch_idx + 1 == trainer.num_training_batches:
            rate = (self.images - self._images_before) / (self.seconds - self._seconds_before)
            pl_module.log("train/images_per_second", rate, on_step=False, on_epoch=True, sync_dist=True)

    def state_dict(self) -> dict[str, Any]:
        """For the checkpoint."""
        return {"seconds": self.seconds, "images": self.images}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From the checkpoint."""
        self.seconds, self.images = state_dict["seconds"], state_dict["images"]


class StayStopped(Callback):
    """Lets a training that had stopped early, and is resumed only to be measured, not train another epoch."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Stop at once where early stopping remembers that it had stopped."""
        if any(stopper.stopped_epoch for stopper in trainer.early_stopping_callbacks):
            trainer.should_stop = True


class Pruning(Callback):
    """Stops a training that somebody who sees others beside it gives up.

    Args:
        metric: The metric of validation, told after each epoch.
        stops: Takes the epoch and the value; whether to stop.
    """

    def __init__(self, metric: str, stops: Callable[[int, float], bool]) -> None:
        self.metric, self.stops, self.pruned = metric, stops, False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tell the value and ask."""
        if _has(trainer, self.metric) and self.stops(trainer.current_epoch, _number(trainer, self.metric)):
            self.pruned = trainer.should_stop = True


class StepBar(RichProgressBar):
    """The steps of the epoch at hand, their rate and the time left, on a terminal."""

    def __init__(self) -> None:
        super().__init__(console_kwargs={"stderr": True})

    def get_metrics(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> dict[str, Any]:
        """Nothing: the lines of the epochs tell them."""
        return {}


class EpochLines(Callback):
    """One line an epoch: metrics, rate, and the time that is left of the whole training."""

    def __init__(self) -> None:
        self._began, self._first = 0.0, 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock from which the time left is told."""
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
    """Puts the config of the run into every checkpoint, so that a file alone can be evaluated.

    Args:
        config: The resolved config, plain containers only.
        run_id: The run that made it.
        needs: Packages of the user's own without which the model cannot be loaded.
    """

    def __init__(self, config: dict[str, Any], run_id: str, needs: Sequence[str] = ()) -> None:
        self.record = {"config": stored(config), "run_id": run_id, **({"needs": list(needs)} if needs else {})}

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the record."""
        checkpoint[CONFIG_KEY] = self.record


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and then moves it there: whatever happens, the one before is left, whole."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Save under a name of its own, then replace."""
        with write_whole(Path(path)) as part:
            super().save_checkpoint(checkpoint, part, storage_options)


def _has(trainer: pl.Trainer, key: str) -> bool:
    return key in trainer.callback_metrics


def _number(trainer: pl.Trainer, key: str) -> float:
    value = trainer.callback_metrics[key]
    return value.item() if isinstance(value, Tensor) else float(value)
