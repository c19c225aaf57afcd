"""Database: its connections and transactions, and the migration of its tables.

SQLite has one writer: a lock here queues the writers of this process, BEGIN IMMEDIATE takes the file's lock at
once (a read that later turns into a write fails with BUSY_SNAPSHOT whatever the timeout), and readers have
connections of their own. `synchronous=FULL`: with NORMAL a power cut may undo a "sent" mark that was committed.
"""

import asyncio
import errno
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import sqlalchemy as sa
import structlog
from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from bot.errors import ConfigError
from bot.storage.database_file import DatabaseFile
from bot.storage.room import Room
from bot.storage.schema import counter

log = structlog.get_logger()

Result = TypeVar("Result")

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_TIMEOUT_MS = 10_000
STATEMENT_TIMEOUT_MS = 60_000
DATABASE_AWAY = (OperationalError, InterfaceError, InternalError)  # full, unreachable, or read-only
PROBE = "room"  # a counter that is never committed
CONFLICT = ("40001", "40P01")  # serialization_failure, deadlock_detected (PostgreSQL, appendix A)
CONFLICTS = 3  # in a row, after which a unit fails
KIND = 0x57415443  # "WATC": the first half of our advisory locks, so that they collide with no other program's


class Turn(IntEnum):
    """Work that all runs on one PostgreSQL may do, but one at a time; the second half of an advisory lock."""

    TABLES = 0
    ALERTS = 1


DAMAGED = "{path} is damaged, and left as it is; restore a backup (docs/operations.md)"
WRITABLE = "user {user}, who runs the bot, must be able to write to {folder} and to {path}, and the disk must allow it"
ADVICE = {
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_IOERR: "its disk may be broken, or full",
    sqlite3.SQLITE_BUSY: "another program works on it; stop that first",
    sqlite3.SQLITE_READONLY: WRITABLE,
    sqlite3.SQLITE_CANTOPEN: WRITABLE,
    sqlite3.SQLITE_PERM: WRITABLE,
}


