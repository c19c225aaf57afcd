"""Web pages of entries: which are to be read, from where, and what came of it."""

import sqlalchemy as sa
from alembic import op

from bot.storage.schema import Id, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.add_column("entry", sa.Column("page", sa.Text(), nullable=True))
    op.add_column("entry", sa.Column("match_after", UtcDateTime(), nullable=True))
    op.create_table(
        "page",
        sa.Column("entry_id", Id, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_page_entry_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_page")),
    )
    op.create_index("ix_page_due_at", "page", ["due_at"])
    op.create_index("ix_page_created_at", "page", ["created_at"])
    op.create_table(
        "site",
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("free_at", UtcDateTime(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("robots", sa.Text(), nullable=True),
        sa.Column("robots_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("origin", name=op.f("pk_site")),
    )
