"""Collects the events of several stores as Parquet files for the report."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from faceline.errors import InputError
from faceline.files import write_whole
from faceline.stand.database import EVENTS, database_errors, open_database

_ROWS: Final = 100_000

_TYPES: Final[dict[type, pa.DataType]] = {
    sa.BigInteger: pa.int64(),
    sa.Integer: pa.int32(),
    sa.Double: pa.float64(),
    sa.Boolean: pa.bool_(),
    sa.Text: pa.string(),
}

SCHEMA: Final = pa.schema([(column.name, _TYPES[type(column.type)]) for column in EVENTS.columns])
"""Schema of a file of events: the columns of the table."""


def collect(stores: Sequence[str], folder: Path) -> list[Path]:
    """Return Parquet files with the events of all stores.

    Args:
        stores: Addresses of databases, whose events are copied, or folders of Parquet files, which are read directly.
        folder: Folder for the copies.

    Raises:
        InputError: A store is missing or empty.
    """
    files: list[Path] = []
    for index, store in enumerate(stores):
        if "://" in store:
            file = folder / f"store{index}.parquet"
            engine = open_database(store, "stores", create=False)
            with database_errors(engine.url, "stores"):
                write_events(engine, file)
            engine.dispose()
            files.append(file)
        else:
            found = sorted(Path(store).rglob("*.parquet"))
            if not found:
                raise InputError(f"no Parquet files in the folder {store}", column="stores")
            files += found
    return files


def write_events(engine: sa.Engine, file: Path, where: "sa.ColumnElement[bool] | None" = None) -> int:
    """Copy the events of a database into a file, all or nothing.

    Args:
        engine: Engine of the database.
        file: File to write.
        where: Condition on the events; all by default.

    Returns:
        The number of copied events.
    """
    query = sa.select(EVENTS).order_by(EVENTS.c.at)
    count = 0
    with (
        write_whole(file) as partial,
        engine.connect() as connection,
        pq.ParquetWriter(partial, SCHEMA, compression="zstd") as writer,
    ):
        streaming = connection.execution_options(stream_results=True, yield_per=_ROWS)
        for table in _tables(streaming.execute(query if where is None else query.where(where))):
            writer.write_table(table)
            count += len(table)
    return count


def _tables(result: Any) -> Iterator[pa.Table]:
    for rows in result.partitions():
        columns = list(zip(*rows, strict=True))
        yield pa.table([pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], SCHEMA)
