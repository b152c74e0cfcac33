"""The database tables of a fleet, beside those of events: stands, releases, rollouts and alerts."""

from typing import Final

import sqlalchemy as sa

from faceline.stand.database import History

METADATA: Final = sa.MetaData()

GROUPS: Final = sa.Table(
    "fleet_groups",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("token", sa.Text, nullable=False, unique=True),
    sa.Column("release", sa.Text),
)
"""Groups of stands. ``token`` is the hash of the token for joining, ``release`` is what new stands get."""

STANDS: Final = sa.Table(
    "fleet_stands",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("customer_group", sa.Text, nullable=False, index=True),
    sa.Column("secret", sa.Text, unique=True),
    sa.Column("joined_at", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger),
    sa.Column("wanted", sa.Text),
    sa.Column("report", sa.Text),
)
"""Stands; ``secret`` is a hash, None lets it join again; ``wanted`` is a release; ``report`` is the last, as JSON."""

HOURS: Final = sa.Table(
    "fleet_hours",
    METADATA,
    sa.Column("stand", sa.Text, primary_key=True),
    sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("events", sa.BigInteger, nullable=False),
    sa.Column("visitors", sa.BigInteger, nullable=False),
)
"""Number of events and visitors of each stand and hour; hours are counted from 1970 in UTC."""

RELEASES: Final = sa.Table(
    "fleet_releases",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("manifest", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
)
"""Releases of contents and announcements of software."""

ROLLOUTS: Final = sa.Table(
    "fleet_rollouts",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("release", sa.Text, nullable=False),
    sa.Column("customer_group", sa.Text, nullable=False),
    sa.Column("first", sa.Text, nullable=False),
    sa.Column("before", sa.Text, nullable=False),
    sa.Column("group_before", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("told", sa.Text, nullable=False),
    sa.Column("begun_at", sa.BigInteger, nullable=False),
    sa.Column("begun_by", sa.Text, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
)
"""Rollouts of releases to groups. ``first`` are the first stands, ``before`` is what each stand showed before."""

ALERTS: Final = sa.Table(
    "fleet_alerts",
    METADATA,
    sa.Column("stand", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("told", sa.Text, nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False),
    sa.Column("raised_at", sa.BigInteger),
    sa.Column("well_since", sa.BigInteger),
)
"""Problems that are raised, about to be raised (``raised_at``), or about to be cleared (``well_since``)."""

MESSAGES: Final = sa.Table(
    "fleet_messages",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("stand", sa.Text, nullable=False, index=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("told", sa.Text, nullable=False),
    sa.Column("waits", sa.Text, nullable=False),
)
"""Messages of alerts, in order. ``waits`` names the ways on which each has not been sent yet."""

FLEET: Final = History(METADATA, "faceline.stand:fleet/migrations", "fleet_version")
"""The tables of a fleet."""
