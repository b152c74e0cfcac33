"""``faceline benchmark train``: images a second, or time to an accuracy, beside the loop that a newcomer writes."""

import gc
import math
import time
import warnings
from collections.abc import Iterator, Sequence
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytorch_lightning as pl
import timm
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback
from torch.utils.data import DataLoader

from faceline.benchmarks.measure import print_table, publish
from faceline.benchmarks.plain_loop import PlainFrames, PlainLoop, endless, plain_net
from faceline.config.check import plain
from faceline.data.datamodule import Batch, LandmarkData
from faceline.data.index import BadRows
from faceline.errors import InputError
from faceline.geometry.markup import N_LANDMARKS
from faceline.metrics import landmark as metrics
from faceline.models.averaging import ExponentialAverage
from faceline.models.weights import load_weights
from faceline.tasks.assembly import prepare_process
from faceline.tasks.landmarks import LandmarkTask
from faceline.tasks.task import Config

WAYS = {
    "plain loop": "what a newcomer writes",
    "faceline": "what faceline train does",
    "faceline, one batch": "the same steps on one batch that is in memory: what no input pipeline can beat",
}


def main(cfg: DictConfig) -> None:
    """Time every way for every backbone; print a table and write a JSON file."""
    config = plain(cfg)
    threads = prepare_process(config["seed"], config["threads"])
    data = LandmarkTask().build_data(config)
    data.prepare_data()
    frames = plain_frames(data, "train")
    scale = {
        "data": data.source.name,
        "size": data.size,
        "batch_size": data.batch_size,
        "threads": threads,
        "precision": config["trainer"]["precision"],
    }
    if config["accuracy"] is not None:
        race = _race(config, data, frames)
        print_table(f"until MSE {config['accuracy']:g} on the test set", race)
        publish("time_to_accuracy", {"scale": scale, "race": race}, Path(config["output"]))
        return
    rows = [row for backbone in config["backbones"] for row in _rates(config, backbone, data, frames)]
    print_table(f"training at {data.size} px, batches of {data.batch_size}, {threads} threads", rows)
    publish(
        "train", {"scale": {**scale, "steps": config["steps"]}, "ways": WAYS, "training": rows}, Path(config["output"])
    )


def plain_frames(data: LandmarkData, part: str) -> PlainFrames:
    """Return the frames of a set as files, as a newcomer reads them.

    Raises:
        InputError: The data set is not made of files.
    """
    root = getattr(data.source, "root", None)
    if root is None:
        raise InputError("the plain loop reads files: choose data=udacity", column="data")
    rows = {row.file: row for row in data.source.rows(BadRows("skip"))}
    chosen = [rows[file] for file in data.index.files[data.split.parts()[part]].tolist()]
    augment = part == "train"
    return PlainFrames([root / row.file for row in chosen], [row.landmarks for row in chosen], data.size, augment)


def _rates(config: Config, backbone: str, data: LandmarkData, frames: PlainFrames) -> Iterator[dict[str, Any]]:
    """Images a second of each way, and how many times that of the plain loop."""
    steps = config["warmup"] + config["steps"]
    device = "cuda" if config["trainer"]["accelerator"] in ("gpu", "cuda") else "cpu"
    loop = PlainLoop(plain_net(backbone).to(device))
    batches = endless(DataLoader(frames, batch_size=data.batch_size, shuffle=True, drop_last=True))
    seconds = {"plain loop": _time_plain(loop, islice(batches, steps), config["warmup"], device)}
    gc.collect()
    loader, repeated = data.train_dataloader(), [part.to(device) for part in next(iter(data.train_dataloader()))]
    if device == "cuda":
        feeds: dict[str, Any] = {"faceline": loader, "faceline, one batch": _Feed(repeat(repeated), steps)}
        for way, feed in feeds.items():
            seconds[way] = sum(_time_ours(config, backbone, feed, steps))
            gc.collect()
    else:  # step by step in turns, so that both meet the same moods of the machine
        turns = chain.from_iterable(zip(endless(loader), repeat(repeated), strict=False))
        taken = _time_ours(config, backbone, _Feed(turns, 2 * steps), 2 * steps)[-2 * config["steps"] :]
        seconds["faceline"], seconds["faceline, one batch"] = sum(taken[::2]), sum(taken[1::2])
    for way in (way for way in WAYS if way in seconds):
        rate = data.batch_size * config["steps"] / seconds[way]
        row = {"backbone": backbone, "way": way, "images_per_second": rate}
        row["times_the_plain_loop"] = seconds["plain loop"] / seconds[way]
        row["step_ms"] = 1000 * seconds[way] / config["steps"]
        yield row


class _Feed:
    """A limited number of batches."""

    def __init__(self, batches: Iterator[Sequence[torch.Tensor]], count: int) -> None:
        self.batches, self.count = batches, count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Sequence[torch.Tensor]]:
        return islice(self.batches, self.count)


def _time_plain(loop: PlainLoop, batches: Iterator[Sequence[torch.Tensor]], warmup: int, device: str) -> float:
    began = time.perf_counter()
    for i, batch in enumerate(batches):
        loop.step([part.to(device) for part in batch])
        if i + 1 == warmup:
            _finish()
            began = time.perf_counter()
    _finish()
    return time.perf_counter() - began


