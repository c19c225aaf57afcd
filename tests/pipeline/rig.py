"""A poller with a real database, parser and feed server, and a clock that is put forward by hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.models import Source
from bot.pipeline.ingest import Ingester
from bot.pipeline.pages import Pages
from bot.pipeline.poll import LEASE, Poller
from bot.runtime.clock import Clock
from bot.runtime.wakeups import Wakeups
from bot.sources.address import canonical_url
from bot.sources.due import PollSettings
from bot.sources.http.fetch import Fetcher
from bot.sources.http.guard import AddressGuard
from bot.sources.reading.pool import FeedParser
from bot.storage import schema, sources
from bot.storage.database import Database
from tests.feedserver import FeedServer

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SETTINGS = PollSettings(
    interval=15 * MINUTE, fastest=5 * MINUTE, slowest=timedelta(hours=6), own_networks=("127.0.0.0/8",)
)
ADMIN = 99


class SetClock(Clock):
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time


@dataclass
class Rig:
    """One poller and its world."""

    database: Database
    feeds: FeedServer
    poller: Poller
    ingester: Ingester
    clock: SetClock
    pages: Pages

    async def add(self, path: str = "/a.xml", host: str = "127.0.0.1") -> int:
        async with self.database.begin() as connection:
            url = canonical_url(self.feeds.url(path, host=host))
            return (await sources.add(connection, url=url, title="", now=self.clock.time))[0]

    async def claim(self) -> list[Source]:
        async with self.database.begin() as connection:
            return await sources.claim_due(connection, self.clock.time, limit=99, lease=LEASE)

    async def poll(self, after: timedelta = timedelta(days=2)) -> None:
        """Put the clock forward and poll all that is due then, as the running bot does."""
        self.clock.time += after
        for source in await self.claim():
            await self.poller._poll_one(source)
        await self.poller.record()

    async def read_pages(self, after: timedelta = timedelta()) -> int:
        """Put the clock forward and read the pages that are due then, one of each site; return how many."""
        self.clock.time += after
        claimed = await self.pages._claim()
        await asyncio.gather(*(self.pages._read_one(page) for page in claimed))
        return len(claimed)

    async def rows(self, table: sa.Table = schema.source) -> list[dict[str, Any]]:
        async with self.database.read() as connection:
            key = next(iter(table.primary_key.columns))
            return [dict(row) for row in (await connection.execute(sa.select(table).order_by(key))).mappings()]

    async def source(self) -> dict[str, Any]:
        (row,) = await self.rows()
        return row

    async def titles(self) -> list[str]:
        return [row["title"] for row in await self.rows(schema.entry)]


@asynccontextmanager
async def rig(database: Database, polling: PollSettings = SETTINGS, **settings: Any) -> AsyncIterator[Rig]:
    """Yield a rig; `settings` are the fetcher's."""
    clock = SetClock()
    guard = AddressGuard(["127.0.0.0/8"])
    fetching = {"timeout": timedelta(seconds=5)} | settings
    async with FeedServer() as feeds, Fetcher(guard, **fetching) as fetcher, FeedParser(workers=1) as parser:
        wakeups = Wakeups()
        ingester = Ingester(database, parser, clock, wakeups, polling, admins=[ADMIN])
        poller = Poller(database, fetcher, parser, clock, wakeups, ingester)
        pages = Pages(database, fetcher, parser, clock, poller.wakeups)
        yield Rig(database, feeds, poller, ingester, clock, pages)
