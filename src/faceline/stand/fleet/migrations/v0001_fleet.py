"""Groups, stands, releases, rollouts and alerts of a fleet."""

import sqlalchemy as sa
from alembic import op

from faceline.errors import InputError

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "fleet_groups",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("token", sa.Text, nullable=False, unique=True),
        sa.Column("release", sa.Text),
    )
    op.create_table(
        "fleet_stands",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("customer_group", sa.Text, nullable=False),
        sa.Column("secret", sa.Text, unique=True),
        sa.Column("joined_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger),
        sa.Column("wanted", sa.Text),
        sa.Column("report", sa.Text),
    )
    op.create_table(
        "fleet_hours",
        sa.Column("stand", sa.Text, primary_key=True),
        sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("visitors", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "fleet_releases",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("manifest", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
    )
    op.create_table(
        "fleet_rollouts",
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
    op.create_table(
        "fleet_alerts",
        sa.Column("stand", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("told", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("raised_at", sa.BigInteger),
        sa.Column("well_since", sa.BigInteger),
    )
    op.create_table(
        "fleet_messages",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("stand", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("told", sa.Text, nullable=False),
        sa.Column("waits", sa.Text, nullable=False),
    )
    op.create_index("ix_fleet_stands_customer_group", "fleet_stands", ["customer_group"])
    op.create_index("ix_fleet_messages_stand", "fleet_messages", ["stand"])


def downgrade() -> None:
    """Refuse: there is no older version."""
    raise InputError("this is the oldest form of a fleet; begin a new one instead")
