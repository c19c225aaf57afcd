from datetime import timedelta

import pytest

from bot.models import Schedule
from bot.storage import chats, deliveries, hits
from bot.storage.database import Database
from tests.storage.world import NOW, World

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


async def test_a_hit_is_owed_to_every_chat_that_wants_it(world: World) -> None:
    first, second = await world.chat(1), await world.chat(2)
    one, two = await world.subscribe(first, "syria"), await world.subscribe(second, "syria")
    assert one.query_id == two.query_id

    entry = await world.entry(one)

    assert await world.to_alert(entry) == [(first.id, one.query_id), (second.id, one.query_id)]


async def test_what_was_found_before_a_subscription_is_not_owed(world: World) -> None:
    first, second = await world.chat(1), await world.chat(2)
    one = await world.subscribe(first, "syria")
    entry = await world.entry(one, at=NOW)

    await world.subscribe(second, "syria", at=LATER)

    assert await world.to_alert(entry) == [(first.id, one.query_id)]


async def test_a_past_hit_is_never_news_and_is_among_the_latest(world: World) -> None:
    chat = await world.chat()
    one = await world.subscribe(chat, "syria")
    entry = await world.entry(one, past=True)

    assert await world.to_alert(entry) == []
    await world.alerts_written(entry)
    assert await world.pending(chat) == []
    async with world.database.read() as connection:
        assert [found.entry_id for found in await hits.latest(connection, chat.id, 10)] == [entry]


async def test_told_once_a_text_is_not_told_again(world: World) -> None:
    chat = await world.chat()
    one = await world.subscribe(chat, "syria")
    entry = await world.entry(one)
    await world.tell(chat, entry, one)
    copy = await world.entry(one, like=entry)

    assert await world.to_alert(entry) == []
    assert await world.to_alert(copy) == []
    await world.alerts_written(copy)
    assert await world.pending(chat) == []


async def test_another_text_of_a_told_story_is_no_alert_but_waits_for_the_digest(world: World) -> None:
    chat = await world.chat()
    one = await world.subscribe(chat, "syria")
    entry = await world.entry(one)
    await world.tell(chat, entry, one)
    follow_up = await world.entry(one, story=entry)

    assert await world.to_alert(follow_up) == []
    assert await world.pending(chat) == []  # not before its alerts are written
    await world.alerts_written(follow_up)
    assert await world.pending(chat) == [follow_up]


async def test_a_told_story_is_told_again_for_another_query(world: World) -> None:
    chat = await world.chat()
    one, two = await world.subscribe(chat, "syria"), await world.subscribe(chat, "idlib")
    entry = await world.entry(one)
    await world.tell(chat, entry, one)

    follow_up = await world.entry(one, two, story=entry)

    assert await world.to_alert(follow_up) == [(chat.id, two.query_id)]


async def test_a_delivery_that_did_not_arrive_takes_back_what_it_told(world: World) -> None:
    chat = await world.chat()
    one = await world.subscribe(chat, "syria")
    entry = await world.entry(one)
    await world.alerts_written(entry)
    await world.tell(chat, entry, one)
    assert await world.pending(chat) == []

    async with world.database.begin() as connection:
        assert await deliveries.cancel_chat(connection, chat.id, NOW, "paused") == 1

    assert await world.pending(chat) == [entry]


async def test_a_paused_chat_gets_no_alert_and_is_still_owed(world: World) -> None:
    chat = await world.chat()
    one = await world.subscribe(chat, "syria")
    async with world.database.begin() as connection:
        await chats.set_state(connection, chat.id, chats.PAUSED, NOW)

    entry = await world.entry(one)

    assert await world.to_alert(entry) == []
    await world.alerts_written(entry)
    assert await world.pending(chat) == [entry]
    assert await world.pending(chat, NOW + timedelta(days=15)) == []  # two weeks are enough


async def test_each_run_carries_its_own_schedules(world: World) -> None:
    chat = await world.chat()
    hourly = await world.subscribe(chat, "syria", Schedule.HOURLY)
    daily = await world.subscribe(chat, "idlib", Schedule.DAILY)
    first, second = await world.entry(hourly), await world.entry(daily)

    assert await world.pending(chat, NOW, Schedule.HOURLY) == [first]
    assert await world.pending(chat, NOW, Schedule.DAILY) == [second]
    assert await world.to_alert(first) == []


async def test_the_chats_of_an_entry_come_in_whole_chunks(world: World) -> None:
    everybody = [await world.chat(number) for number in range(1, 6)]
    words = ["syria", "idlib", "aleppo"]
    made = [await world.subscribe(chat, word) for chat in everybody for word in words]
    entry = await world.entry(*made[:3])

    seen: list[int] = []
    async with world.database.read() as connection:
        while owed := await hits.to_alert(connection, entry, NOW, after_chat=seen[-1] if seen else 0, limit=7):
            assert len(owed) == len({one.chat_id for one in owed}) * len(words)
            seen += sorted({one.chat_id for one in owed})
    assert seen == [chat.id for chat in everybody]


async def test_the_latest_hits_and_the_number_of_their_stories_are_known(world: World) -> None:
    chat = await world.chat()
    one = await world.subscribe(chat, "syria")
    entry = await world.entry(one)
    follow_up = await world.entry(one, story=entry)
    async with world.database.begin() as connection:
        assert await hits.count_since(connection, one.query_id, NOW - timedelta(days=7)) == 1  # one story
        assert {found.entry_id for found in await hits.latest(connection, chat.id, 10)} == {entry, follow_up}
