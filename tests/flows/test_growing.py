"""An alert that grows: further texts of its event edit it, before and after its "Why?", which keeps them."""

from datetime import timedelta

from bot.sandbox.people import BEN
from tests.flows.accounted import labels, links_seen
from tests.flows.living import Bot, all_sent
from tests.flows.test_more_commands import ON_ONE

CONVOY = (
    "Convoy with flour reaches besieged Idlib after long wait",
    "Flour convoy reaches besieged Idlib town after a long wait",
    "Besieged Idlib: flour convoy reaches town after long wait at last",
)


@ON_ONE
async def test_an_alert_grows_before_and_after_it_is_explained(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        made = await bot.say("/subscribe Idlib")
        bot.sandbox.press(made["message_id"], "At once", user_id=BEN)
        await bot.shows(made, "at once")
        before = len(bot.sandbox.sent_to(BEN))
        bot.news(CONVOY[0], "Bakers opened their ovens before dawn.")
        alert = await bot.told(before + 1)
        messages = len(bot.sandbox.world.chats[BEN].messages)
        bot.news(CONVOY[1], "Aid workers cheered as trucks rolled in.")
        await bot.polled()
        bot.clock.ahead += timedelta(minutes=2)
        await bot.until(all_sent)
        await bot.shows(alert, CONVOY[1])
        bot.sandbox.press(alert["message_id"], "Why?", user_id=BEN)
        await bot.shows(alert, "Matched")
        assert CONVOY[1] in bot.text_of(alert)
        bot.news(CONVOY[2], "Prices of bread fell by noon.")
        await bot.polled()
        bot.clock.ahead += timedelta(minutes=4)
        await bot.until(all_sent)
        await bot.shows(alert, CONVOY[2])
        assert all(title in bot.text_of(alert) for title in CONVOY)
        assert labels(bot, BEN, alert["message_id"]) == ["Why?"]
        assert len(bot.sandbox.world.chats[BEN].messages) == messages
        assert links_seen(bot, BEN) == {f"https://demo.example/{number}" for number in range(3)}
