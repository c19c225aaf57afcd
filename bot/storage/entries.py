"""Entries: stores new and edited ones, records those seen, and queues them for the matcher and for alerts."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.models import Article, FeedEntry, Headline, Placement
from bot.storage.database import insert_many
from bot.storage.schema import entry, seen, source, story

KEPT_SIZES = 20  # keys kept for each item of the feed: ten times its size, with two keys an entry
CHUNK = 500  # bound parameters of one statement: far below the limit of either database


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as the matcher needs it. `story_id` and `text_id` are None until it is clustered.

    `page` is the article of its web page; None where that was not read.
    """

    id: int
    title: str
    summary: str
    content_hash: str
    canonical_url: str | None
    url: str | None
    language: str | None
    published_at: datetime
    seen_at: datetime
    story_id: int | None
    text_id: int | None
    baseline: bool
    page: str | None
    source_id: int
    source_title: str
    source_url: str

    def article(self) -> Article:
        """Return the entry for the matcher: its text is the feed's summary, then the text of its page."""
        host = urlsplit(self.source_url).hostname or ""
        text = f"{self.summary}\n{self.page}" if self.page else self.summary
        return Article(title=self.title, text=text, language=self.language, source=f"{self.source_title} {host}")

    def headline(self) -> Headline:
        """Return the entry for clustering, dated by when it was seen."""
        return Headline(
            id=self.id,
            title=self.title,
            url=self.canonical_url,
            published_at=self.seen_at,
            text=self.summary,
            source=self.source_id,
            language=self.language,
        )


@dataclass(frozen=True, slots=True)
class EntryHeader:
    """An entry without its text. `story_id` is None until it is clustered."""

    id: int
    content_hash: str
    story_id: int | None
    published_at: datetime
    seen_at: datetime
    has_page: bool  # the article of its web page is part of its text


@dataclass(frozen=True, slots=True)
class Stored:
    """The new entries of a document, their ids in the same order, and the number of edited ones."""

    fresh: tuple[FeedEntry, ...] = ()
    ids: tuple[int, ...] = ()
    edited: int = 0

    @property
    def new(self) -> int:
        """The number of new entries."""
        return len(self.fresh)


async def store(
    connection: AsyncConnection,
    source_id: int,
    entries: Sequence[FeedEntry],
    now: datetime,
    *,
    baseline: bool,
) -> Stored:
    """Store the new ones of `entries`, in their order, and those edited; record all of them as seen.

    An edit overwrites the entry, which is matched again; it never makes a new entry. `baseline` entries were there
    before anybody could subscribe: stored and searchable, never pending.
    """
    known = await seen_keys(connection, source_id, [key for item in entries for key in item.keys])
    fresh: list[FeedEntry] = []
    taken: set[str] = set()
    edits: dict[int, FeedEntry] = {}
    keys: dict[str, int | None] = {}
    for item in entries:
        found = next((key for key in item.keys if key in known), None)
        if found is not None:
            keys |= dict.fromkeys(item.keys, known[found])
            if (entry_id := known[found]) is not None:
                edits.setdefault(entry_id, item)
        elif taken.isdisjoint(item.keys):
            taken.update(item.keys)
            fresh.append(item)
    ids = await _insert(connection, source_id, fresh, now, baseline=baseline)
    for item, entry_id in zip(fresh, ids, strict=True):
        keys |= dict.fromkeys(item.keys, entry_id)
    edited = await _edit(connection, edits, now)
    await _record_seen(connection, source_id, keys, now, again=[key for key in keys if key in known])
    return Stored(tuple(fresh), tuple(ids), edited)


async def seen_keys(connection: AsyncConnection, source_id: int, keys: Sequence[str]) -> dict[str, int | None]:
    """Return those keys that a source has shown, with the id of their entry (None: it was removed)."""
    known: dict[str, int | None] = {}
    for chunk in _chunks(keys):
        rows = await connection.execute(_SEEN_KEYS, {"source": source_id, "keys": chunk})
        known |= {row.key: row.entry_id for row in rows}
    return known


async def known_texts(connection: AsyncConnection, source_id: int, hashes: Sequence[str]) -> dict[str, str]:
    """Return those content hashes that entries of a source have, with a key under which it has shown the entry."""
    found: dict[str, str] = {}
    for chunk in _chunks(hashes):
        statement = sa.select(entry.c.content_hash, sa.func.min(seen.c.key)).join(seen, seen.c.entry_id == entry.c.id)
        mine = (seen.c.source_id == source_id, entry.c.content_hash.in_(chunk))
        rows = await connection.execute(statement.where(*mine).group_by(entry.c.content_hash))
        found |= {row[0]: row[1] for row in rows}
    return found


