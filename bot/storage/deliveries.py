"""Deliveries: the outbox, and every transition of its state machine (docs/delivery.md).

Each transition names the state it leaves and the lease token of the claim, and reports whether it happened: a
sender that was paused past its lease changes nothing when it comes back.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.chats import ACTIVE
from bot.storage.database import insert_many
from bot.storage.lease import held_by
from bot.storage.schema import (
    chat,
    delivery,
    delivery_file,
    delivery_item,
    digest_run,
    subscription,
    told,
)


class DeliveryState(StrEnum):
    """The states of a delivery (docs/delivery.md); the column holds the value."""

    READY = "READY"
    SENDING = "SENDING"
    SENT = "SENT"
    UNCERTAIN = "UNCERTAIN"
    UNCERTAIN_FINAL = "UNCERTAIN_FINAL"
    CANCELLED = "CANCELLED"
    DEAD = "DEAD"
    EXPIRED = "EXPIRED"


class DeliveryKind(StrEnum):
    """The kinds of messages; the column holds the value."""

    REPLY = "reply"
    ALERT = "alert"
    DIGEST = "digest"
    NOTICE = "notice"
    BROADCAST = "broadcast"
    HELD = "held"  # how much news is held for the chat
    EDIT = "edit"  # of the message of an earlier delivery


READY, SENDING, SENT, UNCERTAIN, UNCERTAIN_FINAL, CANCELLED, DEAD, EXPIRED = DeliveryState
OPEN = (READY, SENDING, UNCERTAIN)
NEVER_SENT = (UNCERTAIN_FINAL, CANCELLED, DEAD, EXPIRED)
REPLY, ALERT, DIGEST, NOTICE, BROADCAST, HELD, EDIT = DeliveryKind
PRIORITY = {REPLY: 0, NOTICE: 0, ALERT: 1, DIGEST: 2, BROADCAST: 3, HELD: 1, EDIT: 4}  # the lowest number goes first


REPLACED = "replaced by a newer edit"


def is_in(state: DeliveryState) -> sa.ColumnElement[bool]:
    """Return the condition "is in this open state", written so that both databases use `ix_delivery_open`.

    The index has only open deliveries, a few of all rows. A database uses it only if the text of the statement implies
    its condition: a bound value does not, and SQLite requires the very words of the index.
    """
    is_open = delivery.c.state.in_(sa.bindparam("open_states", list(OPEN), expanding=True, literal_execute=True))
    return sa.and_(is_open, delivery.c.state == sa.literal(state, literal_execute=True))


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that is leased to this sender, and its destination.

    `payload` and `file` are what `bot.messages.payload.from_json` takes. An edit names the delivery it `edits`, and
    `edited_message_id`, Telegram's id of that delivery's message.
    """

    id: int
    chat_id: int
    telegram_id: int
    thread_id: int
    chat_kind: str
    kind: DeliveryKind
    payload: dict[str, Any]
    attempts: int
    uncertain_count: int
    lease_token: str
    claimed_at: datetime
    file: bytes | None = None
    edits: int | None = None
    edited_message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """One reported hit of a delivery: this entry of this story, for this query."""

    story_id: int
    text_id: int
    entry_id: int
    query_id: int


async def add(
    connection: AsyncConnection,
    *,
    chat_id: int,
    kind: DeliveryKind,
    payload: Mapping[str, Any],
    now: datetime,
    reported_items: Sequence[Told] = (),
    shown: Mapping[int, Mapping[str, Any]] | None = None,
    file: bytes | None = None,
    not_before: datetime | None = None,
    lasts: timedelta | None = None,
    digest_run_id: int | None = None,
    part: int = 1,
) -> int:
    """Add a message to the outbox: its frozen payload, the bytes of its file, the items it reports. Return its id.

    `shown` has, by entry, the record of each reported item that the message shows; the others it only counts.
    It is sent at once, or at `not_before`; it expires when it could not be sent for as long as it `lasts` from then.
    """
    values = {
        "chat_id": chat_id,
        "kind": kind,
        "priority": PRIORITY[kind],
        "payload": dict(payload),
        "digest_run_id": digest_run_id,
        "part": part,
        **_schedule(now, not_before, lasts),
    }
    delivery_id = await _insert(connection, values)
    if file is not None:
        await connection.execute(sa.insert(delivery_file).values(delivery_id=delivery_id, content=file))
    await _report(connection, chat_id, delivery_id, reported_items, shown or {})
    return delivery_id


