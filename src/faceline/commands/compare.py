"""``faceline compare``: ranks finished runs with comparable ones, or reviews two runs."""

import json
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from omegaconf import DictConfig, OmegaConf
from rich.table import Table

from faceline.errors import InputError
from faceline.files import write_whole
from faceline.leaderboards.figures import closer_look
from faceline.leaderboards.ranking import Ranked, grouped, ranked, reviewed
from faceline.outputs import check_output_folder
from faceline.plot_style import percent
from faceline.reports.comparison import TITLES, Comparison, Leaderboard, as_json, board_verdict, markdown
from faceline.reports.comparison_page import page
from faceline.terminal import show
from faceline.tracking.linking import link_page
from faceline.tracking.records import PARENT_TAG, TAG, RunRecord, find_runs, get_run
from faceline.tracking.store import store_of

LISTED = 20
"""Rows of a leaderboard in the terminal."""


def main(cfg: DictConfig) -> None:
    """Run `compare` with a config of Hydra's."""
    compare({str(key): value for key, value in OmegaConf.to_object(cfg).items()})  # type: ignore[union-attr]


def compare(config: Mapping[str, Any]) -> tuple[Comparison, Path]:
    """Print the verdicts; write a page, a Markdown table and JSON, and link the page from the runs.

    Returns:
        The comparison, and the folder of the page.

    Raises:
        InputError: There are no such runs, or the folder cannot be written.
    """
    tracking = config["tracking"]
    runs = _chosen(store_of(config), config)
    comparison, boards = reviewed(*runs) if len(config["run_ids"]) == 2 else _ranked(runs)
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    closer = [closer_look(found, f"b{i}") for i, found in enumerate(boards, start=1)]
    files = {
        "comparison.html": page(comparison, closer, made=made, version=version("faceline")),
        "comparison.md": markdown(comparison),
        "comparison.json": json.dumps({"made": made, **as_json(comparison)}, indent=2) + "\n",
    }
    folder = Path(config["output"] or Path(tracking["root"], "mlruns", "comparison"))
    check_output_folder(folder, "output", own=list(files))
    _write(folder, files)
    _tell(comparison, folder)
    if refusal := link_page([found.runs for found in boards], files["comparison.html"]):
        print(f"faceline: no run links to this page: {refusal}", file=sys.stderr)
    return comparison, folder


def _chosen(client: MlflowClient, config: Mapping[str, Any]) -> list[RunRecord]:
    """Return the requested runs; by default all of the project's.

    Raises:
        InputError: There are none.
    """
    if config["run_ids"]:
        runs = [get_run(client, run_id) for run_id in config["run_ids"]]
        if len({run.id for run in runs}) < len(runs):
            raise InputError("the same run is given twice", column="run_ids")
    else:
        experiment = config["tracking"]["experiment"]
        runs = find_runs(client, [experiment] if experiment else [])
        runs = [run for run in runs if "data_fingerprint" in run.tags]  # others are not of this project
    parent = get_run(client, config["sweep_id"]).id if config["sweep_id"] else None
    chosen = [
        run
        for run in runs
        if all(run.tags.get(TAG + tag) == "true" for tag in config["tags"])
        and (parent is None or run.tags.get(PARENT_TAG) == parent)
    ]
    if not chosen:
        if not runs:
            raise InputError("there are no runs in this store; train one first, with faceline train")
        raise InputError("no run matches; change tags= or sweep_id=")
    return chosen


def _ranked(runs: list[RunRecord]) -> tuple[Comparison, list[Ranked]]:
    groups, left_out = grouped(runs)
    if not groups:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise InputError(f"no finished runs that match ({reasons}); train one first, or ask for others", column="tags")
    boards, apart = ranked(groups)
    return Comparison([found.board for found in boards], apart, left_out), boards


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Write all of the files or none: each gets its name only when all are complete."""
    try:
        with ExitStack() as drafts:
            for name, text in files.items():
                drafts.enter_context(write_whole(folder / name)).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", file=folder, column="output") from error


def _tell(comparison: Comparison, folder: Path) -> None:
    print(comparison.verdict())
    for board in comparison.boards:
        if len(comparison.boards) > 1:
            print(f"\n{board_verdict(board)}")
        show(_table(board))
    for one in comparison.apart:
        print(f"apart: {one.label} ({one.run_id[:8]}), {one.where}, {one.figure}: {one.reason}")
    for reason, count in comparison.left_out.items():
        print(f"left out: {count} {reason}")
    print(f"written: {folder / 'comparison.html'}, .md and .json")


def _table(board: Leaderboard) -> Table:
    """Return the leaderboard as a table for the terminal."""
    table = Table(title=board.title, title_justify="left", title_style="bold")
    table.add_column("", justify="right")
    table.add_column("model", overflow="fold")
    for name in (TITLES[board.metric], "95 %", "beats the next"):
        table.add_column(name, justify="right", no_wrap=True)
    for place, entry in enumerate(board.entries[:LISTED], start=1):
        probability = "–" if entry.beats_next is None else percent(entry.beats_next)
        table.add_row(str(place), entry.label, board.shown(entry.figure), board.shown_interval(entry), probability)
    if len(board.entries) > LISTED:
        table.add_row("", f"… and {len(board.entries) - LISTED} more")
    return table
