"""Items of deliveries: what a message shows, what it only counts, and the message as it was sent last.

Not here: the records of new items, which are written with their delivery (`bot.storage.deliveries`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.deliveries import DeliveryKind
from bot.storage.schema import delivery, delivery_item, entry, source, told


@dataclass(frozen=True, slots=True)
class ReportedItem:
    """An entry that a message reports. `shown` is the item it shows of it; None if it only counts it (or is old)."""

    story_id: int
    entry_id: int
    shown: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class SentMessageRecord:
    """A message that was sent: when it was made, its items in order, and whether it has the mark of a resend."""

    kind: DeliveryKind
    created_at: datetime
    payload: dict[str, Any]
    is_marked: bool
    items: tuple[ReportedItem, ...]
    delivery_id: int


async def find_sent(connection: AsyncConnection, chat_id: int, message_id: int) -> SentMessageRecord | None:
    """Return the message that a chat has under a Telegram id, as it was sent last; None if it is forgotten."""
    columns = [delivery.c[name] for name in ("id", "kind", "created_at", "payload", "uncertain_count")]
    where = (delivery.c.chat_id == chat_id, delivery.c.message_id == message_id)
    newest = sa.select(*columns).where(*where).order_by(delivery.c.id.desc()).limit(1)
    row = (await connection.execute(newest)).first()
    if row is None:
        return None
    return SentMessageRecord(
        kind=DeliveryKind(row.kind),
        created_at=row.created_at,
        payload=row.payload,
        is_marked=row.uncertain_count > 0,
        items=await items_of(connection, row.id),
        delivery_id=row.id,
    )


async def items_of(connection: AsyncConnection, delivery_id: int) -> tuple[ReportedItem, ...]:
    """Return the items that a delivery reports, in their order."""
    items = sa.select(delivery_item.c.story_id, delivery_item.c.entry_id, delivery_item.c.shown)
    items = items.where(delivery_item.c.delivery_id == delivery_id).order_by(delivery_item.c.position)
    return tuple(ReportedItem(*item) for item in await connection.execute(items))


@dataclass(frozen=True, slots=True)
class CountedItem:
    """An entry that a message only counts, as its list names it."""

    entry_id: int
    story_id: int
    title: str
    url: str | None
    source_title: str
    published_at: datetime


async def counted_items(connection: AsyncConnection, chat_id: int, delivery_id: int) -> list[CountedItem]:
    """Return what a message of a chat only counts, in its order, as far as the entries are still kept."""
    statement = (
        sa.select(
            *(delivery_item.c.entry_id, delivery_item.c.story_id, entry.c.title, entry.c.url),
            *(source.c.title.label("source_title"), entry.c.published_at),
        )
        .join(delivery, delivery.c.id == delivery_item.c.delivery_id)
        .join(entry, entry.c.id == delivery_item.c.entry_id)
        .join(source, source.c.id == entry.c.source_id)
        .where(delivery.c.id == delivery_id, delivery.c.chat_id == chat_id, delivery_item.c.shown.is_(None))
        .order_by(delivery_item.c.position)
    )
    return [CountedItem(**row) for row in (await connection.execute(statement)).mappings()]


async def release(connection: AsyncConnection, delivery_id: int, entry_ids: Collection[int]) -> None:
    """Take some entries out of a delivery, which does not show them after all: they are pending again."""
    if not entry_ids:
        return
    texts = sa.select(entry.c.text_id).where(entry.c.id.in_(entry_ids)).scalar_subquery()
    await connection.execute(told.delete().where(told.c.delivery_id == delivery_id, told.c.text_id.in_(texts)))
    gone = (delivery_item.c.delivery_id == delivery_id, delivery_item.c.entry_id.in_(entry_ids))
    await connection.execute(delivery_item.delete().where(*gone))
