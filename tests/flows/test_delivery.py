"""Delivery when requests to Telegram fail, with the whole bot and the sandbox's faults."""

import asyncio
import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.sandbox.faults import FailureMode
from bot.sandbox.methods import METHODS
from bot.sandbox.people import ADA, BEN, GROUP
from bot.sandbox.server import Sandbox
from bot.storage import schema
from bot.storage.database import Database
from bot.web.webhooks import SECRET_HEADER
from tests.feedserver import FeedServer, item, rss
from tests.flows.living import TOKEN, Bot, free_port
from tests.hub import Hub

RESENT = "↻"


async def watch(bot: Bot, chat_id: int = BEN, user_id: int = BEN) -> int:
    """Let a chat watch Idlib at once; return how many messages it has."""
    await bot.polled()
    confirmation = await bot.say("/subscribe Idlib", user_id, chat_id=chat_id)
    bot.sandbox.press(confirmation["message_id"], "At once", user_id=user_id, chat_id=chat_id)
    await bot.polled()
    return len(bot.sandbox.sent_to(chat_id))


async def state(bot: Bot, wanted: str) -> None:
    """Wait until some delivery other than an answer is in a state."""
    table = schema.delivery.c

    async def found(connection: AsyncConnection) -> bool:
        statement = sa.select(table.id).where(table.kind != "reply", table.state == wanted)
        return (await connection.execute(statement)).first() is not None

    await bot.until(found)


def asked(bot: Bot, chat_id: int, since: float) -> list[float]:
    """Return when messages were asked to be sent to a chat since a moment, answered or not."""
    requests = [one for one in bot.sandbox.requests if one.method.lower() == "sendmessage" and one.at > since]
    return [one.at for one in requests if one.chat_id == chat_id]


@pytest.mark.parametrize(
    "kind",
    [FailureMode.CLOSE_AFTER, FailureMode.MALFORMED, FailureMode.NO_RESULT, FailureMode.SERVER, FailureMode.HANG_AFTER],
)
async def test_a_lost_answer_costs_one_marked_copy_at_most(bot: Bot, kind: FailureMode) -> None:
    async with bot.running():
        before = await watch(bot)
        bot.sandbox.fail(kind, method="sendMessage", chat_id=BEN, seconds=0.2)
        bot.news("Schools reopen in Idlib")
        await state(bot, "UNCERTAIN")
        bot.clock.ahead += timedelta(minutes=3)  # the doubt is over after one or two
        await state(bot, "SENT")
        await bot.polled()
    copies = [one["text"] for one in bot.sandbox.sent_to(BEN)[before:]]
    assert len(copies) == (1 if kind is FailureMode.SERVER else 2)
    assert copies[-1].startswith(RESENT)
    assert [one.startswith(RESENT) for one in copies].count(True) == 1


async def test_what_is_twice_in_doubt_is_listed_in_the_next_digest_and_not_sent_a_third_time(bot: Bot) -> None:
    async with bot.running():
        before = await watch(bot)
        bot.sandbox.fail(FailureMode.CLOSE_BEFORE, method="sendMessage", chat_id=BEN, times=2)
        bot.news("Schools reopen in Idlib")
        await state(bot, "UNCERTAIN")
        bot.clock.ahead += timedelta(minutes=3)
        await state(bot, "UNCERTAIN_FINAL")
        assert len(bot.sandbox.sent_to(BEN)) == before
        bot.sandbox.say("/digest", user_id=BEN)
        digest = await bot.told(before + 1)
    assert "Schools reopen" in digest["text"]
    assert not digest["text"].startswith(RESENT)


