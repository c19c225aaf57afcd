"""The watchdog, over loops that are really blocked."""

import asyncio
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bot.runtime.clock import Clock
from bot.runtime.liveness import BLOCK_SHOWN, LONG_BLOCK, Pulse
from bot.runtime.watchdog import Watchdog, _frames

QUICK = timedelta(milliseconds=20)
BLOCKED_PROGRAM = """
import asyncio, sys
from datetime import timedelta
from bot.runtime.log import configure
from bot.runtime.runner import on_signal
from bot.runtime.wakeups import Wakeups
from bot.runtime.watchdog import Watchdog

configure("INFO", sys.argv[2])

async def main():
    with Watchdog(every=timedelta(milliseconds=20), patience=timedelta(milliseconds=20),
                  stop_patience=timedelta(seconds=float(sys.argv[1]))) as watchdog:
        on_signal(asyncio.Event(), Wakeups(), watchdog)
        print("ready", flush=True)
        while True:
            pass

asyncio.run(main())
"""


def block_until(condition: threading.Event) -> None:
    """Block the thread as a hostile document does."""
    until = time.monotonic() + 20
    while not condition.is_set() and time.monotonic() < until:
        pass


async def test_the_frames_of_a_blocked_loop_are_logged_once() -> None:
    seen_twice = threading.Event()

    class Counted(Watchdog):
        looks = 0

        def _report(self, blocked: float) -> None:
            super()._report(blocked)
            self.looks += 1
            if self.looks == 3:
                seen_twice.set()

    with capture_logs() as logs, Counted(every=QUICK, patience=QUICK):
        block_until(seen_twice)
    (line,) = [entry for entry in logs if entry["event"] == "event loop blocked"]
    names = {frame.rpartition(" ")[2] for frame in line["frames"]}
    assert {"block_until", "test_the_frames_of_a_blocked_loop_are_logged_once"} <= names
    assert line["seconds"] >= 0
    assert line["log_level"] == "error"


async def test_a_blocked_loop_that_should_stop_ends_the_process() -> None:
    left = threading.Event()
    codes: list[int] = []

    def leave(code: int) -> None:
        codes.append(code)
        left.set()

    with capture_logs() as logs, Watchdog(every=QUICK, patience=QUICK, stop_patience=QUICK, leave=leave) as watchdog:
        assert watchdog.note_stop() is False
        assert watchdog.note_stop() is True
        block_until(left)
    assert codes[0] == 1
    assert any(entry.get("leaves") for entry in logs)


def test_a_loop_that_waits_for_events_is_not_blocked() -> None:
    """It has not answered either after the whole process was stopped and continued."""
    loop = asyncio.new_event_loop()
    waiting = threading.Thread(target=loop.run_forever)
    waiting.start()
    try:
        until = time.monotonic() + 10
        while _frames(sys._current_frames()[waiting.ident or 0]) and time.monotonic() < until:
            pass
        assert _frames(sys._current_frames()[waiting.ident or 0]) == []
    finally:
        loop.call_soon_threadsafe(loop.stop)
        waiting.join()
        loop.close()


@asynccontextmanager
async def blocked_program(stop_patience: float, style: str = "json") -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program that blocks its loop; it is killed at the end, whatever the test found."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", BLOCKED_PROGRAM, str(stop_patience), style),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert program.stdout is not None
        assert await program.stdout.readline() == b"ready\n"
        yield program
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()


async def test_a_second_signal_ends_a_program_whose_loop_is_blocked() -> None:
    async with blocked_program(3600) as program:
        while program.returncode is None:  # a signal that comes before the first was handled is the same one
            program.send_signal(signal.SIGTERM)
            await asyncio.wait([asyncio.ensure_future(program.wait())], timeout=0.2)
        assert program.returncode == 1


@pytest.mark.parametrize("style", ["json", "console"])
async def test_one_signal_ends_it_in_bounded_time(style: str) -> None:
    async with blocked_program(0.05, style) as program:
        program.send_signal(signal.SIGTERM)
        async with asyncio.timeout(120):  # a machine that has much else to do is slow, not endless
            _, log = await program.communicate()
        assert program.returncode == 1
        assert b"event loop blocked" in log
        assert b"main" in log
        assert b"Traceback" not in log


def test_a_long_block_is_a_fault_for_a_minute() -> None:
    class Still(Clock):
        at = 100.0

        def monotonic(self) -> float:
            return self.at

    clock = Still()
    pulse = Pulse(clock)
    pulse.note_block(LONG_BLOCK / 2)
    assert pulse.recent_block() is None
    pulse.note_block(LONG_BLOCK * 3)
    clock.at += BLOCK_SHOWN.total_seconds() - 1
    assert pulse.recent_block() == LONG_BLOCK * 3
    clock.at += 1
    assert pulse.recent_block() is None
