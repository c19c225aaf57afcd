"""Circuit breaker: stops sending while too many outcomes are in doubt, or an outage would double every message."""

from collections import deque

WINDOW = 50  # sends looked back on
ENOUGH = 10  # fewer sends than this never open it
LIMIT = 0.2
PAUSE = 120.0  # seconds
UNLIMITED = 1_000_000


class Breaker:
    """Counts the doubtful outcomes among the last sends. Times are seconds of one monotonic clock, passed in.

    Closed, everything goes. Open, nothing does. When the pause is over one message is tried at a time: the first that
    arrives closes it, one more in doubt opens it again.
    """

    def __init__(self) -> None:
        self._doubtful: deque[bool] = deque(maxlen=WINDOW)
        self._trying = False
        self.open_until = 0.0

    def record(self, *, doubtful: bool, now: float) -> None:
        """Count a send; opens when more than a fifth of the last ones are in doubt."""
        if self._trying and now >= self.open_until:
            self._trying = False
            if doubtful:
                self._open(now)
            return
        self._doubtful.append(doubtful)
        if len(self._doubtful) >= ENOUGH and sum(self._doubtful) > LIMIT * len(self._doubtful):
            self._open(now)

    def _open(self, now: float) -> None:
        self.open_until = now + PAUSE
        self._trying = True
        self._doubtful.clear()

    def is_open(self, now: float) -> bool:
        """Whether sending has to wait."""
        return now < self.open_until

    def allowed(self, now: float) -> int:
        """Return how many messages may be in flight: none, one to try with, or as many as there is room for."""
        if self.is_open(now):
            return 0
        return 1 if self._trying else UNLIMITED
