"""Digest runs: each digest of a chat is made once for its kind and period.

A digest without news leaves its period free: whoever moves the time of an empty digest gets that day's news the same
day.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_new
from bot.storage.schema import digest_run


async def start_run(
    connection: AsyncConnection, *, chat_id: int, kind: str, period: str, stories: int, now: datetime
) -> int | None:
    """Record that a chat's digest for this period is made and return its id; None if one with news was made already."""
    values = {"chat_id": chat_id, "kind": kind, "period": period, "stories": stories, "frozen_at": now}
    statement = (
        insert_new(connection, digest_run)
        .values(values)
        .on_conflict_do_update(
            index_elements=["chat_id", "kind", "period"],
            set_={"stories": stories, "frozen_at": now},
            where=digest_run.c.stories == 0,
        )
        .returning(digest_run.c.id)
    )
    run_id: int | None = (await connection.execute(statement)).scalar_one_or_none()
    return run_id


async def purge_runs(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove up to `limit` records of digests made before a time; return how many."""
    ids = list(
        (
            await connection.execute(sa.select(digest_run.c.id).where(digest_run.c.frozen_at < before).limit(limit))
        ).scalars()
    )
    if ids:
        await connection.execute(digest_run.delete().where(digest_run.c.id.in_(ids)))
    return len(ids)
