"""The audit of what was done to people's data; the database refuses to change or delete a line of it."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from faceline.stand.database import AUDIT, microseconds, utc


def record(connection: sa.Connection, by: str, action: str, person: str | None, detail: str = "") -> None:
    """Add a line: who did what to whose data, now."""
    entry = {"at": microseconds(datetime.now(UTC)), "action": action, "person": person, "operator": by}
    connection.execute(AUDIT.insert(), {**entry, "detail": detail})


def recorded(connection: sa.Connection, person: str | None = None) -> list[dict[str, Any]]:
    """Return the lines about a person, or all; the oldest first."""
    of_person = sa.true() if person is None else AUDIT.c.person == person
    rows = connection.execute(sa.select(AUDIT).where(of_person).order_by(AUDIT.c.id))
    return [{**row._mapping, "at": utc(row.at).isoformat()} for row in rows]
