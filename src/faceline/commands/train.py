"""``faceline train``: makes one tracked run, from a config to a measured model."""

import os
import re
import shlex
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from hydra.core.hydra_config import HydraConfig
from mlflow import MlflowClient
from omegaconf import DictConfig, ListConfig, OmegaConf

from faceline.config.project import used_packages
from faceline.config.targets import same_build
from faceline.config.tree import hint
from faceline.errors import InputError
from faceline.models.callbacks import CONFIG_KEY, Pruning
from faceline.models.face_embedder import FaceEmbedder
from faceline.outputs import csv_cells
from faceline.tasks.assembly import (
    SKIPPED,
    load_trained,
    plain,
    prepare_process,
    read_checkpoint,
    tell_people_unknown,
    tell_skipped,
)
from faceline.tasks.fitting import (
    RESUME,
    Fitted,
    fit,
    fit_at_once,
    folder,
    last_checkpoint,
    refuse_few_frames,
    refuse_trainer,
)
from faceline.tasks.named_files import DIGESTS_FILE, digests
from faceline.tasks.served import describe
from faceline.tasks.task import Config, Lessons, Task, TaskData, is_trained_in_epochs, task_of
from faceline.threads import cores
from faceline.timing import milliseconds, seconds_of
from faceline.tracking.comparison import LANDMARKS
from faceline.tracking.lightning import RunLogger
from faceline.tracking.linking import NOTE
from faceline.tracking.provenance import IGNORED, config_digest, peak_memory, provenance
from faceline.tracking.records import BEST, DIGEST_TAG, TAG, unfinished
from faceline.tracking.runs import Context, Run, tracked_run
from faceline.tracking.store import store_of

Scores = dict[str, float]
PRUNED_TAG = "faceline.pruned"
"""Tag of a run that was given up because other trials of its sweep did better."""
RUN_ENV = "FACELINE_RUN_ID"
"""Environment variable that tells the other processes of a distributed run its id."""


@dataclass(frozen=True)
class Member:
    """What a training knows about the sweep that it belongs to.

    Attributes:
        name: Name of the run, which replaces the config's.
        tags: Tags by which the run is found.
        watched: Validation metric that goes to `stops`.
        stops: Function of epoch and value that says whether to stop; None never stops.
    """

    name: str
    tags: dict[str, Any]
    watched: str = ""
    stops: Callable[[int, float], bool] | None = None


def main(cfg: DictConfig) -> float | None:
    """Train, measure and track.

    Returns:
        The best validation score; never a figure of the test set.
    """
    config = plain(cfg)
    config.pop("sweep", None)  # one run is none
    try:
        return train(config)
    finally:
        os.environ.pop(RUN_ENV, None)  # what this process starts later is of another run


def train(config: Config, member: Member | None = None) -> float | None:
    """Train, measure and track one run.

    Args:
        config: Resolved config without the parts for sweeps.
        member: Information from the sweep; None for a single run.

    Returns:
        The best validation score; never a figure of the test set.
    """
    config["threads"] = prepare_process(config["seed"], config["threads"])
    _refuse_what_cannot_start(config)
    task = task_of(config)
    model = task.build_model(config)  # before any data is read: a wrong model is the cheapest mistake to find
    _refuse_no_epochs(config, model)
    _refuse_unknown_monitor(config, task, model)
    if is_trained_in_epochs(model):
        refuse_trainer(config)
    data = task.build_data(config)
    data.prepare_data()
    lessons = task.join(model, data)
    if is_trained_in_epochs(model):
        refuse_few_frames(config, data)
    if not _leads():  # a distributed run is tracked and measured by its first process alone
        fit(config, model, data, _followed(config), logger=None)
        return None
    pruning = Pruning(member.watched, member.stops) if member and member.stops else None
    with _open_run(config, task, model, data, lessons, member) as run:
        os.environ[RUN_ENV] = run.id
        if is_trained_in_epochs(model):
            fitted = fit(config, model, data, run.id, RunLogger(run, folder(config, run.id).parent), pruning)
        else:
            fitted = fit_at_once(config, task, model, data, run.id)
        if fitted.pruned:
            run.set_tags({PRUNED_TAG: "true"})
            run.log_metrics(fitted.costs)
        elif not config["trainer"].get("fast_dev_run"):
            return _conclude(run, config, task, data, fitted)
    return fitted.best


def _leads() -> bool:
    """Tell whether this is the first process of a distributed run, or the only one."""
    return all(os.environ.get(rank, "0") == "0" for rank in _RANKS)


_RANKS = ("RANK", "NODE_RANK", "GROUP_RANK", "LOCAL_RANK", "SLURM_PROCID")


