"""News that piled up while the bot, or Telegram, was away: nothing is dropped or comes twice, no rate is exceeded."""

from datetime import timedelta
from random import Random

import pytest

from bot.sandbox.faults import FailureMode
from bot.sandbox.people import BEN
from tests.flows.accounted import labels
from tests.flows.living import Bot, all_sent
from tests.flows.test_delivery import state, watch

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def headlines(count: int) -> list[str]:
    """Return headlines of which no two are alike: five made-up words each, and Idlib."""
    random = Random(1)
    words = [
        "".join(random.choice("bdfgklmnprstvz") + random.choice("aeiou") for _ in range(4)) for _ in range(count * 5)
    ]
    assert len(set(words)) == len(words)
    return [" ".join([*words[at : at + 5], "Idlib"]).capitalize() for at in range(0, len(words), 5)]


async def test_of_all_that_came_during_a_long_stop_one_message_tells_and_lists_it(bot: Bot) -> None:
    """It shows fifty stories and counts the others, which a button lists."""
    async with bot.running():
        before = await watch(bot)
    titles = headlines(120)
    for title in titles:
        bot.news(title)
    bot.clock.ahead += timedelta(days=3)
    async with bot.running():
        await bot.told(before + 1)
        await bot.polled()
        await bot.until(all_sent)
    told = bot.sandbox.sent_to(BEN)[before:]
    assert "120 stories" in told[0]["text"]
    assert "… and 70 more stories" in told[-1]["text"]
    assert labels(bot, BEN, told[-1]["message_id"]) == ["Show 70 more"]
    shown = "".join(message["text"] for message in told)
    assert sum(title in shown for title in titles) == 50
    assert [title for title in titles if shown.count(title) > 1] == []


async def test_what_waited_while_telegram_was_away_is_one_message_the_newest_first(bot: Bot) -> None:
    now = bot.clock.now()
    bot.clock.ahead = now.replace(hour=9, minute=0) + timedelta(days=1) - now  # no digest is due in the next hours
    async with bot.running():
        before = await watch(bot)
        bot.sandbox.fail(FailureMode.FLOOD, method="sendMessage", chat_id=BEN, retry_after=3600, times=None)
        titles = headlines(6)
        for title in titles:
            bot.news(title)
            await bot.polled()
        await bot.sandbox.until(lambda: any(request.status == 429 for request in bot.sandbox.requests))
        await state(bot, "READY")
    bot.clock.ahead += timedelta(hours=5)  # an alert is worth sending for six
    bot.sandbox.faults.clear()
    bot.sandbox.set_limits(on=True)
    refused = sum(request.status == 429 for request in bot.sandbox.requests)
    async with bot.running():  # started anew: a 429 is waited for by a clock that no test puts forward
        await bot.told(before + 1)
        await bot.until(all_sent)
        assert sum(request.status == 429 for request in bot.sandbox.requests) == refused
    (message,) = bot.sandbox.sent_to(BEN)[before:]
    assert sorted(titles, key=message["text"].index) == titles[::-1]
    assert not message["text"].startswith("↻")
