from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.sandbox.people import ADA, BEN, CHO, GROUP
from bot.sandbox.state import SentMessage
from bot.storage import pages, schema
from tests.feedserver import item, rss
from tests.flows.living import Bot
from tests.sources.reading.test_page import FIRST, SECOND, TITLE, page

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the main job runs on both


def buttons(message: SentMessage) -> list[str]:
    keyboard = (message["reply_markup"] or {}).get("inline_keyboard", [])
    return [button["text"] for row in keyboard for button in row]


async def test_start_and_help_say_how_to_begin(bot: Bot) -> None:
    async with bot.running():
        start = await bot.say("/start")
        assert "/subscribe Idlib" in start["text"]
        assert "08:00" in start["text"]
        help_ = await bot.say("/help")
        assert "/unsubscribe" not in help_["text"]
        assert "Egypt–Russia" in help_["text"]
        assert "/addsource" not in help_["text"]
        assert "/addsource" in (await bot.say("/help", ADA))["text"]


async def test_several_things_are_watched_at_once_or_none_is(bot: Bot) -> None:
    async with bot.running():
        both = await bot.say("/subscribe Syria, Egypt–Russia")
        assert "Watching Syria" in both["text"]
        assert "Watching Egypt–Russia" in both["text"]
        assert "Egypt and Russia" in both["text"].replace("Egypt, its people and adjectives", "Egypt")

        wrong = await bot.say('/subscribe Libya, "unclosed, Sudan')
        assert "👉" in wrong["text"]
        listed = await bot.say("/list")
    assert "You are watching 2 things" in listed["text"]
    assert "Libya" not in listed["text"]


async def test_watching_twice_is_said_and_changes_nothing(bot: Bot) -> None:
    async with bot.running():
        await bot.say("/subscribe Syria")
        again = await bot.say("/subscribe syria")
        assert "already watching" in again["text"]
        assert "1 thing" in (await bot.say("/list"))["text"]


async def test_unsubscribing_by_number_words_and_all(bot: Bot) -> None:
    async with bot.running():
        await bot.say("/subscribe Syria, Idlib, Aleppo, Egypt–Russia")
        assert "Stopped watching Idlib" in (await bot.say("/unsubscribe 2"))["text"]
        assert "Stopped watching Egypt–Russia" in (await bot.say("/unsubscribe egypt + russia"))["text"]
        assert "There is no number 7 in your list of 2" in (await bot.say("/unsubscribe 7"))["text"]
        assert "You are not watching Sudan" in (await bot.say("/unsubscribe Sudan"))["text"]
        asked = await bot.say("/unsubscribe all")
        bot.sandbox.press(asked["message_id"], "Yes", user_id=BEN)
        await bot.shows(asked, "Stopped watching Syria, Aleppo")
        assert "not watching anything" in (await bot.say("/list"))["text"]


async def test_the_list_is_changed_with_its_buttons_in_place(bot: Bot) -> None:
    async with bot.running():
        await bot.say("/subscribe Syria, Idlib")
        listed = await bot.say("/list")
        bot.sandbox.press(listed["message_id"], "2", user_id=BEN)
        await bot.shows(listed, "Idlib\n")
        bot.sandbox.press(listed["message_id"], "At once", user_id=BEN)
        await bot.shows(listed, "at once")
        bot.sandbox.press(listed["message_id"], "Stop watching", user_id=BEN)
        await bot.shows(listed, "Stopped watching Idlib")
        assert "1 thing" in (await bot.say("/list"))["text"]


