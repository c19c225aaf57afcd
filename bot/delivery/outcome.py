"""The outcome of an attempt to send: what happens next to a delivery whose attempt failed."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Verdict(StrEnum):
    """The next step for a delivery whose attempt failed."""

    RETRY = "retry"  # it surely did not arrive
    WAIT = "wait"  # 429: Telegram says how long
    UNCERTAIN = "uncertain"  # it may have arrived
    PLAIN = "plain"  # its markup was refused: once more as plain text
    UNREACHABLE = "unreachable"  # the chat blocked the bot, or is gone
    MIGRATED = "migrated"  # the group became a supergroup
    STOP = "stop"  # the token is refused: nothing can be sent
    GONE = "gone"  # the message to edit is deleted, or too old
    DEAD = "dead"  # it can never arrive


@dataclass(frozen=True, slots=True)
class Outcome:
    """A verdict with its reason; `retry_after` belongs to WAIT, `new_chat_id` to MIGRATED."""

    verdict: Verdict
    reason: str
    retry_after: timedelta = timedelta()
    new_chat_id: int = 0
