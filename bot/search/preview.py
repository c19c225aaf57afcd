"""Preview: the entries of the last week that a new subscription would have found. A confirmation shows the newest, and
`keep` stores them as past hits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.matching.engine.aliases import Aliases
from bot.matching.engine.evaluate import matches
from bot.matching.query.ast import Expr
from bot.messages.items import Item
from bot.models import Match, Placement
from bot.search.budget import Allowance
from bot.search.recent import OVERLAP, Week
from bot.search.suggestions import Form, advise
from bot.storage import entries, hits
from bot.storage.entries import StoredEntry

SLICE = 20_000  # characters of entries that are read without a pause: some hundredths of a second
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
    `was_stopped`: one of them is that the person's budget of searching was spent.
    """

    stories: int = 0
    newest: list[PreviewEntry] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    is_whole: bool = True
    is_filled: bool = True
    was_stopped: bool = False


async def search(
    week: Week,
    exprs: Sequence[Expr],
    *,
    since: datetime | None = None,
    most: int | None = KEPT,
    person: int | None = None,
) -> list[Preview]:
    """Return the preview of each query; with `since`, only of entries seen since then, and without other forms.

    `person` (a number) is who waits for it, and whose budget of searching it takes.
    """
    async with week.searching(person) as allowance:
        return await _search(week, exprs, since, most, allowance)


async def _search(
    week: Week, exprs: Sequence[Expr], since: datetime | None, most: int | None, allowance: Allowance | None
) -> list[Preview]:
    is_current = await week.glance()
    is_filled = week.is_filled
    found = await week.find(exprs, since=since, allowance=allowance)
    newest = [recent.entries[:most] for recent in found]
    async with week.database.read() as connection:
        rows = await entries.by_ids(connection, list({entry.header.id for shown in newest for entry in shown}))
    stored = {row.id: row for row in rows}
    previews = []
    for expr, recent, shown in zip(exprs, found, newest, strict=True):
        here = [stored[entry.header.id] for entry in shown if entry.header.id in stored]
        matched, is_complete = await _matched(week, expr, here, allowance)
        forms = await advise(week, expr, recent, allowance) if since is None and is_filled else []
        is_whole = is_current and recent.is_whole and is_complete
        was_stopped = not is_whole and allowance is not None and allowance.is_spent
        stories = week.stories(recent.entries)
        if is_whole and since is None:
            week.remember(expr, stories)
        previews.append(Preview(stories, matched, forms, is_whole, is_filled, was_stopped))
    return previews


async def _matched(
    week: Week, expr: Expr, rows: Sequence[StoredEntry], allowance: Allowance | None
) -> tuple[list[PreviewEntry], bool]:
    """Return the entries with their match, without those edited or removed a moment ago that match no more.

    In slices; once the allowance is spent, those not read yet are left out, and the answer is not complete (False).
    """
    found: list[PreviewEntry] = []
    for some in _slices(rows):
        if found and allowance is not None and allowance.is_spent:
            return found, False
        found += await week.run_for(allowance, _match_some, expr, some, week.aliases.current)
    return found, True


def _slices(rows: Sequence[StoredEntry]) -> Iterator[list[StoredEntry]]:
    """Yield the entries in portions of at most SLICE characters, or of a single longer one."""
    some: list[StoredEntry] = []
    characters = 0
    for row in rows:
        size = len(row.title) + len(row.summary) + len(row.page or "")
        if some and characters + size > SLICE:
            yield some
            some, characters = [], 0
        some.append(row)
        characters += size
    if some:
        yield some


def _match_some(expr: Expr, rows: Sequence[StoredEntry], aliases: Aliases) -> list[PreviewEntry]:
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
