"""Signs of life of one process: the last success of each part, and the lateness of the event loop."""

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from datetime import timedelta

from bot.runtime.clock import Clock

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0)  # seconds
EVERY = 0.5  # seconds between two measurements of the loop; a float, as asyncio takes it
REMEMBERED = 600  # measurements: five minutes
LONG_BLOCK = 1.0  # seconds for which the loop did nothing else
BLOCK_SHOWN = timedelta(minutes=1)  # long enough to be seen by a check that comes every half minute


class Histogram:
    """Histogram of Prometheus: counts values by the smallest of `bounds` (ascending) that they do not exceed."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)  # the last: above all bounds
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Pulse:
    """Record of the last success of each part of the bot, and of the lateness of its event loop."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.beats: dict[str, float] = {}  # monotonic time of the last success, in seconds
        self.failures: dict[str, int] = {}  # in a row
        self.parked = 0  # updates that nobody could apply, since the start
        self.delays: deque[float] = deque(maxlen=REMEMBERED)  # lateness of the loop, in seconds
        self.lateness = Histogram(BUCKETS)  # the same, since the start
        self.blocked = Histogram(BUCKETS)  # the same, without time spent waiting for a processor
        self.last_block: tuple[float, float] | None = None  # monotonic time of its end, and its length, in seconds

    def beat(self, part: str) -> None:
        """Record that a part did its work."""
        self.beats[part] = self.clock.monotonic()
        self.failures[part] = 0

    def fail(self, part: str) -> None:
        """Record that a part failed."""
        self.failures[part] = self.failures.get(part, 0) + 1

    def since(self, part: str) -> timedelta | None:
        """Return the time since the last beat of a part, or None before its first."""
        at = self.beats.get(part)
        return None if at is None else timedelta(seconds=self.clock.monotonic() - at)

    async def listen(self) -> None:
        """Measure the lateness of the event loop, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            before, starved = loop.time(), _starved()
            await asyncio.sleep(EVERY)
            late = max(0.0, loop.time() - before - EVERY)
            self.delays.append(late)
            self.lateness.add(late)
            self.note_block(max(0.0, late - (_starved() - starved)))

    def note_block(self, seconds: float) -> None:
        """Record for how long the loop was blocked until now; LONG_BLOCK or more is a fault for BLOCK_SHOWN."""
        self.blocked.add(seconds)
        if seconds >= LONG_BLOCK:
            self.last_block = (self.clock.monotonic(), seconds)

    def recent_block(self) -> float | None:
        """Return the length of the last long block, in seconds; None if it ended more than BLOCK_SHOWN ago."""
        if self.last_block is None:
            return None
        ended_at, seconds = self.last_block
        return seconds if self.clock.monotonic() - ended_at < BLOCK_SHOWN.total_seconds() else None


def _starved() -> float:
    """Return the seconds for which this thread was ready to run but had no processor (Linux; else 0).

    The second number of /proc/thread-self/schedstat, in nanoseconds (Linux: Documentation/scheduler/sched-stats.rst).
    """
    try:
        with open("/proc/thread-self/schedstat") as file:  # noqa: PTH123 - twice a second, for ever
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0
