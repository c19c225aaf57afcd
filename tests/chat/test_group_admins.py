"""The cache of members of groups: it asks Telegram once a minute for each person, and is bounded."""

import pytest
from telegram import Bot

from bot.chat.group_admins import Members
from bot.runtime.clock import Clock
from bot.sandbox.people import ADA, BEN, GROUP
from bot.sandbox.server import Sandbox
from tests.flows.living import TOKEN


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
