"""Updates from Telegram: stored before they are acknowledged, applied once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_many
from bot.storage.schema import inbox

NEW, DONE, POISON = "NEW", "DONE", "POISON"
ATTEMPTS = 3  # then an update is parked, so that those behind it proceed


@dataclass(frozen=True, slots=True)
class Waiting:
    """An update that has not been applied yet, as Telegram sent it."""

    update_id: int
    payload: dict[str, Any]
    attempts: int
    received_at: datetime


async def keep(connection: AsyncConnection, updates: list[dict[str, Any]], now: datetime) -> None:
    """Store updates; one that is there already stays as it is."""
    rows = [
        {"update_id": update["update_id"], "payload": update, "state": NEW, "received_at": now} for update in updates
    ]
    await insert_many(connection, inbox, rows)


async def waiting(connection: AsyncConnection, limit: int, busy: Collection[int] = ()) -> list[Waiting]:
    """Return updates to apply, oldest first, without those in hand."""
    statement = (
        sa.select(inbox.c.update_id, inbox.c.payload, inbox.c.attempts, inbox.c.received_at)
        .where(inbox.c.state == sa.literal(NEW, literal_execute=True))  # as `ix_inbox_new` says it
        .where(inbox.c.update_id.not_in(list(busy)))
        .order_by(inbox.c.update_id)
        .limit(limit)
    )
    return [Waiting(**row) for row in (await connection.execute(statement)).mappings()]


async def apply(connection: AsyncConnection, update_id: int) -> bool:
    """Mark an update applied, in the transaction that holds its effect; False if it was applied before."""
    mine = inbox.update().where(inbox.c.update_id == update_id, inbox.c.state == NEW)
    return (await connection.execute(mine.values(state=DONE))).rowcount == 1


async def failed(connection: AsyncConnection, update_id: int, error: str) -> bool:
    """Count a failure to apply an update; True if that was the last try and it is parked."""
    mine = inbox.update().where(inbox.c.update_id == update_id, inbox.c.state == NEW)
    counted = mine.values(attempts=inbox.c.attempts + 1, error=error[:500]).returning(inbox.c.attempts)
    attempts = (await connection.execute(counted)).scalar_one_or_none()
    if attempts is None or attempts < ATTEMPTS:
        return False
    await connection.execute(mine.values(state=POISON))
    return True


async def purge(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove up to `limit` old updates that were applied or parked."""
    old = sa.select(inbox.c.update_id).where(inbox.c.state != NEW, inbox.c.received_at < before)
    ids = list((await connection.execute(old.limit(limit))).scalars())
    if ids:
        await connection.execute(inbox.delete().where(inbox.c.update_id.in_(ids)))
    return len(ids)
