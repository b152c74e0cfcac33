"""Opens the SQLite or PostgreSQL database of a stand, and migrates it to this version.

Both kinds have the same tables, so events and people can share one database or use two. Times are microseconds since
1970 in UTC: the same form in both, without time zones.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from faceline.errors import InputError, first_line

METADATA: Final = sa.MetaData()

EVENTS: Final = sa.Table(
    "events",
    METADATA,
    sa.Column("stand", sa.Text, primary_key=True),
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False, index=True),
    sa.Column("session", sa.BigInteger),
    sa.Column("arm", sa.Text),
    sa.Column("visit", sa.BigInteger),
    sa.Column("continued", sa.Boolean),
    sa.Column("impression", sa.BigInteger),
    sa.Column("decision", sa.BigInteger),
    sa.Column("content", sa.Text),
    sa.Column("campaign", sa.Text),
    sa.Column("seconds", sa.Double),
    sa.Column("reason", sa.Text),
    sa.Column("probability", sa.Double),
    sa.Column("people", sa.Integer),
    sa.Column("reaction", sa.Text),
    sa.Column("strength", sa.Double),
    sa.Column("follow_up", sa.Text),
    sa.Column("lost", sa.BigInteger),
)
"""Events; the columns are their fields (`faceline.stand.events.event`)."""

PEOPLE: Final = sa.Table(
    "people",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("customer_group", sa.Text),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("text_version", sa.Text, nullable=False),
    sa.Column("given_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("enrolled_at", sa.BigInteger, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("names", sa.LargeBinary, nullable=False),
    sa.Column("template", sa.LargeBinary, nullable=False),
)
"""Enrolled people; ``names`` (who consented, how to greet them) and ``template`` are encrypted."""

AUDIT: Final = sa.Table(
    "audit",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("person", sa.Text),
    sa.Column("operator", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)
"""What was done to people's data and by whom; the database refuses to change or delete a row."""


class History(NamedTuple):
    """Tables that are migrated together.

    Attributes:
        tables: Tables as this version writes them.
        migrations: Folder of the migrations, as Alembic names it.
        version_table: Table in which a database records its version.
    """

    tables: sa.MetaData
    migrations: str
    version_table: str = "alembic_version"


STAND: Final = History(METADATA, "faceline.stand:migrations/versions")
"""The tables of a stand."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LOCK: Final = 0x666163656C  # the number of PostgreSQL's lock around migrations
_WIPE_TRIES: Final = 3
_SECONDS: Final = 5
"""Seconds that a database may take to answer or to release a lock."""


def microseconds(at: datetime) -> int:
    """Convert a time to its stored form."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def utc(stored: int) -> datetime:
    """Convert a stored time to one in UTC."""
    return _EPOCH + timedelta(microseconds=stored)


def open_database(url: str, column: str = "store", *, create: bool = True) -> sa.Engine:
    """Return an engine whose database exists, answers and has the tables.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/NAME``.
        column: Key that the address came from, for messages.
        create: Whether to create a missing SQLite file.

    Raises:
        InputError: The address is invalid, or the database cannot be used.
    """
    address = address_of(url, column)
    if not create and address.drivername.startswith("sqlite") and not Path(str(address.database)).is_file():
        raise InputError(f"no such file: {address.database}", column=column)
    with database_errors(address, column):
        engine = _engine(address)
        with _alone(address), engine.begin() as connection:
            if address.drivername.startswith("postgresql"):
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            _migrate(connection, STAND)
    return engine


def add_tables(engine: sa.Engine, history: History, column: str = "store") -> None:
    """Add tables with migrations of their own to an open database.

    Raises:
        InputError: The database cannot be used.
    """
    with database_errors(engine.url, column), _alone(engine.url), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        _migrate(connection, history)


@contextmanager
def database_errors(address: sa.URL, column: str) -> Iterator[None]:
    """Turn every error of the database into one line.

    Raises:
        InputError: Replaces any error of the database.
    """
    try:
        yield
    except Timeout:
        raise InputError(f"{address.database} is being set up by another process", column=column) from None
    except (SQLAlchemyError, OSError) as error:
        raise InputError(
            f"the database {address.render_as_string(hide_password=True)} cannot be used: {reason(error)}; "
            "check the address, free space and permissions",
            column=column,
        ) from None


