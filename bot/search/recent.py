"""Week: an index of the entries of the last seven days, which shows at once the matches of a new query.

A cache of the database in each process that answers chats: filled when the process starts, updated with new and edited
entries, and cleared of those older than a week (or beyond MOST). None of it is stored. One thread does the work in
small portions, so that the alerts of the same process are not delayed.

Filling it takes minutes. Until then a request is answered from the entries indexed so far, the newest first, and the
answer is marked as incomplete.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from bot.matching.query.ast import Expr
from bot.matching.text.analysis import Case
from bot.models import Article, Placement
from bot.pipeline.aliases import AliasBook
from bot.runtime.clock import Clock
from bot.search.article_index import Index, IndexMatches, IndexSearch
from bot.search.budget import Allowance, SearchBudgets
from bot.storage import entries
from bot.storage.database import Database
from bot.storage.entries import EntryHeader

DAYS = timedelta(days=7)
OVERLAP = timedelta(minutes=5)  # longer than an entry takes from the feed into the database
MOST = 20_000  # entries
MOST_WORDS = 2_000_000  # of all entries together
MOST_WAITING = 2000  # entries whose story is looked up at a time
AT_ONCE = 50  # entries indexed without a pause
FEW = 500  # new entries that are indexed during a request
FEW_NAMED = 2000  # entries whose names are read again during a request
PATIENCE = timedelta(seconds=2)  # for an update that is running
SEARCHES = 16  # at a time; far fewer than the updates applied at a time, so that some of these never wait for them
COUNTED = 10_000  # queries whose number of stories is remembered
JUDGED = 1000  # entries judged in full for one query: a second or two

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class RecentEntry:
    """An entry of the week and its number in the index."""

    number: int
    header: EntryHeader

    @property
    def story(self) -> int:
        """The id of its story; the entry's own id until it was placed in one."""
        return self.header.story_id or self.header.id


@dataclass(frozen=True, slots=True)
class RecentMatches:
    """The entries that a query matches, the newest first; not `is_whole` if some were left unjudged to save time."""

    entries: list[RecentEntry]
    is_whole: bool = True