async def count_new(connection: AsyncConnection, source_id: int, since: datetime) -> int:
    """Return how many entries of a source were first seen since a time, of those it may still show."""
    shown = seen.join(entry, entry.c.id == seen.c.entry_id)
    statement = sa.select(sa.func.count(entry.c.id.distinct())).select_from(shown)
    mine = (seen.c.source_id == source_id, entry.c.seen_at >= since)
    return int((await connection.execute(statement.where(*mine))).scalar_one())


_IS_SEEN = sa.and_(seen.c.source_id == sa.bindparam("source"), seen.c.key.in_(sa.bindparam("keys", expanding=True)))
_SEEN_KEYS = sa.select(seen.c.key, seen.c.entry_id).where(_IS_SEEN)
_SEE_AGAIN = seen.update().where(_IS_SEEN).values(seen_at=sa.bindparam("at"))


async def _insert(
    connection: AsyncConnection, source_id: int, items: Sequence[FeedEntry], now: datetime, *, baseline: bool
) -> list[int]:
    if not items:
        return []
    rows = [
        {
            "source_id": source_id,
            "url": item.url,
            "canonical_url": item.canonical_url,
            "title": item.title,
            "summary": item.summary,
            "content_hash": content_hash(item),
            "language": item.language,
            "published_at": item.published_at or now,
            "seen_at": now,
            "baseline": baseline,
        }
        for item in items
    ]
    statement = sa.insert(entry).returning(entry.c.id, sort_by_parameter_order=True)
    return list((await connection.execute(statement, rows)).scalars())


async def _edit(connection: AsyncConnection, edits: dict[int, FeedEntry], now: datetime) -> int:
    changed = 0
    for chunk in _chunks(list(edits)):
        statement = sa.select(entry.c.id, entry.c.content_hash).where(entry.c.id.in_(chunk))
        for row in (await connection.execute(statement)).all():
            item = edits[row.id]
            if row.content_hash == content_hash(item):
                continue
            values = {
                "title": item.title,
                "summary": item.summary,
                "content_hash": content_hash(item),
                "edited_at": now,
                "matched_at_version": None,
            }
            await connection.execute(entry.update().where(entry.c.id == row.id).values(values))
            changed += 1
    return changed


async def _record_seen(
    connection: AsyncConnection, source_id: int, keys: dict[str, int | None], now: datetime, *, again: Sequence[str]
) -> None:
    """Record keys (→ entry id) as seen now; those in `again` were seen before."""
    before = frozenset(again)
    rows = [
        {"source_id": source_id, "key": key, "entry_id": of, "seen_at": now}
        for key, of in keys.items()
        if key not in before
    ]
    await insert_many(connection, seen, rows)
    for chunk in _chunks(again):
        await connection.execute(_SEE_AGAIN, {"source": source_id, "keys": chunk, "at": now})


def content_hash(item: FeedEntry) -> str:
    """Return a digest of title and text, which changes with an edit."""
    return hashlib.sha256(item.content.encode()).hexdigest()


def _chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))


_STORED = (
    *(entry.c[name] for name in StoredEntry.__dataclass_fields__ if name not in ("source_title", "source_url")),
    source.c.title.label("source_title"),
    source.c.url.label("source_url"),
)


async def unmatched(connection: AsyncConnection, now: datetime, limit: int) -> list[StoredEntry]:
    """Return entries that wait for the matcher, oldest first. Not those that wait for their page first."""
    statement = (
        sa.select(*_STORED)
        .join(source, source.c.id == entry.c.source_id)
        .where(entry.c.matched_at_version.is_(None))
        .where(sa.or_(entry.c.match_after.is_(None), entry.c.match_after <= now))
        .order_by(entry.c.id)
        .limit(limit)
    )
    return [StoredEntry(**row) for row in (await connection.execute(statement)).mappings()]


async def lock(connection: AsyncConnection, entry_ids: Sequence[int]) -> None:
    """Lock entries until the transaction ends: whoever changes them has committed, or waits (PostgreSQL)."""
    for some in _chunks(sorted(entry_ids)):
        statement = sa.select(entry.c.id).where(entry.c.id.in_(some)).order_by(entry.c.id)
        await connection.execute(statement.with_for_update())


async def at_url(connection: AsyncConnection, canonical_url: str, limit: int = 5) -> list[int]:
    """Return the ids of the newest entries with this canonical address, newest first."""
    statement = sa.select(entry.c.id).where(entry.c.canonical_url == canonical_url)
    return list((await connection.execute(statement.order_by(entry.c.id.desc()).limit(limit))).scalars())