def reason(error: BaseException) -> str:
    """Return what the database said, in one line."""
    if isinstance(error, InputError):
        return error.told
    return first_line(getattr(error, "orig", None) or error)


def wipe_deleted(engine: sa.Engine) -> None:
    """Wipe the bytes of deleted people from the database's files.

    SQLite overwrites them with zeros (secure_delete) but leaves them in its write-ahead log, which is emptied here.
    PostgreSQL leaves them in the table's file until that is rewritten.

    Raises:
        InputError: Another process blocks it.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text(f"SET lock_timeout = '{_SECONDS}s'"))
            connection.execute(sa.text("VACUUM FULL people"))
            return
        for _ in range(_WIPE_TRIES):
            busy = connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)")).one()[0]
            if not busy:
                return
    raise InputError(
        "deleted, but another process keeps the old bytes in the database's log: end it and run "
        "faceline consent action=expire",
        column="people",
    )


def sqlite_file(engine: sa.Engine) -> Path | None:
    """Return the file of a SQLite database; None for other databases."""
    return Path(str(engine.url.database)) if engine.dialect.name == "sqlite" else None


def address_of(url: str, column: str) -> sa.URL:
    """Return the parts of a database's address; a SQLite file becomes absolute.

    Args:
        url: ``sqlite:///FILE`` or ``postgresql://USER:PASSWORD@HOST/NAME``.
        column: Key that the address came from, for messages.

    Raises:
        InputError: The address is invalid.
    """
    try:
        address = sa.make_url(url)
    except ArgumentError:
        address = None
    name = address.drivername.partition("+")[0] if address is not None else ""
    if address is None or name not in ("sqlite", "postgresql") or address.database in (None, "", ":memory:"):
        raise InputError(f"expected sqlite:///FILE or postgresql://USER@HOST/NAME, got {url!r}", column=column)
    if name == "sqlite":
        return address.set(drivername="sqlite+pysqlite", database=str(Path(str(address.database)).absolute()))
    return address.set(drivername="postgresql+psycopg")


def _engine(address: sa.URL) -> sa.Engine:
    if address.drivername.startswith("postgresql"):
        return sa.create_engine(address, pool_pre_ping=True, connect_args={"connect_timeout": _SECONDS})
    _for_its_owner(Path(str(address.database)))
    engine = sa.create_engine(address, connect_args={"timeout": _SECONDS})

    @sa.event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: Any) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    return engine


def _for_its_owner(file: Path) -> None:
    """Create the file if it is missing, and let only its owner read and write it, whatever the umask is.

    The files that SQLite puts beside it get the same permissions.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    number = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(number).st_uid == os.geteuid():
            os.fchmod(number, 0o600)
    finally:
        os.close(number)


def _alone(address: sa.URL) -> Any:
    """Keep other processes from creating the same SQLite file; PostgreSQL has its own locks."""
    if address.drivername.startswith("postgresql"):
        return nullcontext()
    file = Path(str(address.database))
    return FileLock(file.with_name(f".{file.name}.lock"), timeout=12 * _SECONDS)


def _migrate(connection: sa.Connection, history: History) -> None:
    from alembic import command  # noqa: PLC0415  # half a second
    from alembic.config import Config  # noqa: PLC0415
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config(attributes={"connection": connection, "history": history})
    config.set_main_option("script_location", "faceline.stand:migrations")
    config.set_main_option("version_locations", history.migrations)
    config.set_main_option("path_separator", "newline")
    options = {"version_table": history.version_table}
    current = MigrationContext.configure(connection, opts=options).get_current_revision()
    newest = ScriptDirectory.from_config(config).get_current_head()
    if current == newest:
        return
    try:
        command.upgrade(config, "head")
    except CommandError:
        raise InputError(
            f"the database was written by a newer version of faceline (form {current}); update faceline"
        ) from None
