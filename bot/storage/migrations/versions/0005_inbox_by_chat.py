"""The chat of an update, so that one chat's many keep nobody else's waiting."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.add_column("inbox", sa.Column("chat_id", sa.BigInteger(), server_default="0", nullable=False))
    new = sa.text("state = 'NEW'")
    op.drop_index("ix_inbox_new", "inbox")
    op.create_index("ix_inbox_new", "inbox", ["chat_id", "update_id"], sqlite_where=new, postgresql_where=new)