async def test_what_is_twice_in_doubt_stands_apart_in_the_digest_and_why_says_so(bot: Bot) -> None:
    async with bot.running():
        await watch(bot)
        await bot.say("/subscribe wheat")
        bot.sandbox.fail(FailureMode.CLOSE_AFTER, method="sendMessage", chat_id=BEN, times=2)
        bot.news("Schools reopen in Idlib")
        await state(bot, "UNCERTAIN")
        bot.clock.ahead += timedelta(minutes=3)
        await state(bot, "UNCERTAIN_FINAL")
        bot.news("The wheat harvest fails")
        await bot.polled()
        doubt = "An earlier message may have shown you this: Telegram did not confirm that it arrived."
        said = await bot.say("/why https://demo.example/0")
        assert said["text"].startswith(f"Matched Idlib in the headline. {doubt} Waits for your digest, ")
        digest = await bot.say("/digest")
        news, apart = digest["text"].split("\n\nYou may have seen these\n\n")
        assert "2 stories\n\nwheat\n\nThe wheat harvest fails\n" in news
        assert apart.startswith("Schools reopen in Idlib\n")
        await state(bot, "SENT")
        bot.sandbox.say("/why", user_id=BEN, reply_to=digest["message_id"])
        explained = await bot.told(len(bot.sandbox.sent_to(BEN)) + 1)
        schools, wheat = explained["text"].split("\n\n")
        assert wheat == "The wheat harvest fails\nMatched wheat in the headline."
        assert schools == f"Schools reopen in Idlib\nMatched Idlib in the headline.\n{doubt}"
        assert "Sent " in (await bot.say("/why https://demo.example/0"))["text"]


@pytest.mark.parametrize("retry_after", [2, None])
async def test_a_429_is_waited_for_and_no_request_comes_before(bot: Bot, retry_after: int | None) -> None:
    async with bot.running():
        before = await watch(bot)
        began = time.monotonic()
        bot.sandbox.fail(FailureMode.FLOOD, method="sendMessage", chat_id=BEN, retry_after=retry_after)
        bot.news("Schools reopen in Idlib")
        alert = await bot.told(before + 1)
        first, second, *more = asked(bot, BEN, began)
    assert second - first >= (retry_after or 5)
    assert second - first < (retry_after or 5) + 1.5
    assert more == []
    assert not alert["text"].startswith(RESENT)


async def test_markup_that_telegram_cannot_read_goes_once_more_as_plain_text(bot: Bot) -> None:
    async with bot.running():
        before = await watch(bot)
        words = "Bad Request: can't parse entities"
        bot.sandbox.fail(FailureMode.BAD_REQUEST, method="sendMessage", chat_id=BEN, description=words)
        bot.news("Schools reopen in Idlib")
        alert = await bot.told(before + 1)
    assert alert["parse_mode"] is None
    assert "Schools reopen" in alert["text"]
    assert "<" not in alert["text"]


async def test_a_revoked_token_stops_the_sender_and_blocks_nobody(bot: Bot) -> None:
    async with bot.running():
        await watch(bot)
        bot.sandbox.fail(FailureMode.UNAUTHORIZED, method="sendMessage", times=None)
        bot.news("Schools reopen in Idlib")
        await bot.until(lambda _: _true(any(one.status == 401 for one in bot.sandbox.requests)))
        await bot.polled()
        refused = [one for one in bot.sandbox.requests if one.status == 401]
        assert len(refused) == 1
        assert await bot.states() == {"READY": 1}


async def _true(answer: bool) -> bool:
    return answer


async def test_a_group_that_moves_while_a_message_waits_gets_it_at_its_new_address(bot: Bot) -> None:
    async with bot.running():
        await watch(bot, GROUP, ADA)
        new = bot.sandbox.migrate(GROUP)
        bot.sandbox.world.updates.clear()  # the news of it comes too late: the sender finds out by itself
        bot.news("Schools reopen in Idlib")
        alert = await bot.told(1, new)
    assert "Schools reopen" in alert["text"]


