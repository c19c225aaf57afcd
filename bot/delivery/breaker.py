"""Stops sending while too much of it is in doubt: an outage must not send everybody everything twice."""

from collections import deque

WINDOW = 50  # sends looked back on
ENOUGH = 10  # fewer than this tell nothing
LIMIT = 0.2
PAUSE = 120.0  # seconds


class Breaker:
    """Remembers how the last sends ended. Times are seconds of one monotonic clock, passed in."""

    def __init__(self) -> None:
        self._doubtful: deque[bool] = deque(maxlen=WINDOW)
        self.open_until = 0.0

    def record(self, *, doubtful: bool, now: float) -> None:
        """Count a send; opens when more than a fifth of the last ones are in doubt."""
        self._doubtful.append(doubtful)
        if len(self._doubtful) >= ENOUGH and sum(self._doubtful) > LIMIT * len(self._doubtful):
            self.open_until = now + PAUSE
            self._doubtful.clear()

    def is_open(self, now: float) -> bool:
        """Say whether sending has to wait."""
        return now < self.open_until
