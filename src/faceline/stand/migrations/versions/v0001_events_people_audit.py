"""Events, people, and an audit that can only grow."""

import sqlalchemy as sa
from alembic import op

from faceline.errors import InputError

revision = "0001"
down_revision = None

_REFUSE = "the audit can only grow"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "events",
        sa.Column("stand", sa.Text, primary_key=True),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
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
    op.create_index("ix_events_at", "events", ["at"])
    op.create_table(
        "people",
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
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("person", sa.Text),
        sa.Column("operator", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{change.lower()} BEFORE {change} ON audit "
                f"BEGIN SELECT RAISE(ABORT, '{_REFUSE}'); END"
            )
    else:
        op.execute(
            "CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_REFUSE}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change()"
        )


def downgrade() -> None:
    """Refuse: it would delete the audit, and there is no older version."""
    raise InputError("this is the oldest form of a store; begin a new one instead")
