"""Hits: that a query matched an entry, and which of them are pending for a chat.

A hit is written once per query and entry, whatever the number of subscribers; subscribers are joined only when
a message is made for them. Pending for a chat are: hits of its queries, found after it subscribed, of
the last 14 days, minus the texts it was told for that query, and those held for more publishers (`corroborations`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.models import Match, Placement, Schedule
from bot.storage import corroborations
from bot.storage.database import insert_many
from bot.storage.deliveries import NEVER_SENT
from bot.storage.schema import (
    chat,
    corroboration,
    delivery,
    delivery_item,
    entry,
    hit,
    source,
    story,
    subscription,
    told,
)

CHUNK = 500  # bound parameters of one statement stay far below either database's limit
PENDING_FOR = timedelta(days=14)
SHOWN = 1000  # characters of a page, where the feed says nothing about the article: a message shows fewer


@dataclass(frozen=True, slots=True)
class PendingHit:
    """One hit as a message needs it. `label` is the reader's own words, `terms` what matched (field by field)."""

    chat_id: int
    query_id: int
    label: str
    entry_id: int
    story_id: int
    text_id: int
    score: float
    terms: list[list[Any]]
    found_at: datetime
    title: str
    summary: str
    url: str | None
    language: str | None
    published_at: datetime
    source_title: str
    source_url: str
    thread_id: int = 0  # of the story; 0 where it is not known
    is_further: bool = False  # the chat was told another text of the story for this query
    publishers: int | None = None  # that match, of `needed`; None: the query waits for none
    needed: int | None = None


_THREAD = sa.select(story.c.thread_id).where(story.c.id == hit.c.story_id).scalar_subquery()
_PENDING_COLUMNS = (
    subscription.c.chat_id,
    subscription.c.query_id,
    subscription.c.label,
    *(hit.c[name] for name in ("entry_id", "story_id", "text_id", "score", "terms", "found_at")),
    *(entry.c[name] for name in ("title", "url", "language", "published_at")),
    sa.func.coalesce(sa.func.nullif(entry.c.summary, ""), sa.func.substr(entry.c.page, 1, SHOWN), "").label("summary"),
    source.c.title.label("source_title"),
    source.c.url.label("source_url"),
    sa.func.coalesce(_THREAD, 0).label("thread_id"),
    corroboration.c.publishers,
    corroboration.c.needed,
)


def _wanted(*columns: Any) -> sa.Select[Any]:
    """Return hits with who wants them: until the transaction ends nobody unsubscribes (SQLite has one writer)."""
    return _joined(*columns).with_for_update(read=True, of=subscription)


def _joined(*columns: Any) -> sa.Select[Any]:
    return (
        sa.select(*columns)
        .select_from(subscription)
        .join(hit, hit.c.query_id == subscription.c.query_id)
        .join(entry, entry.c.id == hit.c.entry_id)
        .join(source, source.c.id == entry.c.source_id)
        .outerjoin(
            corroboration,
            sa.and_(corroboration.c.query_id == hit.c.query_id, corroboration.c.story_id == hit.c.story_id),
        )
    )


def _pending(now: datetime) -> sa.ColumnElement[bool]:
    mine = sa.and_(told.c.chat_id == subscription.c.chat_id, told.c.query_id == hit.c.query_id)
    same_text = sa.exists().where(mine, told.c.text_id == hit.c.text_id)
    fresh = sa.and_(hit.c.found_at >= subscription.c.created_at, hit.c.found_at >= now - PENDING_FOR)
    return sa.and_(sa.not_(hit.c.past), fresh, sa.not_(same_text), corroborations.is_released(now))


def _story_told() -> sa.ColumnElement[bool]:
    mine = sa.and_(told.c.chat_id == subscription.c.chat_id, told.c.query_id == hit.c.query_id)
    return sa.exists().where(mine, told.c.story_id == hit.c.story_id)


@dataclass(frozen=True, slots=True)
class New:
    """A hit to be written: a query's match of an entry, which is placed in a story."""

    query_id: int
    entry_id: int
    placement: Placement
    match: Match


