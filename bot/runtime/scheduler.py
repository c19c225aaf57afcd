"""Periodic wake-ups: APScheduler wakes each step of the pipeline at its interval, and keeps no state.

Due work is found by a query, so a lost or a doubled tick changes nothing but the time. Digests are not jobs here: a job
at 02:30 would run twice on one night of the year and not at all on another (bot/schedules/digests.py).
"""

from datetime import UTC

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.runtime.steps import STEPS
from bot.runtime.wakeups import Step, Wakeups


def build(wakeups: Wakeups) -> AsyncIOScheduler:
    """Return a scheduler with a tick for every step; the caller starts it and shuts it down."""
    scheduler = AsyncIOScheduler(timezone=UTC)

    async def wake(step: Step) -> None:  # async, so that it runs in the event loop, as `Wakeups` requires
        wakeups.wake(step)

    for spec in STEPS:
        scheduler.add_job(
            wake,
            "interval",
            args=[spec.step],
            seconds=spec.tick.total_seconds(),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,  # the default of one second drops a tick when the loop was busy
        )
    return scheduler
