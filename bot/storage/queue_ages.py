"""Queue ages: the wait of the oldest item of each queue, and the time from publication to delivery."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage import deliveries
from bot.storage.schema import chat, delivery, delivery_item, digest_slot, entry, inbox, site, source, websub
from bot.storage.schema import page as web_page

LAGS = 20_000  # at most so many deliveries are read, the newest


Oldest = Callable[[datetime], sa.Select[Any]]  # selects the time since which the oldest item has been waiting, or NULL


@dataclass(frozen=True, slots=True)
class Lag:
    """Lag of one entry: the time from its publication to its message in a chat."""

    source_id: int
    kind: str  # alert or digest
    took: timedelta


async def waits(connection: AsyncConnection, now: datetime, queues: Mapping[str, Oldest]) -> dict[str, timedelta]:
    """Return the wait of the oldest item of each queue; zero where the queue is empty."""
    found = {}
    for name, oldest in queues.items():
        at: datetime | None = (await connection.execute(oldest(now))).scalar_one()
        found[name] = max(timedelta(), now - at) if at else timedelta()
    return found


def poll(now: datetime) -> sa.Select[Any]:
    """Sources that are due."""
    return sa.select(sa.func.min(source.c.next_poll_at)).where(
        source.c.state == "active",
        source.c.next_poll_at <= now,
        sa.or_(source.c.lease_until.is_(None), source.c.lease_until <= now),
    )


def page(now: datetime) -> sa.Select[Any]:
    """Web pages that may be fetched."""
    since = sa.case((site.c.free_at > web_page.c.due_at, site.c.free_at), else_=web_page.c.due_at)
    return sa.select(sa.func.min(since)).join(site, site.c.origin == web_page.c.origin).where(since <= now)


def hub(now: datetime) -> sa.Select[Any]:
    """Requests to hubs that are due."""
    return sa.select(sa.func.min(websub.c.due_at)).where(websub.c.due_at <= now)


def match(now: datetime) -> sa.Select[Any]:
    """Entries that were not matched."""
    may_match = sa.or_(entry.c.match_after.is_(None), entry.c.match_after <= now)
    return sa.select(sa.func.min(entry.c.seen_at)).where(entry.c.matched_at_version.is_(None), may_match)


def alert(now: datetime) -> sa.Select[Any]:
    """Entries whose alerts are not all written."""
    return sa.select(sa.func.min(entry.c.seen_at)).where(entry.c.alerted_to.is_not(None))


def digest(now: datetime) -> sa.Select[Any]:
    """Digests that are due."""
    return sa.select(sa.func.min(digest_slot.c.due_at)).where(digest_slot.c.due_at <= now)


def send(now: datetime) -> sa.Select[Any]:
    """Messages to send, including those that wait for their next attempt. Not edits: these may wait.

    Counted since the message was first due: each failed attempt postpones the next, so no wait would ever be long.
    """
    due_at = sa.func.coalesce(delivery.c.due_at, delivery.c.created_at)
    since = sa.case((chat.c.hold_until > due_at, chat.c.hold_until), else_=due_at)
    free = sa.or_(chat.c.hold_until.is_(None), chat.c.hold_until <= now)
    wanted = sa.or_(chat.c.state == "active", delivery.c.kind == deliveries.REPLY)
    ready = sa.select(sa.func.min(since)).join(chat, chat.c.id == delivery.c.chat_id)
    return ready.where(
        deliveries.is_in(deliveries.READY), due_at <= now, free, wanted, delivery.c.kind != deliveries.EDIT
    )


def answer(now: datetime) -> sa.Select[Any]:
    """Updates that are stored and not applied."""
    new = inbox.c.state == sa.literal("NEW", literal_execute=True)  # as in `ix_inbox_new`, or the index is not used
    return sa.select(sa.func.min(inbox.c.received_at)).where(new)


async def lags(connection: AsyncConnection, since: datetime) -> list[Lag]:
    """Return the lags of entries that arrived since a time in an alert or a digest."""
    statement = (
        sa.select(entry.c.source_id, delivery.c.kind, delivery.c.ended_at, entry.c.published_at)
        .join(delivery_item, delivery_item.c.delivery_id == delivery.c.id)
        .join(entry, entry.c.id == delivery_item.c.entry_id)
        .where(delivery.c.state == deliveries.SENT, delivery.c.ended_at >= since)
        .where(delivery.c.kind.in_([deliveries.ALERT, deliveries.DIGEST]))
        .order_by(delivery.c.id.desc())
        .limit(LAGS)
    )
    return [
        Lag(row.source_id, row.kind, max(timedelta(), row.ended_at - row.published_at))
        for row in await connection.execute(statement)
    ]


async def states(connection: AsyncConnection) -> dict[tuple[str, str], int]:
    """Return the number of deliveries by (kind, state). Those that ended long ago were removed."""
    statement = sa.select(delivery.c.kind, delivery.c.state, sa.func.count().label("n"))
    rows = await connection.execute(statement.group_by(delivery.c.kind, delivery.c.state))
    return {(row.kind, row.state): row.n for row in rows}