async def add_edit(
    connection: AsyncConnection,
    *,
    edits: int,
    payload: Mapping[str, Any],
    now: datetime,
    lasts: timedelta,
    not_before: datetime | None = None,
    reported_items: Sequence[Told] = (),
    shown: Mapping[int, Mapping[str, Any]] | None = None,
    keeps_items: bool = False,
) -> int | None:
    """Add an edit of the message of the delivery `edits`, sent after it; None if that message was never sent.

    A newer edit takes the place of one that waits, and of its items (unless it `keeps_items`, to which its own are
    added): it has the whole text of the message. It lasts from when its message may be sent.
    """
    target = await _lock_target(connection, edits)
    if target is None or target.state in NEVER_SENT:
        return None
    if target.state == READY:
        not_before = max(not_before or now, target.not_before)
    values = {"payload": dict(payload), "attempts": 0, "error": None, **_schedule(now, not_before, lasts)}
    waiting = delivery.update().where(delivery.c.edits == edits, delivery.c.state == READY).values(values)
    edit_id: int | None = (await connection.execute(waiting.returning(delivery.c.id))).scalar_one_or_none()
    if edit_id is None:
        values |= {"chat_id": target.chat_id, "kind": EDIT, "priority": PRIORITY[EDIT], "edits": edits}
        edit_id = await _insert(connection, values)
    elif not keeps_items:
        await connection.execute(told.delete().where(told.c.delivery_id == edit_id))
        await connection.execute(delivery_item.delete().where(delivery_item.c.delivery_id == edit_id))
    first = await _next_position(connection, edit_id) if keeps_items else 0
    await _report(connection, target.chat_id, edit_id, reported_items, shown or {}, first)
    return edit_id


async def _lock_target(connection: AsyncConnection, delivery_id: int) -> sa.Row[Any, Any, Any] | None:
    """Lock the delivery that edits are of: one that is added and one that comes back never meet."""
    statement = sa.select(delivery.c.chat_id, delivery.c.state, delivery.c.not_before).where(
        delivery.c.id == delivery_id
    )
    return (await connection.execute(statement.with_for_update())).first()


def _schedule(now: datetime, not_before: datetime | None, lasts: timedelta | None) -> dict[str, Any]:
    starts = not_before or now
    return {
        "state": READY,
        "created_at": now,
        "not_before": starts,
        "due_at": not_before,
        "expires_at": None if lasts is None else starts + lasts,
    }


async def _insert(connection: AsyncConnection, values: Mapping[str, Any]) -> int:
    statement = sa.insert(delivery).values(values).returning(delivery.c.id)
    return int((await connection.execute(statement)).scalar_one())


async def _report(
    connection: AsyncConnection,
    chat_id: int,
    delivery_id: int,
    reported_items: Sequence[Told],
    shown: Mapping[int, Mapping[str, Any]],
    first: int = 0,
) -> None:
    """Record the items that a delivery reports, the first at a position.

    They are pending again only if it ends in anything but SENT.
    """
    rows = [
        {
            "chat_id": chat_id,
            "text_id": reported.text_id,
            "query_id": reported.query_id,
            "story_id": reported.story_id,
            "delivery_id": delivery_id,
        }
        for reported in reported_items
    ]
    await insert_many(connection, told, rows)
    entries = dict.fromkeys((reported.story_id, reported.entry_id) for reported in reported_items)
    items = [
        {
            "delivery_id": delivery_id,
            "position": position,
            "story_id": story_id,
            "entry_id": entry_id,
            "shown": shown.get(entry_id),
        }
        for position, (story_id, entry_id) in enumerate(entries, first)
    ]
    await insert_many(connection, delivery_item, items)


async def _next_position(connection: AsyncConnection, delivery_id: int) -> int:
    last = sa.select(sa.func.max(delivery_item.c.position)).where(delivery_item.c.delivery_id == delivery_id)
    position = (await connection.execute(last)).scalar_one()
    return 0 if position is None else int(position) + 1


async def _hand_over(connection: AsyncConnection, edit: int, newer: int) -> None:
    """Give what an edit reports to the newer edit that takes its place: that has the whole text."""
    await connection.execute(told.update().where(told.c.delivery_id == edit).values(delivery_id=newer))
    first = await _next_position(connection, newer)
    mine, moved = delivery_item.c.delivery_id == edit, delivery_item.c.position + first
    await connection.execute(delivery_item.update().where(mine).values(delivery_id=newer, position=moved))


