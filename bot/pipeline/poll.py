"""Poll: due sources are fetched and read; what is new is stored with the validators that would hide it next time.

One transaction holds both: had the validators been saved first, a crash would turn the next answer into 304 and the
entries would be lost.
"""

import asyncio
import ipaddress
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.clock import Clock
from bot.engine import Step, Wakeups
from bot.errors import SourceError
from bot.models import Feed, Source
from bot.sources.due import next_poll_at, poll_interval
from bot.sources.fetch import Fetched, Fetcher
from bot.sources.parse import FeedParser
from bot.storage import entries, sources
from bot.storage.database import Database

log = structlog.get_logger()

AT_ONCE = 32  # polls in hand, most of them waiting for a server
POLL_TIMEOUT = timedelta(minutes=2)  # a fetch is bounded by itself; this bounds the wait for the parser and the rest
LEASE = POLL_TIMEOUT * 2
POLITE = timedelta(minutes=1)  # nobody's server is asked more often, whatever is configured; our own may be


@dataclass(frozen=True, slots=True)
class Pace:
    """How often sources are polled, and whether what a new source shows is news."""

    interval: timedelta
    fastest: timedelta
    slowest: timedelta
    first_poll_is_news: bool = False
    own_networks: tuple[str, ...] = ()


class Poller:
    """Polls what is due, many sources at once, one slow server holding up none of the others."""

    def __init__(
        self, database: Database, fetcher: Fetcher, parser: FeedParser, clock: Clock, wakeups: Wakeups, pace: Pace
    ) -> None:
        self.database = database
        self.fetcher = fetcher
        self.parser = parser
        self.clock = clock
        self.wakeups = wakeups
        self.pace = pace
        self._own = [ipaddress.ip_network(network) for network in pace.own_networks]
        self._in_hand = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Poll what is due until `stop` is set; then finish what is in hand."""
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                for source in await self._claim():
                    self._in_hand += 1
                    group.create_task(self._poll_one(source))
                await self.wakeups.wait(Step.POLL)

    async def _claim(self) -> list[Source]:
        free = AT_ONCE - self._in_hand
        if free <= 0:
            return []
        try:
            async with self.database.begin() as connection:
                return await sources.claim_due(connection, self.clock.now(), limit=free, lease=LEASE)
        except SQLAlchemyError:
            log.exception("sources not claimed")  # the next tick looks again
            return []

    async def _poll_one(self, source: Source) -> None:
        """Poll one source; nothing it does may end the poller."""
        try:
            async with asyncio.timeout(POLL_TIMEOUT.total_seconds()):
                await self.poll(source)
        except (SourceError, TimeoutError) as error:
            await self._failed(source, error)
        except Exception as error:  # the boundary of one poll
            log.exception("poll broke", source_id=source.id)
            await self._failed(source, error)
        finally:
            self._in_hand -= 1
            self.wakeups.wake(Step.POLL)

    async def poll(self, source: Source) -> None:
        """Fetch, read and store one source. Raises SourceError if it cannot be had."""
        started = self.clock.monotonic()
        fetched = await self.fetcher.fetch(source.url, source.validators)
        unchanged = fetched.not_modified or fetched.body_hash == source.body_hash
        now = self.clock.now()
        feed = None if unchanged else await self.parser.parse(fetched.body, fetched.content_type, fetched.url, now)
        stored = await self._store(source, fetched, feed, now)
        if stored.new or stored.edited:
            self.wakeups.wake(Step.MATCH)
        took = round((self.clock.monotonic() - started) * 1000)
        if source.failures:
            log.info("source works again", source_id=source.id, failures=source.failures)
        log.info("polled", source_id=source.id, unchanged=unchanged, new=stored.new, edited=stored.edited, ms=took)

    async def _store(self, source: Source, fetched: Fetched, feed: Feed | None, now: datetime) -> entries.Stored:
        baseline = not source.baseline_done and not self.pace.first_poll_is_news
        found: dict[str, Any] = {} if fetched.not_modified else {"validators": fetched.validators}
        async with self.database.begin() as connection:
            stored = entries.Stored(new=0, edited=0)
            if feed is not None:
                stored = await entries.store(connection, source.id, feed.entries, now, baseline=baseline)
                found |= {"body_hash": fetched.body_hash, "title": None if source.title else feed.title}
                found |= {"language": source.language or feed.language}
            published = await sources.publishing_times(connection, source.id)
            next_at = self._next(source, published, now, fresh_for=_longest(fetched.fresh_for, feed))
            if not await sources.finish_poll(connection, source, now, next_poll_at=next_at, **found):
                raise SourceError("lease", "Another poll of this source was faster.")
        return stored

    def _next(self, source: Source, published: Sequence[datetime], now: datetime, **hints: Any) -> datetime:
        fastest = self._fastest(source.url)
        slowest = max(self.pace.slowest, fastest)
        interval = poll_interval(published, now, usual=self.pace.interval, fastest=fastest, slowest=slowest)
        chance = random.random()
        return next_poll_at(now, interval=interval, fastest=fastest, slowest=slowest, chance=chance, **hints)

    def _fastest(self, url: str) -> timedelta:
        try:
            address = ipaddress.ip_address(urlsplit(url).hostname or "")
        except ValueError:
            return max(self.pace.fastest, POLITE)
        ours = any(address in network for network in self._own)
        return self.pace.fastest if ours else max(self.pace.fastest, POLITE)

    async def _failed(self, source: Source, error: Exception) -> None:
        kind = error.kind if isinstance(error, SourceError) else "timeout" if isinstance(error, TimeoutError) else "bug"
        reason = str(error) or "The poll took too long."
        now = self.clock.now()
        retry_after = error.retry_after if isinstance(error, SourceError) else None
        failures = source.failures + 1
        next_at = self._next(source, [], now, failures=failures, kind=kind, retry_after=retry_after)
        if not source.failures:
            log.warning("source fails", source_id=source.id, kind=kind)
        try:
            async with self.database.begin() as connection:
                await sources.fail_poll(connection, source, now, next_poll_at=next_at, kind=kind, reason=reason)
        except SQLAlchemyError:
            log.exception("poll not recorded", source_id=source.id)  # its lease will end, and it is due again


def _longest(fresh_for: timedelta | None, feed: Feed | None) -> timedelta | None:
    """Return how long server and document ask to be left alone, or None."""
    hints = [hint for hint in (fresh_for, feed.ttl if feed else None) if hint is not None]
    return max(hints, default=None)
