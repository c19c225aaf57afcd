"""Events that a query with min: matched, with the publishers that have them."""

import sqlalchemy as sa
from alembic import op

from bot.storage.schema import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "corroboration",
        sa.Column("query_id", sa.BigInteger, sa.ForeignKey("query.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("story_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("publishers", sa.Integer, nullable=False),
        sa.Column("needed", sa.Integer, nullable=False),
        sa.Column("since", UtcDateTime, nullable=False),
    )
    op.create_index("ix_corroboration_since", "corroboration", ["since"])
