"""Wake-ups: how one step of the pipeline starts another, in this process.

A wake-up carries no data: the step queries the database for what is due. A lost wake-up costs one tick of the
scheduler, and two count as one.
"""

import asyncio
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

    def wake(self, step: Step) -> None:
        """Wake a step."""
        self._events[step].set()

    def wake_all(self) -> None:
        """Wake every step, as at a stop."""
        for event in self._events.values():
            event.set()

    async def wait(self, step: Step) -> None:
        """Wait until the step is woken, and clear the wake-up."""
        await self._events[step].wait()
        self._events[step].clear()
