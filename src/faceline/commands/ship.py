"""``faceline ship``: sends a stand's events to the chain's store."""

from datetime import UTC, datetime
from pathlib import Path

from faceline.stand.database import database_errors, open_database
from faceline.stand.events.shipping import ship_to_database, ship_to_folder
from faceline.stand.folders import make_folder
from faceline.stand.settings import Ship


def main(settings: Ship) -> None:
    """Send new events, and print how many there were."""
    source = open_database(settings.store, "store", create=False)
    with database_errors(source.url, "store"):
        if "://" in settings.to:
            count = ship_to_database(source, settings.to)
        else:
            make_folder(Path(settings.to), "to")
            count = ship_to_folder(source, Path(settings.to), datetime.now(UTC))
    source.dispose()
    print(f"{count:,} new events shipped")
