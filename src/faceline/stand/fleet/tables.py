"""The tables of a fleet, beside those of events: who belongs to it, what was published, and what went wrong."""

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
"""Stands that show the same; ``token`` is the hash of what lets a stand join, ``release`` what newcomers are given."""

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
"""How many events, and visitors among them, came of each stand and hour, the hours counted from 1970 in UTC."""

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
"""What can be given to stands: contents, or the announcement of a version of the software."""

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
"""A release on its way to a group; ``first`` are the stands that have it first, ``before`` what each showed before."""

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
"""What is wrong now, or is about to be called so (``raised_at``), or about to be forgotten (``well_since``)."""

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
"""What was raised and cleared, in order; ``waits`` names the ways on which it has not been sent yet."""

FLEET: Final = History(METADATA, "faceline.stand:fleet/migrations", "fleet_version")
"""The tables of a fleet."""
