"""Run by Alembic: applies the migrations on the connection that it is given."""

from alembic import context

from faceline.stand.database import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
