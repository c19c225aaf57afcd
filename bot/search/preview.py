"""Preview: the entries of the last week that a new subscription would have found. A confirmation shows the newest, and
`keep` stores them as past hits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.matching.engine.aliases import Aliases
from bot.matching.engine.evaluate import matches
from bot.matching.query.ast import Expr
from bot.messages.items import Item
from bot.models import Match, Placement
from bot.search.recent import OVERLAP, RecentEntry, Week
from bot.search.suggestions import Form, advise
from bot.storage import entries, hits
from bot.storage.entries import StoredEntry

KEPT = 100  # entries stored as past hits, for /latest: nobody reads more


@dataclass(frozen=True, slots=True)
class PreviewEntry:
    """An entry that a query matches, with the match."""

    entry: StoredEntry
    match: Match


@dataclass(frozen=True, slots=True)
class Preview:
    """The number of a query's stories in the last week, the newest KEPT entries (newest first), and its other forms.

    Not `is_filled`: the week was not all indexed yet. Not `is_whole`: there may be more, for that reason or another.
    """

    stories: int = 0
    newest: list[PreviewEntry] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    is_whole: bool = True
    is_filled: bool = True


async def search(
    week: Week, exprs: Sequence[Expr], *, since: datetime | None = None, most: int | None = KEPT
) -> list[Preview]:
    """Return the preview of each query; with `since`, only of entries seen since then, and without other forms."""
    is_current = await week.glance()
    is_filled = week.is_filled
    found = await week.find(exprs, since=since)
    newest = [recent.entries[:most] for recent in found]
    async with week.database.read() as connection:
        rows = await entries.by_ids(connection, list({entry.header.id for shown in newest for entry in shown}))
    stored = {row.id: row for row in rows}
    aliases = week.aliases.current
    return [
        Preview(
            week.stories(recent.entries),
            await week.run(_matched, expr, shown, stored, aliases),
            await advise(week, expr, recent) if since is None and is_filled else [],
            is_whole=is_current and recent.is_whole,
            is_filled=is_filled,
        )
        for expr, recent, shown in zip(exprs, found, newest, strict=True)
    ]


def _matched(
    expr: Expr, recent: Sequence[RecentEntry], stored: dict[int, StoredEntry], aliases: Aliases
) -> list[PreviewEntry]:
    """Return the entries with their match, without those edited or removed a moment ago that match no more."""
    rows = [stored[entry.header.id] for entry in recent if entry.header.id in stored]
    return [PreviewEntry(row, match) for row in rows if (match := matches(expr, row.article(), aliases))]


def item(found: PreviewEntry, label: str) -> Item:
    """Return an entry as a message shows it."""
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
    connection: AsyncConnection, query_id: int, preview: Preview, now: datetime, *, news_since: datetime | None = None
) -> None:
    """Store a preview's entries as past hits, which /latest shows and no message reports.

    With `news_since` (for an undo) they are news instead. Entries that came during the search are matched again: they
    may have been matched before this query existed. With `news_since`, so are all since then if the preview is
    incomplete.
    """
    past = news_since is None
    again_since = now - OVERLAP
    if news_since is not None and not preview.is_whole:
        again_since = min(news_since, again_since)
    await entries.match_again(connection, again_since)
    ids = [found.entry.id for found in preview.newest]
    placed, existing = await entries.placements(connection, ids), await entries.existing(connection, ids)
    new = []
    for found in preview.newest:
        alone = Placement(found.entry.id, found.entry.id)  # not clustered yet: a past hit is grouped with no other
        if found.entry.id in existing:
            new.append(hits.New(query_id, found.entry.id, placed.get(found.entry.id, alone), found.match))
    await hits.add(connection, new, now, past=past)
