"""Aliases, and an index of what was edited."""

import sqlalchemy as sa
from alembic import op

from bot.storage.schema import Id, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "alias",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alias")),
        sqlite_autoincrement=True,
    )
    edited = sa.text("edited_at IS NOT NULL")
    op.create_index("ix_entry_edited_at", "entry", ["edited_at"], sqlite_where=edited, postgresql_where=edited)
