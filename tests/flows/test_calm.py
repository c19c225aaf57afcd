"""Nothing is silent and nothing is in the way: /latest, digests that were moved, and explanations in groups."""

from datetime import timedelta

from bot.sandbox.people import ADA, BEN, GROUP
from tests.flows.accounted import links_seen
from tests.flows.living import Bot, all_sent
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


@ON_ONE
async def test_at_the_cap_one_message_says_what_waits_and_grows(bot: Bot) -> None:
    bot.changes["limits"] = {"alerts_per_hour": 2}
    async with bot.running():
        await bot.polled()
        await watch_at_once(bot, "Idlib", "wheat")
        for number, title in enumerate(("Schools reopen", "Bakers strike", "Road mended", "Library restored")):
            bot.news(f"{title} in Idlib", f"Report {number * 37}.")
        bot.news("Wheat prices fall", "A good harvest.")
        await bot.polled()
        await bot.until(all_sent)
        notice = bot.sandbox.sent_to(BEN)[-1]
        assert notice["text"].startswith("2 alerts in an hour. 3 more wait: ")
        assert notice["silent"]
        assert "· 2 held" in (await bot.say("/list"))["text"]
        assert "Held: 2 alerts within the hour." in (await bot.say("/why https://demo.example/3"))["text"]
        bot.news("Market opens in Idlib", "Prices are high.")
        await bot.polled()
        bot.clock.ahead += timedelta(minutes=2)
        await bot.shows(notice, "4 more wait: ")
        news = [message for message in bot.sandbox.sent_to(BEN) if " in an hour. " in message["text"]]
        assert [message["message_id"] for message in news if message["method"] == "sendMessage"] == [
            notice["message_id"]
        ]
        bot.sandbox.press(notice["message_id"], "Show them now", user_id=BEN)
        await bot.shows(notice, "Here are 4 that waited.")
        await bot.until(all_sent)
        links = links_seen(bot, BEN)
        assert {f"https://demo.example/{number}" for number in range(6)} <= links
        assert "held" not in (await bot.say("/list"))["text"]


@ON_ONE
async def test_what_is_held_may_be_made_hourly_or_daily_and_taken_back(bot: Bot) -> None:
    bot.changes["limits"] = {"alerts_per_hour": 1}
    async with bot.running():
        await bot.polled()
        await watch_at_once(bot, "Idlib")
        for number, title in enumerate(("Schools reopen", "Bakers strike", "Road mended")):
            bot.news(f"{title} in Idlib", f"Report {number * 37}.")
        await bot.polled()
        await bot.until(all_sent)
        notice = bot.sandbox.sent_to(BEN)[-1]
        bot.sandbox.press(notice["message_id"], "Digest only", user_id=BEN)
        await bot.shows(notice, "1 subscription comes with your daily digest now.")
        assert "Idlib · daily" in (await bot.say("/list"))["text"]
        bot.sandbox.press(notice["message_id"], "Undo", user_id=BEN)
        await bot.shows(notice, "1 comes at once again.")
        assert "Idlib · at once" in (await bot.say("/list"))["text"]


async def watch_at_once(bot: Bot, *queries: str) -> None:
    for query in queries:
        made = await bot.say(f"/subscribe {query}")
        bot.sandbox.press(made["message_id"], "At once", user_id=BEN)
        await bot.shows(made, "at once")


@ON_ONE
async def test_what_waits_for_more_publishers_is_said(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        await watch_at_once(bot, "Idlib min:3")
        bot.news("Schools reopen in Idlib", "Pupils cheered.")
        await bot.polled()
        assert "1 event held: 1 of 3" in (await bot.say("/list"))["text"]
        assert "Held for more publishers: 1 of 3." in (await bot.say("/why https://demo.example/0"))["text"]
        assert links_seen(bot, BEN) == set()
