"""What the last week had is known from an index, and is what the database says."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
import sqlalchemy as sa

from bot.chat import inbox
from bot.matching.query.ast import Name
from bot.matching.query.parser import parse
from bot.models import FeedEntry, Schedule
from bot.pipeline.aliases import AliasBook
from bot.pipeline.match import Matcher
from bot.search import article_index, preview, recent
from bot.search.budget import SearchBudgets
from bot.search.preview import Preview
from bot.search.recent import Week
from bot.storage import aliases, entries, hits, pages, sources
from bot.storage.database import Database
from bot.storage.schema import entry, hit
from tests.pipeline.rig import SetClock
from tests.storage.world import World as Stored

DAY = timedelta(days=1)
Value = TypeVar("Value")


class World:
    """A database, and the week of a process that answers chats."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SetClock()
        self.week = Week(database, self.clock, AliasBook())

    async def publish(self, *titles: str, key: str | None = None, at: datetime | None = None) -> None:
        items = [FeedEntry((key or title,), title, None, None, "", "en", at) for title in titles]
        async with self.database.begin() as connection:
            source_id, _ = await sources.add(connection, url="https://e.org/f", title="E", now=self.clock.time)
            await entries.store(connection, source_id, items, self.clock.time, baseline=False)

    async def look(self, query: str) -> Preview:
        (found,) = await preview.search(self.week, [parse(query)])
        return found

    async def titles(self, query: str) -> list[str]:
        return [one.entry.title for one in (await self.look(query)).newest]


@pytest.fixture
async def world(database: Database) -> World:
    made = World(database)
    await made.week.catch_up()  # all there is: nothing
    return made


async def test_it_follows_the_pages_that_come(world: World) -> None:
    await world.publish("Rain over Idlib")
    assert await world.titles("Homs") == []
    world.clock.time += DAY
    async with world.database.begin() as connection:
        await pages.finish(connection, 1, world.clock.time, "It rained over Homs, too.")
    assert await world.titles("Homs") == ["Rain over Idlib"]


async def test_it_follows_what_comes_is_edited_and_grows_old(world: World) -> None:
    await world.publish("Rain over Idlib", "Cats of Rome")
    assert await world.titles("Idlib") == ["Rain over Idlib"]
    world.clock.time += 3 * DAY
    await world.publish("Snow over Idlib")
    await world.publish("Dogs of Idlib", key="Cats of Rome")
    assert await world.titles("Idlib") == ["Snow over Idlib", "Dogs of Idlib", "Rain over Idlib"]
    assert await world.titles("Rome") == []
    world.clock.time += 5 * DAY
    assert await world.titles("Idlib") == ["Snow over Idlib"]
    assert len(world.week) == 1


async def test_what_was_published_long_ago_is_shown_and_not_counted(world: World) -> None:
    await world.publish("Old rain over Idlib", at=world.clock.time - 30 * DAY)
    await world.publish("Rain over Idlib")
    found = await world.look("Idlib")
    assert (found.stories, len(found.newest)) == (1, 2)


async def test_entries_of_one_story_count_once_even_if_placed_after_they_came(world: World) -> None:
    await world.publish("Rain floods the market of Idlib", key="1")
    await world.publish("Rain floods the market of Idlib", key="2")
    assert (await world.look("Idlib")).stories == 2
    await Matcher(world.database, world.clock).match_new()
    assert (await world.look("Idlib")).stories == 1


async def test_an_entry_that_is_gone_is_neither_shown_nor_kept(world: World) -> None:
    await world.publish("Rain over Idlib", "Snow over Idlib")
    found = await world.look("Idlib")
    stored = Stored(world.database)
    made = await stored.subscribe(await stored.chat(), "Idlib", Schedule.DAILY)
    async with world.database.begin() as connection:
        await connection.execute(entry.delete().where(entry.c.title == "Rain over Idlib"))
        await preview.keep(connection, made.query_id, found, world.clock.time)
        kept = (await connection.execute(sa.select(sa.func.count()).select_from(hit))).scalar_one()
    assert kept == 1
    assert await world.titles("Idlib") == ["Snow over Idlib"]


async def test_an_alias_made_anywhere_counts_at_once(world: World) -> None:
    await world.publish("HTS advances", "Nusra Front retreats")
    assert await world.titles("HTS") == ["HTS advances"]
    async with world.database.begin() as connection:
        await aliases.begin_change(connection)
        await aliases.add(connection, ("HTS", "Nusra Front"), world.clock.time)
    assert sorted(await world.titles("HTS")) == ["HTS advances", "Nusra Front retreats"]


async def test_beyond_the_bound_the_oldest_go(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MOST", 60)
    await world.publish(*(f"Rain {number} over Idlib" for number in range(150)))
    await world.publish("Snow over Idlib")
    found = await world.look("Idlib")
    assert found.newest[0].entry.title == "Snow over Idlib"
    assert len(world.week) <= 60
    (matched,) = await world.week.find([Name("Idlib")])
    assert len(matched.entries) == len(world.week)


async def test_since_when_limits_what_an_undo_brings_back_and_nothing_else_does(world: World) -> None:
    await world.publish("Old rain over Idlib")
    world.clock.time += timedelta(hours=1)
    since = world.clock.time
    await world.publish(*(f"Rain {number} over Idlib" for number in range(preview.KEPT + 20)))
    (found,) = await preview.search(world.week, [parse("Idlib")], since=since, most=None)
    assert len(found.newest) == preview.KEPT + 20
    assert len((await world.look("Idlib")).newest) == preview.KEPT


async def test_who_asks_while_it_is_filled_is_answered_with_what_it_has_the_newest_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "AT_ONCE", 1)
    await world.publish(*(f"Rain {number} over Idlib" for number in range(300)))
    world.week = Week(world.database, world.clock, AliasBook())
    found = await world.look("Idlib")  # does not begin to fill it, either
    assert (found.is_filled, found.is_whole, found.stories, found.forms) == (False, False, 0, [])
    filling = asyncio.create_task(world.week.catch_up())
    while not len(world.week):
        await asyncio.sleep(0)
    found = await world.look("Idlib")
    assert found.newest[0].entry.title == "Rain 299 over Idlib"
    await filling
    found = await world.look("Idlib")
    assert (found.is_filled, found.is_whole, found.stories) == (True, True, 300)


