"""``faceline compare``: the finished runs of an experiment, ranked among their like."""

from collections import defaultdict
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig
from rich.console import Console

from faceline.errors import InputError
from faceline.reports import landmark_plots as plots
from faceline.reports.style import png
from faceline.reports.tables import Score, print_leaderboard
from faceline.tracking.records import TAG, RunRecord, download, find_runs
from faceline.tracking.store import connect
from faceline.workflows.assembly import plain
from faceline.workflows.landmark_task import by_region

Group = tuple[str, str, str]
"""Data set, protocol, and fingerprints of data and split: only runs that share all are ranked together."""


DRAWN = 8
"""More curves in one figure cannot be told apart."""


def main(cfg: DictConfig) -> None:
    """Print the leaderboard; draw the error curves and the errors by region of each group."""
    config = plain(cfg)
    tracking = config["tracking"]
    client = connect(tracking["uri"], Path(tracking["root"]))
    wanted = set(config["run_ids"])
    runs = [
        run
        for run in find_runs(client, [tracking["experiment"]], "attributes.status = 'FINISHED'")
        if "test/mse" in run.metrics
        and (not wanted or run.id in wanted)
        and all(run.tags.get(TAG + tag) == "true" for tag in config["tags"])
    ]
    if not runs:
        raise InputError(
            f"no finished runs in experiment {tracking['experiment']!r} that match; train one first, or ask for others",
            column="tags",
        )
    groups: dict[Group, list[RunRecord]] = defaultdict(list)
    for run in sorted(runs, key=lambda run: run.metrics["test/mse"]):
        same = f"{run.tags['data_fingerprint'][:6]}-{run.tags['split_fingerprint'][:6]}"
        groups[run.tags["data"], run.tags["protocol"], same].append(run)
    folder = Path(config["output"] or Path(tracking["root"], "mlruns", "comparison"))
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(soft_wrap=True, highlight=False)
    for group, members in groups.items():
        print_leaderboard([_score(run, members) for run in members], console)
        for file in _draw(group, members, folder):
            console.print(f"drawn: {file}")


def _score(run: RunRecord, runs: list[RunRecord]) -> Score:
    return Score(
        model=_label(run, runs),
        data=run.tags["data"],
        split=run.tags["protocol"],
        mse=run.metrics["test/mse"],
        nme=run.metrics["test/nme"],
        params=int(run.metrics["parameters"]),
        train_seconds=run.metrics["train_seconds"],
    )


def _draw(group: Group, runs: list[RunRecord], folder: Path) -> list[Path]:
    data, protocol, same = group
    frames = {_label(run, runs): pd.read_csv(download(run, "test/frames.csv")) for run in runs[:DRAWN]}
    source = f"{data} · {protocol} · test · best {len(frames)} of {len(runs)} runs"
    regions = {name: by_region(table) for name, table in frames.items()}
    curves = {name: table["nme"].to_numpy() for name, table in frames.items()}
    figures = {
        "error_curve": plots.error_curve(curves, source=source),
        "region_errors": plots.region_errors(regions, source=source),
    }
    files = []
    for name, figure in figures.items():
        files.append(folder / f"{data}-{protocol}-{same}-{name}.png")
        files[-1].write_bytes(png(figure))
    return files


def _label(run: RunRecord, runs: list[RunRecord]) -> str:
    """The model, with the run where several have the same."""
    model = run.tags["model"]
    return model if sum(other.tags["model"] == model for other in runs) == 1 else f"{model} {run.id[:6]}"
