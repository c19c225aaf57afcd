"""Entries: new, edited or seen; which wait for the matcher, and which for their alerts."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.models import FeedEntry, Headline, Placement
from bot.storage.database import insert_many
from bot.storage.schema import entry, seen, source, story

KEPT_SIZES = 20  # keys to a place in the feed: ten times its size, and an entry has two keys
CHUNK = 500  # bound parameters of one statement stay far below either database's limit


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as the matcher needs it. `story_id` and `text_id` are None until it was clustered.

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
    source_title: str
    source_url: str


@dataclass(frozen=True, slots=True)
class Head:
    """An entry without its text. `story_id` is None until it was clustered."""

    id: int
    content_hash: str
    story_id: int | None
    published_at: datetime
    seen_at: datetime
    has_page: bool  # its text has what its web page adds


@dataclass(frozen=True, slots=True)
class Stored:
    """What of a poll's entries was new, under which ids, and how many had changed."""

    fresh: tuple[FeedEntry, ...] = ()
    ids: tuple[int, ...] = ()
    edited: int = 0

    @property
    def new(self) -> int:
        """How many were new."""
        return len(self.fresh)


async def store(
    connection: AsyncConnection,
    source_id: int,
    entries: Sequence[FeedEntry],
    now: datetime,
    *,
    baseline: bool,
) -> Stored:
    """Write what is new of `entries`, in their order, and what was edited; note all of them as seen.

    An edit is written over the entry and matched again; it never makes a new entry. `baseline` entries were
    there before anybody could subscribe: stored and searchable, never pending.
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
    await _note_seen(connection, source_id, keys, now, again=[key for key in keys if key in known])
    return Stored(tuple(fresh), tuple(ids), edited)


async def seen_keys(connection: AsyncConnection, source_id: int, keys: Sequence[str]) -> dict[str, int | None]:
    """Return which of these keys a source has shown, and of which entry (None: it was removed)."""
    known: dict[str, int | None] = {}
    for some in _chunks(keys):
        rows = await connection.execute(_SEEN_KEYS, {"source": source_id, "keys": some})
        known |= {row.key: row.entry_id for row in rows}
    return known


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
    for some in _chunks(list(edits)):
        statement = sa.select(entry.c.id, entry.c.content_hash).where(entry.c.id.in_(some))
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


async def _note_seen(
    connection: AsyncConnection, source_id: int, keys: dict[str, int | None], now: datetime, *, again: Sequence[str]
) -> None:
    """Note keys (→ entry) as seen now; those in `again` were seen before."""
    before = frozenset(again)
    rows = [
        {"source_id": source_id, "key": key, "entry_id": of, "seen_at": now}
        for key, of in keys.items()
        if key not in before
    ]
    await insert_many(connection, seen, rows)
    for some in _chunks(again):
        await connection.execute(_SEE_AGAIN, {"source": source_id, "keys": some, "at": now})


def content_hash(item: FeedEntry) -> str:
    """Return what tells an edit: a digest of title and text."""
    return hashlib.sha256(item.content.encode()).hexdigest()


def _chunks(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))


_STORED = (
    *(entry.c[name] for name in StoredEntry.__dataclass_fields__ if not name.startswith("source_")),
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
    """Return the newest entries with this address, in its one spelling, newest first."""
    statement = sa.select(entry.c.id).where(entry.c.canonical_url == canonical_url)
    return list((await connection.execute(statement.order_by(entry.c.id.desc()).limit(limit))).scalars())


async def is_waiting(connection: AsyncConnection, entry_ids: Sequence[int]) -> bool:
    """Return whether one of these entries still waits for the matcher, perhaps for its page first."""
    statement = sa.select(entry.c.id).where(entry.c.id.in_(entry_ids), entry.c.matched_at_version.is_(None)).limit(1)
    return (await connection.execute(statement)).first() is not None


async def heads(connection: AsyncConnection, since: datetime, limit: int) -> list[Head]:
    """Return the newest entries seen, or edited, since a time, newest first."""
    columns = [entry.c[name] for name in Head.__dataclass_fields__ if name != "has_page"]
    has_page = entry.c.page.is_not(None).label("has_page")
    wanted = sa.or_(entry.c.seen_at >= since, sa.and_(entry.c.edited_at.is_not(None), entry.c.edited_at >= since))
    statement = sa.select(*columns, has_page).where(wanted).order_by(entry.c.id.desc()).limit(limit)
    return [Head(**row) for row in (await connection.execute(statement)).mappings()]


async def by_ids(connection: AsyncConnection, entry_ids: Sequence[int]) -> list[StoredEntry]:
    """Return entries by their ids, in no order; those that are gone are left out."""
    found: list[StoredEntry] = []
    for some in _chunks(entry_ids):
        statement = sa.select(*_STORED).join(source, source.c.id == entry.c.source_id).where(entry.c.id.in_(some))
        found += [StoredEntry(**row) for row in (await connection.execute(statement)).mappings()]
    return found


async def existing(connection: AsyncConnection, entry_ids: Sequence[int]) -> set[int]:
    """Return which of these entries there are (still)."""
    found: set[int] = set()
    for some in _chunks(entry_ids):
        found.update((await connection.execute(sa.select(entry.c.id).where(entry.c.id.in_(some)))).scalars())
    return found


async def placed_since(connection: AsyncConnection, since: datetime) -> list[tuple[Headline, Placement]]:
    """Return the clustered headlines seen since a time, oldest first: what clustering remembers across a restart."""
    columns = [entry.c[name] for name in ("id", "title", "summary", "canonical_url", "seen_at", "story_id", "text_id")]
    statement = sa.select(*columns).where(entry.c.seen_at >= since, entry.c.story_id.is_not(None)).order_by(entry.c.id)
    return [
        (
            Headline(id=row.id, title=row.title, url=row.canonical_url, published_at=row.seen_at, text=row.summary),
            Placement(story=row.story_id, text=row.text_id),
        )
        for row in await connection.execute(statement)
    ]


async def placements(connection: AsyncConnection, entry_ids: Sequence[int]) -> dict[int, Placement]:
    """Return where entries were placed, by id; those not clustered yet are left out."""
    found: dict[int, Placement] = {}
    for some in _chunks(entry_ids):
        statement = sa.select(entry.c.id, entry.c.story_id, entry.c.text_id).where(entry.c.id.in_(some))
        rows = await connection.execute(statement.where(entry.c.story_id.is_not(None)))
        found |= {row.id: Placement(story=row.story_id, text=row.text_id) for row in rows}
    return found


async def place(connection: AsyncConnection, placements: dict[int, Placement], now: datetime) -> None:
    """Write which story each entry belongs to (entry id → placement), and how large the stories have grown."""
    for entry_id, placement in placements.items():
        values = {"story_id": placement.story, "text_id": placement.text}
        await connection.execute(entry.update().where(entry.c.id == entry_id).values(values))
    stories = sorted({placement.story for placement in placements.values()})
    rows = [{"id": story_id, "size": 0, "created_at": now, "updated_at": now} for story_id in stories]
    await insert_many(connection, story, rows)
    for story_id in stories:
        grown = sum(1 for placement in placements.values() if placement.story == story_id)
        statement = story.update().where(story.c.id == story_id)
        await connection.execute(statement.values(size=story.c.size + grown, updated_at=now))


async def mark_matched(
    connection: AsyncConnection, matched: Sequence[StoredEntry], version: int, alerting: set[int]
) -> None:
    """Mark entries matched with the queries up to `version`; those in `alerting` (ids) have hits that may be alerts.

    One that was edited, or whose page came, since it was read waits on: its new text has not been matched.
    """
    for one in matched:
        same = [entry.c.id == one.id, entry.c.content_hash == one.content_hash]
        same += [entry.c.page.is_(None)] if one.page is None else []  # a page is written once
        await connection.execute(entry.update().where(*same).values(matched_at_version=version))
    for some in _chunks(sorted(alerting)):
        await connection.execute(entry.update().where(entry.c.id.in_(some)).values(alerted_to=0))


async def match_again(connection: AsyncConnection, since: datetime) -> None:
    """Let entries seen since a time be matched once more: a query came while they were on their way.

    Also those nobody has matched yet: on PostgreSQL the statement then waits for a matcher that is about to say it has.
    """
    await connection.execute(entry.update().where(entry.c.seen_at >= since).values(matched_at_version=None))


async def alerting(connection: AsyncConnection, limit: int) -> list[tuple[int, int]]:
    """Return (entry, chat id reached) of entries whose alerts are not all written, oldest first."""
    statement = (
        sa.select(entry.c.id, entry.c.alerted_to)
        .where(entry.c.alerted_to.is_not(None))
        .order_by(entry.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [(row.id, row.alerted_to) for row in await connection.execute(statement)]


async def set_alerted_to(connection: AsyncConnection, entry_id: int, chat_id: int | None) -> None:
    """Note how far an entry's alerts are written: up to this chat, or (None) all of them."""
    await connection.execute(entry.update().where(entry.c.id == entry_id).values(alerted_to=chat_id))