class Database:
    """The database and its transactions. `url` is `sqlite:///path` or `postgresql://…`."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.file = DatabaseFile(self.path) if self.path else None
        self.room = Room(self.path.parent if self.path else None)
        if self.file is not None:
            self._writer = _sqlite_engine(self.url, self.file, begin="BEGIN IMMEDIATE", pool_size=1)
            self._reader = _sqlite_engine(self.url, self.file, begin="BEGIN", pool_size=4)
        else:
            self._writer = self._reader = _postgresql_engine(self.url)
        for engine in {self._writer, self._reader}:
            sa.event.listen(engine.sync_engine, "handle_error", self._note_error)
        self._write_lock = asyncio.Lock()
        self.run = secrets.token_hex(4)  # the name of this run of the program, in its lease tokens

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that may write: committed at the end, rolled back by any exception."""
        if not self.is_sqlite:
            async with self._writer.begin() as connection:
                yield connection
            return
        async with self._write_lock, self._writer.begin() as connection:
            yield connection

    async def try_writing(self) -> bool:
        """Write something and take it back, if the database refused its last write; return whether it can be written.

        Both are in one transaction, so no row is left, and yet its commit is written to the disk.
        """
        if self.room.refusal is None:
            return True
        try:
            async with self.begin() as connection:
                await next_value(connection, PROBE)
                await connection.execute(counter.delete().where(counter.c.name == PROBE))
        except DATABASE_AWAY:
            return False
        self.room.refusal = None
        return True

    def troubles(self) -> list[str]:
        """Return a sentence for each thing that is wrong with the file or its disk, without asking the database."""
        loss = self.file.loss() if self.file else None
        lost = f"{loss} while the bot runs. It saves a copy and stops; its log names the copy and how to go on"
        return [trouble for trouble in (loss and lost, self.room.fault()) if trouble]

    def _note_error(self, context: sa.engine.ExceptionContext) -> None:
        self.room.note_error(context.original_exception)

    @asynccontextmanager
    async def between_writes(self) -> AsyncIterator[aiosqlite.Connection]:
        """Yield SQLite's connection that writes, outside any transaction, while nobody else writes."""
        async with self._write_lock, self._writer.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            yield raw

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that only reads, concurrently with any writer."""
        async with self._reader.begin() as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Open a long transaction that only reads a snapshot: all its statements see the same rows."""
        async with self._reader.connect() as connection:
            if not self.is_sqlite:
                await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                await connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
            yield connection

    async def session(self) -> AsyncConnection:
        """Return a connection of the caller's own, in autocommit mode: its session locks last until it is closed."""
        connection = await self._writer.connect()
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        return connection

    @property
    def path(self) -> Path | None:
        """Return SQLite's file; None for PostgreSQL."""
        return Path(self.url.database) if self.is_sqlite and self.url.database else None

    async def migrate(self) -> None:
        """Migrate the tables to this version.

        ConfigError if a newer version wrote them, or the database cannot be reached or its file is damaged.
        """
        try:
            if self.file is not None:
                _make_file(self.file)
            async with self.begin() as connection:
                if self.is_sqlite:
                    await _refuse_damaged(connection)
                await take_turn(connection, Turn.TABLES)  # runs that start at the same moment would make them twice
                await connection.run_sync(_upgrade)
        except (OSError, sqlite3.Error, DBAPIError) as error:
            raise cannot_be_opened(error, self.path) from error

    async def has_tables(self) -> bool:
        """Return whether the database has its tables; True too if it cannot be read: `migrate` reports that."""
        if self.file is not None and self.file.is_empty():
            return self.file.has_orphaned_log()
        try:
            async with self.read() as connection:
                return await connection.run_sync(_revision) is not None
        except (sqlite3.Error, DBAPIError):
            return True

    async def revision_before(self) -> str | None:
        """Return the revision of a SQLite file's tables if `migrate` would change them, else None."""
        if self.file is None or self.file.is_empty():
            return None
        try:
            async with self.read() as connection:
                current = await connection.run_sync(_revision)
        except (sqlite3.Error, DBAPIError):
            return None  # `migrate` reports the error
        return None if current == ScriptDirectory.from_config(alembic_config()).get_current_head() else current

    async def empty_log(self) -> None:
        """Write SQLite's log back into its file and truncate it, if no reader uses it: by itself it only grows."""
        if not self.is_sqlite:
            return
        async with self.between_writes() as connection:
            await connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def log_bytes(self) -> int:
        """Return the size of SQLite's log; 0 for PostgreSQL."""
        log = self.path.with_name(f"{self.path.name}-wal") if self.path else None
        return log.stat().st_size if log and log.exists() else 0

    async def close(self) -> None:
        """Close every connection."""
        await self._writer.dispose()
        await self._reader.dispose()
        if self.file is not None:
            self.file.note_closed()

    async def __aenter__(self) -> "Database":
        """Bring the tables up to date, for `async with`."""
        await self.migrate()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()


def cannot_be_opened(error: Exception, path: Path | None = None) -> ConfigError:
    """Return the error for a database that cannot be reached, read or written; `path` is that of a SQLite file."""
    cause = getattr(error, "orig", error)
    reason = str(cause).strip().splitlines()[0][:200]
    advice = ADVICE.get(getattr(cause, "sqlite_errorcode", 0) & 0xFF, "")
    if isinstance(cause, PermissionError) or getattr(cause, "errno", None) == errno.EROFS:
        advice = WRITABLE
    if path is not None and advice:
        reason = f"{reason}; {advice.format(path=path, folder=path.parent, user=os.geteuid())}"
    return ConfigError([f"storage.url: the database cannot be opened: {reason}"])


async def _refuse_damaged(connection: AsyncConnection) -> None:
    found = (await connection.execute(sa.text("PRAGMA quick_check(1)"))).scalar_one()
    if found != "ok":
        raise ConfigError(["storage.url: the file is damaged; restore a backup (docs/operations.md)"])


