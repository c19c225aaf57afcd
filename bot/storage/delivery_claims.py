"""Claims: deliveries that a sender takes to send, in the order of their priority, under a lease."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.chats import ACTIVE
from bot.storage.deliveries import OPEN, PRIORITY, READY, REPLY, SENDING, Claimed, DeliveryKind, is_in
from bot.storage.lease import new_token
from bot.storage.schema import chat, delivery, delivery_file

_other, _earlier, _edited = (delivery.alias(name) for name in ("other", "earlier", "edited"))


_CLAIMED = (
    *(delivery.c[name] for name in ("id", "chat_id", "kind", "payload", "attempts", "uncertain_count", "edits")),
    sa.select(delivery_file.c.content)
    .where(delivery_file.c.delivery_id == delivery.c.id)
    .scalar_subquery()
    .label("file"),
)
_SENDABLE = (  # built once: a claim is made for every few messages
    sa.select(
        delivery.c.id,
        chat.c.telegram_id,
        chat.c.thread_id,
        chat.c.kind.label("chat_kind"),
        _edited.c.message_id.label("edited_message_id"),
    )
    .join(chat, chat.c.id == delivery.c.chat_id)
    .outerjoin(_edited, _edited.c.id == delivery.c.edits)
    .where(is_in(READY))
    .where(sa.or_(chat.c.state == ACTIVE, delivery.c.kind == REPLY))
    .where(sa.or_(delivery.c.edits.is_(None), _edited.c.message_id.is_not(None)))
    .where(~sa.exists().where(_other.c.chat_id == delivery.c.chat_id, _other.c.state == SENDING))
    .where(
        ~sa.exists().where(
            _earlier.c.digest_run_id == delivery.c.digest_run_id,
            _earlier.c.part < delivery.c.part,
            _earlier.c.state.in_(OPEN),
        )
    )
    .order_by(delivery.c.priority, delivery.c.id)
    .with_for_update(of=delivery, skip_locked=True)
)


async def claim(
    connection: AsyncConnection,
    now: datetime,
    *,
    free: int,
    lease: timedelta,
    busy_chats: Collection[int] = (),
    favoured: int | None = None,
    answers_only: bool = False,
    run: str = "",
) -> list[Claimed]:
    """Claim up to `free` deliveries, at most one a chat (topics are one), none of `busy_chats` (Telegram's ids).

    Lower priorities go first, the oldest first within one; `favoured` is one that has its turn right after the answers.
    What waits: a chat with one in flight, a chat Telegram asked us to spare, a part whose earlier part has not ended,
    and all but answers for a chat that is paused or blocked. `run` signs the leases (`Database.run`).
    """
    everything = _ready(now, busy_chats)
    answers = everything.where(delivery.c.priority == PRIORITY[REPLY])
    turns = [answers] if answers_only else [everything]
    if favoured is not None:
        turns[:0] = [answers, everything.where(delivery.c.priority == favoured)]
    chosen: dict[int, sa.Row[Any]] = {}  # by Telegram's id of the chat
    for ready in turns:
        if len(chosen) < free:
            for row in await connection.execute(ready.limit(free * 2)):
                chosen.setdefault(row.telegram_id, row)
    where_to = {row.id: row for row in list(chosen.values())[:free]}
    if not where_to:
        return []
    token = new_token(run)
    values = {
        "state": SENDING,
        "lease_until": now + lease,
        "lease_token": token,
        "attempts": delivery.c.attempts + 1,
    }
    taken = delivery.update().where(delivery.c.id.in_(where_to), delivery.c.state == READY).values(values)
    claimed = [
        Claimed(
            **{**row, "kind": DeliveryKind(row["kind"])},
            telegram_id=where_to[row["id"]].telegram_id,
            thread_id=where_to[row["id"]].thread_id,
            chat_kind=where_to[row["id"]].chat_kind,
            edited_message_id=where_to[row["id"]].edited_message_id,
            lease_token=token,
            claimed_at=now,
        )
        for row in (await connection.execute(taken.returning(*_CLAIMED))).mappings()
    ]
    return sorted(claimed, key=lambda delivery: (PRIORITY[delivery.kind], delivery.id))


def _ready(now: datetime, busy_chats: Collection[int]) -> sa.Select[tuple[int, int, int, str, int]]:
    """Return the deliveries that may be sent now, in their order: a walk along `ix_delivery_open`."""
    is_free = sa.or_(chat.c.hold_until.is_(None), chat.c.hold_until <= now)
    return _SENDABLE.where(delivery.c.not_before <= now, is_free, chat.c.telegram_id.not_in(list(busy_chats)))
