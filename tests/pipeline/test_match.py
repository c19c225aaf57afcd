"""No alert is lost between an entry that arrives and somebody who subscribes at the same moment."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.matching.query.parser import parse
from bot.models import FeedEntry, Schedule
from bot.pipeline.aliases import AliasBook
from bot.pipeline.match import Matcher
from bot.runtime.clock import Clock
from bot.search import preview
from bot.search.recent import Week
from bot.storage import chats, entries, hits, sources, subscriptions
from bot.storage.database import Database
from bot.storage.runs import ROLE_LEASE
from bot.storage.schema import entry, query, role, story, subscription

NEWS = FeedEntry(("key",), "Rain over Idlib", "https://e.org/1", None, "Fields are flooded.", "en", None)


async def publish(database: Database, *news: FeedEntry, baseline: bool = False) -> None:
    now = datetime.now(UTC)
    async with database.begin() as connection:
        source_id, _ = await sources.add(connection, url="https://e.org/feed", title="E", now=now)
        await entries.store(connection, source_id, news or [NEWS], now, baseline=baseline)


class Reader:
    """Somebody who subscribes, in the two steps of the command: look at the last week, then write."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = datetime.now(UTC)
        self.week = Week(database, Clock(), AliasBook())
        self.found: list[preview.PreviewEntry] = []
        self.outcome = preview.Preview()
        self.chat_id = 0

    async def look(self) -> None:
        (outcome,) = await preview.search(self.week, [parse("Idlib")])
        self.outcome, self.found = outcome, outcome.newest

    async def subscribe(self) -> None:
        async with self.database.begin() as connection:
            await self.write(connection)

    async def write(self, connection: AsyncConnection) -> None:
        chat, _ = await chats.get_or_create(
            connection,
            telegram_id=7,
            thread_id=0,
            kind="private",
            locale="en",
            zone="UTC",
            digest_time=time(8),
            now=self.now,
        )
        self.chat_id = chat.id
        made, _ = await subscriptions.subscribe(
            connection, chat_id=chat.id, text="Idlib", label="Idlib", schedule=Schedule.DAILY, now=self.now
        )
        await preview.keep(connection, made.query_id, self.outcome, self.now)

    async def knows(self) -> list[str]:
        """What the confirmation showed, and what is owed."""
        async with self.database.read() as connection:
            owed = await hits.pending(connection, self.chat_id, datetime.now(UTC), [Schedule.DAILY])
        return [one.entry.title for one in self.found] + [one.title for one in owed]


@pytest.mark.parametrize(
    "order",
    [
        ("publish", "look", "subscribe", "match", "match"),
        ("publish", "match", "look", "subscribe", "match"),
        ("look", "publish", "subscribe", "match", "match"),
        ("look", "publish", "match", "subscribe", "match"),
        ("look", "subscribe", "publish", "match", "match"),
        ("publish", "look", "match", "subscribe", "match"),
    ],
)
@pytest.mark.parametrize("is_filled", [True, False])
async def test_whatever_comes_first_the_reader_hears_of_it_once(
    database: Database, order: tuple[str, ...], is_filled: bool
) -> None:
    matcher, reader = Matcher(database, Clock()), Reader(database)
    if is_filled:
        await reader.week.catch_up()
    does: dict[str, Callable[[], Awaitable[Any]]] = {
        "look": reader.look,
        "subscribe": reader.subscribe,
        "publish": lambda: publish(database),
        "match": matcher.match_new,
    }
    for step in order:
        await does[step]()
    assert await reader.knows() == ["Rain over Idlib"]


class Interrupted(Matcher):
    """A matcher during whose analysis something else happens and is committed."""

    meanwhile: Callable[[], Awaitable[None]]
    loop: asyncio.AbstractEventLoop

    def _analyse(self, waiting: Any) -> Any:
        found = super()._analyse(waiting)
        if waiting and not self.version:
            asyncio.run_coroutine_threadsafe(self._call(), self.loop).result(10)
        return found

    async def _call(self) -> None:
        await self.meanwhile()


