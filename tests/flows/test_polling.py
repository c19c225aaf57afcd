"""Work that no wake-up announced: another run left it in the database, and its own wake-up ended with that run.

There is no NOTIFY that could get lost: each run asks the database for what is due, every five seconds at the latest.
"""

import time

import pytest

from bot.models import FeedEntry
from bot.runtime.steps import STEPS
from bot.runtime.wakeups import Step
from bot.sandbox.people import BEN
from bot.storage import chats, deliveries, entries
from bot.storage.database import Database
from tests.flows.living import Bot
from tests.flows.test_delivery import watch

FALLBACK = 5.0  # seconds
SLOW_MACHINE = 5.0  # seconds more


def test_what_others_leave_is_looked_for_every_five_seconds() -> None:
    steps = {Step.POLL, Step.PAGE, Step.MATCH, Step.ALERT, Step.DIGEST, Step.SEND, Step.ANSWER}
    assert {spec.step for spec in STEPS if spec.tick.total_seconds() <= FALLBACK} == steps


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_an_entry_and_a_message_of_another_run_are_found_without_a_wake_up(bot: Bot) -> None:
    other = Database(bot.database_url)
    async with bot.running():
        before = await watch(bot)
        bot.feeds.hang("/feed.xml")  # no poll wakes anything from now on
        now, began = bot.clock.now(), time.monotonic()
        item = FeedEntry(("key",), "Schools reopen in Idlib", "https://e.org/1", None, "Text.", "en", now)
        async with other.begin() as connection:
            await entries.store(connection, 1, [item], now, baseline=False)
        alert = await bot.told(before + 1)
        assert alert["text"].startswith("Schools reopen in Idlib")
        assert time.monotonic() - began < FALLBACK + SLOW_MACHINE
        began = time.monotonic()
        async with other.begin() as connection:
            (chat,) = [
                chat for chat in (await chats.get_all(connection, {1, 2, 3})).values() if chat.telegram_id == BEN
            ]
            await deliveries.add(
                connection, chat_id=chat.id, kind=deliveries.NOTICE, payload={"text": "Left by another run"}, now=now
            )
        assert (await bot.told(before + 2))["text"] == "Left by another run"
        assert time.monotonic() - began < FALLBACK + SLOW_MACHINE
    await other.close()
