"""Group members: a cache of their status, so that Telegram is asked once a minute at most."""

from datetime import timedelta

from telegram import Bot

from bot.runtime.clock import Clock

LASTS = timedelta(minutes=1)  # for so long, a person who is no admin any more may still pass as one
MOST = 10_000  # entries; then the cache is emptied


class Members:
    """Cache of the status of people in groups: "administrator", "member", … (Bot API, `ChatMember`)."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._known: dict[tuple[int, int], tuple[str, float]] = {}  # (chat, person) → status, and when it was fetched

    async def status(self, bot: Bot, chat_id: int, user_id: int) -> str:
        """Return the status of a person in a chat. Raises TelegramError."""
        known = self._known.get((chat_id, user_id))
        now = self.clock.monotonic()
        if known is not None and now - known[1] < LASTS.total_seconds():
            return known[0]
        status = str((await bot.get_chat_member(chat_id, user_id)).status)
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[chat_id, user_id] = (status, now)
        return status

    def forget(self, chat_id: int, user_id: int) -> None:
        """Drop the status of a person, as Telegram reported a change of it."""
        self._known.pop((chat_id, user_id), None)
