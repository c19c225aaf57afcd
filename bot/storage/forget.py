"""Forgetting a chat: every row that names it, or what its people typed, goes. What stays is a receipt without a name.

Messages already in Telegram are not ours to delete.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.messages.signing import Signer
from bot.storage import subscriptions
from bot.storage.chats import Chat
from bot.storage.inbox import NEW
from bot.storage.schema import admin_act, chat, delivery, forgotten, hit, inbox, person, query, subscription

CHAT_KINDS = ("message", "channel_post", "my_chat_member", "chat_member")  # of updates that name their chat


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was deleted. `code` finds the record of it again, and tells nothing."""

    code: str
    subscriptions: int
    messages: int


async def forget(
    connection: AsyncConnection, gone: Chat, user_id: int | None, signer: Signer, now: datetime
) -> Receipt:
    """Delete a chat; with `user_id`, all that is known of that person too (their private chat was meant)."""
    watched = await subscriptions.of_chat(connection, gone.id)
    mine = sa.select(sa.func.count()).where(delivery.c.chat_id == gone.id)
    receipt = Receipt(secrets.token_hex(8), len(watched), int((await connection.execute(mine)).scalar_one()))
    await subscriptions.unsubscribe(connection, gone.id, [one.id for one in watched])
    for one in watched:
        await _forget_query(connection, one.query_id)
    await _forget_updates(connection, gone.telegram_id, user_id)
    await connection.execute(chat.delete().where(chat.c.id == gone.id))  # and, by its foreign keys, all that is its own
    if user_id is not None:
        await connection.execute(person.delete().where(person.c.telegram_id == user_id))
        acts = admin_act.update().where(admin_act.c.user_id == user_id)
        await connection.execute(acts.values(user_id=signer.pseudonym(user_id)))
    counts = {"subscriptions": receipt.subscriptions, "messages": receipt.messages}
    await connection.execute(sa.insert(forgotten).values(receipt=receipt.code, at=now, counts=counts))
    return receipt


async def _forget_query(connection: AsyncConnection, query_id: int) -> None:
    """Forget the words of a query nobody else asks for. Its row stays: a matcher may be writing a hit of it."""
    wanted = sa.select(subscription.c.id).where(subscription.c.query_id == query_id).limit(1)
    if (await connection.execute(wanted)).first() is not None:
        return
    await connection.execute(hit.delete().where(hit.c.query_id == query_id))
    await connection.execute(query.update().where(query.c.id == query_id).values(text=f"forgotten {query_id}"))


async def _forget_updates(connection: AsyncConnection, telegram_id: int, user_id: int | None) -> None:
    """Empty the updates of the chat and the person; the updates' numbers stay, so that none is applied twice."""
    paths: list[tuple[str, ...]] = [(kind, "chat", "id") for kind in CHAT_KINDS]
    paths.append(("callback_query", "message", "chat", "id"))
    ours = [_number(*path) == telegram_id for path in paths]
    if user_id is not None:
        ours += [_number(kind, "from", "id") == user_id for kind in ("message", "callback_query", "chat_member")]
        ours.append(_number("chat_member", "new_chat_member", "user", "id") == user_id)
    statement = inbox.update().where(inbox.c.state != NEW, sa.or_(*ours))
    await connection.execute(statement.values(payload={}, chat_id=0))


def _number(*path: str) -> sa.ColumnElement[int]:
    return sa.cast(inbox.c.payload[path].as_string(), sa.BigInteger)
