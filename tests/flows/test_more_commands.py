import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.chat.buttons import OFFER_HANDLERS, PRESSES
from bot.chat.router import COMMANDS
from bot.errors import ConfigError
from bot.messages.callbacks import SampleAlertButton
from bot.messages.signing import Signer
from bot.pipeline.aliases import read_file
from bot.runtime.wakeups import Step
from bot.sandbox.people import ADA, BEN, CHANNEL, CHO, GROUP
from bot.sandbox.state import SentMessage
from bot.sources.opml import read_opml
from bot.storage import secrets, sources
from bot.storage.database import Database
from bot.storage.schema import meta
from tests.flows.living import Bot

ON_ONE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what asks nothing of the database
TOO_OLD = "That button is too old."


def labels(message: SentMessage) -> list[str]:
    return [one["text"] for row in (message["reply_markup"] or {}).get("inline_keyboard", []) for one in row]


async def signer(bot: Bot) -> Signer:
    async with Database(bot.database_url) as database, database.begin() as connection:
        return Signer(await secrets.get(connection, "buttons"))


def press_made_up(bot: Bot, message: SentMessage, data: str, user_id: int = BEN) -> None:
    """Press a button that is not there, as a modified client can."""
    chat = bot.sandbox.world.chats[message["chat_id"]]
    shown = chat.messages[message["message_id"]]
    query = bot.sandbox.world.new_query(chat)
    person = bot.sandbox.world.person(user_id).user()
    update = {"id": query.id, "from": person, "message": shown, "chat_instance": str(chat.id), "data": data}
    bot.sandbox.world.tell_bot("callback_query", update)


async def answered(bot: Bot, count: int) -> str:
    """Wait until so many presses were answered with a text, and return the last text."""

    def texts() -> list[str]:
        events = bot.sandbox.world.events_after(0, 0)
        return [one["data"]["text"] for one in events if one["kind"] == "answered" and one["data"]["text"]]

    await bot.sandbox.until(lambda: len(texts()) >= count, 15.0, f"{count} answers in {texts()}")
    return texts()[count - 1]


async def alerted(bot: Bot, query: str, title: str, text: str = "") -> SentMessage:
    """Subscribe Ben at once, publish, and return the alert."""
    await bot.polled()
    made = await bot.say(f"/subscribe {query}")
    bot.sandbox.press(made["message_id"], "At once", user_id=BEN)
    await bot.shows(made, "at once")
    bot.news(title, text)
    return await bot.told(len(bot.sandbox.sent_to(BEN)) + 1)


async def test_why_says_which_words_were_found_where(bot: Bot) -> None:
    async with bot.running():
        alert = await alerted(bot, "Syria", "Syrian bakers strike", "Bread is dear.")
        bot.sandbox.press(alert["message_id"], "Why?", user_id=BEN)
        await bot.shows(alert, "Bread is dear.\n\n🔎 Matched Syria as Syrian in the headline.")
        await bot.shows(alert, "Syrian bakers strike\nDemo Times")  # the alert itself is still there
        bot.sandbox.say("/why", user_id=BEN, reply_to=alert["message_id"])
        assert (await bot.told(3))["text"] == "Matched Syria as Syrian in the headline."
        linked = await bot.say("/why https://demo.example/0")
        assert linked["text"].startswith("Matched Syria as Syrian in the headline. Sent ")
        assert "None of my sources" in (await bot.say("/why https://demo.example/nowhere"))["text"]
        bot.news("Cats of Rome", "They sleep.")
        await bot.polled()
        assert "none of what you watch" in (await bot.say("/why https://demo.example/1"))["text"]
        assert "Answer an alert" in (await bot.say("/why"))["text"]


