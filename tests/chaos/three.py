"""Rig with three processes on one PostgreSQL, which are killed, stopped, and dropped by their server."""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
import psycopg

from tests.chaos.rig import BIRTH, PROGRAMS, TYPED, Rig

BLOWS = (  # all of a round, in an order by chance
    "killed at random",
    "killed at random",
    "killed at a named moment",
    "killed at a named moment",
    "killed at a named moment",
    "stopped and continued",
    "stopped and continued",
    "a backend terminated",
    "a backend terminated",
    "all backends terminated",
    "server restarted",
)
LONGEST_STOP = 3.0  # seconds; a minute and more of the programs' time
SHORT_LEAP = 20.0  # minutes the clock goes forward at most, under programs that live


@dataclass
class ThreeRig(Rig):
    """The rig with three processes. `restart` restarts the server, as a crash does if its argument is true."""

    restart: Callable[[bool], None] = field(default=lambda _: None)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.programs: dict[int, asyncio.subprocess.Process] = {}
        self.stopped: set[int] = set()  # processes whose loop was late because they were stopped
        self.bag: list[str] = []

    # ---- the programs ----

    async def first_births(self) -> None:
        """Start all three at the same moment on a database without tables."""
        self._open()
        await asyncio.gather(*(self._begin(number) for number in range(PROGRAMS)))
        for number in range(PROGRAMS):
            await self._finish(number, "SIGTERM", signal.SIGTERM)

    async def warm_up(self) -> None:
        """Live, all three, until every feed was read once."""
        await self._revive()
        await self._read_once()

    async def _revive(self, at: str = "") -> None:
        """Start the programs that are not there, and wait until all have come up; the first of them is to die `at`."""
        for number, process in list(self.programs.items()):
            if process.returncode is not None:
                await self._finish(number, "by itself", signal.SIGKILL)
        missing = [number for number in range(PROGRAMS) if number not in self.programs]
        await asyncio.gather(*(self._begin(number, at if number == missing[0] else "") for number in missing))

    async def _begin(self, number: int, at: str = "") -> None:
        process = self.programs[number] = await self.start(at, number)
        self.life_of[process.pid].how = at
        began = time.monotonic()
        while process.returncode is None and time.monotonic() < began + BIRTH:
            if await self._answers(number):
                self.slowness = max(1.0, time.monotonic() - began)
                return
            await asyncio.sleep(0.1)

    async def _answers(self, number: int) -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(2)) as session,
                session.get(f"http://{self.webs[number]}/healthz"),
            ):
                return True
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def _finish(self, number: int, how: str, by: signal.Signals) -> None:
        """End a program and note how; one that had a moment to die at, and has, died there."""
        process = self.programs.pop(number)
        if by is signal.SIGTERM and process.pid not in self.stopped:
            await self._listen(process, number)
        began, planned = time.monotonic(), self.life_of[process.pid].how
        died_there = bool(planned) and process.returncode == -signal.SIGKILL
        await self.end(process, planned if died_there else how, by)
        if by is signal.SIGTERM:
            self.life_of[process.pid].how = f"SIGTERM, {time.monotonic() - began:.1f} s"

    # ---- blows ----

    async def blow(self) -> None:
        """Publish, let things fail, and do to the programs or their server what is next."""
        if not self.bag:
            self.bag = self.random.sample(BLOWS, len(BLOWS))
        kind, at = self.bag.pop(), ""
        if kind == "killed at a named moment":
            name, most = self._next_point()
            at = f"{name}:{self.random.randint(1, most)}"
            await self._lead_to(name)
            await self._finish(self.random.choice(list(self.programs)), "at random", signal.SIGKILL)
        await self._revive(at)
        self.publish(self.random.randint(2, 5))
        self.trouble()
        if self.random.random() < 0.3 or at.partition(":")[0] in TYPED:
            self.type_something()
        await asyncio.sleep(self.random.uniform(0.2, 1.5) * self.slowness)
        await self._strike(kind)
        self.publish(1)
        await asyncio.sleep(self.random.uniform(0.2, 1.0))
        self.peace()
        self.leap(timedelta(minutes=self.random.uniform(0, SHORT_LEAP)))

    async def _strike(self, kind: str) -> None:
        victim = self.random.choice(list(self.programs))
        match kind:
            case "killed at random":
                await self._finish(victim, "at random", signal.SIGKILL)
            case "stopped and continued":
                await self._stop(self.programs[victim])
            case "a backend terminated" | "all backends terminated":
                self._terminate(all_of_them=kind.startswith("all"))
                self.note(kind)
            case "server restarted":
                await asyncio.to_thread(self.restart, self.random.random() < 0.5)
                self.note(kind)

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is not None:
            return
        self.stopped.add(process.pid)
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(self.random.uniform(0.5, LONGEST_STOP))
        process.send_signal(signal.SIGCONT)
        self.note("stopped and continued")

    def _terminate(self, *, all_of_them: bool) -> None:
        """Let the server end one of the programs' sessions, or every session, in whatever they are doing."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchall()
            chosen = found if all_of_them else found and [self.random.choice(found)]
            for (pid,) in chosen:
                connection.execute("SELECT pg_terminate_backend(%s)", (pid,))

    async def quiet(self) -> None:
        """Live, all three, without trouble until nothing is owed, and stop as at SIGTERM."""
        self.peace()
        self.set_clock(self.now())
        await self._revive()
        await self._settle()
        for number in list(self.programs):
            await self._finish(number, "SIGTERM", signal.SIGTERM)

    def _next_point(self) -> tuple[str, int]:
        """Return the named moment whose turn it is; of three programs each comes there less often."""
        name, most = super()._next_point()
        return name, min(most, 3)
