"""Connects to the MLflow store, or creates it: the only module that knows where runs are kept."""

import logging
import os
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from filelock import FileLock

# MLflow reads this when it is imported: files of a few bytes need no bars.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import Engine, event, make_url
from sqlalchemy.exc import SQLAlchemyError

from faceline.errors import InputError
from faceline.tracking.page import arrange
from faceline.tracking.places import FOLDER, settle

DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}
SCHEMES = ("sqlite", "http", "https", *DATABASE_PORTS)
PROBE_SECONDS = 4.0
ANSWER_SECONDS = 30
"""Seconds for a server to answer: it may be busy when all jobs of a sweep start at once."""
LOCK_SECONDS = 120

# Set-up notes, and tracebacks of errors that store_errors tells in one line.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
logging.getLogger("alembic").setLevel(logging.WARNING)

# What the caller asked for is at fault, not the store.
_CALLER_ERRORS = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS")


def store_of(config: Mapping[str, Any]) -> MlflowClient:
    """Connect to the store in the ``tracking`` section of a config; see `connect`."""
    tracking = config["tracking"]
    return connect(tracking["uri"], Path(tracking["root"]))


def connect(uri: str | None, root: Path) -> MlflowClient:
    """Return a client of the store, which exists and answers when this returns.

    A missing SQLite store is created in one step, so other processes see all of it or nothing.

    Args:
        uri: Address of the store; None means ``MLFLOW_TRACKING_URI`` or else the SQLite file below ``root``.
        root: Folder for ``mlruns/`` if no address is given.

    Raises:
        InputError: The address is invalid, or the store cannot be reached, read or created.
    """
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or _address(root.absolute() / "mlruns" / "mlflow.db")
    scheme = urlsplit(uri).scheme.partition("+")[0]
    if scheme not in SCHEMES:
        raise InputError(
            f"expected an address that starts with one of {', '.join(f'{name}:' for name in SCHEMES)}, "
            f"got {uri!r}; a folder of runs is given as sqlite:///<folder>/mlflow.db",
            column="tracking.uri",
        )
    with store_errors(uri):
        if scheme == "sqlite":
            return _connect_sqlite(uri)
        return _connect_server(uri, scheme)


def experiment(client: MlflowClient, name: str) -> str:
    """Return the id of the experiment with this name, which is created if it is missing.

    The artifacts of a SQLite store lie in ``artifacts/`` beside its file.

    Raises:
        InputError: The experiment was deleted.
    """
    with store_errors(client.tracking_uri):
        found = client.get_experiment_by_name(name)
        if found is None:
            try:
                created = str(client.create_experiment(name, artifact_location=_artifacts(client.tracking_uri)))
                arrange(client, created)
                return created
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            # Another process was quicker.
            found = client.get_experiment_by_name(name)
        if found is None or found.lifecycle_stage != "active":
            raise InputError(
                f"experiment {name!r} was deleted: restore it with "
                f"'mlflow experiments restore', or choose another name",
                column="tracking.experiment",
            )
        return str(found.experiment_id)


