"""``faceline benchmark identification``: time and memory of identification by shapes, at full scale."""

import gc
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch.utils.data import DataLoader, Dataset

from faceline.benchmarks.measure import print_table, publish
from faceline.data.labels import list_labels, read_labels
from faceline.data.shapes import ShapeBatch, ShapeData
from faceline.errors import InputError
from faceline.geometry.shape import normalise
from faceline.metrics.identification import f1
from faceline.models.baselines import Baseline
from faceline.models.shape_classifier import ShapeClassifier
from faceline.tasks.assembly import plain, prepare_process
from faceline.tasks.task import Config
from faceline.tracking.provenance import peak_memory

NETWORK = "fnn"
_LOADED = 0.05
"""Share of an epoch that is fed frame by frame; the time of the whole epoch is computed from it."""

_TURNS = 5


def main(cfg: DictConfig) -> None:
    """Measure reading, every method and the ways to feed the network; print a table and write a JSON file."""
    config = plain(cfg)
    threads = prepare_process(config["seed"], config["threads"])
    source = instantiate(config["data"]["source"])
    data = ShapeData(
        source=source,
        split=dict(config["split"]),
        dims=2,
        rotate=False,
        batch_size=config["data"]["batch_size"],
        seed=config["seed"],
        cache_dir=Path(config["data"]["cache_dir"]),
    )
    unknown = set(config["methods"]) - {*config["models"], NETWORK}
    if unknown:
        raise InputError(f"expected some of {', '.join(config['models'])}, got {', '.join(unknown)}", column="methods")
    report: dict[str, Any] = {"reading": _reading(source, Path(config["data"]["cache_dir"]))}
    trial, persons = data.trial("test"), data.index.persons
    report["scale"] = {
        "data": source.name,
        "fingerprint": data.index.fingerprint,
        "protocol": data.split.protocol,
        "frames": len(data.index),
        "people": len(np.unique(persons)),
        "gallery": len(trial.gallery),
        "probes": len(trial.probes),
        "threads": threads,
    }
    report["methods"] = {}
    for name in config["methods"]:
        model = instantiate(config["models"][name])
        row = _network(model, data, config["epochs"]) if name == NETWORK else _classifier(model, data)
        report["methods"][name] = row
        gc.collect()
        print(f"{name}: fitted in {row['fit_seconds']} s, scored in {row['score_seconds']} s")
    if NETWORK in config["methods"]:
        report["feeding"] = _feeding(data, config)
    _print(report)
    publish("identification", report, Path(config["output"]))


def _reading(source: Any, cache_dir: Path) -> dict[str, int | float]:
    """Measure the first and later starts in seconds, and how much of the data was read."""
    before, began = _bytes_read(), time.perf_counter()
    index = list_labels(source)
    first, read = time.perf_counter() - began, _bytes_read() - before
    read_labels(source, cache_dir)
    began = time.perf_counter()
    read_labels(source, cache_dir)
    again = time.perf_counter() - began
    labels = index.landmarks.nbytes + (0 if index.landmarks3d is None else index.landmarks3d.nbytes)
    return {
        "frames": len(index),
        "first_seconds": first,
        "read_mb": read / 1e6,
        "labels_mb": labels / 1e6,
        "again_seconds": again,
    }


def _bytes_read() -> int:
    """Return the bytes that this process has read from the system."""
    counters = Path("/proc/self/io").read_text().split()
    return int(counters[counters.index("rchar:") + 1])


def _classifier(model: Baseline, data: ShapeData) -> dict[str, int | float]:
    trial, persons = data.trial("test"), data.index.persons
    began = time.perf_counter()
    model.enrol(data.features[trial.gallery], persons[trial.gallery])
    fitted = time.perf_counter()
    scores = model.scores(data.features[trial.probes])
    return _result(began, fitted, model.people[scores.argmax(axis=1)], persons[trial.probes])


