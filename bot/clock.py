"""The time of day and a clock that never steps back, in one place, so that a test can hold both."""

import time
from datetime import UTC, datetime


class Clock:
    """The machine's clocks. Pure code never sees one: it is passed `now`."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since some fixed moment; only differences mean anything."""
        return time.monotonic()
