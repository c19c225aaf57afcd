"""Program of the soak: the bot itself, with the hourly tidying woken by the hours of its fast clock.

python -m tests.soak.program CONFIG
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

from bot.app import serve
from bot.config import load
from bot.runtime import clock as bot_clock
from bot.runtime.log import configure
from bot.runtime.runner import on_signal
from bot.runtime.wakeups import Step, Wakeups
from bot.runtime.watchdog import Watchdog

LOOK = 1.0  # seconds between two looks at the clock
HOUR = timedelta(hours=1)


async def live(path: Path) -> None:
    """Run until SIGTERM."""
    config, wakeups, stop = load(path), Wakeups(), asyncio.Event()
    assert config.telegram.token is not None
    token = config.telegram.token.get_secret_value()
    configure(config.log.level, config.log.format, [token])
    clock = bot_clock.clock_for(token)
    with Watchdog() as watchdog:
        on_signal(stop, wakeups, watchdog)
        tidying = asyncio.create_task(_tidy_hourly(clock, wakeups))
        try:
            await serve(config, clock, wakeups, stop)
        finally:
            tidying.cancel()


async def _tidy_hourly(clock: bot_clock.Clock, wakeups: Wakeups) -> None:
    last = clock.now()
    while True:
        await asyncio.sleep(LOOK)
        if clock.now() - last >= HOUR:
            last = clock.now()
            wakeups.wake(Step.TIDY)


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1])))
