"""Ingest: stores the news of a source's document, whether a poll fetched it or a hub pushed it.

In: a document as it was read. Out: entries in the database, what was learnt about their source, and when it is polled
next. Not here: fetching, and polls that fail or find nothing changed (`poll`).

Entries are stored in one transaction with the validators that came with them: had the validators been saved first, a
crash would turn the next answer into 304 and the entries would be lost.
"""

import asyncio
import functools
import random
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import SourceError, SourceFault
from bot.messages.source_troubles import NEW_A_DAY, NOTICES
from bot.models import Feed, FeedEntry, Source
from bot.pipeline.notice import tell_admins
from bot.runtime.clock import Clock
from bot.runtime.failpoints import failpoint
from bot.runtime.wakeups import Step, Wakeups
from bot.sources import rhythm
from bot.sources.address import canonical_url
from bot.sources.due import PollSettings, after_success, shortest_interval
from bot.sources.http.fetch import Fetched
from bot.sources.http.robots import origin_of
from bot.sources.identity import link_key
from bot.sources.reading.item_spans import ReadResult
from bot.sources.reading.pool import FeedParser
from bot.storage import entries, pages, sources, websub
from bot.storage.database import Database
from bot.storage.entries import Stored
from bot.storage.sources import PollResult

log = structlog.get_logger()

READ_TIMEOUT = timedelta(minutes=2)  # to read a document and store it
MOVED_FOR_GOOD = 3  # polls in a row that were permanently redirected to the same address
PAGES = 50  # of the newest entries of one document, where a source is read in full; older ones have their feed's text
FEW = 3  # entries of a document: of fewer, all may be new
NEARLY_ALL = 0.9
PAGE_PATIENCE = timedelta(minutes=2)  # that an entry waits for its page before it is matched without