def _followed(config: Config) -> str:
    """Return the run of this process in a distributed run; on other machines it may be unknown."""
    run_id = os.environ.get(RUN_ENV, "")
    if config["ckpt_path"] == RESUME and not run_id:
        raise InputError(f"on every machine but the first, set {RUN_ENV} to the run to go on with", column="ckpt_path")
    return run_id


def _refuse_what_cannot_start(config: Config) -> None:
    """Refuse mistakes that only this verb can see, before anything is built."""
    devices, most = str(config["trainer"].get("devices")), max(cores(), 2)  # two, to try it with a single core
    if config["trainer"].get("accelerator") == "cpu" and devices.isdigit() and int(devices) > most:
        raise InputError(f"expected at most {most} processes on these cores, got {devices}", column="trainer.devices")
    if config["ckpt_path"] not in (None, RESUME):
        before = read_checkpoint(Path(config["ckpt_path"]))[CONFIG_KEY]["config"]["model"]
        for key in ("backbone", "head", "coarse_stage", "mirror"):
            if not same_build(f"model.{key}", before.get(key) or None, config["model"].get(key) or None):
                raise InputError(
                    f"this checkpoint is of another model: model.{key} was {before.get(key)!r}",
                    file=config["ckpt_path"],
                    column="ckpt_path",
                )


def _refuse_unknown_monitor(config: Config, task: Task, model: Any) -> None:
    """Refuse callbacks that wait for a metric that no validation has, unless code of the user's own may log it."""
    known = ["val/loss", *(f"val/{name}" for name in sorted(task.scalars(config)))]
    if not is_trained_in_epochs(model) or used_packages([config["callbacks"], config["model"]]):
        return
    for name, node in config["callbacks"].items():
        monitor = str((node or {}).get("monitor"))
        if monitor.startswith(("val/", "test/")) and monitor not in known:
            message = f"no metric {monitor} of validation{hint(monitor, known)}"
            raise InputError(message, column=f"callbacks.{name}.monitor")


def _refuse_no_epochs(config: Config, model: Any) -> None:
    """Refuse to train for no epochs, except an embedder, which learns discriminants before the first."""
    if config["trainer"]["max_epochs"] == 0 and is_trained_in_epochs(model) and not isinstance(model, FaceEmbedder):
        raise InputError(
            "expected at least 1, got 0: nothing would be trained; faceline evaluate measures a checkpoint, a run or a "
            "bundle as it is",
            column="trainer.max_epochs",
        )


@contextmanager
def _open_run(
    config: Config, task: Task, model: Any, data: TaskData, lessons: Lessons, member: Member | None
) -> Iterator[Run]:
    """Open a new run with everything that it depends on, or the interrupted one of this config."""
    tracking, digest = config["tracking"], config_digest(config)
    client = store_of(config)
    if config["ckpt_path"] == RESUME:
        run_id = _interrupted(client, config, digest)
        with tracked_run(client, tracking["experiment"], config["name"], run_id=run_id) as run:
            run.log_provenance(provenance(own=used_packages(config)))
            yield run
        return
    tags = {DIGEST_TAG: digest, **_headline(config, task, data), **{TAG + tag: "true" for tag in config["tags"]}}
    tags |= member.tags if member else {}
    tags[NOTE] = _note(config, task, data)
    name = f"{config['name']}-{data.source.name}-{config['split']['protocol']}"
    with tracked_run(client, tracking["experiment"], member.name if member else name, tags=tags) as run:
        run.log_provenance(provenance(own=used_packages(config)))
        _describe(run, config, data, lessons, model)
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
    last = last_checkpoint(config, record.id)
    if "train/loss" in record.metrics and not last.is_file():
        raise InputError(
            f"run {record.id} has finished epochs, but its checkpoint is not here: go on where it was started, or "
            f"start a new run without ckpt_path=last",
            file=last,
            column="ckpt_path",
        )
    return record.id


def _conclude(run: Run, config: Config, task: Task, data: TaskData, fitted: Fitted) -> float | None:
    """Measure the best model and log it with all of its costs."""
    trained = fitted.model if fitted.file is None else load_trained(fitted.file).model
    began = time.perf_counter()
    scores = _measure(run, config, task, trained, data, "test")
    seconds = fitted.costs["train_seconds"] + time.perf_counter() - began
    run.log_metrics({**fitted.costs, "seconds": seconds, "peak_mb": peak_memory()})
    scores |= _measure(run, config, task, trained, data, "val")
    if (work := task.one_frame(trained, data)) is not None:
        run.log_metrics({"ms_per_frame": milliseconds(seconds_of(work, repeats=15, warmup=3))["median_ms"]})
    if fitted.file is not None:
        _keep(run, config, data, fitted.file, scores)
    test = {name.removeprefix("test/"): value for name, value in scores.items() if name.startswith("test/")}
    print(f"{config['name']}: test {task.verdict(test)}; run {run.id}")
    return fitted.best if fitted.best is not None else scores.get(f"best_val/{task.objective}")


