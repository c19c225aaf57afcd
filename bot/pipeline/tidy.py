"""Tidy: what is too old to matter is removed, in chunks small enough to delay nobody."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.clock import Clock
from bot.storage import deliveries, entries, inbox, offers
from bot.storage.database import Database

log = structlog.get_logger()

CHUNK = 500
SEEN_LASTS = timedelta(days=90)  # since a feed last showed it: what left a feed and returns is not new
MESSAGES_LAST = timedelta(days=30)
UPDATES_LAST = timedelta(days=2)  # Telegram repeats an update for a day at most


async def tidy(database: Database, clock: Clock, *, retention: timedelta) -> None:
    """Remove entries older than `retention`, and what nothing refers to any more."""
    now = clock.now()
    work: dict[str, Callable[[AsyncConnection], Awaitable[int]]] = {
        "entries": lambda connection: entries.purge(connection, now - retention, CHUNK),
        "seen": lambda connection: entries.forget_seen(connection, max(SEEN_LASTS, retention), CHUNK),
        "told": lambda connection: deliveries.forget_told(connection, now - MESSAGES_LAST, CHUNK),
        "messages": lambda connection: deliveries.purge(connection, now - MESSAGES_LAST, CHUNK),
        "offers": lambda connection: offers.purge(connection, now, CHUNK),
        "updates": lambda connection: inbox.purge(connection, now - UPDATES_LAST, CHUNK),
    }
    removed = {name: await _all(database, remove) for name, remove in work.items()}
    if any(removed.values()):
        log.info("tidied", **removed)


async def _all(database: Database, remove: Callable[[AsyncConnection], Awaitable[int]]) -> int:
    total = 0
    while True:
        async with database.begin() as connection:
            removed = await remove(connection)
        total += removed
        if removed < CHUNK:
            return total
        await asyncio.sleep(0)  # whoever waits to write goes first
