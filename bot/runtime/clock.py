"""Clock: the time of day and a monotonic time, as one object that tests replace."""

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.errors import ConfigError
from bot.runtime.failpoints import is_sandbox


class Clock:
    """The clocks of the machine. Pure functions take `now` instead."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since an unspecified moment; only differences are meaningful."""
        return time.monotonic()


WRITTEN = datetime(2026, 11, 1, tzinfo=UTC)  # when this program was written; a correct clock shows no earlier time


def refuse_impossible(now: datetime) -> None:
    """Raise ConfigError for a time before this program was written: every stored date would be wrong."""
    if now < WRITTEN:
        shown = f"{now:%Y-%m-%d %H:%M} UTC"
        raise ConfigError([f"the clock of this machine shows {shown}, before this program was written; set it first"])


VARIABLE = "WATCHWORD_CLOCK"


class SetClock(Clock):
    """A clock that `make chaos` sets while the program runs, by writing a file.

    The file holds {"real": …, "shown": …, "speed": …}: at the moment `real` (seconds since the epoch) it shows `shown`,
    and from there it runs `speed` times as fast. The monotonic time is not changed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def now(self) -> datetime:
        """Return the time of day by the file."""
        file = json.loads(self.path.read_text())
        shown: float = file["shown"] + (time.time() - file["real"]) * file["speed"]
        return datetime.fromtimestamp(0, UTC) + timedelta(seconds=shown)


def clock_for(token: str) -> Clock:
    """Return the machine's clock; with the sandbox's token, a `SetClock` of the file that WATCHWORD_CLOCK names."""
    path = os.environ.get(VARIABLE)
    return SetClock(Path(path)) if path and is_sandbox(token) else Clock()