def _make_file(file: DatabaseFile) -> None:
    """Create the database file in WAL mode, readable by its owner alone (SQLite would make it readable by all).

    The mode stays with the file. To set it on each connection fails with a locked file when two are opened at once.
    """
    path = file.path
    if kind := file.network_disk():
        reason = f"storage.url: {path} is on a network disk ({kind}), where SQLite's files can be damaged"
        raise ConfigError([f"{reason}. Put it on a disk of this machine, or use PostgreSQL"])
    if file.has_orphaned_log():
        reason = f"storage.url: {path} is missing or empty, but its log {path.name}-wal holds data"
        raise ConfigError([f"{reason}. Bring the file back beside its log; or move the log away, and restore a backup"])
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def insert_new(connection: AsyncConnection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT into `table` in this database's dialect, which supports ON CONFLICT."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


async def insert_many(connection: AsyncConnection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows`, except those whose unique key exists already."""
    if rows:
        await connection.execute(insert_new(connection, table).on_conflict_do_nothing(), list(rows))


async def take_turn(connection: AsyncConnection, turn: Turn) -> None:
    """Wait until no other run does this work, and keep it until the transaction ends. SQLite has one run."""
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(KIND, turn.value)))


async def retry_conflicts(unit: Callable[[], Awaitable[Result]]) -> Result:
    """Do a unit, from its beginning to its commit, and again if another transaction was in its way: CONFLICTS times.

    A deadlock and a serialization failure undo the whole transaction and ask for this (PostgreSQL: Serialization
    Failure Handling). Our transactions lock in one order where they can; keys of other tables do not ask us.
    """
    for _ in range(CONFLICTS):
        try:
            return await unit()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in CONFLICT:
                raise
            log.warning("transaction repeated", reason=type(error.orig).__name__)
    return await unit()


async def next_value(connection: AsyncConnection, name: str) -> int:
    """Return the next number of a counter (1 is the first).

    The counter's row stays locked until the transaction ends, so numbers commit in order: a reader that sees
    number n sees all below it. A sequence does not guarantee that.
    """
    statement = insert_new(connection, counter).values(name=name, value=1)
    statement = statement.on_conflict_do_update(index_elements=["name"], set_={"value": counter.c.value + 1})
    return int((await connection.execute(statement.returning(counter.c.value))).scalar_one())


def _sqlite_engine(url: sa.URL, file: DatabaseFile, *, begin: str, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        pool_size=pool_size,
        max_overflow=0,
        poolclass=sa.AsyncAdaptedQueuePool,
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
    )

    @sa.event.listens_for(engine.sync_engine, "do_connect")
    def refuse_other(*connecting: object) -> None:
        file.refuse_other()

    @sa.event.listens_for(engine.sync_engine, "connect")
    def configure(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        file.note_opened()
        connection.isolation_level = None  # transactions are ours, not the driver's
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine.sync_engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    @sa.event.listens_for(engine.sync_engine, "commit")
    def refuse_ended(connection: Connection) -> None:
        """Refuse to commit a transaction that a full disk has ended silently (sqlite.org/lang_transaction.html)."""
        driver = connection.connection.driver_connection
        assert driver is not None
        if not driver.in_transaction:
            ended = sqlite3.OperationalError("the transaction had ended before its commit")
            raise OperationalError("COMMIT", None, ended)

    return engine


def _postgresql_engine(url: sa.URL) -> AsyncEngine:
    return create_async_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=9,  # one is held by `presence`
        max_overflow=4,
        hide_parameters=True,  # of a failed statement: they contain people's words, and addresses with keys
        pool_pre_ping=True,  # a server that restarted costs one reconnect, not one failed unit
        connect_args={
            "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC"
            f" -c idle_in_transaction_session_timeout={STATEMENT_TIMEOUT_MS}",
        },
    )


def alembic_config() -> AlembicConfig:
    """Return the settings of Alembic, which has no configuration file here."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection) -> None:
    config = alembic_config()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = _revision(connection)
    if current is not None and current not in known:
        raise ConfigError(["storage.url: this database was written by a newer Watchword; update the program"])
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
