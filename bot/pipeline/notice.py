"""Notice: what the admins should know, once, when it happens."""

from collections.abc import Callable, Collection
from datetime import datetime

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.delivery.telegram import freeze
from bot.locales import Words, words
from bot.models import Message
from bot.storage import chats, deliveries


async def tell_admins(
    connection: AsyncConnection, admins: Collection[int], sentence: Callable[[Words], Markup], now: datetime
) -> None:
    """Owe each admin (by Telegram id) who has spoken to the bot a message: `sentence`, in their language."""
    for admin in sorted(admins):
        chat = await chats.find(connection, admin, 0)
        if chat is not None:
            payload = freeze(Message(sentence(words(chat.locale))))
            await deliveries.add(connection, chat_id=chat.id, kind=deliveries.NOTICE, payload=payload, now=now)
