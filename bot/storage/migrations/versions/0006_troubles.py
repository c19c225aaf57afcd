"""Troubles of sources that admins were told of."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.add_column("source", sa.Column("troubles", sa.JSON(), nullable=True))
