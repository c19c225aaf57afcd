"""Deletion of a chat: removes every row that names it or that has words its people typed, and keeps a receipt.

The receipt names nobody. Messages already in Telegram stay: a chat's members delete them themselves.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage import subscriptions
from bot.storage.chats import Chat
from bot.storage.inbox import NEW
from bot.storage.schema import admin_act, chat, delivery, forgotten, hit, inbox, person, query, subscription

CHAT_KINDS = ("message", "channel_post", "my_chat_member", "chat_member")  # of updates that name their chat


@dataclass(frozen=True, slots=True)
class Receipt:
    """Receipt of a deletion: its counts, and a random `code` that finds the row of table `forgotten`."""

    code: str
    subscriptions: int
    messages: int


async def forget(
    connection: AsyncConnection, chat_: Chat, user_id: int | None, pseudonym: Callable[[int], int], now: datetime
) -> Receipt:
    """Delete a chat and, if `user_id` is given, everything stored about that person (their private chat is deleted).

    `pseudonym` returns the negative number that replaces a person's in the record of admins' acts.
    """
    watched = await subscriptions.of_chat(connection, chat_.id)
    messages = sa.select(sa.func.count()).where(delivery.c.chat_id == chat_.id)
    receipt = Receipt(secrets.token_hex(8), len(watched), int((await connection.execute(messages)).scalar_one()))
    await subscriptions.unsubscribe(connection, chat_.id, [watching.id for watching in watched])
    for watching in watched:
        await _forget_query(connection, watching.query_id)
    await _forget_updates(connection, chat_.telegram_id, user_id)
    await connection.execute(chat.delete().where(chat.c.id == chat_.id))  # foreign keys delete the chat's other rows
    if user_id is not None:
        await _forget_person(connection, user_id, pseudonym)
    counts = {"subscriptions": receipt.subscriptions, "messages": receipt.messages}
    await connection.execute(sa.insert(forgotten).values(receipt=receipt.code, at=now, counts=counts))
    return receipt


async def _forget_person(connection: AsyncConnection, user_id: int, pseudonym: Callable[[int], int]) -> None:
    await connection.execute(person.delete().where(person.c.telegram_id == user_id))
    acts = admin_act.update().where(admin_act.c.user_id == user_id)
    await connection.execute(acts.values(user_id=pseudonym(user_id)))


async def _forget_query(connection: AsyncConnection, query_id: int) -> None:
    """Erase the text of a query without subscriptions. Its row stays, because a matcher may be writing a hit of it."""
    remaining = sa.select(subscription.c.id).where(subscription.c.query_id == query_id).limit(1)
    if (await connection.execute(remaining)).first() is not None:
        return
    await connection.execute(hit.delete().where(hit.c.query_id == query_id))
    await connection.execute(query.update().where(query.c.id == query_id).values(text=f"forgotten {query_id}"))


async def _forget_updates(connection: AsyncConnection, telegram_id: int, user_id: int | None) -> None:
    """Empty the applied updates of the chat and the person. Their numbers stay, so that none is applied twice."""
    paths: list[tuple[str, ...]] = [(kind, "chat", "id") for kind in CHAT_KINDS]
    paths.append(("callback_query", "message", "chat", "id"))
    conditions = [_number(*path) == telegram_id for path in paths]
    if user_id is not None:
        conditions += [_number(kind, "from", "id") == user_id for kind in ("message", "callback_query", "chat_member")]
        conditions.append(_number("chat_member", "new_chat_member", "user", "id") == user_id)
    statement = inbox.update().where(inbox.c.state != NEW, sa.or_(*conditions))
    await connection.execute(statement.values(payload={}, chat_id=0))


def _number(*path: str) -> sa.ColumnElement[int]:
    """Return the number at a path of an update's JSON."""
    return sa.cast(inbox.c.payload[path].as_string(), sa.BigInteger)
