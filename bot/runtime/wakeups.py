"""How wake-ups travel between the steps of the pipeline, in this process.

A wake-up carries nothing: it says "look", and what is due is a query. Losing one costs a tick of the scheduler,
two of them are one.
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
    """One bell a step."""

    def __init__(self) -> None:
        self._bells = {step: asyncio.Event() for step in Step}

    def wake(self, step: Step) -> None:
        """Ask a step to look for work."""
        self._bells[step].set()

    def wake_all(self) -> None:
        """Ask every step to look: how a stop reaches those who wait."""
        for bell in self._bells.values():
            bell.set()

    async def wait(self, step: Step) -> None:
        """Wait until the step is asked to look; the bell is silent again afterwards."""
        await self._bells[step].wait()
        self._bells[step].clear()
