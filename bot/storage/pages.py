"""Web pages: the queue of those to be read, and the sites they are on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_many
from bot.storage.schema import entry, page, site


@dataclass(frozen=True, slots=True)
class PendingPage:
    """A page to be read, with the title and summary of its entry; `attempts` counts the tries that failed."""

    entry_id: int
    source_id: int
    url: str
    title: str
    summary: str
    origin: str
    attempts: int
    failures: int  # of its site, in a row


async def enqueue(
    connection: AsyncConnection, found: Sequence[tuple[int, str]], now: datetime, *, wait: timedelta
) -> None:
    """Enqueue the pages of entries, (entry id, origin); the entries are matched when that is done, or after `wait`."""
    sites = sorted({origin for _, origin in found})
    await insert_many(connection, site, [{"origin": origin, "free_at": now} for origin in sites])
    rows = [{"entry_id": entry_id, "origin": origin, "due_at": now, "created_at": now} for entry_id, origin in found]
    await insert_many(connection, page, rows)
    ids = [entry_id for entry_id, _ in found]
    await connection.execute(entry.update().where(entry.c.id.in_(ids)).values(match_after=now + wait))


async def claim(connection: AsyncConnection, now: datetime, *, limit: int, lease: timedelta) -> list[PendingPage]:
    """Claim up to `limit` pages that are due, one of each site; the sites are locked for others until `lease` ends."""
    place = sa.func.row_number().over(partition_by=page.c.origin, order_by=(page.c.due_at, page.c.entry_id))
    due = (
        sa.select(page.c.entry_id, page.c.origin, place.label("place"))
        .join(site, site.c.origin == page.c.origin)
        .where(page.c.due_at <= now, site.c.free_at <= now)
        .subquery()
    )
    first = sa.select(due.c.entry_id, due.c.origin).where(due.c.place == 1).order_by(due.c.entry_id).limit(limit)
    rows = (await connection.execute(first)).all()
    if not rows:
        return []
    free = sa.and_(site.c.origin.in_([row.origin for row in rows]), site.c.free_at <= now)
    claim_sites = site.update().where(free).values(free_at=now + lease)
    taken = set((await connection.execute(claim_sites.returning(site.c.origin))).scalars())
    return await _pending(connection, [row.entry_id for row in rows if row.origin in taken])


async def _pending(connection: AsyncConnection, entry_ids: Sequence[int]) -> list[PendingPage]:
    statement = (
        sa.select(
            page.c.entry_id,
            *(entry.c[name] for name in ("source_id", "url", "title", "summary")),
            *(page.c[name] for name in ("origin", "attempts")),
            site.c.failures,
        )
        .join(entry, entry.c.id == page.c.entry_id)
        .join(site, site.c.origin == page.c.origin)
        .where(page.c.entry_id.in_(entry_ids))
        .order_by(page.c.entry_id)
    )
    return [PendingPage(**row) for row in (await connection.execute(statement)).mappings()]


async def release_site(connection: AsyncConnection, origin: str, at: datetime, *, failures: int) -> None:
    """Set when the next page of a site may be fetched, and its failures in a row."""
    await connection.execute(site.update().where(site.c.origin == origin).values(free_at=at, failures=failures))


async def retry(connection: AsyncConnection, entry_id: int, due_at: datetime) -> None:
    """Schedule another try of a page, and count this one."""
    statement = page.update().where(page.c.entry_id == entry_id)
    await connection.execute(statement.values(due_at=due_at, attempts=page.c.attempts + 1))


async def finish(
    connection: AsyncConnection, entry_id: int, now: datetime, text: str | None, language: str | None = None
) -> None:
    """Remove a page from the queue and store its text, None for none: its entry is matched now, perhaps again."""
    await connection.execute(page.delete().where(page.c.entry_id == entry_id))
    values: dict[str, Any] = {"match_after": None}
    if text is not None:
        values |= {"page": text, "edited_at": now, "matched_at_version": None}
        values["language"] = sa.func.coalesce(entry.c.language, sa.literal(language, sa.Text))
    await connection.execute(entry.update().where(entry.c.id == entry_id).values(values))


async def drop_older(connection: AsyncConnection, before: datetime) -> int:
    """Remove the pages that were enqueued before a time; return how many. Their entries are matched without them."""
    return (await connection.execute(page.delete().where(page.c.created_at < before))).rowcount


async def release(connection: AsyncConnection, now: datetime) -> None:
    """Release every site: the run that had claimed them is gone."""
    await connection.execute(site.update().where(site.c.free_at > now, site.c.failures == 0).values(free_at=now))


async def waiting(connection: AsyncConnection) -> int:
    """Return the number of pages in the queue."""
    return int((await connection.execute(sa.select(sa.func.count()).select_from(page))).scalar_one())


async def robots(connection: AsyncConnection, origin: str) -> tuple[str | None, datetime | None]:
    """Return the stored robots.txt of an origin and when it expires; None for what is not stored."""
    found = (
        await connection.execute(sa.select(site.c.robots, site.c.robots_until).where(site.c.origin == origin))
    ).first()
    return (found.robots, found.robots_until) if found else (None, None)


async def store_robots(
    connection: AsyncConnection, origin: str, now: datetime, until: datetime, *, rules: str | None = None
) -> None:
    """Store an origin's robots.txt until a time; without `rules` (it could not be fetched) the stored one stays."""
    await insert_many(connection, site, [{"origin": origin, "free_at": now}])
    values = {"robots_until": until} | ({} if rules is None else {"robots": rules})
    await connection.execute(site.update().where(site.c.origin == origin).values(values))


async def purge_sites(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove up to `limit` sites that no page was fetched from since a time; return how many."""
    idle = sa.and_(site.c.free_at < before, site.c.origin.not_in(sa.select(page.c.origin)))
    origins = list((await connection.execute(sa.select(site.c.origin).where(idle).limit(limit))).scalars())
    await connection.execute(site.delete().where(site.c.origin.in_(origins)))
    return len(origins)
