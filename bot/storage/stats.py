"""Statistics: counts for the operator, and the record of admins' acts."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.deliveries import OPEN, DeliveryState
from bot.storage.inbox import UpdateState
from bot.storage.schema import admin_act, chat, delivery, entry, inbox, query, source, subscription


@dataclass(frozen=True, slots=True)
class Stats:
    """Numbers of rows: of the present state, and of what happened since a time."""

    chats_active: int
    chats_paused: int
    chats_blocked: int
    subscriptions: int
    queries: int
    sources: int
    sources_failing: int
    entries_new: int
    sent: int
    waiting: int
    uncertain: int
    dead: int
    updates_parked: int


async def since(connection: AsyncConnection, start: datetime) -> Stats:
    """Count everything; `entries_new`, `sent`, `uncertain` and `dead` count what happened at `start` or later."""
    has_ended = delivery.c.ended_at >= start
    counted = {
        "chats_active": (chat, chat.c.state == "active"),
        "chats_paused": (chat, chat.c.state == "paused"),
        "chats_blocked": (chat, chat.c.state == "blocked"),
        "subscriptions": (subscription, sa.true()),
        "queries": (query, query.c.live),
        "sources": (source, source.c.state == "active"),
        "sources_failing": (source, sa.and_(source.c.state == "active", source.c.failures > 0)),
        "entries_new": (entry, entry.c.seen_at >= start),
        "sent": (delivery, sa.and_(delivery.c.state == DeliveryState.SENT, has_ended)),
        "waiting": (delivery, delivery.c.state.in_(OPEN)),
        "uncertain": (delivery, sa.and_(delivery.c.state == DeliveryState.UNCERTAIN_FINAL, has_ended)),
        "dead": (delivery, sa.and_(delivery.c.state == DeliveryState.DEAD, has_ended)),
        "updates_parked": (inbox, inbox.c.state == UpdateState.POISON),
    }
    columns = [
        sa.select(sa.func.count()).select_from(table).where(where).scalar_subquery().label(name)
        for name, (table, where) in counted.items()
    ]
    return Stats(**(await connection.execute(sa.select(*columns))).mappings().one())


async def record_act(connection: AsyncConnection, user_id: int, act: str, now: datetime) -> None:
    """Store an act of an admin, such as "ban 123"."""
    await connection.execute(sa.insert(admin_act).values(user_id=user_id, act=act, at=now))


@dataclass(frozen=True, slots=True)
class Act:
    """An act of an admin. `user_id` is a pseudonym, and negative, if that person's data was deleted since."""

    at: datetime
    user_id: int
    act: str


async def last_acts(connection: AsyncConnection, limit: int) -> list[Act]:
    """Return the last `limit` acts of admins, newest first."""
    statement = sa.select(admin_act.c.at, admin_act.c.user_id, admin_act.c.act).order_by(admin_act.c.id.desc())
    return [Act(**row) for row in (await connection.execute(statement.limit(limit))).mappings()]
