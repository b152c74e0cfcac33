"""``faceline runs``: lists the runs of a store."""

import re
import time
from collections.abc import Iterable

from mlflow import MlflowClient
from omegaconf import DictConfig
from rich.box import SIMPLE_HEAD
from rich.table import Table

from faceline.tasks.assembly import plain
from faceline.tasks.task import Config
from faceline.terminal import show
from faceline.tracking.comparison import RANKED_BY
from faceline.tracking.housekeeping import is_own, state
from faceline.tracking.records import ERROR_TAG, PARENT_TAG, TAG, RunRecord, find_runs
from faceline.tracking.registry import versions
from faceline.tracking.reproduction import IDENTICAL, REPRODUCES
from faceline.tracking.store import store_of

_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_MATCHED = ("task", "model", "data", "protocol")


def main(cfg: DictConfig) -> None:
    """Print the matching runs as a table."""
    config = plain(cfg)
    client = store_of(config)
    runs, others = own_runs(client, config)
    found = matching(runs, config)
    shown = found[: config["limit"]]
    if shown:
        show_runs(shown, client)
    hidden = f", {len(found) - len(shown)} more with limit={len(found)}" if len(found) > len(shown) else ""
    beside = f"; {others} more in this store were not made by faceline" if others else ""
    _print(f"{len(found)} of {len(runs)} runs{hidden}{beside}")


def own_runs(client: MlflowClient, config: Config) -> tuple[list[RunRecord], int]:
    """Return our runs in an experiment, newest first, and the number of other runs there."""
    experiment = config["tracking"]["experiment"]
    runs = find_runs(client, [experiment] if experiment else [], order_by=["attributes.start_time DESC"])
    own = [run for run in runs if is_own(run)]
    return own, len(runs) - len(own)


def matching(runs: Iterable[RunRecord], config: Config) -> list[RunRecord]:
    """Return the runs that match all conditions."""
    now, match = time.time(), config["match"]
    words = {match} if isinstance(match, str) else set(match)
    newest, oldest = (config[key] and now - _seconds(config[key]) for key in ("older_than", "newer_than"))
    return [
        run
        for run in runs
        if config["status"] in (None, state(run).lower())
        and words <= {run.tags.get(tag) for tag in _MATCHED}
        and all(run.tags.get(TAG + tag) == "true" for tag in config["tags"])
        and (newest is None or run.started < newest)
        and (oldest is None or run.started >= oldest)
    ]


def show_runs(runs: Iterable[RunRecord], client: MlflowClient) -> None:
    """Print a line for each run."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("run", "model", "data", "protocol", "status", "val", "test", "took", "age", ""):
        table.add_column(name, justify="right" if name in ("val", "test", "took", "age") else "left", no_wrap=True)
    known = {version.run_id: version for version in versions(client)}
    for run in runs:
        version = known.get(run.id)
        titles = [*(version.aliases or [f"version {version.number}"])] if version else []
        figures = (_figure(run, part) for part in ("best_val", "test"))
        took = "" if run.ended is None else _duration(run.ended - run.started)
        table.add_row(
            run.id[:8],
            run.tags.get("model", run.name),
            run.tags.get("data", ""),
            run.tags.get("protocol", ""),
            state(run).lower(),
            *figures,
            took,
            _duration(time.time() - run.started),
            ", ".join([*titles, *_remarks(run)]),
        )
    show(table)


def _figure(run: RunRecord, part: str) -> str:
    task = run.tags.get("task", "landmarks")
    ranked = RANKED_BY.get(task)
    value = run.metrics.get(f"{part}/{ranked.name}") if ranked else None
    if value is None:
        return ""
    return f"NME {value:.2%}" if task == "landmarks" else f"F1 {value:.3f}"


def _remarks(run: RunRecord) -> list[str]:
    """Return remarks on a run in a few words."""
    remarks = []
    if PARENT_TAG in run.tags:
        remarks.append(f"of {run.tags[PARENT_TAG][:8]}")
    if run.tags.get("faceline.pruned"):
        remarks.append("pruned")
    if REPRODUCES in run.tags:
        verdict = {"True": "reproduces", "False": "does not reproduce"}.get(
            run.tags.get(IDENTICAL, ""), "was to repeat"
        )
        remarks.append(f"{verdict} {run.tags[REPRODUCES][:8]}")
    if state(run) in ("FAILED", "KILLED") and ERROR_TAG in run.tags:
        remarks.append(run.tags[ERROR_TAG][:60])
    return [*remarks, *(tag.removeprefix(TAG) for tag in run.tags if tag.startswith(TAG))]


def _seconds(duration: str) -> int:
    """Convert ``12h`` and the like to seconds; the config was checked."""
    number, unit = re.fullmatch(r"(\d+)([mhdw])", duration).groups()  # type: ignore[union-attr]
    return int(number) * _UNITS[unit]


def _duration(seconds: float) -> str:
    """Format a duration in the largest unit that gives at least two."""
    for unit in "dhm":
        if seconds >= 2 * _UNITS[unit]:
            return f"{seconds / _UNITS[unit]:.0f} {'min' if unit == 'm' else unit}"
    return f"{seconds:.0f} s"


def _print(line: str) -> None:
    print(line)
