from datetime import time, timedelta

from bot.runtime.wakeups import Step
from bot.sandbox.people import BEN
from bot.schedules.digests import next_digest_at
from tests.flows.living import Bot

NEWS = ("Bakery reopens", "Bridge is mended", "Cup final is moved", "Dam fills", "Exams begin", "Ferry runs again")


async def test_what_a_feed_floods_a_chat_with_beyond_its_cap_comes_in_its_digest(bot: Bot) -> None:
    bot.changes["limits"] = {"alerts_per_hour": 2}
    async with bot.running():
        await bot.polled()
        confirmation = await bot.say("/subscribe Idlib")
        bot.sandbox.press(confirmation["message_id"], "At once", user_id=BEN)
        await bot.polled()
        for title in NEWS:
            bot.news(f"{title} in Idlib", f"{title}, the mayor said.")
        await bot.told(4)  # two alerts, and the message that says what waits
        await bot.polled()
        assert len(bot.sandbox.sent_to(BEN)) == 4

        now = bot.clock.now()
        bot.clock.ahead = next_digest_at(now, time(8), "UTC") - now + timedelta(seconds=1)
        bot.wakeups.wake(Step.DIGEST)
        digest = await bot.told(5)
    told = "".join(message["text"] for message in bot.sandbox.sent_to(BEN)[1:])
    assert "4 stories" in digest["text"]
    assert all(told.count(f"{title} in Idlib") == 1 for title in NEWS)
