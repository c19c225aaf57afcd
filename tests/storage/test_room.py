"""Room of a database: what its disk has left, and what it refused last."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from bot.storage.database import Database
from bot.storage.room import Room
from bot.storage.schema import admin_act, counter
from tests.storage.world import NOW


async def limit_pages(database: Database, more: int) -> None:
    """Let the file have so many pages more than it has now: what a full disk does."""
    async with database.begin() as connection:
        pages = (await connection.execute(sa.text("PRAGMA page_count"))).scalar_one()
        await connection.execute(sa.text(f"PRAGMA max_page_count = {pages + more}"))


async def test_a_refused_write_is_told_until_one_succeeds_and_leaves_no_row(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        assert database.troubles() == []
        await limit_pages(database, 0)
        with pytest.raises(OperationalError, match="full"):
            async with database.begin() as connection:
                await connection.execute(sa.insert(admin_act).values(at=NOW, user_id=1, act="x" * 100_000))
        (trouble,) = database.troubles()
        assert trouble.startswith("its disk is full. Nothing is polled or sent")
        assert database.room.is_short
        await limit_pages(database, 100)
        assert database.troubles() == [trouble]  # nothing was written since
        assert await database.try_writing()
        assert database.troubles() == []
        async with database.read() as connection:
            assert (await connection.execute(sa.select(counter))).all() == []


async def test_a_database_that_may_only_be_read_is_found_out_by_trying(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        async with database.between_writes() as connection:
            await connection.execute("PRAGMA query_only = ON")
        with pytest.raises(OperationalError):
            async with database.begin() as connection:
                await connection.execute(sa.insert(admin_act).values(at=NOW, user_id=1, act="x"))
        assert "may only be read" in database.troubles()[0]
        assert not await database.try_writing()
        assert "may only be read" in database.troubles()[0]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_postgresql_that_takes_no_writes_is_told_too(database: Database) -> None:
    name = database.url.database
    with psycopg.connect(database.url.render_as_string(hide_password=False), autocommit=True) as admin:
        for setting in ("on", "off"):
            admin.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {setting}'.encode())
            await database.close()  # new sessions have the setting
            if setting == "on":
                with pytest.raises(DBAPIError):
                    async with database.begin() as connection:
                        await connection.execute(sa.insert(admin_act).values(at=NOW, user_id=1, act="x"))
                assert "may only be read" in database.troubles()[0]
                assert not await database.try_writing()
    assert await database.try_writing()
    assert database.troubles() == []


def test_little_room_is_told_before_there_is_none(tmp_path: Path) -> None:
    room = Room(tmp_path)
    free = room.free_bytes()
    assert free is not None
    room.floor = 0
    assert room.fault() is None
    assert not room.is_short
    room.floor = free + 2**30
    assert "MB left. Make room" in (room.fault() or "")
    assert room.is_short


def test_errors_that_say_nothing_about_writing_are_no_refusal() -> None:
    room = Room(None)
    room.note_error(sqlite3.OperationalError("no such table"))
    room.note_error(None)
    assert room.fault() is None
