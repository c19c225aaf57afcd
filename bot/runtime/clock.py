"""The time of day and a clock that never steps back, in one place, so that a test can hold both."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.errors import ConfigError
from bot.runtime.failpoints import is_sandbox


class Clock:
    """The machine's clocks. Pure code never sees one: it is passed `now`."""

    def now(self) -> datetime:
        """Return the time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since some fixed moment; only differences mean anything."""
        return time.monotonic()


WRITTEN = datetime(2026, 11, 1, tzinfo=UTC)  # this program; no clock that is right shows an earlier time


def refuse_impossible(now: datetime) -> None:
    """Raise ConfigError for a time before this program was written: all it would date then would be wrong."""
    if now < WRITTEN:
        shown = f"{now:%Y-%m-%d %H:%M} UTC"
        raise ConfigError([f"the clock of this machine shows {shown}, before this program was written; set it first"])


VARIABLE = "WATCHWORD_CLOCK"


class SetClock(Clock):
    """A clock that `make chaos` sets while the program runs, by writing a file.

    The file holds {"real": …, "shown": …, "speed": …}: at the moment `real` (seconds since the epoch) it shows `shown`,
    and from there goes `speed` times as fast. Only the time of day is moved: durations are measured as ever.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def now(self) -> datetime:
        """Return the time it is set to."""
        file = json.loads(self.path.read_text())
        shown: float = file["shown"] + (time.time() - file["real"]) * file["speed"]
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=shown)


def clock_for(token: str) -> Clock:
    """Return the machine's clock; with the sandbox's token, the one that is set by a file the environment names."""
    path = os.environ.get(VARIABLE)
    return SetClock(Path(path)) if path and is_sandbox(token) else Clock()
