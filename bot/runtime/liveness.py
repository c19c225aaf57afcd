"""Signs of life of one process: when each part last did its work, and how late the event loop runs."""

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

from bot.runtime.clock import Clock

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0)  # seconds
EVERY = 0.5  # seconds between two looks at the loop
REMEMBERED = 600  # looks: five minutes


class Histogram:
    """Counts values by the smallest of `bounds` that they do not exceed; they can be added up over many runs."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)  # the last: beyond all bounds
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Pulse:
    """Beats with the parts of the bot. Times are seconds of the clock's monotonic time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.beats: dict[str, float] = {}
        self.failures: dict[str, int] = {}  # in a row
        self.delays: deque[float] = deque(maxlen=REMEMBERED)  # how late the loop was, in seconds
        self.lateness = Histogram(BUCKETS)  # the same, since the start
        self.blocked = Histogram(BUCKETS)  # the same, without what it waited for a processor that others had

    def beat(self, part: str) -> None:
        """Note that a part did its work."""
        self.beats[part] = self.clock.monotonic()
        self.failures[part] = 0

    def fail(self, part: str) -> None:
        """Note that a part could not do its work."""
        self.failures[part] = self.failures.get(part, 0) + 1

    def since(self, part: str) -> float | None:
        """Return for how many seconds a part has been silent, or None if it was never heard."""
        at = self.beats.get(part)
        return None if at is None else self.clock.monotonic() - at

    async def listen(self) -> None:
        """Measure how late the loop runs, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            before, starved = loop.time(), _starved()
            await asyncio.sleep(EVERY)
            late = max(0.0, loop.time() - before - EVERY)
            self.delays.append(late)
            self.lateness.add(late)
            self.blocked.add(max(0.0, late - (_starved() - starved)))


def _starved() -> float:
    """Return for how many seconds this thread has been ready to run while others had the processors (Linux; else 0).

    The second number of /proc/thread-self/schedstat, in nanoseconds (Linux: Documentation/scheduler/sched-stats.rst).
    """
    try:
        with open("/proc/thread-self/schedstat") as file:  # noqa: PTH123 - twice a second, for ever
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0
