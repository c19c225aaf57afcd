"""Errors: classifies the exceptions of a send as outcomes, in one table with a default for unknown ones.

The class of python-telegram-bot's error does not suffice: it raises `NetworkError` both for what never left and for
what may have arrived. The cause tells them apart (`bot.delivery.telegram.http` chains aiohttp's).
"""

from datetime import timedelta

import aiohttp
from telegram.error import (
    BadRequest,
    ChatMigrated,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from bot.delivery.outcome import Outcome, Verdict

# Telegram answers some refusals of the chat itself with 400, some of them in the words of its own protocol.
UNREACHABLE = (
    "chat not found",
    "chat_write_forbidden",
    "chat_admin_required",
    "chat_forbidden",
    "chat_send_plain_forbidden",
    "user is deactivated",
    "input_user_deactivated",
    "user_is_blocked",
    "user_banned_in_channel",
    "user not found",
    "peer_id_invalid",
    "not enough rights",
    "have no rights to send",
    "need administrator rights",
    "group chat was deactivated",
    "chat_restricted",
    "topic_closed",
    "topic_deleted",
    "message thread not found",
    "bot was kicked",
    "channel_private",
)
# An edit's message was deleted, is too old (Bot API, editMessageText), or is none of text.
GONE = ("message to edit not found", "message can't be edited", "message_id_invalid", "no text in the message to edit")
# What aiohttp raises before the first byte of the request is written.
NEVER_LEFT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)

# What python-telegram-bot raises, from wherever it stumbles, over an answer 200 that is not what Telegram promises.
ODD_ANSWER = (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError, RecursionError)


def outcome(error: Exception) -> Outcome:
    """Return the outcome of a failed attempt. After an unknown exception the message may have arrived."""
    match error:
        case RetryAfter():
            wait = error.retry_after
            wait = wait if isinstance(wait, timedelta) else timedelta(seconds=wait)
            return Outcome(Verdict.WAIT, "Telegram asked to wait", retry_after=max(wait, timedelta(seconds=1)))
        case ChatMigrated():
            return Outcome(Verdict.MIGRATED, "the group became a supergroup", new_chat_id=error.new_chat_id)
        case Forbidden():
            return Outcome(Verdict.UNREACHABLE, error.message)
        case InvalidToken() | EndPointNotFound():  # 401 and 404
            return Outcome(Verdict.STOP, "Telegram refused the token")  # its own message holds the token
        case BadRequest():  # before NetworkError, from which it derives
            return _refused(error.message)
        case NetworkError():
            return _lost(error)
        case TelegramError():
            return Outcome(Verdict.UNCERTAIN, error.message)
    return Outcome(Verdict.UNCERTAIN, f"{type(error).__name__} while reading the answer")


def _refused(message: str) -> Outcome:
    lowered = message.lower()
    if "can't parse entities" in lowered:
        return Outcome(Verdict.PLAIN, message)
    if any(words in lowered for words in UNREACHABLE):
        return Outcome(Verdict.UNREACHABLE, message)
    if any(words in lowered for words in GONE):
        return Outcome(Verdict.GONE, message)
    return Outcome(Verdict.DEAD, message)


def _lost(error: NetworkError) -> Outcome:
    cause = error.__cause__
    if isinstance(cause, UnicodeEncodeError):
        return Outcome(Verdict.DEAD, "bad text")
    if isinstance(cause, NEVER_LEFT):
        return Outcome(Verdict.RETRY, f"not sent: {type(cause).__name__}")
    if error.message.endswith("(413)"):  # python-telegram-bot writes the status of an answer it has no class for
        return Outcome(Verdict.DEAD, "too large")
    return Outcome(Verdict.UNCERTAIN, f"no answer: {type(cause).__name__}" if cause else error.message)
