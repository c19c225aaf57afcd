from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest

from bot.actions import chats as actions
from bot.messages.signing import Signer
from bot.models import Schedule
from bot.pipeline.digest import make_due_digests
from bot.runtime.clock import Clock
from bot.storage import chats, deliveries
from bot.storage.chats import Chat, ChatState
from bot.storage.database import Database
from bot.storage.schema import delivery
from tests.storage.world import NOW, World

SIGNER = Signer(b"k" * 32)
LATER = NOW + timedelta(minutes=5)


class StoppedClock(Clock):
    """A clock that stands still at a moment."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


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


async def test_a_resumed_chat_gets_what_it_gets_at_once_or_hourly_and_only_of_the_pause(world: World) -> None:
    chat = (await meet(world)).chat
    idlib = await world.subscribe(chat, "Idlib", Schedule.INSTANT)
    gaza = await world.subscribe(chat, "Gaza", Schedule.HOURLY)
    syria = await world.subscribe(chat, "Syria", Schedule.DAILY)
    turkey = await world.subscribe(chat, "Turkey", Schedule.WEEKLY)
    earlier = [await world.entry(idlib), await world.entry(gaza)]
    for entry_id in earlier:
        await world.alerts_written(entry_id)
    async with world.database.begin() as connection:
        await actions.pause(connection, chat, LATER)
    meanwhile = LATER + timedelta(minutes=5)
    gathered = [await world.entry(idlib, at=meanwhile), await world.entry(gaza, at=meanwhile)]
    await world.alerts_written(gathered[0])
    kept = [await world.entry(syria, at=meanwhile), await world.entry(turkey, at=meanwhile)]
    paused, end = await stored(world, chat), meanwhile + timedelta(minutes=5)
    async with world.database.begin() as connection:
        await actions.ensure_slot(connection, chat, Schedule.WEEKLY, NOW)
        assert await actions.digest_now(connection, paused, end, SIGNER) == actions.DigestNow(is_paused=True)
        resumed = await actions.resume(connection, paused, end, SIGNER)
        slots = await chats.slots(connection, chat.id)
    assert resumed == actions.Resumed(was_paused=True, stories=2, next_digest_at=slots["daily"])
    assert await world.pending(chat, end) == [*earlier, *kept]


async def test_a_pause_cancels_what_is_on_its_way_and_the_daily_digest_has_it(world: World) -> None:
    chat = (await meet(world)).chat
    syria = await world.subscribe(chat, "Syria")
    entry_id = await world.entry(syria)
    await world.tell(chat, entry_id, syria)
    await world.alerts_written(entry_id)
    async with world.database.begin() as connection:
        await actions.pause(connection, chat, LATER)
    assert await states(world) == [deliveries.CANCELLED]
    async with world.database.begin() as connection:
        assert (await actions.resume(connection, chat, LATER, SIGNER)).was_paused
    assert await world.pending(chat, LATER) == [entry_id]


async def test_a_chat_that_was_not_paused_is_not_resumed(world: World) -> None:
    chat = (await meet(world)).chat
    async with world.database.begin() as connection:
        assert await actions.resume(connection, chat, NOW, SIGNER) == actions.Resumed(was_paused=False)


async def test_a_digest_now_has_all_that_is_pending_once(world: World) -> None:
    chat = (await meet(world)).chat
    syria = await world.subscribe(chat, "Syria", Schedule.WEEKLY)
    await world.entry(syria)
    async with world.database.begin() as connection:
        assert await actions.digest_now(connection, chat, LATER, SIGNER) == actions.DigestNow(
            is_paused=False, stories=1
        )
        again = LATER + timedelta(seconds=1)
        assert await actions.digest_now(connection, chat, again, SIGNER) == actions.DigestNow(
            is_paused=False, stories=0
        )


@pytest.mark.parametrize("wait", [timedelta(seconds=1), timedelta(hours=1), timedelta(days=1), timedelta(days=364)])
async def test_a_digest_now_is_made_however_long_ago_the_last_one_was(world: World, wait: timedelta) -> None:
    chat = (await meet(world)).chat
    syria = await world.subscribe(chat, "Syria", Schedule.WEEKLY)
    for moment in (NOW, NOW + wait):
        await world.entry(syria, at=moment)
        async with world.database.begin() as connection:
            assert (await actions.digest_now(connection, chat, moment, SIGNER)).stories == 1


async def test_another_digest_time_moves_the_digests_that_are_due(world: World) -> None:
    chat = (await meet(world)).chat
    async with world.database.begin() as connection:
        await actions.ensure_slot(connection, chat, Schedule.WEEKLY, NOW)
        changed = await actions.set_digest_time(connection, chat, time(18, 30), "Europe/Berlin", NOW)
        slots = await chats.slots(connection, chat.id)
    assert changed == await stored(world, chat)
    assert slots["daily"] == NOW.replace(hour=17, minute=30)
    assert slots["weekly"].time() == time(17, 30)


async def test_a_digest_without_news_does_not_use_up_its_day(world: World) -> None:
    chat = (await meet(world)).chat
    syria = await world.subscribe(chat, "Syria", Schedule.DAILY)
    first, second = NOW + timedelta(minutes=9), NOW + timedelta(minutes=13)
    async with world.database.begin() as connection:
        chat = await actions.set_digest_time(connection, chat, first.time(), "UTC", NOW)
    clock = StoppedClock(first)
    await make_due_digests(world.database, clock, SIGNER)
    await world.entry(syria, at=first)
    async with world.database.begin() as connection:
        chat = await actions.set_digest_time(connection, chat, second.time(), "UTC", first + timedelta(minutes=1))
        due = await actions.next_digest(connection, chat, first + timedelta(minutes=1))
    assert due == actions.NextDigest(second, has_gone_today=False)
    await make_due_digests(world.database, StoppedClock(second), SIGNER)
    assert await states(world) == [deliveries.READY]
    async with world.database.begin() as connection:
        later = second + timedelta(minutes=5)
        chat = await actions.set_digest_time(connection, chat, later.time(), "UTC", second)
        due = await actions.next_digest(connection, chat, second)
    assert due == actions.NextDigest(later + timedelta(days=1), has_gone_today=True)


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
