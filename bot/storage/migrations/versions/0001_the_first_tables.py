"""The first tables."""

import sqlalchemy as sa
from alembic import op

from bot.storage.schema import Id, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply it."""
    op.create_table(
        "admin_act",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_admin_act")),
    )
    op.create_table(
        "chat",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("telegram_id", sa.BigInteger(), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), server_default="en", nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("digest_time", sa.Text(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="active", nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("state_at", UtcDateTime(), nullable=False),
        sa.Column("hold_until", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat")),
        sa.UniqueConstraint("telegram_id", "thread_id", name=op.f("uq_chat_telegram_id_thread_id")),
    )
    op.create_table(
        "counter",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", Id, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counter")),
    )
    op.create_table(
        "inbox",
        sa.Column("update_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("update_id", name=op.f("pk_inbox")),
    )
    op.create_index(
        "ix_inbox_new",
        "inbox",
        ["update_id"],
        unique=False,
        sqlite_where=sa.text("state = 'NEW'"),
        postgresql_where=sa.text("state = 'NEW'"),
    )
    op.create_table(
        "query",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("version", Id, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_query")),
        sa.UniqueConstraint("text", name=op.f("uq_query_text")),
    )
    op.create_index("ix_query_version", "query", ["version"], unique=False)
    op.create_table(
        "source",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("full_text", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.Column("validators_at", UtcDateTime(), nullable=True),
        sa.Column("body_hash", sa.Text(), nullable=True),
        sa.Column("next_poll_at", UtcDateTime(), nullable=False),
        sa.Column("polled_at", UtcDateTime(), nullable=True),
        sa.Column("ok_at", UtcDateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error_kind", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("baseline_done", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("wishes", sa.JSON(), nullable=True),
        sa.Column("moved_to", sa.Text(), nullable=True),
        sa.Column("moves", sa.Integer(), server_default="0", nullable=False),
        sa.Column("size", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rhythm", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("url", name=op.f("uq_source_url")),
    )
    op.create_index("ix_source_due", "source", ["state", "next_poll_at"], unique=False)
    op.create_index("ix_source_lease_until", "source", ["lease_until"], unique=False)
    op.create_table(
        "source_alias",
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("source_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_source_alias_source_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("url", name=op.f("pk_source_alias")),
    )
    op.create_table(
        "story",
        sa.Column("id", Id, autoincrement=False, nullable=False),
        sa.Column("size", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_story")),
    )
    op.create_index("ix_story_updated_at", "story", ["updated_at"], unique=False)
    op.create_table(
        "digest_run",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("chat_id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("frozen_at", UtcDateTime(), nullable=False),
        sa.Column("stories", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name=op.f("fk_digest_run_chat_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest_run")),
        sa.UniqueConstraint("chat_id", "kind", "period", name=op.f("uq_digest_run_chat_id_kind_period")),
    )
    op.create_table(
        "digest_slot",
        sa.Column("chat_id", Id, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name=op.f("fk_digest_slot_chat_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chat_id", "kind", name=op.f("pk_digest_slot")),
    )
    op.create_index("ix_digest_slot_due_at", "digest_slot", ["due_at"], unique=False)
    op.create_table(
        "entry",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("source_id", Id, nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("canonical_url", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=True),
        sa.Column("published_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("edited_at", UtcDateTime(), nullable=True),
        sa.Column("story_id", Id, nullable=True),
        sa.Column("text_id", Id, nullable=True),
        sa.Column("baseline", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("matched_at_version", Id, nullable=True),
        sa.Column("alerted_to", Id, nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_entry_source_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry")),
    )
    op.create_index(
        "ix_entry_alerting",
        "entry",
        ["id"],
        unique=False,
        sqlite_where=sa.text("alerted_to IS NOT NULL"),
        postgresql_where=sa.text("alerted_to IS NOT NULL"),
    )
    op.create_index("ix_entry_seen_at", "entry", ["seen_at"], unique=False)
    op.create_index("ix_entry_canonical_url", "entry", ["canonical_url"], unique=False)
    op.create_index("ix_entry_source_id", "entry", ["source_id", "id"], unique=False)
    op.create_index(
        "ix_entry_unmatched",
        "entry",
        ["id"],
        unique=False,
        sqlite_where=sa.text("matched_at_version IS NULL"),
        postgresql_where=sa.text("matched_at_version IS NULL"),
    )
    op.create_table(
        "seen",
        sa.Column("source_id", Id, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("entry_id", Id, nullable=True),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_seen_source_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("source_id", "key", name=op.f("pk_seen")),
    )
    op.create_index("ix_seen_seen_at", "seen", ["seen_at"], unique=False)
    op.create_table(
        "subscription",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("chat_id", Id, nullable=False),
        sa.Column("query_id", Id, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name=op.f("fk_subscription_chat_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["query_id"], ["query.id"], name=op.f("fk_subscription_query_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
        sa.UniqueConstraint("chat_id", "query_id", name=op.f("uq_subscription_chat_id_query_id")),
    )
    op.create_index("ix_subscription_query_id", "subscription", ["query_id", "chat_id"], unique=False)
    op.create_table(
        "delivery",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("chat_id", Id, nullable=False),
        sa.Column("digest_run_id", Id, nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("part", sa.Integer(), server_default="1", nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("uncertain_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name=op.f("fk_delivery_chat_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["digest_run_id"], ["digest_run.id"], name=op.f("fk_delivery_digest_run_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index("ix_delivery_chat_id", "delivery", ["chat_id", "state"], unique=False)
    op.create_index("ix_delivery_digest_run_id", "delivery", ["digest_run_id"], unique=False)
    op.create_index("ix_delivery_ended_at", "delivery", ["ended_at"], unique=False)
    op.create_index(
        "ix_delivery_open",
        "delivery",
        ["state", "priority", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('READY', 'SENDING', 'UNCERTAIN')"),
        postgresql_where=sa.text("state IN ('READY', 'SENDING', 'UNCERTAIN')"),
    )
    op.create_table(
        "hit",
        sa.Column("query_id", Id, nullable=False),
        sa.Column("entry_id", Id, nullable=False),
        sa.Column("story_id", Id, nullable=False),
        sa.Column("text_id", Id, nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=False),
        sa.Column("past", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("found_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_hit_entry_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["query_id"], ["query.id"], name=op.f("fk_hit_query_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("query_id", "entry_id", name=op.f("pk_hit")),
    )
    op.create_index("ix_hit_entry_id", "hit", ["entry_id"], unique=False)
    op.create_index("ix_hit_query_id_found_at", "hit", ["query_id", "found_at"], unique=False)
    op.create_table(
        "delivery_item",
        sa.Column("delivery_id", Id, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("story_id", Id, nullable=False),
        sa.Column("entry_id", Id, nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_delivery_item_delivery_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery_id", "position", name=op.f("pk_delivery_item")),
    )
    op.create_table(
        "told",
        sa.Column("chat_id", Id, nullable=False),
        sa.Column("text_id", Id, nullable=False),
        sa.Column("query_id", Id, nullable=False),
        sa.Column("story_id", Id, nullable=False),
        sa.Column("delivery_id", Id, nullable=False),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name=op.f("fk_told_chat_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_told_delivery_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["query_id"], ["query.id"], name=op.f("fk_told_query_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("chat_id", "text_id", "query_id", name=op.f("pk_told")),
    )
    op.create_index("ix_told_delivery_id", "told", ["delivery_id"], unique=False)
    op.create_index("ix_told_story", "told", ["chat_id", "story_id", "query_id"], unique=False)
    op.create_table(
        "offer",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("chat_id", Id, nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("taken_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["chat_id"], ["chat.id"], name=op.f("fk_offer_chat_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_offer_chat_id", "offer", ["chat_id", "user_id", "kind"], unique=False)
    op.create_index("ix_offer_expires_at", "offer", ["expires_at"], unique=False)
    op.create_table(
        "invite",
        sa.Column("id", Id, autoincrement=True, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=True),
        sa.Column("used", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("revoked", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invite")),
        sa.UniqueConstraint("code", name=op.f("uq_invite_code")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "person",
        sa.Column("telegram_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("access", sa.Text(), nullable=False),
        sa.Column("invite_id", Id, nullable=True),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["invite_id"], ["invite.id"], name=op.f("fk_person_invite_id"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("telegram_id", name=op.f("pk_person")),
    )
    op.create_table(
        "secret",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secret")),
    )
    op.create_table(
        "forgotten",
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("receipt", name=op.f("pk_forgotten")),
    )
