"""After Telegram or the bot was away, what a chat missed comes as one message, not as forty alerts."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.sandbox.faults import FailureMode
from bot.sandbox.people import BEN
from bot.storage import schema
from tests.flows.accounted import links_seen
from tests.flows.living import Bot, all_sent
from tests.flows.test_calm import watch_at_once
from tests.flows.test_more_commands import ON_ONE

TITLES = ("Schools reopen", "Bakers strike", "Road mended", "Library restored", "Market burns", "Trains return")
HOUR = timedelta(hours=1)


def publish(bot: Bot, titles: tuple[str, ...]) -> set[str]:
    before = len(bot.items)
    for number, title in enumerate(titles):
        bot.news(f"{title} in Idlib", f"Report {number * 37} of {title}.")
    return {f"https://demo.example/{number}" for number in range(before, len(bot.items))}


def folded(times: int) -> Callable[[AsyncConnection], Awaitable[bool]]:
    """Return the question whether so many digests of missed news were made."""
    made = sa.select(sa.func.count()).where(schema.digest_run.c.kind == "missed")

    async def is_so(connection: AsyncConnection) -> bool:
        return int((await connection.execute(made)).scalar_one()) == times

    return is_so


def news(bot: Bot) -> list[str]:
    sent = bot.sandbox.sent_to(BEN)
    return [message["text"] for message in sent if "demo.example" in str(message["entities"])]


@ON_ONE
async def test_what_came_while_the_bot_was_away_is_one_message_and_what_comes_then_an_alert(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        await watch_at_once(bot, "Idlib")
    links = publish(bot, TITLES)
    bot.clock.ahead += HOUR
    async with bot.running():
        await bot.sandbox.until(lambda: bool(news(bot)), 20.0, "what was missed")
        await bot.until(all_sent)
        assert len(news(bot)) == 1
        assert "Late: it was due at" in news(bot)[0]
        assert links <= links_seen(bot, BEN)
        bot.news("Rain falls on Idlib", "At last.")
        await bot.sandbox.until(lambda: len(news(bot)) == 2, 20.0, "an alert")
        assert "Rain falls" in news(bot)[1]


@ON_ONE
async def test_a_few_that_came_meanwhile_are_alerts_all_the_same(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        await watch_at_once(bot, "Idlib")
    publish(bot, TITLES[:3])
    bot.clock.ahead += HOUR
    async with bot.running():
        await bot.sandbox.until(lambda: len(news(bot)) == 3, 20.0, "three alerts")


@ON_ONE
async def test_what_waited_while_telegram_was_away_is_one_message_however_long_that_was(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        await watch_at_once(bot, "Idlib")
        bot.sandbox.fail(FailureMode.FLOOD, method="sendMessage", chat_id=BEN, times=None)
        first = publish(bot, TITLES[:4])
        await bot.polled()
        bot.clock.ahead += HOUR
        await bot.until(folded(1))
        second = publish(bot, (*TITLES[4:], "Bridge opens", "Doctors return", "Wells run dry"))
        await bot.polled()
        bot.clock.ahead += HOUR
        await bot.until(folded(2))
        bot.sandbox.faults.clear()
        bot.clock.ahead += HOUR
        await bot.until(all_sent)
        assert len(news(bot)) == 1
        assert first | second <= links_seen(bot, BEN)
