"""Edits, files and later messages in the outbox; messages as data."""

import sqlalchemy as sa
from alembic import op

from bot.storage.schema import Id, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

PENDING_EDIT = sa.text("state = 'READY' AND edits IS NOT NULL")

delivery = sa.table("delivery", sa.column("id", Id), sa.column("state", sa.Text), sa.column("payload", sa.JSON))


def upgrade() -> None:
    """Apply it."""
    op.add_column("delivery", sa.Column("edits", Id, nullable=True))
    op.add_column("delivery", sa.Column("due_at", UtcDateTime(), nullable=True))
    op.create_index(
        "ix_delivery_pending_edit",
        "delivery",
        ["edits"],
        unique=True,
        sqlite_where=PENDING_EDIT,
        postgresql_where=PENDING_EDIT,
    )
    files = op.create_table(
        "delivery_file",
        sa.Column("delivery_id", Id, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_delivery_file_delivery_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_delivery_file")),
    )
    op.add_column("delivery_item", sa.Column("shown", sa.JSON(none_as_null=True), nullable=True))
    _move_files(files)


def _move_files(files: sa.Table) -> None:
    """Move the text of documents that are still to be sent out of their payloads; of the others nobody reads it."""
    connection = op.get_bind()
    is_open = delivery.c.state.in_(["READY", "SENDING", "UNCERTAIN"])
    for row in connection.execute(sa.select(delivery.c.id, delivery.c.payload).where(is_open)).all():
        if "file" not in row.payload:
            continue
        name, content = row.payload["file"]["name"], row.payload["file"]["content"].encode()
        connection.execute(sa.insert(files).values(delivery_id=row.id, content=content))
        stored = row.payload | {"file": {"name": name}}
        connection.execute(delivery.update().where(delivery.c.id == row.id).values(payload=stored))
