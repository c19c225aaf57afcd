"""Poll: due sources are fetched and read; what is new is stored with the validators that would hide it next time.

One transaction holds both: had the validators been saved first, a crash would turn the next answer into 304 and the
entries would be lost.
"""

import asyncio
import functools
import ipaddress
import random
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import FaultKind, SourceError, SourceFault
from bot.messages.source_troubles import LONG_FAILING, NOTICES
from bot.models import Feed, FeedEntry, Source, Wishes
from bot.pipeline.notice import tell_admins
from bot.runtime.clock import Clock
from bot.runtime.failpoints import failpoint
from bot.runtime.wakeups import Step, Wakeups
from bot.sources import rhythm
from bot.sources.address import canonical_url
from bot.sources.due import after_skipped, is_dead, next_poll_at, poll_interval
from bot.sources.http.fetch import PER_HOST, Fetched, Fetcher
from bot.sources.http.robots import origin_of
from bot.sources.identity import link_key
from bot.sources.item_cache import Memory
from bot.sources.reading.item_spans import Reading
from bot.sources.reading.pool import FeedParser
from bot.storage import entries, pages, sources, websub
from bot.storage.database import Database

log = structlog.get_logger()

AT_ONCE = 32  # polls in hand, most of them waiting for a server
READ_TIMEOUT = timedelta(minutes=2)  # to be read and stored; a fetch is bounded by itself, its wait for a turn apart
LEASE = timedelta(minutes=10)  # longer than any poll that is not dead
FALLBACK = 4  # times as long between two polls of a source whose hub brings its news
MOVED_FOR_GOOD = 3  # polls in a row that were permanently redirected to the same address
PAGES = 50  # that one poll has read, where a source is read in full; the oldest of more go by what the feed says
PAGE_PATIENCE = timedelta(minutes=2)  # that an entry waits for its page before it is matched without
DATABASE_AWAY = (OperationalError, InterfaceError, InternalError)  # full, gone, or for reading only
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
        self,
        database: Database,
        fetcher: Fetcher,
        parser: FeedParser,
        clock: Clock,
        wakeups: Wakeups,
        pace: Pace,
        *,
        admins: Collection[int] = (),
        callbacks: str | None = None,
    ) -> None:
        """With `callbacks` (what the addresses begin with at which hubs reach us) sources are subscribed to hubs."""
        self.database = database
        self.fetcher = fetcher
        self.parser = parser
        self.clock = clock
        self.wakeups = wakeups
        self.pace = pace
        self.admins = admins
        self.callbacks = callbacks
        self.memory = Memory()
        self._own = [ipaddress.ip_network(network) for network in pace.own_networks]
        self._in_hand = 0
        self._unstored: list[tuple[Source, datetime]] = []  # with the time when they are due again
        self._quiet: list[tuple[Source, datetime, datetime]] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Poll what is due until `stop` is set; then finish what is in hand."""
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                for source in await self._claim():
                    self._in_hand += 1
                    group.create_task(self._poll_one(source))
                await self.wakeups.wait(Step.POLL)
        await self.record()

    async def _claim(self) -> list[Source]:
        free = AT_ONCE - self._in_hand
        if free <= 0:
            return []
        now = self.clock.now()
        try:
            async with self._recording() as connection:
                limits = {"limit": free, "per_host": PER_HOST}
                due = await sources.claim_due(connection, now, lease=LEASE, run=self.database.run, **limits)
                ids = [source.id for source in due] if self.callbacks else []
                pushed = await websub.relied_on(connection, ids, now) if ids else set()
                return [replace(source, pushed=source.id in pushed) for source in due]
        except SQLAlchemyError:
            log.exception("sources not claimed")  # the next tick looks again
            return []

    async def record(self) -> None:
        """Write down the polls that found nothing, if the next claim is not to do it."""
        try:
            async with self._recording():
                pass
        except SQLAlchemyError:
            log.exception("polls not recorded")  # their leases will end, and they are due again

    @asynccontextmanager
    async def _recording(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that first writes down the polls that found nothing: many, and none of them urgent.

        And those that the database could not take: they are due again, else they would wait for their leases to end.
        """
        polls, unstored = tuple(self._quiet), tuple(self._unstored)
        async with self.database.begin() as connection:
            if polls:
                await sources.finish_quiet(connection, polls)
            if unstored:
                await sources.give_back(connection, unstored)
            yield connection
        del self._quiet[: len(polls)], self._unstored[: len(unstored)]

    async def _poll_one(self, source: Source) -> None:
        """Poll one source; nothing it does may end the poller."""
        try:
            await self.poll(source)
        except (SourceError, TimeoutError) as error:
            await self._failed(source, error)
        except DATABASE_AWAY as error:  # its trouble, not the source's
            log.error("poll not stored", source_id=source.id, reason=type(error).__name__)
            self._unstored.append((source, self.clock.now() + self._fastest(source.url)))
        except Exception as error:  # the boundary of one poll
            log.exception("poll broke", source_id=source.id)
            await self._failed(source, error)
        finally:
            self._in_hand -= 1
            if self._in_hand <= AT_ONCE // 2:  # several are claimed at once; a tick claims the rest
                self.wakeups.wake(Step.POLL)

    async def poll(self, source: Source) -> None:
        """Fetch, read and store one source. Raises SourceError or TimeoutError if it cannot be had."""
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
            self.memory.keep(source.id, fetched.url, reading.known, now, whole=reading.whole)
        if stored.new or stored.edited:
            self.wakeups.wake(Step.MATCH)
            self.wakeups.wake(Step.PAGE)
        took = round((self.clock.monotonic() - started) * 1000)
        if source.failures:
            log.info("source works again", source_id=source.id, failures=source.failures)
        unchanged = reading is None
        log.info("polled", source_id=source.id, unchanged=unchanged, new=stored.new, edited=stored.edited, ms=took)

    async def _read(self, source: Source, fetched: Fetched, now: datetime) -> Reading | None:
        """Return what is new in what was fetched; None if that is what was fetched last time."""
        if fetched.not_modified or fetched.body_hash == source.body_hash:
            return None
        known = self.memory.recall(source.id, fetched.url, now)
        return await self.parser.read(fetched.body, fetched.content_type, fetched.url, now, known)

    async def _store(self, source: Source, fetched: Fetched, reading: Reading | None, now: datetime) -> entries.Stored:
        moved_to = _moved_to(source, fetched)
        found: dict[str, Any] = {"moved_to": moved_to}
        found |= {} if fetched.not_modified else {"validators": fetched.validators}
        baseline = not source.baseline_done and not self.pace.first_poll_is_news
        stored, wishes, known = entries.Stored(), source.wishes, rhythm.load(source.rhythm, now)
        if reading is None and _is_quiet(source, fetched, moved_to):
            next_at = self._next(source, now, known=known, wishes=wishes, fresh_for=fetched.fresh_for)
            self._quiet.append((source, now, next_at))
            return stored
        async with self.database.begin() as connection:
            if reading is not None:
                feed = reading.feed
                if self.callbacks:
                    await sources.hold(connection, source.id, now)  # while a hub brings the same news
                    await websub.wish(connection, source.id, _hub(fetched, feed), self.callbacks, now)
                stored = await self._keep(connection, source, feed.entries, now, baseline=baseline)
                if stored.new and source.pushed:
                    await websub.missed(connection, source.id)
                    source = replace(source, pushed=False)
                wishes = feed.wishes
                found |= {"body_hash": fetched.body_hash, "title": None if source.title else feed.title}
                found |= {"language": source.language or feed.language, "wishes": wishes}
                if reading.whole:
                    found |= {"size": len(feed.entries), "ids_distinct": feed.ids_distinct}
                    found |= {"troubles": sorted(feed.troubles)}
                    await self._tell(connection, source, feed.troubles - source.troubles, now)
            if stored.fresh or source.rhythm is None:
                known = known if baseline else rhythm.learn(known, _times(stored, now), now)
                found["rhythm"] = rhythm.dump(known)
            next_at = self._next(source, now, known=known, wishes=wishes, fresh_for=fetched.fresh_for)
            if not await sources.finish_poll(connection, source, now, next_poll_at=next_at, **found):
                raise SourceError(SourceFault.OVERTAKEN)
            if stored.new:
                failpoint("storing")
            if moved_to is not None and source.moves + 1 >= MOVED_FOR_GOOD and moved_to == source.moved_to:
                moved = await sources.move(connection, source, moved_to)
                log.info("source moved", source_id=source.id, host=sources.host_of(moved_to), followed=moved)
        if stored.new:
            failpoint("stored")
        return stored

    async def _keep(
        self,
        connection: AsyncConnection,
        source: Source,
        found: Sequence[FeedEntry],
        now: datetime,
        *,
        baseline: bool = False,
    ) -> entries.Stored:
        """Store entries, and have their pages read where the source is read in full."""
        stored = await entries.store(connection, source.id, found, now, baseline=baseline)
        if source.full_text and not baseline:
            await pages.want(connection, _pages(stored), now, wait=PAGE_PATIENCE)
        return stored

    async def take(self, source_id: int, body: bytes, content_type: str | None) -> entries.Stored:
        """Store what a hub brought of a source's document, perhaps only its new items.

        It is read as a poll's document is, and says no more than a poll could: neither where the source is nor how to
        ask for it. Raises SourceError or TimeoutError if it cannot be read.
        """
        started = self.clock.monotonic()
        now = self.clock.now()
        async with self.database.read() as connection:
            source = await sources.hold(connection, source_id, now)
        if source is None:
            return entries.Stored()
        async with asyncio.timeout(READ_TIMEOUT.total_seconds()):
            reading = await self.parser.read(body, content_type, source.url, now)
        async with self.database.begin() as connection:
            stored = await self._store_brought(connection, source_id, reading.feed, now)
        if stored.new or stored.edited:
            self.wakeups.wake(Step.MATCH)
            self.wakeups.wake(Step.PAGE)
        took = round((self.clock.monotonic() - started) * 1000)
        log.info("brought by hub", source_id=source_id, new=stored.new, edited=stored.edited, ms=took)
        return stored

    async def _store_brought(
        self, connection: AsyncConnection, source_id: int, feed: Feed, now: datetime
    ) -> entries.Stored:
        """Store what can be told from some items of a document; where that is not all of them, have it polled.

        Without the others nobody knows whether an id, or a link, is an item's own (`bot.sources.identity`). So ids are
        relied on where they told the items of the last whole document apart, and links only say that a new id may be
        no new item. The poll adds the other keys.
        """
        source = await sources.hold(connection, source_id, now)
        if source is None:
            return entries.Stored()
        clear: list[FeedEntry] = []
        if source.baseline_done and source.ids_distinct and feed.ids_distinct:
            told = [(entry, link_key(entry.canonical_url or "")) for entry in feed.entries]
            keys = [key for entry, link in told for key in (entry.keys[0], link)]
            known = await entries.seen_keys(connection, source.id, keys)
            clear = [entry for entry, link in told if entry.keys[0] in known or link not in known]
        stored = await self._keep(connection, source, [replace(one, keys=one.keys[:1]) for one in clear], now)
        if stored.fresh:
            learnt = rhythm.learn(rhythm.load(source.rhythm, now), _times(stored, now), now)
            await sources.set_rhythm(connection, source.id, rhythm.dump(learnt))
        if len(clear) < len(feed.entries):
            await sources.poll_soon(connection, source.id, now, self._fastest(source.url))
            self.wakeups.wake(Step.POLL)
        return stored

    def _next(
        self,
        source: Source,
        now: datetime,
        *,
        known: rhythm.Rhythm,
        wishes: Wishes,
        fresh_for: timedelta | None,
    ) -> datetime:
        """Return when to poll next after a success: in the source's rhythm, as far as server and document agree."""
        fastest = self._fastest(source.url)
        slowest = max(self.pace.slowest, fastest)
        usual = poll_interval(known.recent, now, usual=self.pace.interval, fastest=fastest, slowest=slowest)
        interval = rhythm.next_at(now, usual, rhythm.rates(known)) - now
        if source.pushed:
            interval = min(interval * FALLBACK, slowest)
        hints = [hint for hint in (fresh_for, wishes.ttl) if hint is not None]
        at = next_poll_at(
            now,
            interval=interval,
            fresh_for=max(hints, default=None),
            fastest=fastest,
            slowest=slowest,
            chance=random.random(),
        )
        return after_skipped(at, now, wishes, slowest)

    def _fastest(self, url: str) -> timedelta:
        try:
            address = ipaddress.ip_address(urlsplit(url).hostname or "")
        except ValueError:
            return max(self.pace.fastest, POLITE)
        ours = any(address in network for network in self._own)
        return self.pace.fastest if ours else max(self.pace.fastest, POLITE)

    async def _failed(self, source: Source, error: Exception) -> None:
        failure = _failure(error)
        kind = failure.kind
        now = self.clock.now()
        failures = source.failures + 1
        fastest = self._fastest(source.url)
        next_at = next_poll_at(
            now,
            interval=min(max(self.pace.interval, fastest), max(self.pace.slowest, fastest)),
            failures=failures,
            kind=kind,
            retry_after=failure.retry_after,
            fastest=fastest,
            chance=random.random(),
        )
        if not source.failures:
            log.warning("source fails", source_id=source.id, kind=kind)
        try:
            async with self.database.begin() as connection:
                mine = await sources.fail_poll(connection, source, now, next_poll_at=next_at, error=failure)
                if mine and is_dead(kind, failures):
                    await sources.set_state(connection, source.id, sources.PAUSED, now)
                    await self._tell(connection, source, {"paused"}, now)
                elif mine and kind is FaultKind.BLOCKED and not source.failures:
                    await self._tell(connection, source, {"blocked"}, now)
                elif mine and failures == LONG_FAILING:
                    await self._tell(connection, source, {"failing"}, now)
        except SQLAlchemyError:
            log.exception("poll not recorded", source_id=source.id)
            self._unstored.append((source, next_at))

    async def _tell(
        self, connection: AsyncConnection, source: Source, troubles: Collection[str], now: datetime
    ) -> None:
        """Owe the admins a sentence for each of these troubles of a source."""
        for trouble in sorted(troubles):
            await tell_admins(connection, self.admins, functools.partial(NOTICES[trouble], source), now)


