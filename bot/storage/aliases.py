"""Aliases that admins made in chat: groups of names for one thing.

Each change takes the next version, so that readers compare one number to detect a change. Not here: the aliases of the
configuration's file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import next_value
from bot.storage.schema import alias, counter

COUNTER = "alias"


@dataclass(frozen=True, slots=True)
class StoredAlias:
    """An alias: its names, the main one first."""

    id: int
    names: tuple[str, ...]


async def version(connection: AsyncConnection) -> int:
    """Return the version: the number of changes so far."""
    statement = sa.select(counter.c.value).where(counter.c.name == COUNTER)
    return int((await connection.execute(statement)).scalar_one_or_none() or 0)


async def listing(connection: AsyncConnection) -> list[StoredAlias]:
    """Return all aliases, oldest first."""
    rows = await connection.execute(sa.select(alias.c.id, alias.c.names).order_by(alias.c.id))
    return [StoredAlias(row.id, tuple(row.names)) for row in rows]


async def begin_change(connection: AsyncConnection) -> list[StoredAlias]:
    """Take the next version and return all aliases, locked against other changes until this transaction ends."""
    await next_value(connection, COUNTER)
    return await listing(connection)


async def add(connection: AsyncConnection, names: Sequence[str], now: datetime) -> int:
    """Store an alias and return its id."""
    statement = sa.insert(alias).values(names=list(names), created_at=now).returning(alias.c.id)
    return int((await connection.execute(statement)).scalar_one())


async def set_names(connection: AsyncConnection, alias_id: int, names: Sequence[str]) -> None:
    """Replace the names of an alias; no names delete it."""
    is_it = alias.c.id == alias_id
    if names:
        await connection.execute(alias.update().where(is_it).values(names=list(names)))
    else:
        await connection.execute(alias.delete().where(is_it))
