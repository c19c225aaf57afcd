"""Week: the entries of the last seven days, indexed, so that a query can be told at once what it would have found.

A cache of the database, in whatever process chats are answered: it is filled when that starts, follows what comes and
is edited, and lets go of what is older than a week (or beyond MOST). Nothing of it has to be kept. The work is done in
one thread, a little at a time, so that the alerts of the same process do not wait for it.

Nobody who writes to the bot waits for it to be filled, which takes minutes: they are answered from what it has so far,
the newest first, and told that it is not all.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from bot.matching.query.ast import Expr
from bot.matching.text.analysis import Case
from bot.models import Article, Placement
from bot.pipeline.aliases import AliasBook
from bot.pipeline.match import article
from bot.runtime.clock import Clock
from bot.search.article_index import Index
from bot.storage import entries
from bot.storage.database import Database
from bot.storage.entries import EntryHeader

DAYS = timedelta(days=7)
OVERLAP = timedelta(minutes=5)  # longer than an entry is on its way from the feed into the database
MOST = 20_000  # entries
MOST_WORDS = 2_000_000  # of all of them
MOST_WAITING = 2000  # entries asked for their story at a time
AT_ONCE = 50  # entries indexed without a pause
FEW = 500  # entries are indexed while somebody waits
FEW_NAMED = 2000  # entries have their names read anew while somebody waits
PATIENCE = timedelta(seconds=2)  # with who indexes just then
JUDGED = 1000  # entries are judged for one query: a second, or two

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Held:
    """An entry of the week, under its number in the index."""

    number: int
    head: EntryHeader

    @property
    def story(self) -> int:
        """The story it belongs to; its own until it was placed in one."""
        return self.head.story_id or self.head.id


@dataclass(frozen=True, slots=True)
class Answer:
    """The entries that a query matches, the newest first; not `is_whole` where judging them all would take too long."""

    held: list[Held]
    is_whole: bool = True


class Week:
    """What the last seven days had."""

    def __init__(self, database: Database, clock: Clock, aliases: AliasBook) -> None:
        self.database = database
        self.clock = clock
        self.aliases = aliases
        self.is_filled = False  # with all there was when it was first looked
        self._index = Index(aliases.current)
        self._held: dict[int, Held] = {}  # by entry
        self._entries: dict[int, int] = {}  # by number
        self._next = 0
        self._looked_at: datetime | None = None
        self._one_at_a_time = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "week")

    def __len__(self) -> int:
        return len(self._held)

    async def catch_up(self) -> None:
        """Take over what came, was edited or is too old since the last time."""
        async with self._one_at_a_time:
            await self._catch_up()

    async def glance(self) -> bool:
        """Take over what little came since the last time; return whether the index has all there is now.

        For who waits for an answer: what takes long is left to `catch_up`.
        """
        if not self.is_filled:
            return False
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await self._one_at_a_time.acquire()
        except TimeoutError:
            return False
        try:
            return await self._catch_up(few=True)
        finally:
            self._one_at_a_time.release()

    async def _catch_up(self, *, few: bool = False) -> bool:
        """Return whether that was done; if only a `few` are to be read, nothing is done where there are more."""
        now = self.clock.now()
        async with self.database.read() as connection:
            aliases = await self.aliases.refresh(connection)
            since = now - DAYS if self._looked_at is None else max(now - DAYS, self._looked_at - OVERLAP)
            heads = await entries.headers(connection, since, MOST)
        new = [one.id for one in heads if self._is_new(one)]
        is_renamed = aliases is not self._index.aliases
        if few and (len(new) > FEW or (is_renamed and len(self) > FEW_NAMED)):
            return False
        if is_renamed:
            await self.run(self._index.set_aliases, aliases)
        await self._place(heads)
        await self._take(new)
        await self._let_go(now - DAYS)
        self._looked_at = now
        self.is_filled = True
        return True

    async def find(self, exprs: Sequence[Expr], *, since: datetime | None = None, judged: int = JUDGED) -> list[Answer]:
        """Return what matches each query, as far as the index has caught up; with `since`, of what was seen since."""
        among = None
        if since is not None:
            among = {one.number for one in self._held.values() if one.head.seen_at >= since}
        found = [await self.run(partial(self._index.find, expr, most=judged, among=among)) for expr in exprs]
        return [Answer(self._newest_first(one.numbers), one.is_whole) for one in found]

    async def companions(
        self, found: Sequence[Held]
    ) -> tuple[list[tuple[str, int]], list[tuple[tuple[str, Case], int]]]:
        """Return the places (as keys) and the names that the entries have most often, with how many have them."""
        numbers = [one.number for one in found]
        places = await self.run(self._index.companions, numbers)
        names = await self.run(self._index.names, numbers)
        return places.most_common(), names.most_common()

    def stories(self, found: Sequence[Held]) -> int:
        """Return of how many stories these entries are that were published in the last seven days."""
        since = self.clock.now() - DAYS
        return len({one.story for one in found if one.head.published_at >= since})

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _newest_first(self, numbers: set[int]) -> list[Held]:
        held = [self._held[entry_id] for number in numbers if (entry_id := self._entries.get(number)) is not None]
        return sorted(held, key=lambda one: (one.head.published_at, one.head.id), reverse=True)

    async def run(self, work: Callable[..., Value], *args: object) -> Value:
        """Do some work in the week's thread: one thing at a time, so that many who ask delay no alert."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    def _is_new(self, head: EntryHeader) -> bool:
        known = self._held.get(head.id)
        if known is None:
            return True
        return (known.head.content_hash, known.head.has_page) != (head.content_hash, head.has_page)

    async def _place(self, heads: Sequence[EntryHeader]) -> None:
        """Note which story entries belong to, of those that were not placed when they came."""
        for head in heads:
            if not self._is_new(head):
                self._held[head.id] = replace(self._held[head.id], head=head)
        waiting = [one.head.id for one in self._held.values() if one.head.story_id is None][-MOST_WAITING:]
        async with self.database.read() as connection:
            placed: dict[int, Placement] = await entries.placements(connection, waiting) if waiting else {}
        for entry_id, placement in placed.items():
            held = self._held[entry_id]
            self._held[entry_id] = replace(held, head=replace(held.head, story_id=placement.story))

    async def _take(self, ids: Sequence[int]) -> None:
        """Index entries (the newest first), in small portions with pauses as long as they took."""
        numbers = dict(zip(reversed(ids), range(self._next, self._next + len(ids)), strict=True))
        self._next += len(ids)
        for start in range(0, len(ids), AT_ONCE):
            async with self.database.read() as connection:
                rows = await entries.by_ids(connection, ids[start : start + AT_ONCE])
            began = time.perf_counter()
            await self.run(self._add, [(numbers[row.id], article(row)) for row in rows])
            for row in rows:
                await self._forget([row.id])
                has_page = row.page is not None
                head = EntryHeader(row.id, row.content_hash, row.story_id, row.published_at, row.seen_at, has_page)
                self._held[row.id] = Held(numbers[row.id], head)
                self._entries[numbers[row.id]] = row.id
            if start + AT_ONCE < len(ids):
                await asyncio.sleep(time.perf_counter() - began)

    def _add(self, numbered: Sequence[tuple[int, Article]]) -> None:
        for number, read in numbered:
            self._index.add(number, read)

    async def _let_go(self, before: datetime) -> None:
        old = [entry_id for entry_id, one in self._held.items() if one.head.seen_at < before]
        await self._forget(old)
        while len(self._held) > MOST or (self._index.words > MOST_WORDS and self._held):
            oldest = sorted(self._held)[: max(AT_ONCE, len(self._held) - MOST)]
            await self._forget(oldest)

    async def _forget(self, ids: Sequence[int]) -> None:
        numbers = [self._held.pop(entry_id).number for entry_id in ids if entry_id in self._held]
        for number in numbers:
            del self._entries[number]
        if numbers:
            await self.run(self._index.remove, numbers)
