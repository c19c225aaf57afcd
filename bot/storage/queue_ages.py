"""How long things have been waiting, and how long news took to arrive: what health and metrics are made of."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage import deliveries
from bot.storage.schema import chat, delivery, delivery_item, digest_slot, entry, inbox, page, site, source, websub

LAGS = 20_000  # deliveries looked at; the newest


@dataclass(frozen=True, slots=True)
class Waits:
    """For how long the oldest of each queue has been waiting for its turn; zero where none does."""

    poll: timedelta  # sources that are due
    page: timedelta  # web pages that may be fetched
    hub: timedelta  # hubs that are to be asked
    match: timedelta  # entries without their hits
    alert: timedelta  # entries whose alerts are not all written
    digest: timedelta  # digests that are due
    send: timedelta  # messages to be sent, those that wait for their next try too
    answer: timedelta  # updates that are stored and not applied


@dataclass(frozen=True, slots=True)
class Lag:
    """How long one entry took from its publication to a chat."""

    source_id: int
    kind: str  # alert or digest
    took: timedelta


async def waits(connection: AsyncConnection, now: datetime) -> Waits:
    """Return how long the oldest of each queue has been waiting."""
    free = sa.or_(chat.c.hold_until.is_(None), chat.c.hold_until <= now)
    wanted = sa.or_(chat.c.state == "active", delivery.c.kind == deliveries.REPLY)
    # Since it was first due, not until its next try: each try that fails puts that off, and none would wait long.
    due_at = sa.func.coalesce(delivery.c.due_at, delivery.c.created_at)
    since = sa.case((chat.c.hold_until > due_at, chat.c.hold_until), else_=due_at)
    ready = sa.select(sa.func.min(since)).join(chat, chat.c.id == delivery.c.chat_id)
    sending = ready.where(deliveries.is_in(deliveries.READY), due_at <= now, free, wanted)
    new = inbox.c.state == sa.literal("NEW", literal_execute=True)  # as `ix_inbox_new` says it
    may_match = sa.or_(entry.c.match_after.is_(None), entry.c.match_after <= now)
    since_site = sa.case((site.c.free_at > page.c.due_at, site.c.free_at), else_=page.c.due_at)
    oldest: dict[str, sa.Select[Any]] = {
        "poll": sa.select(sa.func.min(source.c.next_poll_at)).where(
            source.c.state == "active",
            source.c.next_poll_at <= now,
            sa.or_(source.c.lease_until.is_(None), source.c.lease_until <= now),
        ),
        "page": sa.select(sa.func.min(since_site)).join(site, site.c.origin == page.c.origin).where(since_site <= now),
        "hub": sa.select(sa.func.min(websub.c.due_at)).where(websub.c.due_at <= now),
        "match": sa.select(sa.func.min(entry.c.seen_at)).where(entry.c.matched_at_version.is_(None), may_match),
        "alert": sa.select(sa.func.min(entry.c.seen_at)).where(entry.c.alerted_to.is_not(None)),
        "digest": sa.select(sa.func.min(digest_slot.c.due_at)).where(digest_slot.c.due_at <= now),
        "send": sending,
        "answer": sa.select(sa.func.min(inbox.c.received_at)).where(new),
    }
    found = {}
    for name, statement in oldest.items():
        at: datetime | None = (await connection.execute(statement)).scalar_one()
        found[name] = max(timedelta(), now - at) if at else timedelta()
    return Waits(**found)


async def lags(connection: AsyncConnection, since: datetime) -> list[Lag]:
    """Return how long entries took that arrived since a time."""
    statement = (
        sa.select(entry.c.source_id, delivery.c.kind, delivery.c.ended_at, entry.c.published_at)
        .join(delivery_item, delivery_item.c.delivery_id == delivery.c.id)
        .join(entry, entry.c.id == delivery_item.c.entry_id)
        .where(delivery.c.state == deliveries.SENT, delivery.c.ended_at >= since)
        .order_by(delivery.c.id.desc())
        .limit(LAGS)
    )
    return [
        Lag(row.source_id, row.kind, max(timedelta(), row.ended_at - row.published_at))
        for row in await connection.execute(statement)
    ]


async def states(connection: AsyncConnection) -> dict[tuple[str, str], int]:
    """Return how many deliveries there are by (kind, state); those that ended long ago were removed."""
    statement = sa.select(delivery.c.kind, delivery.c.state, sa.func.count().label("n"))
    rows = await connection.execute(statement.group_by(delivery.c.kind, delivery.c.state))
    return {(row.kind, row.state): row.n for row in rows}