async def add(connection: AsyncConnection, found: Sequence[New], now: datetime, *, past: bool) -> None:
    """Write hits; known ones stay as they are."""
    rows = [
        {
            "query_id": new.query_id,
            "entry_id": new.entry_id,
            "story_id": new.placement.story,
            "text_id": new.placement.text,
            "score": new.match.score,
            "terms": [[term.text, term.field, term.start, term.end, term.rule] for term in new.match.terms],
            "past": past,
            "found_at": now,
        }
        for new in found
    ]
    await insert_many(connection, hit, rows)


async def known(connection: AsyncConnection, entry_ids: Sequence[int]) -> set[tuple[int, int]]:
    """Return (query, entry) of the hits that are there."""
    found: set[tuple[int, int]] = set()
    for start in range(0, len(entry_ids), CHUNK):
        some = entry_ids[start : start + CHUNK]
        rows = await connection.execute(sa.select(hit.c.query_id, hit.c.entry_id).where(hit.c.entry_id.in_(some)))
        found |= {(row.query_id, row.entry_id) for row in rows}
    return found


async def to_alert(
    connection: AsyncConnection, entry_id: int, now: datetime, *, after_chat: int, limit: int
) -> list[PendingHit]:
    """Return an entry's hits that active chats want at once, by chat id; further texts of told stories are marked.

    Starts after chat `after_chat`; about `limit` rows, but never some of a chat's without the others.
    """
    statement = (
        _wanted(*_PENDING_COLUMNS, _story_told().label("is_further"))
        .join(chat, chat.c.id == subscription.c.chat_id)
        .where(hit.c.entry_id == entry_id, subscription.c.chat_id > after_chat, chat.c.state == "active")
        .where(subscription.c.schedule == Schedule.INSTANT.value, _pending(now))
        .where(corroborations.IS_CONFIRMED)
        .order_by(subscription.c.chat_id, hit.c.score.desc(), hit.c.query_id)
        .limit(limit)
    )
    found = (await connection.execute(statement)).mappings()
    rows = [PendingHit(**row | {"is_further": bool(row["is_further"])}) for row in map(dict, found)]
    if len(rows) < limit or rows[0].chat_id == rows[-1].chat_id:
        return rows
    return [row for row in rows if row.chat_id != rows[-1].chat_id]


async def waited(
    connection: AsyncConnection, story_id: int, chat_ids: Collection[int], query_ids: Collection[int], now: datetime
) -> list[PendingHit]:
    """Return all pending hits of an event for these chats' instant subscriptions to these queries, by chat."""
    statement = (
        _wanted(*_PENDING_COLUMNS)
        .where(subscription.c.chat_id.in_(chat_ids), hit.c.query_id.in_(query_ids), hit.c.story_id == story_id)
        .where(subscription.c.schedule == Schedule.INSTANT.value, _pending(now), corroborations.IS_CONFIRMED)
        .order_by(subscription.c.chat_id, hit.c.score.desc(), hit.c.entry_id, hit.c.query_id)
    )
    return [PendingHit(**row) for row in (await connection.execute(statement)).mappings()]


async def pending(
    connection: AsyncConnection,
    chat_id: int,
    now: datetime,
    schedules: Sequence[Schedule],
    *,
    since: datetime | None = None,
    before_alerts: bool = False,
) -> list[PendingHit]:
    """Return the pending hits of a chat for its subscriptions with these schedules, oldest first.

    With `since`, only those found then or later. `before_alerts`: also those of entries whose alerts are to be written.

    Else a hit that is to be sent at once is pending here only when its alerts are written: what an alert did not carry.
    """
    alerted = (
        sa.true()
        if before_alerts
        else sa.or_(subscription.c.schedule != Schedule.INSTANT.value, entry.c.alerted_to.is_(None))
    )
    statement = (
        _wanted(*_PENDING_COLUMNS)
        .where(subscription.c.chat_id == chat_id, _pending(now), alerted)
        .where(subscription.c.schedule.in_([schedule.value for schedule in schedules]))
        .order_by(hit.c.found_at, hit.c.entry_id, hit.c.query_id)
    )
    if since is not None:
        statement = statement.where(hit.c.found_at >= since)
    return [PendingHit(**row) for row in (await connection.execute(statement)).mappings()]


