"""The edits of a message are found by the delivery they edit."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

EDITS = sa.text("edits IS NOT NULL")


def upgrade() -> None:
    """Apply it."""
    op.create_index("ix_delivery_edits", "delivery", ["edits"], sqlite_where=EDITS, postgresql_where=EDITS)