async def is_waiting(connection: AsyncConnection, entry_ids: Sequence[int]) -> bool:
    """Return whether one of these entries is not matched yet, perhaps because it waits for its page."""
    statement = sa.select(entry.c.id).where(entry.c.id.in_(entry_ids), entry.c.matched_at_version.is_(None)).limit(1)
    return (await connection.execute(statement)).first() is not None


async def is_any_unmatched(connection: AsyncConnection, now: datetime) -> bool:
    """Return whether an entry waits for the matcher, and not for its page."""
    return bool(await unmatched(connection, now, 1))


async def headers(connection: AsyncConnection, since: datetime, limit: int) -> list[EntryHeader]:
    """Return the headers of the newest entries seen or edited since a time, newest first."""
    columns = [entry.c[name] for name in EntryHeader.__dataclass_fields__ if name != "has_page"]
    has_page = entry.c.page.is_not(None).label("has_page")
    wanted = sa.or_(entry.c.seen_at >= since, sa.and_(entry.c.edited_at.is_not(None), entry.c.edited_at >= since))
    statement = sa.select(*columns, has_page).where(wanted).order_by(entry.c.id.desc()).limit(limit)
    return [EntryHeader(**row) for row in (await connection.execute(statement)).mappings()]


async def by_ids(connection: AsyncConnection, entry_ids: Sequence[int]) -> list[StoredEntry]:
    """Return entries by their ids, in no order; those that were removed are left out."""
    found: list[StoredEntry] = []
    for chunk in _chunks(entry_ids):
        statement = sa.select(*_STORED).join(source, source.c.id == entry.c.source_id).where(entry.c.id.in_(chunk))
        found += [StoredEntry(**row) for row in (await connection.execute(statement)).mappings()]
    return found


async def existing(connection: AsyncConnection, entry_ids: Sequence[int]) -> set[int]:
    """Return the ids of those entries that still exist."""
    found: set[int] = set()
    for chunk in _chunks(entry_ids):
        found.update((await connection.execute(sa.select(entry.c.id).where(entry.c.id.in_(chunk)))).scalars())
    return found


async def placed_since(connection: AsyncConnection, since: datetime) -> list[tuple[Headline, Placement]]:
    """Return the clustered headlines seen since a time, oldest first: clustering loads them when it starts."""
    names = ("id", "title", "summary", "canonical_url", "seen_at", "source_id", "language", "story_id", "text_id")
    statement = (
        sa.select(*(entry.c[name] for name in names), story.c.thread_id)
        .outerjoin(story, story.c.id == entry.c.story_id)
        .where(entry.c.seen_at >= since, entry.c.story_id.is_not(None))
        .order_by(entry.c.id)
    )
    return [
        (
            Headline(
                id=row.id,
                title=row.title,
                url=row.canonical_url,
                published_at=row.seen_at,
                text=row.summary,
                source=row.source_id,
                language=row.language,
            ),
            Placement(story=row.story_id, text=row.text_id, thread=row.thread_id or 0),
        )
        for row in await connection.execute(statement)
    ]


async def placements(connection: AsyncConnection, entry_ids: Sequence[int]) -> dict[int, Placement]:
    """Return the placements of entries by their ids; those not clustered yet are left out."""
    found: dict[int, Placement] = {}
    for chunk in _chunks(entry_ids):
        statement = (
            sa.select(entry.c.id, entry.c.story_id, entry.c.text_id, story.c.thread_id)
            .outerjoin(story, story.c.id == entry.c.story_id)
            .where(entry.c.id.in_(chunk), entry.c.story_id.is_not(None))
        )
        rows = await connection.execute(statement)
        found |= {row.id: Placement(story=row.story_id, text=row.text_id, thread=row.thread_id or 0) for row in rows}
    return found


async def place(connection: AsyncConnection, placements: dict[int, Placement], now: datetime) -> None:
    """Store the story of each entry (entry id → placement), new stories with their thread, and the stories' growth."""
    for entry_id, placement in placements.items():
        values = {"story_id": placement.story, "text_id": placement.text}
        await connection.execute(entry.update().where(entry.c.id == entry_id).values(values))
    stories = {placement.story: placement.thread for placement in placements.values()}
    rows = [
        {"id": story_id, "thread_id": thread_id, "size": 0, "created_at": now, "updated_at": now}
        for story_id, thread_id in sorted(stories.items())
    ]
    await insert_many(connection, story, rows)
    for story_id in sorted(stories):
        grown = sum(1 for placement in placements.values() if placement.story == story_id)
        statement = story.update().where(story.c.id == story_id)
        await connection.execute(statement.values(size=story.c.size + grown, updated_at=now))


