"""Faults of Telegram, and of other clients of the same bot, while the bot runs."""

import asyncio
import time
from datetime import timedelta

import pytest
import sqlalchemy as sa
import telegram
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.delivery.telegram.http import AiohttpRequest
from bot.sandbox.faults import FailureMode
from bot.sandbox.people import ADA, BEN, GROUP
from bot.storage import schema
from tests.feedserver import rss
from tests.flows.living import TOKEN, Bot
from tests.flows.test_delivery import state, watch

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_updates_of_every_odd_kind_are_survived_and_none_is_parked(bot: Bot) -> None:
    tell, chat = bot.sandbox.world.tell_bot, {"id": BEN, "type": "private", "first_name": "Ben"}
    group, ben = {"id": GROUP, "type": "group", "title": "G"}, {"id": BEN, "is_bot": False, "first_name": "Ben"}
    message = {"message_id": 5, "date": 1, "chat": chat, "from": ben}
    async with bot.running():
        await bot.polled()
        bot.sandbox.world.allowed_updates = None
        tell("channel_post", {"message_id": 6, "date": 1, "chat": {"id": -1009, "type": "channel", "title": "C"}})
        tell("message", {"message_id": 7, "date": 1, "chat": group, "sender_chat": group, "text": "/list"})
        tell("message", {"message_id": 8, "date": 1, "chat": group, "new_chat_title": "H"})
        tell("message", message | {"chat": group, "pinned_message": {"message_id": 1, "date": 0, "chat": group}})
        tell("message", {"message_id": 9, "date": 1, "chat": chat})
        tell("message", message | {"sticker_of_tomorrow": {"id": 1}})
        tell("edited_message", message | {"text": "/unsubscribe all"})
        tell("callback_query", {"id": "1", "from": ben, "chat_instance": "1", "inline_message_id": "x"})
        old = {"message_id": 3, "date": 0, "chat": chat}  # inaccessible
        tell("callback_query", {"id": "2", "from": ben, "chat_instance": "1", "data": "list:0", "message": old})
        tell("my_chat_member", {"chat": chat, "from": ben, "date": 1} | membership(bot, "member", "kicked"))
        tell("my_chat_member", {"chat": chat, "from": ben, "date": 2} | membership(bot, "kicked", "member"))
        bot.sandbox.world.updates.append((time.time(), {"update_id": 2_000_000_000, "kind_of_tomorrow": {"id": 1}}))
        await bot.say("/list", ADA)
        await bot.until(_all_applied, 30)


def membership(bot: Bot, old: str, new: str) -> dict[str, object]:
    me, statuses = bot.sandbox.world.bot_user(), {"old_chat_member": old, "new_chat_member": new}
    return {key: {"user": me, "status": status, "until_date": 0} for key, status in statuses.items()}


async def _all_applied(connection: AsyncConnection) -> bool:
    found = (await connection.execute(sa.select(schema.inbox.c.state, schema.inbox.c.error))).all()
    assert [row.error for row in found if row.error] == []
    return {row.state for row in found} == {"DONE"}


async def test_a_second_program_with_the_token_is_said_and_waited_for(
    bot: Bot, capfd: pytest.CaptureFixture[str]
) -> None:
    async with bot.running(), telegram.Bot(TOKEN, bot.sandbox.base_url, request=AiohttpRequest()) as other:
        before = await watch(bot)
        await other.get_updates(timeout=0)  # the later one is served, the earlier one told to stop
        await bot.sandbox.until(lambda: any(one.status == 409 for one in bot.sandbox.requests))
        bot.news("Schools reopen in Idlib")
        await bot.told(before + 1)
        await bot.say("/list")  # heard when the other is gone
    assert "another program polls with this token" in "".join(capfd.readouterr())


async def test_what_telegram_could_not_be_told_for_six_hours_comes_in_the_digest(bot: Bot) -> None:
    now = bot.clock.now()
    nine = now.replace(hour=9, minute=0) + timedelta(days=1)
    bot.clock.ahead = nine - now  # seven hours from now no daily digest is due, which would bring the news first
    async with bot.running():
        before = await watch(bot)
        bot.sandbox.fail(FailureMode.FLOOD, method="sendMessage", chat_id=BEN, retry_after=3)
        bot.news("Schools reopen in Idlib")
        await bot.sandbox.until(lambda: any(one.status == 429 for one in bot.sandbox.requests))
        await state(bot, "READY")
        bot.clock.ahead += timedelta(hours=7)
        await bot.until(_expired)
        bot.sandbox.say("/digest", user_id=BEN)
        assert "Schools reopen" in (await bot.told(before + 1))["text"]


async def _expired(connection: AsyncConnection) -> bool:
    table = schema.delivery.c
    return (await connection.execute(sa.select(table.id).where(table.state == "EXPIRED"))).first() is not None


