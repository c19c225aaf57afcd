from datetime import UTC, datetime, timedelta

from bot.storage import inbox
from bot.storage.database import Database

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def keep(database: Database, *ids: int) -> None:
    async with database.begin() as connection:
        await inbox.keep(connection, [{"update_id": one, "message": {"chat": {"id": one}}} for one in ids], NOW)


async def waiting(database: Database) -> list[int]:
    async with database.read() as connection:
        return [one.update_id for one in await inbox.waiting(connection, 10)]


async def test_an_update_is_kept_once_and_applied_once(database: Database) -> None:
    await keep(database, 5, 3)
    await keep(database, 5, 6)
    assert await waiting(database) == [3, 5, 6]

    async with database.begin() as connection:
        assert await inbox.apply(connection, 5)
        assert not await inbox.apply(connection, 5)
    await keep(database, 5)
    assert await waiting(database) == [3, 6]


async def test_what_fails_three_times_is_parked(database: Database) -> None:
    await keep(database, 1, 2)
    for last in (False, False, True):
        assert 1 in await waiting(database)
        async with database.begin() as connection:
            assert await inbox.failed(connection, 1, "ValueError") is last
    assert await waiting(database) == [2]


async def test_old_updates_are_removed_but_never_one_that_waits(database: Database) -> None:
    await keep(database, 1, 2, 3)
    async with database.begin() as connection:
        for number in (1, 2):
            await inbox.apply(connection, number)
        assert await inbox.purge(connection, NOW, 10) == 0
        assert await inbox.purge(connection, NOW + timedelta(days=9), 10) == 2
    assert await waiting(database) == [3]


def test_the_chat_of_an_update_is_found_and_what_is_no_update_has_none() -> None:
    chat = {"id": -100, "type": "group"}
    assert inbox.chat_of({"update_id": 1, "message": {"chat": chat}}) == -100
    assert inbox.chat_of({"update_id": 1, "channel_post": {"chat": chat}}) == -100
    assert inbox.chat_of({"update_id": 1, "callback_query": {"id": "1", "message": {"chat": chat}}}) == -100
    assert inbox.chat_of({"update_id": 1, "my_chat_member": {"chat": chat}}) == -100
    odds: list[object] = [
        None,
        5,
        "x",
        [],
        {},
        {"chat": None},
        {"chat": {"id": "x"}},
        {"chat": {"id": 2**70}},
        {"message": 3},
    ]
    for odd in odds:
        assert inbox.chat_of({"update_id": 1, "message": odd}) == 0


async def test_whoever_sends_much_keeps_nobody_waiting(database: Database) -> None:
    updates = [{"update_id": number, "message": {"chat": {"id": 7}}} for number in range(1, 500)]
    updates += [{"update_id": 500, "message": {"chat": {"id": 8}}}, {"update_id": 501, "poll": {"id": "1"}}]
    async with database.begin() as connection:
        await inbox.keep(connection, updates, NOW)
    async with database.read() as connection:
        assert [one.update_id for one in await inbox.waiting(connection, 16)] == [1, 500, 501]
        assert [one.update_id for one in await inbox.waiting(connection, 16, [7, 0])] == [500]
        assert [one.update_id for one in await inbox.waiting(connection, 2)] == [1, 500]
