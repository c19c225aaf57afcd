"""The cache of members of groups: it asks Telegram once a minute for each person, and is bounded."""

import pytest
from telegram import Bot

from bot.chat.group_admins import Members
from bot.delivery.telegram.http import AiohttpRequest
from bot.runtime.clock import Clock
from bot.sandbox.people import ADA, BEN, GROUP
from bot.sandbox.server import Sandbox

TOKEN = "7000000001:test-token-that-nobody-may-log"


class Seconds(Clock):
    """A clock whose seconds are set by hand."""

    seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


async def test_telegram_is_asked_once_a_minute_and_anew_once_it_reports_a_change() -> None:
    clock = Seconds()
    members = Members(clock)
    async with Sandbox(token=TOKEN) as sandbox, Bot(TOKEN, sandbox.base_url, request=AiohttpRequest()) as bot:

        async def asked(person: int, at: float) -> int:
            """Return how often Telegram was asked, once somebody wants to know a person's status."""
            clock.seconds = at
            wanted = {ADA: "creator", BEN: "member"}[person]
            assert await members.status(bot, GROUP, person) == wanted
            return sum(request.method == "getChatMember" for request in sandbox.requests)

        assert [await asked(BEN, at) for at in (0.0, 59.9)] == [1, 1]
        assert await asked(ADA, 59.9) == 2
        assert await asked(BEN, 60.0) == 3
        members.forget(GROUP, BEN)
        assert await asked(BEN, 60.1) == 4
        assert await asked(ADA, 60.1) == 4


async def test_it_asks_once_and_forgets_all_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.chat.group_admins.MOST", 2)
    async with Sandbox(token=TOKEN) as sandbox, Bot(TOKEN, base_url=sandbox.base_url) as bot:
        members = Members(Clock())

        def asked() -> int:
            return sum(request.method.lower() == "getchatmember" for request in sandbox.requests)

        for _ in range(3):
            await members.status(bot, GROUP, ADA)
            await members.status(bot, GROUP, BEN)
        assert asked() == 2
        sandbox.add_person(40_000)
        await members.status(bot, GROUP, 40_000)
        await members.status(bot, GROUP, 40_000)
        assert asked() == 3
        await members.status(bot, GROUP, ADA)
        assert asked() == 4
