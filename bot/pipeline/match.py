"""Match: new entries are put into stories and looked up in the index of unique queries."""

import asyncio
import gc
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import QueryError
from bot.matching.engine.evaluate import matches
from bot.matching.engine.percolator import Percolator
from bot.matching.query.ast import Corroborated, Expr
from bot.matching.query.parser import parse
from bot.messages.safe_text import publisher
from bot.models import Headline, Match, Placement
from bot.pipeline.aliases import AliasBook
from bot.pipeline.stories import new_clusterer
from bot.runtime.clock import Clock
from bot.runtime.failpoints import failpoint
from bot.storage import corroborations, entries, hits, subscriptions
from bot.storage.database import Database
from bot.storage.entries import StoredEntry
from bot.storage.runs import Role, acquire, renew
from bot.stories.cluster import WINDOW, Clusterer

log = structlog.get_logger()

BATCH = 200
COLLECTED = (50_000, 5, 5)  # objects, and collections of the younger, after which Python looks for garbage
CHANGES = 1000  # of queries read at once: between two readings others get their turn
SHOWN = 20  # queries named in a line of the log


class Matcher:
    """Holds the two indexes, which are caches of the database: unique queries, and recent headlines."""

    def __init__(self, database: Database, clock: Clock, aliases: AliasBook | None = None) -> None:
        self.database = database
        self.clock = clock
        self.aliases = aliases or AliasBook()
        self.percolator = Percolator(self.aliases.current)
        self.clusterer = new_clusterer()
        self.version = 0
        self.needed: dict[int, int] = {}  # publishers that a query waits for (min:3), by its id
        self._has_headlines = False

    async def warm(self) -> None:
        """Fill the indexes from the database.

        They are millions of objects that stay: the collector, which would look at all of them again and again, waits
        meanwhile, and leaves them alone from then on. It also looks less often: what is kept of an article's words is
        many small tuples and no cycles, and at Python's own thresholds a sixth of the time went into looking for some.
        """
        gc.collect()
        gc.disable()
        try:
            await self._fill()
        finally:
            gc.enable()
        gc.freeze()
        gc.set_threshold(*COLLECTED)

    async def _fill(self) -> None:
        await self._is_active()
        async with self.database.read() as connection:
            await self._load_aliases(connection)
            async for _ in self._changes(connection):
                pass

    async def match_new(self) -> int:
        """Match one batch of entries that wait; return how many there were: none where another run is the matcher.

        Queries that came while the batch was analysed are looked up too, in the transaction that marks it. One that
        comes later requeues the newest entries (`preview.keep`); its search has found the others.
        """
        if not await self._is_active():
            return 0
        async with self.database.read() as connection:
            waiting = await entries.unmatched(connection, self.clock.now(), BATCH)
            await self._load_aliases(connection)
            async for _ in self._changes(connection):
                pass
        if not waiting:
            return 0
        placed, found = await asyncio.to_thread(self._analyse, waiting)
        async with self.database.begin() as connection:
            if not await self._is_still_active(connection):
                log.warning("batch dropped", entries=len(waiting), reason="another run is the matcher now")
                return 0
            await self._write(connection, waiting, placed, found)
            failpoint("matching")
        failpoint("matched")
        self.clusterer.forget_before(self.clock.now() - WINDOW)
        log.info("matched", entries=len(waiting), hits=sum(map(len, found.values())), version=self.version)
        return len(waiting)

    # ---- the role: one run is the active matcher (PostgreSQL); a SQLite file has one run ----

    async def _is_active(self) -> bool:
        """Return whether this run is the active matcher, with the headlines that are placed in its memory.

        A run that takes the role reads them anew: another run has placed entries meanwhile, and a placement in memory
        may be of a batch that was dropped.
        """
        if not self.database.is_sqlite:
            async with self.database.begin() as connection:
                if not await self._is_still_active(connection):
                    self._has_headlines = False
                    if not await acquire(connection, Role.MATCHER, self.database.run, self.clock.now()):
                        return False
                    log.info("role taken", role=Role.MATCHER.value)
        if not self._has_headlines:
            await self._read_headlines()
        return True

    async def _is_still_active(self, connection: AsyncConnection) -> bool:
        """Return whether no other run has been the matcher since this one took the role; none is until the commit."""
        if self.database.is_sqlite:
            return True
        return await renew(connection, Role.MATCHER, self.database.run, self.clock.now())

    async def _read_headlines(self) -> None:
        """Fill the clusterer from the database; in a thread, since there may be 50,000 headlines."""
        async with self.database.read() as connection:
            placed = await entries.placed_since(connection, self.clock.now() - WINDOW)
        self.clusterer = await asyncio.to_thread(_clusterer_of, placed)
        self._has_headlines = True

    async def _write(
        self,
        connection: AsyncConnection,
        waiting: list[StoredEntry],
        placed: dict[int, Placement],
        found: dict[int, dict[int, Match]],
    ) -> None:
        """Store the placements and hits of a batch, and mark it matched."""
        now, ids = self.clock.now(), [entry.id for entry in waiting]
        if not self.database.is_sqlite:  # there a subscription is written before this transaction or after it
            await entries.lock(connection, ids)
        await self._match_changes(connection, waiting, found)
        await entries.place(connection, {entry.id: placed[entry.id] for entry in waiting if not entry.story_id}, now)
        known = await hits.known(connection, ids)
        for entry in waiting:
            new = [hits.New(query_id, entry.id, placed[entry.id], hit) for query_id, hit in found[entry.id].items()]
            await hits.add(connection, new, now, past=entry.baseline)
        await self._count_publishers(connection, waiting, placed, found)
        alerting = {entry.id for entry in waiting if _is_news(entry, found[entry.id], known)}
        await entries.mark_matched(connection, waiting, self.version, alerting)

    async def _count_publishers(
        self,
        connection: AsyncConnection,
        waiting: list[StoredEntry],
        placed: dict[int, Placement],
        found: dict[int, dict[int, Match]],
    ) -> None:
        """Count the publishers of each event that is news for a query which waits for some."""
        events = {
            (query_id, placed[entry.id].story)
            for entry in waiting
            if not entry.baseline
            for query_id in found[entry.id].keys() & self.needed.keys()
        }
        if events:
            known = await corroborations.addresses(connection, events)
            counts = {event: len({publisher(*urls) for urls in articles}) for event, articles in known.items()}
            await corroborations.note(connection, counts, self.needed, self.clock.now())

    async def _match_changes(
        self, connection: AsyncConnection, waiting: list[StoredEntry], found: dict[int, dict[int, Match]]
    ) -> None:
        """Add the hits of queries that came while the batch was analysed; drop those of queries that were removed."""
        changed = {query_id: expr async for query_id, expr in self._changes(connection)}
        if changed:
            await asyncio.to_thread(self._match_each, changed, waiting, found)  # whole articles are read anew
        used = set().union(*found.values())
        for query_id in used - await subscriptions.existing(connection, sorted(used)):
            self.percolator.remove(query_id)  # removed before this run heard that nobody subscribes to it any more
            for matched in found.values():
                matched.pop(query_id, None)

    def _match_each(
        self, changed: dict[int, Expr | None], waiting: list[StoredEntry], found: dict[int, dict[int, Match]]
    ) -> None:
        for query_id, expr in changed.items():
            for entry in waiting:
                if expr and (match := matches(expr, entry.article(), self.percolator.aliases)):
                    found[entry.id][query_id] = match

    async def _load_aliases(self, connection: AsyncConnection) -> None:
        """Let the queries that an alias's change concerns wait anew; in a thread, since all are looked at."""
        aliases = await self.aliases.refresh(connection)
        if aliases is not self.percolator.aliases:
            await asyncio.to_thread(self.percolator.set_aliases, aliases)

    async def _changes(self, connection: AsyncConnection) -> AsyncIterator[tuple[int, Expr | None]]:
        """Take over every change of the queries that is committed, and yield each: None where there is none now."""
        changes: Sequence[Any] | None = None
        while changes is None or len(changes) == CHANGES:
            changes = await subscriptions.queries_since(connection, self.version, CHANGES)
            for query_id, text, live, version in changes:
                expr = _read(query_id, text) if live else None
                self.needed.pop(query_id, None)
                if isinstance(expr, Corroborated):
                    self.needed[query_id] = expr.publishers
                if expr is None:
                    self.percolator.remove(query_id)
                else:
                    self.percolator.add(query_id, expr)
                self.version = version
                yield query_id, expr

    def _analyse(self, waiting: list[StoredEntry]) -> tuple[dict[int, Placement], dict[int, dict[int, Match]]]:
        """Place and match each entry; runs in a thread, so that a long batch delays no message.

        An entry keeps its story: an edited one is not placed again, and one whose transaction failed is remembered.
        """
        placed = {entry.id: _placement(entry) or self.clusterer.place(entry.headline()) for entry in waiting}
        return placed, {entry.id: self._match(entry) for entry in waiting}

    def _match(self, entry: StoredEntry) -> dict[int, Match]:
        found = self.percolator.match(entry.article())
        if found.unjudged or found.unspelt:
            left, some = len(found.unjudged), found.unjudged[:SHOWN]
            log.warning("match budget spent", entry_id=entry.id, unjudged=left, unspelt=found.unspelt, query_ids=some)
        return dict(found)


def _clusterer_of(placed: Sequence[tuple[Headline, Placement]]) -> Clusterer:
    clusterer = new_clusterer()
    clusterer.warm(placed)
    return clusterer


def _read(query_id: int, text: str) -> Expr | None:
    try:
        return parse(text)
    except QueryError as error:  # written by a version whose language had more
        log.error("query unreadable", query_id=query_id, reason=str(error))
        return None


def _is_news(entry: StoredEntry, found: Collection[int], known: Collection[tuple[int, int]]) -> bool:
    """Return whether queries found an entry that is to be alerted: for the first time, or new ones among them.

    One that is only matched again is not: a message of it that did not arrive is owed to the next digest, and told so.
    """
    is_new = entry.story_id is None
    return not entry.baseline and any(is_new or (query_id, entry.id) not in known for query_id in found)


def _placement(entry: StoredEntry) -> Placement | None:
    if entry.story_id is None or entry.text_id is None:
        return None
    return Placement(story=entry.story_id, text=entry.text_id)  # its thread is stored, and not stored again
