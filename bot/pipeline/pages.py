"""Pages: fetches and reads the web pages of new entries, where a source is read in full.

An entry waits up to two minutes for its page before it is matched (`ingest.PAGE_PATIENCE`): most pages arrive within a
second, and a query "Syria -football" must not match a football article whose feed does not mention football. After
that it is matched by its feed's text; a page that arrives later, within the hour, has it matched once more, as an edit
does. So a page can add words to an entry and delay it a little; it can never lose one.
"""

import asyncio
import random
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError
from yarl import URL

from bot.errors import FaultKind, SourceError, SourceFault
from bot.runtime.clock import Clock
from bot.runtime.failpoints import failpoint
from bot.runtime.wakeups import Step, Wakeups
from bot.sources.http import robots
from bot.sources.http.fetch import Fetcher, page_options
from bot.sources.http.headers import RETRY_LATEST
from bot.sources.reading import page
from bot.sources.reading.page import Page
from bot.sources.reading.pool import FeedParser
from bot.storage import pages
from bot.storage.database import Database
from bot.storage.pages import PendingPage

log = structlog.get_logger()

AT_ONCE = 8  # sites; one page of each
PACE = timedelta(seconds=1)  # between two pages of a site, unless its Crawl-delay is longer
LEASE = timedelta(minutes=5)  # longer than any page that is still being read
LONGEST = timedelta(minutes=4)  # for a page, with the robots.txt of each hop; shorter than the lease
READ_TIMEOUT = timedelta(minutes=2)  # to read a fetched page, the wait for the worker included
LASTS = timedelta(hours=1)  # then a page that was not read is given up
ATTEMPTS = 3
RETRY = timedelta(minutes=1)  # then four
SLOWEST = timedelta(minutes=10)  # between two pages of a site that does not answer
ROBOTS_LAST = timedelta(days=1)  # a robots.txt is cached so long (RFC 9309, 2.4)
ROBOTS_RETRY = timedelta(minutes=20)  # after a robots.txt could not be fetched

# Failures that may pass; after any other the entry is matched by its feed's text.
_PASSING = frozenset(
    {
        *(FaultKind.DNS, FaultKind.CONNECT, FaultKind.TLS),
        *(FaultKind.TIMEOUT, FaultKind.HTTP, FaultKind.ROBOTS_UNKNOWN),
    }
)


