"""``faceline report``: reports what a campaign achieved, as a page, CSV and Parquet."""

import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from rich.table import Table

from faceline.errors import InputError
from faceline.files import write_whole
from faceline.outputs import check_output_folder
from faceline.stand.content.catalogue import Catalogue, read_catalogue, time_zone
from faceline.stand.events.sources import collect
from faceline.stand.folders import make_folder
from faceline.stand.mail import letter, send
from faceline.stand.report.effectiveness import LATE, Effectiveness, Scope, measure
from faceline.stand.report.figures import headline, winners
from faceline.stand.report.files import as_file, with_titles, workbook
from faceline.stand.report.page import cell, page, scope_line, tiles, titled
from faceline.stand.settings import Report
from faceline.stand.words import _, speaking
from faceline.terminal import show

WORKBOOK: Final = "report.xlsx"
"""Name of the file with all tables."""

PAGE: Final[Mapping[str, str]] = {"en": "report.html"}
"""Name of the page in English."""

_MOST_ROWS: Final = 20
"""Most rows of a table in the terminal; the files have all."""


class _Mailing(NamedTuple):
    """To whom the report is mailed, by their language, from whom, and through which server."""

    to: dict[str, list[str]]
    sender: str
    server: str


def main(settings: Report) -> None:
    """Write the report about some stores and print its findings."""
    folder = Path(settings.output)
    since, until = _span(settings)
    mailing = _mailing(settings)
    catalogue = None if settings.catalogue is None else read_catalogue(Path(settings.catalogue))
    scope = Scope(
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
    pages: dict[str, str] = {settings.language: "report.html"}
    pages |= {code: f"report.{code}.html" for code in (mailing.to if mailing else ()) if code not in pages}
    told = write_report(settings.stores, folder, settings.title, catalogue, scope, pages)
    _print(titled(told, catalogue))
    print(headline(told, settings.level))
    print(f"written to {folder / 'report.html'}, tables as CSV, Excel and Parquet beside it")
    if mailing is not None:
        for code, to in mailing.to.items():
            files = [folder / pages[code], folder / WORKBOOK]
            with speaking(code):
                text = _summary(titled(told, catalogue), scope, catalogue)
                mail = letter(mailing.sender, to, _(settings.title), text, files)
            send(mail, mailing.server)
            print(f"sent to {', '.join(to)}")


def write_report(
    stores: Sequence[str],
    folder: Path,
    title: str,
    catalogue: Catalogue | None = None,
    scope: Scope | None = None,
    pages: Mapping[str, str] = PAGE,
) -> Effectiveness:
    """Measure some stores and write page and tables into a folder.

    Args:
        stores: Addresses of databases, or folders of Parquet files.
        folder: Folder to write into; created if missing.
        title: The title of the page.
        catalogue: Catalogue whose titles replace ids in the page.
        scope: Which events count; None for all.
        pages: Name of the page in each language.

    Raises:
        InputError: A store cannot be read, holds too few visitors, or the folder cannot be made.
    """
    chosen = scope or Scope()
    check_output_folder(folder, "output", own=("report.html", "total.csv", "day.csv"))
    make_folder(folder, "output")
    with tempfile.TemporaryDirectory(prefix="faceline-report-") as temporary:
        told = measure(collect(stores, Path(temporary)), chosen, Path(temporary))
    tables = with_titles(told.tables, catalogue)
    for name, table in tables.items():
        for kind in ("csv", "parquet"):
            with write_whole(folder / f"{name}.{kind}") as part:
                part.write_bytes(as_file(table, kind))
    with write_whole(folder / WORKBOOK) as part:
        part.write_bytes(workbook(tables))
    for code, name in pages.items():
        with speaking(code), write_whole(folder / name) as part:
            part.write_text(page(told, chosen, _(title), catalogue), encoding="utf-8")
    return told


def _span(settings: Report) -> tuple[date | None, date | None]:
    """Return the first and last requested day."""
    if settings.last_days is None:
        return days_of(settings.since, settings.until)
    if settings.since or settings.until:
        raise InputError("give either last_days, or since and until", column="last_days")
    today = (datetime.now(time_zone(settings.zone)) - LATE).date()  # in the first hour, yesterday is not over yet
    return today - timedelta(days=settings.last_days), today - timedelta(days=1)


def _mailing(settings: Report) -> _Mailing | None:
    """Return to whom the report is mailed, and how; None if there are no recipients."""
    given = {"mail": settings.mail, "mail_from": settings.mail_from, "mail_server": settings.mail_server}
    missing = [key for key, value in given.items() if value is None]
    if len(missing) == len(given):
        return None
    if settings.mail is None or settings.mail_from is None or settings.mail_server is None:
        raise InputError("missing; a mail needs mail, mail_from and mail_server", column=missing[0])
    to: dict[str, list[str]] = {}
    for each in settings.mail:
        address, _colon, code = each.partition(":")
        to.setdefault(code or settings.language, []).append(address)
    return _Mailing(to, settings.mail_from, settings.mail_server)


def _summary(told: Effectiveness, scope: Scope, catalogue: Catalogue | None) -> str:
    """Return verdicts and main figures as the text of a mail."""
    figures = "\n".join(f"  {value:>10}  {words}" for words, value in tiles(told))
    parts = [scope_line(told, scope.campaign, catalogue), headline(told, scope.level), winners(told), figures,
             _("The page and all tables are attached.")]  # fmt: skip
    return "\n\n".join(parts) + "\n"


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
        for _number, row in told.tables[name].head(_MOST_ROWS).iterrows():
            table.add_row(*(cell(column, row[column]) for column in headings))
        show(table)
