"""Clock repair: resets timestamps that are impossibly far in the future.

A machine that starts with its clock a year ahead polls its sources and stores the next poll as due in a year. So a
timestamp further ahead than the longest delay of its kind counts as due.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage import chats, deliveries
from bot.storage.chats import Chat
from bot.storage.schema import chat, delivery, digest_slot, entry, page, site, source, subscription, websub

LEASE = timedelta(minutes=15)  # no lease is longer
POLL = timedelta(hours=25)  # the slowest poll, with some room
HOLD = timedelta(days=2)  # the longest retry_after seen from Telegram is a day
PAGE = timedelta(hours=25)  # a site that fails is tried again within a day
HUB = timedelta(days=31)  # the longest lease of a subscription to a hub, with some room
SLOTS = {"hourly": timedelta(hours=2), "daily": timedelta(hours=50), "weekly": timedelta(days=9)}
NONE = timedelta()


async def repair(connection: AsyncConnection, now: datetime, *, slowest: timedelta, put_back: bool = False) -> int:
    """Make rows due that are too far ahead of `now`; return how many there were. Digests: see `misplaced`.

    `slowest` is the longest time between two polls of a source. `put_back`: the clock was just put back, so every
    timestamp may come from the wrong one; one more poll of everything, and one early request to Telegram, do no harm.
    """
    poll, hold, read, hub = (NONE,) * 4 if put_back else (max(POLL, slowest * 2), HOLD, PAGE, HUB)
    lapsed = [
        source.update().where(source.c.lease_until > now + LEASE).values(lease_until=None, lease_token=None),
        source.update().where(source.c.next_poll_at > now + poll).values(next_poll_at=now),
        chat.update().where(chat.c.hold_until > now + hold).values(hold_until=None),
        delivery.update()
        .where(deliveries.is_in(deliveries.READY), delivery.c.not_before > now + hold)
        .values(not_before=now),
        delivery.update()
        .where(deliveries.is_in(deliveries.UNCERTAIN), delivery.c.not_before > now + LEASE)
        .values(not_before=now + LEASE),
        delivery.update()
        .where(deliveries.is_in(deliveries.SENDING), delivery.c.lease_until > now + LEASE)
        .values(lease_until=now + LEASE),
        entry.update().where(entry.c.match_after > now + LEASE).values(match_after=now),
        page.update().where(page.c.due_at > now + read).values(due_at=now),
        site.update().where(site.c.free_at > now + read).values(free_at=now),
        site.update().where(site.c.robots_until > now + read).values(robots_until=now),
        websub.update().where(websub.c.expires_at > now + HUB).values(expires_at=None, due_at=now),
        websub.update().where(websub.c.due_at > now + hub).values(due_at=now),
        subscription.update().where(subscription.c.created_at > now + LEASE).values(created_at=now),
    ]
    return sum([(await connection.execute(statement)).rowcount for statement in lapsed])


async def misplaced(connection: AsyncConnection, now: datetime, limit: int) -> Sequence[tuple[Chat, str]]:
    """Return (chat, kind) of digests that are due later than any next one can be; the caller moves their slots."""
    too_far = sa.or_(
        *(sa.and_(digest_slot.c.kind == kind, digest_slot.c.due_at > now + far) for kind, far in SLOTS.items())
    )
    statement = sa.select(digest_slot.c.chat_id, digest_slot.c.kind).where(too_far).limit(limit)
    rows = (await connection.execute(statement)).all()
    known = await chats.get_all(connection, {row.chat_id for row in rows})
    return [(known[row.chat_id], row.kind) for row in rows]
