"""Status pages for the operator, and the HTTP server for every page."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from bot.runtime.clock import Clock
from bot.runtime.liveness import Pulse
from bot.runtime.steps import SILENCES
from bot.runtime.wakeups import Wakeups
from bot.storage import pages, queue_ages, websub
from bot.storage.database import Database
from bot.storage.queue_ages import Oldest
from bot.web.health import problems
from bot.web.metrics import render

log = structlog.get_logger()

RECENT = timedelta(hours=1)
TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Status:
    """Status pages: `/healthz`, `/readyz` and `/metrics`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        pulse: Pulse,
        outcomes: Mapping[str, int],
        *,
        queues: Mapping[str, Oldest],
        patience: Mapping[str, timedelta],
    ) -> None:
        self.database = database
        self.clock = clock
        self.pulse = pulse
        self.outcomes = outcomes
        self.queues = queues
        self.patience = patience
        self.is_ready = False
        self.wakeups: Wakeups | None = None

    def start(self, wakeups: Wakeups) -> None:
        """Be ready; from now on steps that fall silent are faults."""
        self.is_ready = True
        self.wakeups = wakeups

    def app(self) -> web.Application:
        """Return the application with the three pages."""
        app = web.Application()
        app.router.add_get("/healthz", self.health)
        app.router.add_get("/readyz", self.ready)
        app.router.add_get("/metrics", self.metrics)
        return app

    async def health(self, request: web.Request) -> web.Response:
        """Return 200, or 503 with one line for each fault."""
        faults = await self._problems()
        return web.Response(text="\n".join(faults or ["ok"]) + "\n", status=503 if faults else 200)

    async def ready(self, request: web.Request) -> web.Response:
        """Return 200 once everything has started and while the database answers; else 503."""
        try:
            async with self.database.read():
                pass
        except SQLAlchemyError:
            return web.Response(text="the database does not answer\n", status=503)
        return web.Response(text="ok\n") if self.is_ready else web.Response(text="starting\n", status=503)

    async def metrics(self, request: web.Request) -> web.Response:
        """Return the metrics for Prometheus; 503 if the database does not answer."""
        now = self.clock.now()
        try:
            async with self.database.read() as connection:
                waits = await queue_ages.waits(connection, now, self.queues)
                lags = await queue_ages.lags(connection, now - RECENT)
                states = await queue_ages.states(connection)
                lengths = {"page": await pages.waiting(connection)}
                hubs = await websub.states(connection, now)
        except SQLAlchemyError:
            return web.Response(text="the database does not answer\n", status=503)
        page = render(waits, lags, states, self.outcomes, self.pulse, self._faults(waits), lengths, hubs)
        return web.Response(body=page.encode(), headers={"Content-Type": TEXT})

    async def _problems(self) -> list[str]:
        try:
            async with self.database.read() as connection:
                return self._faults(await queue_ages.waits(connection, self.clock.now(), self.queues))
        except SQLAlchemyError as error:
            return [*self._troubles(), f"database: {type(error).__name__}"]

    def _troubles(self) -> list[str]:
        return [f"database: {trouble}" for trouble in self.database.troubles()]

    def _silent(self) -> list[str]:
        """Return a sentence for each step that hangs, that nothing wakes, or that never began."""
        if self.wakeups is None:
            return []
        silences = {step: self.wakeups.silence(step) for step in SILENCES}
        silent = {step: silence for step, silence in silences.items() if silence > SILENCES[step]}
        return [f"{step.value}: has not run for {round(silence.total_seconds())} s" for step, silence in silent.items()]

    def _faults(self, waits: Mapping[str, timedelta]) -> list[str]:
        pulse = self.pulse
        return (
            self._troubles()
            + self._silent()
            + problems(
                waits,
                self.patience,
                sent=pulse.since("sent"),
                fetched=pulse.since("updates"),
                delays=pulse.delays,
                failures=pulse.failures,
                log_bytes=self.database.log_bytes(),
                blocked=pulse.recent_block(),
            )
        )


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve until the end of the block; yield the port. OSError if it is taken. Bodies are not decompressed."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0, auto_decompress=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
