"""``faceline plays``: writes proof of play as a page and CSV."""

import tempfile
from pathlib import Path

from rich.table import Table

from faceline.commands.report import days_of
from faceline.config.tree import hint
from faceline.errors import InputError
from faceline.files import write_whole
from faceline.outputs import check_output_folder, csv_cells
from faceline.stand.content.catalogue import DEMO, read_catalogue
from faceline.stand.events.sources import collect
from faceline.stand.folders import make_folder
from faceline.stand.report.plays import count_plays
from faceline.stand.report.plays_page import campaign_rows, plays_page, verdict
from faceline.stand.settings import PlaysSettings
from faceline.stand.words import _, speaking
from faceline.terminal import show

_FILES = ("plays.html", "plays.csv", "plays_by_day.csv", "plays_by_campaign.csv")


def main(settings: PlaysSettings) -> None:
    """Write the proof of play of some stores and print it."""
    folder = Path(settings.output)
    since, until = days_of(settings.since, settings.until)
    catalogue = read_catalogue(DEMO if settings.catalogue is None else Path(settings.catalogue))
    names = set(catalogue.campaign_by_id)
    if settings.campaign is not None and settings.campaign not in names:
        raise InputError(
            f"{settings.campaign}: not in the catalogue{hint(settings.campaign, names)}", column="campaign"
        )
    check_output_folder(folder, "output", own=_FILES)
    make_folder(folder, "output")
    with tempfile.TemporaryDirectory(prefix="faceline-plays-") as temporary:
        found = count_plays(
            collect(settings.stores, Path(temporary)),
            catalogue,
            zone=settings.zone,
            since=since,
            until=until,
            campaign=settings.campaign,
            smallest_group=settings.smallest_group,
        )
    for name, told in zip(_FILES[1:], (found.rows, found.days, found.campaigns), strict=True):
        with write_whole(folder / name) as part:
            csv_cells(told).to_csv(part, index=False)
    with speaking(settings.language):
        text = plays_page(found, catalogue, _(settings.title), settings.zone, settings.smallest_group)
    with write_whole(folder / _FILES[0]) as part:
        part.write_text(text, encoding="utf-8")
    columns, rows = campaign_rows(found, catalogue)
    table = Table()
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    for row in rows:
        table.add_row(*row)
    show(table)
    print(verdict(found, catalogue))
    print(f"written to {folder / _FILES[0]}, tables as CSV beside it")
