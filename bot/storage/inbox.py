"""Inbox: updates from Telegram, stored before they are acknowledged, and applied once."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_many
from bot.storage.schema import inbox

MOST_PARKED = 1000  # rows of updates that could not be read; more are only counted
ATTEMPTS = 3  # then an update is parked, so that those behind it proceed


class UpdateState(StrEnum):
    """The state of a stored update."""

    NEW = "NEW"  # not applied yet
    DONE = "DONE"
    POISON = "POISON"  # parked: it failed ATTEMPTS times, or could not be read


NEW, DONE, POISON = UpdateState


@dataclass(frozen=True, slots=True)
class PendingUpdate:
    """An update that has not been applied yet, as Telegram sent it. `chat_id` is Telegram's; 0 if it has no chat."""

    update_id: int
    chat_id: int
    payload: dict[str, Any]
    attempts: int
    received_at: datetime


async def keep(connection: AsyncConnection, updates: list[dict[str, Any]], now: datetime) -> None:
    """Store updates; an update that is stored already stays as it is."""
    rows = [
        {
            "update_id": update["update_id"],
            "chat_id": chat_of(update),
            "payload": update,
            "state": NEW,
            "received_at": now,
        }
        for update in updates
    ]
    await insert_many(connection, inbox, rows)


async def park(
    connection: AsyncConnection, update_id: int | None, payload: dict[str, Any], error: str, now: datetime
) -> None:
    """Record an update that cannot be read; `payload` describes it. Once per id, or else per payload."""
    parked = sa.select(sa.func.count()).select_from(inbox).where(inbox.c.state == POISON)
    if (await connection.execute(parked)).scalar_one() < MOST_PARKED:
        row_id = _stand_in(payload) if update_id is None else update_id
        row = {"update_id": row_id, "chat_id": 0, "payload": payload, "state": POISON, "error": error}
        await insert_many(connection, inbox, [{**row, "received_at": now}])


def _stand_in(payload: dict[str, Any]) -> int:
    """Return an id that Telegram never gives (a negative one), the same for the same payload."""
    digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).digest()
    return -1 - int.from_bytes(digest[:7], "big")


def chat_of(payload: dict[str, Any]) -> int:
    """Return Telegram's id of an update's chat; 0 if it has none, or is malformed."""
    for kind, content in payload.items():
        try:
            if kind != "update_id":
                chat_id = int(content.get("message", content)["chat"]["id"])
                return chat_id if abs(chat_id) < 2**63 else 0
        except (AttributeError, KeyError, TypeError, ValueError):
            pass
    return 0


async def waiting(connection: AsyncConnection, limit: int, busy_chats: Collection[int] = ()) -> list[PendingUpdate]:
    """Return the oldest pending update of each chat but `busy_chats` (Telegram's ids), oldest first, up to `limit`.

    A person who sends many updates has one of them in the result, so that the other chats need not wait.
    """
    oldest = (
        sa.select(sa.func.min(inbox.c.update_id).label("update_id"))
        .where(inbox.c.state == sa.literal(NEW, literal_execute=True))  # the condition of `ix_inbox_new`
        .where(inbox.c.chat_id.not_in(list(busy_chats)))
        .group_by(inbox.c.chat_id)
        .order_by(sa.text("1"))
        .limit(limit)
        .subquery()
    )
    columns = [inbox.c[name] for name in PendingUpdate.__dataclass_fields__]
    statement = sa.select(*columns).join(oldest, oldest.c.update_id == inbox.c.update_id).order_by(inbox.c.update_id)
    return [PendingUpdate(**row) for row in (await connection.execute(statement)).mappings()]


async def apply(connection: AsyncConnection, update_id: int) -> bool:
    """Mark an update applied, in the transaction that has its effect; False if it was applied before."""
    new = inbox.update().where(inbox.c.update_id == update_id, inbox.c.state == NEW)
    return (await connection.execute(new.values(state=DONE))).rowcount == 1


async def failed(connection: AsyncConnection, update_id: int, error: str) -> bool:
    """Count a failure to apply an update; True if that was the last attempt and it is parked."""
    new = inbox.update().where(inbox.c.update_id == update_id, inbox.c.state == NEW)
    counted = new.values(attempts=inbox.c.attempts + 1, error=error[:500]).returning(inbox.c.attempts)
    attempts = (await connection.execute(counted)).scalar_one_or_none()
    if attempts is None or attempts < ATTEMPTS:
        return False
    await connection.execute(new.values(state=POISON))
    return True


async def purge(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove up to `limit` old updates that were applied or parked."""
    old = sa.select(inbox.c.update_id).where(inbox.c.state != NEW, inbox.c.received_at < before)
    ids = list((await connection.execute(old.limit(limit))).scalars())
    if ids:
        await connection.execute(inbox.delete().where(inbox.c.update_id.in_(ids)))
    return len(ids)
