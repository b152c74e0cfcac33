"""Databases for the tests of a campaign: SQLite files, and a PostgreSQL cluster of the tests' own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from faceline.stand.web import access


@dataclass
class Cluster:
    """A PostgreSQL server that listens on a socket in its own folder only."""

    folder: Path
    control: Callable[..., None]
    count: int = 0

    def url(self, name: str = "postgres") -> str:
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def new_database(self) -> str:
        self.count += 1
        engine = sa.create_engine(self.url(), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE d{self.count}"))
        engine.dispose()
        return self.url(f"d{self.count}")

    def start(self) -> None:
        self.control("start", "--wait", "-o", f"-c listen_addresses='' -k {self.folder} -c fsync=off")

    def stop(self) -> None:
        self.control("stop", "--mode=immediate")


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """A hash of a password takes 50 ms at a stand, which hundreds of tests would wait for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(access._SCRYPT, "n", 2)
        yield


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running PostgreSQL server; tests that need it skip where none is installed."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed")
    user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    with tempfile.TemporaryDirectory(prefix="pg") as name:  # short: a socket's path has 107 characters
        folder = Path(name)
        if user is not None:
            shutil.chown(folder, user)

        def run(program: str, *arguments: str) -> None:
            done = subprocess.run(
                [binaries / program, "-D", folder / "data", *arguments], user=user, cwd=folder, check=False,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr

        run("initdb", "--auth=trust", "--username=postgres", "--no-sync", "--locale=C", "--encoding=UTF8")
        cluster = Cluster(folder, lambda *arguments: run("pg_ctl", *arguments, "--log", str(folder / "log")))
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'stand.db'}"
    url: str = request.getfixturevalue("cluster").new_database()
    return url
