"""``faceline train``: one tracked run, from a config to a measured model."""

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from mlflow import MlflowClient
from omegaconf import DictConfig, ListConfig, OmegaConf
from pytorch_lightning.utilities import rank_zero_only
from rich.console import Console

from faceline.data.datamodule import LandmarkData
from faceline.errors import InputError
from faceline.models.callbacks import (
    CONFIG_KEY,
    AtomicCheckpointIO,
    EpochLines,
    EpochSeeds,
    RunConfig,
    StayStopped,
    StepBar,
    TrainingClock,
)
from faceline.models.landmark_detector import LandmarkDetector
from faceline.tracking.lightning import RunLogger
from faceline.tracking.provenance import config_digest, provenance
from faceline.tracking.records import BEST, DIGEST_TAG, TAG, unfinished
from faceline.tracking.runs import Context, Run, tracked_run
from faceline.tracking.store import connect
from faceline.workflows import measurement
from faceline.workflows.assembly import (
    Config,
    build_data,
    build_model,
    check_size,
    load_trained,
    plain,
    prepare_process,
    read_checkpoint,
)

RESUME = "last"
RUN_ENV = "FACELINE_RUN_ID"
"""Tells the other processes of a distributed run which run they belong to."""


def main(cfg: DictConfig) -> float | None:
    """Train, measure, track.

    Returns:
        The best validation NME, for sweeps; never a figure of the test part.
    """
    config = plain(cfg)
    config["threads"] = prepare_process(config["seed"], config["threads"])
    _refuse_what_cannot_start(config)
    model = build_model(config)  # before any data is read: a wrong model is the cheapest mistake to find
    check_size(model, config["data"]["size"])
    data = build_data(config)
    if getattr(rank_zero_only, "rank", 0):  # a distributed run is tracked and measured by its first process alone
        _fit(config, model, data, os.environ[RUN_ENV], logger=None)
        return None
    data.prepare_data()
    with _open_run(config, model, data) as run:
        os.environ[RUN_ENV] = run.id
        trainer, clock = _fit(config, model, data, run.id, RunLogger(run, _folder(config, run.id).parent))
        if not config["trainer"].get("fast_dev_run"):
            _conclude(run, config, data, trainer, clock)
    return _best_validation(trainer)


def _refuse_what_cannot_start(config: Config) -> None:
    """Mistakes that only this verb can see, before anything is built."""
    strategy = str(config["trainer"].get("strategy", "auto"))
    if strategy.startswith("ddp") and HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        raise InputError(
            "a sweep cannot train on several processes: each of them would run the sweep; start the runs one by one",
            column="trainer.strategy",
        )
    if config["ckpt_path"] not in (None, RESUME):
        before = read_checkpoint(Path(config["ckpt_path"]))[CONFIG_KEY]["config"]["model"]
        differs = [key for key in config["model"] if before.get(key) != config["model"][key]]
        if {"backbone", "head"} & set(differs):
            raise InputError(
                f"this checkpoint is of another model: model.{differs[0]} was {before.get(differs[0])!r}",
                file=config["ckpt_path"],
                column="ckpt_path",
            )


@contextmanager
def _open_run(config: Config, model: LandmarkDetector, data: LandmarkData) -> Iterator[Run]:
    """A new run that holds all it depends on, or the interrupted one of this config."""
    tracking, digest = config["tracking"], config_digest(config)
    client = connect(tracking["uri"], Path(tracking["root"]))
    if config["ckpt_path"] == RESUME:
        run_id = _interrupted(client, config, digest)
        with tracked_run(client, tracking["experiment"], config["name"], run_id=run_id) as run:
            run.log_provenance(provenance())
            yield run
        return
    tags = {DIGEST_TAG: digest, **_headline(config, data), **{TAG + tag: "true" for tag in config["tags"]}}
    with tracked_run(client, tracking["experiment"], config["name"], tags=tags) as run:
        run.log_provenance(provenance())
        _describe(run, config, data, model)
        yield run


def _interrupted(client: MlflowClient, config: Config, digest: str) -> str:
    experiment = config["tracking"]["experiment"]
    record = unfinished(client, experiment, digest)
    if record is None:
        raise InputError(
            f"no unfinished run of this config in experiment {experiment!r}; start one without ckpt_path=last, or give "
            f"the overrides of the run that was interrupted",
            column="ckpt_path",
        )
    last = _last(config, record.id)
    if "val/nme" in record.metrics and not last.is_file():
        raise InputError(
            f"run {record.id} has finished epochs, but its checkpoint is not here: go on where it was started, or "
            f"start a new run without ckpt_path=last",
            file=last,
            column="ckpt_path",
        )
    return record.id


def _last(config: Config, run_id: str) -> Path:
    """The checkpoint from which a run goes on; none before its first epoch has ended."""
    return _folder(config, run_id) / "checkpoints" / "last.ckpt"


def _folder(config: Config, run_id: str) -> Path:
    """Where a run works."""
    return Path(config["tracking"]["root"]) / "mlruns" / "runs" / run_id