async def _leave_sending(connection: AsyncConnection, claimed: Claimed, **values: Any) -> bool:
    mine = (
        delivery.c.id == claimed.id,
        delivery.c.state == SENDING,
        delivery.c.lease_token == claimed.lease_token,
    )
    values |= {"lease_until": None, "lease_token": None}
    return (await connection.execute(delivery.update().where(*mine).values(values))).rowcount == 1


async def sent(connection: AsyncConnection, claimed: Claimed, now: datetime, message_id: int) -> bool:
    """Mark a delivery as sent. An answer after its lease ended still counts, unless it was sent again."""
    return await sent_many(connection, [(claimed, message_id)], now) == 1


async def sent_many(connection: AsyncConnection, arrived: Sequence[tuple[Claimed, int]], now: datetime) -> int:
    """Mark deliveries as sent, given their messages' ids; return how many were still theirs to mark.

    A late answer settles the doubt: `uncertain_count` becomes that of the attempt that arrived, so it is above 0 if
    and only if the message has the mark of a resend.
    """
    statement = (
        delivery.update()
        .where(
            delivery.c.id == sa.bindparam("its_id"),
            sa.or_(delivery.c.state == SENDING, delivery.c.state == UNCERTAIN),  # no IN: it takes one row at a time
            delivery.c.lease_token == sa.bindparam("its_token"),
        )
        .values(
            state=SENT,
            message_id=sa.bindparam("its_message"),
            ended_at=now,
            error=None,
            lease_until=None,
            lease_token=None,
            uncertain_count=sa.bindparam("its_uncertain_count"),
        )
    )
    rows = [
        {
            "its_id": claimed.id,
            "its_token": claimed.lease_token,
            "its_message": message_id,
            "its_uncertain_count": claimed.uncertain_count,
        }
        for claimed, message_id in arrived
    ]
    return (await connection.execute(statement, rows)).rowcount


async def retry(
    connection: AsyncConnection,
    claimed: Claimed,
    now: datetime,
    *,
    not_before: datetime,
    error: str,
    payload: Mapping[str, Any] | None = None,
    counted: bool = True,
) -> bool:
    """Requeue a delivery that surely did not arrive. A 429 is no attempt (`counted` false)."""
    values: dict[str, Any] = {"state": READY, "not_before": not_before, "error": error}
    if not counted:
        values["attempts"] = claimed.attempts - 1
    if payload is not None:
        values["payload"] = dict(payload)
    return await _wait(connection, claimed, now, **values)


async def uncertain(
    connection: AsyncConnection, claimed: Claimed, now: datetime, *, again_at: datetime, error: str
) -> bool:
    """Record that a delivery may have arrived. The first time it is sent once more, marked; the second time it ends.

    An edit is tried again, however often: two edits with one text are one.
    """
    if claimed.kind is EDIT:
        return await retry(connection, claimed, now, not_before=again_at, error=error)
    count = claimed.uncertain_count + 1
    if count > 1:
        values = {"state": UNCERTAIN_FINAL, "uncertain_count": count, "ended_at": now, "error": error}
        return await _end(connection, claimed, **values)
    values = {"state": UNCERTAIN, "uncertain_count": count, "not_before": again_at, "error": error}
    return await _wait(connection, claimed, now, **values)


async def _wait(connection: AsyncConnection, claimed: Claimed, now: datetime, **values: Any) -> bool:
    """Requeue a delivery, unless its chat paused or unsubscribed from its items while it was in flight."""
    if claimed.edits is not None and (newer := await _replacement(connection, claimed.edits)):
        await _hand_over(connection, claimed.id, newer)
        return await cancel(connection, claimed, now, REPLACED)
    if not await _leave_sending(connection, claimed, **values):
        return False
    await _drop_unwanted(connection, [claimed.id], now)
    return True


async def _replacement(connection: AsyncConnection, edits: int) -> int | None:
    """Return the newer edit of that delivery that waits, or None."""
    await _lock_target(connection, edits)
    newer = sa.select(delivery.c.id).where(delivery.c.edits == edits, delivery.c.state == READY)
    found: int | None = (await connection.execute(newer)).scalar_one_or_none()
    return found