async def many_to_alert(connection: AsyncConnection, now: datetime, *, more_than: int, limit: int) -> list[int]:
    """Return some active chats that more than so many stories wait for, of entries whose alerts are to be written."""
    statement = (
        _joined(subscription.c.chat_id)
        .join(chat, chat.c.id == subscription.c.chat_id)
        .where(entry.c.alerted_to.is_not(None), subscription.c.chat_id > entry.c.alerted_to)
        .where(subscription.c.schedule == Schedule.INSTANT.value, chat.c.state == "active", _pending(now))
        .group_by(subscription.c.chat_id)
        .having(sa.func.count(hit.c.story_id.distinct()) > more_than)
        .limit(limit)
    )
    return list((await connection.execute(statement)).scalars())


async def held(connection: AsyncConnection, chat_id: int, now: datetime) -> list[tuple[int, str, int]]:
    """Return (subscription, label, stories) of what alerts left out of a chat's instant subscriptions, the most first.

    Further texts of an event that an alert told are not held: they wait for an edit, or a digest.
    """
    stories = sa.func.count(hit.c.story_id.distinct())
    written = sa.or_(entry.c.alerted_to.is_(None), entry.c.alerted_to >= subscription.c.chat_id)
    statement = (
        _joined(subscription.c.id, subscription.c.label, stories)
        .where(subscription.c.chat_id == chat_id, subscription.c.schedule == Schedule.INSTANT.value)
        .where(_pending(now), corroborations.IS_CONFIRMED, sa.not_(_story_told()), written)
        .group_by(subscription.c.id, subscription.c.label)
        .order_by(stories.desc(), subscription.c.id)
    )
    return [(row[0], row[1], int(row[2])) for row in await connection.execute(statement)]


async def unconfirmed(connection: AsyncConnection, chat_id: int, now: datetime) -> dict[int, tuple[int, int, int]]:
    """Return by subscription what is held for more publishers: the events, and the most publishers of those needed."""
    statement = (
        _joined(
            subscription.c.id,
            sa.func.count(hit.c.story_id.distinct()),
            sa.func.max(corroboration.c.publishers),
            sa.func.max(corroboration.c.needed),
        )
        .where(subscription.c.chat_id == chat_id, sa.not_(hit.c.past), hit.c.found_at >= subscription.c.created_at)
        .where(corroboration.c.publishers < corroboration.c.needed)
        .where(corroboration.c.since > now - corroborations.HELD_FOR, hit.c.found_at > now - corroborations.HELD_FOR)
        .group_by(subscription.c.id)
    )
    return {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in await connection.execute(statement)}


async def texts_in_doubt(connection: AsyncConnection, chat_id: int) -> set[int]:
    """Return the texts that messages showed a chat which may have arrived, and were given up.

    What such a message only counted was not shown.
    """
    mine = (delivery.c.chat_id == chat_id, delivery.c.state.in_(NEVER_SENT), delivery.c.uncertain_count > 0)
    statement = (
        sa.select(entry.c.text_id)
        .join(delivery_item, delivery_item.c.entry_id == entry.c.id)
        .join(delivery, delivery.c.id == delivery_item.c.delivery_id)
        .where(*mine, delivery_item.c.shown.is_not(None))
    )
    return set((await connection.execute(statement)).scalars())


async def latest(
    connection: AsyncConnection, chat_id: int, limit: int, offset: int = 0, subscription_id: int | None = None
) -> list[PendingHit]:
    """Return the hits of a chat's queries, told or not, of the `limit` newest stories after the `offset` newest.

    With `subscription_id`, only those of that subscription. The newest entry comes first, and a story is as new as its
    newest entry.
    """
    newest = sa.func.max(entry.c.published_at)
    mine = subscription.c.chat_id == chat_id
    if subscription_id is not None:
        mine = sa.and_(mine, subscription.c.id == subscription_id)
    chosen = _joined(hit.c.story_id).where(mine).group_by(hit.c.story_id).order_by(newest.desc(), hit.c.story_id.desc())
    stories = list((await connection.execute(chosen.limit(limit).offset(offset))).scalars())
    statement = (
        _joined(*_PENDING_COLUMNS)
        .where(mine, hit.c.story_id.in_(stories))
        .order_by(entry.c.published_at.desc(), hit.c.entry_id.desc(), hit.c.score.desc(), hit.c.query_id)
    )
    return [PendingHit(**row) for row in (await connection.execute(statement)).mappings()]


