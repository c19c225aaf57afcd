"""The runner: starts the steps of the table, repeats their work, and ends them in order."""

import asyncio
import contextlib
import os
import signal
from datetime import timedelta
from types import FrameType

import structlog

from bot.runtime.liveness import Pulse
from bot.runtime.steps import STEPS, Parts, Run, StepSpec
from bot.runtime.wakeups import Step, Wakeups
from bot.runtime.watchdog import Watchdog
from bot.storage.database import DATABASE_AWAY, retry_conflicts

log = structlog.get_logger()

RETRY = timedelta(seconds=5)  # between two tries of a step that failed, or to reach Telegram


def start_steps(
    group: asyncio.TaskGroup, parts: Parts, pulse: Pulse, stop: asyncio.Event, *, needs_telegram: bool
) -> list[asyncio.Task[None]]:
    """Start the steps that need Telegram, or those that do not; they end soon after `stop` is set and all are woken."""
    specs = [spec for spec in STEPS if spec.needs_telegram == needs_telegram]
    return [group.create_task(_run(spec, parts, pulse, stop), name=spec.step.value) for spec in specs]


async def _run(spec: StepSpec, parts: Parts, pulse: Pulse, stop: asyncio.Event) -> None:
    if spec.loop:
        await spec.loop(parts, stop)
    elif spec.run:
        await _repeat(spec, spec.run, parts, pulse, stop)


async def _repeat(spec: StepSpec, run: Run, parts: Parts, pulse: Pulse, stop: asyncio.Event) -> None:
    """Do a step's work whenever it is woken, until none is left; a failure costs a pause, and shows in the health."""

    async def work() -> bool:
        return bool(await run(parts))

    while not stop.is_set():
        await parts.wakeups.wait(spec.step)
        if parts.database.room.refusal and spec.step is not Step.CARE:  # care finds out when it can be written again
            continue
        try:
            while not stop.is_set() and await retry_conflicts(work):
                for following in spec.wakes:
                    parts.wakeups.wake(following)
            pulse.beat(spec.step.value)
        except Exception as error:  # the boundary of one step: the others go on
            away = isinstance(error, DATABASE_AWAY)
            log.error("step failed", step=spec.step.value, reason=type(error).__name__, exc_info=not away)
            pulse.fail(spec.step.value)
            await wait(stop, RETRY)
            parts.wakeups.wake(spec.step)


async def finish(tasks: list[asyncio.Task[None]], grace: timedelta) -> None:
    """Wait until all tasks have ended; those that have not after `grace` are cancelled."""
    __, late = await asyncio.wait(tasks, timeout=grace.total_seconds())
    for task in late:
        log.warning("stopped without finishing", step=task.get_name())
        task.cancel()


async def wait(stop: asyncio.Event, longest: timedelta) -> None:
    """Wait for a time, or until `stop` is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(longest.total_seconds()):
            await stop.wait()


def on_signal(stop: asyncio.Event, wakeups: Wakeups, watchdog: Watchdog) -> None:
    """Stop in order at the first signal, at once at the second: the database is as safe then as after a power cut.

    The handler is Python's, not the loop's, which would not run while the loop is blocked.
    """
    loop = asyncio.get_running_loop()

    def stopped(_number: int, _frame: FrameType | None) -> None:
        if watchdog.note_stop():
            os._exit(1)
        loop.call_soon_threadsafe(stop.set)
        loop.call_soon_threadsafe(wakeups.wake_all)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopped)
