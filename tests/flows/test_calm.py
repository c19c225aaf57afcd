"""Nothing is silent and nothing is in the way: /latest, digests that were moved, and explanations in groups."""

from datetime import timedelta

from bot.sandbox.people import ADA, BEN, GROUP
from tests.flows.living import Bot
from tests.flows.test_more_commands import ON_ONE


@ON_ONE
async def test_the_latest_begin_with_the_newest_entry_and_show_that_one(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        await bot.say("/subscribe wheat, Idlib")
        bot.news("Convoy with flour and wheat reaches besieged Idlib", "Aid workers cheered.")
        await bot.polled()
        bot.news("Rain returns to the south", "The wheat grows.")
        await bot.polled()
        bot.news("Convoy with flour and wheat reaches besieged Idlib, officials confirm", "Aid workers cheered.")
        await bot.polled()
        shown = (await bot.say("/latest"))["text"]
        assert shown.index("officials confirm") < shown.index("Rain returns")


@ON_ONE
async def test_the_latest_of_one_subscription_are_only_its_own(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        await bot.say("/subscribe wheat, Idlib")
        for number in range(12):
            bot.news(f"Harvest{number} of field{number * 7}", f"The grain{number} of year{number * 9} is wheat.")
        bot.news("Schools reopen in Idlib", "Pupils cheered.")
        await bot.polled()
        for typed in ("/latest Idlib", "/latest idlib", "/latest 2", "/latest ٢"):
            shown = (await bot.say(typed))["text"]
            assert "Schools reopen" in shown, typed
            assert "Harvest" not in shown, typed
        page = await bot.say("/latest wheat")
        bot.sandbox.press(page["message_id"], "Older ›", user_id=BEN)
        await bot.sandbox.until(lambda: "Harvest0 of" in bot.text_of(page), 10.0, "the second page")
        assert "Schools" not in bot.text_of(page)
        assert (await bot.say("/latest Homs"))["text"] == "You are not watching Homs: /list"
        assert (await bot.say("/latest 1, 2"))["text"] == "Name one of them, like this: /latest Idlib"


@ON_ONE
async def test_in_a_group_an_explanation_is_a_pop_up_for_the_person_who_pressed(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        made = await bot.say("/subscribe@watchword_sandbox_bot Idlib", ADA, chat_id=GROUP)
        bot.sandbox.press(made["message_id"], "At once", user_id=ADA, chat_id=GROUP)
        await bot.shows(made, "at once")
        before = len(bot.sandbox.sent_to(GROUP))
        bot.news("Schools reopen in إدلب", "Pupils cheered, and so did teachers.")
        alert = await bot.told(before + 1, GROUP)
        bot.sandbox.press(alert["message_id"], "Why?", user_id=BEN, chat_id=GROUP)
        await bot.sandbox.until(lambda: bool(pop_ups(bot)), 10.0, "an answer to the press")
        assert pop_ups(bot)[-1].startswith("Matched Idlib as")
        assert bot.text_of(alert, GROUP) == alert["text"]
        assert "reply_markup" in bot.sandbox.world.chats[GROUP].messages[alert["message_id"]]
        assert len(bot.sandbox.sent_to(GROUP)) == before + 1


def pop_ups(bot: Bot) -> list[str]:
    answers = [event["data"] for event in bot.sandbox.world.events if event["kind"] == "answered"]
    return [answer["text"] for answer in answers if answer["show_alert"]]


@ON_ONE
async def test_a_moved_digest_names_its_day_and_keeps_it(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        await bot.say("/subscribe Idlib")
        start = bot.clock.now()
        soon = start + timedelta(hours=2)
        day = "today" if soon.date() == start.date() else "tomorrow"
        said = (await bot.say(f"/settings {soon:%H:%M}"))["text"]
        assert f"Next digest: {day} {soon:%H:%M}, UTC time." in said
        assert f"Next digest: {day} {soon:%H:%M}, UTC time." in (await bot.say("/digest"))["text"]