async def test_nobody_waits_while_much_is_taken_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "FEW", 2)
    await world.publish(*(f"Rain {number} over Idlib" for number in range(3)))
    found = await world.look("Idlib")
    assert (found.is_filled, found.is_whole, found.stories) == (True, False, 0)
    await world.week.catch_up()
    assert (await world.look("Idlib")).stories == 3


async def test_an_undo_owes_all_that_came_even_if_the_week_was_not_read_yet(world: World) -> None:
    stored, matcher = Stored(world.database), Matcher(world.database, world.clock)
    chat = await stored.chat()
    stopped_at = world.clock.time
    await world.publish("Rain over Idlib")
    world.clock.time += timedelta(minutes=50)
    await matcher.match_new()  # while nobody watches it
    unread = Week(world.database, world.clock, AliasBook())
    (found,) = await preview.search(unread, [parse("Idlib")], since=stopped_at, most=None)
    made = await stored.subscribe(chat, "Idlib", Schedule.DAILY, at=stopped_at - DAY)
    async with world.database.begin() as connection:
        await preview.keep(connection, made.query_id, found, world.clock.time, news_since=stopped_at)
    await matcher.match_new()
    async with world.database.read() as connection:
        owed = await hits.pending(connection, chat.id, world.clock.time, [Schedule.DAILY])
    assert [one.title for one in owed] == ["Rain over Idlib"]


class NotedWeek(Week):
    """A week that notes whose pieces of work its thread did, in their order."""

    def __init__(self, database: Database, clock: SetClock) -> None:
        super().__init__(database, clock, AliasBook())
        self.done: list[str] = []

    async def run(self, work: Callable[..., Value], *args: object) -> Value:
        task = asyncio.current_task()
        value = await super().run(work, *args)
        self.done.append(task.get_name() if task else "")
        return value


async def long_articles(world: World, count: int) -> NotedWeek:
    """Publish articles of 2000 words, and return a week that has indexed them."""
    text = "The grain of one harvest was sold. " * 280 + "Idlib waits. " + "Rain fell on the town. " * 6
    items = [FeedEntry((f"{n}",), f"Harvest {n}", None, None, text, "en", None) for n in range(count)]
    async with world.database.begin() as connection:
        source_id, _ = await sources.add(connection, url="https://e.org/f", title="E", now=world.clock.time)
        await entries.store(connection, source_id, items, world.clock.time, baseline=False)
    week = NotedWeek(world.database, world.clock)
    await week.catch_up()
    week.done.clear()
    return week


HEAVY = "(harv* OR town~) NEAR/100 Idlib"


async def test_a_heavy_search_lets_others_through_between_its_slices(world: World) -> None:
    week = await long_articles(world, 30)
    heavy = asyncio.create_task(preview.search(week, [parse(HEAVY)], person=1), name="heavy")
    light = asyncio.create_task(preview.search(week, [parse("title:Harvest")], person=2), name="light")
    (found,), _ = await asyncio.gather(heavy, light)
    assert found.is_whole
    assert week.done.count("heavy") >= 30 * 2000 // article_index.SLICE
    first, last = week.done.index("light"), len(week.done) - 1 - week.done[::-1].index("light")
    assert "heavy" in week.done[first:last]


async def test_who_has_searched_for_too_long_gets_a_part_and_nobody_else_does(world: World) -> None:
    week = await long_articles(world, 30)
    week.budgets = SearchBudgets(timedelta(microseconds=1))
    (part,) = await preview.search(week, [parse(HEAVY)], person=1)
    assert (part.is_whole, part.was_stopped) == (False, True)
    assert len(week.done) == 1  # the piece that spent it
    (nothing,) = await preview.search(week, [parse(HEAVY)], person=1)
    assert (nothing.stories, nothing.was_stopped, len(week.done)) == (0, True, 1)
    (other,) = await preview.search(week, [parse("title:Harvest")], person=2)
    assert other.stories
    (undone,) = await preview.search(week, [parse(HEAVY)], since=world.clock.time, most=None, person=1)
    assert not undone.is_whole  # then `keep` has the matcher look at all of them again


async def test_an_allowance_comes_back_within_a_minute_and_no_faster() -> None:
    budgets = SearchBudgets(timedelta(seconds=4))
    budgets.of(1, 0.0).spend(5.0)
    assert budgets.of(1, 14.0).is_spent
    assert not budgets.of(1, 16.0).is_spent
    assert budgets.of(1, 600.0).left == 4.0


async def test_beyond_the_places_a_search_is_refused_and_an_update_is_still_applied(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "PATIENCE", timedelta())
    await world.publish("Rain over Idlib")
    async with AsyncExitStack() as stack:
        for person in range(recent.SEARCHES):
            await stack.enter_async_context(world.week.searching(person))
        (found,) = await preview.search(world.week, [parse("Idlib")], person=99)
        assert (found.stories, found.was_stopped) == (0, True)
    assert recent.SEARCHES * 2 < inbox.SIDE_BY_SIDE
    (found,) = await preview.search(world.week, [parse("Idlib")], person=99)
    assert not found.was_stopped
