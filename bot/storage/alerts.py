"""Alerts: the messages that told a chat of an event, with their edits; how many were sent, or wait."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.chats import ACTIVE
from bot.storage.deliveries import ALERT, EDIT, HELD, NEVER_SENT, READY, SENT, DeliveryState, is_in
from bot.storage.schema import UtcDateTime, chat, delivery, delivery_item, told

_COLUMNS = [
    delivery.c[name]
    for name in (
        *("id", "chat_id", "edits", "state", "message_id", "attempts", "uncertain_count"),
        *("created_at", "ended_at"),
    )
]


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """An alert that was sent or is on its way, with its edits.

    `queries` are those it reports; `shown` are the items it shows, or will when its last edit is sent: its own first.
    `edits` is how many edits have left, and `changed_at` when the message was changed last, None before it is sent.
    `is_changing`: an edit is in flight, or will be tried again.
    """

    id: int
    chat_id: int
    state: DeliveryState
    message_id: int | None
    created_at: datetime
    is_marked: bool
    queries: frozenset[int]
    shown: tuple[dict[str, Any], ...]
    edits: int
    changed_at: datetime | None
    is_changing: bool


async def of_event(
    connection: AsyncConnection, story_id: int, chat_ids: Collection[int], since: datetime
) -> dict[int, list[AlertMessage]]:
    """Return by chat the alerts that told of a story since a time, the oldest first, however many chats in few reads.

    An alert whose item was not stored (before revision 0009) is left out: it cannot be rendered again.
    """
    root = sa.func.coalesce(delivery.c.edits, delivery.c.id).label("root")
    statement = (
        sa.select(told, root)
        .join(delivery, delivery.c.id == told.c.delivery_id)
        .where(told.c.chat_id.in_(chat_ids), told.c.story_id == story_id, delivery.c.kind.in_([ALERT, EDIT]))
    )
    reported = (await connection.execute(statement)).all()
    roots = {row.root for row in reported}
    if not roots:
        return {}
    mine = sa.or_(delivery.c.id.in_(roots), delivery.c.edits.in_(roots))
    rows = (await connection.execute(sa.select(*_COLUMNS).where(mine).order_by(delivery.c.id))).all()
    shown = await _shown(connection, [row.id for row in rows if row.state not in NEVER_SENT])
    edits: dict[int, list[Any]] = {}
    for edit in rows:
        if edit.edits is not None:
            edits.setdefault(edit.edits, []).append(edit)
    queries: dict[int, set[int]] = {}
    for report in reported:
        queries.setdefault(report.root, set()).add(report.query_id)
    found: dict[int, list[AlertMessage]] = {}
    for row in rows:
        if row.edits is None and row.id in shown and row.created_at >= since:
            message = _message(row, edits.get(row.id, []), queries[row.id], shown)
            found.setdefault(row.chat_id, []).append(message)
    return found


async def of_message(connection: AsyncConnection, chat_id: int, message_id: int) -> AlertMessage | None:
    """Return the alert that a chat has as a message (Telegram's id), with the edits that were sent; None if unknown."""
    mine = (delivery.c.chat_id == chat_id, delivery.c.message_id == message_id, delivery.c.state == SENT)
    of_alert = delivery.c.kind.in_([ALERT, EDIT])
    rows = (await connection.execute(sa.select(*_COLUMNS).where(*mine, of_alert).order_by(delivery.c.id))).all()
    shown = await _shown(connection, [row.id for row in rows])
    if not rows or rows[0].edits is not None or rows[0].id not in shown:
        return None
    return _message(rows[0], list(rows[1:]), (), shown)


async def late_alerts(
    connection: AsyncConnection, before: datetime, *, more_than: int, limit: int
) -> dict[int, datetime]:
    """Return some active chats with more than so many alerts that wait since before a time, and since when."""
    since = sa.func.min(delivery.c.created_at)
    statement = (
        sa.select(delivery.c.chat_id, sa.type_coerce(since, UtcDateTime).label("since"))
        .join(chat, chat.c.id == delivery.c.chat_id)
        .where(is_in(READY), delivery.c.kind == ALERT, delivery.c.created_at <= before, chat.c.state == ACTIVE)
        .group_by(delivery.c.chat_id)
        .having(sa.func.count() > more_than)
        .limit(limit)
    )
    return {row.chat_id: row.since for row in await connection.execute(statement)}


async def last_held(connection: AsyncConnection, chat_id: int, since: datetime) -> tuple[int, datetime] | None:
    """Return (id, made at) of the message since a time that says how much is held for a chat; None if there is none."""
    mine = (delivery.c.chat_id == chat_id, delivery.c.kind == HELD, delivery.c.created_at >= since)
    statement = (
        sa.select(delivery.c.id, delivery.c.created_at)
        .where(*mine, delivery.c.state.not_in(NEVER_SENT))
        .order_by(delivery.c.id.desc())
        .limit(1)
    )
    row = (await connection.execute(statement)).first()
    return (row.id, row.created_at) if row else None


async def alerts_since(
    connection: AsyncConnection, chat_id: int, since: datetime, *, before: datetime | None = None
) -> int:
    """Return the number of alerts added for a chat since a time (and `before` another): the hourly cap counts these."""
    mine = [delivery.c.chat_id == chat_id, delivery.c.kind == ALERT, delivery.c.created_at >= since]
    if before is not None:
        mine.append(delivery.c.created_at < before)
    return int((await connection.execute(sa.select(sa.func.count()).where(*mine))).scalar_one())


def _message(row: Any, edits: list[Any], queries: Iterable[int], shown: Mapping[int, dict[int, Any]]) -> AlertMessage:
    items: dict[int, dict[str, Any]] = {}
    for showing in (row, *edits):
        items |= shown.get(showing.id, {})
    left = [edit for edit in edits if edit.attempts > 0]
    changed = [message.ended_at for message in (row, *left) if message.ended_at is not None]
    return AlertMessage(
        id=row.id,
        chat_id=row.chat_id,
        state=DeliveryState(row.state),
        message_id=row.message_id,
        created_at=row.created_at,
        is_marked=row.uncertain_count > 0,
        queries=frozenset(queries),
        shown=tuple(items.values()),
        edits=len(left),
        changed_at=max(changed, default=None),
        is_changing=any(edit.ended_at is None for edit in left),
    )


async def _shown(connection: AsyncConnection, ids: Collection[int]) -> dict[int, dict[int, Any]]:
    """Return the items that deliveries show, in order, by delivery and entry."""
    items = sa.select(delivery_item).where(delivery_item.c.delivery_id.in_(ids), delivery_item.c.shown.is_not(None))
    found: dict[int, dict[int, Any]] = {}
    for row in await connection.execute(items.order_by(delivery_item.c.delivery_id, delivery_item.c.position)):
        found.setdefault(row.delivery_id, {})[row.entry_id] = row.shown
    return found
