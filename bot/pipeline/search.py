"""Search: what a query would have found in the last days. A confirmation shows it, and keeps it as past hits."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.digests.compose import Item
from bot.matching.expr import Expr
from bot.matching.percolator import Percolator
from bot.models import Match, Placement
from bot.pipeline.match import article
from bot.storage import entries, hits
from bot.storage.database import Database
from bot.storage.entries import StoredEntry

DAYS = 7
OVERLAP = timedelta(minutes=5)  # longer than an entry is on its way from the feed into the database
MOST = 4000  # entries looked through: a newer one is worth more than a slower answer
_THREAD = ThreadPoolExecutor(1, "search")  # one at a time: many who ask must not keep the matcher from its work


@dataclass(frozen=True, slots=True)
class Found:
    """An entry a query matches, and how."""

    entry: StoredEntry
    match: Match


async def search(database: Database, exprs: list[Expr], now: datetime) -> list[list[Found]]:
    """Return, for each query, the entries of the last week it matches, newest first."""
    async with database.read() as connection:
        recent = await entries.recent(connection, now - timedelta(days=DAYS), MOST)
    return await asyncio.get_running_loop().run_in_executor(_THREAD, _match, exprs, recent)


def _match(exprs: list[Expr], recent: list[StoredEntry]) -> list[list[Found]]:
    percolator = Percolator()
    for number, expr in enumerate(exprs):
        percolator.add(number, expr)
    found: list[list[Found]] = [[] for _ in exprs]
    for entry in sorted(recent, key=lambda one: one.published_at, reverse=True):
        for number, match in percolator.match(article(entry)).items():
            found[number].append(Found(entry, match))
    return found


def item(found: Found, label: str) -> Item:
    """Return what was found as a message shows it."""
    entry = found.entry
    return Item(
        story_id=entry.story_id or entry.id,
        entry_id=entry.id,
        title=entry.title,
        url=entry.url,
        source=entry.source_title,
        published_at=entry.published_at,
        queries=(label,),
        language=entry.language,
        score=found.match.score,
    )


async def keep(
    connection: AsyncConnection, query_id: int, found: list[Found], now: datetime, *, past: bool = True
) -> None:
    """Write what was found as hits that are past: they are shown by /latest, and never sent as news (unless `past` is
    false: an undo).

    Entries that came since the search looked are matched again: they may have been matched before this query was there.
    """
    await entries.match_again(connection, now - OVERLAP)
    placed = await entries.placements(connection, [one.entry.id for one in found])
    new = []
    for one in found:
        alone = Placement(one.entry.id, one.entry.id)  # not clustered yet: what is past is grouped with nothing
        new.append(hits.New(query_id, one.entry.id, placed.get(one.entry.id, alone), one.match))
    await hits.add(connection, new, now, past=past)
