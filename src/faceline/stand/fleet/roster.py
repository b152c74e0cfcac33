"""Keeps the stands of a fleet: they join, report, and belong to groups."""

import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from faceline.errors import InputError
from faceline.stand.clock import now
from faceline.stand.database import microseconds, utc
from faceline.stand.fleet.protocol import Report
from faceline.stand.fleet.tables import ALERTS, GROUPS, STANDS

FIRST_GROUP: Final = "stands"
"""Name of the group of a new fleet."""

_GROUP: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Member(NamedTuple):
    """A stand of the fleet.

    Attributes:
        name: Name of the stand.
        group: Name of its group.
        joined: Time when it joined.
        seen: Time of its last report; None before the first one.
        wanted: Name of the release that it should show; None for its own contents.
        report: Its last report.
    """

    name: str
    group: str
    joined: datetime
    seen: datetime | None
    wanted: str | None
    report: Report | None


class Roster:
    """The stands and groups of a fleet.

    Args:
        engine: Database of the fleet.
        clock: Returns the time.
    """

    def __init__(self, engine: sa.Engine, clock: Callable[[], datetime] = lambda: now().utc) -> None:
        self.engine, self.clock = engine, clock
        self.writing = threading.RLock()  # one after the other: SQLite would make them wait for each other in tries

    def new_group(self, name: str) -> str:
        """Create a group and return the token that lets stands join it; the token is shown only once.

        Raises:
            InputError: The name is taken or invalid.
        """
        if not _GROUP.fullmatch(name):
            raise InputError(f"expected up to 40 of a to z, 0 to 9, _ and -, got {name!r}", column="group")
        token = secrets.token_urlsafe(24)
        with self.writing, self.engine.begin() as connection:
            if connection.scalar(sa.select(GROUPS.c.name).where(GROUPS.c.name == name)):
                raise InputError(f"{name}: there is such a group already", column="group")
            connection.execute(GROUPS.insert().values(name=name, token=digest(token)))
        return token

    def new_token(self, name: str) -> str:
        """Create a new token for a group; stands that have joined stay in it.

        Raises:
            InputError: There is no such group.
        """
        token = secrets.token_urlsafe(24)
        with self.writing, self.engine.begin() as connection:
            self._known(connection, name)
            connection.execute(GROUPS.update().where(GROUPS.c.name == name).values(token=digest(token)))
        return token

    @property
    def groups(self) -> dict[str, str | None]:
        """Return what new stands of each group get, by the name of the group."""
        with self.engine.connect() as connection:
            return {row.name: row.release for row in connection.execute(sa.select(GROUPS).order_by(GROUPS.c.name))}

    def join(self, name: str, token: str) -> tuple[str, str]:
        """Accept a stand and return its group and its secret.

        Raises:
            InputError: The token belongs to no group, or another stand has that name.
        """
        secret, hashed = secrets.token_urlsafe(32), digest(token)
        with self.writing, self.engine.begin() as connection:
            group = connection.execute(sa.select(GROUPS).where(GROUPS.c.token == hashed)).first()
            if group is None or not hmac.compare_digest(group.token, hashed):
                raise InputError("the token is of no group of this fleet")
            known = connection.execute(sa.select(STANDS.c.secret).where(STANDS.c.name == name)).first()
            values = {
                "customer_group": group.name, "secret": digest(secret), "joined_at": self._now(),
                "wanted": group.release,
            }  # fmt: skip
            if known is None:
                connection.execute(STANDS.insert().values(name=name, **values))
            elif known.secret is None:
                connection.execute(STANDS.update().where(STANDS.c.name == name).values(**values))
            else:
                raise InputError(
                    f"a stand called {name} has joined already; let it join again on the fleet's page, or choose "
                    "another name"
                )
        return group.name, secret

    def caller(self, secret: str) -> str | None:
        """Return the name of the stand with this secret; None if there is none."""
        with self.engine.connect() as connection:
            return connection.scalar(sa.select(STANDS.c.name).where(STANDS.c.secret == digest(secret)))

    def take_report(self, stand: str, report: Report) -> str | None:
        """Store the report of a stand and return the name of the release that it should show."""
        mine = STANDS.c.name == stand
        with self.writing, self.engine.begin() as connection:
            values = {"seen_at": self._now(), "report": report.model_dump_json()}
            connection.execute(STANDS.update().where(mine).values(**values))
            return connection.scalar(sa.select(STANDS.c.wanted).where(mine))

    @property
    def members(self) -> list[Member]:
        """Return all stands, by name."""
        with self.engine.connect() as connection:
            return [_member(row) for row in connection.execute(sa.select(STANDS).order_by(STANDS.c.name))]

    def member(self, name: str) -> Member | None:
        """Return the stand with a name; None if there is none."""
        with self.engine.connect() as connection:
            row = connection.execute(sa.select(STANDS).where(STANDS.c.name == name)).first()
        return None if row is None else _member(row)

    def move(self, stand: str, group: str) -> None:
        """Move a stand to another group; it then gets the contents of that group.

        Raises:
            InputError: There is no such group.
        """
        with self.writing, self.engine.begin() as connection:
            release = self._known(connection, group).release
            values = {"customer_group": group, "wanted": release}
            connection.execute(STANDS.update().where(STANDS.c.name == stand).values(**values))

    def let_join_again(self, stand: str) -> None:
        """Delete the secret of a stand that lost it, or whose secret somebody else has."""
        with self.writing, self.engine.begin() as connection:
            connection.execute(STANDS.update().where(STANDS.c.name == stand).values(secret=None))

    def remove(self, stand: str) -> None:
        """Remove a stand; its events stay."""
        with self.writing, self.engine.begin() as connection:
            connection.execute(STANDS.delete().where(STANDS.c.name == stand))
            connection.execute(ALERTS.delete().where(ALERTS.c.stand == stand))

    def _now(self) -> int:
        return microseconds(self.clock())

    @staticmethod
    def _known(connection: sa.Connection, group: str) -> Any:
        row = connection.execute(sa.select(GROUPS).where(GROUPS.c.name == group)).first()
        if row is None:
            names = ", ".join(connection.scalars(sa.select(GROUPS.c.name).order_by(GROUPS.c.name)))
            raise InputError(f"{group}: no such group; there are {names}", column="group")
        return row


def digest(token: str) -> str:
    """Hash a token for storage; a plain digest is enough because tokens are long and random."""
    return hashlib.sha256(token.encode()).hexdigest()


def _member(row: Any) -> Member:
    return Member(
        row.name, row.customer_group, utc(row.joined_at), None if row.seen_at is None else utc(row.seen_at),
        row.wanted, None if row.report is None else Report.model_validate_json(row.report),
    )  # fmt: skip
