from datetime import time, timedelta

import pytest

from bot.runtime.wakeups import Step
from bot.sandbox.faults import FailureMode
from bot.sandbox.people import ADA, BEN
from bot.schedules.digests import next_digest_at
from tests.feedserver import item, rss
from tests.flows.living import Bot


async def test_a_word_is_subscribed_to_and_its_news_arrives_at_once(bot: Bot) -> None:
    bot.news("Convoy reaches Idlib after a long night", "Aid lorries crossed the line on Monday.")
    async with bot.running():
        await bot.polled()
        confirmation = await bot.say("/subscribe Idlib")
        assert "Watching Idlib" in confirmation["text"]
        assert "Last 7 days: 1 story" in confirmation["text"]
        assert "Convoy reaches Idlib" in confirmation["text"]

        bot.sandbox.press(confirmation["message_id"], "At once", user_id=BEN)
        await bot.polled()
        bot.news("Schools reopen in Idlib", "Children went back to their desks on Tuesday.")
        bot.news("Football cup draw made in Rome")
        alert = await bot.told(2)

    assert "Schools reopen in Idlib" in alert["text"]
    assert "Demo Times" in alert["text"]
    assert len(bot.sandbox.sent_to(BEN)) == 2
    assert await bot.states() == {"SENT": 1}


async def test_the_daily_digest_comes_once_at_its_time_with_all_that_was_found(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        await bot.say("/subscribe Syria, Egypt–Russia", answers=1)
        bot.news("Syrian minister resigns over bread prices", "He gave no reason.")
        bot.news("Egyptian minister flies to Russia", "Talks are planned on grain.")
        bot.news("Egypt wins the cup")
        await bot.polled()
        assert len(bot.sandbox.sent_to(BEN)) == 1

        now = bot.clock.now()
        due = next_digest_at(now, time(8), "UTC")
        bot.clock.ahead = due - now + timedelta(seconds=1)
        bot.wakeups.wake(Step.DIGEST)
        digest = await bot.told(2)
        assert "2 stories" in digest["text"]
        assert "Syrian minister resigns" in digest["text"]
        assert "Egyptian minister flies" in digest["text"]
        assert "wins the cup" not in digest["text"]

        bot.clock.ahead += timedelta(minutes=5)
        bot.wakeups.wake(Step.DIGEST)
        await bot.polled()
    assert len(bot.sandbox.sent_to(BEN)) == 2


async def test_a_restart_loses_nothing_and_repeats_nothing(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        confirmation = await bot.say("/subscribe Idlib")
        bot.sandbox.press(confirmation["message_id"], "At once", user_id=BEN)
        bot.news("First news from Idlib")
        await bot.told(2)
    bot.news("Second news from Idlib came while nobody looked")
    bot.sandbox.say("/list", user_id=BEN)
    async with bot.running():
        await bot.told(4)
        await bot.polled()
    texts = [message["text"] for message in bot.sandbox.sent_to(BEN)]
    assert len(texts) == 4
    assert sum("First news" in text for text in texts) == 1
    assert sum("Second news" in text for text in texts) == 1
    assert sum("You are watching 1 thing" in text for text in texts) == 1


async def test_what_a_new_source_already_shows_is_no_news(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        bot.feeds.serve("/other.xml", bot_feed("Old news of Idlib", "More old news of Idlib"))
        confirmation = await bot.say("/subscribe Idlib")
        bot.sandbox.press(confirmation["message_id"], "At once", user_id=BEN)
        added = await bot.say(f"/addsource {bot.feeds.url('/other.xml')}", ADA)
        assert "It has 2 articles now" in added["text"]
        await bot.polled()
        await bot.polled()
    assert len(bot.sandbox.sent_to(BEN)) == 1


def bot_feed(*titles: str) -> bytes:
    return rss([item(title) for title in titles])


async def test_pause_keeps_what_is_found_and_resume_brings_it_as_one_digest(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        confirmation = await bot.say("/subscribe Idlib")
        bot.sandbox.press(confirmation["message_id"], "At once", user_id=BEN)
        await bot.say("/pause")
        bot.news("Bakeries reopen in Idlib", "Flour arrived.")
        bot.news("A new hospital for Idlib", "It has forty beds.")
        await bot.polled()
        assert len(bot.sandbox.sent_to(BEN)) == 2

        resumed = await bot.say("/resume")
        assert "2 stories gathered" in resumed["text"]
        digest = await bot.told(4)
    assert "Bakeries reopen" in digest["text"]
    assert "new hospital" in digest["text"]


async def test_who_blocks_the_bot_is_paused_and_welcome_back(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        confirmation = await bot.say("/subscribe Idlib")
        bot.sandbox.press(confirmation["message_id"], "At once", user_id=BEN)
        await bot.polled()
        bot.sandbox.world.chats[BEN].blocked = True  # before the bot hears of it
        bot.news("News that meets a closed door in Idlib")
        await bot.until(lambda _: _blocked(bot))
        answer = await bot.say("/start")
        assert "already" in answer["text"]
        bot.news("Something else about Idlib", "Quite another story about schools and rain.")
        alert = await bot.told(3)
    assert "Something else about Idlib" in alert["text"]


async def _blocked(bot: Bot) -> bool:
    return any(request.status == 403 for request in bot.sandbox.requests)


@pytest.mark.parametrize("method", ["getMe", "setMyCommands", "getUpdates"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_no_odd_answer_of_telegram_ends_the_bot(bot: Bot, method: str) -> None:
    for kind in (FailureMode.NO_RESULT, FailureMode.MALFORMED):
        bot.sandbox.fail(kind, method=method)
    async with bot.running():
        bot.sandbox.say("/start", user_id=BEN)
        await bot.told(1)
