"""``faceline compare``: the finished runs of an experiment, ranked among their like."""

from collections import defaultdict
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig
from rich.console import Console

from faceline.errors import InputError
from faceline.reports import identification_table
from faceline.reports import landmark_plots as plots
from faceline.reports.identification_plots import rank_curve
from faceline.reports.style import png
from faceline.reports.tables import Score, print_leaderboard
from faceline.tracking.records import TAG, RunRecord, download, find_runs
from faceline.tracking.store import connect
from faceline.workflows.assembly import plain
from faceline.workflows.landmark_task import by_region

Group = tuple[str, str, str, str]
"""Task, data set, protocol, and fingerprints of data and split: only runs that share all are ranked together."""

RANKED_BY = {"landmarks": ("test/mse", 1), "identification": ("test/f1_weighted", -1)}
"""The metric that ranks the runs of a task, and whether the lowest (1) or the highest (-1) is best."""


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
        if any(metric in run.metrics for metric, _ in RANKED_BY.values())
        and (not wanted or run.id in wanted)
        and all(run.tags.get(TAG + tag) == "true" for tag in config["tags"])
    ]
    if not runs:
        raise InputError(
            f"no finished runs in experiment {tracking['experiment']!r} that match; train one first, or ask for others",
            column="tags",
        )
    groups: dict[Group, list[RunRecord]] = defaultdict(list)
    for run in runs:
        same = f"{run.tags['data_fingerprint'][:6]}-{run.tags['split_fingerprint'][:6]}"
        groups[_task(run), run.tags["data"], run.tags["protocol"], same].append(run)
    folder = Path(config["output"] or Path(tracking["root"], "mlruns", "comparison"))
    folder.mkdir(parents=True, exist_ok=True)
    console = Console(soft_wrap=True, highlight=False)
    for group, members in groups.items():
        metric, sign = RANKED_BY[group[0]]
        members.sort(key=lambda run: sign * run.metrics[metric])
        if group[0] == "landmarks":
            print_leaderboard([_score(run, members) for run in members], console)
        else:
            identification_table.print_leaderboard([_identification(run, members) for run in members], console)
        for file in _draw(group, members, folder):
            console.print(f"drawn: {file}")


def _task(run: RunRecord) -> str:
    return run.tags.get("task", "landmarks")


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


def _identification(run: RunRecord, runs: list[RunRecord]) -> identification_table.IdentificationScore:
    figures = {name: run.metrics[f"test/{name}"] for name in ("f1_weighted", "rank1", "rank5")}
    return identification_table.IdentificationScore(
        method=_label(run, runs),
        data=run.tags["data"],
        protocol=run.tags["protocol"],
        ci95=[run.metrics[f"test/f1_weighted_{end}"] for end in ("low", "high")],
        fnir_at_fpir_1pct=run.metrics.get("test/fnir_at_fpir_1pct"),
        seconds=run.metrics["seconds"],
        **figures,
    )


def _draw(group: Group, runs: list[RunRecord], folder: Path) -> list[Path]:
    task, data, protocol, same = group
    frames = {_label(run, runs): pd.read_csv(download(run, "test/frames.csv")) for run in runs[:DRAWN]}
    source = f"{data} · {protocol} · test · best {len(frames)} of {len(runs)} runs"
    if task == "identification":
        ranks = {name: table["rank"].to_numpy() for name, table in frames.items()}
        figures = {"ranks": rank_curve(ranks, source=source)}
    else:
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