async def test_a_plain_message_is_proposed_and_watched_when_told_so(bot: Bot) -> None:
    bot.news("Convoy reaches Idlib", "Aid came.")
    async with bot.running():
        await bot.polled()
        asked = await bot.say("Idlib")
        assert asked["text"].startswith("Watch Idlib?")
        assert "Last 7 days: 1 story" in asked["text"]
        assert labels(asked) == ["Yes", "No"]
        bot.sandbox.press(asked["message_id"], "Yes", user_id=BEN)
        await bot.shows(asked, "Watching Idlib")
        again = await bot.say("Aleppo")
        assert "Nothing in the last 7 days. Say yes, and you hear from me when there is." in again["text"]
        bot.sandbox.press(again["message_id"], "No", user_id=BEN)
        await bot.shows(again, "not watching Aleppo")
        assert "1 thing" in (await bot.say("/list"))["text"]


async def test_what_was_stopped_comes_back_as_it_was_with_what_came_meanwhile(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        made = await bot.say("/subscribe Idlib")
        bot.sandbox.press(made["message_id"], "Hourly", user_id=BEN)
        await bot.shows(made, "every hour")
        stopped = await bot.say("/unsubscribe 1")
        assert labels(stopped) == ["Undo"]
        bot.news("Rain over Idlib", "At last.")
        await bot.polled()
        bot.sandbox.press(stopped["message_id"], "Undo", user_id=BEN)
        await bot.shows(stopped, "Watching Idlib again")
        assert "hourly" in (await bot.say("/list"))["text"]
        assert "Rain over Idlib" in (await bot.say("/digest"))["text"]

        late = await bot.say("/unsubscribe Idlib")
        bot.clock.ahead += timedelta(hours=2)
        bot.sandbox.press(late["message_id"], "Undo", user_id=BEN)
        assert await answered(bot, 2) == TOO_OLD


async def test_a_query_is_changed_and_keeps_its_schedule_even_over_a_restart(bot: Bot) -> None:
    async with bot.running():
        made = await bot.say("/subscribe Idlib")
        bot.sandbox.press(made["message_id"], "Weekly", user_id=BEN)
        await bot.shows(made, "a week")
        listed = await bot.say("/list")
        bot.sandbox.press(listed["message_id"], "1", user_id=BEN)
        await bot.shows(listed, "Idlib\n")
        bot.sandbox.press(listed["message_id"], "Change the words", user_id=BEN)
        await bot.shows(listed, "Send me the new words for Idlib")
    async with bot.running():
        assert "👉" in (await bot.say("(Aleppo"))["text"]
        changed = await bot.say("Aleppo")
        assert changed["text"].startswith("Watching Aleppo")
        shown = (await bot.say("/list"))["text"]
        assert "1. Aleppo · weekly" in shown
        assert "Watching Homs" in (await bot.say("/edit 1 Homs"))["text"]
        assert "There is no number 4" in (await bot.say("/edit 4 Hama"))["text"]
        assert "Send me the new words" in (await bot.say("/edit 1"))["text"]
        assert "nothing changed" in (await bot.say("/cancel"))["text"]
        assert "nothing to cancel" in (await bot.say("/cancel"))["text"]
        assert (await bot.say("Hama"))["text"].startswith("Watch Hama?")


@ON_ONE
async def test_settings_are_one_message_edited_in_place(bot: Bot) -> None:
    async with bot.running():
        page = await bot.say("/settings")
        bot.sandbox.press(page["message_id"], "New subscriptions: Daily", user_id=BEN)
        await bot.shows(page, "from now on")
        bot.sandbox.press(page["message_id"], "Hourly", user_id=BEN)
        await bot.shows(page, "Next digest:")
        assert "every hour" in (await bot.say("/subscribe Idlib"))["text"]
        bot.sandbox.press(page["message_id"], "Pause", user_id=BEN)
        await bot.shows(page, "News is paused")
        bot.sandbox.press(page["message_id"], "Resume", user_id=BEN)
        bot.sandbox.press(page["message_id"], "العربية", user_id=BEN)
        await bot.shows(page, "موجز")
        assert "تتابع" in (await bot.say("/list"))["text"]
        assert len(bot.sandbox.sent_to(BEN)) == 3


@ON_ONE
async def test_who_reads_arabic_is_answered_in_arabic(bot: Bot) -> None:
    async with bot.running():
        answer = await bot.say("/subscribe Idlib", CHO)
    assert "\u2068Idlib\u2069" in answer["text"]
    assert "Watching" not in answer["text"]


async def test_an_export_is_a_file_with_all_one_watches_and_for_admins_the_sources(bot: Bot) -> None:
    async with bot.running():
        await bot.say("/subscribe Idlib", ADA)
        await bot.say("/export", ADA, answers=2)
    files = [bot.sandbox.world.files[one["file_id"]] for one in bot.sandbox.sent_to(ADA) if one["file_id"]]
    assert [one.name for one in files] == ["watchword.json", "sources.opml"]
    stored = json.loads(files[0].content)
    assert stored["subscriptions"][0]["typed"] == "Idlib"
    assert bot.feeds.url("/feed.xml").encode() in files[1].content


@ON_ONE
async def test_an_admins_export_has_whole_articles_and_aliases_and_can_be_taken_in_again(bot: Bot) -> None:
    path = Path(bot.database_url.removeprefix("sqlite:///")).with_name("aliases.txt")
    path.write_text("# ours\nWagner = PMC W\nFoo = Shamiya\n", encoding="utf-8")
    bot.changes = {"matching": {"aliases": path}}
    async with bot.running():
        await bot.say("/fulltext 1", ADA)
        await bot.say("/alias Вагнер = Wagner", ADA)
        await bot.say("/alias Syria = Shamiya", ADA)
        await bot.say("/export", ADA, answers=3)
        files = [bot.sandbox.world.files[one["file_id"]] for one in bot.sandbox.sent_to(ADA) if one["file_id"]]
        assert [one.name for one in files] == ["watchword.json", "sources.opml", "aliases.txt"]
        assert [one.full_text for one in read_opml(files[1].content).feeds] == [True]
        path.write_bytes(files[2].content)
        assert read_file(path) == [("Wagner", "PMC W", "Вагнер"), ("Syria", "Foo", "Shamiya")]
        await bot.say("/removesource 1", ADA)
        async with Database(bot.database_url) as database, database.begin() as connection:
            await sources.set_full_text(connection, 1, False)  # as in another bot
        bot.sandbox.upload("sources.opml", files[1].content, user_id=ADA, caption="/import")
        assert "Added 1 source" in (await bot.told(8, ADA))["text"]
        assert "whole articles" in (await bot.say("/sources", ADA))["text"]


@ON_ONE
async def test_an_opml_file_adds_its_feeds(bot: Bot) -> None:
    feeds = "".join(f'<outline xmlUrl="https://feeds.example/{n}" title="Feed {n}"/>' for n in range(3))
    opml = f'<opml version="2.0"><body><outline text="All">{feeds}</outline><outline xmlUrl="file:///x"/></body></opml>'
    async with bot.running():
        bot.sandbox.upload("my feeds.opml", opml.encode(), user_id=ADA, caption="/import")
        answer = await bot.told(1, ADA)
        assert answer["text"].startswith("Added 3 sources.")
        assert "1 has no address" in answer["text"]
        assert "• line 1 : Only http and https" in answer["text"]
        assert "Feed 2" in (await bot.say("/sources", ADA))["text"]
        bot.sandbox.upload("bomb.xml", b'<!DOCTYPE opml [<!ENTITY a "b">]><opml/>', user_id=ADA, caption="/import")
        assert (await bot.told(3, ADA))["text"] == "This is not a plain OPML file."
        bot.sandbox.upload("large.opml", b" " * 1_100_000, user_id=ADA)
        assert "1 MiB" in (await bot.told(4, ADA))["text"]
        assert "caption" in (await bot.say("/import", ADA))["text"]
        bot.sandbox.upload("mine.opml", opml.encode(), user_id=BEN, caption="/import")
        assert "Only the bot's admins" in (await bot.told(1, BEN))["text"]


async def test_forgetting_is_asked_twice_and_leaves_nothing(bot: Bot) -> None:
    async with bot.running():
        await bot.say("/subscribe Qamishli")
        asked = await bot.say("/forget")
        bot.sandbox.press(asked["message_id"], "Delete everything", user_id=BEN)
        await bot.shows(asked, "Are you sure?")
        bot.sandbox.press(asked["message_id"], "Yes, delete it for good", user_id=BEN)
        await bot.shows(asked, "Receipt:")
        await bot.shows(asked, "1 subscription deleted")
    left = json.dumps(await everything(bot), default=str, ensure_ascii=False)
    assert "Qamishli" not in left
    assert str(BEN) not in left
    assert '"forgotten"' in left


async def everything(bot: Bot) -> dict[str, list[Any]]:
    """Return every row there is, without sources and news."""
    rows: dict[str, list[Any]] = {}
    async with Database(bot.database_url) as database, database.read() as connection:
        for table in meta.sorted_tables:
            if table.name not in ("source", "entry", "story", "seen"):
                rows[table.name] = [list(row) for row in await connection.execute(table.select())]
    return {name: found for name, found in rows.items() if found}


@ON_ONE
async def test_a_source_rests_and_wakes(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        assert "is paused" in (await bot.say("/pausesource 1", ADA))["text"]
        assert "⏸ paused" in (await bot.say("/sources", ADA))["text"]
        assert "goes on" in (await bot.say("/resumesource 1", ADA))["text"]


async def test_the_queue_shows_what_was_not_delivered_and_why(bot: Bot) -> None:
    async with bot.running():
        assert (await bot.say("/queue", ADA))["text"] == "Every message was delivered."
        await bot.say("/start")
        bot.sandbox.world.chats[BEN].blocked = True
        asked = await bot.say("/broadcast Hello, all", ADA)
        assert "📣 Hello, all" in asked["text"]
        assert "2 chats" in asked["text"]
        bot.sandbox.press(asked["message_id"], "Yes", user_id=ADA)
        bot.sandbox.press(asked["message_id"], "Yes", user_id=ADA)
        await bot.told(3, ADA)
        await bot.until(lambda _: refused(bot))
        shown = await bot.say("/queue", ADA)
        assert "broadcast · called back: " in shown["text"]
        heard = [one for one in bot.sandbox.sent_to(ADA) if one["text"] == "📣 Hello, all"]
        assert len(heard) == 1
        acts = (await bot.say("/admins", ADA))["text"]
        assert "broadcast" in acts
        assert str(ADA) in acts


async def refused(bot: Bot) -> bool:
    return any(request.status == 403 for request in bot.sandbox.requests)


@ON_ONE
async def test_an_admin_sends_themselves_a_test_alert(bot: Bot) -> None:
    async with bot.running():
        assert "This is a test alert" in (await bot.say("/testalert", ADA))["text"]
        stats = await bot.say("/stats", ADA)
        bot.sandbox.press(stats["message_id"], "Send me a test alert", user_id=ADA)
        assert "This is a test alert" in (await bot.told(3, ADA))["text"]


async def test_who_is_banned_gets_nothing_until_the_ban_is_taken_back(bot: Bot) -> None:
    async with bot.running():
        await alerted(bot, "Idlib", "Idlib one", "First.")
        asked = await bot.say(f"/ban {BEN}", ADA)
        bot.sandbox.press(asked["message_id"], "Yes", user_id=ADA)
        await bot.shows(asked, "is banned")
        assert (await bot.say("/list"))["text"] == "You cannot use this bot."
        count = len(bot.sandbox.sent_to(BEN))
        bot.news("Idlib two is quite another story", "Second.")
        await bot.polled()
        assert len(bot.sandbox.sent_to(BEN)) == count
        assert "welcome again" in (await bot.say(f"/unban {BEN}", ADA))["text"]
        assert "1 thing" in (await bot.say("/list"))["text"]
        assert "cannot be banned" in (await bot.say(f"/ban {ADA}", ADA))["text"]


async def test_an_invitation_lets_in_as_many_as_it_says(bot: Bot) -> None:
    bot.changes = {"access": {"mode": "invite"}}
    async with bot.running():
        assert "You need an invitation" in (await bot.say("/list"))["text"]
        assert "You need an invitation" in (await bot.say("/start i_guessed"))["text"]
        invited = await bot.say("/invite", ADA)
        code = invited["text"].rpartition("start=")[2]
        assert "I watch the news" in (await bot.say(f"/start {code}"))["text"]
        assert "not watching anything" in (await bot.say("/list"))["text"]
        assert "دعوة" in (await bot.say(f"/start {code}", CHO))["text"]
        many = await bot.say("/invite many", ADA)
        assert "for many" in (await bot.say("/invite list", ADA))["text"]
        bot.sandbox.press(many["message_id"], labels(many)[0], user_id=ADA)
        await bot.shows(many, "lets nobody in any more")
        revoked = many["text"].rpartition("start=")[2]
        bot.sandbox.add_person(77)
        assert "You need an invitation" in (await bot.say(f"/start {revoked}", 77))["text"]
        assert "may use the bot" in (await bot.say("/allow 77", ADA))["text"]
        assert "not watching anything" in (await bot.say("/list", 77))["text"]


@ON_ONE
async def test_a_list_lets_in_whom_it_names(bot: Bot) -> None:
    bot.changes = {"access": {"mode": "list", "ids": [BEN]}}
    async with bot.running():
        assert "not watching" in (await bot.say("/list"))["text"]
        bot.sandbox.add_person(77)
        assert "This bot is private" in (await bot.say("/list", 77))["text"]
        assert "Invitations count where" in (await bot.say("/invite", ADA))["text"]


@ON_ONE
async def test_too_many_commands_are_warned_of_once_and_then_passed_over(bot: Bot) -> None:
    bot.changes = {"limits": {"commands_per_minute": 3}}
    async with bot.running():
        for _ in range(3):
            await bot.say("/list")
        assert "a lot at once" in (await bot.say("/list"))["text"]
        bot.sandbox.say("/list", user_id=BEN)
        bot.sandbox.say("/list", user_id=BEN)
        await bot.say("/list", ADA)
    assert len(bot.sandbox.sent_to(BEN)) == 4


@ON_ONE
async def test_a_made_up_button_or_another_chats_does_nothing(bot: Bot) -> None:
    async with bot.running():
        mine = await bot.say("/subscribe Idlib")
        theirs = await bot.say("/subscribe Aleppo", ADA)
        stolen = bot.sandbox.world.chats[ADA].messages[theirs["message_id"]]["reply_markup"]["inline_keyboard"][0][0]
        forged = [
            "stop:1",
            "stop:1.AAAAAAAAAAAAAAAA",
            stolen["callback_data"],
            "",
            ".",
            "x" * 64,
            "é:",
            "offer:1:yes.",
        ]
        for count, data in enumerate(forged, start=1):
            press_made_up(bot, mine, data)
            assert await answered(bot, count) == TOO_OLD
        sign = (await signer(bot)).sign
        for count, data in enumerate(["stop:999", "stop:x", "offer:9:yes", "set:language:xx", "when:1"], start=9):
            press_made_up(bot, mine, sign(1, data))
            assert await answered(bot, count) in (
                "That button is too old.",
                "You are not watching that any more: /list",
            )
        assert "1 thing" in (await bot.say("/list"))["text"]
        assert "1 thing" in (await bot.say("/list", ADA))["text"]


@ON_ONE
async def test_every_admin_command_and_button_is_refused_to_everybody_else(bot: Bot) -> None:
    for_admins = [one.name for one in COMMANDS if one.for_admins]
    assert len(for_admins) >= 16
    async with bot.running():
        mine = await bot.say("/start")
        for person, name in enumerate(for_admins, start=2000):  # each in a chat of their own: one may get one a second
            bot.sandbox.say(f"/{name} 1", user_id=person)
        for person, __ in enumerate(for_admins, start=2000):
            assert (await bot.told(1, person))["text"] == "Only the bot's admins can do that."
        sign = (await signer(bot)).sign
        pressed = [button for button, press in PRESSES.items() if press.for_admins]
        assert {button.prefix for button in pressed} == {"test", "aliases", "unalias", "full", "revoke"}
        for count, button in enumerate(pressed, start=1):
            data = button.prefix if button is SampleAlertButton else f"{button.prefix}:1"
            press_made_up(bot, mine, sign(1, data))
            assert await answered(bot, count) == "Only the bot's admins can do that."
        assert {kind for kind, taking in OFFER_HANDLERS.items() if taking.for_admins} == {
            "alias undo",
            "broadcast",
            "ban",
        }


@ON_ONE
async def test_in_a_group_and_a_channel_only_their_admins_press(bot: Bot) -> None:
    async with bot.running():
        made = await bot.say("/subscribe@watchword_sandbox_bot Idlib", ADA, chat_id=GROUP)
        bot.sandbox.press(made["message_id"], "At once", user_id=BEN, chat_id=GROUP)
        assert await answered(bot, 1) == "Only admins of this group can do that."
        posted = await bot.say("/subscribe Idlib", ADA, chat_id=CHANNEL)
        press_made_up(bot, posted, posted_button(bot, posted), user_id=BEN)
        assert await answered(bot, 2) == "Only admins of this channel can do that."


def posted_button(bot: Bot, posted: SentMessage) -> str:
    shown = bot.sandbox.world.chats[CHANNEL].messages[posted["message_id"]]
    return str(shown["reply_markup"]["inline_keyboard"][0][0]["callback_data"])


@ON_ONE
async def test_without_sources_a_subscription_says_so(bot: Bot) -> None:
    bot.changes = {"sources": []}
    async with bot.running():
        assert "No news sources are set up yet" in (await bot.say("/subscribe Idlib"))["text"]
        assert "/addsource" in (await bot.say("/subscribe Idlib", ADA))["text"]


@ON_ONE
async def test_each_scope_and_language_has_its_menu(bot: Bot) -> None:
    async with bot.running():
        await bot.say("/start")
        bot.wakeups.wake(Step.SEND)
        calls = [one for one in bot.sandbox.requests if one.method.lower() == "setmycommands"]
    assert len(calls) == 2 * 4


@ON_ONE
@pytest.mark.parametrize("text", ["/unsubscribe all", "/unsubscribe *"])
async def test_stopping_everything_is_asked_first(bot: Bot, text: str) -> None:
    async with bot.running():
        await bot.say("/subscribe Idlib, Aleppo")
        asked = await bot.say(text)
        assert asked["text"] == "Stop watching all 2 things?"
        bot.sandbox.press(asked["message_id"], "No", user_id=BEN)
        await bot.shows(asked, "nothing changed")
        assert "2 things" in (await bot.say("/list"))["text"]


@ON_ONE
async def test_an_address_inside_the_network_is_refused_by_import_addsource_and_at_the_start(bot: Bot) -> None:
    inside = "http://169.254.169.254/latest/meta-data"
    opml = f'<opml><body>\n<outline xmlUrl="{inside}"/>\n<outline xmlUrl="https://feeds.example/"/></body></opml>'
    async with bot.running():
        bot.sandbox.upload("feeds.opml", opml.encode(), user_id=ADA, caption="/import")
        answer = (await bot.told(1, ADA))["text"]
        assert "Added 1 source" in answer
        assert "line 2 169.254.169.254: This address is not on the public internet." in answer
        assert "169.254" not in (await bot.say("/sources", ADA))["text"]
        assert "not on the public internet" in (await bot.say(f"/addsource {inside}", ADA))["text"]
    bot.changes = {"sources": [{"url": inside, "title": "Inside"}]}
    with pytest.raises(ConfigError, match=r"sources\.0\.url: This address is not on the public internet"):
        async with bot.running():
            pass
