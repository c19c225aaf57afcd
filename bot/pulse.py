"""Signs of life of one process: when each part last did its work, and how late the event loop runs."""

import asyncio
from collections import deque

from bot.clock import Clock

EVERY = 0.5  # seconds between two looks at the loop
REMEMBERED = 600  # looks: five minutes


class Pulse:
    """Beats with the parts of the bot. Times are seconds of the clock's monotonic time."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.beats: dict[str, float] = {}
        self.failures: dict[str, int] = {}  # in a row
        self.delays: deque[float] = deque(maxlen=REMEMBERED)  # how late the loop was, in seconds

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
            before = loop.time()
            await asyncio.sleep(EVERY)
            self.delays.append(max(0.0, loop.time() - before - EVERY))