async def test_a_query_that_comes_while_its_entry_is_analysed_finds_it(database: Database) -> None:
    matcher, reader = Interrupted(database, Clock()), Reader(database)
    matcher.loop = asyncio.get_running_loop()
    matcher.meanwhile = reader.subscribe
    await reader.look()
    await publish(database)

    await matcher.match_new()

    assert await reader.knows() == ["Rain over Idlib"]


async def test_who_subscribes_while_the_last_subscriber_leaves_has_a_live_query(database: Database) -> None:
    first = Reader(database)
    await first.subscribe()

    async def leave() -> None:
        async with database.begin() as connection:
            (mine,) = await subscriptions.of_chat(connection, first.chat_id)
            await subscriptions.unsubscribe(connection, first.chat_id, [mine.id])

    async def come(telegram_id: int) -> None:
        async with database.begin() as connection:
            chat, _ = await chats.get_or_create(
                connection,
                telegram_id=telegram_id,
                thread_id=0,
                kind="private",
                locale="en",
                zone="UTC",
                digest_time=time(8),
                now=first.now,
            )
            await subscriptions.subscribe(
                connection, chat_id=chat.id, text="Idlib", label="Idlib", schedule=Schedule.DAILY, now=first.now
            )

    await asyncio.gather(leave(), come(8))

    async with database.read() as connection:
        wanted = (await connection.execute(sa.select(subscription.c.query_id))).scalars().all()
        changes = {one[0]: one[2] for one in await subscriptions.queries_since(connection, 0, 10)}
    assert [changes[query_id] for query_id in wanted] == [True]


async def test_queries_that_an_article_leaves_no_time_for_are_named_in_the_log(database: Database) -> None:
    now = datetime.now(UTC)
    async with database.begin() as connection:
        source_id, _ = await sources.add(connection, url="https://e.org/feed", title="E", now=now)
        endless = FeedEntry(("key",), "The dam", "https://e.org/1", None, "the dam " * 8_000, "en", None)
        await entries.store(connection, source_id, [endless], now, baseline=False)
        rows = [{"text": f"the NEAR/1 dam NOT x{n}", "live": True, "version": n} for n in range(1, 301)]
        await connection.execute(query.insert(), rows)

    with structlog.testing.capture_logs() as logs:
        await Matcher(database, Clock()).match_new()

    (spent,) = [line for line in logs if line["event"] == "match budget spent"]
    (matched,) = [line for line in logs if line["event"] == "matched"]
    assert spent["entry_id"]
    assert spent["query_ids"]
    assert matched["hits"] + spent["unjudged"] == 300


async def test_what_the_first_poll_of_a_source_brings_is_among_the_latest_and_never_news(database: Database) -> None:
    matcher, reader = Matcher(database, Clock()), Reader(database)
    await reader.subscribe()
    await publish(database, baseline=True)
    assert await matcher.match_new() == 1
    assert await reader.knows() == []
    async with database.begin() as connection:
        assert await entries.alerting(connection, 9) == []
        assert [found.title for found in await hits.latest(connection, reader.chat_id, 9)] == ["Rain over Idlib"]


async def test_an_entry_that_is_only_matched_again_is_not_alerted_again(database: Database) -> None:
    """Somebody subscribes, and the newest entries are matched again: an alert that was twice in doubt stays with the
    digest. A query that finds the entry for the first time has it alerted."""
    matcher, reader = Matcher(database, Clock()), Reader(database)

    async def alerted(*, query_ids: int) -> bool:
        """Match; return whether that leaves alerts to be written, and say that they are."""
        assert await matcher.match_new() == 1
        async with database.begin() as connection:
            waiting = await entries.alerting(connection, 9)
            assert len(await hits.known(connection, [1])) == query_ids
            await entries.set_alerted_to(connection, 1, None)
        return bool(waiting)

    await reader.subscribe()
    await publish(database)
    assert await alerted(query_ids=1)

    async with database.begin() as connection:
        await entries.match_again(connection, reader.now)
    assert not await alerted(query_ids=1)

    async with database.begin() as connection:
        await subscriptions.subscribe(
            connection, chat_id=reader.chat_id, text="rain", label="rain", schedule=Schedule.INSTANT, now=reader.now
        )
        await entries.match_again(connection, reader.now)
    assert await alerted(query_ids=2)


