"""Runs of the program: which are alive, and which has a role. The leases of a dead run are freed at once.

A run puts its name (`Database.run`) into its leases and holds a lock that is released when its process ends, however
it ends. SQLite: a lock on the file beside the database, so one bot works on it, and every earlier lease is free.
PostgreSQL: an advisory lock of a session of its own; a run whose lock can be acquired is gone. Behind a pooler that
shares sessions a lock may outlive its run: then its leases end by time alone.

Of the runs on one PostgreSQL one is the active sender, for Telegram's limits are a bot's, no process's; and one is the
active matcher, for a story needs to know the headlines before it. A role is a row with a lease. The other runs are on
standby: one takes the role when its holder stops, dies, or has not renewed its lease. Every transaction that writes for
a role renews it first, so a run that was stopped past its lease and resumes writes nothing.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import ConfigError
from bot.storage import deliveries, pages, sources
from bot.storage.database import KIND, Database, cannot_be_opened, insert_new
from bot.storage.lease import run_of
from bot.storage.schema import delivery, role, source

PATIENCE = timedelta(seconds=30)  # for a predecessor to stop
RETRY = timedelta(seconds=0.1)  # between two tries to lock the file
AGES = timedelta(days=1)  # longer than any lease
ROLE_LEASE = timedelta(seconds=30)  # renewed with every unit of work, and every ten seconds beside it


class Role(StrEnum):
    """Work that one run at a time may do."""

    MATCHER = "matcher"
    SENDER = "sender"


class Presence:
    """One run, and whether others are alive. Made by `present`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.is_alone = database.is_sqlite  # nobody else can be alive
        self._session: AsyncConnection | None = None

    async def renew(self) -> None:
        """Take this run's lock anew if its session was lost; an error of the database if that cannot be done now."""
        try:
            if self._session is not None:
                await self._session.execute(sa.text("SELECT 1"))
                return
        except SQLAlchemyError:  # the server restarted, or let the session go
            await self.leave()
        self._session = await self.database.session()
        await self._session.execute(sa.select(sa.func.pg_advisory_lock(KIND, _key(self.database.run))))

    async def keep_role(self, name: Role, now: datetime) -> None:
        """Renew a role if this run has it."""
        async with self.database.begin() as connection:
            await renew(connection, name, self.database.run, now)

    async def leave(self) -> None:
        """Release this run's lock."""
        session, self._session = self._session, None
        if session is not None:
            with suppress(SQLAlchemyError):  # now: the server ends a session later, in its own time
                await session.execute(sa.select(sa.func.pg_advisory_unlock_all()))
            with suppress(SQLAlchemyError):
                await session.invalidate()  # else the pool keeps the session, and with it the lock
                await session.close()

    async def take_over(self, now: datetime, *, again_at: datetime) -> int:
        """Free the leases of dead runs: their sources are due, the messages in flight are in doubt until `again_at`.

        Return the number of those messages. On SQLite all leases are freed: call it before this run leases anything.
        """
        async with self.database.begin() as connection:
            dead = None if self.is_alone else await self._dead(connection)
            if dead == []:
                return 0
            await sources.release(connection, dead)
            await connection.execute(role.delete().where(role.c.run.in_(dead or [])))
            if self.is_alone:
                await pages.release(connection, now)
            return await deliveries.recover(connection, now + AGES, again_at=again_at, runs=dead)

    async def _dead(self, connection: AsyncConnection) -> list[str]:
        """Return the runs that hold leases and are gone."""
        held = sa.union(
            sa.select(source.c.lease_token).where(source.c.lease_token.is_not(None)),
            sa.select(delivery.c.lease_token).where(deliveries.is_in(deliveries.SENDING)),
        )
        runs = {run_of(str(token)) for token in (await connection.execute(held)).scalars()}
        runs |= set((await connection.execute(sa.select(role.c.run))).scalars())
        return [run for run in sorted(runs - {self.database.run, ""}) if await _is_gone(connection, run)]


@asynccontextmanager
async def present(database: Database) -> AsyncIterator[Presence]:
    """Be a living run until the end of the block. ConfigError if another one works on the same SQLite file."""
    if database.path is not None:
        file = await _only_one(database.path.with_name(f"{database.path.name}.lock"))
        try:
            yield Presence(database)
        finally:
            os.close(file)
        return
    presence = Presence(database)
    try:
        await presence.renew()
    except DBAPIError as error:
        raise cannot_be_opened(error) from error
    try:
        yield presence
    finally:
        with suppress(SQLAlchemyError):  # then it ends by itself
            async with database.begin() as connection:
                await connection.execute(role.delete().where(role.c.run == database.run))
        await presence.leave()


async def renew(connection: AsyncConnection, name: Role, run: str, now: datetime) -> bool:
    """Extend the lease of a role; False if another run took it since `run` acquired it.

    The role's row is locked until the transaction ends, so no other run becomes active before what this transaction
    writes is committed. True means that no other run was active since `acquire`: a lease that ran out is renewed while
    nobody has taken it.
    """
    held = sa.and_(role.c.name == name, role.c.run == run)
    return (await connection.execute(role.update().where(held).values(lease_until=now + ROLE_LEASE))).rowcount == 1


async def acquire(connection: AsyncConnection, name: Role, run: str, now: datetime) -> bool:
    """Take a role that `run` has, no run has, or whose lease ran out; return whether `run` has it now.

    A run that finds it taken locks nothing, and waits for nobody. A lease that ends later than any can was dated by a
    wrong clock, and counts as run out.
    """
    if await renew(connection, name, run, now):
        return True
    values = {"run": run, "lease_until": now + ROLE_LEASE}
    if (await connection.execute(sa.select(role.c.run).where(role.c.name == name))).first() is None:
        new = insert_new(connection, role).values(name=name, **values).on_conflict_do_nothing()
        return (await connection.execute(new.returning(role.c.run))).first() is not None
    is_free = sa.or_(role.c.lease_until < now, role.c.lease_until > now + ROLE_LEASE * 2)
    taken = role.update().where(role.c.name == name, is_free).values(values)
    return (await connection.execute(taken)).rowcount == 1


async def _only_one(path: Path) -> int:
    """Return the number of a file that is locked for this process; the kernel unlocks it when the process ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise cannot_be_opened(error, path.with_suffix("")) from error
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            while True:
                with suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return file
                await asyncio.sleep(RETRY.total_seconds())
    except TimeoutError:
        os.close(file)
        raise ConfigError(["storage.url: another Watchword is running on this database; stop it first"]) from None


async def _is_gone(connection: AsyncConnection, run: str) -> bool:
    """Return whether a run's lock is free; it is then ours until the transaction ends."""
    locked = await connection.execute(sa.select(sa.func.pg_try_advisory_xact_lock(KIND, _key(run))))
    return bool(locked.scalar_one())


def _key(run: str) -> sa.ColumnElement[int]:
    """Return the key of a run's advisory lock: its name as a signed number of 32 bits."""
    return sa.cast(int.from_bytes(bytes.fromhex(run), signed=True), sa.Integer)
