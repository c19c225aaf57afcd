"""Held news: a chat that had its alerts of the hour is told, in one message, how much waits; it grows by edits.

Nothing is silent: without it, a chat that reached the cap would look as if there were no more news.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.locales import words
from bot.messages.held import HeldNews, held_message
from bot.messages.payload import edit, to_payload
from bot.messages.signing import Signer
from bot.storage import alerts, chats, deliveries, hits
from bot.storage.chats import Chat

HOUR = timedelta(hours=1)
EDIT_EVERY = timedelta(minutes=1)


async def note_held(
    connection: AsyncConnection, chat_ids: Collection[int], now: datetime, signer: Signer, *, per_hour: int
) -> None:
    """Say to each of these chats how much is held for it: in one message an hour, which is edited as it grows."""
    for chat in (await chats.get_all(connection, chat_ids)).values():
        await _note(connection, chat, now, signer, per_hour)


async def held_news(connection: AsyncConnection, chat: Chat, now: datetime) -> list[HeldNews]:
    """Return what waits for a chat's instant subscriptions and was left out of alerts, the most first."""
    rows = await hits.held(connection, chat.id, now)
    return [HeldNews(subscription_id, label, stories) for subscription_id, label, stories in rows]


async def _note(connection: AsyncConnection, chat: Chat, now: datetime, signer: Signer, per_hour: int) -> None:
    held = await held_news(connection, chat, now)
    if not held:
        return
    message = held_message(held, words(chat.locale), alerts=per_hour, has_buttons=chat.kind != "channel")
    signed = signer.sign_buttons(chat.id, message)
    known = await alerts.last_held(connection, chat.id, now - HOUR)
    if known is None:
        payload = to_payload(signed, silent=True)
        await deliveries.add(connection, chat_id=chat.id, kind=deliveries.HELD, payload=payload, now=now, lasts=HOUR)
        return
    delivery_id, made_at = known
    minutes = (now - made_at) // EDIT_EVERY + 1
    await deliveries.add_edit(
        connection,
        edits=delivery_id,
        payload=edit(signed).to_json(),
        now=now,
        not_before=made_at + minutes * EDIT_EVERY,
        lasts=HOUR,
    )