async def test_a_query_that_is_written_while_a_batch_is_finds_its_entries(database: Database) -> None:
    """The subscription asks for the entry to be matched again before the matcher marks it, and commits after."""
    matcher, reader = Matcher(database, Clock()), Reader(database)
    await matcher.match_new()
    await reader.look()
    await publish(database)
    async with database.begin() as connection:
        await reader.write(connection)
        matching = asyncio.create_task(matcher.match_new())
        await asyncio.sleep(0.5)
        assert not matching.done()
    await matching
    while await matcher.match_new():
        pass
    assert await reader.knows() == ["Rain over Idlib"]


async def test_a_query_that_was_removed_before_the_matcher_heard_of_it_hinders_nothing(database: Database) -> None:
    matcher, reader = Matcher(database, Clock()), Reader(database)
    await reader.subscribe()
    await matcher.match_new()
    async with database.begin() as connection:
        (mine,) = await subscriptions.of_chat(connection, reader.chat_id)
        await subscriptions.unsubscribe(connection, reader.chat_id, [mine.id])
        assert await subscriptions.purge_queries(connection, 9) == 1
    await publish(database)
    assert await matcher.match_new() == 1
    assert len(matcher.percolator) == 0


class Stopped(Matcher):
    """A matcher that goes on with a batch only when it may."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self.analysed, self.may_go_on = threading.Event(), threading.Event()

    def _analyse(self, waiting: Any) -> Any:
        found = super()._analyse(waiting)
        self.analysed.set()
        assert self.may_go_on.wait(20)
        return found


class Later(Clock):
    """A clock by which every lease has ended."""

    def now(self) -> datetime:
        return super().now() + ROLE_LEASE * 1.5


def museum(n: int) -> FeedEntry:
    visitors = ("visitors", "its visitors", "all visitors", "some visitors")[n]
    title = f"Museum shows mosaic floor from Palmyra to {visitors}"
    return FeedEntry((str(n),), title, f"https://e.org/{n}", None, "", "en", None)


async def placed(database: Database) -> list[tuple[int | None, int]]:
    """Return (story, its size) of each entry."""
    joined = sa.outerjoin(entry, story, story.c.id == entry.c.story_id)
    statement = sa.select(entry.c.story_id, sa.func.coalesce(story.c.size, 0)).select_from(joined)
    async with database.read() as connection:
        return [(row[0], row[1]) for row in await connection.execute(statement.order_by(entry.c.id))]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_matcher_that_lost_its_role_drops_its_batch_and_learns_what_others_placed(database: Database) -> None:
    successor = Database(database.url.render_as_string(hide_password=False))
    first, second = Stopped(database, Clock()), Matcher(successor, Later())
    await first.warm()
    await publish(database, museum(0), museum(1))
    batch = asyncio.create_task(first.match_new())
    await asyncio.to_thread(first.analysed.wait, 20)

    assert await second.match_new() == 2
    first.clock = second.clock
    first.may_go_on.set()
    assert await batch == 0
    assert await placed(database) == [(1, 2)] * 2

    await publish(database, museum(2))
    assert await first.match_new() == 0  # on standby
    assert await second.match_new() == 1
    async with successor.begin() as connection:
        await connection.execute(role.delete())  # the second stops
    await publish(database, museum(3))
    assert await first.match_new() == 1
    assert await placed(database) == [(1, 4)] * 4
    await successor.close()