def _fit(
    config: Config, model: LandmarkDetector, data: LandmarkData, run_id: str, logger: RunLogger | None
) -> tuple[pl.Trainer, TrainingClock]:
    folder, clock = _folder(config, run_id), TrainingClock()
    configured = [instantiate(node) for node in config["callbacks"].values() if node]
    bars = [StepBar()] if sys.stderr.isatty() else []
    own = [EpochSeeds(config["seed"]), clock, RunConfig(config, run_id), StayStopped(), EpochLines(), *bars]
    trainer = instantiate(
        config["trainer"],
        callbacks=[*configured, *own],
        logger=logger or False,
        plugins=[AtomicCheckpointIO()],
        default_root_dir=str(folder),
        enable_progress_bar=bool(bars),
    )
    assert isinstance(trainer, pl.Trainer)
    trainer.fit(model, data, ckpt_path=_start(config, run_id), weights_only=True)
    if trainer.interrupted:
        raise KeyboardInterrupt
    return trainer, clock


def _start(config: Config, run_id: str) -> str | None:
    """The checkpoint that fit starts from."""
    if config["ckpt_path"] != RESUME:
        return config["ckpt_path"]  # type: ignore[no-any-return]
    last = _last(config, run_id)
    return str(last) if last.is_file() else None  # killed in its first epoch: begin it again


def _conclude(run: Run, config: Config, data: LandmarkData, trainer: pl.Trainer, clock: TrainingClock) -> None:
    """Measure the best checkpoint and log it with all that it cost."""
    best = _folder(config, run.id) / "checkpoints" / "best.ckpt"
    if not best.is_file():
        raise InputError(
            "no epoch was trained and validated, so there is nothing to measure; a checkpoint of a finished training "
            "needs more trainer.max_epochs, and callbacks.best must stay",
            column="ckpt_path",
        )
    scores = _measure(run, config, load_trained(best).model, data)
    costs = {
        "train_seconds": clock.seconds,
        "images_per_second": clock.images / max(clock.seconds, 1e-9),
        "epochs": trainer.current_epoch,
    }
    run.log_metrics(costs)
    run.log_model(BEST, best, metrics=scores, params={"model": config["name"]})
    mse, nme = scores["test/mse"], scores["test/nme"]
    Console(highlight=False, soft_wrap=True).print(f"{config['name']}: test MSE {mse:.3g}, NME {nme:.2%}; run {run.id}")


def _headline(config: Config, data: LandmarkData) -> dict[str, str]:
    """The tags by which runs are found and told apart; the columns of a reviewer's table."""
    return {
        "task": "landmarks",
        "model": config["name"],
        "data": data.source.name,
        "protocol": config["split"]["protocol"],
        "data_fingerprint": data.index.fingerprint,
        "split_fingerprint": data.split.fingerprint(data.index),
        "command": _command(),
    }


def _command() -> str:
    """What the user typed; ``${…}`` as it is, not what it stands for on this machine."""
    task = HydraConfig.get().overrides.task if HydraConfig.initialized() else ListConfig([])
    overrides = OmegaConf.to_container(task, resolve=False)
    assert isinstance(overrides, list)
    return shlex.join(["faceline", "train", *map(str, overrides)])


def _describe(run: Run, config: Config, data: LandmarkData, model: LandmarkDetector) -> None:
    """Log all that the run depends on, before it starts."""
    run.log_config(config)
    index, split = data.index, data.split
    run.log_dict({part: index.files[rows].tolist() for part, rows in split.parts().items()}, "split.json")
    run.log_dict({"skipped": list(index.rejected)}, "skipped_rows.json")
    contexts: dict[str, Context] = {"train": "training", "val": "validation", "test": "test"}
    for part, rows in split.parts().items():
        profile = {"frames": len(rows), "people": len(set(index.persons[rows])), "skipped": len(index.rejected)}
        run.log_dataset(
            f"{data.source.name}-{part}",
            index.take(rows).fingerprint,
            split=split.protocol,
            context=contexts[part],
            profile=profile,
        )
    run.log_metrics({"parameters": sum(p.numel() for p in model.parameters())})


def _measure(run: Run, config: Config, model: LandmarkDetector, data: LandmarkData) -> dict[str, float]:
    """Metrics of validation and test, the test part's figures and its errors frame by frame."""
    scores: dict[str, float] = {}
    for part in ("val", "test"):
        frames = data.frames(part)
        result = measurement.measure(model, frames)
        scores |= {f"{'best_val' if part == 'val' else part}/{name}": value for name, value in result.scalars.items()}
        run.log_text(result.frames.to_csv(index=False, float_format="%.8g"), f"{part}/frames.csv")
    source = f"{data.source.name} · {config['split']['protocol']} · test · run {run.id[:8]}"
    for name, figure in measurement.figures(result, frames, config["name"], source).items():
        run.log_figure(figure, f"test/{name}")
    run.log_metrics(scores)
    return scores


def _best_validation(trainer: pl.Trainer) -> float | None:
    checkpoint = trainer.checkpoint_callback
    score = getattr(checkpoint, "best_model_score", None)
    return None if score is None else float(score)