@contextmanager
def store_errors(uri: str) -> Iterator[None]:
    """Turn every error of the store, its disk or its server into one line.

    Raises:
        InputError: Replaces any error of the store.
    """
    try:
        yield
    except MlflowException as error:
        if error.error_code in _CALLER_ERRORS:
            raise
        raise _told(uri, error) from error
    # ImportError: the driver of a database is not installed.
    except (SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
        raise _told(uri, error) from error


def _told(uri: str, error: Exception) -> InputError:
    reason = str(_root(error)).partition("\n")[0].strip() or type(error).__name__
    address, secret = uri, urlsplit(uri).netloc.rpartition("@")[0]
    if secret:
        address, reason = uri.replace(secret, "***"), reason.replace(secret, "***")
    return InputError(
        f"the tracking store {address} cannot be used: {reason[:300]}; check the address, free space and permissions",
        column="tracking.uri",
    )


def _root(error: Exception) -> BaseException:
    """Return the error of the operating system or SQLite behind an error; else the error itself."""
    root: BaseException = error
    while below := root.__cause__ or root.__context__:
        root = below
    return root if isinstance(root, OSError | sqlite3.Error) else error


def database_file(uri: str) -> Path:
    """Return the absolute file of a SQLite address: ``sqlite:///a.db`` is relative, ``sqlite:////a.db`` is not."""
    name = make_url(uri).database
    # % and ? mean something in an address, and MLflow would also create the folder that they spell.
    if not name or name == ":memory:" or uri != _address(Path(name)):
        raise InputError(f"expected sqlite:///<file> without % and ? in it, got {uri!r}", column="tracking.uri")
    return Path(name).absolute()


def local_database(client: MlflowClient) -> Path | None:
    """Return the file of a SQLite store; None for a server."""
    return database_file(client.tracking_uri) if client.tracking_uri.startswith("sqlite:") else None


def settle_store(client: MlflowClient) -> None:
    """Update the recorded place of a SQLite store; a server needs no update."""
    if (file := local_database(client)) is not None:
        with store_errors(client.tracking_uri):
            settle(file, timeout=PROBE_SECONDS * 5)


def _address(file: Path) -> str:
    return f"sqlite:///{file}"


def _artifacts(uri: str) -> str | None:
    """Return the address for artifacts; None leaves it to the server."""
    return (database_file(uri).parent / FOLDER).as_uri() if uri.startswith("sqlite:") else None


def _connect_sqlite(uri: str) -> MlflowClient:
    file = database_file(uri)
    file.parent.mkdir(parents=True, exist_ok=True)
    # Held for the client too: it migrates a store that an older MLflow made.
    with FileLock(file.with_name(f".{file.name}.lock"), timeout=LOCK_SECONDS):
        if not file.exists() or (file.is_file() and file.stat().st_size == 0):
            _create(file)
        _probe_sqlite(file)
        client = MlflowClient(_address(file))
        settle_store(client)
        return client


def _create(file: Path) -> None:
    """Create the store under another name first, so that a killed process leaves nothing that looks complete.

    MLflow creates it in hundreds of steps; waiting for the disk after each would take the longest.
    """
    partial = file.with_name(f".{file.name}.partial")
    rest = (partial, partial.with_name(f"{partial.name}-journal"))
    _unlink(*rest)
    try:
        with _unsynced(partial):
            store = SqlAlchemyStore(_address(partial), (file.parent / FOLDER).as_uri())  # type: ignore[no-untyped-call]
            store._dispose_engine()  # type: ignore[no-untyped-call]
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(file)
    finally:
        _unlink(*rest)


@contextmanager
def _unsynced(file: Path) -> Iterator[None]:
    """Let SQLite write to this file without waiting for the disk."""

    def relax(connection: Any, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            (_, _, name), *_ = connection.execute("PRAGMA database_list")
            if Path(name) == file:
                connection.execute("PRAGMA synchronous = OFF")

    event.listen(Engine, "connect", relax)
    try:
        yield
    finally:
        event.remove(Engine, "connect", relax)


def _unlink(*files: Path) -> None:
    for file in files:
        file.unlink(missing_ok=True)


def _probe_sqlite(file: Path) -> None:
    """Check at once that the file is a writable store; MLflow would retry for minutes."""
    address = f"file:{quote(str(file))}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=PROBE_SECONDS * 5)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"experiments", "alembic_version"} <= tables:
            raise InputError(
                "expected an MLflow store, got a database without its tables (another program's, or a set-up "
                "that was cut short): move it away or give another address",
                file=file,
                column="tracking.uri",
            )
        connection.execute("BEGIN IMMEDIATE")
        connection.rollback()


def _connect_server(uri: str, scheme: str) -> MlflowClient:
    if scheme in DATABASE_PORTS:
        url = make_url(uri)
        if url.host:
            socket.create_connection((url.host, url.port or DATABASE_PORTS[scheme]), PROBE_SECONDS).close()
        return MlflowClient(uri)
    with _impatient():
        client = MlflowClient(uri)
        client.search_experiments(max_results=1)
    return client


@contextmanager
def _impatient() -> Iterator[None]:
    """Ask a server once instead of for minutes; later requests have MLflow's patience again."""
    wanted = {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(ANSWER_SECONDS),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
