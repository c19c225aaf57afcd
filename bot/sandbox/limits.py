"""Telegram's flood limits as far as they are known (core.telegram.org/bots/faq), as a rate limiter."""

import math
from collections import defaultdict, deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FloodLimits:
    """Numbers of messages allowed: per second overall, per second to a person, per minute to a group or channel."""

    per_second: int = 30
    slack: int = 2  # assumed: Telegram allows slightly more than it documents
    paid_per_second: int = 1000  # with allow_paid_broadcast
    paid_slack: int = 30
    person_per_second: float = 1.0
    person_burst: int = 3
    group_per_minute: int = 20


@dataclass(slots=True)
class FloodControl:
    """Counter of accepted messages. `now` is seconds of a monotonic clock; refused messages are not counted."""

    limits: FloodLimits = field(default_factory=FloodLimits)
    _all: deque[float] = field(default_factory=deque)
    _paid: deque[float] = field(default_factory=deque)
    _groups: defaultdict[int, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _people: dict[int, tuple[float, float]] = field(default_factory=dict)  # tokens left, at which time

    def wait(self, now: float, chat_id: int, *, is_private: bool, paid: bool = False) -> int:
        """Return how many whole seconds a message must wait; 0 if it may be sent."""
        overall, most = self._overall(paid=paid)
        waits = [_window_wait(overall, now, 1.0, most)]
        if is_private:
            waits.append(max(0.0, 1 - self._left(now, chat_id)) / self.limits.person_per_second)
        else:
            waits.append(_window_wait(self._groups[chat_id], now, 60.0, self.limits.group_per_minute))
        return math.ceil(max(waits))

    def count(self, now: float, chat_id: int, *, is_private: bool, paid: bool = False) -> None:
        """Count a message that was accepted."""
        self._overall(paid=paid)[0].append(now)
        if is_private:
            self._people[chat_id] = (self._left(now, chat_id) - 1, now)
        else:
            self._groups[chat_id].append(now)

    def _overall(self, *, paid: bool) -> tuple[deque[float], int]:
        if paid:
            return self._paid, self.limits.paid_per_second + self.limits.paid_slack
        return self._all, self.limits.per_second + self.limits.slack

    def _left(self, now: float, chat_id: int) -> float:
        left, at = self._people.get(chat_id, (float(self.limits.person_burst), now))
        return min(self.limits.person_burst, left + (now - at) * self.limits.person_per_second)


def _window_wait(times: deque[float], now: float, seconds: float, most: int) -> float:
    """Return the seconds until the window has room; drop the times that have left it."""
    while times and times[0] <= now - seconds:
        times.popleft()
    return times[len(times) - most] + seconds - now if len(times) >= most else 0.0