async def purge(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove up to `limit` entries seen before a time, keeping that they were seen; return how many."""
    old = sa.select(entry.c.id).where(entry.c.seen_at < before, entry.c.alerted_to.is_(None)).order_by(entry.c.id)
    ids = list((await connection.execute(old.limit(limit))).scalars())
    for some in _chunks(ids):
        await connection.execute(seen.update().where(seen.c.entry_id.in_(some)).values(entry_id=None))
        await connection.execute(entry.delete().where(entry.c.id.in_(some)))
    return len(ids)


async def forget_seen(connection: AsyncConnection, age: timedelta, limit: int) -> int:
    """Forget up to `limit` keys that their feed has not shown for `age`; return how many.

    Never the latest KEPT_SIZES times the size of the feed, however old they are. Counted back from when the feed last
    showed anything: a feed that does not change is not read, and what it still shows must not look new on the day it
    does.
    """
    forgotten = 0
    newest = (
        sa.select(seen.c.source_id, source.c.size, sa.func.max(seen.c.seen_at).label("at"))
        .join(source, source.c.id == seen.c.source_id)
        .group_by(seen.c.source_id, source.c.size)
    )
    for source_id, size, at in (await connection.execute(newest)).all():
        mine = seen.c.source_id == source_id
        latest = sa.select(seen.c.key).where(mine).order_by(seen.c.seen_at.desc()).limit(KEPT_SIZES * size)
        old = (mine, seen.c.seen_at < at - age, seen.c.entry_id.is_(None), seen.c.key.not_in(latest))
        keys = list((await connection.execute(sa.select(seen.c.key).where(*old).limit(limit - forgotten))).scalars())
        for some in _chunks(keys):
            await connection.execute(seen.delete().where(mine, seen.c.key.in_(some)))
        forgotten += len(keys)
    return forgotten


async def purge_stories(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove up to `limit` stories that had no news since a time, when their entries are gone too; return how many."""
    ids = list(
        (await connection.execute(sa.select(story.c.id).where(story.c.updated_at < before).limit(limit))).scalars()
    )
    for some in _chunks(ids):
        await connection.execute(story.delete().where(story.c.id.in_(some)))
    return len(ids)
