"""Backups: the whole database, SQLite or PostgreSQL, as one SQLite file, made while the database is in use.

SQLite is copied with its online backup (a copy of the file alone would miss what is still in its log); PostgreSQL is
read in one snapshot, table by table. The file is made under another name, checked, flushed to the disk and only then
renamed: a file with the name of a backup is whole. `restore` fills an empty database of either kind.
"""

import os
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import aiosqlite
import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import ConfigError, WatchwordError
from bot.runtime.failpoints import failpoint
from bot.storage.database import Database
from bot.storage.schema import meta

CHUNK = 1000
NAME = "watchword-%Y%m%dT%H%M%SZ.db"
RESCUED_NAME = "watchword-rescued-%Y%m%dT%H%M%SZ.db"  # no name of a backup: never removed as an old one
COPIES = "watchword-*.db"  # backups, rescued copies, and those from before an update
SHAPE = re.compile(r"watchword-\d{8}T\d{6}Z\.db")


class BackupError(WatchwordError):
    """Failure to make a backup; the text has the reason."""


async def backup(database: Database, target: Path, *, rescue: bool = False) -> None:
    """Write a backup to `target`, replacing it if it exists. On failure raise BackupError and leave nothing behind.

    `rescue`: the SQLite file was removed, so no connection can be opened; the one that writes still has all of it.
    """
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _remove(unfinished)
        await (_rescue if rescue else _copy)(database, unfinished)
        failpoint("backup")
        _check(unfinished)
        _flush(unfinished)
        unfinished.replace(target)
        _flush(target.parent)
    except (OSError, sqlite3.Error, SQLAlchemyError) as error:
        _remove(unfinished)
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        raise BackupError(f"The backup could not be made: {reason}") from error


async def backup_to_folder(database: Database, folder: Path, now: datetime, *, keep: int) -> Path:
    """Write a backup named for `now` into `folder`, remove all but the newest `keep`, and return its path."""
    target = folder / now.strftime(NAME)
    await backup(database, target)
    others = [path for path in backups_in(folder) if path != target]
    for old in others[: max(0, len(others) + 1 - keep)]:
        old.unlink(missing_ok=True)
    return target


async def backup_before_migrating(database: Database, folder: Path) -> Path | None:
    """Write a backup of a SQLite file that `migrate` will change, and return its path; None if it changes nothing.

    Migrations have no way back but this file. It is named for the old revision, and `backup_to_folder` keeps it.
    """
    revision = await database.revision_before()
    if revision is None:
        return None
    target = folder / f"watchword-before-update-from-{revision}.db"
    await backup(database, target)
    return target


def backups_in(folder: Path) -> list[Path]:
    """Return the backups in a folder, oldest first."""
    return sorted(path for path in folder.glob("watchword-*.db") if SHAPE.fullmatch(path.name))


def newest_backup_at(folder: Path, now: datetime) -> datetime | None:
    """Return when the newest backup in a folder was made (by its name), or None.

    A backup from the future was made while the clock was wrong, and is ignored.
    """
    made = [datetime.strptime(path.name, NAME).replace(tzinfo=UTC) for path in backups_in(folder)]
    return max((at for at in made if at <= now), default=None)


def copies(database: Database, folder: Path | None) -> list[Path]:
    """Return the backups and rescued copies in the folder of backups and beside the SQLite file, newest first."""
    folders = {path for path in (folder, database.path.parent if database.path else None) if path is not None}
    found = {path for where in folders for path in where.glob(COPIES) if path != database.path}
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