class Pages:
    """Reads the pages that are due, one at a time of each site, at the site's own pace.

    `parser` must not be the feeds' parser: a page that takes long to read may delay pages only.
    """

    def __init__(
        self, database: Database, fetcher: Fetcher, parser: FeedParser, clock: Clock, wakeups: Wakeups
    ) -> None:
        self.database = database
        self.fetcher = fetcher
        self.parser = parser
        self.clock = clock
        self.wakeups = wakeups
        self._in_hand = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Read what is due until `stop` is set; then finish the pages under way."""
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                for pending in await self._claim():
                    self._in_hand += 1
                    group.create_task(self._read_one(pending))
                await self.wakeups.wait(Step.PAGE)

    async def _claim(self) -> list[PendingPage]:
        free = AT_ONCE - self._in_hand
        if free <= 0 or self.database.room.is_short:
            return []
        now = self.clock.now()
        try:
            async with self.database.read() as connection:
                if not await pages.waiting(connection):
                    return []
            async with self.database.begin() as connection:
                given_up = await pages.drop_older(connection, now - LASTS)
                claimed = await pages.claim(connection, now, limit=free, lease=LEASE)
        except SQLAlchemyError:
            log.exception("pages not claimed")  # the next tick tries again
            return []
        if given_up:
            log.warning("pages given up", pages=given_up)
        return claimed

    async def _read_one(self, pending: PendingPage) -> None:
        """Read one page; no failure of it may end the others."""
        try:
            await self.read(pending)
        except Exception:  # the boundary of one page
            log.exception("page broke", entry_id=pending.entry_id)  # its lease ends, and it is due again
        finally:
            self._in_hand -= 1
            self.wakeups.wake(Step.PAGE)

    async def read(self, pending: PendingPage) -> None:
        """Fetch and read one page, and store its text, or the time of the next try."""
        delays = [PACE]
        try:
            found = await self._in_time(pending, delays)
        except (SourceError, TimeoutError) as error:
            await self._failed(pending, error, max(delays))
            return
        failpoint("page-read")
        now = self.clock.now()
        async with self.database.begin() as connection:
            await pages.finish(connection, pending.entry_id, now, found.text, found.language)
            await pages.release_site(connection, pending.origin, now + max(delays), failures=0)
        self.wakeups.wake(Step.MATCH)
        log.info("page read", entry_id=pending.entry_id, source_id=pending.source_id, characters=len(found.text))

    async def _in_time(self, pending: PendingPage, delays: list[timedelta]) -> Page:
        """Return the page; raises SourceError before the lease ends and another run may claim it."""
        try:
            async with asyncio.timeout(LONGEST.total_seconds()) as whole:
                return await self._page(pending, delays)
        except TimeoutError as error:
            if not whole.expired():
                raise
            raise SourceError(SourceFault.PAGE_TOO_LONG) from error

    async def _page(self, pending: PendingPage, delays: list[timedelta]) -> Page:
        options = page_options(partial(self._check_robots, delays))
        fetched = await self.fetcher.fetch(pending.url, options=options)
        title = "" if pending.title == pending.url else pending.title
        async with asyncio.timeout(READ_TIMEOUT.total_seconds()):
            return await self.parser.run(page.read_page, fetched.body, fetched.content_type, title, pending.summary)

    async def _failed(self, pending: PendingPage, error: SourceError | TimeoutError, pace: timedelta) -> None:
        """Schedule another try where the failure may pass; else have the entry matched by its feed's text."""
        kind = error.kind if isinstance(error, SourceError) else FaultKind.PARSE
        now = self.clock.now()
        again = kind in _PASSING and pending.attempts + 1 < ATTEMPTS
        async with self.database.begin() as connection:
            if again:
                wait = ROBOTS_RETRY if kind is FaultKind.ROBOTS_UNKNOWN else RETRY * 4**pending.attempts
                await pages.retry(connection, pending.entry_id, now + wait)
            else:
                await pages.finish(connection, pending.entry_id, now, None)
            failures = pending.failures + 1 if _concerns_site(error) else 0
            await pages.release_site(
                connection, pending.origin, _free_at(now, pace, failures, error), failures=failures
            )
        self.wakeups.wake(Step.MATCH)
        log.info("page not read", entry_id=pending.entry_id, source_id=pending.source_id, kind=kind, again=again)

    async def _check_robots(self, delays: list[timedelta], url: URL) -> None:
        """Raise SourceError unless `url` may be fetched; append to `delays` the Crawl-delay of its site."""
        rules = await self._rules(robots.origin_of(url))
        try:
            verdict = await self.parser.run(robots.judge, rules, self.fetcher.user_agent, str(url))
        except SourceError as error:
            raise SourceError(SourceFault.ROBOTS_UNREADABLE) from error
        if not verdict.allowed:
            raise SourceError(SourceFault.ROBOTS_DISALLOW)
        delays.append(verdict.delay)

    async def _rules(self, origin: str) -> str:
        """Return the robots.txt of an origin: cached, or fetched now, or expired where that fails."""
        now = self.clock.now()
        async with self.database.read() as connection:
            rules, until = await pages.robots(connection, origin)
        if until is None or until <= now:
            try:
                rules, until = await robots.fetch(self.fetcher, self.parser, origin), now + ROBOTS_LAST
            except SourceError:
                until = now + ROBOTS_RETRY
            async with self.database.begin() as connection:
                await pages.store_robots(connection, origin, now, until, rules=rules)
        if rules is None:
            raise SourceError(SourceFault.ROBOTS_NOT_FETCHED)
        return rules


def _concerns_site(error: SourceError | TimeoutError) -> bool:
    """Return whether a failure concerns the whole site, not this page alone."""
    if not isinstance(error, SourceError):
        return False
    return error.kind in _PASSING - {FaultKind.HTTP} or error.retry_after is not None or (error.status or 0) >= 500


def _free_at(now: datetime, pace: timedelta, failures: int, error: SourceError | TimeoutError) -> datetime:
    """Return when the next page of a site may be fetched: at its pace, later the more failures in a row it had."""
    wait = min(pace * 4**failures * (0.5 + random.random() / 2), SLOWEST) if failures else pace
    requested = error.retry_after if isinstance(error, SourceError) else None
    return now + min(max(wait, pace, requested or timedelta()), RETRY_LATEST)
