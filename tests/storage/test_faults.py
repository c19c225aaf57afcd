"""What a database meets in the field: full disks, torn logs, busy files, servers that drop connections."""

import asyncio
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from bot.errors import ConfigError
from bot.storage import digest_runs, entries, inbox
from bot.storage.database import Database
from bot.storage.schema import admin_act, entry, meta
from tests.storage.world import NOW, World

TORN = 400
UNITS = 60


async def write_unit(database: Database, number: int) -> None:
    """Store two things that belong together."""
    async with database.begin() as connection:
        await inbox.keep(connection, [{"update_id": number, "text": "x" * random.Random(number).randint(1, 3000)}], NOW)
        await connection.execute(sa.insert(admin_act).values(at=NOW, user_id=number, act="y" * (number * 7 % 900 + 1)))


def halves(path: Path) -> tuple[int, int]:
    """Return how many of either thing are there, in a file that has to be whole."""
    with closing(sqlite3.connect(path)) as connection:
        (found,) = connection.execute("PRAGMA integrity_check").fetchone()
        assert found == "ok"
        return (
            connection.execute("SELECT count(*) FROM inbox").fetchone()[0],
            connection.execute("SELECT count(*) FROM admin_act").fetchone()[0],
        )


async def test_a_log_that_a_power_cut_tore_holds_whole_units_or_none(tmp_path: Path) -> None:
    """Cut or damaged anywhere, SQLite's log gives back a beginning of what was committed, never half a unit."""
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        await database.empty_log()
        for number in range(UNITS):
            await write_unit(database, number)
        live, torn = tmp_path / "a.db", tmp_path / "torn.db"
        log = (tmp_path / "a.db-wal").read_bytes()
        chance = random.Random(105)
        seen = set()
        for _ in range(TORN):
            shutil.copy(live, torn)
            broken, at = bytearray(log), chance.randrange(len(log))
            if chance.random() < 0.5:
                del broken[at:]
            else:
                broken[at] ^= 1 << chance.randrange(8)
            (tmp_path / "torn.db-wal").write_bytes(broken)
            (tmp_path / "torn.db-shm").unlink(missing_ok=True)
            first, second = halves(torn)
            assert first == second
            seen.add(first)
    assert len(seen) > UNITS // 2


async def test_every_commit_is_on_the_disk_before_it_returns(tmp_path: Path) -> None:
    """`synchronous=FULL`, on each connection: a claim is on the disk before its request leaves, a mark stays made."""
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        for opened in (database.begin, database.read):
            async with opened() as connection:
                for pragma, value in {"synchronous": 2, "journal_mode": "wal", "foreign_keys": 1}.items():
                    assert (await connection.execute(sa.text(f"PRAGMA {pragma}"))).scalar_one() == value


async def test_a_disk_that_fills_undoes_the_whole_unit_and_the_next_one_works(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        await write_unit(database, 1)
        async with database.begin() as connection:
            pages = (await connection.execute(sa.text("PRAGMA page_count"))).scalar_one()
            await connection.execute(sa.text(f"PRAGMA max_page_count = {pages + 2}"))
        with pytest.raises(OperationalError, match="full"):
            async with database.begin() as connection:
                await connection.execute(sa.insert(admin_act).values(at=NOW, user_id=2, act="small"))
                await connection.execute(sa.insert(admin_act).values(at=NOW, user_id=3, act="x" * 100_000))
        with pytest.raises(OperationalError, match="had ended before its commit"):
            async with database.begin() as connection:
                await connection.execute(sa.insert(admin_act).values(at=NOW, user_id=4, act="small"))
                with pytest.raises(OperationalError, match="full"):
                    await connection.execute(sa.insert(admin_act).values(at=NOW, user_id=5, act="x" * 100_000))
        async with database.begin() as connection:
            await connection.execute(sa.text(f"PRAGMA max_page_count = {pages * 100}"))
        await write_unit(database, 6)
        async with database.read() as connection:
            assert list((await connection.execute(sa.select(admin_act.c.user_id))).scalars()) == [1, 6]


async def test_a_log_that_a_reader_held_is_cut_when_it_has_gone(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        async with database.read() as reading:
            await reading.execute(sa.select(admin_act))
            for number in range(UNITS):
                await write_unit(database, number)
            assert database.log_bytes() > 200_000
        await database.empty_log()
        assert database.log_bytes() == 0


async def test_a_file_that_somebody_else_writes_to_is_waited_for(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(write_unit(database, 1))
            await asyncio.sleep(0.2)
            assert not writing.done()
            other.execute("COMMIT")
            await writing
    assert halves(tmp_path / "a.db") == (1, 1)


async def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        for number in range(UNITS):
            await write_unit(database, number)
        await database.empty_log()
    damaged = bytearray((tmp_path / "a.db").read_bytes())
    damaged[len(damaged) // 2 : len(damaged) // 2 + 20_000] = b"\xff" * 20_000
    (tmp_path / "a.db").write_bytes(damaged)
    again = Database(f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(ConfigError, match=r"damaged|malformed"):
        await again.migrate()
    await again.close()
    assert (tmp_path / "a.db").read_bytes() == damaged


def end_sessions(database: Database) -> None:
    """Let the server drop every connection of the program, as a restart or a failover does."""
    with psycopg.connect(database.url.render_as_string(hide_password=False), autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_server_that_drops_a_unit_half_way_undoes_it_and_the_next_one_works(database: Database) -> None:
    with pytest.raises(DBAPIError):
        async with database.begin() as connection:
            await inbox.keep(connection, [{"update_id": 1}], NOW)
            end_sessions(database)
    await write_unit(database, 2)
    async with database.read() as connection:
        assert [one.update_id for one in await inbox.waiting(connection, 9)] == [2]


async def test_a_unit_whose_commit_nobody_heard_of_is_done_again_and_changes_nothing(database: Database) -> None:
    """A connection that ends during COMMIT leaves open whether that was done: all is written under unique keys."""
    world = World(database)
    chat = await world.chat()
    wanted = await world.subscribe(chat, "syria")
    entry_id = await world.entry(wanted)

    async def units() -> None:
        async with database.begin() as connection:
            await inbox.keep(connection, [{"update_id": 7}], NOW)
            (stored,) = (await connection.execute(sa.select(entry).where(entry.c.id == entry_id))).mappings()
            await entries.set_alerted_to(connection, entry_id, None)
            await digest_runs.start_run(
                connection, chat_id=chat.id, kind="daily", period="2026-03-01", stories=1, now=NOW
            )
            await inbox.apply(connection, 7)
            assert stored["id"] == entry_id

    async def everything() -> dict[str, list[tuple[object, ...]]]:
        async with database.read() as connection:
            return {
                table.name: [tuple(row) for row in await connection.execute(sa.select(table))]
                for table in meta.sorted_tables
            }

    await world.tell(chat, entry_id, wanted)
    await units()
    before = await everything()
    await units()
    assert await everything() == before
    assert await world.to_alert(entry_id) == []
