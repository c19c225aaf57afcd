"""Subscriptions and the unique queries behind them.

A query is live while it has a subscription. Each change of that takes the next version; versions commit in
order, so a matcher that has loaded version n has missed nothing below it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.models import Schedule
from bot.storage.database import insert_new, next_value
from bot.storage.schema import hit, query, subscription

CHUNK = 500  # bound parameters of one statement stay far below either database's limit


@dataclass(frozen=True, slots=True)
class Subscription:
    """A chat's interest in a query. `text` is the query's canonical form, `label` what was typed."""

    id: int
    chat_id: int
    query_id: int
    text: str
    label: str
    schedule: Schedule
    created_at: datetime


_COLUMNS = [query.c.text if name == "text" else subscription.c[name] for name in Subscription.__dataclass_fields__]


async def _select(connection: AsyncConnection, *where: sa.ColumnElement[bool]) -> list[Subscription]:
    statement = sa.select(*_COLUMNS).join(query, query.c.id == subscription.c.query_id).where(*where)
    rows = (await connection.execute(statement.order_by(subscription.c.id))).mappings()
    return [Subscription(**{**row, "schedule": Schedule(row["schedule"])}) for row in rows]


async def of_chat(connection: AsyncConnection, chat_id: int) -> list[Subscription]:
    """Return a chat's subscriptions in the order they were made: the numbers of `/list`."""
    return await _select(connection, subscription.c.chat_id == chat_id)


async def get(connection: AsyncConnection, chat_id: int, subscription_id: int) -> Subscription | None:
    """Return a subscription if it is this chat's."""
    found = await _select(connection, subscription.c.id == subscription_id, subscription.c.chat_id == chat_id)
    return found[0] if found else None


async def subscribe(
    connection: AsyncConnection, *, chat_id: int, text: str, label: str, schedule: Schedule, now: datetime
) -> tuple[Subscription, bool]:
    """Subscribe a chat to the query with this canonical text; return it, and whether it is new."""
    query_id = await _live_query(connection, text)
    statement = insert_new(connection, subscription).values(
        chat_id=chat_id, query_id=query_id, label=label, schedule=schedule.value, created_at=now
    )
    new = statement.on_conflict_do_nothing().returning(subscription.c.id)
    added = (await connection.execute(new)).first() is not None
    this = (subscription.c.chat_id == chat_id, subscription.c.query_id == query_id)
    return (await _select(connection, *this))[0], added


async def _live_query(connection: AsyncConnection, text: str) -> int:
    """Return the id of the live query with this text; it is created, or made live again, if needed."""
    found = sa.select(query.c.id, query.c.live).where(query.c.text == text)
    row = (await connection.execute(found.with_for_update())).first()  # locked: its last subscriber may be leaving
    if row is not None and row.live:
        return int(row.id)
    version = await next_value(connection, "query")
    statement = insert_new(connection, query).values(text=text, live=True, version=version)
    again = statement.on_conflict_do_update(index_elements=["text"], set_={"live": True, "version": version})
    return int((await connection.execute(again.returning(query.c.id))).scalar_one())


async def unsubscribe(connection: AsyncConnection, chat_id: int, subscription_ids: list[int]) -> list[Subscription]:
    """Remove a chat's subscriptions and return them; a query without a subscription is not live any more."""
    chosen = (subscription.c.chat_id == chat_id, subscription.c.id.in_(subscription_ids))
    removed = await _select(connection, *chosen)
    await connection.execute(subscription.delete().where(*chosen))
    for query_id in sorted({former.query_id for former in removed}):
        await _retire_if_unused(connection, query_id)
    return removed


async def _retire_if_unused(connection: AsyncConnection, query_id: int) -> None:
    """Mark a query not live if no chat subscribes to it. Its row is locked first: one may be doing so now."""
    await connection.execute(sa.select(query.c.id).where(query.c.id == query_id).with_for_update())
    used = sa.select(subscription.c.id).where(subscription.c.query_id == query_id).limit(1)
    if (await connection.execute(used)).first() is None:
        version = await next_value(connection, "query")
        retired = query.update().where(query.c.id == query_id)
        await connection.execute(retired.values(live=False, version=version))


async def change(
    connection: AsyncConnection, old: Subscription, *, text: str, label: str, now: datetime
) -> Subscription:
    """Give a subscription another query (canonical `text`); its schedule stays. A new query is dated `now`."""
    query_id = await _live_query(connection, text)
    values = {"query_id": query_id, "label": label}
    if query_id != old.query_id:
        values["created_at"] = now
    await connection.execute(subscription.update().where(subscription.c.id == old.id).values(values))
    if query_id != old.query_id:
        await _retire_if_unused(connection, old.query_id)
    return (await _select(connection, subscription.c.id == old.id))[0]


async def set_schedule(connection: AsyncConnection, chat_id: int, subscription_id: int, schedule: Schedule) -> bool:
    """Change when a subscription's hits are sent; False if this chat has no such subscription."""
    this = (subscription.c.chat_id == chat_id, subscription.c.id == subscription_id)
    statement = subscription.update().where(*this).values(schedule=schedule.value)
    return (await connection.execute(statement)).rowcount == 1


async def queries_since(connection: AsyncConnection, version: int, limit: int) -> list[tuple[int, str, bool, int]]:
    """Return (id, text, live, version) of up to `limit` queries that changed first after `version`, in that order."""
    statement = sa.select(query.c.id, query.c.text, query.c.live, query.c.version).where(query.c.version > version)
    return [tuple(row) for row in await connection.execute(statement.order_by(query.c.version).limit(limit))]


async def existing(connection: AsyncConnection, query_ids: Sequence[int]) -> set[int]:
    """Return which of these queries exist: `purge_queries` removes those without a subscription."""
    found: set[int] = set()
    for start in range(0, len(query_ids), CHUNK):
        chunk = query_ids[start : start + CHUNK]
        found.update((await connection.execute(sa.select(query.c.id).where(query.c.id.in_(chunk)))).scalars())
    return found


async def purge_queries(connection: AsyncConnection, limit: int) -> int:
    """Remove up to `limit` queries without a subscription and without a hit; return how many."""
    matched = sa.exists().where(hit.c.query_id == query.c.id)
    idle = sa.select(query.c.id).where(sa.not_(query.c.live), sa.not_(matched)).limit(limit)
    ids = list((await connection.execute(idle)).scalars())
    if ids:
        await connection.execute(query.delete().where(query.c.id.in_(ids), sa.not_(query.c.live)))
    return len(ids)
