"""The only module that sends: a frozen payload, to a chat."""

from collections.abc import Mapping
from typing import Any

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, InputFile
from telegram.constants import ParseMode

RESENT = "↻ "  # before a message that may be a second copy


async def send(
    bot: Bot,
    telegram_id: int,
    payload: Mapping[str, Any],
    *,
    thread_id: int = 0,
    again: bool = False,
    paid: bool = False,
) -> int:
    """Send a payload and return the message's id. Raises what python-telegram-bot raises: see `outcome`."""
    text = RESENT + payload["text"] if again else payload["text"]
    if "file" in payload:
        return await _send_file(bot, telegram_id, payload, text, thread_id)
    asked = {
        "chat_id": telegram_id,
        "text": text,
        "parse_mode": None if payload.get("plain") else ParseMode.HTML,
        "message_thread_id": thread_id or None,
        "reply_markup": keyboard(payload.get("buttons", ())),
        "disable_notification": True if payload.get("silent") else None,
        "link_preview_options": {"is_disabled": True},
        "allow_paid_broadcast": True if paid else None,
    }
    if "reply_to" in payload:
        asked["reply_parameters"] = {"message_id": payload["reply_to"], "allow_sending_without_reply": True}
    # `send_message` would read the whole answer, which takes as long as all the rest, and of which the id is enough.
    sent = await bot.do_api_request("SendMessage", api_kwargs=asked)
    return int(sent["message_id"])


async def _send_file(bot: Bot, telegram_id: int, payload: Mapping[str, Any], caption: str, thread_id: int) -> int:
    sent = await bot.send_document(
        telegram_id,
        InputFile(payload["file"]["content"].encode(), payload["file"]["name"]),
        caption=caption,
        parse_mode=None if payload.get("plain") else ParseMode.HTML,
        message_thread_id=thread_id or None,
    )
    return sent.message_id


def keyboard(rows: Any) -> InlineKeyboardMarkup | None:
    """Return the buttons as Telegram takes them, or None where there are none."""
    if not rows:
        return None
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(one["label"], callback_data=one.get("data"), url=one.get("url")) for one in row]
            for row in rows
        ]
    )
