"""Shared parts of all benchmarks: memory, tables with ratios, one JSON file."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from faceline.files import write_whole
from faceline.outputs import check_output
from faceline.terminal import show
from faceline.tracking.provenance import peak_memory, provenance

Row = Mapping[str, Any]


def own_memory() -> float:
    """Memory of this process in MB (10^6 bytes), without what it shares with others or has only mapped from files."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024 / 1e6
    return peak_memory()


def print_table(title: str, rows: Sequence[Row]) -> None:
    """Rows with the same keys; the first column to the left, numbers with the digits that mean something."""
    table = Table(title=title, title_justify="left")
    for i, name in enumerate(rows[0]):
        table.add_column(name.replace("_", " "), justify="right" if i else "left")
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    show(table)


def publish(benchmark: str, report: Mapping[str, Any], output: Path) -> None:
    """Write the report under its name with everything that it was made with; other reports in the file stay."""
    made_with = {name: value for name, value in provenance().items() if name != "diff"}
    check_output(output, "output", begins=[b"{"])
    content = _reports(output)
    content[benchmark] = {**report, "peak_mb": round(peak_memory(), 1), "made_with": made_with}
    with write_whole(output) as part:
        part.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
    print(f"written to {output}")


def _reports(file: Path) -> dict[str, Any]:
    """Return the content of a report file; empty if it is none."""
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
