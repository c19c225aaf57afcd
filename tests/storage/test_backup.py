import resource
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from bot.errors import ConfigError
from bot.storage import delivery_claims
from bot.storage.backup import BackupError, backup, backup_before_migrating, backup_to_folder, backups_in, restore
from bot.storage.database import Database, alembic_config
from bot.storage.schema import meta
from tests.conftest import BACKENDS, new_postgresql_url
from tests.storage.world import NOW, World


async def everything(database: Database) -> dict[str, list[tuple[object, ...]]]:
    async with database.read() as connection:
        return {
            table.name: [tuple(row) for row in await connection.execute(sa.select(table).order_by(*table.primary_key))]
            for table in meta.sorted_tables
        }


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def fill(database: Database) -> World:
    world = World(database)
    chat = await world.chat()
    wanted = await world.subscribe(chat, "syria")
    await world.tell(chat, await world.entry(wanted), wanted)
    return world


@pytest.fixture(params=BACKENDS)
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return Database(f"sqlite:///{tmp_path}/restored.db")
    return Database(new_postgresql_url(request.getfixturevalue("postgresql")))


async def test_a_backup_restores_all_there_was_into_either_database(
    database: Database, empty: Database, tmp_path: Path
) -> None:
    world = await fill(database)
    async with world.database.begin() as writing:  # somebody writes meanwhile: not in it
        await writing.execute(sa.text("DELETE FROM told"))
        await backup(database, tmp_path / "saved.db")
        await writing.rollback()
    before = await everything(database)

    await restore(tmp_path / "saved.db", empty)

    async with empty:
        assert await everything(empty) == before
        restored = World(empty, made=10)  # and life goes on: new rows take new numbers
        chat = await restored.chat(99)
        await restored.tell(chat, await restored.entry(one := await restored.subscribe(chat, "idlib")), one)
        async with empty.begin() as connection:
            claimed = await delivery_claims.claim(connection, NOW, free=5, lease=timedelta(minutes=1))
        assert sorted(one.telegram_id for one in claimed) == [7, 99]


async def test_a_database_with_something_in_it_is_not_restored_into(database: Database, tmp_path: Path) -> None:
    await fill(database)
    await backup(database, tmp_path / "saved.db")
    with pytest.raises(ConfigError, match="not empty"):
        await restore(tmp_path / "saved.db", database)


async def test_only_its_owner_may_read_a_backup(database: Database, tmp_path: Path) -> None:
    await backup(database, tmp_path / "new" / "saved.db")
    assert stat.S_IMODE((tmp_path / "new" / "saved.db").stat().st_mode) == 0o600
    assert names(tmp_path / "new") == ["saved.db"]


async def test_the_oldest_backups_give_way(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        made = [
            await backup_to_folder(database, tmp_path / "kept", NOW + timedelta(days=day), keep=2) for day in range(4)
        ]
    assert backups_in(tmp_path / "kept") == made[2:]
    assert made[0].name == "watchword-20260301T120000Z.db"


@contextmanager
def small_files(limit: int) -> Iterator[None]:
    """Let no file grow beyond `limit` bytes: what a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_leaves_the_last_backup_and_nothing_half(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        await backup(database, tmp_path / "kept" / "saved.db")
        good = (tmp_path / "kept" / "saved.db").read_bytes()
        with small_files(40_000), pytest.raises(BackupError, match="could not be made"):
            await backup(database, tmp_path / "kept" / "saved.db")
    assert (tmp_path / "kept" / "saved.db").read_bytes() == good
    assert names(tmp_path / "kept") == ["saved.db"]


async def test_what_an_older_version_left_is_saved_before_its_tables_are_changed(tmp_path: Path) -> None:
    old, folder = Database(f"sqlite:///{tmp_path}/a.db"), tmp_path / "kept"
    assert await backup_before_migrating(old, folder) is None  # there is nothing yet

    def first_tables(connection: sa.Connection) -> None:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")

    async with old.begin() as connection:
        await connection.run_sync(first_tables)
        await connection.execute(sa.text("INSERT INTO counter (name, value) VALUES ('kept', 7)"))

    saved = await backup_before_migrating(old, folder)

    assert saved is not None
    assert names(folder) == ["watchword-before-update-from-0001.db"]
    with sqlite3.connect(saved) as file:
        assert file.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert file.execute("SELECT value FROM counter").fetchone() == (7,)
    await old.migrate()
    assert await backup_before_migrating(old, folder) is None
    await old.close()


async def test_a_copied_file_that_lost_its_log_is_no_backup(tmp_path: Path) -> None:
    """Why the online backup is used: most of a live database is in its log."""
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        await fill(database)
        (tmp_path / "copy.db").write_bytes((tmp_path / "a.db").read_bytes())
        await backup(database, tmp_path / "saved.db")
    with sqlite3.connect(tmp_path / "saved.db") as saved:
        assert saved.execute("SELECT count(*) FROM delivery").fetchone() == (1,)
    with sqlite3.connect(tmp_path / "copy.db") as copy, pytest.raises(sqlite3.OperationalError):
        copy.execute("SELECT count(*) FROM delivery").fetchone()


@pytest.mark.parametrize(
    "planted",
    [
        "CREATE VIEW strange AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n",
        "DROP TABLE story; CREATE VIEW story AS SELECT 1 AS id",
        "CREATE TRIGGER strange AFTER UPDATE ON alembic_version BEGIN DELETE FROM chat; END",
        "CREATE VIRTUAL TABLE strange USING fts5(words)",
        "DROP TABLE alembic_version",
    ],
)
async def test_a_file_with_somebody_elses_code_in_it_is_not_restored(tmp_path: Path, planted: str) -> None:
    async with Database(f"sqlite:///{tmp_path}/w.db") as database:
        await fill(database)
        await backup(database, tmp_path / "backup.db")
    with closing(sqlite3.connect(tmp_path / "backup.db")) as file:
        file.executescript(planted)
    with pytest.raises(ConfigError, match="no backup of Watchword"):
        await restore(tmp_path / "backup.db", Database(f"sqlite:///{tmp_path}/new.db"))
    assert not (tmp_path / "new.db").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 an archive", b"SQLite format 3\0" + b"\xff" * 200])
async def test_what_is_no_database_is_not_restored(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "backup.db").write_bytes(content)
    with pytest.raises(ConfigError, match="no backup"):
        await restore(tmp_path / "backup.db", Database(f"sqlite:///{tmp_path}/new.db"))