def _finish() -> None:
    """Wait for the GPU, which computes asynchronously."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


class _StepClock(Callback):
    """Records when each step ended after a warm-up; on a GPU only the first and the last of these."""

    def __init__(self, warmup: int) -> None:
        self.warmup, self.ends = warmup, [math.nan]

    def on_train_batch_end(self, trainer: pl.Trainer, *rest: Any) -> None:
        if trainer.global_step == self.warmup:
            _finish()
            self.ends = []
        self.ends.append(time.perf_counter())

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        _finish()
        self.ends[-1] = time.perf_counter()


def _time_ours(config: Config, backbone: str, feed: Any, steps: int) -> list[float]:
    """Seconds of each step but the first ones under Lightning, as `faceline train` takes them."""
    clock = _StepClock(config["warmup"])
    model = instantiate({**config["model"], "backbone": backbone})
    if config["compile"]:
        model.compile()
    trainer = instantiate(
        {**config["trainer"], "max_epochs": -1},
        max_steps=steps,
        limit_val_batches=0,
        logger=False,
        callbacks=[clock],
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You defined a `validation_step`")
        trainer.fit(model, train_dataloaders=feed)
    return np.diff(clock.ends).tolist()


def _race(config: Config, data: LandmarkData, frames: PlainFrames) -> list[dict[str, Any]]:
    """Measure the wall time of both until the test set reaches this error, without the measuring.

    The plain loop stops after several times our time; the reported share is then a lower bound.
    """
    ours = _race_ours(config, data)
    won = ours[-1].mse <= config["accuracy"]
    plain = _race_plain(config, data, frames, config["patience"] * ours[-1].seconds if won else math.inf)
    rows = []
    for way, epochs in (("plain loop", plain), ("faceline", ours)):
        last = epochs[-1]
        rows.append(
            {
                "way": way,
                "reached": last.mse <= config["accuracy"],
                "seconds": last.seconds,
                "epochs": len(epochs),
                "mse": last.mse,
                "share_of_the_plain_loop": last.seconds / plain[-1].seconds if won and way == "faceline" else None,
            }
        )
    return rows


class _Epoch(NamedTuple):
    """Seconds of training up to the end of an epoch, and the error then."""

    seconds: float
    mse: float


def _race_plain(config: Config, data: LandmarkData, frames: PlainFrames, longest: float) -> list[_Epoch]:
    loop, test = PlainLoop(_plain_start(config)), plain_frames(data, "test")
    target = data.index.take(data.split.test).normalised()
    loader = DataLoader(frames, batch_size=data.batch_size, shuffle=True, drop_last=True)
    epochs: list[_Epoch] = []
    seconds = 0.0
    while not epochs or (
        epochs[-1].mse > config["accuracy"] and seconds < longest and len(epochs) < config["accuracy_epochs"]
    ):
        began = time.perf_counter()
        for batch in loader:
            loop.step(batch)
        seconds += time.perf_counter() - began
        epochs.append(_Epoch(seconds, metrics.mse(loop.predict(test, data.batch_size), target)))
    return epochs


def _plain_start(config: Config) -> torch.nn.Module:
    """Return the network of the plain loop, from the same weights as ours if there are any."""
    backbone = config["backbones"][0]
    if config["weights"] is None:
        return plain_net(backbone)
    net: Any = timm.create_model(backbone, num_classes=2 * N_LANDMARKS)
    body = {name: child for name, child in net.named_children() if child is not net.get_classifier()}
    load_weights(torch.nn.ModuleDict(body), backbone, Path(config["weights"]))
    return net  # type: ignore[no-any-return]


class _EpochClock(Callback):
    """Records seconds and error after each epoch; stops at the wanted error."""

    def __init__(self, accuracy: float) -> None:
        self.accuracy, self.seconds, self._began = accuracy, 0.0, 0.0
        self.epochs: list[_Epoch] = []

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._began = time.perf_counter()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        _finish()
        self.seconds += time.perf_counter() - self._began

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epochs.append(_Epoch(self.seconds, float(trainer.callback_metrics["val/mse"])))
        trainer.should_stop = self.epochs[-1].mse <= self.accuracy


def _race_ours(config: Config, data: LandmarkData) -> list[_Epoch]:
    """Run ours with its averaged weights; the test set replaces validation and chooses nothing."""
    clock = _EpochClock(float(config["accuracy"]))
    average = pl.callbacks.WeightAveraging(multi_avg_fn=ExponentialAverage())
    model = instantiate({**config["model"], "backbone": config["backbones"][0], "weights": config["weights"]})
    trainer = instantiate(
        {**config["trainer"], "max_epochs": config["accuracy_epochs"]},
        logger=False,
        callbacks=[average, clock],
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    test: DataLoader[Batch] = DataLoader(data.frames("test"), batch_size=data.batch_size)
    trainer.fit(model, train_dataloaders=data.train_dataloader(), val_dataloaders=test)
    return clock.epochs