async def test_who_was_away_for_more_than_a_day_tells_the_admins_what_is_lost(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        await bot.say("/list", ADA)
    bot.clock.ahead += timedelta(hours=23)
    async with bot.running():
        await bot.polled()
    bot.clock.ahead += timedelta(hours=25)
    async with bot.running():
        assert "away for more than a day" in (await bot.told(2, ADA))["text"]


async def test_a_slow_command_does_not_hold_up_the_end_and_is_done_after_the_next_start(bot: Bot) -> None:
    bot.changes["fetch"] = {"timeout": 60}
    bot.feeds.hang("/slow.xml")
    async with bot.running():
        await bot.polled()
        bot.sandbox.say(f"/addsource {bot.feeds.url('/slow.xml')}", user_id=ADA)
        while not bot.feeds.hits("/slow.xml"):
            await asyncio.sleep(0.05)
    assert not bot.sandbox.sent_to(ADA)
    bot.feeds.serve("/slow.xml", rss([], title="Slow Times"))
    async with bot.running():
        assert "Slow Times" in (await bot.told(1, ADA))["text"]


async def test_markup_refused_and_then_refused_as_plain_text_is_given_up_and_owed_to_the_digest(bot: Bot) -> None:
    async with bot.running():
        before = await watch(bot)
        words = "Bad Request: can't parse entities"
        bot.sandbox.fail(FailureMode.BAD_REQUEST, method="sendMessage", chat_id=BEN, description=words, times=2)
        bot.news("Schools reopen in Idlib")
        await state(bot, "DEAD")
        bot.sandbox.say("/digest", user_id=BEN)
        assert "Schools reopen" in (await bot.told(before + 1))["text"]


async def test_a_chat_that_cannot_be_written_to_is_let_be_and_welcome_back(bot: Bot) -> None:
    async with bot.running():
        before = await watch(bot, GROUP, ADA)
        words = "Bad Request: CHAT_WRITE_FORBIDDEN"
        bot.sandbox.fail(FailureMode.BAD_REQUEST, method="sendMessage", chat_id=GROUP, description=words, times=None)
        bot.news("Schools reopen in Idlib")
        await state(bot, "CANCELLED")
        asked = len([one for one in bot.sandbox.requests if one.chat_id == GROUP])
        bot.news("Quite another story of rain in Idlib")
        await bot.polled()
        assert len([one for one in bot.sandbox.requests if one.chat_id == GROUP]) == asked
        bot.sandbox.faults.clear()
        bot.sandbox.say("/digest@watchword_sandbox_bot", user_id=ADA, chat_id=GROUP)
        digest = await bot.told(before + 1, GROUP)
    assert "Schools reopen" in digest["text"]
    assert "another story of rain" in digest["text"]


async def test_a_button_works_once_more_after_a_restart_a_double_tap_and_when_its_query_is_too_old(bot: Bot) -> None:
    async with bot.running():
        made = await bot.say("/subscribe Idlib")
    async with bot.running():
        bot.sandbox.press(made["message_id"], "At once", user_id=BEN)
        bot.sandbox.press(made["message_id"], "At once", user_id=BEN)  # "message is not modified"
        await bot.shows(made, "at once")
        bot.sandbox.world.query_seconds = -1.0  # "query is too old"
        listed = await bot.say("/list")
        shown = bot.sandbox.world.chats[BEN].messages[made["message_id"]]["reply_markup"]["inline_keyboard"]
        stop = next(one for row in shown for one in row if one["text"] == "Stop watching")
        bot.sandbox.press(made["message_id"], stop["callback_data"], user_id=BEN)
        del bot.sandbox.world.chats[BEN].messages[listed["message_id"]]  # "message to edit not found"
        await bot.shows(made, "Stopped watching")
        await bot.until(_all_applied, 30)


async def test_what_is_more_than_one_may_watch_is_refused_and_changes_nothing(bot: Bot) -> None:
    bot.changes["limits"] = {"subscriptions": 2}
    async with bot.running():
        await bot.say("/subscribe Idlib, Aleppo")
        assert "2" in (await bot.say("/subscribe Homs"))["text"]
        assert "2 things" in (await bot.say("/list"))["text"]


async def test_a_made_up_link_lets_nobody_in(bot: Bot) -> None:
    bot.changes["access"] = {"mode": "invite"}
    async with bot.running():
        for payload in ("x" * 64, "x" * 3000, "../../etc/passwd", "' OR 1=1 --", "admin", "é\0\ud7ff"):
            assert "need an invitation" in (await bot.say(f"/start {payload}"))["text"]
        assert "need an invitation" in (await bot.say("/list"))["text"]


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (FailureMode.CLOSE_BEFORE, "/pause"),
        (FailureMode.FLOOD, "/pause"),
        (FailureMode.FLOOD, "/unsubscribe Idlib"),
        (FailureMode.CLOSE_BEFORE, "/unsubscribe Idlib"),
        (FailureMode.CLOSE_BEFORE, "/forget"),
    ],
)
async def test_what_waits_or_is_in_doubt_is_not_sent_after_its_reader_left(
    bot: Bot, kind: FailureMode, word: str
) -> None:
    async with bot.running():
        await watch(bot)
        bot.sandbox.fail(kind, method="sendMessage", chat_id=BEN)
        bot.news("Schools reopen in Idlib")
        await state(bot, "UNCERTAIN" if kind is FailureMode.CLOSE_BEFORE else "READY")
        answer = await bot.say(word)
        if word == "/forget":
            bot.sandbox.press(answer["message_id"], "Delete everything", user_id=BEN)
            await bot.shows(answer, "sure")
            bot.sandbox.press(answer["message_id"], "Yes, delete it for good", user_id=BEN)
            await bot.shows(answer, "Receipt:")
        bot.clock.ahead += timedelta(minutes=3)
        await bot.say("/list", ADA)
        await bot.polled()
        assert (await bot.states()).keys() <= {"CANCELLED"}
    assert not [one for one in bot.sandbox.sent_to(BEN) if "Schools reopen" in one["text"]]
