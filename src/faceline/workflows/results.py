"""``faceline results``: the published table, made from tracked runs and rendered into the README."""

import json
from pathlib import Path
from typing import Any

from faceline.errors import InputError
from faceline.reports.tables import render_results
from faceline.tracking.records import get_run
from faceline.tracking.store import connect

RESULTS = Path("docs/results/landmarks.json")
README = Path("README.md")


def main(check: bool = False, add: str | None = None) -> None:
    """Render the table, after taking up a run if one is given.

    Args:
        check: Only compare README and results.
        add: Id of a finished run whose figures become a row, in place of the row of its model, data and split.

    Raises:
        InputError: README and results differ under ``check``; the run cannot be published.
    """
    if add:
        _take_up(add)
    render_results(RESULTS, README, check=check)


def _take_up(run_id: str) -> None:
    row = published_row(run_id)
    rows = json.loads(RESULTS.read_text()) if RESULTS.is_file() else []
    place = ("model", "data", "split")
    kept = [other for other in rows if any(other[key] != row[key] for key in place)]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([*kept, row], indent=2) + "\n")


def published_row(run_id: str) -> dict[str, Any]:
    """What is published of a run.

    Raises:
        InputError: The run is not finished or was made from changed files, so nobody could make it again.
    """
    run = get_run(connect(None, Path()), run_id)
    if run.status != "FINISHED" or run.tags.get("faceline.dirty") != "False":
        raise InputError(
            f"run {run.id} is {run.status}, made from changed files: {run.tags.get('faceline.dirty')}; "
            f"only finished runs of a commit are published"
        )
    return {
        "model": run.tags["model"],
        "data": run.tags["data"],
        "split": run.tags["protocol"],
        "input_size": run.config["data"]["size"],
        "mse": float(f"{run.metrics['test/mse']:.4g}"),
        "nme": float(f"{run.metrics['test/nme']:.4g}"),
        "params": int(run.metrics["parameters"]),
        "train_seconds": round(run.metrics["train_seconds"]),
        "run_id": run.id,
        "commit": run.tags["faceline.commit"][:12],
        "command": run.tags["command"],
    }