class Ingester:
    """Stores documents. With `callbacks`, the prefix of our addresses for hubs, sources are subscribed to their hubs.

    `admins` (Telegram ids) receive a notice when a document has faults.
    """

    def __init__(
        self,
        database: Database,
        parser: FeedParser,
        clock: Clock,
        wakeups: Wakeups,
        settings: PollSettings,
        *,
        admins: Collection[int] = (),
        callbacks: str | None = None,
    ) -> None:
        self.database = database
        self.parser = parser
        self.clock = clock
        self.wakeups = wakeups
        self.settings = settings
        self.admins = admins
        self.callbacks = callbacks

    async def store(self, source: Source, fetched: Fetched, reading: ReadResult | None, now: datetime) -> Stored:
        """Store a polled document and record the poll; `reading` is None for one that did not change.

        Raises SourceError if the lease was lost to another poll: nothing is stored then.
        """
        stored = Stored()
        async with self.database.begin() as connection:
            if reading is not None:
                reading = await self._bounded(connection, source, reading, now)
            result = _result(source, fetched, reading)
            if reading is not None:
                stored = await self._store_reading(connection, source, fetched, reading, now)
                source = replace(source, pushed=source.pushed and not stored.new)
            known = rhythm.load(source.rhythm, now)
            if stored.fresh or source.rhythm is None:
                known = known if self._is_baseline(source) else rhythm.learn(known, _times(stored, now), now)
                result = replace(result, rhythm=rhythm.dump(known))
            next_at = after_success(
                replace(source, poll_hints=result.poll_hints or source.poll_hints),
                now,
                self.settings,
                known=known,
                fresh_for=fetched.fresh_for,
                chance=random.random(),
            )
            if not await sources.finish_poll(connection, source, now, result, next_poll_at=next_at):
                raise SourceError(SourceFault.OVERTAKEN)
            if stored.new:
                failpoint("storing")
            await _follow_move(connection, source, result.moved_to)
        if stored.new:
            failpoint("stored")
        self._wake_readers(stored)
        return stored

    async def _store_reading(
        self, connection: AsyncConnection, source: Source, fetched: Fetched, reading: ReadResult, now: datetime
    ) -> Stored:
        feed = reading.feed
        if self.callbacks:
            await sources.lock_active(connection, source.id, now)  # a hub may push the same news at this moment
            await websub.request_hub(connection, source.id, _hub(fetched, feed), self.callbacks, now)
        baseline = self._is_baseline(source)
        stored = await self._store_entries(connection, source, feed.entries, now, baseline=baseline)
        if stored.new and source.pushed:
            await websub.mark_missed(connection, source.id)
        await self.notify(connection, source, feed.troubles - source.troubles, now)
        return stored

    async def _bounded(
        self, connection: AsyncConnection, source: Source, reading: ReadResult, now: datetime
    ) -> ReadResult:
        """Return a reading that does not fill the tables, with the troubles that were found.

        Where nearly every entry seems new, and nearly all their texts are known, the document changes ids and links
        each time: those entries get a known key, too, so they are no new ones. Entries beyond NEW_A_DAY are left out.
        """
        feed, baseline = reading.feed, self._is_baseline(source)
        kept, troubles = await _kept(connection, source, feed, now) if not baseline else (feed.entries, frozenset())
        troubles |= feed.troubles if reading.whole else source.troubles | (feed.troubles & {"long"})
        if len(kept) < len(feed.entries) or "long" in feed.troubles:
            left_out = len(feed.entries) - len(kept) + feed.skipped
            log.warning("entries left out", source_id=source.id, entries=left_out, troubles=sorted(troubles))
        return replace(reading, feed=replace(feed, entries=tuple(kept), troubles=troubles))

    def _is_baseline(self, source: Source) -> bool:
        """Return whether the entries were there before anybody could subscribe: the source's first poll."""
        return not source.baseline_done and not self.settings.first_poll_is_news

    async def _store_entries(
        self,
        connection: AsyncConnection,
        source: Source,
        found: Sequence[FeedEntry],
        now: datetime,
        *,
        baseline: bool = False,
    ) -> Stored:
        """Store entries, and enqueue the pages of new ones where the source is read in full."""
        stored = await entries.store(connection, source.id, found, now, baseline=baseline)
        if source.full_text and not baseline and (new_pages := _pages(stored)):
            await pages.enqueue(connection, new_pages, now, wait=PAGE_PATIENCE)
        return stored

    async def take(self, source_id: int, body: bytes, content_type: str | None) -> Stored:
        """Store a document that a hub pushed; it may have only the new items of the source's document.

        It is read like a polled one and changes no more than a poll could: neither the source's address nor its
        validators. Raises SourceError or TimeoutError if it cannot be read.
        """
        started = self.clock.monotonic()
        now = self.clock.now()
        async with self.database.read() as connection:
            source = await sources.lock_active(connection, source_id, now)
        if source is None:
            return Stored()
        async with asyncio.timeout(READ_TIMEOUT.total_seconds()):
            reading = await self.parser.read(body, content_type, source.url, now)
        async with self.database.begin() as connection:
            stored = await self._store_pushed(connection, source_id, reading.feed, now)
        self._wake_readers(stored)
        took = round((self.clock.monotonic() - started) * 1000)
        log.info("brought by hub", source_id=source_id, new=stored.new, edited=stored.edited, ms=took)
        return stored

    async def _store_pushed(self, connection: AsyncConnection, source_id: int, feed: Feed, now: datetime) -> Stored:
        """Store the items that can be identified without the rest of the document; poll soon if some cannot."""
        source = await sources.lock_active(connection, source_id, now)
        if source is None:
            return Stored()
        clear = await _identified(connection, source, feed)
        stored = await self._store_entries(connection, source, clear, now)
        if stored.fresh:
            learnt = rhythm.learn(rhythm.load(source.rhythm, now), _times(stored, now), now)
            await sources.set_rhythm(connection, source.id, rhythm.dump(learnt))
        if len(clear) < len(feed.entries):
            await sources.poll_soon(connection, source.id, now, shortest_interval(source.url, self.settings))
            self.wakeups.wake(Step.POLL)
        return stored

    async def notify(
        self, connection: AsyncConnection, source: Source, troubles: Collection[str], now: datetime
    ) -> None:
        """Enqueue a notice to the admins for each of these troubles of a source (names as in NOTICES)."""
        for trouble in sorted(troubles):
            await tell_admins(connection, self.admins, functools.partial(NOTICES[trouble], source), now)

    def _wake_readers(self, stored: Stored) -> None:
        if stored.new or stored.edited:
            self.wakeups.wake(Step.MATCH)
            self.wakeups.wake(Step.PAGE)


def is_quiet(source: Source, fetched: Fetched) -> bool:
    """Return whether a poll of an unchanged document changes nothing but the time of the last poll."""
    same = fetched.not_modified or fetched.validators == source.validators
    settled = source.baseline_done and source.rhythm is not None and not source.failures
    return same and settled and _moved_to(source, fetched) is None and source.moved_to is None


