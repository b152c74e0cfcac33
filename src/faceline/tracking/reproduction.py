"""Compares two runs of one config: what each was made with, and whether their figures are identical."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from faceline.tracking.records import RunRecord, artifact_folder, download, history
from faceline.tracking.store import store_errors

REPRODUCES = "faceline.reproduces"
"""Tag of a run that reproduces another one, with that one's id."""

IDENTICAL = "faceline.identical"
"""Tag of such a run after its end: whether the figures are identical."""

FRAMES = ("test/frames.csv", "val/frames.csv")
_SERIES = ("train/", "val/")
_FIGURES = ("test/", "best_val/", *_SERIES)
_COUNTS = ("parameters", "epochs")
_CLOCK = ("seconds", "_per_second")
"""Suffixes of metrics that no two runs share."""
_MACHINE = ("cpu", "gpus", "os")


@dataclass(frozen=True)
class Agreement:
    """One figure in both runs.

    Attributes:
        name: Name of the metric, or of the table of frames.
        then: Last value in the first run, or the number of rows of a table; None if that run has none.
        now: The same for the second run.
        since: First epoch, or row of a table, in which the two differ; None if all are the same.
    """

    name: str
    then: float | None
    now: float | None
    since: int | None = None

    @property
    def is_table(self) -> bool:
        """Whether it is a table of frames."""
        return self.name in FRAMES

    @property
    def identical(self) -> bool:
        """Whether every value is the same to the last digit."""
        return self.since is None and _same(self.then, self.now)


def provenances(record: RunRecord) -> list[dict[str, Any]]:
    """Return what was recorded at each start of a run, with its ``diff``; several after interruptions."""
    place = artifact_folder(record.client, record.artifact_uri)
    if place is not None:
        files = sorted(f"provenance/{file.name}" for file in (place / "provenance").glob("*"))
    else:
        with store_errors(record.client.tracking_uri):
            files = sorted(file.path for file in record.client.list_artifacts(record.id, "provenance"))
    starts = []
    for file in (path for path in files if path.endswith(".json")):
        diff = file.removesuffix(".json") + ".diff"
        text = download(record, diff).read_text() if diff in files else ""
        starts.append({**json.loads(download(record, file).read_text()), "diff": text})
    return starts


def changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return one line for each dependency of the result that has changed."""
    lines = [_changed(name, then.get(name), now.get(name)) for name in ("commit", "python", "threads")]
    if (then.get("diff") or "") != (now.get("diff") or ""):
        lines.append(f"uncommitted changes: {_changes(then)} then, {_changes(now)} now; both runs keep theirs")
    before, after = (info.get("packages") or {} for info in (then, now))
    lines += [_changed(name, before[name], after.get(name)) for name in before]
    before, after = (info.get("machine") or {} for info in (then, now))
    lines += [_changed(name, before.get(name), after.get(name)) for name in _MACHINE]
    return [line for line in lines if line]


def compare_figures(then: RunRecord, now: RunRecord) -> list[Agreement]:
    """Compare every figure of two runs except time and memory, those of the test set first."""
    order = (*_FIGURES, *_COUNTS)
    names = [name for name in {**then.metrics, **now.metrics} if name.startswith(order) and not name.endswith(_CLOCK)]
    names.sort(key=lambda name: (next(i for i, start in enumerate(order) if name.startswith(start)), name))
    values = [
        Agreement(name, then.metrics.get(name), now.metrics.get(name), _first_difference(then, now, name))
        for name in names
    ]
    return values + [_tables(then, now, path) for path in FRAMES]


def _changed(name: str, then: Any, now: Any) -> str:
    return "" if then == now else f"{name}: {_text(then)} then, {_text(now)} now"


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value or "not known")


def _changes(info: Mapping[str, Any]) -> str:
    lines = (info.get("diff") or "").splitlines()
    count = sum(line.startswith(("+", "-")) and not line.startswith(("+++", "---")) for line in lines)
    return f"{count} lines" if lines else "none"


def _same(then: float | None, now: float | None) -> bool:
    if then is None or now is None:
        return then is now
    return then == now or (math.isnan(then) and math.isnan(now))


def _first_difference(then: RunRecord, now: RunRecord, name: str) -> int | None:
    """Return the first epoch whose value differs; None for a figure that is measured once."""
    if not name.startswith(_SERIES):
        return None
    before, after = (history(record, name) for record in (then, now))
    return next((step for step in sorted({**before, **after}) if not _same(before.get(step), after.get(step))), None)


def _tables(then: RunRecord, now: RunRecord, path: str) -> Agreement:
    before, after = (list(csv.reader(download(record, path).open(newline=""))) for record in (then, now))
    rows = max(len(before), len(after))
    differs = (row for row in range(rows) if before[row : row + 1] != after[row : row + 1])
    return Agreement(path, float(len(before) - 1), float(len(after) - 1), next(differs, None))
