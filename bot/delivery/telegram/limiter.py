"""Who may be sent to now: Telegram's limits, kept a little below.

Telegram allows about 30 messages a second in all, one a second to a chat, 20 a minute to a group or channel (Bots
FAQ, "My bot is hitting limits"); the true numbers are unpublished, so a 429 is obeyed besides, and one that concerns
everybody slows the pace for a while. One sender runs for a bot token, so memory is the right place: what must outlive
a restart (a chat's 429) is in the database.

Messages go at an even pace, and what a busy moment lost is made up for; but no second gets more than its share. That
second is Telegram's: a message counts when it lands there, which is somewhere between its leaving and its answer. So
one on its way always counts, and one that was slower than the fastest counts for as much longer.

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
OVER = 0.02  # more than the pace that may fall into one such second: else nothing lost could be made up for
SPARE = 1  # messages that may be over besides, for what is urgent: the others may have filled the second
LOST = 0.35  # seconds of the pace that are made up for at the most
LEARNING = 3.0  # seconds until the fastest trip seen is taken to be the fastest there is
SLOWER_TRIPS = 0.002  # how much slower, each second in use, the fastest trip is taken to have become
TOGETHER = 10.0  # seconds within which two chats' 429 mean that all of us are too fast
SLOWER = 0.8  # what is left of the pace then
SLOWEST = 0.2
RECOVERY = 600.0  # seconds from nothing to the whole pace


class Limiter:
    """The overall pace and one lane a chat (Telegram's id). Times are seconds of one monotonic clock, passed in."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._flying = 0  # messages without an answer yet
        self._landed: deque[float] = deque()  # when those of the last second were answered
        self._fastest = math.inf  # seconds from leaving to the answer
        self._answered_at = 0.0  # when the last answer came
        self._trusted_from = math.inf  # from when on so many were seen that the fastest is known
        self._next = 0.0  # when the next message would go at an even pace
        self._held_until = 0.0
        self._lanes: dict[int, tuple[float, float]] = {}  # chat → (free again, wholly rested)
        self._ends: list[tuple[float, int]] = []  # a heap: when lanes can be forgotten
        self._busy: dict[int, float] = {}  # those that are not free, and when they will be
        self._last_429: tuple[int, float] | None = None
        self._arrived_since = False  # a message that left after it
        self._slowed = (1.0, 0.0)  # the part of the pace that was left, and when

    def pace(self, now: float) -> float:
        """Return how many messages a second may go now: the whole rate, less for a while after a 429."""
        left, at = self._slowed
        return self.rate * min(1.0, left + max(0.0, now - at) / RECOVERY)

    def available(self, now: float, *, urgent: bool = False) -> int:
        """Return how many messages may be sent at this moment, whoever gets them.

        What is urgent keeps no even pace, and has SPARE places a second to itself.
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
        """Count a message to a chat, about to be sent; `landed` has to follow."""
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
        """Note that a message that was taken is answered, or given up: it counts until a second after it landed."""
        self._flying -= 1
        if arrived:
            slower = SLOWER_TRIPS * min(1.0, now - self._answered_at)
            self._fastest, self._answered_at = min(now - left_at, self._fastest + slower), now
            self._trusted_from = min(self._trusted_from, now + LEARNING)
        self._landed.append(now)
        if arrived and self._last_429 and left_at >= self._last_429[1]:
            self._arrived_since = True

    def _counts_until(self, landed_at: float) -> float:
        """Return until when a message counts that was answered at `landed_at`; it came there that much earlier."""
        return landed_at - (self._fastest if landed_at > self._trusted_from else 0.0) + WINDOW

    def _earliest(self, now: float, pace: float) -> float:
        """Return when the next message would have gone; what was lost long ago is not made up for."""
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
        """Obey a 429: hold this chat; a second chat refused soon after means that all of us are too fast.

        Then the pace goes down; and if nothing arrived between the two, nobody is let through: all wait.
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
        """Return when more may be sent than now: infinity if nobody has to wait, or only for an answer."""
        if now < self._held_until:
            return self._held_until
        if self.available(now) == 0:
            pace = self.pace(now)
            even = self._earliest(now, pace) + 1 / pace
            if even > now:
                return even
            return self._counts_until(self._landed[0]) if self._landed else float("inf")
        return min((free for free in self._busy.values() if free > now), default=float("inf"))
