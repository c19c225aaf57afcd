"""Corroborations: how many independent publishers of an event match a query that waits for some (min:3).

Hits of such an event are held until enough match, and for HELD_FOR at most: then a digest tells them. An event without
a row here is not held.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_new
from bot.storage.schema import corroboration, entry, hit, source

HELD_FOR = timedelta(hours=48)  # since the first hit; a story takes no headline after that time, either
CHUNK = 200  # events of one statement

IS_CONFIRMED = sa.or_(corroboration.c.needed.is_(None), corroboration.c.publishers >= corroboration.c.needed)


def is_released(now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition for hits (joined to their corroboration, if there is one) that are not held."""
    return sa.or_(IS_CONFIRMED, corroboration.c.since <= now - HELD_FOR)


async def addresses(
    connection: AsyncConnection, events: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], list[tuple[str | None, str]]]:
    """Return by event (query, story) the addresses of the articles that are news of it: the article's, the source's."""
    known = sorted(events)
    found: dict[tuple[int, int], list[tuple[str | None, str]]] = {}
    for start in range(0, len(known), CHUNK):
        some = known[start : start + CHUNK]
        statement = (
            sa.select(hit.c.query_id, hit.c.story_id, entry.c.url, source.c.url.label("source_url"))
            .join(entry, entry.c.id == hit.c.entry_id)
            .join(source, source.c.id == entry.c.source_id)
            .where(sa.tuple_(hit.c.query_id, hit.c.story_id).in_(some), sa.not_(hit.c.past))
        )
        for row in await connection.execute(statement):
            found.setdefault((row.query_id, row.story_id), []).append((row.url, row.source_url))
    return found


async def note(
    connection: AsyncConnection, publishers: Mapping[tuple[int, int], int], needed: Mapping[int, int], now: datetime
) -> None:
    """Store how many publishers each event (query, story) has; an event that is confirmed remains so."""
    for (query_id, story_id), count in sorted(publishers.items()):
        values = {"query_id": query_id, "story_id": story_id, "publishers": count, "needed": needed[query_id]}
        statement = insert_new(connection, corroboration).values(**values, since=now)
        more = {"publishers": statement.excluded.publishers}
        is_more = statement.excluded.publishers > corroboration.c.publishers
        await connection.execute(
            statement.on_conflict_do_update(index_elements=["query_id", "story_id"], set_=more, where=is_more)
        )


async def purge(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove up to `limit` rows of events that began before a time; return how many."""
    keys = (corroboration.c.query_id, corroboration.c.story_id)
    old = sa.select(*keys).where(corroboration.c.since < before).limit(limit)
    return (await connection.execute(corroboration.delete().where(sa.tuple_(*keys).in_(old)))).rowcount