class Week:
    """An index of the entries of the last seven days."""

    def __init__(self, database: Database, clock: Clock, aliases: AliasBook) -> None:
        self.database = database
        self.clock = clock
        self.aliases = aliases
        self.is_filled = False  # all entries there were at the first update are indexed
        self._index = Index(aliases.current)
        self._by_id: dict[int, RecentEntry] = {}
        self._ids: dict[int, int] = {}  # of entries, by their number in the index
        self._next = 0
        self._updated_at: datetime | None = None
        self._updating = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "week")
        self._counted: OrderedDict[Expr, int] = OrderedDict()
        self._places = asyncio.Semaphore(SEARCHES)
        self.budgets = SearchBudgets()

    def __len__(self) -> int:
        return len(self._by_id)

    async def catch_up(self) -> None:
        """Index the entries that are new or edited since the last update, and drop those that are too old."""
        async with self._updating:
            await self._catch_up()

    async def glance(self) -> bool:
        """Index the new entries if they are few; return whether the index is complete now.

        For a request that waits: a longer update is left to `catch_up`.
        """
        if not self.is_filled:
            return False
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await self._updating.acquire()
        except TimeoutError:
            return False
        try:
            return await self._catch_up(few=True)
        finally:
            self._updating.release()

    async def _catch_up(self, *, few: bool = False) -> bool:
        """Update the index and return True; with `few`, do nothing and return False if there is much to do."""
        now = self.clock.now()
        async with self.database.read() as connection:
            aliases = await self.aliases.refresh(connection)
            since = now - DAYS if self._updated_at is None else max(now - DAYS, self._updated_at - OVERLAP)
            headers = await entries.headers(connection, since, MOST)
        new = [header.id for header in headers if self._is_new(header)]
        is_renamed = aliases is not self._index.aliases
        if few and (len(new) > FEW or (is_renamed and len(self) > FEW_NAMED)):
            return False
        if is_renamed:
            await self.run(self._index.set_aliases, aliases)
        await self._update_stories(headers)
        await self._index_entries(new)
        await self._drop_old(now - DAYS)
        self._updated_at = now
        self.is_filled = True
        return True

    async def find(
        self,
        exprs: Sequence[Expr],
        *,
        since: datetime | None = None,
        judged: int = JUDGED,
        allowance: Allowance | None = None,
    ) -> list[RecentMatches]:
        """Return the indexed entries that each query matches; with `since`, only those seen since then.

        Once the allowance is spent, what was found by then is returned as incomplete.
        """
        among = None
        if since is not None:
            among = {entry.number for entry in self._by_id.values() if entry.header.seen_at >= since}
        begin = partial(self._index.begin, most=judged, among=among)
        found = [await self._find(partial(begin, expr), allowance) for expr in exprs]
        return [RecentMatches(self._newest_first(matches.numbers), matches.is_whole) for matches in found]

    async def _find(self, begin: Callable[[], IndexSearch], allowance: Allowance | None) -> IndexMatches:
        """Search in slices. The thread is a queue: between two of them, every other search has one."""
        if allowance is not None and allowance.is_spent:
            return IndexMatches(set(), 1)
        search = await self.run_for(allowance, begin)
        while search.waiting and not (allowance is not None and allowance.is_spent):
            await self.run_for(allowance, self._index.judge, search)
        return search.matches()

    @asynccontextmanager
    async def searching(self, person: int | None) -> AsyncIterator[Allowance | None]:
        """Take one of the places of searches, and yield the person's allowance: a spent one if no place is free soon.

        Without a person there is no allowance and no waiting.
        """
        if person is None:
            yield None
            return
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await self._places.acquire()
        except TimeoutError:
            yield Allowance(0.0, self.clock.monotonic())
            return
        try:
            yield self.budgets.of(person, self.clock.monotonic())
        finally:
            self._places.release()

    async def companions(
        self, found: Sequence[RecentEntry]
    ) -> tuple[list[tuple[str, int]], list[tuple[tuple[str, Case], int]]]:
        """Return the places (as keys) and the other names in these entries, each with the number of entries that have
        it, the most frequent first."""
        numbers = [entry.number for entry in found]
        places = await self.run(self._index.companions, numbers)
        names = await self.run(self._index.names, numbers)
        return places.most_common(), names.most_common()

    def remember(self, expr: Expr, stories: int) -> None:
        """Remember the number of stories that a whole search found, for lists, which never search."""
        self._counted[expr] = stories
        self._counted.move_to_end(expr)
        if len(self._counted) > COUNTED:
            self._counted.popitem(last=False)

    def remembered(self, expr: Expr) -> int | None:
        """Return the number of stories that the last whole search for a query found; None if it is not known."""
        return self._counted.get(expr)

    def stories(self, found: Sequence[RecentEntry]) -> int:
        """Return the number of stories of those of these entries that were published in the last seven days."""
        since = self.clock.now() - DAYS
        return len({entry.story for entry in found if entry.header.published_at >= since})

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _newest_first(self, numbers: set[int]) -> list[RecentEntry]:
        found = [self._by_id[entry_id] for number in numbers if (entry_id := self._ids.get(number)) is not None]
        return sorted(found, key=lambda entry: (entry.header.published_at, entry.header.id), reverse=True)

    async def run(self, work: Callable[..., Value], *args: object) -> Value:
        """Do some work in the week's thread, one piece at a time, so that many requests at once delay no alert."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    async def run_for(self, allowance: Allowance | None, work: Callable[..., Value], *args: object) -> Value:
        """Do some work as `run` does, and count the time of the thread against an allowance."""
        began: list[float] = []
        ended: list[float] = []

        def timed() -> Value:
            began.append(time.thread_time())  # waiting for other threads costs nobody else anything
            try:
                return work(*args)
            finally:
                ended.append(time.thread_time())

        try:
            return await self.run(timed)
        finally:
            if allowance is not None and ended:
                allowance.spend(ended[0] - began[0])

    def _is_new(self, header: EntryHeader) -> bool:
        known = self._by_id.get(header.id)
        if known is None:
            return True
        return (known.header.content_hash, known.header.has_page) != (header.content_hash, header.has_page)

    async def _update_stories(self, headers: Sequence[EntryHeader]) -> None:
        """Store the story of each entry that had none when it was indexed."""
        for header in headers:
            if not self._is_new(header):
                self._by_id[header.id] = replace(self._by_id[header.id], header=header)
        waiting = [entry.header.id for entry in self._by_id.values() if entry.header.story_id is None][-MOST_WAITING:]
        async with self.database.read() as connection:
            placed: dict[int, Placement] = await entries.placements(connection, waiting) if waiting else {}
        for entry_id, placement in placed.items():
            entry = self._by_id[entry_id]
            self._by_id[entry_id] = replace(entry, header=replace(entry.header, story_id=placement.story))

    async def _index_entries(self, ids: Sequence[int]) -> None:
        """Index entries (the newest first), in small portions with pauses as long as they took."""
        numbers = dict(zip(reversed(ids), range(self._next, self._next + len(ids)), strict=True))
        self._next += len(ids)
        for start in range(0, len(ids), AT_ONCE):
            async with self.database.read() as connection:
                rows = await entries.by_ids(connection, ids[start : start + AT_ONCE])
            began = time.perf_counter()
            await self.run(self._add, [(numbers[row.id], row.article()) for row in rows])
            for row in rows:
                await self._drop([row.id])
                has_page = row.page is not None
                header = EntryHeader(row.id, row.content_hash, row.story_id, row.published_at, row.seen_at, has_page)
                self._by_id[row.id] = RecentEntry(numbers[row.id], header)
                self._ids[numbers[row.id]] = row.id
            if start + AT_ONCE < len(ids):
                await asyncio.sleep(time.perf_counter() - began)

    def _add(self, numbered: Sequence[tuple[int, Article]]) -> None:
        for number, article in numbered:
            self._index.add(number, article)

    async def _drop_old(self, before: datetime) -> None:
        old = [entry_id for entry_id, entry in self._by_id.items() if entry.header.seen_at < before]
        await self._drop(old)
        while len(self._by_id) > MOST or (self._index.words > MOST_WORDS and self._by_id):
            oldest = sorted(self._by_id)[: max(AT_ONCE, len(self._by_id) - MOST)]
            await self._drop(oldest)

    async def _drop(self, ids: Sequence[int]) -> None:
        numbers = [self._by_id.pop(entry_id).number for entry_id in ids if entry_id in self._by_id]
        for number in numbers:
            del self._ids[number]
        if numbers:
            await self.run(self._index.remove, numbers)
