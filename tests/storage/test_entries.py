import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from bot.models import FeedEntry, Placement
from bot.storage import entries, schema, sources
from bot.storage.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=15)


def news(key: str, title: str = "A title", *more_keys: str) -> FeedEntry:
    return FeedEntry((key, *more_keys), title, f"https://e.org/{key}", None, "A summary.", "en", NOW)


async def make_source(database: Database, url: str = "https://e.org/feed") -> int:
    async with database.begin() as connection:
        source_id, _ = await sources.add(connection, url=url, title="E", now=NOW)
        return source_id


async def store(database: Database, source_id: int, *items: FeedEntry, at: datetime = NOW) -> tuple[int, int]:
    async with database.begin() as connection:
        stored = await entries.store(connection, source_id, items, at, baseline=False)
        return stored.new, stored.edited


async def waiting(database: Database) -> list[entries.StoredEntry]:
    async with database.read() as connection:
        return await entries.unmatched(connection, LATER, 100)


async def match_all(database: Database) -> None:
    found = await waiting(database)
    async with database.begin() as connection:
        await entries.place(connection, {one.id: Placement(one.id, one.id) for one in found}, NOW)
        await entries.mark_matched(connection, found, 1, set())


async def test_an_entry_is_new_once_under_any_of_its_keys(database: Database) -> None:
    source_id = await make_source(database)

    assert await store(database, source_id, news("a"), news("b", "B", "link-b")) == (2, 0)
    assert await store(database, source_id, news("a"), news("other-guid", "B", "link-b"), at=LATER) == (0, 0)
    assert [one.title for one in await waiting(database)] == ["A title", "B"]


async def test_entries_keep_the_order_of_the_feed(database: Database) -> None:
    source_id = await make_source(database)
    await store(database, source_id, *(news(str(number), f"Title {number}") for number in range(50)))
    assert [one.title for one in await waiting(database)] == [f"Title {number}" for number in range(50)]


async def test_two_items_of_one_document_with_one_key_are_one_entry(database: Database) -> None:
    assert await store(database, await make_source(database), news("a"), news("a", "Again")) == (1, 0)


async def test_the_same_key_in_another_source_is_another_entry(database: Database) -> None:
    first, second = await make_source(database), await make_source(database, "https://other.org/feed")
    assert await store(database, first, news("a")) == (1, 0)
    assert await store(database, second, news("a")) == (1, 0)


async def test_an_edited_title_is_matched_again_and_keeps_its_story(database: Database) -> None:
    source_id = await make_source(database)
    await store(database, source_id, news("a"))
    await match_all(database)
    assert await waiting(database) == []

    assert await store(database, source_id, news("a", "A better title"), at=LATER) == (0, 1)

    (edited,) = await waiting(database)
    assert (edited.title, edited.story_id, edited.seen_at) == ("A better title", edited.id, NOW)


async def test_what_was_edited_while_it_was_matched_waits_again(database: Database) -> None:
    source_id = await make_source(database)
    await store(database, source_id, news("a"))
    read = await waiting(database)
    await store(database, source_id, news("a", "Edited meanwhile"), at=LATER)

    async with database.begin() as connection:
        await entries.mark_matched(connection, read, 1, set())

    assert [one.title for one in await waiting(database)] == ["Edited meanwhile"]


async def test_what_retention_removed_and_the_feed_still_shows_is_not_new(database: Database) -> None:
    source_id = await make_source(database)
    await store(database, source_id, news("a"))
    await match_all(database)
    async with database.begin() as connection:
        assert await entries.purge(connection, LATER, 100) == 1

    assert await store(database, source_id, news("a", "Edited since"), at=LATER + timedelta(days=100)) == (0, 0)


async def test_keys_are_forgotten_only_when_the_feed_moved_on_without_them(database: Database) -> None:
    source_id = await make_source(database)
    await store(database, source_id, news("gone"), news("kept"))
    await match_all(database)
    much_later = NOW + timedelta(days=400)
    async with database.begin() as connection:
        await entries.purge(connection, LATER, 100)
        assert await entries.forget_seen(connection, timedelta(days=90), 100) == 0  # the feed has been silent since

    await store(database, source_id, news("kept"), at=much_later)
    async with database.begin() as connection:
        assert await entries.forget_seen(connection, timedelta(days=90), 100) == 1

    assert await store(database, source_id, news("gone"), news("kept"), at=much_later) == (1, 0)


async def test_a_story_counts_its_entries_and_lies_in_a_thread(database: Database) -> None:
    source_id = await make_source(database)
    await store(database, source_id, news("a"), news("b"), news("c"))
    first, second, third = await waiting(database)
    placements = {
        first.id: Placement(first.id, first.id),
        second.id: Placement(first.id, second.id),
        third.id: Placement(third.id, third.id, first.id),
    }
    async with database.begin() as connection:
        await entries.place(connection, placements, NOW)
        placed = await entries.placed_since(connection, NOW - timedelta(hours=1))
        assert await entries.placements(connection, list(placements)) == placements

    assert [(headline.id, placement) for headline, placement in placed] == list(placements.items())
    assert {headline.source for headline, _ in placed} == {source_id}


async def test_entries_are_locked_in_one_order_by_the_matcher_and_by_a_new_query(database: Database) -> None:
    """Locked in two orders, they would end one of the two transactions as a deadlock (PostgreSQL)."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer")
    await store(database, await make_source(database), news("a"), news("b", "B"))
    first, second = [entry.id for entry in await waiting(database)]
    async with database.begin() as connection:  # a changed row is stored behind the others
        await connection.execute(schema.entry.update().where(schema.entry.c.id == first).values(title="Changed"))

    async def match_again() -> None:
        async with database.begin() as connection:
            await entries.match_again(connection, NOW)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group, database.begin() as connection:
        await entries.lock(connection, [first])
        group.create_task(match_again())
        while not await _is_somebody_blocked(database):
            await asyncio.sleep(0.01)
        await entries.lock(connection, [second])


async def _is_somebody_blocked(database: Database) -> bool:
    waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with database.read() as connection:
        return bool((await connection.execute(waits)).scalar_one())