def _keep(run: Run, config: Config, data: TaskData, file: Path, scores: Scores) -> None:
    """Store the best model, with signature and example if MLflow can load it."""
    params = {"model": config["name"]}
    with tempfile.TemporaryDirectory() as folder:
        described = describe(file, data, Path(folder, "model"))
        where = None if described is None else Path(folder, "model")
        run.log_model(BEST, described or file, metrics=scores, params=params, folder=where)


def _headline(config: Config, task: Task, data: TaskData) -> dict[str, str]:
    """Return the tags that identify runs; the columns of a reviewer's table."""
    return {
        "task": task.name,
        "model": config["name"],
        "data": data.source.name,
        "protocol": config["split"]["protocol"],
        "data_fingerprint": data.index.fingerprint,
        "split_fingerprint": data.split.fingerprint(data.index),
        "command": _command(),
    }


def _note(config: Config, task: Task, data: TaskData) -> str:
    """Return the description of a run on MLflow's page: what was trained on what, and how to repeat it."""
    frames = ", ".join(f"{len(rows)} {part}" for part, rows in data.split.parts().items()) + " frames"
    frames += ", each counted as another person" if data.index.people_unknown else ""
    return (
        f"**{config['name']}** for the task {task.name} on **{data.source.name}**, protocol "
        f"**{config['split']['protocol']}** ({frames}). Chosen by `{task.objective}` on the validation set.\n\n"
        f"```\n{_command()}\n```\n\n"
        "Figures and errors frame by frame are among the artifacts. `faceline compare` ranks this run among its like, "
        "and puts the link to its page here."
    )


def _command() -> str:
    """Return what the user typed; ``${…}`` stays as it is, without this machine's value."""
    hydra = HydraConfig.get() if HydraConfig.initialized() else None
    overrides = OmegaConf.to_container(hydra.overrides.task if hydra else ListConfig([]), resolve=False)
    assert isinstance(overrides, list)
    verb = hydra.job.name if hydra else "train"
    typed = [_QUOTED_ID.sub(r"\1=\2", str(word)) for word in overrides if not _SWEEP.match(str(word))]
    return shlex.join(["faceline", verb, *typed])


_SWEEP = re.compile(r"\+?(sweep|launcher)\b")
"""Overrides of sweeps, without which a single run does the same."""

_QUOTED_ID = re.compile(r'^(run_id|sweep_id)="(\w+)"$')
"""Ids as the command passes them on, so that digits are not read as a number; nobody types them so."""


_OF_EPOCHS = ("callbacks", "trainer", "transforms")
"""Parts of a config without a meaning for a model that is fitted at once; the run does not log them as params."""


def _describe(run: Run, config: Config, data: TaskData, lessons: Lessons, model: Any) -> None:
    """Log everything that the run depends on, before it starts."""
    run.log_config(config, IGNORED if is_trained_in_epochs(model) else (*IGNORED, *_OF_EPOCHS))
    index, split = data.index, data.split
    run.log_dict({part: index.files[rows].tolist() for part, rows in split.parts().items()}, "split.json")
    run.log_dict({"skipped": list(index.rejected)}, SKIPPED)
    tell_skipped(index, f"{SKIPPED} of run {run.id}")
    tell_people_unknown(data.source, index, split.protocol)
    run.log_dict(digests(config), DIGESTS_FILE)
    if lessons:
        run.log_dict(lessons, "taught.json")
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
    if is_trained_in_epochs(model):
        run.log_metrics({"parameters": sum(p.numel() for p in model.parameters())})


def _measure(run: Run, config: Config, task: Task, model: Any, data: TaskData, part: Literal["val", "test"]) -> Scores:
    """Compute and log the metrics of one set with each frame's errors; for the test set also the figures."""
    source = f"{data.source.name} · {config['split']['protocol']} · {part} · run {run.id[:8]}"
    result = task.measure(model, data, part, config["name"], source)
    run.log_text(csv_cells(result.frames).to_csv(index=False, float_format="%.8g"), f"{part}/frames.csv")
    if part == "test":
        for name, figure in result.figures().items():
            run.log_figure(figure, f"test/{name}")
        if result.landmarks is not None:  # with less precision than was measured: they are for drawing
            run.log_array(result.landmarks.astype(np.float16), LANDMARKS)
    prefix = "best_val" if part == "val" else part
    scores = {f"{prefix}/{name}": value for name, value in result.scalars.items()}
    run.log_metrics(scores)
    return scores
