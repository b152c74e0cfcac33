"""``faceline results``: makes the published tables and figures from tracked runs; docs/results.md holds the tables."""

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from faceline.errors import InputError
from faceline.exporting.parity import without_folders
from faceline.files import write_whole
from faceline.plot_style import png
from faceline.reports.identification_plots import cost_of_a_visit
from faceline.reports.identification_table import IDENTIFICATION, IdentificationResult
from faceline.reports.landmark_plots import published
from faceline.reports.results import ResultsTable, read_results, render_results
from faceline.reports.tables import LANDMARKS, LandmarkResult, ranked
from faceline.tracking.comparison import RANKED_BY, resampled, test_frames
from faceline.tracking.records import RunRecord, get_run
from faceline.tracking.store import connect

FOLDER = Path("docs/results")
PAGE = Path("docs/results.md")
TABLES: dict[str, ResultsTable[Any]] = {table.name: table for table in (LANDMARKS, IDENTIFICATION)}
PLACE = {"landmarks": ("model", "data", "split"), "identification": ("method", "data", "protocol")}
"""Keys that identify a row: a new run replaces the row with the same ones."""


def main(check: bool = False, add: str | None = None, name: str | None = None) -> None:
    """Render the tables and draw the figures, after adding a run if one is given.

    Args:
        check: Whether to only compare the page with the results.
        add: Id of a finished run to publish; it replaces the row with the same keys.
        name: Name of the row; by default the model of the run.

    Raises:
        InputError: Page and results differ under ``check``, the run cannot be published, or there are no results.
    """
    if add:
        _take_up(add, name)
    files = {table: FOLDER / f"{table}.json" for table in TABLES}
    present = {table: file for table, file in files.items() if file.is_file()}
    for table, file in (present or files).items():
        render_results(TABLES[table], file, PAGE, check=check)
    if not check:
        for place, figure in _figures(present):
            (FOLDER / f"{place}.png").write_bytes(png(figure))


def _figures(files: Mapping[str, Path]) -> Iterator[tuple[str, Figure]]:
    """Yield the results with their intervals, by the name of the file."""
    if "landmarks" in files:
        rows = read_results(files["landmarks"], LandmarkResult)
        groups = {
            f"{group[0].data}, {group[0].split}": {row.model: (row.nme, row.ci95) for row in group}
            for group in ranked(rows)
        }
        yield "landmarks", published(groups, source=f"test · {files['landmarks']}")
    if "identification" in files:
        yield from _visits(files["identification"])


def _visits(file: Path) -> Iterator[tuple[str, Figure]]:
    """Yield the figure of what a new visit costs, for each data set that has both protocols."""
    rows = read_results(file, IdentificationResult)
    for data in sorted({row.data for row in rows}):
        known, new = (
            {
                row.method: (row.f1_weighted, row.ci95[0], row.ci95[1])
                for row in rows
                if (row.data, row.protocol) == (data, protocol)
            }
            for protocol in ("frame_random", "video_disjoint")
        )
        if known.keys() & new.keys():
            yield f"identification-{data}", cost_of_a_visit(known, new, source=f"{data} · test · {file}")


def _take_up(run_id: str, name: str | None) -> None:
    task, row = published_row(run_id)
    row[PLACE[task][0]] = name or row[PLACE[task][0]]
    file = FOLDER / f"{task}.json"
    rows = json.loads(file.read_text()) if file.is_file() else []
    kept = [other for other in rows if any(other[key] != row[key] for key in PLACE[task])]
    with write_whole(file) as part:
        part.write_text(json.dumps([*kept, row], indent=2) + "\n", encoding="utf-8")


def published_row(run_id: str) -> tuple[str, dict[str, Any]]:
    """Return the task of a run and what is published about it.

    Raises:
        InputError: The run is not finished, or was made from changed files, so nobody could repeat it.
    """
    run = get_run(connect(None, Path()), run_id)
    if run.status != "FINISHED" or run.tags.get("faceline.dirty") != "False":
        raise InputError(
            f"run {run.id} is {run.status}, made from changed files: {run.tags.get('faceline.dirty')}; "
            f"only finished runs of a commit are published"
        )
    task = run.tags.get("task", "landmarks")
    if task not in TABLES:
        raise InputError(f"run {run.id} has the task {task!r}; only {' and '.join(TABLES)} are published")
    if RANKED_BY[task].metric not in run.metrics:
        raise InputError(f"run {run.id} has no test metrics: its training is not complete")
    measured = _identification(run) if task == "identification" else _landmarks(run)
    made = {
        "run_id": run.id,
        "commit": run.tags["faceline.commit"][:12],
        "command": _typed_anywhere(run.tags["command"]),
    }
    return task, measured | made


def _typed_anywhere(command: str) -> str:
    """Return a command without where data and runs lie on one machine: data sets are found by their names."""
    words = [word for word in shlex.split(command) if not word.startswith(("data.root=", "tracking.uri="))]
    return without_folders(shlex.join(words))


def _landmarks(run: RunRecord) -> dict[str, Any]:
    return {
        "model": run.tags["model"],
        "data": run.tags["data"],
        "split": run.tags["protocol"],
        "input_size": run.config["data"]["size"],
        "mse": _rounded(run.metrics["test/mse"]),
        "nme": _rounded(run.metrics["test/nme"]),
        "ci95": _nme_interval(run),
        "params": int(run.metrics["parameters"]),
        "train_seconds": round(run.metrics["train_seconds"]),
    }


def _nme_interval(run: RunRecord) -> list[float] | None:
    """Return an interval by bootstrap over videos; None if the run's frames are missing, or of a single video."""
    try:
        found = resampled("landmarks", test_frames(run))
    except InputError:
        return None
    return None if found is None else [_rounded(end) for end in found.interval()]


def _identification(run: RunRecord) -> dict[str, Any]:
    fnir = run.metrics.get("test/fnir_at_fpir_1pct")
    return {
        "method": run.tags["model"],
        "data": run.tags["data"],
        "protocol": run.tags["protocol"],
        **{name: _rounded(run.metrics[f"test/{name}"]) for name in ("f1_weighted", "f1_macro", "rank1")},
        "fnir_at_fpir_1pct": None if fnir is None else _rounded(fnir),
        "ci95": [_rounded(run.metrics[f"test/f1_weighted_{end}"]) for end in ("low", "high")],
        "seconds": round(run.metrics["seconds"]),
        "peak_mb": round(run.metrics["peak_mb"]),
    }


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")
