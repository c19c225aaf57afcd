"""Who may be sent to now: Telegram's limits, kept a little below.

Telegram allows about 30 messages a second in all, one a second to a chat, 20 a minute to a group or channel (Bots
FAQ, "My bot is hitting limits"); the true numbers are unpublished, so a 429 is obeyed besides. One sender runs for a
bot token, so memory is the right place: what must outlive a restart (a chat's 429) is in the database.

python-telegram-bot's own `AIORateLimiter` has no lane for a private chat, lifts a pause early (its issue #5338) and
lets two seconds' worth through at its start.
"""

from collections.abc import Set as AbstractSet

PRIVATE_INTERVAL = 1.05  # seconds between two messages to one private chat
GROUP_INTERVAL = 60 / 18  # the same for a group or channel
BURST = 2  # messages that may follow each other at once


class Limiter:
    """The overall pace and one lane a chat. Times are seconds of one monotonic clock, passed in."""

    def __init__(self, rate: float) -> None:
        self.interval = 1 / rate
        self._next = 0.0  # when the next message would go at an even pace
        self._held_until = 0.0
        self._lanes: dict[int, float] = {}  # chat → when it may be sent to again
        self._last_429: tuple[int, float] | None = None

    def available(self, now: float) -> int:
        """Return how many messages may be sent at this moment, whoever gets them."""
        if now < self._held_until:
            return 0
        return max(0, int((now - max(self._next, now - BURST * self.interval)) / self.interval + 1e-9))

    def take(self, chat_id: int, *, group: bool, now: float) -> None:
        """Count a message to a chat, about to be sent."""
        self._next = max(self._next, now - BURST * self.interval) + self.interval
        self._lanes[chat_id] = now + (GROUP_INTERVAL if group else PRIVATE_INTERVAL)

    def busy(self, now: float) -> AbstractSet[int]:
        """Return the chats that must not be sent to yet. Memory stays at the chats of the last few seconds."""
        self._lanes = {chat_id: at for chat_id, at in self._lanes.items() if at > now}
        return self._lanes.keys()

    def refused(self, chat_id: int, seconds: float, now: float) -> None:
        """Obey a 429: hold this chat; a second chat refused within ten seconds means all of us are too fast."""
        self._lanes[chat_id] = max(self._lanes.get(chat_id, 0.0), now + seconds)
        if self._last_429 and self._last_429[0] != chat_id and now - self._last_429[1] < 10:
            self._held_until = max(self._held_until, now + seconds)
        self._last_429 = (chat_id, now)

    def hold_all(self, seconds: float, now: float) -> None:
        """Send nothing for a while."""
        self._held_until = max(self._held_until, now + seconds)

    def next_at(self, now: float) -> float:
        """Return when more may be sent than now: infinity if nobody has to wait."""
        if now < self._held_until:
            return self._held_until
        if self.available(now) == 0:
            return now + self.interval
        return min((at for at in self._lanes.values() if at > now), default=float("inf"))
