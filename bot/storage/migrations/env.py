"""Runs the migrations on the connection that `Database.migrate` opened, all of them in its one transaction."""

from alembic import context

from bot.runtime.failpoints import failpoint
from bot.storage.schema import meta


def migrating(*step: object, **named: object) -> None:
    """Pass a moment in the middle of it, after each step."""
    failpoint("migrating")


connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=meta, on_version_apply=migrating)
with context.begin_transaction():
    context.run_migrations()
