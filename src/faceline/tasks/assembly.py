"""Builds the objects of a run from a checked config, and restores them from a checkpoint."""

import json
import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import pytorch_lightning as pl
import torch
from hydra.errors import InstantiationException
from threadpoolctl import threadpool_limits

from faceline.config.check import check_targets, plain
from faceline.config.names import current
from faceline.config.project import packages
from faceline.data.index import FrameSource, LabelIndex
from faceline.errors import InputError, first_line
from faceline.files import write_whole
from faceline.models.baselines import Baseline
from faceline.models.callbacks import CONFIG_KEY
from faceline.outputs import check_output_folder, csv_cells
from faceline.plot_style import png
from faceline.tasks.task import Config, Measurement, Task, task_of
from faceline.terminal import note
from faceline.threads import usable_threads
from faceline.tracking.provenance import needed

__all__ = [
    "CLASSIFIER",
    "MEASURED",
    "SKIPPED",
    "Trained",
    "load_trained",
    "plain",
    "prepare_process",
    "read_checkpoint",
    "tell_people_unknown",
    "tell_skipped",
    "write",
]

MEASURED = ("frames.csv", "metrics.json")
"""Files that every measurement writes."""

SKIPPED = "skipped_rows.json"
"""File of a run that lists the rows of its data set that were left out."""

CLASSIFIER = ".skops"
"""Suffix of model files that are not trained in epochs."""


@dataclass(frozen=True)
class Trained:
    """A model from a checkpoint, with its run.

    Attributes:
        model: The model on the CPU, in evaluation mode.
        config: Config of its run.
        run_id: Id of its run.
        task: Task of the model.
    """

    model: Any
    config: Config
    run_id: str
    task: Task


def prepare_process(seed: int, threads: int | None) -> int:
    """Set what results depend on in this process: seeds and the number of threads.

    Returns:
        The number of threads.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # its notes on itself
    logging.getLogger("pytorch_lightning.profilers").setLevel(logging.INFO)  # what debug=profiler asks for
    warnings.filterwarnings("ignore", module="pytorch_lightning.utilities._pytree")  # about its own use of torch
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")  # a resumed run
    warnings.filterwarnings("ignore", message="The `srun` command is available")  # where Slurm is and is not used
    threads = usable_threads(threads)
    threadpool_limits(threads)  # of NumPy's and scikit-learn's libraries
    torch.set_num_threads(threads)
    cv2.setNumThreads(0)  # one frame is too little work to share, and its threads would compete with torch's
    pl.seed_everything(seed, workers=True, verbose=False)
    return threads


def read_checkpoint(file: Path) -> dict[str, Any]:
    """Read a checkpoint of a run, which holds only tensors and plain containers.

    Raises:
        InputError: The file is missing, damaged, or not from a run of this project.
    """
    if not file.is_file():
        raise InputError("no such checkpoint", file=file)
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # any other file is to torch a program of nonsense, and fails in any way
        raise InputError("not a readable checkpoint; give the .ckpt file of a run", file=file) from error
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get(CONFIG_KEY), dict):
        raise InputError("no checkpoint of a faceline run: it holds no config", file=file)
    record = checkpoint[CONFIG_KEY]
    if not isinstance(checkpoint.get("state_dict"), dict) or not {"config", "run_id"} <= set(record):
        raise InputError("incomplete checkpoint: weights or the id of its run are missing", file=file)
    record = checkpoint[CONFIG_KEY]
    return {**checkpoint, CONFIG_KEY: {**record, "config": current(record["config"])}}


def load_trained(file: Path) -> Trained:
    """Load the model of a checkpoint, or of a saved classifier, under the config of its own run.

    Raises:
        InputError: The file is missing or damaged, its config names a class that may not be built, or its model comes
            from another version of the code.
    """
    if file.suffix == CLASSIFIER:
        if not file.is_file():
            raise InputError("no such file", file=file)
        model, record = Baseline.load(file)
        _refuse_without_code(record, file)
        check_targets(record["config"])
        return Trained(model, record["config"], record["run_id"], task_of(record["config"]))
    checkpoint = read_checkpoint(file)
    record = checkpoint[CONFIG_KEY]
    config = record["config"]
    _refuse_without_code(record, file)
    check_targets(config)
    own = {
        name: value
        for name, value in {"pretrained": False, "weights": None, "start": None}.items()
        if name in config["model"]
    }
    task = task_of(config)
    try:
        model = task.build_model({**config, "model": {**config["model"], **own}})
        model.on_load_checkpoint(checkpoint)
        model.load_state_dict(checkpoint["state_dict"])
    except (InstantiationException, RuntimeError) as error:
        owners = " or ".join(["faceline", *(line.split()[0] for line in record.get("needs", ()))])
        raise InputError(
            f"the model needs another version of {owners} ({_reason(error)}); use the commit of run {record['run_id']}",
            file=file,
        ) from error
    return Trained(model.eval(), config, record["run_id"], task)


def _refuse_without_code(record: Mapping[str, Any], file: Path) -> None:
    """Refuse a model of the user's own code if that is not open; warn if it is another version.

    Raises:
        InputError: The code is not open, or not found.
    """
    needs = {line.split()[0]: line for line in record.get("needs", ())}
    if missing := sorted(set(needs) - set(packages())):
        raise InputError(
            f"the model needs code beside faceline: {', '.join(needs.values())}; run this in the project that has "
            f"{missing[0]}, or install it and add --allow {missing[0]}",
            file=file,
        )
    for name, line in zip(needs, needed(list(needs)), strict=True):
        if line != needs[name]:
            note(f"{file}: it was made with {needs[name]}, here is {line}")


def _reason(error: Exception) -> str:
    """Return the last cause of an error: its first line, or the next one if that is a heading."""
    _, _, rest = str(error.__cause__ or error).partition(":\n")
    return rest.strip().splitlines()[0] if rest.strip() else first_line(error.__cause__ or error)


def tell_skipped(index: LabelIndex, where: str) -> None:
    """Say how many rows of a data set were left out, if any were, and where they are listed."""
    if count := len(index.rejected):
        rows = "row was" if count == 1 else "rows were"
        note(f"{index.dataset}: {count} {rows} left out; {where} says why")


def tell_people_unknown(source: FrameSource, index: LabelIndex, protocol: str) -> None:
    """Warn where a protocol is to keep people or videos apart, and nothing says who is seen, though it could."""
    apart = protocol in ("video_disjoint", "person_disjoint")
    if apart and index.people_unknown and getattr(source, "can_name_people", True):
        note(
            f"{index.dataset}: nothing says who is seen, so {protocol} divides the frames at random; "
            "docs/own_data.md shows how to name people and videos"
        )


def write(measurement: Measurement, folder: Path, facts: Mapping[str, Any]) -> None:
    """Write ``metrics.json`` with facts and figures, ``frames.csv`` with a row for each frame, and the plots."""
    check_output_folder(folder, "output", own=MEASURED)
    for file, figure in measurement.figures().items():
        with write_whole(folder / file) as part:
            part.write_bytes(png(figure))
    frames = csv_cells(measurement.frames).to_csv(index=False, float_format="%.8g")
    for file, text in zip(
        MEASURED, (frames, json.dumps({**facts, **measurement.scalars}, indent=2) + "\n"), strict=True
    ):
        with write_whole(folder / file) as part:
            part.write_text(text, encoding="utf-8")
