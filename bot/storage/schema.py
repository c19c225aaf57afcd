"""Schema: the tables (docs/design.md explains them). A change here needs a migration in `migrations/versions`.

State columns contain the states of docs/delivery.md. Times are aware UTC (`UtcDateTime`).
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, MetaData, Table, UniqueConstraint
from sqlalchemy.engine.interfaces import Dialect


class UtcDateTime(sa.TypeDecorator[datetime]):
    """Aware time, stored in UTC. SQLite has no zones: SQLAlchemy alone would return a naive time, hours off."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Raise ValueError for a naive time: its zone is unknown."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Return the time, aware, in UTC."""
        if value is None:
            return None
        assert isinstance(value, datetime)
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite numbers rows by itself only as INTEGER

meta = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _ref(name: str, target: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, Id, ForeignKey(target, ondelete="CASCADE"), nullable=nullable)


def _text(name: str, default: str | None = None) -> Column[str]:
    """Return a column of text that is not null."""
    return Column(name, sa.Text, nullable=False, server_default=default)


def _count(name: str) -> Column[int]:
    return Column(name, sa.Integer, nullable=False, server_default="0")


def _flag(name: str) -> Column[bool]:
    return Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def _at(name: str, *, nullable: bool = False) -> Column[datetime]:
    return Column(name, UtcDateTime, nullable=nullable)


def _part_index(name: str, where: sa.ColumnElement[bool], *columns: Column[Any]) -> None:
    """Add an index of only the rows with pending work: it stays small as the table grows."""
    Index(name, *columns, sqlite_where=where, postgresql_where=where)


counter = Table(  # one row a counter; its row lock makes numbers commit in order
    "counter", meta, Column("name", sa.Text, primary_key=True), Column("value", Id, nullable=False)
)

source = Table(
    "source",
    meta,
    _id(),
    Column("url", sa.Text, nullable=False, unique=True),  # canonical
    _text("host"),  # of the url: a few polls at a time for each
    _text("title"),
    Column("language", sa.Text),
    _flag("full_text"),
    _text("state"),  # active, paused, removed
    Column("etag", sa.Text),
    Column("last_modified", sa.Text),
    _at("validators_at", nullable=True),  # when they were first stored: dropped every 8 days
    Column("body_hash", sa.Text),
    _at("next_poll_at"),
    _at("polled_at", nullable=True),
    _at("ok_at", nullable=True),
    _count("failures"),  # in a row
    Column("error_kind", sa.Text),
    Column("error", sa.Text),  # JSON: the fault and its values (`SourceError`)
    _at("lease_until", nullable=True),
    Column("lease_token", sa.Text),
    _flag("baseline_done"),
    Column("wishes", sa.JSON),  # polling hints of its document
    Column("moved_to", sa.Text),  # the target of a permanent redirect,
    _count("moves"),  # seen so many times in a row
    _count("size"),  # items of the document, when it was last read whole
    Column("rhythm", sa.Text),  # when it publishes
    _flag("ids_distinct"),  # each item of its document had its own id, when it was last read whole
    Column("troubles", sa.JSON),  # those of the document that admins were informed about
    _at("created_at"),
    Index("ix_source_due", "state", "next_poll_at"),
    Index("ix_source_lease_until", "lease_until"),
)

source_alias = Table(  # former addresses of sources that moved: adding one finds the source
    "source_alias",
    meta,
    Column("url", sa.Text, primary_key=True),
    _ref("source_id", "source.id"),
)

websub = Table(  # subscriptions to hubs: wanted, live until they expire, or to be ended
    "websub",
    meta,
    _id(),
    _ref("source_id", "source.id"),
    _text("topic"),
    _text("hub"),
    Column("token", sa.Text, nullable=False, unique=True),  # the unguessable end of the callback's address
    _text("callback"),
    _text("secret"),
    _flag("wanted"),
    _at("due_at"),  # the next request to the hub
    _at("asked_at", nullable=True),
    _at("verified_at", nullable=True),
    _at("expires_at", nullable=True),  # live until then
    _at("brought_at", nullable=True),  # when it last brought news before a poll found it; None: polls were faster
    _count("failures"),  # in a row
    Column("error_kind", sa.Text),
    _at("created_at"),
    Index("ix_websub_due_at", "due_at"),
    Index("ix_websub_source_id", "source_id"),
)

seen = Table(  # keys of all items of a source; a row outlives its entry, so that a returning item is not new
    "seen",
    meta,
    Column("source_id", Id, ForeignKey("source.id", ondelete="CASCADE"), primary_key=True),
    Column("key", sa.Text, primary_key=True),
    Column("entry_id", Id),  # None once retention removed the entry
    _at("seen_at"),
    Index("ix_seen_seen_at", "seen_at"),
)

entry = Table(
    "entry",
    meta,
    _id(),
    _ref("source_id", "source.id"),
    Column("url", sa.Text),
    Column("canonical_url", sa.Text),
    _text("title"),
    _text("summary"),
    _text("content_hash"),
    Column("language", sa.Text),
    _at("published_at"),
    _at("seen_at"),
    _at("edited_at", nullable=True),
    Column("story_id", Id),  # None until clustered
    Column("text_id", Id),  # the first entry with the same text: only one of them is reported to a chat
    _flag("baseline"),
    Column("page", sa.Text),  # the article of its web page, where the source is read in full
    _at("match_after", nullable=True),  # the matcher waits until then for its page
    Column("matched_at_version", Id),  # None: waits for the matcher
    Column("alerted_to", Id),  # chats with a lower or equal id have had their alerts; None: all have
)
Index(
    "ix_entry_unmatched",
    entry.c.id,
    sqlite_where=entry.c.matched_at_version.is_(None),
    postgresql_where=entry.c.matched_at_version.is_(None),
)
Index(
    "ix_entry_alerting",
    entry.c.id,
    sqlite_where=entry.c.alerted_to.is_not(None),
    postgresql_where=entry.c.alerted_to.is_not(None),
)
Index("ix_entry_seen_at", entry.c.seen_at)
_part_index("ix_entry_edited_at", entry.c.edited_at.is_not(None), entry.c.edited_at)
Index("ix_entry_canonical_url", entry.c.canonical_url)
Index("ix_entry_source_id", entry.c.source_id, entry.c.id)

page = Table(  # web pages of entries that are still to be read
    "page",
    meta,
    Column("entry_id", Id, ForeignKey("entry.id", ondelete="CASCADE"), primary_key=True),
    _text("origin"),  # of its address: one page at a time for each
    _count("attempts"),
    _at("due_at"),
    _at("created_at"),
    Index("ix_page_due_at", "due_at"),
    Index("ix_page_created_at", "created_at"),
)

site = Table(  # an origin that pages are fetched from: when the next may be, and what its robots.txt says
    "site",
    meta,
    Column("origin", sa.Text, primary_key=True),
    _at("free_at"),
    _count("failures"),  # in a row
    Column("robots", sa.Text),  # None: never fetched
    _at("robots_until", nullable=True),  # then it is fetched again
)

story = Table(
    "story",
    meta,
    Column("id", Id, primary_key=True, autoincrement=False),  # the id of its first entry
    Column("thread_id", Id),  # the first entry of the thread it lies in; None: a thread of its own
    _count("size"),
    _at("created_at"),
    _at("updated_at"),
    Index("ix_story_updated_at", "updated_at"),
)

query = Table(
    "query",
    meta,
    _id(),
    Column("text", sa.Text, nullable=False, unique=True),  # canonical
    _flag("live"),  # somebody subscribes to it
    Column("version", Id, nullable=False),  # of its last change; committed in order
    Index("ix_query_version", "version"),
)

alias = Table(  # names that an admin declared equal; a change takes the next number of the counter "alias"
    "alias",
    meta,
    _id(),
    Column("names", sa.JSON, nullable=False),  # a list, the main one first
    _at("created_at"),
    sqlite_autoincrement=True,  # an old button must not mean a new alias
)

chat = Table(
    "chat",
    meta,
    _id(),
    Column("telegram_id", sa.BigInteger, nullable=False),
    Column("thread_id", sa.BigInteger, nullable=False, server_default="0"),
    _text("kind"),  # private, group, supergroup, channel
    _text("locale", "en"),
    _text("zone"),
    _text("digest_time"),  # "08:00", local
    Column("schedule", sa.Text),  # of its new subscriptions; None: the bot's default
    _text("state", "active"),  # active, paused (by its people), blocked (by Telegram's answer), banned (by an admin)
    Column("state_reason", sa.Text),
    _at("state_at"),
    _at("hold_until", nullable=True),  # Telegram asked to wait (429)
    _at("created_at"),
    UniqueConstraint("telegram_id", "thread_id"),
)

digest_slot = Table(  # when a chat's next digest of a kind is due
    "digest_slot",
    meta,
    Column("chat_id", Id, ForeignKey("chat.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", sa.Text, primary_key=True),  # hourly, daily, weekly
    _at("due_at"),
    Index("ix_digest_slot_due_at", "due_at"),
)

subscription = Table(
    "subscription",
    meta,
    _id(),
    _ref("chat_id", "chat.id"),
    _ref("query_id", "query.id"),
    _text("label"),  # as typed
    _text("schedule"),
    _at("created_at"),
    UniqueConstraint("chat_id", "query_id"),
    Index("ix_subscription_query_id", "query_id", "chat_id"),
)

hit = Table(
    "hit",
    meta,
    Column("query_id", Id, ForeignKey("query.id", ondelete="CASCADE"), primary_key=True),
    Column("entry_id", Id, ForeignKey("entry.id", ondelete="CASCADE"), primary_key=True),
    Column("story_id", Id, nullable=False),
    Column("text_id", Id, nullable=False),
    Column("score", sa.Float, nullable=False),
    Column("terms", sa.JSON, nullable=False),  # [[text, field, start, end, rule], …]
    _flag("past"),  # never pending: of an entry of a first poll, or found for a preview
    _at("found_at"),
    Index("ix_hit_entry_id", "entry_id"),
    Index("ix_hit_query_id_found_at", "query_id", "found_at"),
)

corroboration = Table(  # an event that a query with min: matched: its hits wait for independent publishers of it
    "corroboration",
    meta,
    Column("query_id", Id, ForeignKey("query.id", ondelete="CASCADE"), primary_key=True),
    Column("story_id", Id, primary_key=True, autoincrement=False),
    Column("publishers", sa.Integer, nullable=False),  # that match
    Column("needed", sa.Integer, nullable=False),
    _at("since"),
    Index("ix_corroboration_since", "since"),
)

digest_run = Table(
    "digest_run",
    meta,
    _id(),
    _ref("chat_id", "chat.id"),
    _text("kind"),
    _text("period"),
    _at("frozen_at"),
    _count("stories"),  # 0: there was nothing to send
    UniqueConstraint("chat_id", "kind", "period"),
)

delivery = Table(
    "delivery",
    meta,
    _id(),
    _ref("chat_id", "chat.id"),
    Column("digest_run_id", Id, ForeignKey("digest_run.id", ondelete="SET NULL")),
    _text("kind"),  # reply, alert, digest, notice, broadcast, edit
    _count("priority"),  # lower goes first
    Column("part", sa.Integer, nullable=False, server_default="1"),
    Column("edits", Id),  # an edit: the delivery whose message it changes
    Column("payload", sa.JSON, nullable=False),  # frozen (bot/messages/payload.py); the bytes are in `delivery_file`
    _text("state"),  # READY SENDING SENT UNCERTAIN UNCERTAIN_FINAL CANCELLED DEAD EXPIRED
    _count("attempts"),
    _count("uncertain_count"),
    _at("not_before"),  # the next attempt; each that fails puts it off
    _at("due_at", nullable=True),  # the first `not_before`, where the delivery was not due when it was added
    _at("expires_at", nullable=True),
    _at("lease_until", nullable=True),
    Column("lease_token", sa.Text),
    Column("message_id", sa.BigInteger),
    Column("error", sa.Text),
    _at("created_at"),
    _at("ended_at", nullable=True),
    Index("ix_delivery_chat_id", "chat_id", "state"),
    Index("ix_delivery_ended_at", "ended_at"),
    Index("ix_delivery_digest_run_id", "digest_run_id"),
)
_OPEN = delivery.c.state.in_(["READY", "SENDING", "UNCERTAIN"])
Index(
    "ix_delivery_open",
    delivery.c.state,
    delivery.c.priority,
    delivery.c.id,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)

Index(  # a newer edit of a message replaces a waiting edit
    "ix_delivery_pending_edit",
    delivery.c.edits,
    unique=True,
    sqlite_where=sa.and_(delivery.c.state == "READY", delivery.c.edits.is_not(None)),
    postgresql_where=sa.and_(delivery.c.state == "READY", delivery.c.edits.is_not(None)),
)

_part_index("ix_delivery_edits", delivery.c.edits.is_not(None), delivery.c.edits)  # all edits of a message

delivery_file = Table(  # the picture or document of a delivery
    "delivery_file",
    meta,
    Column("delivery_id", Id, ForeignKey("delivery.id", ondelete="CASCADE"), primary_key=True),
    Column("content", sa.LargeBinary, nullable=False),
)

delivery_item = Table(
    "delivery_item",
    meta,
    Column("delivery_id", Id, ForeignKey("delivery.id", ondelete="CASCADE"), primary_key=True),
    Column("position", sa.Integer, primary_key=True),
    Column("story_id", Id, nullable=False),
    Column("entry_id", Id, nullable=False),
    # The `Item` that the message shows of it; NULL: only counted, or written before revision 0009.
    Column("shown", sa.JSON(none_as_null=True)),
)

told = Table(
    "told",
    meta,
    Column("chat_id", Id, ForeignKey("chat.id", ondelete="CASCADE"), primary_key=True),
    Column("text_id", Id, primary_key=True),
    Column("query_id", Id, ForeignKey("query.id", ondelete="CASCADE"), primary_key=True),
    Column("story_id", Id, nullable=False),
    _ref("delivery_id", "delivery.id"),
    Index("ix_told_story", "chat_id", "story_id", "query_id"),
    Index("ix_told_delivery_id", "delivery_id"),
)

inbox = Table(
    "inbox",
    meta,
    Column("update_id", sa.BigInteger, primary_key=True, autoincrement=False),
    Column("chat_id", sa.BigInteger, nullable=False, server_default="0"),  # Telegram's; 0: it belongs to none
    Column("payload", sa.JSON, nullable=False),
    _text("state"),  # NEW DONE POISON
    _count("attempts"),
    Column("error", sa.Text),
    _at("received_at"),
)
_part_index("ix_inbox_new", inbox.c.state == "NEW", inbox.c.chat_id, inbox.c.update_id)

offer = Table(  # an offer of the bot, accepted at most once, before it expires, by a button or an answer
    "offer",
    meta,
    _id(),
    _ref("chat_id", "chat.id"),
    Column("user_id", sa.BigInteger, nullable=False),  # the person who may accept it
    _text("kind"),
    Column("payload", sa.JSON, nullable=False),
    _at("created_at"),
    _at("expires_at"),
    _at("taken_at", nullable=True),
    Index("ix_offer_chat_id", "chat_id", "user_id", "kind"),
    Index("ix_offer_expires_at", "expires_at"),
    sqlite_autoincrement=True,  # an id is never reused: an old button must not mean a new offer
)

person = Table(  # people who were allowed or banned; others have no row
    "person",
    meta,
    Column("telegram_id", sa.BigInteger, primary_key=True, autoincrement=False),  # or of a group that was allowed
    _text("access"),  # allowed, banned
    Column("invite_id", Id, ForeignKey("invite.id", ondelete="SET NULL")),  # None: by an admin's command
    _at("decided_at"),
)

invite = Table(
    "invite",
    meta,
    _id(),
    Column("code", sa.Text, nullable=False, unique=True),
    Column("uses_left", sa.Integer),  # None: unlimited
    _count("used"),
    _at("created_at"),
    _at("expires_at"),
    _flag("revoked"),
    sqlite_autoincrement=True,
)

role = Table(  # roles that a single run has at a time
    "role",
    meta,
    Column("name", sa.Text, primary_key=True),
    _text("run"),
    _at("lease_until"),
)

secret = Table(  # generated at the first start
    "secret", meta, Column("name", sa.Text, primary_key=True), Column("value", sa.Text, nullable=False)
)

forgotten = Table(  # receipts of /forget, without any name
    "forgotten",
    meta,
    Column("receipt", sa.Text, primary_key=True),
    _at("at"),
    Column("counts", sa.JSON, nullable=False),
)

admin_act = Table(  # append-only log of admins' changes
    "admin_act",
    meta,
    _id(),
    _at("at"),
    Column("user_id", sa.BigInteger, nullable=False),
    _text("act"),
)