def _network(model: ShapeClassifier, data: ShapeData, epochs: int) -> dict[str, int | float]:
    model.learn_from(data)
    trial, persons = data.trial("test"), data.index.persons
    began = time.perf_counter()
    optimizer = torch.optim.AdamW(model.parameters(), lr=model.lr, weight_decay=model.weight_decay)
    loader = data.train_dataloader()
    steps = epochs * len(loader)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, model.lr, total_steps=steps)
    for epoch in range(epochs):
        loader.dataset.set_epoch(epoch)  # type: ignore[attr-defined]
        _train(model, optimizer, loader, schedule.step)
    fitted = time.perf_counter()
    model.eval()
    with torch.inference_mode():
        parts = np.array_split(data.features[trial.probes], -(-len(trial.probes) // 8192))
        preds = np.concatenate([model(torch.from_numpy(part)).argmax(dim=1).numpy() for part in parts])
    return _result(began, fitted, model.people[preds], persons[trial.probes])


def _result(began: float, fitted: float, preds: np.ndarray, persons: np.ndarray) -> dict[str, int | float]:
    scored = time.perf_counter()
    people, target = np.unique(persons, return_inverse=True)
    columns = np.where(np.isin(preds, people), np.searchsorted(people, preds), -1)
    return {
        "fit_seconds": round(fitted - began, 1),
        "score_seconds": round(scored - fitted, 1),
        "f1_weighted": round(f1(columns, target, "weighted"), 4),
        "peak_mb_so_far": round(peak_memory()),
    }


class _FrameByFrame(Dataset[ShapeBatch]):
    """The set as it is usually written: a frame is normalised, noised and made a tensor when it is asked for."""

    def __init__(self, data: ShapeData, noise: float) -> None:
        self.rows, self.index, self.noise = data.split.train, data.index, noise
        self.columns = data.train_dataloader().dataset.columns  # type: ignore[attr-defined]
        self.rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> ShapeBatch:
        landmarks = self.index.landmarks[self.rows[i]]
        shape = normalise((landmarks + self.noise * self.rng.standard_normal(landmarks.shape))[None])
        known: ShapeBatch = self.columns.take(torch.tensor(i))
        return known._replace(features=torch.tensor(shape.reshape(-1), dtype=torch.float32))


def _feeding(data: ShapeData, config: Config) -> dict[str, float]:
    """Measure one epoch of a network in seconds, fed from memory by index and by a loader frame by frame.

    The two alternate, each after one batch that is not timed; the median is reported.
    """
    rows = max(config["data"]["batch_size"], int(_LOADED * len(data.split.train)))
    part = torch.utils.data.Subset(_FrameByFrame(data, instantiate(config["models"][NETWORK]).noise), range(rows))
    loaders: dict[str, tuple[Iterable[ShapeBatch], float]] = {
        "memory": (data.train_dataloader(), 1.0),
        "frame_by_frame": (
            DataLoader(part, batch_size=config["data"]["batch_size"], shuffle=True),
            rows / len(data.split.train),
        ),
    }
    seconds: dict[str, list[float]] = {name: [] for name in loaders}
    for _ in range(_TURNS):
        for name, (loader, share) in loaders.items():
            torch.manual_seed(config["seed"])
            model = instantiate(config["models"][NETWORK])
            model.learn_from(data)
            if name == "frame_by_frame":
                model.noise = 0.0  # each frame has its own already
            optimizer = torch.optim.AdamW(model.parameters(), lr=model.lr, fused=True)
            _train(model, optimizer, islice(loader, 1))
            began = time.perf_counter()
            _train(model, optimizer, loader)
            seconds[name].append((time.perf_counter() - began) / share)
    memory, frame_by_frame = (float(np.median(each)) for each in seconds.values())
    return {
        "memory_seconds": memory,
        "frame_by_frame_seconds": frame_by_frame,
        "ratio": frame_by_frame / memory,
    }


def _train(
    model: ShapeClassifier,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[ShapeBatch],
    after: Callable[[], None] = lambda: None,
) -> None:
    model.train()
    for batch in batches:
        with torch.autocast("cpu", torch.bfloat16):
            loss = model.loss(batch)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        after()


def _print(report: dict[str, Any]) -> None:
    reading, scale = report["reading"], report["scale"]
    rows = [{"method": name, **row} for name, row in report["methods"].items()]
    print_table(f"{scale['data']}: {scale['gallery']:,} frames enrolled, {scale['probes']:,} probes", rows)
    print(
        f"labels of {reading['frames']:,} frames: {reading['first_seconds']:.1f} s from the set "
        f"({reading['read_mb']:,.0f} MB read), {reading['again_seconds']:.1f} s from the index"
    )
    if "feeding" in report:
        feeding = report["feeding"]
        print(
            f"an epoch of the network: {feeding['memory_seconds']:.1f} s from memory, "
            f"{feeding['frame_by_frame_seconds']:.1f} s frame by frame: {feeding['ratio']:.1f} times"
        )
    print(f"peak memory {peak_memory():,.0f} MB")
