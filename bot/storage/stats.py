"""Counts for the operator, and the record of what admins did."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.deliveries import OPEN, DeliveryState
from bot.storage.schema import admin_act, chat, delivery, entry, inbox, query, source, subscription


@dataclass(frozen=True, slots=True)
class Stats:
    """How much there is, and how much of it moved since a time."""

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
    """Return the counts; new entries and sent, uncertain and dead messages are those since `start`."""
    ended = delivery.c.ended_at >= start
    counted = {
        "chats_active": (chat, chat.c.state == "active"),
        "chats_paused": (chat, chat.c.state == "paused"),
        "chats_blocked": (chat, chat.c.state == "blocked"),
        "subscriptions": (subscription, sa.true()),
        "queries": (query, query.c.live),
        "sources": (source, source.c.state == "active"),
        "sources_failing": (source, sa.and_(source.c.state == "active", source.c.failures > 0)),
        "entries_new": (entry, entry.c.seen_at >= start),
        "sent": (delivery, sa.and_(delivery.c.state == DeliveryState.SENT, ended)),
        "waiting": (delivery, delivery.c.state.in_(OPEN)),
        "uncertain": (delivery, sa.and_(delivery.c.state == DeliveryState.UNCERTAIN_FINAL, ended)),
        "dead": (delivery, sa.and_(delivery.c.state == DeliveryState.DEAD, ended)),
        "updates_parked": (inbox, inbox.c.state == "POISON"),
    }
    columns = [
        sa.select(sa.func.count()).select_from(table).where(where).scalar_subquery().label(name)
        for name, (table, where) in counted.items()
    ]
    return Stats(**(await connection.execute(sa.select(*columns))).mappings().one())


async def record_act(connection: AsyncConnection, user_id: int, act: str, now: datetime) -> None:
    """Note what an admin did."""
    await connection.execute(sa.insert(admin_act).values(user_id=user_id, act=act, at=now))


@dataclass(frozen=True, slots=True)
class Act:
    """What an admin did. `user_id` is negative where that person was forgotten since."""

    at: datetime
    user_id: int
    act: str


async def last_acts(connection: AsyncConnection, limit: int) -> list[Act]:
    """Return what admins did last, newest first."""
    statement = sa.select(admin_act.c.at, admin_act.c.user_id, admin_act.c.act).order_by(admin_act.c.id.desc())
    return [Act(**row) for row in (await connection.execute(statement.limit(limit))).mappings()]
