"""Limiter: decides which chats may be sent to now, a little below Telegram's limits.

Telegram allows about 30 messages a second in all, one a second to a chat, 20 a minute to a group or channel (Bots
FAQ, "My bot is hitting limits"); the true numbers are unpublished, so a 429 is obeyed besides, and one that concerns
all chats slows the pace for a while. A bot token has one sender, so the state is in memory; a chat's 429, which must
outlive a restart, is in the database.

Messages leave at an even pace. Places that a busy moment lost are used later, but no second gets more than its share.
The second is Telegram's: a message counts when it lands there, at some moment between its departure and its answer. So
a message on its way always counts, and a message slower than the fastest counts for that much longer.

python-telegram-bot's own `AIORateLimiter` has no lane for a private chat, lifts a pause early (its issue #5338) and
lets two seconds' worth through at its start.
"""

import heapq
import math
from collections import deque
from collections.abc import Set as AbstractSet

PRIVATE_INTERVAL = 1.05  # seconds between two messages to one private chat
GROUP_INTERVAL = 60 / 18  # the same for a group or channel
CHAT_BURST = 2  # messages to one chat that may follow each other at once, after a rest: an answer and an alert
WINDOW = 1.01  # seconds: the one in which Telegram counts, and a hair
OVER = 0.02  # more than the pace that may fall into one such second, so that lost places can be used
SPARE = 1  # urgent messages that may exceed the pace: the others may have filled the second
LOST = 0.35  # seconds of lost pace that are used later, at most
LEARNING = 3.0  # seconds until the fastest trip seen is taken to be the fastest there is
SLOWER_TRIPS = 0.002  # how much slower, each second in use, the fastest trip is taken to have become
TOGETHER = 10.0  # seconds within which the 429s of two chats mean that the whole bot is too fast
SLOWER = 0.8  # the part of the pace that is left then
SLOWEST = 0.2
RECOVERY = 600.0  # seconds from nothing to the whole pace


class Limiter:
    """The overall pace and one lane a chat (Telegram's id). Times are seconds of one monotonic clock, passed in."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._flying = 0  # messages without an answer yet
        self._landed: deque[float] = deque()  # times of the answers of the last second
        self._fastest = math.inf  # seconds from leaving to the answer
        self._answered_at = 0.0  # when the last answer came
        self._trusted_from = math.inf  # the time from which on `_fastest` is reliable
        self._next = 0.0  # when the next message would go at an even pace
        self._held_until = 0.0
        self._lanes: dict[int, tuple[float, float]] = {}  # chat → (free again, wholly rested)
        self._ends: list[tuple[float, int]] = []  # a heap: when lanes can be forgotten
        self._busy: dict[int, float] = {}  # those that are not free, and when they will be
        self._last_429: tuple[int, float] | None = None
        self._arrived_since = False  # whether a message that left after it arrived
        self._slowed = (1.0, 0.0)  # the part of the pace that was left, and when

    def pace(self, now: float) -> float:
        """Return the messages per second allowed now: the whole rate, less for a while after a 429."""
        left, at = self._slowed
        return self.rate * min(1.0, left + max(0.0, now - at) / RECOVERY)

    def available(self, now: float, *, urgent: bool = False) -> int:
        """Return the number of messages that may be sent at this moment, to any chats.

        Urgent messages need not keep an even pace, and have SPARE places a second of their own.
        """
        if now < self._held_until:
            return 0
        pace = self.pace(now)
        while self._landed and self._counts_until(self._landed[0]) <= now:
            self._landed.popleft()
        left = math.ceil(pace * (1 + OVER)) - self._flying - len(self._landed)
        if urgent:
            return max(0, left + SPARE)
        return max(0, min(left, int((now - self._earliest(now, pace)) * pace + 1e-9)))

    def take(self, chat_id: int, *, group: bool, now: float) -> None:
        """Count a message that is about to be sent to a chat; `landed` must follow."""
        pace = self.pace(now)
        self._next = self._earliest(now, pace) + 1 / pace
        self._flying += 1
        interval = GROUP_INTERVAL if group else PRIVATE_INTERVAL
        free, rested = self._lanes.get(chat_id, (now, now))
        rested = max(rested, now) + interval
        self._set_lane(chat_id, max(free, rested - (CHAT_BURST - 1) * interval), rested, now)

    def _set_lane(self, chat_id: int, free: float, rested: float, now: float) -> None:
        self._lanes[chat_id] = free, rested
        heapq.heappush(self._ends, (max(free, rested), chat_id))
        if free > now:
            self._busy[chat_id] = free

    def landed(self, left_at: float, now: float, *, arrived: bool) -> None:
        """Record that a counted message was answered or given up: it counts until a second after it landed."""
        self._flying -= 1
        if arrived:
            slower = SLOWER_TRIPS * min(1.0, now - self._answered_at)
            self._fastest, self._answered_at = min(now - left_at, self._fastest + slower), now
            self._trusted_from = min(self._trusted_from, now + LEARNING)
        self._landed.append(now)
        if arrived and self._last_429 and left_at >= self._last_429[1]:
            self._arrived_since = True

    def _counts_until(self, landed_at: float) -> float:
        """Return the time until which a message answered at `landed_at` counts; it landed up to `_fastest` earlier."""
        return landed_at - (self._fastest if landed_at > self._trusted_from else 0.0) + WINDOW

    def _earliest(self, now: float, pace: float) -> float:
        """Return when the next message would have left; places lost long ago are not used."""
        return max(self._next, now - max(LOST, 1 / pace))

    def busy(self, now: float) -> AbstractSet[int]:
        """Return the chats that must not be sent to yet. Memory stays at the chats of the last few seconds."""
        while self._ends and self._ends[0][0] <= now:
            _, chat_id = heapq.heappop(self._ends)
            if max(self._lanes.get(chat_id, (0.0, 0.0))) <= now:
                self._lanes.pop(chat_id, None)
        self._busy = {chat_id: free for chat_id, free in self._busy.items() if free > now}
        return self._busy.keys()

    def refused(self, chat_id: int, seconds: float, now: float) -> None:
        """Obey a 429: hold this chat. If another chat got one shortly before, the whole bot is too fast.

        Then the pace goes down, and if no message arrived between the two, all chats wait.
        """
        free, rested = self._lanes.get(chat_id, (now, now))
        self._set_lane(chat_id, max(free, now + seconds), rested, now)
        if self._last_429 and self._last_429[0] != chat_id and now - self._last_429[1] < TOGETHER:
            self._slowed = max(SLOWEST, self.pace(now) / self.rate * SLOWER), now
            if not self._arrived_since:
                self.hold_all(seconds, now)
        self._last_429, self._arrived_since = (chat_id, now), False

    def hold_all(self, seconds: float, now: float) -> None:
        """Send nothing for a while."""
        self._held_until = max(self._held_until, now + seconds)

    def next_at(self, now: float) -> float:
        """Return when more messages may be sent than now; infinity if nothing waits, or only for an answer."""
        if now < self._held_until:
            return self._held_until
        if self.available(now) == 0:
            pace = self.pace(now)
            even = self._earliest(now, pace) + 1 / pace
            if even > now:
                return even
            return self._counts_until(self._landed[0]) if self._landed else float("inf")
        return min((free for free in self._busy.values() if free > now), default=float("inf"))