async def test_settings_take_a_time_a_zone_or_both_in_either_order(bot: Bot) -> None:
    async with bot.running():
        assert "08:00, UTC" in (await bot.say("/settings"))["text"]
        assert "07:30, UTC" in (await bot.say("/settings 7:30"))["text"]
        assert "07:30, Europe/Berlin" in (await bot.say("/settings Berlin"))["text"]
        assert "20:00, Africa/Cairo" in (await bot.say("/settings Cairo 8 pm"))["text"]
        assert "06:15, UTC+03:00" in (await bot.say("/settings 06:15 UTC+3"))["text"]
        assert "09:00" in (await bot.say("/digest 9"))["text"]

        settings = await bot.say("/settings")
        bot.sandbox.press(settings["message_id"], "18:00", user_id=BEN)
        await bot.shows(settings, "18:00")
        unknown = await bot.say("/settings Nowhereland")
        assert "18:00" in (await bot.say("/settings"))["text"]
    assert "\n" not in unknown["text"].strip()


async def test_digest_now_brings_what_is_owed_and_then_says_that_there_is_no_more(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        await bot.say("/subscribe Idlib")
        bot.news("Market opens in Idlib", "Prices are high.")
        await bot.polled()
        assert "Market opens in Idlib" in (await bot.say("/digest"))["text"]
        assert "Nothing new" in (await bot.say("/digest"))["text"]
        assert "Market opens in Idlib" in (await bot.say("/latest"))["text"]


async def test_sources_are_managed_from_chat(bot: Bot) -> None:
    bot.feeds.serve("/new.xml", rss([item("A headline"), item("Another headline")], title="New Times"))
    bot.feeds.serve(
        "/page.html",
        '<html><head><link rel="alternate" type="application/rss+xml" href="/new.xml" title="New"></head></html>',
        content_type="text/html",
    )
    async with bot.running():
        await bot.polled()
        added = await bot.say(f"/addsource {bot.feeds.url('/page.html')}", ADA)
        assert "Added New Times" in added["text"]
        assert "2 articles" in added["text"]
        assert "A headline" in added["text"]
        assert "already" in (await bot.say(f"/addsource {bot.feeds.url('/new.xml')}", ADA))["text"]
        listed = await bot.say("/sources", ADA)
        assert "1. Demo Times" in listed["text"]
        assert "2. New Times" in listed["text"]
        assert "Asking 2 sources now" in (await bot.say("/pollnow", ADA))["text"]
        assert "Asking 1 source now" in (await bot.say("/pollnow 2", ADA))["text"]
        assert "Removed New Times" in (await bot.say("/removesource 2", ADA))["text"]
        assert "by its number" in (await bot.say("/removesource 2", ADA))["text"]
        assert "1 active" in (await bot.say("/stats", ADA))["text"]


async def test_whole_articles_are_read_where_an_admin_says_so(bot: Bot) -> None:
    bot.feeds.serve("/new.xml", rss([item("Old", bot.feeds.url("/old"))], title="New Times"))
    bot.feeds.serve("/dam", page(FIRST, SECOND), content_type="text/html")
    async with bot.running():
        await bot.say("/settings", BEN)
        added = await bot.say(f"/addsource {bot.feeds.url('/new.xml')}", ADA)
        bot.sandbox.press(added["message_id"], "Read its whole articles", user_id=ADA)
        assert "read the whole articles" in (await bot.told(2, ADA))["text"]
        bot.sandbox.press(added["message_id"], "Read its whole articles", user_id=ADA)  # again: nothing
        assert "1 article · whole articles: 0" in (await bot.say("/sources", ADA))["text"]
        watching = await bot.say("/subscribe Cairo")
        bot.sandbox.press(watching["message_id"], "At once", user_id=BEN)
        await bot.shows(watching, "at once")

        bot.feeds.hang("/dam")
        new = item(TITLE, bot.feeds.url("/dam"), text="Talks.")
        bot.feeds.serve("/new.xml", rss([new, item("Old", bot.feeds.url("/old"))], title="New Times"))
        await bot.until(page_waits)
        assert "still reading" in (await bot.say(f"/why {bot.feeds.url('/dam')}"))["text"]
        await bot.until(page_failed)
        bot.feeds.serve("/dam", page(FIRST, SECOND), content_type="text/html")
        bot.clock.ahead += timedelta(minutes=2)  # it is tried again
        assert TITLE in (await bot.told(4))["text"]
        assert "2 articles · whole articles: 1" in (await bot.say("/sources", ADA))["text"]
        assert "what its feed says" in (await bot.say("/fulltext 2", ADA))["text"]
        assert "whole articles" not in (await bot.say("/sources", ADA))["text"]


async def page_waits(connection: AsyncConnection) -> bool:
    return await pages.waiting(connection) > 0


async def page_failed(connection: AsyncConnection) -> bool:
    return int((await connection.execute(sa.select(schema.page.c.attempts))).scalar_one()) > 0


@pytest.mark.parametrize(
    "command", ["/sources", "/fulltext 1", "/addsource http://a.example", "/removesource 1", "/pollnow", "/stats"]
)
async def test_admin_commands_are_for_admins(bot: Bot, command: str) -> None:
    async with bot.running():
        answer = await bot.say(command)
    assert answer["text"] == "Only the bot's admins can do that."


async def test_in_a_group_its_admins_decide(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        refused = await bot.say("/subscribe@watchword_sandbox_bot Idlib", BEN, chat_id=GROUP)
        assert refused["text"] == "Only admins of this group can do that."
        taken = await bot.say("/subscribe@watchword_sandbox_bot Idlib", ADA, chat_id=GROUP)
        assert "Watching Idlib" in taken["text"]
        bot.sandbox.press(taken["message_id"], "At once", user_id=ADA, chat_id=GROUP)
        bot.news("Roads of Idlib are mended", "Work began.")
        alert = await bot.told(3, GROUP)
    assert "Roads of Idlib" in alert["text"]


async def test_a_group_that_becomes_a_supergroup_keeps_its_subscriptions(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        taken = await bot.say("/subscribe@watchword_sandbox_bot Idlib", ADA, chat_id=GROUP)
        bot.sandbox.press(taken["message_id"], "At once", user_id=ADA, chat_id=GROUP)
        await bot.shows(taken, "each story at once")
        new = bot.sandbox.migrate(GROUP)
        bot.news("Roads of Idlib are mended", "Work began.")
        alert = await bot.told(1, new)
    assert "Roads of Idlib" in alert["text"]


async def test_what_is_no_command_gets_an_answer_that_helps(bot: Bot) -> None:
    async with bot.running():
        assert "/help" in (await bot.say("/nonsense"))["text"]
        assert "Watch Idlib?" in (await bot.say("Idlib"))["text"]


async def test_an_edited_command_does_nothing(bot: Bot) -> None:
    async with bot.running():
        message_id = bot.sandbox.say("/subscribe Syria", user_id=BEN)
        await bot.told(1)
        bot.sandbox.edit(message_id, "/unsubscribe all", chat_id=BEN)
        assert "1 thing" in (await bot.say("/list"))["text"]


async def test_a_private_bot_answers_only_those_it_knows(bot: Bot) -> None:
    bot.changes["access"] = {"mode": "list", "ids": [BEN]}
    async with bot.running():
        assert "I watch the news" in (await bot.say("/start", BEN))["text"]
        assert "I watch the news" in (await bot.say("/start", ADA))["text"]
        assert "خاص" in (await bot.say("/start", CHO))["text"]


async def test_nothing_is_sent_after_unsubscribing(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        confirmation = await bot.say("/subscribe Idlib")
        bot.sandbox.press(confirmation["message_id"], "At once", user_id=BEN)
        await bot.say("/unsubscribe 1")
        bot.news("Rain over Idlib")
        await bot.polled()
        bot.clock.ahead = timedelta(hours=1)
        await bot.polled()
    assert len(bot.sandbox.sent_to(BEN)) == 2


async def test_a_digest_is_not_made_while_news_is_paused(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        await bot.say("/subscribe Idlib")
        await bot.say("/pause")
        bot.news("Market opens in Idlib", "Prices are high.")
        await bot.polled()
        assert (await bot.say("/digest"))["text"] == "News is paused."
        assert "Next digest:" in (await bot.say("/resume"))["text"]  # it comes daily


async def test_what_a_keyboard_adds_and_what_is_far_too_long_is_understood(bot: Bot) -> None:
    async with bot.running():
        assert "07:30" in (await bot.say("/settings \u200f7:30"))["text"]
        assert "Nothing new" in (await bot.say("/digest now"))["text"]
        long = await bot.say("/subscribe " + "long " * 800)
        assert "100 characters" in long["text"]
        assert len(long["text"]) < 300
        assert (await bot.say("w" * 4096))["text"]


async def test_nothing_in_the_name_of_a_source_acts(bot: Bot) -> None:
    bot.feeds.serve("/evil.xml", rss([item("A @everyone /forget headline")], title="News @admin /forget <b>"))
    async with bot.running():
        await bot.say(f"/addsource {bot.feeds.url('/evil.xml')}", ADA)
        await bot.say("/sources", ADA)
    kinds = {entity["type"] for message in bot.sandbox.sent_to(ADA) for entity in message["entities"]}
    assert "mention" not in kinds
    commands = [
        message["text"][entity["offset"] : entity["offset"] + entity["length"]]
        for message in bot.sandbox.sent_to(ADA)
        for entity in message["entities"]
        if entity["type"] == "bot_command"
    ]
    assert "/forget" not in commands


@pytest.mark.parametrize("way", ["forwarded", "made by another bot"])
async def test_a_command_that_is_not_its_senders_own_does_nothing(bot: Bot, way: str) -> None:
    def pass_on(text: str, by: int, to: int) -> None:
        if way == "forwarded":
            bot.sandbox.forward(bot.sandbox.say(text, user_id=CHO, chat_id=GROUP), from_chat_id=GROUP, user_id=to)
            return
        chat, person = bot.sandbox.world.chats[to], bot.sandbox.world.people[by]
        other = {"id": 5, "is_bot": True, "first_name": "Other", "username": "other_bot"}
        entities = [{"type": "bot_command", "offset": 0, "length": len(text.split(maxsplit=1)[0])}]
        made = bot.sandbox.world.new_message(chat, person.user(), text=text, entities=entities, via_bot=other)
        bot.sandbox.world.tell_bot_of(made)

    async with bot.running():
        await bot.say("/subscribe Idlib")
        for count, text in enumerate(("/unsubscribe all", "/subscribe gold", "/start"), start=2):
            pass_on(text, BEN, BEN)
            assert "somebody else’s message" in (await bot.told(count))["text"]
        listed = (await bot.say("/list"))["text"]
        assert "Idlib" in listed
        assert "gold" not in listed
        before = len(bot.sandbox.sent_to(ADA))
        pass_on(f"/ban {BEN}", ADA, ADA)
        assert "somebody else’s message" in (await bot.told(before + 1, ADA))["text"]
        assert "Idlib" in (await bot.say("/list"))["text"]


async def test_a_forwarded_list_of_sources_is_imported_only_by_the_admins_own_command(bot: Bot) -> None:
    opml = f'<opml><body><outline xmlUrl="{bot.feeds.url("/other.xml")}"/></body></opml>'.encode()
    async with bot.running():
        bot.sandbox.upload("list.opml", opml, user_id=CHO, caption="/import")
        await bot.told(1, CHO)
        before = len(bot.sandbox.sent_to(ADA))
        theirs = next(key for key, one in bot.sandbox.world.chats[CHO].messages.items() if "document" in one)
        copy = bot.sandbox.forward(theirs, from_chat_id=CHO, user_id=ADA)
        assert "somebody else’s message" in (await bot.told(before + 1, ADA))["text"]
        bot.sandbox.say("/import", user_id=ADA, reply_to=copy)
        assert "Added 1 source" in (await bot.told(before + 2, ADA))["text"]
