"""Watchdog: a thread that logs the stack of the event loop's thread while the loop is blocked.

A loop that is blocked can neither log that nor answer a health check, and nobody sees afterwards what it did. So this
thread asks it for a sign twice a second. It needs the GIL to look: a single call in C that keeps it is reported when
that call returns, by the line that made it (CPython gives the GIL away right after such a call, if another thread
waits). Names of files and functions are logged, never values.

It also ends the process where a signal asks it to stop and the loop stays blocked: the database is as safe then as
after a power cut.
"""

import asyncio
import os
import selectors
import sys
import threading
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from types import FrameType, TracebackType
from typing import Self

import structlog

log = structlog.get_logger()

EVERY = timedelta(milliseconds=500)  # between two questions to the loop
PATIENCE = timedelta(seconds=1)  # for its answer
AGAIN = timedelta(minutes=1)  # between two lines of the log
LEAVE = timedelta(seconds=10)  # for a loop that is blocked while the process should stop
FRAMES = 20  # of the stack, the innermost


class Watchdog:
    """Watches the running event loop from the beginning to the end of a `with` block.

    `leave` ends the process. Times are arguments for the tests.
    """

    def __init__(
        self,
        *,
        every: timedelta = EVERY,
        patience: timedelta = PATIENCE,
        stop_patience: timedelta = LEAVE,
        leave: Callable[[int], object] = os._exit,
    ) -> None:
        self._every = every.total_seconds()
        self._patience = patience.total_seconds()
        self._stop_patience = stop_patience.total_seconds()
        self._leave = leave
        self._ended = threading.Event()
        self._stop_asked_at: float | None = None  # monotonic, seconds
        self._logged_at = float("-inf")

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()

    def note_stop(self) -> bool:
        """Record that a signal asks the process to stop; return whether one did before."""
        repeated = self._stop_asked_at is not None
        self._stop_asked_at = self._stop_asked_at or time.monotonic()
        return repeated

    def _watch(self) -> None:
        while not self._ended.wait(self._every):
            answered = threading.Event()
            asked_at = time.monotonic()
            try:
                self._loop.call_soon_threadsafe(answered.set)
            except RuntimeError:  # the loop is closed
                return
            while not answered.wait(self._patience) and not self._ended.is_set():
                self._report(time.monotonic() - asked_at)

    def _report(self, blocked: float) -> None:
        """Log the stack of a loop that has been blocked for so many seconds, and end the process if it should stop."""
        frames = _frames(sys._current_frames().get(self._loop_thread))
        if not frames:
            return
        now = time.monotonic()
        leaves = self._stop_asked_at is not None and min(now - self._stop_asked_at, blocked) >= self._stop_patience
        if leaves or now - self._logged_at >= AGAIN.total_seconds():
            self._logged_at = now
            log.error("event loop blocked", seconds=round(blocked, 1), frames=frames, leaves=leaves)
        if leaves:
            self._leave(1)


def _frames(frame: FrameType | None) -> list[str]:
    """Return the innermost frames as "file:line function", innermost last; empty if the loop waits for events.

    It does so after the whole process was stopped and continued, or had no processor.
    """
    if frame is None or frame.f_code.co_filename == selectors.__file__:
        return []
    frames = [(frame.f_code, line) for frame, line in traceback.walk_stack(frame)][:FRAMES]
    return [f"{code.co_filename}:{line} {code.co_name}" for code, line in reversed(frames)]