async def count_since(connection: AsyncConnection, query_id: int, since: datetime) -> int:
    """Return of how many stories a query has matched entries published since a time."""
    statement = (
        sa.select(sa.func.count(hit.c.story_id.distinct()))
        .select_from(hit.join(entry, entry.c.id == hit.c.entry_id))
        .where(hit.c.query_id == query_id, entry.c.published_at >= since)
    )
    return int((await connection.execute(statement)).scalar_one())


@dataclass(frozen=True, slots=True)
class Telling:
    """Message that has an entry: by its own link, in the number it counts, or else by another entry with its text.

    `sent_at` is None while the message is on its way. `counted` is that number, 0 if the entry is not in it.
    """

    delivery_id: int
    sent_at: datetime | None
    is_shown: bool
    counted: int


@dataclass(frozen=True, slots=True)
class Finding:
    """That a chat's subscription was found in an entry, and what became of it. `terms` as in `PendingHit`.

    `telling` is the message that has it, or another entry with its text. `in_doubt`: a message that showed it was given
    up, and may have arrived.
    """

    entry_id: int
    query_id: int
    title: str
    label: str
    schedule: Schedule
    terms: list[list[Any]]
    past: bool
    found_at: datetime
    subscribed_at: datetime
    telling: Telling | None
    in_doubt: bool
    publishers: int | None  # as in `PendingHit`
    needed: int | None
    held_since: datetime | None


async def findings(connection: AsyncConnection, chat_id: int, entry_ids: Sequence[int]) -> list[Finding]:
    """Return what a chat's subscriptions found in these entries, entry by entry, the best match first."""
    mine = sa.and_(told.c.chat_id == subscription.c.chat_id, told.c.query_id == hit.c.query_id)
    same_text = sa.and_(mine, told.c.text_id == hit.c.text_id)
    told_in = sa.select(sa.func.min(told.c.delivery_id)).where(same_text).correlate(subscription, hit)
    columns = (hit.c.entry_id, hit.c.query_id, entry.c.title, subscription.c.label, subscription.c.schedule)
    statement = (
        _joined(
            *columns,
            *(hit.c.text_id, hit.c.terms, hit.c.past, hit.c.found_at, subscription.c.created_at.label("subscribed_at")),
            told_in.scalar_subquery().label("told_in"),
            corroboration.c.publishers,
            corroboration.c.needed,
            corroboration.c.since.label("held_since"),
        )
        .where(subscription.c.chat_id == chat_id, hit.c.entry_id.in_(entry_ids))
        .order_by(hit.c.entry_id, hit.c.score.desc(), hit.c.query_id)
    )
    in_doubt = await texts_in_doubt(connection, chat_id)
    found = []
    for row in (dict(row) for row in (await connection.execute(statement)).mappings()):
        told_by = row.pop("told_in")
        telling = await _telling(connection, told_by, row["entry_id"]) if told_by else None
        is_doubtful = row.pop("text_id") in in_doubt
        found.append(
            Finding(**row | {"schedule": Schedule(row["schedule"]), "telling": telling, "in_doubt": is_doubtful})
        )
    return found


async def _telling(connection: AsyncConnection, delivery_id: int, entry_id: int) -> Telling:
    """Return how a message has an entry. A message from before revision 0009 shows what it reports."""
    items = sa.select(delivery_item.c.entry_id, delivery_item.c.shown.is_not(None).label("is_shown")).where(
        delivery_item.c.delivery_id == delivery_id
    )
    reported = {row.entry_id: bool(row.is_shown) for row in await connection.execute(items)}
    ended = sa.select(delivery.c.ended_at).where(delivery.c.id == delivery_id)
    is_shown = reported.get(entry_id, False) or (entry_id in reported and not any(reported.values()))
    counted = 0 if is_shown or entry_id not in reported else len(reported) - sum(reported.values())
    return Telling(delivery_id, (await connection.execute(ended)).scalar_one(), is_shown, counted)


async def entries_told_in(connection: AsyncConnection, chat_id: int, message_id: int) -> list[int]:
    """Return the entries that a message (Telegram's id), or an edit of it, reports to a chat, in its order."""
    statement = (
        sa.select(delivery_item.c.entry_id)
        .join(delivery, delivery.c.id == delivery_item.c.delivery_id)
        .where(delivery.c.chat_id == chat_id, delivery.c.message_id == message_id)
        .order_by(delivery.c.id, delivery_item.c.position)
    )
    return list(dict.fromkeys((await connection.execute(statement)).scalars()))
