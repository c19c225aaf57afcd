"""Two runs on one PostgreSQL that decide at the same moment what a chat is told: it is told once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bot.messages.signing import Signer
from bot.models import Schedule
from bot.pipeline.alert import write_alerts
from bot.pipeline.digest import freeze_now
from bot.storage import chats, schema
from bot.storage.chats import Chat
from bot.storage.database import Database
from tests.pipeline.rig import SetClock
from tests.storage.world import NOW, World

POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


async def waiting(database: Database, number: int) -> None:
    """Wait until so many sessions wait for a lock."""
    statement = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(20):
        while True:
            async with database.read() as connection:
                if (await connection.execute(statement)).scalar_one() == number:
                    return
            await asyncio.sleep(0.02)


async def messages(database: Database) -> list[Any]:
    async with database.read() as connection:
        return list((await connection.execute(sa.select(schema.delivery.c.kind))).scalars())


@POSTGRESQL
async def test_one_text_in_two_entries_is_one_alert_whichever_runs_write_them(database: Database) -> None:
    world, other = World(database), Database(database.url.render_as_string(hide_password=False))
    chat = await world.chat()
    idlib = await world.subscribe(chat, "Idlib")
    first = await world.entry(idlib)

    async def write(of: Database) -> int:
        clock = SetClock()
        clock.time = NOW
        return await write_alerts(of, clock, Signer(b"key"), per_hour=10)

    async with database.begin() as connection:
        await chats.lock_state(connection, chat.id)  # the first is stopped in the middle: it cannot add its message
        one = asyncio.create_task(write(database))
        await waiting(database, 1)
        await world.entry(idlib, like=first)
        two = asyncio.create_task(write(other))
        await waiting(database, 2)
    await asyncio.gather(one, two)
    await other.close()
    assert await messages(database) == ["alert"]


@POSTGRESQL
async def test_two_digests_of_one_chat_at_one_moment_share_nothing(database: Database) -> None:
    world = World(database)
    chat = await world.chat()
    await world.entry(await world.subscribe(chat, "Idlib", Schedule.DAILY))

    async def freeze(of: Chat, seconds: int) -> int:
        async with database.begin() as connection:
            return await freeze_now(connection, of, NOW + timedelta(seconds=seconds), Signer(b"k" * 32), kind="now")

    async with database.begin() as connection:
        await chats.lock_state(connection, chat.id)
        both = [asyncio.create_task(freeze(chat, seconds)) for seconds in (1, 2)]
        await waiting(database, 2)
    assert sorted(await asyncio.gather(*both)) == [0, 1]
    assert await messages(database) == ["digest"]
