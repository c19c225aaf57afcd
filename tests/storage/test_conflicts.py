"""Deadlocks and serialization failures of PostgreSQL: the whole unit is done again, a bounded number of times."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.messages.signing import Signer
from bot.pipeline.alert import write_alerts
from bot.storage import chats, schema
from bot.storage.database import CONFLICTS, Database, retry_conflicts
from tests.pipeline.rig import SetClock
from tests.storage.world import NOW, World

POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


async def is_waiting(database: Database) -> None:
    """Wait until a session waits for a lock."""
    waiting = sa.text("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
    async with asyncio.timeout(20):
        while True:
            async with database.read() as connection:
                if (await connection.execute(waiting)).first():
                    return
            await asyncio.sleep(0.02)


@POSTGRESQL
async def test_alerts_whose_transaction_was_the_victim_of_a_deadlock_are_written_once(database: Database) -> None:
    world = World(database)
    chat = await world.chat()
    entry_id = await world.entry(await world.subscribe(chat, "Idlib"))
    clock = SetClock()
    clock.time = NOW + timedelta(minutes=1)
    tries = 0

    async def write() -> int:
        nonlocal tries
        tries += 1
        return await write_alerts(database, clock, Signer(b"key"), per_hour=10)

    async with database.begin() as connection:
        await connection.execute(sa.text("SET LOCAL deadlock_timeout = '1min'"))  # the other one finds it first
        await chats.lock_state(connection, chat.id)
        writing = asyncio.create_task(retry_conflicts(write))
        await is_waiting(database)  # it has the entry, and wants the chat
        locked = sa.select(schema.entry.c.id).where(schema.entry.c.id == entry_id).with_for_update()
        await connection.execute(locked)
    assert await writing == 1
    assert tries == 2
    async with database.read() as connection:
        assert list((await connection.execute(sa.select(schema.delivery.c.kind))).scalars()) == ["alert"]


async def count(connection: AsyncConnection) -> int:
    return int((await connection.execute(sa.select(schema.counter.c.value))).scalar_one())


@POSTGRESQL
@pytest.mark.parametrize("conflicts", [1, CONFLICTS, CONFLICTS + 1])
async def test_a_unit_that_cannot_be_serialized_is_done_again_and_not_for_ever(
    database: Database, conflicts: int
) -> None:
    async with database.begin() as connection:
        await connection.execute(sa.insert(schema.counter).values(name="x", value=0))
    tries = 0

    async def add_ten() -> None:
        nonlocal tries
        tries += 1
        async with database.begin() as connection:
            await connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            found = await count(connection)
            if tries <= conflicts:
                async with database.begin() as other:
                    await other.execute(schema.counter.update().values(value=schema.counter.c.value + 1))
            await connection.execute(schema.counter.update().values(value=found + 10))

    if conflicts > CONFLICTS:
        with pytest.raises(DBAPIError, match="could not serialize"):
            await retry_conflicts(add_ten)
    else:
        await retry_conflicts(add_ten)
    async with database.read() as connection:
        assert await count(connection) == min(conflicts, CONFLICTS + 1) + (10 if conflicts <= CONFLICTS else 0)
    assert tries == min(conflicts, CONFLICTS) + 1


@POSTGRESQL
async def test_another_error_is_not_tried_again(database: Database) -> None:
    tries = 0

    async def wrong() -> None:
        nonlocal tries
        tries += 1
        async with database.begin() as connection:
            await connection.execute(sa.text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError):
        await retry_conflicts(wrong)
    assert tries == 1
