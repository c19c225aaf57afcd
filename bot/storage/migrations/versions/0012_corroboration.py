"""Events that a query with min: matched, with the publishers that have them."""

import sqlalchemy as sa
from alembic import op

from bot.storage.schema import Id, UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "corroboration",
        sa.Column("query_id", Id, sa.ForeignKey("query.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("story_id", Id, primary_key=True, autoincrement=False),
        sa.Column("publishers", sa.Integer, nullable=False),
        sa.Column("needed", sa.Integer, nullable=False),
        sa.Column("since", UtcDateTime, nullable=False),
    )
    op.create_index("ix_corroboration_since", "corroboration", ["since"])
