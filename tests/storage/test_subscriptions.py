import asyncio

import pytest

from bot.models import Schedule
from bot.storage import subscriptions
from bot.storage.database import Database
from tests.storage.world import NOW, World


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


async def changes(world: World, since: int = 0) -> list[tuple[str, bool]]:
    async with world.database.read() as connection:
        return [(text, live) for _, text, live, _ in await subscriptions.queries_since(connection, since, 10)]


async def test_subscribing_twice_is_one_subscription(world: World) -> None:
    chat = await world.chat()
    made = []
    for schedule in (Schedule.INSTANT, Schedule.DAILY):
        async with world.database.begin() as connection:
            made.append(
                await subscriptions.subscribe(
                    connection, chat_id=chat.id, text="syria", label="Syria", schedule=schedule, now=NOW
                )
            )
    assert [added for _, added in made] == [True, False]
    assert made[0][0] == made[1][0]


async def test_a_query_lives_while_somebody_wants_it(world: World) -> None:
    first, second = await world.chat(1), await world.chat(2)
    one, two = await world.subscribe(first, "syria"), await world.subscribe(second, "syria")
    assert await changes(world) == [("syria", True)]

    async with world.database.begin() as connection:
        await subscriptions.unsubscribe(connection, first.id, [one.id])
    assert await changes(world, 1) == []
    async with world.database.begin() as connection:
        await subscriptions.unsubscribe(connection, second.id, [two.id])
    assert await changes(world, 1) == [("syria", False)]

    await world.subscribe(first, "syria")
    assert await changes(world, 2) == [("syria", True)]


async def test_nobody_removes_or_changes_what_is_anothers(world: World) -> None:
    mine, other = await world.chat(1), await world.chat(2)
    one = await world.subscribe(mine, "syria")
    async with world.database.begin() as connection:
        assert await subscriptions.unsubscribe(connection, other.id, [one.id]) == []
        assert not await subscriptions.set_schedule(connection, other.id, one.id, Schedule.DAILY)
        assert await subscriptions.get(connection, other.id, one.id) is None
        assert await subscriptions.of_chat(connection, mine.id) == [one]


async def test_many_at_once_make_one_query_and_versions_in_order(world: World) -> None:
    everybody = [await world.chat(number) for number in range(1, 9)]
    await asyncio.gather(*(world.subscribe(chat, text) for chat in everybody for text in ("syria", "idlib")))

    async with world.database.read() as connection:
        found = await subscriptions.queries_since(connection, 0, 10)
    assert sorted(text for _, text, _, _ in found) == ["idlib", "syria"]
    versions = [version for *_, version in found]
    assert versions == sorted(set(versions))


async def test_the_schedule_can_change(world: World) -> None:
    chat = await world.chat()
    one = await world.subscribe(chat, "syria")
    async with world.database.begin() as connection:
        assert await subscriptions.set_schedule(connection, chat.id, one.id, Schedule.WEEKLY)
        changed = await subscriptions.get(connection, chat.id, one.id)
    assert changed is not None
    assert changed.schedule is Schedule.WEEKLY
    assert changed.created_at == NOW
