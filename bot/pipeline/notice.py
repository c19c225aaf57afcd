"""Notice: messages to the admins about an event, once, when it happens."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.locales import Words, words
from bot.messages.payload import to_payload
from bot.models import Message
from bot.storage import chats, deliveries, sources

KEPT = timedelta(days=1)  # Telegram stores updates that nobody fetched for so long (Bot API, "Getting updates")


async def tell_of_absence(connection: AsyncConnection, admins: Collection[int], now: datetime) -> bool:
    """Notify the admins, at the start, if the bot was away so long that updates may be lost; return whether it did."""
    last = await sources.last_polled(connection)
    if last is None or now - last <= KEPT:
        return False
    await tell_admins(connection, admins, _away, now)
    return True


def _away(words: Words) -> Markup:
    return words.say(
        "I was away for more than a day. Telegram keeps messages no longer: what people wrote before that is lost. "
        "News is not, as far as the feeds still show it."
    )


async def tell_admins(
    connection: AsyncConnection, admins: Collection[int], sentence: Callable[[Words], Markup], now: datetime
) -> None:
    """Add a message to each admin (Telegram ids) whose chat is known: `sentence`, in their language."""
    for admin in sorted(admins):
        chat = await chats.find(connection, admin, 0)
        if chat is not None:
            payload = to_payload(Message(sentence(words(chat.locale))))
            await deliveries.add(connection, chat_id=chat.id, kind=deliveries.NOTICE, payload=payload, now=now)
