import asyncio
import time

from bot.runtime.scheduler import build
from bot.runtime.steps import STEPS
from bot.runtime.wakeups import Step, Wakeups


async def test_a_tick_that_comes_late_is_not_dropped() -> None:
    """By itself APScheduler drops a job that is more than a second late, as after a second of a blocked loop."""
    wakeups = Wakeups()
    scheduler = build(wakeups)
    scheduler.start()
    try:
        assert STEPS[0].step is Step.POLL
        time.sleep(STEPS[0].tick.total_seconds() + 1.2)
        async with asyncio.timeout(0.5):  # at once, not with the next tick in a second
            await wakeups.wait(Step.POLL)
    finally:
        scheduler.shutdown(wait=False)
