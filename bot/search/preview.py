"""Search: what a query would have found in the last days. A confirmation shows it, and keeps it as past hits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.matching.engine.aliases import Aliases
from bot.matching.engine.evaluate import matches
from bot.matching.query.ast import Expr
from bot.messages.news import Item
from bot.models import Match, Placement
from bot.pipeline.match import article
from bot.search.recent import OVERLAP, Held, Week
from bot.search.suggestions import Form, advise
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
    """What the last week had for a query: how many stories, the newest KEPT entries (newest first), its other forms.

    Not `is_filled`: the week was not all indexed yet. Not `is_whole`: there may be more, for that reason or another.
    """

    stories: int = 0
    newest: list[Found] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    is_whole: bool = True
    is_filled: bool = True


async def search(
    week: Week, exprs: Sequence[Expr], *, since: datetime | None = None, most: int | None = KEPT
) -> list[Outcome]:
    """Return what the last week had for each query; with `since`, only of what was seen since then."""
    has_all = await week.glance()
    is_filled = week.is_filled
    answers = await week.find(exprs, since=since)
    wanted = [one.held[:most] for one in answers]
    async with week.database.read() as connection:
        rows = await entries.by_ids(connection, list({one.head.id for found in wanted for one in found}))
    known = {row.id: row for row in rows}
    aliases = week.aliases.current
    return [
        Outcome(
            week.stories(one.held),
            await week.run(_explained, expr, found, known, aliases),
            await advise(week, expr, one) if since is None and is_filled else [],
            is_whole=has_all and one.is_whole,
            is_filled=is_filled,
        )
        for expr, one, found in zip(exprs, answers, wanted, strict=True)
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
    connection: AsyncConnection, query_id: int, outcome: Outcome, now: datetime, *, news_since: datetime | None = None
) -> None:
    """Write what was found as hits that are past: they are shown by /latest, and never sent as news (unless it is
    `news_since` a time: an undo).

    Entries that came since the search looked are matched again: they may have been matched before this query was
    there. So are, if they are news, all that it could not look at.
    """
    past = news_since is None
    again_since = now - OVERLAP
    if news_since is not None and not outcome.is_whole:
        again_since = min(news_since, again_since)
    await entries.match_again(connection, again_since)
    found = outcome.newest
    ids = [one.entry.id for one in found]
    placed, there = await entries.placements(connection, ids), await entries.existing(connection, ids)
    new = []
    for one in found:
        alone = Placement(one.entry.id, one.entry.id)  # not clustered yet: what is past is grouped with nothing
        if one.entry.id in there:
            new.append(hits.New(query_id, one.entry.id, placed.get(one.entry.id, alone), one.match))
    await hits.add(connection, new, now, past=past)