async def _drop_unwanted(connection: AsyncConnection, ids: Sequence[int], now: datetime) -> None:
    """Cancel those of `ids` whose chat was paused, or unsubscribed from all their items, since they were claimed."""
    asked_off = sa.exists().where(chat.c.id == delivery.c.chat_id, chat.c.state != ACTIVE)
    mine = sa.and_(told.c.delivery_id == delivery.c.id, told.c.chat_id == delivery.c.chat_id)
    wanted = sa.exists().where(
        mine, subscription.c.chat_id == told.c.chat_id, subscription.c.query_id == told.c.query_id
    )
    unwanted = sa.or_(asked_off, sa.and_(sa.exists().where(mine), sa.not_(wanted)))
    waiting = sa.and_(delivery.c.id.in_(ids), delivery.c.state.in_([READY, UNCERTAIN]), delivery.c.kind != REPLY)
    await _close(connection, sa.and_(waiting, unwanted), now, CANCELLED, "not wanted any more")


async def dead(connection: AsyncConnection, claimed: Claimed, now: datetime, error: str) -> bool:
    """End a delivery that can never arrive."""
    return await _end(connection, claimed, state=DEAD, ended_at=now, error=error)


async def cancel(connection: AsyncConnection, claimed: Claimed, now: datetime, error: str) -> bool:
    """End a delivery whose chat stopped it, or cannot be reached."""
    return await _end(connection, claimed, state=CANCELLED, ended_at=now, error=error)


async def _end(connection: AsyncConnection, claimed: Claimed, **values: Any) -> bool:
    """End a delivery in anything but SENT: its items are pending again."""
    if not await _leave_sending(connection, claimed, **values):
        return False
    await _give_back(connection, [claimed.id], values["ended_at"])
    return True


async def _give_back(connection: AsyncConnection, ids: Sequence[int], now: datetime) -> None:
    """Make the items of messages that were never sent pending again; edits of those messages end, too."""
    await connection.execute(told.delete().where(told.c.delivery_id.in_(ids)))
    orphans = sa.and_(delivery.c.edits.in_(ids), delivery.c.state == READY)
    await _close(connection, orphans, now, CANCELLED, "its message was not sent")


async def recover(
    connection: AsyncConnection, now: datetime, *, again_at: datetime, runs: Collection[str] | None = None
) -> int:
    """Make deliveries UNCERTAIN whose sender is gone (only those of `runs`, if given); return how many.

    The token stays: if the sender was only slow, its answer can still settle the doubt (`sent`).
    """
    lost = sa.select(delivery).where(is_in(SENDING), delivery.c.lease_until < now)
    lost = lost.where(held_by(delivery.c.lease_token, runs))
    rows = (await connection.execute(lost.with_for_update(skip_locked=True))).mappings().all()
    for row in rows:
        where = sa.and_(delivery.c.id == row["id"], delivery.c.lease_token == row["lease_token"])
        values = await _recovered(connection, row, now, again_at)
        await connection.execute(delivery.update().where(where).values(values))
        if values["state"] in NEVER_SENT:
            await _give_back(connection, [row["id"]], now)
    if rows:
        await _drop_unwanted(connection, [row["id"] for row in rows], now)
    return len(rows)


async def _recovered(
    connection: AsyncConnection, row: sa.RowMapping, now: datetime, again_at: datetime
) -> dict[str, Any]:
    """Return the columns of a delivery whose sender is gone."""
    values: dict[str, Any] = {"error": "the sender stopped", "lease_until": None}
    if row["kind"] == EDIT and (newer := await _replacement(connection, row["edits"])):
        await _hand_over(connection, row["id"], newer)
        return values | {"state": CANCELLED, "ended_at": now, "error": REPLACED}
    if row["kind"] == EDIT:
        return values | {"state": READY, "not_before": again_at}
    values["uncertain_count"] = row["uncertain_count"] + 1
    if row["uncertain_count"] > 0:
        return values | {"state": UNCERTAIN_FINAL, "ended_at": now}
    return values | {"state": UNCERTAIN, "not_before": again_at}


async def revive_uncertain(connection: AsyncConnection, now: datetime) -> int:
    """Make deliveries in doubt that waited long enough READY for their one marked resend; return how many."""
    doubtful = delivery.update().where(is_in(UNCERTAIN), delivery.c.not_before <= now)
    return (await connection.execute(doubtful.values(state=READY))).rowcount


