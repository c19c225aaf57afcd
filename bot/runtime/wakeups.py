"""Wake-ups: how one step of the pipeline starts another, in this process.

A wake-up carries no data: the step queries the database for what is due. A lost wake-up costs one tick of the
scheduler, and two count as one.
"""

import asyncio
import time
from datetime import timedelta
from enum import StrEnum


class Step(StrEnum):
    """A step of the pipeline that can be woken."""

    POLL = "poll"
    PAGE = "page"
    HUB = "hub"
    MATCH = "match"
    ALERT = "alert"
    DIGEST = "digest"
    SEND = "send"
    ANSWER = "answer"
    CARE = "care"
    TIDY = "tidy"
    BACKUP = "backup"
    WEEK = "week"


class Wakeups:
    """One event for each step."""

    def __init__(self) -> None:
        self._events = {step: asyncio.Event() for step in Step}
        self._waited_at: dict[Step, float] = {}  # when each step last had no work left; monotonic
        self._first_at: float | None = None

    def wake(self, step: Step) -> None:
        """Wake a step."""
        self._events[step].set()

    def wake_all(self) -> None:
        """Wake every step, as at a stop."""
        for event in self._events.values():
            event.set()

    async def wait(self, step: Step) -> None:
        """Wait until the step is woken, and clear the wake-up."""
        self._waited_at[step] = time.monotonic()
        self._first_at = self._first_at or self._waited_at[step]
        await self._events[step].wait()
        self._events[step].clear()

    def silence(self, step: Step) -> timedelta:
        """Return the time since a step last waited here: it hangs, or nothing wakes it, if that is long.

        A step that never came here is silent since the first one did, as all are while Telegram is not reached.
        """
        now = time.monotonic()
        return timedelta(seconds=now - self._waited_at.get(step, self._first_at or now))
