"""Pages: the web pages of new entries are fetched and read, where a source is to be read in full.

An entry waits for its page for two minutes before it is matched (`ingest.PAGE_PATIENCE`): mostly the page is there in a
second, and whoever asked for "Syria -football" is not told of football because the feed did not mention it. After that
it is matched by what the feed says; a page that comes later, within the hour, has it matched once more, as an edit
does. So a page can make an entry known by more words and a little later; it can never lose one.
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
from bot.sources.http.fetch import Fetcher
from bot.sources.http.headers import RETRY_LATEST
from bot.sources.reading import page
from bot.sources.reading.page import Page
from bot.sources.reading.pool import FeedParser
from bot.storage import pages
from bot.storage.database import Database
from bot.storage.pages import PendingPage

log = structlog.get_logger()

AT_ONCE = 8  # sites; of each one page
PACE = timedelta(seconds=1)  # between two pages of a site, unless it asks for more
LEASE = timedelta(minutes=5)  # longer than any page that is not dead
LONGEST = timedelta(minutes=4)  # for all of it, robots.txt of each hop included; shorter than the lease
READ_TIMEOUT = timedelta(minutes=2)  # to be read, others' turns included
LASTS = timedelta(hours=1)  # a page that has not come by then is not waited for
ATTEMPTS = 3
RETRY = timedelta(minutes=1)  # then four
SLOWEST = timedelta(minutes=10)  # between two pages of a site that does not answer
ROBOTS_LAST = timedelta(days=1)  # RFC 9309, 2.4
ROBOTS_RETRY = timedelta(minutes=20)  # where they could not be fetched

# Failures that may pass; after any other the entry goes by what its feed says.
_PASSING = frozenset(
    {
        *(FaultKind.DNS, FaultKind.CONNECT, FaultKind.TLS),
        *(FaultKind.TIMEOUT, FaultKind.HTTP, FaultKind.ROBOTS_UNKNOWN),
    }
)


class Pages:
    """Reads what waits, one page at a time of each site, at the site's own pace.

    `parser` is not the feeds': a page that takes long to read holds up pages only.
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
        """Read what is due until `stop` is set; then finish what is in hand."""
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                for waiting in await self._claim():
                    self._in_hand += 1
                    group.create_task(self._one(waiting))
                await self.wakeups.wait(Step.PAGE)

    async def _claim(self) -> list[PendingPage]:
        free = AT_ONCE - self._in_hand
        if free <= 0:
            return []
        now = self.clock.now()
        try:
            async with self.database.read() as connection:
                if not await pages.waiting(connection):
                    return []
            async with self.database.begin() as connection:
                given_up = await pages.give_up(connection, now - LASTS)
                claimed = await pages.claim(connection, now, limit=free, lease=LEASE)
        except SQLAlchemyError:
            log.exception("pages not claimed")  # the next tick looks again
            return []
        if given_up:
            log.warning("pages given up", pages=given_up)
        return claimed

    async def _one(self, waiting: PendingPage) -> None:
        """Read one page; nothing it does may end the others."""
        try:
            await self.read(waiting)
        except Exception:  # the boundary of one page
            log.exception("page broke", entry_id=waiting.entry_id)  # its lease ends, and it is due again
        finally:
            self._in_hand -= 1
            self.wakeups.wake(Step.PAGE)

    async def read(self, waiting: PendingPage) -> None:
        """Fetch one page, read it and keep what it says, or when to try again."""
        delays = [PACE]
        try:
            found = await self._in_time(waiting, delays)
        except (SourceError, TimeoutError) as error:
            await self._failed(waiting, error, max(delays))
            return
        failpoint("page-read")
        now = self.clock.now()
        async with self.database.begin() as connection:
            await pages.done(connection, waiting.entry_id, now, found.text, found.language)
            await pages.free(connection, waiting.origin, now + max(delays), failures=0)
        self.wakeups.wake(Step.MATCH)
        log.info("page read", entry_id=waiting.entry_id, source_id=waiting.source_id, characters=len(found.text))

    async def _in_time(self, waiting: PendingPage, delays: list[timedelta]) -> Page:
        """Return the page; SourceError before somebody else may take it for dead."""
        try:
            async with asyncio.timeout(LONGEST.total_seconds()) as whole:
                return await self._page(waiting, delays)
        except TimeoutError as error:
            if not whole.expired():
                raise
            raise SourceError(SourceFault.PAGE_TOO_LONG) from error

    async def _page(self, waiting: PendingPage, delays: list[timedelta]) -> Page:
        wanted = page.wanted(partial(self._ask_robots, delays))
        fetched = await self.fetcher.fetch(waiting.url, wanted=wanted)
        title = "" if waiting.title == waiting.url else waiting.title
        async with asyncio.timeout(READ_TIMEOUT.total_seconds()):
            return await self.parser.run(page.read_page, fetched.body, fetched.content_type, title, waiting.summary)

    async def _failed(self, waiting: PendingPage, error: SourceError | TimeoutError, pace: timedelta) -> None:
        """Let a page be tried again where that may help; else its entry goes by what the feed says."""
        kind = error.kind if isinstance(error, SourceError) else FaultKind.PARSE
        now, again = self.clock.now(), kind in _PASSING and waiting.attempts + 1 < ATTEMPTS
        async with self.database.begin() as connection:
            if again:
                wait = ROBOTS_RETRY if kind is FaultKind.ROBOTS_UNKNOWN else RETRY * 4**waiting.attempts
                await pages.later(connection, waiting.entry_id, now + wait)
            else:
                await pages.done(connection, waiting.entry_id, now, None)
            failures = waiting.failures + 1 if _is_the_sites(error) else 0
            await pages.free(connection, waiting.origin, _free_at(now, pace, failures, error), failures=failures)
        self.wakeups.wake(Step.MATCH)
        log.info("page not read", entry_id=waiting.entry_id, source_id=waiting.source_id, kind=kind, again=again)

    async def _ask_robots(self, delays: list[timedelta], url: URL) -> None:
        """Raise SourceError unless `url` may be fetched; note in `delays` how long its site wants to be left alone."""
        rules = await self._rules(robots.origin_of(url))
        try:
            verdict = await self.parser.run(robots.judge, rules, self.fetcher.user_agent, str(url))
        except SourceError as error:
            raise SourceError(SourceFault.ROBOTS_UNREADABLE) from error
        if not verdict.allowed:
            raise SourceError(SourceFault.ROBOTS_DISALLOW)
        delays.append(verdict.delay)

    async def _rules(self, origin: str) -> str:
        """Return the robots.txt of an origin: the one that is kept, or a new one; an old one if that cannot be had."""
        now = self.clock.now()
        async with self.database.read() as connection:
            kept, until = await pages.robots(connection, origin)
        if until is None or until <= now:
            try:
                kept, until = await robots.fetch(self.fetcher, origin), now + ROBOTS_LAST
            except SourceError:
                until = now + ROBOTS_RETRY
            async with self.database.begin() as connection:
                await pages.keep_robots(connection, origin, now, until, rules=kept)
        if kept is None:
            raise SourceError(SourceFault.ROBOTS_NOT_FETCHED)
        return kept


def _is_the_sites(error: SourceError | TimeoutError) -> bool:
    """Return whether a failure says that its site is in trouble, not this page alone."""
    if not isinstance(error, SourceError):
        return False
    return error.kind in _PASSING - {FaultKind.HTTP} or error.retry_after is not None or (error.status or 0) >= 500


def _free_at(now: datetime, pace: timedelta, failures: int, error: SourceError | TimeoutError) -> datetime:
    """Return when a site may be asked again: at its pace, later the longer it has been in trouble."""
    wait = min(pace * 4**failures * (0.5 + random.random() / 2), SLOWEST) if failures else pace
    asked = error.retry_after if isinstance(error, SourceError) else None
    return now + min(max(wait, pace, asked or timedelta()), RETRY_LATEST)
