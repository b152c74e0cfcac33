"""``faceline report``: what a campaign did, as a page, CSV and Parquet."""

import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from faceline.errors import InputError
from faceline.files import write_whole
from faceline.outputs import check_output_folder, csv_cells
from faceline.stand.content.catalogue import Catalogue, read_catalogue
from faceline.stand.events.sources import collect
from faceline.stand.folders import make_folder
from faceline.stand.report.effectiveness import Effectiveness, Scope, measure
from faceline.stand.report.figures import headline
from faceline.stand.report.page import cell, page, titled
from faceline.stand.settings import Report
from faceline.terminal import show

_MOST_ROWS: Final = 20
"""Of a table in the terminal; the files have all."""


def main(settings: Report) -> None:
    """Write the report of some stores and print its findings."""
    folder = Path(settings.output)
    since, until = days_of(settings.since, settings.until)
    catalogue = None if settings.catalogue is None else read_catalogue(Path(settings.catalogue))
    told = write_report(
        settings.stores,
        folder,
        settings.title,
        catalogue,
        campaign=settings.campaign,
        since=since,
        until=until,
        zone=settings.zone,
        smallest_group=settings.smallest_group,
        level=settings.level,
        greeting_rate=settings.greeting_rate,
        stranger_rate=settings.stranger_rate,
        threads=settings.threads,
    )
    _print(titled(told, catalogue))
    print(headline(told, settings.level))
    print(f"written to {folder / 'report.html'}, tables as CSV and Parquet beside it")


def write_report(
    stores: Sequence[str], folder: Path, title: str, catalogue: Catalogue | None = None, **scope: Any
) -> Effectiveness:
    """Measure what is in some stores and write page and tables into a folder.

    Args:
        stores: Addresses of databases, or folders of Parquet files.
        folder: Created where there is none.
        title: Of the page.
        catalogue: Whose titles the page has in place of ids.
        **scope: Fields of `Scope`.

    Raises:
        InputError: A store cannot be read, holds too few visitors, or the folder cannot be made.
    """
    chosen = Scope(**scope)
    check_output_folder(folder, "output", own=("report.html", "total.csv", "day.csv"))
    make_folder(folder, "output")
    with tempfile.TemporaryDirectory(prefix="faceline-report-") as temporary:
        told = measure(collect(stores, Path(temporary)), chosen, Path(temporary))
    text = page(told, chosen, title, catalogue)
    for name, table in told.tables.items():
        with write_whole(folder / f"{name}.csv") as part:
            csv_cells(table).to_csv(part, index=False)
        with write_whole(folder / f"{name}.parquet") as part:
            table.to_parquet(part, index=False)
    with write_whole(folder / "report.html") as part:
        part.write_text(text, encoding="utf-8")
    return told


def days_of(since: str | None, until: str | None) -> tuple[date | None, date | None]:
    """First and last day of a span; None where it is open.

    Raises:
        InputError: One is no day, or the last is before the first.
    """
    first, last = _day(since, "since"), _day(until, "until")
    if first and last and last < first:
        raise InputError(f"{last} is before {first}, which is the first day", column="until")
    return first, last


def _day(text: str | None, key: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise InputError(f"expected a day such as 2026-03-01, got {text}", column=key) from None


def _print(told: Effectiveness) -> None:
    for name, visitors, attention in (
        ("campaign", "viewers", "attention_per_viewer"),
        ("stand", "passers_by", "attention_per_visitor"),
    ):
        table = Table(title=f"By {name}", title_justify="left")
        headings = {
            "name": name,
            visitors: visitors.replace("_", "-"),
            "plays": "plays",
            "ots": "OTS",
            "views": "views",
            attention: "attention s",
            "reaction_rate": "reaction",
            "interest_rate": "interest",
            "greeted": "greeted",
            "offers_taken": "offers",
        }
        for column, heading in headings.items():
            table.add_column(heading, justify="left" if column == "name" else "right")
        for _, row in told.tables[name].head(_MOST_ROWS).iterrows():
            table.add_row(*(cell(column, row[column]) for column in headings))
        show(table)
