"""``faceline benchmark input``: what it costs to prepare a frame, and how that grows with the number of frames."""

import hashlib
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from faceline.benchmarks.measure import own_memory, print_table, publish
from faceline.benchmarks.train import plain_frames
from faceline.config.check import plain
from faceline.data.datamodule import LandmarkData, LandmarkFrames
from faceline.data.images import read_frame
from faceline.data.index import BadRows, FrameRow, FrameSource, OnError
from faceline.tasks.assembly import prepare_process
from faceline.tasks.landmarks import LandmarkTask
from faceline.tasks.task import Config
from faceline.types import Image

Row = dict[str, Any]


def main(cfg: DictConfig) -> None:
    """Time each way to prepare frames and the table of growth; print and write both."""
    config = plain(cfg)
    threads = prepare_process(config["seed"], config["threads"])
    data = LandmarkTask().build_data(config)
    data.prepare_data()
    frames = _ways(data, config["frames"])
    print_table(f"preparing a frame of {data.size} px, one process", frames)
    growth = [_alone(config, count) for count in config["scales"]]
    print_table(f"cost by the number of frames of {config['scale_size']} px", growth)
    scale = {"data": data.source.name, "size": data.size, "threads": threads}
    publish("input", {"scale": scale, "frames": frames, "growth": growth}, Path(config["output"]))


def _ways(data: LandmarkData, count: int) -> list[Row]:
    """Return milliseconds per frame of the plain way, of our first pass, and of our later epochs."""
    plain_way = plain_frames(data, "train")
    ours = LandmarkFrames(data.store, data.split.train, data.pipelines["train"])
    ways: dict[str, Callable[[int], object]] = {
        "plain: decode, resize, rotate, noise": plain_way.__getitem__,
        "once: decode and check": lambda i: read_frame(plain_way.files[i]),
        "each epoch: from the cache, rotate, noise": lambda i: ours[i, i],
    }
    rows: list[Row] = []
    for name, prepare in ways.items():
        prepare(0)
        began = time.perf_counter()
        for i in range(count):
            prepare(i % len(ours))
        ms = 1000 * (time.perf_counter() - began) / count
        first = rows[0]["ms_a_frame"] if rows else ms
        rows.append({"way": name, "ms_a_frame": ms, "frames_per_second": 1000 / ms, "times_the_plain_way": first / ms})
    return rows


class Repeated:
    """Repeats the frames of a source under new names, to measure what many frames cost.

    Args:
        source: Source of the frames.
        frames: Number of frames to make.
    """

    def __init__(self, source: FrameSource, frames: int) -> None:
        self.source, self.frames = source, frames
        self.name = f"{source.name}_repeated"
        self.on_error: OnError = source.on_error

    def key(self) -> str:
        """Hex digest of the frames and their number."""
        return hashlib.sha256(f"{self.source.key()} {self.frames}".encode()).hexdigest()

    def rows(self, bad: BadRows) -> list[FrameRow]:
        """Return the rows in a random order, each file below the number of its repetition."""
        own = self.source.rows(bad)
        order = np.random.default_rng(0).permutation(len(own))
        chosen = [own[order[i % len(own)]] for i in range(self.frames)]
        return [replace(row, file=f"{i // len(own)}/{row.file}") for i, row in enumerate(chosen)]

    def unlabelled(self) -> int:
        """Return 0."""
        return 0

    def read(self, row: FrameRow) -> Image:
        """Read the pixels of one frame."""
        return self.source.read(replace(row, file=row.file.partition("/")[2]))


def _alone(config: Config, frames: int) -> Row:
    """Measure one row of the growth table in a process of its own, so that its memory is that of this row."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_grow, config, frames).result()


def _grow(config: Config, frames: int) -> Row:
    """Build the cache of so many frames and prepare every training batch of one epoch."""
    prepare_process(config["seed"], config["threads"])
    with tempfile.TemporaryDirectory(dir=Path(config["data"]["cache_dir"]).parent) as folder:
        sized = {**config["data"], "size": config["scale_size"], "cache_dir": folder}
        plan = LandmarkTask().build_data({**config, "data": sized})
        plan.source = Repeated(plan.source, frames)
        before, began = own_memory(), time.perf_counter()
        plan.prepare_data()
        cached = time.perf_counter()
        prepared = sum(len(images) for images, _, _ in plan.train_dataloader())
        seconds = time.perf_counter() - cached
        return {
            "frames": frames,
            "cache_seconds": cached - began,
            "cache_ms_a_frame": 1000 * (cached - began) / frames,
            "epoch_seconds": seconds,
            "epoch_ms_a_frame": 1000 * seconds / prepared,
            "memory_mb": own_memory(),
            "memory_grown_mb": own_memory() - before,
        }