async def test_a_poison_update_is_parked_and_those_behind_it_proceed(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        bot.sandbox.world.tell_bot("message", poison(ADA))
        await bot.say("/list")
        await bot.until(_parked, timeout=30)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_however_much_one_person_sends_others_are_answered(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        for _ in range(150):  # each is tried three times, six seconds in all
            bot.sandbox.world.tell_bot("message", poison(BEN))
        assert "not watching" in (await bot.say("/list", ADA))["text"]


def poison(chat_id: int) -> dict[str, object]:
    """Return a message that cannot be read."""
    return {"message_id": "x", "date": "never", "chat": {"id": chat_id, "type": "private"}, "text": "/list"}


async def _parked(connection: AsyncConnection) -> bool:
    table = schema.inbox.c
    return (await connection.execute(sa.select(table.attempts).where(table.state == "POISON"))).scalar() == 3


HOSTILE = (  # updates that nobody can apply
    b'{"update_id": 99999999999999999999, "message": {}}',
    b'{"update_id": "seven", "message": {}}',
    b'{"update_id": 71, "message": ' + b"[" * 100_000,
    b'{"update_id": 72, "message": ' + b"[" * 40_000,
    b'{"update_id": 73, "message": {"chat": {"id": 1e999}}}',
    b'{"update_id": 74, "message": "\xff"}',
    b'{"update_id": 75, "message": {"message_id": "x", "date": "never"}}',
)


async def test_an_update_that_nobody_can_read_is_parked_and_answered(
    bot: Bot, capfd: pytest.CaptureFixture[str]
) -> None:
    port, secret = free_port(), "a-secret-of-at-least-thirty-two-letters"
    url = f"http://127.0.0.1:{port}/telegram"
    bot.changes["telegram"] = {
        "mode": "webhook",
        "webhook_url": url,
        "webhook_listen": f"127.0.0.1:{port}",
        "webhook_secret": secret,
    }
    async with bot.running(), aiohttp.ClientSession(headers={SECRET_HEADER: secret}) as telegram:
        await bot.say("/list")
        for body in HOSTILE * 2:
            async with telegram.post(url, data=body) as answer:
                assert answer.status == 200
        await bot.say("/list")
        await bot.until(_all_parked, timeout=30)
    assert "Traceback" not in "".join(capfd.readouterr())


async def _all_parked(connection: AsyncConnection) -> bool:
    parked = await connection.execute(sa.select(schema.inbox.c.update_id).where(schema.inbox.c.state == "POISON"))
    ids = list(parked.scalars())
    return {update_id for update_id in ids if update_id > 0} == {71, 72, 73, 74, 75} and len(ids) == len(HOSTILE)


async def test_an_update_that_getupdates_brings_and_nobody_can_read_stops_none_behind_it(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        deep: list[object] = []
        for _ in range(200):
            deep = [deep]
        bot.sandbox.world.tell_bot("message", {"chat": {"id": 2**70}})
        bot.sandbox.world.tell_bot("message", {"odd": deep})
        await bot.say("/list")
        await bot.until(_two_parked, timeout=30)


async def _two_parked(connection: AsyncConnection) -> bool:
    parked = sa.select(sa.func.count()).where(schema.inbox.c.state == "POISON")
    return (await connection.execute(parked)).scalar() == 2


async def test_an_edited_command_does_nothing(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        await bot.say("/subscribe Idlib")
        message_id = bot.sandbox.say("/list", user_id=BEN)
        await bot.told(2)
        bot.sandbox.world.allowed_updates = None  # as an old setting at Telegram would have it
        bot.sandbox.edit(message_id, "/unsubscribe Idlib", chat_id=BEN)
        listed = await bot.say("/list")
    assert "Idlib" in listed["text"]


async def test_updates_are_brought_by_a_webhook_and_fetched_again_afterwards(bot: Bot) -> None:
    unused_tcp_port = free_port()
    bot.changes["telegram"] = {
        "mode": "webhook",
        "webhook_url": f"http://127.0.0.1:{unused_tcp_port}/telegram",
        "webhook_listen": f"127.0.0.1:{unused_tcp_port}",
        "webhook_secret": "a-secret-of-at-least-thirty-two-letters",
    }
    async with bot.running():
        await bot.say("/subscribe Idlib")
    bot.sandbox.say("/list", user_id=BEN)
    async with bot.running():
        await bot.told(2)
    bot.changes.clear()
    async with bot.running():
        await bot.say("/list")


async def test_a_hub_brings_news_to_the_address_that_the_public_reaches(bot: Bot) -> None:
    port = free_port()
    bot.changes["telegram"] = {"webhook_listen": f"127.0.0.1:{port}"}
    bot.changes["web"] = {"public_url": f"http://127.0.0.1:{port}/bot"}
    async with Hub() as hub:
        atom = 'xmlns:atom="http://www.w3.org/2005/Atom"'
        head = f'<atom:link {atom} rel="self" href="{bot.feeds.url("/feed.xml")}"/>{hub.links}'
        bot.feeds.serve("/feed.xml", rss([item("Old"), item("Older")], head=head))
        async with bot.running():
            before = await watch(bot)
            await bot.until(hub.was_asked)
            assert (await hub.verify())[0] == 200
            assert await hub.distribute(rss([item("Schools reopen in Idlib")], head=head)) == 200
            assert "Schools reopen" in (await bot.told(before + 1))["text"]


async def test_a_full_disk_stops_the_sender_and_doubles_nothing(tmp_path: Path) -> None:
    async with Sandbox() as sandbox, FeedServer() as feeds:
        bot = Bot(f"sqlite:///{tmp_path}/w.db", sandbox, feeds)
        bot.publish()
        async with bot.running():
            before = await watch(bot)
            sandbox.fail(FailureMode.SLOW, method="sendMessage", chat_id=BEN, seconds=1.0)
            bot.news("Schools reopen in Idlib")
            await state(bot, "SENDING")
            database = Database(bot.database_url)
            async with database.begin():  # nobody else can write: as a full disk, while the answer comes
                await bot.told(before + 1)
                await asyncio.sleep(1.5)
            await database.close()
            await state(bot, "SENT")
            await bot.polled()
        assert len(sandbox.sent_to(BEN)) == before + 1
        assert await bot.states() == {"SENT": 1}


async def start(bot: Bot, folder: Path) -> asyncio.subprocess.Process:
    """Start the program as its operator does."""
    config = bot.config()
    file = folder / "config.toml"
    file.write_text(
        f'[telegram]\ntoken = "{TOKEN}"\napi_base_url = "{bot.sandbox.base_url}"\n'
        f'[storage]\nurl = "{bot.database_url}"\n[fetch]\nallow_networks = ["127.0.0.0/8"]\n'
        f'[polling]\ninterval = 1\nmin_interval = 1\nmax_interval = 1\n[[sources]]\nurl = "{config.sources[0].url}"\n'
    )
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "run", "--config", str(file)), stderr=asyncio.subprocess.DEVNULL, env=os.environ
    )
    polls = len([one for one in bot.sandbox.requests if one.method == "getUpdates"])
    await bot.sandbox.until(
        lambda: len([one for one in bot.sandbox.requests if one.method == "getUpdates"]) > polls, 30, "the program"
    )
    return program


async def test_sigterm_finishes_what_is_in_flight_and_a_second_one_leaves_at_once(bot: Bot, tmp_path: Path) -> None:
    program = await start(bot, tmp_path)
    bot.sandbox.fail(FailureMode.SLOW, method="sendMessage", seconds=1.5)
    bot.sandbox.say("/list", user_id=BEN)
    await bot.told(1)
    began = time.monotonic()
    program.send_signal(signal.SIGTERM)
    assert await program.wait() == 0
    assert time.monotonic() - began < 20

    program = await start(bot, tmp_path)
    assert await bot.states() == {}
    bot.sandbox.fail(FailureMode.HANG_BEFORE, method="sendMessage")
    bot.sandbox.say("/list", user_id=BEN)
    await bot.sandbox.until(lambda: bot.sandbox.requests[-1].method == "sendMessage" or len(asked(bot, BEN, 0)) > 1, 20)
    program.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.5)
    program.send_signal(signal.SIGTERM)
    async with asyncio.timeout(3):
        assert await program.wait() == 1


async def test_a_kill_with_updates_waiting_loses_none(bot: Bot, tmp_path: Path) -> None:
    program = await start(bot, tmp_path)
    for number in range(20):
        bot.sandbox.say(f"/subscribe word{number}ium", user_id=BEN if number % 2 else ADA)
        if number == 10:
            await asyncio.sleep(0.3)
    program.kill()
    await program.wait()
    program = await start(bot, tmp_path)
    await bot.until(_twenty, timeout=30)
    program.terminate()
    assert await program.wait() == 0


async def _twenty(connection: AsyncConnection) -> bool:
    statement = sa.select(sa.func.count()).select_from(schema.subscription)
    return (await connection.execute(statement)).scalar_one() == 20


async def test_every_method_is_called_by_its_documented_name(bot: Bot) -> None:
    async with bot.running():
        await bot.say("/list")
        await bot.say("/export")
    called = {one.method for one in bot.sandbox.requests}
    assert {"getUpdates", "sendMessage", "sendDocument"} <= called
    assert called <= {*METHODS, "getUpdates"}
