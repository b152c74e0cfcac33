"""Run by Alembic: applies the migrations on the connection that it is given."""

from alembic import context

history = context.config.attributes["history"]
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=history.tables,
    version_table=history.version_table,
)
with context.begin_transaction():
    context.run_migrations()
