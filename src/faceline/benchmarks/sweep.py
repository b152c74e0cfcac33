"""``faceline benchmark sweep``: trials one by one and as a sweep; how close the sweep comes to the ideal."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.table import Table

from faceline.benchmarks.measure import publish
from faceline.errors import InputError
from faceline.tasks.assembly import plain
from faceline.terminal import show
from faceline.tracking.records import RunRecord, download, find_runs
from faceline.tracking.store import connect

MOST_OF_IDEAL, MOST_OVERHEAD = 1.15, 4.0
"""Targets: times the ideal, and seconds for each trial."""

LONE, SWEEP = "lone", "sweep"


def main(cfg: DictConfig) -> None:
    """Measure; print a table and write a JSON file.

    Raises:
        InputError: A training fails, or fewer cores are free than jobs should run at once.
    """
    config = plain(cfg)
    cores = len(os.sched_getaffinity(0))
    if config["jobs"] > cores:
        raise InputError(f"expected at most {cores}, as many as there are cores, got {config['jobs']}", column="jobs")
    with tempfile.TemporaryDirectory(prefix="faceline-") as place:
        report = _measure(config, Path(place))
    show(_table(report))
    publish("sweep", report, Path(config["output"]))


def _measure(config: dict[str, Any], place: Path) -> dict[str, Any]:
    training = [*config["training"], "threads=1", "data.cache_dir=cache"]
    print("preparing: data are drawn once")
    _train(place, [*training, "trainer.max_epochs=1", "tracking.experiment=prepared"])
    alone = []
    for seed in range(config["trials"]):
        alone.append(_train(place, [*training, f"seed={seed}", f"tracking.experiment={LONE}"]))
        print(f"alone {seed}: {alone[-1]:.1f} s")
    seeds = ",".join(map(str, range(config["trials"])))
    together = _train(
        place, ["-m", *training, f"seed={seeds}", f"sweep.jobs={config['jobs']}", f"tracking.experiment={SWEEP}"]
    )
    client = connect(None, place)
    lone_runs = find_runs(client, [LONE])
    swept = find_runs(client, [SWEEP])
    parent = next(run for run in swept if "faceline.kind" in run.tags)
    children = [run for run in swept if run is not parent]
    told = json.loads(download(parent, "trials.json").read_text())["trials"]
    trained = sum(run.metrics["train_seconds"] for run in children)
    return {
        "trials": config["trials"],
        "jobs": config["jobs"],
        "training": config["training"],
        "commands": _ratio(alone, together, config["jobs"]),
        "runs": _ratio([_seconds(run) for run in lone_runs], _span(children), config["jobs"]),
        "overhead_seconds": (sum(trial["seconds"] for trial in told) - trained) / len(told),
        "train_seconds": trained / len(told),
    }


def _train(place: Path, overrides: list[str]) -> float:
    """Return the seconds of one command in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "faceline", "train", *overrides],
        cwd=place, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"failed: {last.removeprefix('faceline: error: ')}", column="training")
    return time.perf_counter() - began


def _seconds(run: RunRecord) -> float:
    """Return the seconds from the start of a run to its end."""
    info = run.client.get_run(run.id).info
    return float(info.end_time - info.start_time) / 1000


def _span(runs: list[RunRecord]) -> float:
    """Return the seconds from the start of the first run to the end of the last."""
    return max(run.started + _seconds(run) for run in runs) - min(run.started for run in runs)


def _ratio(alone: list[float], together: float, jobs: int) -> dict[str, Any]:
    ideal = sum(alone) / jobs
    return {"alone_seconds": alone, "together_seconds": together, "ideal_seconds": ideal, "ratio": together / ideal}


def _table(report: dict[str, Any]) -> Table:
    table = Table(title=f"{report['trials']} trials of one thread, {report['jobs']} at once", title_justify="left")
    for name in ("what", "alone, sum s", "ideal s", "as a sweep s", "ratio", "target"):
        table.add_column(name, justify="left" if name == "what" else "right")
    names = {"commands": "whole commands, Python's start included", "runs": "tracked runs, first to last"}
    for key, name in names.items():
        row = report[key]
        figures = [sum(row["alone_seconds"]), row["ideal_seconds"], row["together_seconds"]]
        met = "met" if row["ratio"] <= MOST_OF_IDEAL else "missed"
        table.add_row(name, *(f"{x:.1f}" for x in figures), f"{row['ratio']:.3f}", f"at most {MOST_OF_IDEAL}: {met}")
    overhead = report["overhead_seconds"]
    met = "met" if overhead < MOST_OVERHEAD else "missed"
    table.add_row(
        "a trial beside its training steps", "", "", f"{overhead:.2f}", "", f"under {MOST_OVERHEAD:g} s: {met}"
    )
    return table
