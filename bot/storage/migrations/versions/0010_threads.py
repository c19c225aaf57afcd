"""Threads of stories."""

import sqlalchemy as sa
from alembic import op

from bot.storage.schema import Id

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it: a story of before is a thread of its own."""
    op.add_column("story", sa.Column("thread_id", Id, nullable=True))
