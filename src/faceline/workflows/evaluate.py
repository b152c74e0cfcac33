"""``faceline evaluate``: the figures of a trained model on any data set and split."""

from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig
from rich.console import Console

from faceline.data.datamodule import LandmarkData
from faceline.errors import InputError
from faceline.reports.style import png
from faceline.workflows import measurement
from faceline.workflows.assembly import Config, build_data, plain, prepare_process
from faceline.workflows.selection import chosen_model


def main(cfg: DictConfig) -> None:
    """Measure, print, and write metrics, frames and figures into a folder."""
    config = plain(cfg)
    trained = chosen_model(config)
    threads = prepare_process(trained.config["seed"], config["threads"] or trained.config["threads"])
    data = build_data(_on(config, trained.config))
    part = config["part"]
    frames = data.frames(part)
    result = measurement.measure(trained.model, frames)
    protocol = data.split.protocol
    name = f"{data.source.name}-{protocol}-{part}"
    folder = Path(config["output"] or Path(config["tracking"]["root"], "mlruns", "evaluations", trained.run_id, name))
    facts = {
        "model": trained.config["name"],
        "run_id": trained.run_id,
        "data": data.source.name,
        "protocol": protocol,
        "part": part,
        "data_fingerprint": data.index.fingerprint,
        "frames": len(frames),
        "frames_trained_on": _trained_on(trained.config, data, frames.rows),
        "threads": threads,
    }
    measurement.write(result, folder, facts)
    source = f"{data.source.name} · {protocol} · {part} · run {trained.run_id[:8]}"
    for file, figure in measurement.figures(result, frames, trained.config["name"], source).items():
        (folder / file).write_bytes(png(figure))
    _tell(facts, result.scalars, folder)


def _on(config: Config, run: Config) -> Config:
    """The run's config with the data set and the split that were asked for, at the run's own size."""
    data = {**config["data"], "size": run["data"]["size"]} if config.get("data") else run["data"]
    return {**run, "data": data, "split": {**run["split"], **(config["split"] or {})}}


def _trained_on(run: Config, data: LandmarkData, rows: np.ndarray) -> int | None:
    """How many of these frames, by their pixels, the model saw in training: anything but 0 flatters it.

    None where the frames that it was trained on are not at hand.
    """
    if run["data"]["source"]["_target_"] != f"{type(data.source).__module__}.{type(data.source).__qualname__}":
        return 0
    try:
        own = build_data(run)
        seen = own.index.digests[own.split.train]
    except InputError:
        return None
    return int(np.isin(data.index.digests[rows], seen).sum())


def _tell(facts: dict[str, Any], scalars: dict[str, float], folder: Path) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{facts['model']} on {facts['data']}, {facts['protocol']}, {facts['part']}: {facts['frames']} frames"
    )
    for name, value in scalars.items():
        console.print(f"  {name:<12} {value:.3g}" if name == "mse" else f"  {name:<12} {value:.2%}")
    if facts["frames_trained_on"] is None:
        console.print("warning: whether the model was trained on these frames is not known: its own data is not here")
    elif facts["frames_trained_on"]:
        console.print(
            f"warning: the model was trained on {facts['frames_trained_on']} of these frames; these figures flatter it"
        )
    console.print(f"written to {folder}")
