"""Runs the migrations on the connection that `Database.migrate` opened."""

from alembic import context

from bot.storage.schema import meta

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=meta)
with context.begin_transaction():
    context.run_migrations()