async def expire(connection: AsyncConnection, now: datetime) -> int:
    """End deliveries that waited too long; their items are pending for the next digest. Return how many."""
    old = is_in(READY), delivery.c.expires_at <= now
    return await _close(connection, sa.and_(*old), now, EXPIRED, "waited too long")


async def cancel_chat(connection: AsyncConnection, chat_id: int, now: datetime, reason: str) -> int:
    """Cancel the pending deliveries of a chat, except replies; return how many."""
    waiting = sa.and_(delivery.c.chat_id == chat_id, delivery.c.state.in_([READY, UNCERTAIN]), delivery.c.kind != REPLY)
    return await _close(connection, waiting, now, CANCELLED, reason)


async def cancel_queries(connection: AsyncConnection, chat_id: int, query_ids: Sequence[int], now: datetime) -> int:
    """Cancel a chat's pending messages that report nothing but these queries; return how many."""
    mine = sa.and_(told.c.delivery_id == delivery.c.id, told.c.chat_id == chat_id)
    reports = sa.exists().where(mine, told.c.query_id.in_(query_ids))
    reports_more = sa.exists().where(mine, told.c.query_id.not_in(query_ids))
    waiting = sa.and_(
        delivery.c.chat_id == chat_id,
        delivery.c.state.in_([READY, UNCERTAIN]),
        reports,
        sa.not_(reports_more),
    )
    return await _close(connection, waiting, now, CANCELLED, "unsubscribed")


async def _close(
    connection: AsyncConnection, where: sa.ColumnElement[bool], now: datetime, state: DeliveryState, reason: str
) -> int:
    statement = delivery.update().where(where).values(state=state, ended_at=now, error=reason)
    ids = list((await connection.execute(statement.returning(delivery.c.id))).scalars())
    if ids:
        await _give_back(connection, ids, now)
    return len(ids)


async def take_back(connection: AsyncConnection, chat_id: int, now: datetime, error: str) -> int:
    """End a chat's alerts and news that wait to be sent, so that their items are pending again; return how many.

    What may have arrived already stays: its second copy is marked.
    """
    waiting = (
        delivery.c.chat_id == chat_id,
        is_in(READY),
        delivery.c.uncertain_count == 0,
        sa.or_(delivery.c.kind == ALERT, _is_of_run("missed")),
    )
    ids = list((await connection.execute(sa.select(delivery.c.id).where(*waiting).with_for_update())).scalars())
    values = {"state": EXPIRED, "ended_at": now, "error": error}
    await connection.execute(delivery.update().where(delivery.c.id.in_(ids)).values(values))
    await _give_back(connection, ids, now)
    return len(ids)


def _is_of_run(kind: str) -> sa.ColumnElement[bool]:
    return delivery.c.digest_run_id.in_(sa.select(digest_run.c.id).where(digest_run.c.kind == kind))


async def counts(connection: AsyncConnection) -> dict[DeliveryState, int]:
    """Return how many deliveries are in each state."""
    statement = sa.select(delivery.c.state, sa.func.count().label("n")).group_by(delivery.c.state)
    return {DeliveryState(row.state): row.n for row in await connection.execute(statement)}


async def purge(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove up to `limit` deliveries that ended before a time and have no `told` rows left; return how many."""
    held = sa.exists().where(told.c.delivery_id == delivery.c.id)
    old = sa.select(delivery.c.id).where(delivery.c.ended_at < before, sa.not_(held)).limit(limit)
    ids = list((await connection.execute(old)).scalars())
    if ids:
        await connection.execute(delivery.delete().where(delivery.c.id.in_(ids)))
    return len(ids)


async def forget_told(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove `told` rows of deliveries that ended before a time: their hits are too old. Return how many."""
    old = (
        sa.select(told.c.chat_id, told.c.text_id, told.c.query_id)
        .join(delivery, delivery.c.id == told.c.delivery_id)
        .where(delivery.c.ended_at < before)
        .limit(limit)
    )
    rows = (await connection.execute(old)).all()
    for row in rows:
        key = (told.c.chat_id == row.chat_id, told.c.text_id == row.text_id, told.c.query_id == row.query_id)
        await connection.execute(told.delete().where(*key))
    return len(rows)
