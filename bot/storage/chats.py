"""Chats: their language, zone and state, and when their next digests are due (slots)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.models import Schedule
from bot.storage.database import insert_new
from bot.storage.schema import chat, delivery, digest_run, digest_slot, offer, subscription, told


class ChatState(StrEnum):
    """Whether news is sent to a chat."""

    ACTIVE = "active"
    PAUSED = "paused"  # by its people: hits are kept for /resume
    BLOCKED = "blocked"  # Telegram lets the bot send nothing: it was blocked or removed
    BANNED = "banned"  # by an admin of the bot


ACTIVE, PAUSED, BLOCKED, BANNED = ChatState


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat (or one topic of a forum; 0 is no topic). `digest_time` is local to `zone`.

    `schedule` is the one its new subscriptions get, None if it never chose.
    """

    id: int
    telegram_id: int
    thread_id: int
    kind: str
    locale: str
    zone: str
    digest_time: time
    schedule: Schedule | None
    state: ChatState

    @property
    def is_private(self) -> bool:
        """Whether it is a person's own chat with the bot: what a button shows there, everybody who reads it can see."""
        return self.kind == "private"


_CHAT = [chat.c[name] for name in Chat.__dataclass_fields__]


def _chat(row: Mapping[Any, Any]) -> Chat:
    schedule = Schedule(row["schedule"]) if row["schedule"] else None
    digest_time, state = time.fromisoformat(row["digest_time"]), ChatState(row["state"])
    return Chat(**{**row, "digest_time": digest_time, "schedule": schedule, "state": state})


async def get(connection: AsyncConnection, chat_id: int) -> Chat | None:
    """Return the chat with this id (`chat.id`, not Telegram's)."""
    row = (await connection.execute(sa.select(*_CHAT).where(chat.c.id == chat_id))).mappings().first()
    return _chat(row) if row else None


async def find(connection: AsyncConnection, telegram_id: int, thread_id: int) -> Chat | None:
    """Return the chat with this Telegram id and topic."""
    where = (chat.c.telegram_id == telegram_id, chat.c.thread_id == thread_id)
    row = (await connection.execute(sa.select(*_CHAT).where(*where))).mappings().first()
    return _chat(row) if row else None


async def get_all(connection: AsyncConnection, chat_ids: Collection[int]) -> dict[int, Chat]:
    """Return the chats with these ids (`chat.id`), by id."""
    rows = (await connection.execute(sa.select(*_CHAT).where(chat.c.id.in_(chat_ids)))).mappings()
    return {row["id"]: _chat(row) for row in rows}


async def get_or_create(
    connection: AsyncConnection,
    *,
    telegram_id: int,
    thread_id: int,
    kind: str,
    locale: str,
    zone: str,
    digest_time: time,
    now: datetime,
) -> tuple[Chat, bool]:
    """Return the chat with this Telegram id, and whether it is new; a new one gets the settings given here."""
    known = await find(connection, telegram_id, thread_id)
    if known is not None:
        return known, False
    statement = insert_new(connection, chat).values(
        telegram_id=telegram_id,
        thread_id=thread_id,
        kind=kind,
        locale=locale,
        zone=zone,
        digest_time=digest_time.isoformat("minutes"),
        state=ACTIVE,
        state_at=now,
        created_at=now,
    )
    new = statement.on_conflict_do_nothing().returning(chat.c.id)
    added = (await connection.execute(new)).first() is not None
    stored = await find(connection, telegram_id, thread_id)
    assert stored is not None
    return stored, added


async def set_locale(connection: AsyncConnection, chat_id: int, locale: str) -> None:
    """Change the language of a chat's messages."""
    await connection.execute(chat.update().where(chat.c.id == chat_id).values(locale=locale))


async def set_schedule(connection: AsyncConnection, chat_id: int, schedule: Schedule) -> None:
    """Change the schedule that a chat's new subscriptions get."""
    await connection.execute(chat.update().where(chat.c.id == chat_id).values(schedule=schedule.value))


async def set_digest(connection: AsyncConnection, chat_id: int, *, zone: str, digest_time: time) -> None:
    """Change the time and zone of a chat's digests; the caller moves the slots (`set_slot`)."""
    values = {"zone": zone, "digest_time": digest_time.isoformat("minutes")}
    await connection.execute(chat.update().where(chat.c.id == chat_id).values(values))


async def set_state(
    connection: AsyncConnection, chat_id: int, state: ChatState, now: datetime, reason: str | None = None
) -> bool:
    """Set a chat's state and return whether that changed it."""
    statement = chat.update().where(chat.c.id == chat_id, chat.c.state != state)
    values = {"state": state, "state_reason": reason, "state_at": now}
    return (await connection.execute(statement.values(values))).rowcount == 1


async def lock_state(connection: AsyncConnection, chat_id: int) -> tuple[str, datetime] | None:
    """Return a chat's state and since when it has it, and lock its row; None if the chat was forgotten."""
    statement = sa.select(chat.c.state, chat.c.state_at).where(chat.c.id == chat_id).with_for_update()
    row = (await connection.execute(statement)).first()
    return (row.state, row.state_at) if row else None


