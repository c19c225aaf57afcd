"""Tidy step: removes rows that are past their retention, in chunks small enough not to delay other writers."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.runtime.clock import Clock
from bot.runtime.failpoints import failpoint
from bot.storage import corroborations, deliveries, digest_runs, entries, inbox, offers, pages, subscriptions
from bot.storage.database import Database

log = structlog.get_logger()

CHUNK = 500
SEEN_LASTS = timedelta(days=90)  # since a feed last showed the item: an item that returns within it is not new
MESSAGES_LAST = timedelta(days=30)
DIGESTS_LAST = timedelta(days=60)  # records that a digest was made
QUERIES_AT_ONCE = 50  # each is searched for in the whole table `told`
SITES_LAST = timedelta(days=7)  # since a page was last fetched from it
UPDATES_LAST = timedelta(days=2)  # Telegram repeats an update for a day at most


async def tidy(database: Database, clock: Clock, *, retention: timedelta) -> None:
    """Remove entries older than `retention`, and rows that nothing refers to any more."""
    now = clock.now()
    work: dict[str, Callable[[AsyncConnection], Awaitable[int]]] = {
        "entries": lambda connection: entries.purge(connection, now - retention, CHUNK),
        "seen": lambda connection: entries.forget_seen(connection, max(SEEN_LASTS, retention), CHUNK),
        "told": lambda connection: deliveries.forget_told(connection, now - MESSAGES_LAST, CHUNK),
        "messages": lambda connection: deliveries.purge(connection, now - MESSAGES_LAST, CHUNK),
        "corroborations": lambda connection: corroborations.purge(connection, now - MESSAGES_LAST, CHUNK),
        "offers": lambda connection: offers.purge(connection, now, CHUNK),
        "digests": lambda connection: digest_runs.purge_runs(connection, now - DIGESTS_LAST, CHUNK),
        "stories": lambda connection: entries.purge_stories(connection, now - retention, CHUNK),
        "queries": lambda connection: subscriptions.purge_queries(connection, QUERIES_AT_ONCE),
        "sites": lambda connection: pages.purge_sites(connection, now - SITES_LAST, CHUNK),
        "updates": lambda connection: inbox.purge(connection, now - UPDATES_LAST, CHUNK),
    }
    removed = {name: await _all(database, remove) for name, remove in work.items()}
    await database.empty_log()
    if any(removed.values()):
        log.info("tidied", **removed)


async def _all(database: Database, remove: Callable[[AsyncConnection], Awaitable[int]]) -> int:
    total = 0
    while True:
        async with database.begin() as connection:
            removed = await remove(connection)
            failpoint("tidying")
        total += removed
        if removed < CHUNK:
            return total
        await asyncio.sleep(0)  # let waiting writers go first
