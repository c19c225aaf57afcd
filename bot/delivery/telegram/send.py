"""Send: the one module that sends a payload to a chat of Telegram."""

import contextlib
from collections.abc import Iterator
from typing import Any

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, InputFile, LinkPreviewOptions
from telegram.constants import ParseMode
from telegram.error import BadRequest

from bot.delivery.telegram.client import TelegramBot
from bot.messages.payload import BotMethod, EditPayload, FilePayload, Payload, Rows, TextPayload

RESENT = "↻ "  # before a message that may be a second copy
NOT_MODIFIED = "message is not modified"  # the refusal of an edit that changes nothing


async def send(
    bot: TelegramBot,
    telegram_id: int,
    payload: Payload,
    *,
    thread_id: int = 0,
    message_id: int = 0,
    again: bool = False,
    paid: bool = False,
) -> int:
    """Send a payload and return its message's Telegram id, for an edit the given `message_id`.

    `again` marks a message that may be a second copy; an edit makes none. Raises the errors of python-telegram-bot,
    which `bot.delivery.telegram.errors.outcome` classifies.
    """
    match payload:
        case TextPayload():
            return await _send_text(bot, telegram_id, payload, thread_id, again=again, paid=paid)
        case FilePayload():
            return await _send_file(bot, telegram_id, payload, thread_id, again=again, paid=paid)
        case EditPayload():
            await _edit_text(bot, telegram_id, payload, message_id)
            return message_id


async def _send_text(
    bot: TelegramBot, telegram_id: int, payload: TextPayload, thread_id: int, *, again: bool, paid: bool
) -> int:
    arguments: dict[str, Any] = {
        "chat_id": telegram_id,
        "text": _marked(payload, again=again),
        "parse_mode": _parse_mode(payload),
        "message_thread_id": thread_id or None,
        "reply_markup": keyboard(payload.buttons),
        "disable_notification": True if payload.silent else None,
        "link_preview_options": {"is_disabled": True},
        "allow_paid_broadcast": True if paid else None,
    }
    if payload.reply_to is not None:
        arguments["reply_parameters"] = {"message_id": payload.reply_to, "allow_sending_without_reply": True}
    sent = await bot.call("sendMessage", arguments)
    return int(sent["message_id"])


async def _send_file(
    bot: TelegramBot, telegram_id: int, payload: FilePayload, thread_id: int, *, again: bool, paid: bool
) -> int:
    method = bot.send_photo if payload.method is BotMethod.SEND_PHOTO else bot.send_document
    sent = await method(
        telegram_id,
        InputFile(payload.content, payload.name),
        caption=_marked(payload, again=again),
        parse_mode=_parse_mode(payload),
        message_thread_id=thread_id or None,
        reply_markup=keyboard(payload.buttons),
        allow_paid_broadcast=True if paid else None,
    )
    return sent.message_id


async def _edit_text(bot: TelegramBot, telegram_id: int, payload: EditPayload, message_id: int) -> None:
    with _unchanged_accepted():
        await bot.edit_message_text(
            payload.text,
            telegram_id,
            message_id,
            parse_mode=_parse_mode(payload),
            reply_markup=keyboard(payload.buttons),
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        )


@contextlib.contextmanager
def _unchanged_accepted() -> Iterator[None]:
    """Accept the refusal of an edit whose text is there already: an earlier try of it arrived."""
    try:
        yield
    except BadRequest as error:
        if NOT_MODIFIED not in error.message.casefold():
            raise


def _marked(payload: Payload, *, again: bool) -> str:
    return RESENT + payload.text if again else payload.text


def _parse_mode(payload: Payload) -> ParseMode | None:
    return None if payload.plain else ParseMode.HTML


def keyboard(rows: Rows) -> InlineKeyboardMarkup | None:
    """Return the buttons as Telegram takes them, or None where there are none."""
    if not rows:
        return None
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(button.label, callback_data=button.data, url=button.url) for button in row]
            for row in rows
        ]
    )
