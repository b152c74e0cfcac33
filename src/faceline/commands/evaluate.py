"""``faceline evaluate``: measures a trained model on any data set and split."""

from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from faceline.data.index import FrameIndex, LabelIndex
from faceline.errors import InputError
from faceline.inference.runtime import LandmarkRuntime
from faceline.outputs import check_output_folder
from faceline.tasks.assembly import MEASURED, Trained, plain, prepare_process, tell_skipped, write
from faceline.tasks.selection import chosen_model, on_data
from faceline.tasks.task import TaskData


def main(cfg: DictConfig) -> None:
    """Measure, print, and write metrics, frames and figures into a folder."""
    config = plain(cfg)
    trained = chosen_model(config)
    threads = prepare_process(trained.config["seed"], config["threads"] or trained.config["threads"])
    data = trained.task.build_data(on_data(config, trained.config))
    data.prepare_data()
    part, protocol = config["part"], data.split.protocol
    measured = [data.source.name, *([part] if part == "all" else [protocol, part])]
    name = "-".join(measured)
    bundle = trained.model.bundle.digest if isinstance(trained.model, LandmarkRuntime) else None
    owner = trained.run_id if bundle is None else f"bundle-{bundle[:8]}"
    folder = Path(config["output"] or Path(config["tracking"]["root"], "mlruns", "evaluations", owner, name))
    check_output_folder(folder, "output", own=MEASURED)
    source = " · ".join([*measured, f"run {trained.run_id[:8]}"])
    result = trained.task.measure(trained.model, data, part, trained.config["name"], source)
    facts = {
        "model": trained.config["name"],
        "run_id": trained.run_id,
        "bundle": bundle,
        "data": data.source.name,
        "protocol": protocol,
        "part": part,
        "data_fingerprint": data.index.fingerprint,
        "frames": len(result.frames),
        "skipped": list(data.index.rejected),
        "frames_trained_on": _trained_on(trained, data, result.frames["file"].to_numpy()),
        "threads": threads,
    }
    write(result, folder, facts)
    tell_skipped(data.index, str(folder / "metrics.json"))
    print(f"{facts['model']} on {', '.join(measured)}: {facts['frames']} frames")
    _tell(facts, trained.task.lines(result.scalars), folder)


def _trained_on(trained: Trained, data: TaskData, files: np.ndarray) -> int | None:
    """Count the frames that the model saw in training, by content: anything but 0 makes the result too good.

    The result is None if the training frames are not available.
    """
    if isinstance(trained.model, LandmarkRuntime):
        origin = trained.model.manifest.data
        if (origin.name, origin.fingerprint) != (data.source.name, data.index.fingerprint):
            return 0 if origin.name != data.source.name else None
    node = trained.config["data"]["source"]
    if node["_target_"] != f"{type(data.source).__module__}.{type(data.source).__qualname__}":
        return 0
    try:
        own = trained.task.build_data(trained.config)
        own.prepare_data()
        seen = _contents(own.index.take(own.split.train))
    except InputError:
        return None
    index = data.index
    return int(np.isin(_contents(index.take(np.flatnonzero(np.isin(index.files, files)))), seen).sum())


def _contents(index: LabelIndex) -> np.ndarray:
    """Return (n,) what identifies each frame: its pixels, or its name if they were not read."""
    return index.digests if isinstance(index, FrameIndex) else index.files


def _tell(facts: dict[str, Any], lines: list[str], folder: Path) -> None:
    for line in lines:
        print(f"  {line}")
    if facts["frames_trained_on"] is None:
        print("warning: whether the model was trained on these frames is not known: its own data is not here")
    elif facts["frames_trained_on"]:
        print(
            f"warning: the model was trained on {facts['frames_trained_on']} of these frames; these figures flatter it"
        )
    print(f"written to {folder}")
