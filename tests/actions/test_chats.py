from dataclasses import replace
from datetime import time, timedelta

import pytest

from bot.actions import chats as actions
from bot.models import Schedule
from bot.storage import chats, deliveries
from bot.storage.chats import Chat, ChatState
from bot.storage.database import Database
from bot.storage.schema import delivery
from tests.storage.world import NOW, World

LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


async def meet(world: World) -> actions.MetChat:
    async with world.database.begin() as connection:
        return await actions.meet(
            connection,
            telegram_id=7,
            thread_id=0,
            kind="private",
            locale="en",
            zone="UTC",
            digest_time=time(8),
            now=NOW,
        )


async def stored(world: World, chat: Chat) -> Chat:
    async with world.database.read() as connection:
        found = await chats.get(connection, chat.id)
    assert found is not None
    return found


async def states(world: World) -> list[str]:
    async with world.database.read() as connection:
        rows = await connection.execute(delivery.select().order_by(delivery.c.id))
        return [row.state for row in rows]


async def test_a_new_chat_has_a_daily_digest_to_come(world: World) -> None:
    met = await meet(world)
    assert met.is_new
    async with world.database.read() as connection:
        slots = await chats.slots(connection, met.chat.id)
    assert list(slots) == ["daily"]
    assert not (await meet(world)).is_new


async def test_a_chat_that_writes_has_not_blocked_the_bot_any_more(world: World) -> None:
    chat = (await meet(world)).chat
    async with world.database.begin() as connection:
        await actions.block(connection, chat, "kicked", NOW)
    assert (await stored(world, chat)).state is ChatState.BLOCKED
    assert (await meet(world)).chat.state is ChatState.ACTIVE
    assert (await stored(world, chat)).state is ChatState.ACTIVE


async def test_a_banned_chat_that_removes_the_bot_stays_banned(world: World) -> None:
    chat = replace((await meet(world)).chat, state=ChatState.BANNED)
    async with world.database.begin() as connection:
        await chats.set_state(connection, chat.id, ChatState.BANNED, NOW)
        await actions.block(connection, chat, "kicked", NOW)
    assert (await stored(world, chat)).state is ChatState.BANNED


async def test_what_a_pause_cancels_and_gathers_comes_as_one_digest(world: World) -> None:
    chat = (await meet(world)).chat
    syria = await world.subscribe(chat, "Syria", Schedule.DAILY)
    await world.tell(chat, await world.entry(syria), syria)
    async with world.database.begin() as connection:
        await actions.pause(connection, chat, NOW)
    assert await states(world) == [deliveries.CANCELLED]
    await world.entry(syria, at=LATER)
    paused = await stored(world, chat)
    async with world.database.begin() as connection:
        assert await actions.digest_now(connection, paused, LATER) == actions.DigestNow(is_paused=True)
        assert await actions.resume(connection, paused, LATER) == actions.Resumed(was_paused=True, stories=2)
    assert await states(world) == [deliveries.CANCELLED, deliveries.READY]


async def test_a_chat_that_was_not_paused_is_not_resumed(world: World) -> None:
    chat = (await meet(world)).chat
    async with world.database.begin() as connection:
        assert await actions.resume(connection, chat, NOW) == actions.Resumed(was_paused=False)


async def test_a_digest_now_has_all_that_is_pending_once(world: World) -> None:
    chat = (await meet(world)).chat
    syria = await world.subscribe(chat, "Syria", Schedule.WEEKLY)
    await world.entry(syria)
    async with world.database.begin() as connection:
        assert await actions.digest_now(connection, chat, LATER) == actions.DigestNow(is_paused=False, stories=1)
        again = LATER + timedelta(seconds=1)
        assert await actions.digest_now(connection, chat, again) == actions.DigestNow(is_paused=False, stories=0)


@pytest.mark.parametrize("wait", [timedelta(seconds=1), timedelta(hours=1), timedelta(days=1), timedelta(days=364)])
async def test_a_digest_now_is_made_however_long_ago_the_last_one_was(world: World, wait: timedelta) -> None:
    chat = (await meet(world)).chat
    syria = await world.subscribe(chat, "Syria", Schedule.WEEKLY)
    for moment in (NOW, NOW + wait):
        await world.entry(syria, at=moment)
        async with world.database.begin() as connection:
            assert (await actions.digest_now(connection, chat, moment)).stories == 1


async def test_another_digest_time_moves_the_digests_that_are_due(world: World) -> None:
    chat = (await meet(world)).chat
    async with world.database.begin() as connection:
        await actions.ensure_slot(connection, chat, Schedule.WEEKLY, NOW)
        changed = await actions.set_digest_time(connection, chat, time(18, 30), "Europe/Berlin", NOW)
        slots = await chats.slots(connection, chat.id)
    assert changed == await stored(world, chat)
    assert slots["daily"] == NOW.replace(hour=17, minute=30)
    assert slots["weekly"].time() == time(17, 30)


async def test_settings_are_stored_and_returned(world: World) -> None:
    chat = (await meet(world)).chat
    async with world.database.begin() as connection:
        chat = await actions.set_language(connection, chat, "ar")
        chat = await actions.set_new_schedule(connection, chat, Schedule.HOURLY)
    assert (chat.locale, chat.schedule) == ("ar", Schedule.HOURLY)
    assert await stored(world, chat) == chat


async def test_a_forgotten_chat_is_gone(world: World) -> None:
    chat = (await meet(world)).chat
    await world.subscribe(chat, "Syria")
    async with world.database.begin() as connection:
        receipt = await actions.forget_chat(connection, chat, 7, lambda number: -number, NOW)
        assert await chats.get(connection, chat.id) is None
    assert receipt.subscriptions == 1
