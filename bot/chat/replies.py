"""Replies: the answers to a request, written to the outbox in its transaction, so that both commit or neither does.

Not here: news, which the steps of `bot.pipeline` write, and the edit of a button's message (`bot.chat.buttons`).
"""

import contextlib
from datetime import timedelta

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection
from telegram.constants import ChatAction
from telegram.error import TelegramError

from bot.chat.request import Request
from bot.messages.limits import split
from bot.messages.payload import document, to_payload
from bot.models import Button, Message
from bot.storage import deliveries

REPLIES_LAST = timedelta(minutes=10)  # an answer that is later is no use to anybody


async def reply(
    request: Request, connection: AsyncConnection, text: Markup, buttons: tuple[tuple[Button, ...], ...] = ()
) -> None:
    """Reply to the chat, in several messages if the text is long; in a group, to the message that asked.

    The buttons are signed for the chat and go under the last message.
    """
    message = request.update.effective_message
    reply_to = message.message_id if message is not None and not request.is_private else None
    parts = split(text)
    for number, part in enumerate(parts, start=1):
        shown = Message(part, buttons if number == len(parts) else ())
        await deliveries.add(
            connection,
            chat_id=request.chat.id,
            kind=deliveries.REPLY,
            payload=to_payload(request.services.signer.sign_buttons(request.chat.id, shown), reply_to=reply_to),
            now=request.now,
            lasts=REPLIES_LAST,
        )


async def reply_message(request: Request, connection: AsyncConnection, message: Message) -> None:
    """Reply with a text and its buttons."""
    await reply(request, connection, message.text, message.buttons)


async def reply_file(request: Request, connection: AsyncConnection, name: str, content: str, caption: Markup) -> None:
    """Reply with a document; `content` is stored as UTF-8."""
    payload = document(name, content.encode(), caption)
    await deliveries.add(
        connection,
        chat_id=request.chat.id,
        kind=deliveries.REPLY,
        payload=payload.to_json(),
        file=payload.content,
        now=request.now,
        lasts=REPLIES_LAST,
    )


async def show_typing(request: Request) -> None:
    """Show "typing…" for five seconds, or until a reply arrives. Sent at once, without the outbox; best effort."""
    with contextlib.suppress(TelegramError):
        await request.bot.send_chat_action(
            request.chat.telegram_id, ChatAction.TYPING, message_thread_id=request.chat.thread_id or None
        )
