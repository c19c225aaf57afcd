"""Poll: claims the sources that are due, fetches and reads each, and records the polls that fail or find nothing.

In: sources that are due. Out: documents for `ingest`, which stores their news, and the time of each next poll.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import FaultKind, SourceError, SourceFault
from bot.messages.source_troubles import LONG_FAILING
from bot.models import Source
from bot.pipeline.ingest import READ_TIMEOUT, Ingester, is_quiet
from bot.runtime.clock import Clock
from bot.runtime.failpoints import failpoint
from bot.runtime.wakeups import Step, Wakeups
from bot.sources import rhythm
from bot.sources.due import after_failure, after_success, is_dead, shortest_interval
from bot.sources.http.fetch import PER_HOST, Fetched, Fetcher
from bot.sources.item_cache import ItemCache
from bot.sources.reading.item_spans import ReadResult
from bot.sources.reading.pool import FeedParser
from bot.storage import sources, websub
from bot.storage.database import DATABASE_AWAY, Database
from bot.storage.entries import Stored

log = structlog.get_logger()

AT_ONCE = 32  # polls under way, most of them waiting for a server
LEASE = timedelta(minutes=10)  # longer than any poll that still runs


class Poller:
    """Polls the sources that are due, many at once, so that a slow server delays no other."""

    def __init__(
        self,
        database: Database,
        fetcher: Fetcher,
        parser: FeedParser,
        clock: Clock,
        wakeups: Wakeups,
        ingester: Ingester,
    ) -> None:
        self.database = database
        self.fetcher = fetcher
        self.parser = parser
        self.clock = clock
        self.wakeups = wakeups
        self.ingester = ingester
        self.cache = ItemCache()
        self._in_hand = 0
        self._unstored: list[tuple[Source, datetime]] = []  # (source, next poll)
        self._quiet: list[tuple[Source, datetime, datetime]] = []  # (source, polled at, next poll)

    async def run(self, stop: asyncio.Event) -> None:
        """Poll what is due until `stop` is set; then finish the polls under way."""
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                for source in await self._claim():
                    self._in_hand += 1
                    group.create_task(self._poll_one(source))
                await self.wakeups.wait(Step.POLL)
        await self.record()

    async def _claim(self) -> list[Source]:
        free = AT_ONCE - self._in_hand
        if free <= 0 or self.database.room.is_short:
            return []
        now = self.clock.now()
        try:
            async with self._recording() as connection:
                limits = {"limit": free, "per_host": PER_HOST}
                due = await sources.claim_due(connection, now, lease=LEASE, run=self.database.run, **limits)
                ids = [source.id for source in due] if self.ingester.callbacks else []
                pushed = await websub.relied_on(connection, ids, now) if ids else set()
                return [replace(source, pushed=source.id in pushed) for source in due]
        except DATABASE_AWAY as error:  # the next tick tries again
            log.error("sources not claimed", reason=str(error.orig))
            return []
        except SQLAlchemyError:
            log.exception("sources not claimed")
            return []

    async def record(self) -> None:
        """Record the polls that found nothing, where no further claim will do it."""
        try:
            async with self._recording():
                pass
        except SQLAlchemyError:
            log.exception("polls not recorded")  # their leases will end, and they are due again

    @asynccontextmanager
    async def _recording(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that first records the polls that found nothing: there are many, and none is urgent.

        Polls that could not be stored end their leases in it too, or their sources would wait until those expire.
        """
        polls, unstored = tuple(self._quiet), tuple(self._unstored)
        async with self.database.begin() as connection:
            if polls:
                await sources.record_unchanged(connection, polls)
            if unstored:
                await sources.requeue(connection, unstored)
            yield connection
        del self._quiet[: len(polls)], self._unstored[: len(unstored)]

    async def _poll_one(self, source: Source) -> None:
        """Poll one source; no failure of it may end the poller."""
        try:
            await self.poll(source)
        except (SourceError, TimeoutError) as error:
            await self._failed(source, error)
        except DATABASE_AWAY as error:  # the database's trouble, not the source's
            log.error("poll not stored", source_id=source.id, reason=type(error).__name__)
            again_at = self.clock.now() + shortest_interval(source.url, self.ingester.settings)
            self._unstored.append((source, again_at))
        except Exception as error:  # the boundary of one poll
            log.exception("poll broke", source_id=source.id)
            await self._failed(source, error)
        finally:
            self._in_hand -= 1
            if self._in_hand <= AT_ONCE // 2:  # several are claimed at once; a tick claims the rest
                self.wakeups.wake(Step.POLL)

    async def poll(self, source: Source) -> None:
        """Fetch, read and store one source. Raises SourceError or TimeoutError if that is impossible."""
        started = self.clock.monotonic()
        fetched = await self.fetcher.fetch(source.url, source.validators)
        failpoint("fetched")
        async with asyncio.timeout(READ_TIMEOUT.total_seconds()):
            now = self.clock.now()
            reading = await self._read(source, fetched, now)
            if reading is not None:
                failpoint("read")
            stored = await self._store(source, fetched, reading, now)
        if reading is not None:
            self.cache.keep(source.id, fetched.url, reading.known, now, whole=reading.whole)
        took = round((self.clock.monotonic() - started) * 1000)
        if source.failures:
            log.info("source works again", source_id=source.id, failures=source.failures)
        unchanged = reading is None
        log.info("polled", source_id=source.id, unchanged=unchanged, new=stored.new, edited=stored.edited, ms=took)

    async def _read(self, source: Source, fetched: Fetched, now: datetime) -> ReadResult | None:
        """Return the new items of a document; None if it is the one that the last poll fetched."""
        if fetched.not_modified or fetched.body_hash == source.body_hash:
            return None
        known = self.cache.recall(source.id, fetched.url, now)
        return await self.parser.read(fetched.body, fetched.content_type, fetched.url, now, known)

    async def _store(self, source: Source, fetched: Fetched, reading: ReadResult | None, now: datetime) -> Stored:
        if reading is not None or not is_quiet(source, fetched):
            return await self.ingester.store(source, fetched, reading, now)
        next_at = after_success(
            source,
            now,
            self.ingester.settings,
            known=rhythm.load(source.rhythm, now),
            fresh_for=fetched.fresh_for,
            chance=random.random(),
        )
        self._quiet.append((source, now, next_at))
        return Stored()

    async def _failed(self, source: Source, error: Exception) -> None:
        failure = _failure(error)
        now = self.clock.now()
        next_at = after_failure(source, now, self.ingester.settings, failure, chance=random.random())
        if not source.failures:
            log.warning("source fails", source_id=source.id, kind=failure.kind)
        try:
            async with self.database.begin() as connection:
                if await sources.fail_poll(connection, source, now, next_poll_at=next_at, error=failure):
                    await self._react(connection, source, failure.kind, now)
        except SQLAlchemyError:
            log.exception("poll not recorded", source_id=source.id)
            self._unstored.append((source, next_at))

    async def _react(self, connection: AsyncConnection, source: Source, kind: FaultKind, now: datetime) -> None:
        """Pause a source that is gone for good, and notify the admins of what they may want to change."""
        failures = source.failures + 1
        if is_dead(kind, failures):
            await sources.set_state(connection, source.id, sources.PAUSED, now)
            await self.ingester.notify(connection, source, {"paused"}, now)
        elif kind is FaultKind.BLOCKED and not source.failures:
            await self.ingester.notify(connection, source, {"blocked"}, now)
        elif failures == LONG_FAILING:
            await self.ingester.notify(connection, source, {"failing"}, now)


def _failure(error: Exception) -> SourceError:
    if isinstance(error, SourceError):
        return error
    return SourceError(SourceFault.POLL_TOO_LONG if isinstance(error, TimeoutError) else SourceFault.BUG)
