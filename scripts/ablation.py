#!/usr/bin/env python3
"""Compares the finished runs of one experiment with its first run: what does each change of the model gain?

Only the validation part is looked at: what is learnt here may be used to choose. Prints a Markdown table and writes the
same as JSON, each row with its command and commit.
"""

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

import pandas as pd

from faceline.metrics.paired import Resampled, resampled_error
from faceline.tracking.records import RunRecord, download, find_runs
from faceline.tracking.store import connect


def main() -> None:
    """Read, compare, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", help="name of the experiment in the store")
    parser.add_argument("--output", type=Path, default=Path("docs/results/landmark_ablation.json"))
    parser.add_argument(
        "--store", action="append", help="address of an MLflow store, once for each; by default that of this folder"
    )
    arguments = parser.parse_args()
    finished = "attributes.status = 'FINISHED'"
    clients = [connect(store, Path()) for store in arguments.store or [None]]
    runs = [run for client in clients for run in find_runs(client, [arguments.experiment], where=finished)]
    runs = sorted(runs, key=lambda run: run.started)
    if not runs:
        parser.error(f"no finished run in experiment {arguments.experiment}")
    base, first = runs[0], _errors(runs[0])
    rows = [_row(run, base, _errors(run), first) for run in runs]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(rows, indent=2) + "\n")
    print("| change | NME of validation | difference (95 %) | better with | minutes |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for row in rows:
        print("| " + " | ".join(_cells(row)) + " |")


def _errors(run: RunRecord) -> Resampled:
    """The NME of the validation frames, in the same draws of videos for every run."""
    frames = pd.read_csv(download(run, "val/frames.csv")).sort_values("file")
    return resampled_error(frames["nme"].to_numpy(), frames["video"].to_numpy(dtype=str))


def _row(run: RunRecord, base: RunRecord, errors: Resampled, first: Resampled) -> dict[str, Any]:
    words, usual = (shlex.split(each.tags["command"]) for each in (run, base))
    beside = errors.against(first)
    return {
        "change": " ".join(word for word in words if word not in usual),
        "val_nme": round(errors.figure, 5),
        "difference": round(beside.difference, 5),
        "ci95": [round(beside.low, 5), round(beside.high, 5)],
        "probability_better": round(beside.probability, 4),
        "train_seconds": round(run.metrics["train_seconds"]),
        "run_id": run.id,
        "commit": run.tags["faceline.commit"],
        "command": run.tags["command"],
    }


def _cells(row: dict[str, Any]) -> list[str]:
    nme, minutes = f"{row['val_nme']:.2%}", f"{row['train_seconds'] / 60:.0f}"
    if not row["change"]:
        return ["(as it is)", nme, "", "", minutes]
    low, high = row["ci95"]
    return [
        f"`{row['change']}`",
        nme,
        f"{100 * row['difference']:+.2f} [{100 * low:+.2f}, {100 * high:+.2f}]",
        f"{row['probability_better']:.0%}",
        minutes,
    ]


if __name__ == "__main__":
    main()