async def take_turn(connection: AsyncConnection, chat_id: int) -> None:
    """Let transactions that decide what a chat is told come one after another; each sees all that is committed.

    NO KEY UPDATE: a message for the chat may be added meanwhile (PostgreSQL: Explicit Locking, Row-Level Locks).
    """
    await connection.execute(sa.select(chat.c.id).where(chat.c.id == chat_id).with_for_update(key_share=True))


async def hold(connection: AsyncConnection, telegram_id: int, until: datetime) -> None:
    """Send nothing to a chat, in any of its topics, before a time (Telegram's answer 429); a longer hold stays."""
    shorter = sa.or_(chat.c.hold_until.is_(None), chat.c.hold_until < until)
    await connection.execute(chat.update().where(chat.c.telegram_id == telegram_id, shorter).values(hold_until=until))


async def migrate(connection: AsyncConnection, old: int, new: int) -> None:
    """Give the chats of group `old` the id of the supergroup it became (both are Telegram's ids).

    Where both are stored, the rows of the new one move to the old one first. Repeating it changes nothing.
    """
    topics = sa.select(chat.c.id, chat.c.thread_id).where(chat.c.telegram_id == old)
    for keeper in (await connection.execute(topics)).all():
        duplicate = await find(connection, new, keeper.thread_id)
        if duplicate is not None:
            await _merge(connection, duplicate.id, keeper.id)
        values = {"telegram_id": new, "kind": "supergroup"}
        await connection.execute(chat.update().where(chat.c.id == keeper.id).values(values))


async def _merge(connection: AsyncConnection, duplicate: int, keeper: int) -> None:
    """Move the rows of chat `duplicate` to chat `keeper`, except those of which it has its own; remove `duplicate`."""
    owned = {
        subscription: [subscription.c.query_id],
        told: [told.c.text_id, told.c.query_id],
        digest_run: [digest_run.c.kind, digest_run.c.period],
        digest_slot: [digest_slot.c.kind],
        delivery: [],
        offer: [],
    }
    for table, key in owned.items():
        kept = table.alias("kept")
        same = [kept.c[column.name] == column for column in key]
        taken = sa.exists().where(kept.c.chat_id == keeper, *same) if key else sa.false()
        await connection.execute(
            table.update().where(table.c.chat_id == duplicate, sa.not_(taken)).values(chat_id=keeper)
        )
    await connection.execute(chat.delete().where(chat.c.id == duplicate))


async def set_slot(connection: AsyncConnection, chat_id: int, kind: str, due_at: datetime) -> None:
    """Set when a chat's next digest of a kind is due."""
    statement = insert_new(connection, digest_slot).values(chat_id=chat_id, kind=kind, due_at=due_at)
    statement = statement.on_conflict_do_update(index_elements=["chat_id", "kind"], set_={"due_at": due_at})
    await connection.execute(statement)


async def advance_slot(
    connection: AsyncConnection, chat_id: int, kind: str, due_at: datetime, next_at: datetime
) -> bool:
    """Move a slot from the run that is made now to the next; False if it was moved already."""
    slot = (digest_slot.c.chat_id == chat_id, digest_slot.c.kind == kind, digest_slot.c.due_at == due_at)
    return (await connection.execute(digest_slot.update().where(*slot).values(due_at=next_at))).rowcount == 1


async def slots(connection: AsyncConnection, chat_id: int) -> dict[str, datetime]:
    """Return when a chat's next digests are due, by kind."""
    statement = sa.select(digest_slot.c.kind, digest_slot.c.due_at).where(digest_slot.c.chat_id == chat_id)
    return {row.kind: row.due_at for row in await connection.execute(statement)}


async def last_run(connection: AsyncConnection, chat_id: int, kind: str) -> tuple[datetime, str] | None:
    """Return (made at, period) of a chat's last digest of a kind that had news, or None if there was none."""
    statement = (
        sa.select(digest_run.c.frozen_at, digest_run.c.period)
        .where(digest_run.c.chat_id == chat_id, digest_run.c.kind == kind, digest_run.c.stories > 0)
        .order_by(digest_run.c.frozen_at.desc(), digest_run.c.id.desc())
        .limit(1)
    )
    row = (await connection.execute(statement)).first()
    return (row.frozen_at, row.period) if row else None


async def due_slots(connection: AsyncConnection, now: datetime, limit: int) -> list[tuple[Chat, str, datetime]]:
    """Return (chat, kind, due) of digests that are due, longest overdue first."""
    statement = (
        sa.select(*_CHAT, digest_slot.c.kind.label("slot_kind"), digest_slot.c.due_at)
        .join(digest_slot, digest_slot.c.chat_id == chat.c.id)
        .where(digest_slot.c.due_at <= now)
        .order_by(digest_slot.c.due_at, chat.c.id)
        .limit(limit)
    )
    rows = [dict(row) for row in (await connection.execute(statement)).mappings()]
    return [
        (_chat({name: row[name] for name in Chat.__dataclass_fields__}), row["slot_kind"], row["due_at"])
        for row in rows
    ]