def _failure(error: Exception) -> SourceError:
    if isinstance(error, SourceError):
        return error
    return SourceError(SourceFault.POLL_TOO_LONG if isinstance(error, TimeoutError) else SourceFault.BUG)


def _hub(fetched: Fetched, feed: Feed) -> tuple[str, str] | None:
    """Return the (topic, hub) that the server or else the document names; None unless both are named."""
    hub, topic = (fetched.hub, fetched.self_url) if fetched.hub else (feed.hub, feed.self_url)
    return (topic, hub) if topic and hub else None


def _times(stored: entries.Stored, now: datetime) -> list[datetime]:
    return [one.published_at or now for one in stored.fresh]


def _pages(stored: entries.Stored) -> list[tuple[int, str]]:
    """Return which pages to read, and from where: those of the newest entries."""
    found = zip(stored.ids, stored.fresh, strict=True)
    return [(entry_id, origin_of(entry.url)) for entry_id, entry in found if entry.url][-PAGES:]


def _is_quiet(source: Source, fetched: Fetched, moved_to: str | None) -> bool:
    """Return whether an unchanged document leaves nothing to be noted but that it was polled."""
    same = fetched.not_modified or fetched.validators == source.validators
    settled = source.baseline_done and source.rhythm is not None and not source.failures
    return same and settled and moved_to is None and source.moved_to is None


def _moved_to(source: Source, fetched: Fetched) -> str | None:
    """Return the address that the source permanently redirects to; never from https to http, nor to itself."""
    if fetched.permanent_url is None:
        return None
    moved_to = canonical_url(fetched.permanent_url)
    downgraded = source.url.startswith("https:") and moved_to.startswith("http:")
    return None if downgraded or moved_to == source.url else moved_to
