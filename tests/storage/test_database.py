import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import DBAPIError, StatementError

from bot.errors import ConfigError
from bot.storage.database import Database, next_value
from bot.storage.schema import admin_act, meta


async def test_the_migrations_make_the_tables_that_the_schema_names(database: Database) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), meta))

    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []


async def test_migrating_twice_changes_nothing(database: Database) -> None:
    await database.migrate()


async def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(ConfigError, match="newer"):
        await database.migrate()


async def test_times_come_back_aware_and_in_utc(database: Database) -> None:
    at = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=9)))
    async with database.begin() as connection:
        await connection.execute(sa.insert(admin_act).values(at=at, user_id=1, act="x"))
        found = (await connection.execute(sa.select(admin_act.c.at))).scalar_one()

    assert found == at
    assert found.tzinfo == UTC


async def test_a_naive_time_is_refused(database: Database) -> None:
    with pytest.raises(StatementError):
        async with database.begin() as connection:
            await connection.execute(sa.insert(admin_act).values(at=datetime(2026, 3, 1), user_id=1, act="x"))  # noqa: DTZ001


async def test_counters_count_and_an_aborted_transaction_takes_its_number_back(database: Database) -> None:
    async with database.begin() as connection:
        assert await next_value(connection, "a") == 1
        assert await next_value(connection, "b") == 1
    with pytest.raises(RuntimeError):
        async with database.begin() as connection:
            assert await next_value(connection, "a") == 2
            raise RuntimeError
    async with database.begin() as connection:
        assert await next_value(connection, "a") == 2


async def test_a_reader_sees_what_is_committed_while_somebody_writes(database: Database) -> None:
    async with database.begin() as writing:
        await writing.execute(sa.insert(admin_act).values(at=datetime.now(UTC), user_id=1, act="x"))
        async with database.read() as reading:
            assert (await reading.execute(sa.select(sa.func.count()).select_from(admin_act))).scalar_one() == 0


async def test_the_sqlite_file_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/new/watchword.db"):
        for file in (tmp_path / "new").iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


async def test_an_error_does_not_tell_what_was_asked_with(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with database.begin() as connection:
            await connection.execute(sa.text("INSERT INTO nowhere VALUES (:key)"), {"key": "a-private-key"})
    assert "a-private-key" not in str(caught.value)
