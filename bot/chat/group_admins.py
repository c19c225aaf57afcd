"""Cache of the status of members of groups, for a minute each."""

from telegram import Bot

from bot.runtime.clock import Clock

LASTS = 60.0  # seconds: for so long somebody who lost their say may still have it
MOST = 10_000


class Members:
    """What people are in groups ("administrator", "member", …), asked once a minute at most."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._known: dict[tuple[int, int], tuple[str, float]] = {}  # (chat, person) → status, and when it was asked

    async def status(self, bot: Bot, chat_id: int, user_id: int) -> str:
        """Return what somebody is in a chat. Raises TelegramError."""
        known = self._known.get((chat_id, user_id))
        now = self.clock.monotonic()
        if known is not None and now - known[1] < LASTS:
            return known[0]
        status = str((await bot.get_chat_member(chat_id, user_id)).status)
        if len(self._known) >= MOST:
            self._known.clear()
        self._known[chat_id, user_id] = (status, now)
        return status

    def forget(self, chat_id: int, user_id: int) -> None:
        """Ask anew next time: Telegram said that something changed."""
        self._known.pop((chat_id, user_id), None)
