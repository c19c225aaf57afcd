"""Who may be sent to now: Telegram's limits, kept a little below.

Telegram allows about 30 messages a second in all, one a second to a chat, 20 a minute to a group or channel (Bots
FAQ, "My bot is hitting limits"); the true numbers are unpublished, so a 429 is obeyed besides, and one that concerns
everybody slows the pace for a while. One sender runs for a bot token, so memory is the right place: what must outlive
a restart (a chat's 429) is in the database.

python-telegram-bot's own `AIORateLimiter` has no lane for a private chat, lifts a pause early (its issue #5338) and
lets two seconds' worth through at its start.
"""

import math
from collections import deque
from collections.abc import Set as AbstractSet

PRIVATE_INTERVAL = 1.05  # seconds between two messages to one private chat
GROUP_INTERVAL = 60 / 18  # the same for a group or channel
CHAT_BURST = 2  # messages to one chat that may follow each other at once, after a rest: an answer and an alert
BURST = 2  # the same for all chats together
BURST_SECONDS = 0.1  # or as much as this holds, to make up for a moment lost; no second gets more than its share
WINDOW = 1.0  # seconds in which Telegram counts
LATE = 0.1  # seconds on the way after which a message counts again when its answer is there
TOGETHER = 10.0  # seconds within which two chats' 429 mean that all of us are too fast
SLOWER = 0.8  # what is left of the pace then
SLOWEST = 0.2
RECOVERY = 600.0  # seconds from nothing to the whole pace


class Limiter:
    """The overall pace and one lane a chat (Telegram's id). Times are seconds of one monotonic clock, passed in."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.burst = max(BURST, math.ceil(rate * BURST_SECONDS))
        self._recent: deque[float] = deque()  # when the messages of the last second went
        self._next = 0.0  # when the next message would go at an even pace
        self._held_until = 0.0
        self._lanes: dict[int, tuple[float, float]] = {}  # chat → (free again, wholly rested)
        self._last_429: tuple[int, float] | None = None
        self._slowed = (1.0, 0.0)  # the part of the pace that was left, and when

    def pace(self, now: float) -> float:
        """Return how many messages a second may go now: the whole rate, less for a while after a 429."""
        left, at = self._slowed
        return self.rate * min(1.0, left + max(0.0, now - at) / RECOVERY)

    def available(self, now: float) -> int:
        """Return how many messages may be sent at this moment, whoever gets them."""
        if now < self._held_until:
            return 0
        pace = self.pace(now)
        while self._recent and self._recent[0] <= now - WINDOW:
            self._recent.popleft()
        left = int(pace * WINDOW) + 1 - len(self._recent)
        return max(0, min(left, int((now - self._earliest(now, pace)) * pace + 1e-9)))

    def take(self, chat_id: int, *, group: bool, now: float) -> None:
        """Count a message to a chat, about to be sent."""
        pace = self.pace(now)
        self._next = self._earliest(now, pace) + 1 / pace
        self._recent.append(now)
        interval = GROUP_INTERVAL if group else PRIVATE_INTERVAL
        free, rested = self._lanes.get(chat_id, (now, now))
        rested = max(rested, now) + interval
        self._lanes[chat_id] = max(free, rested - (CHAT_BURST - 1) * interval), rested

    def landed(self, left_at: float, now: float) -> None:
        """Note that a message is answered: one that was long on its way may have been counted by Telegram only now."""
        if now - left_at > LATE:
            self._recent.append(now)

    def _earliest(self, now: float, pace: float) -> float:
        """Return when the next message would go; what was not used long ago is lost."""
        return max(self._next, now - self.burst / pace)

    def busy(self, now: float) -> AbstractSet[int]:
        """Return the chats that must not be sent to yet. Memory stays at the chats of the last few seconds."""
        self._lanes = {chat_id: lane for chat_id, lane in self._lanes.items() if max(lane) > now}
        return {chat_id for chat_id, (free, _) in self._lanes.items() if free > now}

    def refused(self, chat_id: int, seconds: float, now: float) -> None:
        """Obey a 429: hold this chat; a second chat refused soon after means all of us are too fast."""
        free, rested = self._lanes.get(chat_id, (now, now))
        self._lanes[chat_id] = max(free, now + seconds), rested
        if self._last_429 and self._last_429[0] != chat_id and now - self._last_429[1] < TOGETHER:
            self.hold_all(seconds, now)
            self._slowed = max(SLOWEST, self.pace(now) / self.rate * SLOWER), now
        self._last_429 = (chat_id, now)

    def hold_all(self, seconds: float, now: float) -> None:
        """Send nothing for a while."""
        self._held_until = max(self._held_until, now + seconds)

    def next_at(self, now: float) -> float:
        """Return when more may be sent than now: infinity if nobody has to wait."""
        if now < self._held_until:
            return self._held_until
        if self.available(now) == 0:
            pace = self.pace(now)
            even = self._earliest(now, pace) + 1 / pace
            return even if even > now else self._recent[0] + WINDOW
        return min((free for free, _ in self._lanes.values() if free > now), default=float("inf"))
