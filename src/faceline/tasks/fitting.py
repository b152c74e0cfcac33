"""Trains a model and writes its file: in epochs with Lightning, or in one fit."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.utils import instantiate

from faceline.config.project import used_packages
from faceline.errors import InputError
from faceline.models.callbacks import (
    AtomicCheckpointIO,
    EpochLines,
    EpochSeeds,
    Pruning,
    RunConfig,
    StayStopped,
    StepBar,
    TrainingClock,
)
from faceline.tasks.assembly import CLASSIFIER
from faceline.tasks.task import Config, Task, TaskData
from faceline.tracking.lightning import RunLogger
from faceline.tracking.provenance import needed

RESUME = "last"
"""Value of ``ckpt_path`` that continues an interrupted run."""


@dataclass(frozen=True)
class Fitted:
    """A model after its training.

    Attributes:
        model: The model in memory; after training in epochs, that of the last epoch.
        file: File of the best model, which is measured and kept; None if there is nothing to keep.
        costs: Costs of the training, by the names of metrics.
        best: Best validation score of the epochs; None without epochs.
        pruned: Whether the training was given up because other trials did better.
    """

    model: Any
    file: Path | None
    costs: dict[str, float]
    best: float | None
    pruned: bool = False


def folder(config: Config, run_id: str) -> Path:
    """Return the working folder of a run."""
    return Path(config["tracking"]["root"]) / "mlruns" / "runs" / run_id


def last_checkpoint(config: Config, run_id: str) -> Path:
    """Return the checkpoint from which a run continues; it exists after the first epoch."""
    return folder(config, run_id) / "checkpoints" / "last.ckpt"


def refuse_trainer(config: Config) -> None:
    """Refuse a trainer that cannot run here, while no data is read.

    Raises:
        InputError: There is no such device.
        MisconfigurationException: Lightning refuses a setting of the trainer or of a callback.
    """
    accelerator = config["trainer"].get("accelerator")
    if accelerator in ("gpu", "cuda") and not (torch.cuda.is_available() or torch.backends.mps.is_available()):
        raise InputError(
            f"torch {torch.__version__} finds no GPU on this machine; train on the CPU with trainer=cpu",
            column="trainer.accelerator",
        )
    callbacks = [instantiate(node) for node in config["callbacks"].values() if node]
    instantiate(config["trainer"], callbacks=callbacks, logger=False, enable_progress_bar=False)


def refuse_few_frames(config: Config, data: TaskData) -> None:
    """Refuse a training set that is smaller than a batch, while there is no run.

    Raises:
        InputError: The set is smaller.
    """
    if config["trainer"]["max_epochs"] != 0:
        assert isinstance(data, pl.LightningDataModule)
        data.train_dataloader()


def fit(
    config: Config,
    model: pl.LightningModule,
    data: TaskData,
    run_id: str,
    logger: RunLogger | None,
    pruning: Pruning | None = None,
) -> Fitted:
    """Train in epochs; an embedder without epochs keeps its discriminants.

    Raises:
        InputError: No epoch was both trained and validated.
        KeyboardInterrupt: The training was interrupted.
    """
    place, clock = folder(config, run_id), TrainingClock()
    configured = [instantiate(node) for node in config["callbacks"].values() if node]
    bars = [StepBar()] if sys.stderr.isatty() else []
    own = [
        EpochSeeds(config["seed"]),
        clock,
        RunConfig(config, run_id, needed(used_packages(config))),
        StayStopped(),
        EpochLines(),
        *bars,
    ]
    own += [pruning] if pruning else []
    trainer = instantiate(
        config["trainer"],
        callbacks=[*configured, *own],
        logger=logger or False,
        plugins=[AtomicCheckpointIO()],
        default_root_dir=str(place),
        enable_progress_bar=bool(bars),
    )
    assert isinstance(trainer, pl.Trainer)
    assert isinstance(data, pl.LightningDataModule)
    trainer.fit(model, data, ckpt_path=_start(config, run_id), weights_only=True)
    if trainer.interrupted:
        raise KeyboardInterrupt
    best = place / "checkpoints" / "best.ckpt"
    if config["trainer"]["max_epochs"] == 0:
        trainer.save_checkpoint(best)  # what the model starts as is what it is
    if logger is not None and not config["trainer"].get("fast_dev_run") and not best.is_file():
        raise InputError(
            "no epoch was trained and validated; raise trainer.max_epochs above that of the checkpoint, and keep "
            "callbacks.best",
            column="ckpt_path",
        )
    costs = {
        "train_seconds": clock.seconds,
        "images_per_second": clock.images / max(clock.seconds, 1e-9),
        "epochs": float(trainer.current_epoch),
    }
    return Fitted(model, best, costs, _best_validation(trainer), pruning is not None and pruning.pruned)


def fit_at_once(config: Config, task: Task, model: Any, data: TaskData, run_id: str) -> Fitted:
    """Fit a model that has no epochs."""
    place = folder(config, run_id) / "checkpoints"
    place.mkdir(parents=True, exist_ok=True)
    file, began = place / f"best{CLASSIFIER}", time.perf_counter()
    needs = needed(used_packages(config))
    task.fit(model, data, file, {"config": config, "run_id": run_id, **({"needs": needs} if needs else {})})
    return Fitted(model, file if file.is_file() else None, {"train_seconds": time.perf_counter() - began}, None)


def _start(config: Config, run_id: str) -> str | None:
    """Return the checkpoint that fitting starts from; None to start anew."""
    if config["ckpt_path"] != RESUME:
        return config["ckpt_path"]  # type: ignore[no-any-return]
    last = last_checkpoint(config, run_id)
    return str(last) if last.is_file() else None  # killed in its first epoch: begin it again


def _best_validation(trainer: pl.Trainer) -> float | None:
    checkpoint = trainer.checkpoint_callback
    score = getattr(checkpoint, "best_model_score", None)
    return None if score is None else float(score)
