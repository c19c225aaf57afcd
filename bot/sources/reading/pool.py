"""Parser pool: runs everything that reads untrusted documents in worker processes, which can be killed.

A document can make feedparser run for minutes, need gigabytes, or raise any exception; a thread could not be stopped.
The workers have limits of time and memory, and start with the first document. feedparser is imported only there.
"""

import asyncio
import multiprocessing
import resource
import signal
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pebble import ProcessExpired, ProcessPool

from bot.errors import SourceError, SourceFault
from bot.models import Feed
from bot.sources.reading.item_spans import ReadResult

WORKERS = 2
TIMEOUT = timedelta(seconds=10)  # 5 MiB of text in 500 entries take five
MEMORY = 512 * 2**20  # of address space; a 5 MiB feed needs less than half
_TASKS_PER_WORKER = 2000  # then a new one, so that no leak lasts
_CPU_SECONDS = 20  # of processor time for one call
_FORBIDDEN = frozenset(
    (
        *("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"),
        *("urllib.Request", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"),
    )
)
_PRELOAD = ["bot.sources.reading.document", "bot.sources.discover"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Outcome(Generic[_T]):
    """The result of a call in a worker: its value, or a `SourceError` in parts (an exception may not be picklable)."""

    value: _T | None = None
    fault: SourceFault | None = None
    values: dict[str, Any] = field(default_factory=dict)


class FeedParser:
    """Reads documents in worker processes; an async context that owns them. The first call starts them."""

    def __init__(self, *, workers: int = WORKERS, timeout: timedelta = TIMEOUT, memory: int = MEMORY) -> None:
        self._workers = workers
        self._timeout = timeout
        self._memory = memory
        self._turns = asyncio.Semaphore(workers)  # documents wait here, not in a pipe
        self._starting = asyncio.Lock()
        self._pool: ProcessPool | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(_stop, pool)

    async def parse(self, body: bytes, content_type: str | None, url: str, now: datetime | None = None) -> Feed:
        """Return the feed in `body`, found at `url` (links are relative to it).

        `content_type` is the HTTP header. `now` bounds the dates of entries; the system's time if None. Raises
        SourceError of kind "not-a-feed", or "parse" for what is hostile or takes too much time or memory.
        """
        return (await self.read(body, content_type, url, now or datetime.now(UTC))).feed

    async def read(
        self, body: bytes, content_type: str | None, url: str, now: datetime, known: bytes = b""
    ) -> ReadResult:
        """Return the items of `body` that are not among `known`, of an earlier `ReadResult`; otherwise as `parse`."""
        return await self.run(_read_news, body, content_type, url, now, known)

    async def run(self, call: Callable[..., _T], *arguments: object) -> _T:
        """Return `call(*arguments)`, run in a worker under its limits; raises SourceError as `parse` does.

        Cancelling it kills the worker; another one replaces it.
        """
        async with self._turns:
            pool = await self._started()
            future = pool.schedule(_outcome, args=(call, arguments), timeout=self._timeout.total_seconds())
            try:
                outcome: _Outcome[_T] = await asyncio.wrap_future(future)
            except TimeoutError as error:
                raise SourceError(SourceFault.READING_TOO_LONG) from error
            except ProcessExpired as error:
                raise SourceError(SourceFault.READING_TIME_OR_MEMORY) from error
            except BrokenProcessPool as error:
                raise SourceError(SourceFault.READING_STOPPED) from error
        if outcome.fault is not None:
            raise SourceError(outcome.fault, **outcome.values)
        return outcome.value  # type: ignore[return-value]  # None only where the call returns it

    async def _started(self) -> ProcessPool:
        """Return the running pool; it is started in a thread, because that waits for the first process."""
        async with self._starting:
            if self._pool is None or not self._pool.active:
                broken, self._pool = self._pool, await asyncio.to_thread(self._start)
                if broken is not None:
                    await asyncio.to_thread(_stop, broken)
            return self._pool

    def _start(self) -> ProcessPool:
        context = multiprocessing.get_context("forkserver")  # never fork a process that has threads
        context.set_forkserver_preload(_PRELOAD)  # replaces a worker that was killed in milliseconds
        pool = ProcessPool(
            max_workers=self._workers,
            max_tasks=_TASKS_PER_WORKER,
            initializer=_limit,
            initargs=(self._memory,),
            context=context,
        )
        assert pool.active  # reading the property starts the pool
        return pool


def _stop(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


def _limit(memory: int) -> None:
    """Prepare a worker: no more than `memory` bytes of address space, no network, and a signal ends it at once."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.addaudithook(_refuse)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # pebble's handler could not run while C code does


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: refuse events that no reader of documents needs (docs.python.org/3/library/audit_events.html)."""
    if event in _FORBIDDEN:
        raise PermissionError(f"a reader of documents may not do this: {event}")


def _limit_cpu() -> None:
    """Have the kernel end a worker whose call goes on after the process that could kill it is gone."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(spent.ru_utime + spent.ru_stime) + _CPU_SECONDS, hard))


def _outcome(call: Callable[..., _T], arguments: tuple[object, ...]) -> _Outcome[_T]:
    """Run a call in the worker and return its result or fault: the boundary for whatever a document makes it raise."""
    _limit_cpu()
    try:
        return _Outcome(call(*arguments))
    except SourceError as error:
        return _Outcome(fault=error.fault, values=error.values)
    except MemoryError:
        return _Outcome(fault=SourceFault.READING_MEMORY)
    except Exception as error:  # feedparser raises anything
        return _Outcome(fault=SourceFault.UNREADABLE, values={"error": type(error).__name__})


def _read_news(body: bytes, content_type: str | None, url: str, now: datetime, known: bytes) -> ReadResult:
    from bot.sources.reading.document import read_news  # noqa: PLC0415 - feedparser stays out of the main process

    return read_news(body, content_type, url, now, known)
