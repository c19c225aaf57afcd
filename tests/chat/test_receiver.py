"""The receiver over real HTTP, where an answer to getUpdates cannot be parsed."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from aiohttp import web
from telegram.ext import Application

from bot.chat.inbox import LIMIT, Receiver
from bot.delivery.telegram.client import TelegramBot
from bot.delivery.telegram.http import AiohttpRequest
from bot.runtime.clock import Clock
from bot.runtime.liveness import Pulse
from bot.runtime.wakeups import Wakeups
from bot.storage import schema
from bot.storage.database import Database
from bot.web.server import serving

UPDATES = {
    1: b'{"update_id": 1, "message": {}}',
    2: b'{"update_id": 2, "message": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    3: b'{"update_id": 3, "message": ' + b"9" * 5000 + b"}",
    4: b'{"update_id": 4, "message": {}}',
}


class Telegram:
    """getUpdates as Telegram answers it, over bytes that no JSON library wrote."""

    def __init__(self) -> None:
        self.limits: list[int] = []
        self.waiting = dict(UPDATES)
        self.stop = asyncio.Event()

    async def get_updates(self, request: web.Request) -> web.Response:
        form = await request.post()
        offset, limit = int(str(form.get("offset", 0))), int(str(form["limit"]))
        self.limits.append(limit)
        self.waiting = {number: body for number, body in self.waiting.items() if number >= offset}
        if not self.waiting:
            self.stop.set()
        shown = list(self.waiting.values())[:limit]
        return web.Response(body=b'{"ok": true, "result": [' + b",".join(shown) + b"]}")


@pytest.fixture
async def telegram() -> AsyncIterator[tuple[Telegram, str]]:
    telegram, app = Telegram(), web.Application()
    app.router.add_post("/{token}/{method}", telegram.get_updates)
    async with serving(app, "127.0.0.1", 0) as port:
        yield telegram, f"http://127.0.0.1:{port}/bot"


async def test_updates_that_make_an_answer_unreadable_are_parked_and_those_behind_them_come(
    telegram: tuple[Telegram, str], database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    server, base = telegram
    request = AiohttpRequest()
    bot = TelegramBot("1:token", base, request=AiohttpRequest(), get_updates_request=request)
    await request.initialize()
    clock = Clock()
    receiver = Receiver(
        Application.builder().bot(bot).updater(None).build(), database, clock, Wakeups(), pulse := Pulse(clock)
    )
    async with asyncio.timeout(60):
        await receiver.receive(server.stop)
    await request.shutdown()
    async with database.read() as connection:
        columns = schema.inbox.c
        rows = await connection.execute(sa.select(columns.update_id, columns.state).order_by(columns.update_id))
        assert [tuple(row) for row in rows] == [(1, "NEW"), (2, "POISON"), (3, "POISON"), (4, "NEW")]
    assert pulse.parked == 2
    assert server.limits[0] == LIMIT
    assert server.limits.count(1) >= 2
    assert not [record for record in caplog.records if record.exc_info]