async def mark_matched(
    connection: AsyncConnection, matched: Sequence[StoredEntry], version: int, alerting: set[int]
) -> None:
    """Mark entries as matched with the queries up to `version`; those in `alerting` (ids) have hits that may be alerts.

    An entry that was edited, or whose page arrived, since it was loaded stays in the queue: its new text is unmatched.
    """
    for stored in matched:
        same = [entry.c.id == stored.id, entry.c.content_hash == stored.content_hash]
        same += [entry.c.page.is_(None)] if stored.page is None else []  # a page is written once
        await connection.execute(entry.update().where(*same).values(matched_at_version=version))
    for chunk in _chunks(sorted(alerting)):
        await connection.execute(entry.update().where(entry.c.id.in_(chunk)).values(alerted_to=0))


async def match_again(connection: AsyncConnection, since: datetime) -> None:
    """Queue entries seen since a time for the matcher once more: a query was added while they were being matched.

    Also those not matched yet: on PostgreSQL the statement then waits for a matcher that is about to mark them.
    """
    recent = entry.c.seen_at >= since
    if connection.dialect.name == "postgresql":  # in the order of `lock`: two orders could deadlock
        await connection.execute(sa.select(entry.c.id).where(recent).order_by(entry.c.id).with_for_update())
    await connection.execute(entry.update().where(recent).values(matched_at_version=None))


async def alerting(connection: AsyncConnection, limit: int) -> list[tuple[int, int]]:
    """Return (entry id, last chat id done) of entries whose alerts are not all written, oldest first."""
    statement = (
        sa.select(entry.c.id, entry.c.alerted_to)
        .where(entry.c.alerted_to.is_not(None))
        .order_by(entry.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [(row.id, row.alerted_to) for row in await connection.execute(statement)]


async def set_alerted_to(connection: AsyncConnection, entry_id: int, chat_id: int | None) -> None:
    """Record how far an entry's alerts are written: up to this chat, or (None) all of them."""
    await connection.execute(entry.update().where(entry.c.id == entry_id).values(alerted_to=chat_id))


async def purge(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove up to `limit` entries seen before a time, but not their keys in `seen`; return how many."""
    old = sa.select(entry.c.id).where(entry.c.seen_at < before, entry.c.alerted_to.is_(None)).order_by(entry.c.id)
    ids = list((await connection.execute(old.limit(limit))).scalars())
    for chunk in _chunks(ids):
        await connection.execute(seen.update().where(seen.c.entry_id.in_(chunk)).values(entry_id=None))
        await connection.execute(entry.delete().where(entry.c.id.in_(chunk)))
    return len(ids)


async def forget_seen(connection: AsyncConnection, age: timedelta, limit: int) -> int:
    """Remove up to `limit` keys that their feed has not shown for `age`; return how many.

    The latest KEPT_SIZES times the size of the feed stay, however old they are. The age counts back from when the feed
    last showed anything: a feed that does not change is not read, and its entries must not look new once it does.
    """
    forgotten = 0
    newest = (
        sa.select(seen.c.source_id, source.c.size, sa.func.max(seen.c.seen_at).label("at"))
        .join(source, source.c.id == seen.c.source_id)
        .group_by(seen.c.source_id, source.c.size)
    )
    for source_id, size, at in (await connection.execute(newest)).all():
        of_source = seen.c.source_id == source_id
        latest = sa.select(seen.c.key).where(of_source).order_by(seen.c.seen_at.desc()).limit(KEPT_SIZES * size)
        old = (of_source, seen.c.seen_at < at - age, seen.c.entry_id.is_(None), seen.c.key.not_in(latest))
        keys = list((await connection.execute(sa.select(seen.c.key).where(*old).limit(limit - forgotten))).scalars())
        for chunk in _chunks(keys):
            await connection.execute(seen.delete().where(of_source, seen.c.key.in_(chunk)))
        forgotten += len(keys)
    return forgotten


async def purge_stories(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove up to `limit` stories without news since a time, as old as the removed entries; return how many."""
    ids = list(
        (await connection.execute(sa.select(story.c.id).where(story.c.updated_at < before).limit(limit))).scalars()
    )
    for chunk in _chunks(ids):
        await connection.execute(story.delete().where(story.c.id.in_(chunk)))
    return len(ids)
