"""Broadcasts: one message to every active chat; and the deliveries that were not sent, for admins."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.chats import ACTIVE
from bot.storage.deliveries import BROADCAST, PRIORITY, READY, SENDING, SENT, DeliveryKind, DeliveryState
from bot.storage.schema import chat, delivery


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A delivery that was not sent (yet). `error` is the last attempt's, or the reason it was cancelled; or None."""

    id: int
    kind: DeliveryKind
    state: DeliveryState
    error: str | None
    created_at: datetime


async def reachable(connection: AsyncConnection) -> int:
    """Return the number of chats that a broadcast would reach."""
    statement = sa.select(sa.func.count()).select_from(chat).where(chat.c.state == ACTIVE)
    return int((await connection.execute(statement)).scalar_one())


async def broadcast(connection: AsyncConnection, payload: Mapping[str, Any], now: datetime) -> int:
    """Add a message to every active chat, in one statement; return how many."""
    values = {
        "kind": sa.literal(BROADCAST),
        "priority": sa.literal(PRIORITY[BROADCAST]),
        "payload": sa.literal(dict(payload), sa.JSON),
        "state": sa.literal(READY),
        "not_before": sa.literal(now, delivery.c.not_before.type),
        "created_at": sa.literal(now, delivery.c.created_at.type),
    }
    everybody = sa.select(chat.c.id, *values.values()).where(chat.c.state == ACTIVE)
    new = sa.insert(delivery).from_select(["chat_id", *values], everybody)
    written = await connection.execute(new, execution_options={"preserve_rowcount": True})  # psycopg: else -1
    return written.rowcount


async def undelivered(connection: AsyncConnection, limit: int) -> list[Undelivered]:
    """Return the newest deliveries that were not sent, or not at the first attempt; newest first."""
    columns = [delivery.c[name] for name in Undelivered.__dataclass_fields__]
    on_its_way = sa.and_(delivery.c.state.in_([READY, SENDING]), delivery.c.error.is_(None))
    statement = sa.select(*columns).where(delivery.c.state != SENT, sa.not_(on_its_way))
    rows = (await connection.execute(statement.order_by(delivery.c.id.desc()).limit(limit))).mappings()
    return [
        Undelivered(**{**row, "kind": DeliveryKind(row["kind"]), "state": DeliveryState(row["state"])}) for row in rows
    ]