async def refuse_lost(database: Database, folder: Path | None) -> None:
    """Raise ConfigError for an empty database where a file shows that there was one; call it before `migrate`.

    To begin with an empty one in silence is how people learn weeks later that their subscriptions are gone. An empty
    folder shows nothing, and neither does a first start that was killed: the marker comes after the tables.
    """
    if await database.has_tables():
        return
    saved, marker = copies(database, folder), database.file.marker if database.file else None
    if marker is not None and not marker.exists():
        marker = None
    if not saved and marker is None:
        return
    what = f"{database.path} is missing or empty" if database.path else "this database is empty"
    reason = f"there is a copy of an earlier one: {saved[0]}" if saved else f"{marker} shows that there was one"
    on = f"watchword restore {saved[0] if saved else 'FILE'}"
    away = [str(marker)] if marker else []
    away += [f"the files {COPIES} in {where}" for where in dict.fromkeys(path.parent for path in saved)]
    raise ConfigError(
        [f"storage.url: {what}, but {reason}. To go on: {on}. To begin anew: move away {' and '.join(away)}"]
    )


async def restore(source: Path, database: Database) -> None:
    """Fill `database` with a backup. ConfigError if `source` is not a backup, or the database is not empty."""
    if not source.is_file():  # noqa: ASYNC240 - nothing else runs
        raise ConfigError([f"{source}: there is no such file"])
    _refuse_strange(source)
    await database.migrate()
    async with Database(f"sqlite:///{source}") as saved, saved.read() as reading, database.begin() as writing:
        await _refuse_full(writing)
        await _copy_tables(reading, writing)
        if not database.is_sqlite:
            await _set_sequences(writing)


def _remove(path: Path) -> None:
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        file.unlink(missing_ok=True)


def _make(path: Path) -> None:
    path.touch(mode=0o600)


async def _copy(database: Database, target: Path) -> None:
    _make(target)
    if database.path:
        async with database.read() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            await _copy_file(raw, target)
        return
    async with Database(f"sqlite:///{target}") as saved:
        async with database.snapshot() as reading, saved.begin() as writing:
            await _copy_tables(reading, writing)
        await saved.empty_log()


async def _rescue(database: Database, target: Path) -> None:
    _make(target)
    async with database.between_writes() as connection:
        await _copy_file(connection, target)


async def _copy_file(connection: aiosqlite.Connection, target: Path) -> None:
    with closing(sqlite3.connect(target)) as file:
        await connection.backup(file, pages=CHUNK)


async def _copy_tables(reading: AsyncConnection, writing: AsyncConnection) -> None:
    for table in meta.sorted_tables:
        rows = await reading.stream(sa.select(table).execution_options(yield_per=CHUNK))
        async for chunk in rows.mappings().partitions(CHUNK):
            await writing.execute(sa.insert(table), [dict(row) for row in chunk])


def _refuse_strange(path: Path) -> None:
    """Raise ConfigError for a file that is not one of Watchword, or has more than plain tables and indexes.

    A view, a trigger or a virtual table is code of the file's author: it could run for ever, or change the restored
    data.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            found = file.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        raise ConfigError([f"{path}: is no backup: {error}"]) from error
    plain = all(kind in {"table", "index"} and not sql.upper().startswith("CREATE VIRTUAL") for kind, _, sql in found)
    if not plain or ("table", "alembic_version") not in {(kind, name) for kind, name, _ in found}:
        raise ConfigError([f"{path}: is no backup of Watchword"])


async def _refuse_full(connection: AsyncConnection) -> None:
    for table in meta.sorted_tables:
        if (await connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1))).first() is not None:
            raise ConfigError(["storage.url: this database is not empty; restore into a new one"])


async def _set_sequences(connection: AsyncConnection) -> None:
    """Set PostgreSQL's sequences to the highest restored ids."""
    for table in meta.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
        highest = sa.select(sa.func.max(column)).scalar_subquery()
        await connection.execute(sa.select(sa.func.setval(sequence, highest)).where(highest.is_not(None)))


def _check(path: Path) -> None:
    connection = sqlite3.connect(path)
    try:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
    if found != "ok":
        raise sqlite3.DatabaseError(f"the copy is damaged: {found}")


def _flush(path: Path) -> None:
    """Flush a file, or the list of files of a folder, to the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
