"""A bot that is ready to run, on each database."""

from collections.abc import AsyncIterator

import pytest

from bot.sandbox.server import Sandbox
from tests.feedserver import FeedServer
from tests.flows.living import Bot


@pytest.fixture
async def bot(database_url: str) -> AsyncIterator[Bot]:
    async with Sandbox() as sandbox, FeedServer() as feeds:
        made = Bot(database_url, sandbox, feeds)
        made.publish()
        yield made
