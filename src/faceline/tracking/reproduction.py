"""Two runs of one config: under what each was made, and whether their figures are the same to the last digit."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from faceline.tracking.records import RunRecord, artifact_folder, download, history
from faceline.tracking.store import store_errors

REPRODUCES = "faceline.reproduces"
"""Tag of a run that was made to reproduce another: the id of that."""

IDENTICAL = "faceline.identical"
"""Tag of such a run after its end: whether it did."""

FRAMES = ("test/frames.csv", "val/frames.csv")
_SERIES = ("train/", "val/")
_FIGURES = ("test/", "best_val/", *_SERIES)
_COUNTS = ("parameters", "epochs")
_CLOCK = ("seconds", "_per_second")
"""How the names of metrics end that no two runs share."""
_MACHINE = ("cpu", "gpus", "os")


@dataclass(frozen=True)
class Agreement:
    """One figure in both runs.

    Attributes:
        name: The name of the metric, or of the table of frames.
        then: Its last value in the first run; of a table its rows. None where that run has none.
        now: The same of the second.
        since: The first epoch, or row of a table, in which the two differ; None where all are the same.
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
    """What was noted at each start of a run, with its ``diff``; more than one where it was interrupted."""
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
    """One line for each thing that a result depends on and that is no longer what it was."""
    lines = [_changed(name, then.get(name), now.get(name)) for name in ("commit", "python", "threads")]
    if (then.get("diff") or "") != (now.get("diff") or ""):
        lines.append(f"uncommitted changes: {_changes(then)} then, {_changes(now)} now; both runs keep theirs")
    before, after = (info.get("packages") or {} for info in (then, now))
    lines += [_changed(name, before[name], after.get(name)) for name in before]
    before, after = (info.get("machine") or {} for info in (then, now))
    lines += [_changed(name, before.get(name), after.get(name)) for name in _MACHINE]
    return [line for line in lines if line]


def compare_figures(then: RunRecord, now: RunRecord) -> list[Agreement]:
    """Every figure of two runs but what time and memory it took, those of the test set first."""
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
    """The first epoch whose value differs; a figure that is measured once has none."""
    if not name.startswith(_SERIES):
        return None
    before, after = (history(record, name) for record in (then, now))
    return next((step for step in sorted({**before, **after}) if not _same(before.get(step), after.get(step))), None)


def _tables(then: RunRecord, now: RunRecord, path: str) -> Agreement:
    before, after = (list(csv.reader(download(record, path).open(newline=""))) for record in (then, now))
    rows = max(len(before), len(after))
    differs = (row for row in range(rows) if before[row : row + 1] != after[row : row + 1])
    return Agreement(path, float(len(before) - 1), float(len(after) - 1), next(differs, None))
