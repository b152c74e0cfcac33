"""``faceline report``: reports what a campaign achieved, as a page, CSV and Parquet."""

import tempfile
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from faceline.errors import InputError
from faceline.files import write_whole
from faceline.outputs import check_output_folder
from faceline.stand.content.catalogue import Catalogue, read_catalogue, time_zone
from faceline.stand.events.sources import collect
from faceline.stand.folders import make_folder
from faceline.stand.mail import letter, send
from faceline.stand.report.effectiveness import Effectiveness, Scope, measure
from faceline.stand.report.figures import headline, winners
from faceline.stand.report.files import as_file, with_titles, workbook
from faceline.stand.report.page import cell, page, scope_line, tiles, titled
from faceline.stand.settings import Report
from faceline.terminal import show

WORKBOOK: Final = "report.xlsx"
"""Name of the file with all tables."""

_MOST_ROWS: Final = 20
"""Most rows of a table in the terminal; the files have all."""


def main(settings: Report) -> None:
    """Write the report about some stores and print its findings."""
    folder = Path(settings.output)
    since, until = _span(settings)
    mailing = _mailing(settings)
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
    called = titled(told, catalogue)
    _print(called)
    print(headline(told, settings.level))
    print(f"written to {folder / 'report.html'}, tables as CSV, Excel and Parquet beside it")
    if mailing is not None:
        to, sender, server = mailing
        text = f"{scope_line(called, settings.campaign, catalogue)}\n\n{_summary(called, settings.level)}\n"
        send(letter(sender, to, settings.title, text, [folder / "report.html", folder / WORKBOOK]), server)
        print(f"sent to {', '.join(to)}")


def write_report(
    stores: Sequence[str], folder: Path, title: str, catalogue: Catalogue | None = None, **scope: Any
) -> Effectiveness:
    """Measure some stores and write page and tables into a folder.

    Args:
        stores: Addresses of databases, or folders of Parquet files.
        folder: Folder to write into; created if missing.
        title: The title of the page.
        catalogue: Catalogue whose titles replace ids in the page.
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
    tables = with_titles(told.tables, catalogue)
    for name, table in tables.items():
        for kind in ("csv", "parquet"):
            with write_whole(folder / f"{name}.{kind}") as part:
                part.write_bytes(as_file(table, kind))
    with write_whole(folder / WORKBOOK) as part:
        part.write_bytes(workbook(tables))
    with write_whole(folder / "report.html") as part:
        part.write_text(text, encoding="utf-8")
    return told


def _span(settings: Report) -> tuple[date | None, date | None]:
    """Return the first and last requested day."""
    if settings.last_days is None:
        return days_of(settings.since, settings.until)
    if settings.since or settings.until:
        raise InputError("give either last_days, or since and until", column="last_days")
    today = datetime.now(time_zone(settings.zone)).date()
    return today - timedelta(days=settings.last_days), today - timedelta(days=1)


def _mailing(settings: Report) -> tuple[list[str], str, str] | None:
    """Return recipients, sender and server of the mail; None if there are no recipients."""
    given = {"mail": settings.mail, "mail_from": settings.mail_from, "mail_server": settings.mail_server}
    missing = [key for key, value in given.items() if value is None]
    if len(missing) == len(given):
        return None
    if settings.mail is None or settings.mail_from is None or settings.mail_server is None:
        raise InputError("missing; a mail needs mail, mail_from and mail_server", column=missing[0])
    return settings.mail, settings.mail_from, settings.mail_server


def _summary(told: Effectiveness, level: float) -> str:
    """Return verdicts and main figures as the text of a mail."""
    figures = "\n".join(f"  {value:>10}  {words}" for words, value in tiles(told))
    return f"{headline(told, level)}\n\n{winners(told)}\n\n{figures}\n\nThe page and all tables are attached."


def days_of(since: str | None, until: str | None) -> tuple[date | None, date | None]:
    """Return the first and last day of a span; None for an open end.

    Raises:
        InputError: One is no date, or the last is before the first.
    """
    first, last = _day(since, "since"), _day(until, "until")
    if first and last and last < first:
        raise InputError(f"{last} is before the first day, {first}", column="until")
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
