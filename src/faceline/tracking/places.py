"""Finds the artifacts of a store, even after the store has moved.

MLflow stores absolute addresses of artifacts. A store that is copied, moved, renamed or unpacked elsewhere would go on
reading, writing and deleting at its old place, where another store may be by now. Here the files beside a SQLite store
belong to that store.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

FOLDER = "artifacts"
"""Name of the folder of all artifacts, beside the database."""

_COLUMNS = (
    ("runs", "artifact_uri", "run_uuid"),
    ("logged_models", "artifact_location", "model_id"),
    ("model_versions", "source", "rowid"),
    ("model_versions", "storage_location", "rowid"),
)


def local_path(uri: str) -> Path | None:
    """Return the path of an address on this machine; None for an address elsewhere."""
    parts = urlsplit(uri)
    if parts.scheme not in ("", "file"):
        return None
    return Path(unquote(parts.path) if parts.scheme else uri)


def found_beside(database: Path, uri: str) -> Path | None:
    """Return the path of a run's or model's artifacts: beside the store if they are there, else as recorded.

    Args:
        database: SQLite file of the store.
        uri: Address that the store has recorded.

    Returns:
        A path, which may not exist; None if the artifacts are not on this machine.
    """
    recorded = local_path(uri)
    if recorded is None:
        return None
    beside = _beside(database, recorded)
    return beside if beside is not None and beside.exists() else recorded


def settle(database: Path, *, timeout: float) -> None:
    """Update the addresses of a store that has moved, in one transaction.

    An experiment has moved if its files lie beside this database, or if its recorded place is missing or belongs to
    another store. A folder that somebody chose on purpose, such as one on a bigger disk, stays. An address whose files
    exist only at the old place stays too.

    Args:
        database: SQLite file of the store.
        timeout: Seconds to wait for other processes.

    Raises:
        sqlite3.Error: The database cannot be read or written.
    """
    with closing(sqlite3.connect(database, timeout=timeout, isolation_level=None)) as connection:
        moved = _moved_homes(connection, database)
        if not moved:
            return
        connection.execute("BEGIN IMMEDIATE")
        _move_experiments(connection, moved, database)
        for table, column, key in _COLUMNS:
            rows = connection.execute(f"SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL").fetchall()
            for name, address in rows:
                if (now := _moved(address, moved, database)) is not None:
                    connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (now.as_uri(), name))
        connection.execute("COMMIT")


def _moved_homes(connection: sqlite3.Connection, database: Path) -> set[Path]:
    """Return folders that were this store's ``artifacts`` before it moved."""
    own = database.parent / FOLDER
    homes = {home for (address,) in _experiments(connection) if (home := _home(address))} - {own}
    return {home for home in homes if not _same(home, own) and _has_moved(connection, home, database)}


def _experiments(connection: sqlite3.Connection) -> Iterable[tuple[str]]:
    return connection.execute("SELECT artifact_location FROM experiments WHERE artifact_location IS NOT NULL")


def _home(address: str) -> Path | None:
    """Return the ``artifacts`` folder of an experiment's files; MLflow's own experiments have one."""
    path = local_path(address)
    if path is None:
        return None
    return next((folder for folder in (path, path.parent) if folder.name == FOLDER), None)


def _has_moved(connection: sqlite3.Connection, home: Path, database: Path) -> bool:
    if not home.exists() or (home.parent / database.name).exists():
        return True
    runs = connection.execute("SELECT artifact_uri FROM runs")
    recorded = (path for (address,) in runs if (path := local_path(address)) and path.is_relative_to(home))
    return any((beside := _beside(database, path)) is not None and beside.exists() for path in recorded)


def _move_experiments(connection: sqlite3.Connection, moved: set[Path], database: Path) -> None:
    for (address,) in list(_experiments(connection)):
        path, home = local_path(address), _home(address)
        if path is not None and home in moved:
            now = database.parent / FOLDER / path.relative_to(home)
            connection.execute(
                "UPDATE experiments SET artifact_location = ? WHERE artifact_location = ?", (now.as_uri(), address)
            )


def _moved(address: str, moved: set[Path], database: Path) -> Path | None:
    """Return the new place of an address; None if it stays."""
    path = local_path(address)
    home = next((home for home in moved if path is not None and path.is_relative_to(home)), None)
    if path is None or home is None:
        return None
    now = database.parent / FOLDER / path.relative_to(home)
    return now if now.exists() or not path.exists() else None


def _beside(database: Path, recorded: Path) -> Path | None:
    """Return the place beside a store of a recorded ``…/artifacts/<run or models/model>/artifacts``."""
    parts = recorded.parts
    starts = [index for index, part in enumerate(parts[:-1]) if part == FOLDER]
    return Path(database.parent, FOLDER, *parts[starts[-1] + 1 :]) if starts else None


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