def _result(source: Source, fetched: Fetched, reading: ReadResult | None) -> PollResult:
    """Return the columns of a source that its poll changes, the rhythm apart."""
    result = PollResult(
        moved_to=_moved_to(source, fetched), validators=None if fetched.not_modified else fetched.validators
    )
    if reading is None:
        return result
    feed = reading.feed
    result = replace(
        result,
        body_hash=fetched.body_hash,
        title=None if source.title else feed.title,
        language=source.language or feed.language,
        poll_hints=feed.poll_hints,
    )
    result = replace(result, troubles=tuple(sorted(feed.troubles)))
    return replace(result, size=len(feed.entries), ids_distinct=feed.ids_distinct) if reading.whole else result


async def _kept(
    connection: AsyncConnection, source: Source, feed: Feed, now: datetime
) -> tuple[Sequence[FeedEntry], frozenset[str]]:
    """Return the entries that may be stored, and the troubles ("changing", "flood") for which others may not."""
    found = feed.entries
    if len(found) < FEW:
        return found, frozenset()
    known = await entries.seen_keys(connection, source.id, [key for entry in found for key in entry.keys])
    new = [entry for entry in found if not any(key in known for key in entry.keys)]
    if len(new) < NEARLY_ALL * len(found):
        return found, frozenset()
    texts = await entries.known_texts(connection, source.id, [entries.content_hash(entry) for entry in new])
    repeated = {entry.keys: texts[text] for entry in new if (text := entries.content_hash(entry)) in texts}
    if len(repeated) >= NEARLY_ALL * len(new):
        named = [replace(entry, keys=(*entry.keys, repeated[entry.keys])) for entry in found if entry.keys in repeated]
        return [*named, *(entry for entry in found if entry.keys not in repeated)], frozenset({"changing"})
    room = NEW_A_DAY - await entries.count_new(connection, source.id, now - timedelta(days=1))
    left_out = {entry.keys for entry in new[: max(0, len(new) - max(0, room))]}  # the oldest come first
    kept = [entry for entry in found if entry.keys not in left_out]
    return kept, frozenset({"flood"} if left_out else ())


async def _follow_move(connection: AsyncConnection, source: Source, moved_to: str | None) -> None:
    """Give a source its new address once enough polls in a row were permanently redirected there."""
    if moved_to is not None and source.moves + 1 >= MOVED_FOR_GOOD and moved_to == source.moved_to:
        moved = await sources.move(connection, source, moved_to)
        log.info("source moved", source_id=source.id, host=sources.host_of(moved_to), followed=moved)


async def _identified(connection: AsyncConnection, source: Source, feed: Feed) -> list[FeedEntry]:
    """Return the pushed entries whose identity is certain, with their id as their only key.

    Only a whole document shows whether an id, or a link, belongs to one item (`bot.sources.identity`). So an id counts
    if ids told the items of the last whole document apart, and an item with a new id and a known link may be an old
    item. The next poll adds the other keys.
    """
    if not (source.baseline_done and source.ids_distinct and feed.ids_distinct):
        return []
    linked = [(entry, link_key(entry.canonical_url or "")) for entry in feed.entries]
    keys = [key for entry, link in linked for key in (entry.keys[0], link)]
    known = await entries.seen_keys(connection, source.id, keys)
    return [
        replace(entry, keys=entry.keys[:1]) for entry, link in linked if entry.keys[0] in known or link not in known
    ]


def _hub(fetched: Fetched, feed: Feed) -> tuple[str, str] | None:
    """Return the (topic, hub) that the server or else the document names; None unless both are named."""
    hub, topic = (fetched.hub, fetched.self_url) if fetched.hub else (feed.hub, feed.self_url)
    return (topic, hub) if topic and hub else None


def _times(stored: Stored, now: datetime) -> list[datetime]:
    return [entry.published_at or now for entry in stored.fresh]


def _pages(stored: Stored) -> list[tuple[int, str]]:
    """Return (entry id, origin) of the pages to read: those of the newest entries."""
    found = zip(stored.ids, stored.fresh, strict=True)
    return [(entry_id, origin_of(entry.url)) for entry_id, entry in found if entry.url][-PAGES:]


def _moved_to(source: Source, fetched: Fetched) -> str | None:
    """Return the address that the source permanently redirects to; never from https to http, nor to itself."""
    if fetched.permanent_url is None:
        return None
    moved_to = canonical_url(fetched.permanent_url)
    downgraded = source.url.startswith("https:") and moved_to.startswith("http:")
    return None if downgraded or moved_to == source.url else moved_to
