"""Search: what a query would have found in the last days. A confirmation shows it, and keeps it as past hits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.digests.compose import Item
from bot.matching.aliases import Aliases
from bot.matching.expr import Expr
from bot.matching.judge import matches
from bot.models import Match, Placement
from bot.pipeline.advice import Form, advise
from bot.pipeline.match import article
from bot.pipeline.week import OVERLAP, Held, Week
from bot.storage import entries, hits
from bot.storage.entries import StoredEntry

KEPT = 100  # of what the week had is shown by /latest: nobody reads more of it


@dataclass(frozen=True, slots=True)
class Found:
    """An entry a query matches, and how."""

    entry: StoredEntry
    match: Match


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the last week had for a query: how many stories, the newest KEPT entries (newest first), its other forms."""

    stories: int = 0
    newest: list[Found] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)


async def search(
    week: Week, exprs: Sequence[Expr], *, since: datetime | None = None, most: int | None = KEPT
) -> list[Outcome]:
    """Return what the last week had for each query; with `since`, only of what was seen since then."""
    await week.catch_up()
    held = await week.find(exprs)
    if since is not None:
        held = [[one for one in found if one.head.seen_at >= since] for found in held]
    wanted = [found[:most] for found in held]
    async with week.database.read() as connection:
        rows = await entries.by_ids(connection, list({one.head.id for found in wanted for one in found}))
    known = {row.id: row for row in rows}
    aliases = week.aliases.current
    return [
        Outcome(
            week.stories(all_found),
            await week.run(_explained, expr, found, known, aliases),
            await advise(week, expr, all_found) if since is None else [],
        )
        for expr, all_found, found in zip(exprs, held, wanted, strict=True)
    ]


def _explained(expr: Expr, found: Sequence[Held], known: dict[int, StoredEntry], aliases: Aliases) -> list[Found]:
    """Return how the query matches each entry; one that was changed or removed a moment ago may be none any more."""
    rows = [known[one.head.id] for one in found if one.head.id in known]
    return [Found(row, match) for row in rows if (match := matches(expr, article(row), aliases))]


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
    ids = [one.entry.id for one in found]
    placed, there = await entries.placements(connection, ids), await entries.existing(connection, ids)
    new = []
    for one in found:
        alone = Placement(one.entry.id, one.entry.id)  # not clustered yet: what is past is grouped with nothing
        if one.entry.id in there:
            new.append(hits.New(query_id, one.entry.id, placed.get(one.entry.id, alone), one.match))
    await hits.add(connection, new, now, past=past)
