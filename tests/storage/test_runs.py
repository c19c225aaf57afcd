import contextlib
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from bot.errors import ConfigError
from bot.storage import deliveries, runs, schema, sources
from bot.storage.database import Database
from bot.storage.runs import SENDER_LASTS, may_send, present
from tests.storage.world import NOW, World

LEASE = timedelta(minutes=10)


async def lease_all(database: Database) -> None:
    """Poll and send something, as a run does."""
    async with database.begin() as connection:
        assert await sources.claim_due(connection, NOW, limit=9, lease=LEASE, run=database.run)
        assert await deliveries.claim(connection, NOW, free=9, lease=LEASE, run=database.run)


async def fill(database: Database) -> None:
    world = World(database)
    chat = await world.chat()
    wanted = await world.subscribe(chat, "syria")
    await world.tell(chat, await world.entry(wanted), wanted)


async def held(database: Database) -> tuple[int, list[str]]:
    """Return how many sources are leased, and the states of the messages."""
    async with database.read() as connection:
        leased = sa.select(sa.func.count()).select_from(schema.source).where(schema.source.c.lease_until.is_not(None))
        states = await connection.execute(sa.select(schema.delivery.c.state))
        return (await connection.execute(leased)).scalar_one(), list(states.scalars())


async def test_what_a_dead_run_held_is_free_at_once(database: Database) -> None:
    await fill(database)
    async with present(database):
        await lease_all(database)
    successor = Database(database.url.render_as_string(hide_password=False))
    async with present(successor) as alive:
        assert await alive.take_over(NOW, again_at=NOW) == 1
        assert await held(successor) == (0, ["UNCERTAIN"])
        async with successor.begin() as connection:
            assert await sources.claim_due(connection, NOW, limit=9, lease=LEASE)
    await successor.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_living_run_keeps_what_it_holds_until_it_dies(database: Database) -> None:
    await fill(database)
    other = Database(database.url.render_as_string(hide_password=False))
    async with present(other) as alive:
        async with present(database):
            await lease_all(database)
            assert await alive.take_over(NOW, again_at=NOW) == 0
            assert await held(other) == (1, ["SENDING"])
        assert await alive.take_over(NOW, again_at=NOW) == 1
    await other.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_run_whose_session_was_lost_is_alive_again(database: Database) -> None:
    await fill(database)
    other = Database(database.url.render_as_string(hide_password=False))
    async with present(database) as mine, present(other) as alive:
        await lease_all(database)
        with psycopg.connect(str(database.url.render_as_string(hide_password=False)), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database ="
                " (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        await mine.renew()
        await alive.renew()
        assert await alive.take_over(NOW, again_at=NOW) == 0
        assert await held(other) == (1, ["SENDING"])
    await other.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_one_run_sends_until_it_stops_dies_or_says_nothing_any_more(database: Database) -> None:
    other, third = (Database(database.url.render_as_string(hide_password=False)) for _ in range(2))

    async def sends(one: Database, at: datetime = NOW) -> bool:
        async with one.begin() as connection:
            return await may_send(connection, one.run, at)

    async with present(other) as standby:
        async with present(database):
            assert (await sends(database), await sends(other), await sends(database)) == (True, False, True)
        assert await sends(other)  # the first has stopped
    async with present(third) as alive:
        assert await sends(database)  # and says nothing more: as after a kill, it is not present
        assert not await sends(third)
        await alive.take_over(NOW, again_at=NOW)
        assert await sends(third)
        assert not await sends(database, NOW + SENDER_LASTS)
        assert await sends(database, NOW + SENDER_LASTS * 2)
        assert not await sends(third, NOW + SENDER_LASTS)
        assert await sends(third, NOW - timedelta(days=1))  # a wrong clock's word
    assert not standby.is_alone
    await other.close()
    await third.close()


async def test_one_bot_alone_works_on_a_sqlite_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "PATIENCE", 0.2)
    first, second = Database(f"sqlite:///{tmp_path}/new/a.db"), Database(f"sqlite:///{tmp_path}/new/a.db")
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(present(first))
        with pytest.raises(ConfigError, match="another Watchword"):
            await stack.enter_async_context(present(second))
    async with present(second):
        pass
