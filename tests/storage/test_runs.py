import asyncio
import contextlib
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from bot.errors import ConfigError
from bot.storage import delivery_claims, runs, schema, sources
from bot.storage.database import Database
from bot.storage.runs import ROLE_LEASE, Role, acquire, present, renew
from tests.storage.world import NOW, World

LEASE = timedelta(minutes=10)


async def lease_all(database: Database) -> None:
    """Poll and send something, as a run does."""
    async with database.begin() as connection:
        assert await sources.claim_due(connection, NOW, limit=9, lease=LEASE, run=database.run)
        assert await delivery_claims.claim(connection, NOW, free=9, lease=LEASE, run=database.run)


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
    async with present(other) as standby:
        async with present(database):
            assert (await acquires(database), await acquires(other), await acquires(database)) == (True, False, True)
        assert await acquires(other)  # the first has stopped
    async with present(third) as alive:
        assert await acquires(database)  # and says nothing more: as after a kill, it is not present
        assert not await acquires(third)
        await alive.take_over(NOW, again_at=NOW)
        assert await acquires(third)
    assert not standby.is_alone
    await other.close()
    await third.close()


async def acquires(database: Database, at: datetime = NOW, name: Role = Role.SENDER) -> bool:
    async with database.begin() as connection:
        return await acquire(connection, name, database.run, at)


async def renews(database: Database, at: datetime = NOW, name: Role = Role.SENDER) -> bool:
    async with database.begin() as connection:
        return await renew(connection, name, database.run, at)


async def test_a_role_is_one_runs_until_its_lease_ends(database: Database) -> None:
    other = Database(database.url.render_as_string(hide_password=False))
    assert not await renews(database)  # nobody has it yet
    assert await acquires(database)
    assert await acquires(other, name=Role.MATCHER)  # each role is given by itself
    assert not await acquires(other, NOW + ROLE_LEASE)
    assert await renews(database, NOW + ROLE_LEASE)
    assert not await acquires(other, NOW + ROLE_LEASE * 2)
    assert await renews(database, NOW + ROLE_LEASE * 9)  # it ran out, but nobody has taken it
    assert await acquires(other, NOW + ROLE_LEASE * 11)
    assert not await renews(database, NOW + ROLE_LEASE * 11)
    assert not await acquires(database, NOW + ROLE_LEASE * 11)
    assert await acquires(database, NOW + ROLE_LEASE * 13)  # and back: that is no renewal
    assert not await renews(other, NOW + ROLE_LEASE * 13)
    await other.close()


async def test_a_lease_that_a_clock_far_ahead_has_dated_counts_as_run_out(database: Database) -> None:
    other = Database(database.url.render_as_string(hide_password=False))
    assert await acquires(database, NOW + timedelta(days=400))
    assert await acquires(other)
    assert not await renews(database, NOW + timedelta(days=400))
    await other.close()


async def test_a_run_that_lost_its_role_finds_out_in_the_transaction_in_which_it_would_write(
    database: Database,
) -> None:
    other = Database(database.url.render_as_string(hide_password=False))

    async def write(run: Database, title: str) -> None:
        async with run.begin() as connection:
            if await renew(connection, Role.MATCHER, run.run, NOW + ROLE_LEASE * 2):
                await sources.add(connection, url=f"https://e.org/{title}", title=title, now=NOW)

    assert await acquires(database, name=Role.MATCHER)
    await write(database, "holder")
    assert await acquires(other, NOW + ROLE_LEASE * 4, Role.MATCHER)
    await write(database, "late")
    await write(other, "successor")
    async with database.read() as connection:
        titles = (await connection.execute(sa.select(schema.source.c.title).order_by(schema.source.c.id))).scalars()
        assert list(titles) == ["holder", "successor"]
    await other.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_nobody_takes_a_role_while_its_holder_writes(database: Database) -> None:
    other = Database(database.url.render_as_string(hide_password=False))
    assert await acquires(database)
    async with database.begin() as connection:
        assert await renew(connection, Role.SENDER, database.run, NOW + timedelta(seconds=1))
        async with asyncio.timeout(5):  # a standby waits for nobody while the lease it sees has not ended
            assert not await acquires(other)
        late = asyncio.create_task(acquires(other, NOW + ROLE_LEASE + timedelta(seconds=1)))
        await asyncio.sleep(0.2)
        assert not late.done()
    assert not await late  # it had been renewed
    await other.close()


async def test_one_bot_alone_works_on_a_sqlite_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "PATIENCE", timedelta(seconds=0.2))
    first, second = Database(f"sqlite:///{tmp_path}/new/a.db"), Database(f"sqlite:///{tmp_path}/new/a.db")
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(present(first))
        with pytest.raises(ConfigError, match="another Watchword"):
            await stack.enter_async_context(present(second))
    async with present(second):
        pass
