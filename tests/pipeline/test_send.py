"""The sender end to end, on both databases: files, edits, messages for later, and what becomes of their failures."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from markupsafe import Markup

from bot.delivery.telegram.client import TelegramBot
from bot.delivery.telegram.errors import outcome
from bot.delivery.telegram.http import AiohttpRequest
from bot.delivery.telegram.send import send
from bot.messages.payload import FilePayload, document, edit, from_json, photo, to_payload
from bot.messages.signing import Signer
from bot.models import Button, Message
from bot.pipeline.send import Flight, Sender
from bot.runtime.clock import Clock
from bot.runtime.liveness import Pulse
from bot.runtime.steps import QUEUES
from bot.runtime.wakeups import Wakeups
from bot.sandbox.faults import FailureMode
from bot.sandbox.people import ADA, BEN, GROUP
from bot.sandbox.server import Sandbox
from bot.storage import deliveries, delivery_claims, schema
from bot.storage.chats import Chat
from bot.storage.database import Database
from bot.storage.deliveries import DeliveryKind, Told
from bot.storage.queue_ages import lags, waits
from tests.pipeline.rig import SetClock
from tests.storage.world import World

TOKEN = "7000000001:test-token-that-nobody-may-log"
LASTS = timedelta(hours=6)


def png(size: int = 32) -> bytes:
    """Return a real picture: a grey square."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    rows = b"".join(b"\0" + bytes((row * 8) % 256 for row in range(size)) for _ in range(size))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Outbox:
    """A sender, the sandbox it sends to, and a clock that is put forward by hand."""

    def __init__(self, database: Database, sandbox: Sandbox, bot: TelegramBot) -> None:
        self.database, self.sandbox, self.clock, self.bot = database, sandbox, SetClock(), bot
        self.world = World(database)
        self.restart_sender()

    def restart_sender(self) -> None:
        """Begin with a sender that remembers nothing."""
        self.sender = Sender(
            self.database, partial(send, self.bot), outcome, self.clock, Wakeups(), Pulse(Clock()), rate=1000, paid=True
        )

    async def add(self, chat: Chat, text: str = "News", **values: object) -> int:
        async with self.database.begin() as connection:
            return await deliveries.add(
                connection,
                chat_id=chat.id,
                **{"kind": deliveries.ALERT, "payload": to_payload(Message(Markup(text))), **values},  # type: ignore[arg-type]
                now=self.clock.now(),
            )

    async def edit(self, delivery_id: int, text: str, **values: object) -> int | None:
        async with self.database.begin() as connection:
            return await deliveries.add_edit(
                connection,
                edits=delivery_id,
                payload=edit(Message(Markup(text))).to_json(),
                now=self.clock.now(),
                **{"lasts": LASTS, **values},  # type: ignore[arg-type]
            )

    async def send(self) -> None:
        """Send what may be sent now, one message a chat after another, until nothing more may."""
        while flights := await self.claim():
            self.sender._in_flight += len(flights)
            await asyncio.gather(*(self.sender._deliver(flight) for flight in flights))
            await self.sender._write_arrived()

    async def claim(self) -> list[Flight]:
        self.sender.limiter._busy.clear()  # the pace is not what is tested here
        return await self.sender._claim()

    async def row(self, delivery_id: int | None) -> sa.RowMapping:
        async with self.database.read() as connection:
            found = await connection.execute(sa.select(schema.delivery).where(schema.delivery.c.id == delivery_id))
            return found.mappings().one()

    async def state(self, delivery_id: int | None) -> str:
        return str((await self.row(delivery_id))["state"])

    async def text(self, delivery_id: int) -> str:
        """Return the text that the message of a delivery has on the phone."""
        message_id = (await self.row(delivery_id))["message_id"]
        return str(self.sandbox.world.chats[BEN].messages[message_id]["text"])

    async def files(self) -> int:
        async with self.database.read() as connection:
            count = sa.select(sa.func.count()).select_from(schema.delivery_file)
            return int((await connection.execute(count)).scalar_one())


@pytest.fixture
async def outbox(database: Database) -> AsyncIterator[Outbox]:
    async with opened(database) as made:
        yield made


@asynccontextmanager
async def opened(database: Database) -> AsyncIterator[Outbox]:
    async with (
        Sandbox(token=TOKEN) as sandbox,
        TelegramBot(TOKEN, sandbox.base_url, request=AiohttpRequest()) as bot,
    ):
        yield Outbox(database, sandbox, bot)


async def test_a_picture_and_a_document_arrive_byte_for_byte_and_leave_with_their_delivery(outbox: Outbox) -> None:
    chat = await outbox.world.chat(BEN)
    more = Signer(b"key").sign(chat.id, "more")
    picture = photo("chart.png", png(), Markup("<b>March</b>"), ((Button("More", more),),))
    binary = document("all bytes.bin", bytes(range(256)) * 40, Markup("Every byte"))
    for payload in (picture, binary):
        await outbox.add(chat, payload=payload.to_json(), file=payload.content)
    await outbox.send()
    sent = outbox.sandbox.sent_to(BEN)
    assert [(one["method"], one["text"]) for one in sent] == [("sendPhoto", "March"), ("sendDocument", "Every byte")]
    stored = [outbox.sandbox.world.files[str(one["file_id"])] for one in sent]
    assert [one.content for one in stored] == [picture.content, binary.content]
    assert [one.name for one in stored] == ["chart.png", "all bytes.bin"]
    assert sent[0]["reply_markup"] == {"inline_keyboard": [[{"text": "More", "callback_data": more}]]}
    assert await outbox.files() == 2
    async with outbox.database.begin() as connection:
        assert await deliveries.purge(connection, outbox.clock.now() + LASTS, 10) == 2
    assert await outbox.files() == 0


async def test_a_caption_that_telegram_cannot_read_goes_plain_with_the_same_bytes(outbox: Outbox) -> None:
    payload = photo("chart.png", png(), Markup("<b>March</b>"))
    await outbox.add(await outbox.world.chat(BEN), payload=payload.to_json(), file=payload.content)
    words = "Bad Request: can't parse entities"
    outbox.sandbox.fail(FailureMode.BAD_REQUEST, method="sendPhoto", chat_id=BEN, description=words)
    await outbox.send()
    (sent,) = outbox.sandbox.sent_to(BEN)
    assert (sent["text"], sent["parse_mode"]) == ("March", None)
    assert outbox.sandbox.world.files[str(sent["file_id"])].content == payload.content


async def test_a_429_holds_the_whole_chat_even_for_the_next_sender(outbox: Outbox) -> None:
    chat = await outbox.world.chat(BEN)
    await outbox.world.chat(BEN, thread_id=5)  # a topic is the same chat to Telegram
    refused = await outbox.add(chat)
    outbox.sandbox.fail(FailureMode.FLOOD, method="sendMessage", chat_id=BEN, retry_after=60)
    await outbox.send()
    until = outbox.clock.now() + timedelta(seconds=60)
    row = await outbox.row(refused)
    assert (row["state"], row["not_before"], row["attempts"]) == ("READY", until, 0)
    async with outbox.database.read() as connection:
        held = (await connection.execute(sa.select(schema.chat.c.hold_until))).scalars().all()
    assert held == [until, until]

    another = await outbox.add(chat)
    outbox.restart_sender()
    await outbox.send()
    assert await outbox.state(another) == "READY"
    outbox.clock.time = until
    await outbox.send()
    assert [await outbox.state(number) for number in (refused, another)] == ["SENT", "SENT"]


async def test_an_answer_stands_under_its_question_even_if_that_is_deleted_meanwhile(outbox: Outbox) -> None:
    chat = await outbox.world.chat(GROUP, kind="group")
    asked = outbox.sandbox.say("What is new?", user_id=BEN, chat_id=GROUP)
    for question in (asked, asked + 1000):
        payload = to_payload(Message(Markup("Nothing")), reply_to=question)
        assert await outbox.add(chat, payload=payload)
        await outbox.send()
    answers = [outbox.sandbox.world.chats[GROUP].messages[sent["message_id"]] for sent in outbox.sandbox.sent_to(GROUP)]
    assert [answer.get("reply_to_message", {}).get("message_id") for answer in answers] == [asked, None]


@pytest.mark.parametrize("is_file", [False, True])
async def test_a_second_copy_has_its_mark_and_the_first_has_none(outbox: Outbox, is_file: bool) -> None:
    chat, picture = await outbox.world.chat(BEN), photo("chart.png", png(), Markup("News"))
    number = await (
        outbox.add(chat, payload=picture.to_json(), file=picture.content) if is_file else outbox.add(chat, "News")
    )
    method = "sendPhoto" if is_file else "sendMessage"
    outbox.sandbox.fail(FailureMode.CLOSE_AFTER, method=method, chat_id=BEN)
    await outbox.send()
    assert await outbox.state(number) == "UNCERTAIN"
    outbox.clock.time += timedelta(minutes=3)
    await outbox.sender.look_after()
    await outbox.send()
    assert [sent["text"] for sent in outbox.sandbox.sent_to(BEN)] == ["News", "↻ News"]
    assert outbox.sender.outcomes == {"uncertain": 1, "sent": 1}


async def test_what_is_for_a_topic_of_a_group_arrives_in_it(outbox: Outbox) -> None:
    group = outbox.sandbox.add_group(-1002000, "News", forum=True)
    topic = outbox.sandbox.open_topic(group, "Storms")
    chat = await outbox.world.chat(group, thread_id=topic, kind="supergroup")
    picture = photo("chart.png", png(), Markup("News"))
    await outbox.add(chat, "News")
    await outbox.add(chat, payload=picture.to_json(), file=picture.content)
    await outbox.send()
    arrived = [outbox.sandbox.world.chats[group].messages[sent["message_id"]] for sent in outbox.sandbox.sent_to(group)]
    assert [message.get("message_thread_id") for message in arrived] == [topic, topic]


async def test_a_message_shows_no_preview_of_a_page(outbox: Outbox) -> None:
    number = await outbox.add(await outbox.world.chat(BEN), "One https://e.example/1")
    await outbox.send()
    shown = outbox.sandbox.world.chats[BEN].messages[(await outbox.row(number))["message_id"]]
    assert shown["link_preview_options"] == {"is_disabled": True}


async def test_a_message_for_later_is_sent_then_and_its_life_begins_then(outbox: Outbox) -> None:
    chat, now = await outbox.world.chat(BEN), outbox.clock.now()
    later = await outbox.add(chat, "Later", not_before=now + LASTS, lasts=LASTS)
    early = await outbox.add(chat, "Soon", not_before=now + LASTS, lasts=LASTS)
    await outbox.sender.look_after()
    await outbox.send()
    assert outbox.sandbox.sent_to(BEN) == []
    outbox.clock.time = now + LASTS
    await outbox.send()
    assert {await outbox.state(later), await outbox.state(early)} == {"SENT"}
    never = await outbox.add(chat, "Never", not_before=outbox.clock.now() + LASTS, lasts=LASTS)
    outbox.clock.time += LASTS * 2
    await outbox.sender.look_after()
    assert await outbox.state(never) == "EXPIRED"


async def test_an_edit_changes_the_message_and_a_second_one_with_its_text_is_no_failure(outbox: Outbox) -> None:
    first = await outbox.add(await outbox.world.chat(BEN), "One source")
    assert await outbox.edit(first, "One source, and <b>two</b> more") is not None
    await outbox.send()  # the message first, then its edit
    assert await outbox.text(first) == "One source, and two more"
    again = await outbox.edit(first, "One source, and <b>two</b> more")
    await outbox.send()
    assert await outbox.state(again) == "SENT"
    assert (await outbox.row(again))["message_id"] == (await outbox.row(first))["message_id"]
    assert len(outbox.sandbox.sent_to(BEN)) == 1


async def test_a_newer_edit_takes_the_place_of_one_that_waits(outbox: Outbox) -> None:
    first = await outbox.add(await outbox.world.chat(BEN))
    await outbox.send()
    made = [await outbox.edit(first, text, not_before=outbox.clock.now() + LASTS) for text in ("Two", "Three")]
    assert made[0] == made[1]
    assert await outbox.edit(first, "Four") == made[0]
    await outbox.send()
    assert await outbox.text(first) == "Four"
    edits = [one for one in outbox.sandbox.requests if one.method == "editMessageText"]
    assert len(edits) == 1


@pytest.mark.parametrize("words", ["Bad Request: message can't be edited", None])
async def test_an_edit_of_a_message_that_is_gone_ends_and_gives_its_items_back(
    outbox: Outbox, words: str | None
) -> None:
    chat = await outbox.world.chat(BEN)
    wanted = await outbox.world.subscribe(chat, "syria")
    entry_id = await outbox.world.entry(wanted)
    await outbox.world.alerts_written(entry_id)
    outbox.clock.time = (await outbox.row(first := await outbox.add(chat)))["created_at"]
    await outbox.send()
    made = await outbox.edit(
        first, "And one more", reported_items=[Told(entry_id, entry_id, entry_id, wanted.query_id)]
    )
    assert await outbox.world.pending(chat) == []
    if words:
        outbox.sandbox.fail(FailureMode.BAD_REQUEST, method="editMessageText", chat_id=BEN, description=words)
    else:
        outbox.sandbox.world.chats[BEN].messages.clear()
    await outbox.send()
    assert await outbox.state(made) == "CANCELLED"
    assert await outbox.world.pending(chat) == [entry_id]
    assert await outbox.state(first) == "SENT"


@pytest.mark.parametrize("kind", [FailureMode.CLOSE_BEFORE, FailureMode.CLOSE_AFTER, FailureMode.SERVER])
async def test_an_edit_in_doubt_is_tried_again_without_a_mark_however_often(outbox: Outbox, kind: FailureMode) -> None:
    first = await outbox.add(await outbox.world.chat(BEN))
    await outbox.send()
    made = await outbox.edit(first, "Grown")
    for _ in range(1 if kind is FailureMode.CLOSE_AFTER else 3):  # a second one would find its text there
        outbox.sandbox.fail(kind, method="editMessageText", chat_id=BEN)
        await outbox.send()
        assert await outbox.state(made) == "READY"
        outbox.clock.time += timedelta(minutes=3)
        await outbox.sender.look_after()
    await outbox.send()
    assert await outbox.state(made) == "SENT"
    assert await outbox.text(first) == "Grown"
    assert (await outbox.row(made))["uncertain_count"] == 0


async def test_an_edit_whose_sender_died_is_tried_again_unless_a_newer_one_waits(outbox: Outbox) -> None:
    first = await outbox.add(await outbox.world.chat(BEN))
    await outbox.send()
    for newer in (None, "Newest"):
        old = await outbox.edit(first, f"Before {newer}")
        assert len(await outbox.claim()) == 1  # and then it is killed
        if newer:
            assert await outbox.edit(first, newer) != old
        outbox.clock.time += timedelta(minutes=5)
        await outbox.sender.look_after()
        assert await outbox.state(old) == ("CANCELLED" if newer else "READY")
        outbox.clock.time += timedelta(minutes=5)
        await outbox.send()
        assert await outbox.text(first) == (newer or "Before None")


async def test_an_edit_that_comes_back_gives_way_to_a_newer_one(outbox: Outbox) -> None:
    first = await outbox.add(await outbox.world.chat(BEN))
    await outbox.send()
    old = await outbox.edit(first, "Old")
    (flight,) = await outbox.claim()
    await outbox.edit(first, "New")
    outbox.sandbox.fail(FailureMode.SERVER, method="editMessageText", chat_id=BEN)
    outbox.sender._in_flight += 1
    await outbox.sender._deliver(flight)
    assert await outbox.state(old) == "CANCELLED"
    await outbox.send()
    assert await outbox.text(first) == "New"


async def test_edits_of_what_never_arrives_end_with_it(outbox: Outbox) -> None:
    chat = await outbox.world.chat(BEN)
    first = await outbox.add(chat)
    made = await outbox.edit(first, "Grown")
    outbox.sandbox.fail(FailureMode.BAD_REQUEST, method="sendMessage", chat_id=BEN, description="Bad Request: strange")
    await outbox.send()
    assert (await outbox.state(first), await outbox.state(made)) == ("DEAD", "CANCELLED")
    assert await outbox.edit(first, "Too late") is None


async def test_edits_go_last(outbox: Outbox) -> None:
    one, two, three = [await outbox.world.chat(number) for number in (BEN, 8, 9)]
    first = await outbox.add(one)
    await outbox.send()
    made = await outbox.edit(first, "Grown")
    await outbox.add(two, kind=DeliveryKind.BROADCAST)
    await outbox.add(three, kind=DeliveryKind.DIGEST)
    async with outbox.database.begin() as connection:
        claimed = await delivery_claims.claim(connection, outbox.clock.now(), free=9, lease=LASTS)
    assert [one.kind.value for one in claimed] == ["digest", "broadcast", "edit"]
    assert (claimed[-1].id, claimed[-1].edits) == (made, first)


async def test_a_payload_that_nobody_can_read_ends_alone(outbox: Outbox) -> None:
    chat = await outbox.world.chat(BEN)
    odd = await outbox.add(chat, payload={"method": "sendNothing", "text": "x"})
    without_bytes = await outbox.add(chat, payload=photo("a.png", png(), Markup()).to_json())
    fine = await outbox.add(chat)
    await outbox.send()
    assert [await outbox.state(one) for one in (odd, without_bytes, fine)] == ["DEAD", "DEAD", "SENT"]


async def test_messages_for_later_are_not_overdue(outbox: Outbox) -> None:
    now = outbox.clock.now()
    await outbox.add(await outbox.world.chat(BEN), not_before=now + LASTS)
    async with outbox.database.read() as connection:
        assert (await waits(connection, now, QUEUES))["send"] == timedelta()
        assert (await waits(connection, now + LASTS + timedelta(minutes=1), QUEUES))["send"] == timedelta(minutes=1)


async def test_an_edit_of_a_message_for_later_lasts_from_then_and_is_not_overdue(outbox: Outbox) -> None:
    now = outbox.clock.now()
    later = now + LASTS * 2
    first = await outbox.add(await outbox.world.chat(BEN), not_before=later)
    newer = await outbox.row(await outbox.edit(first, "Newer"))
    assert (newer["not_before"], newer["expires_at"]) == (later, later + LASTS)
    second = await outbox.add(await outbox.world.chat(ADA))
    await outbox.edit(second, "Newer")
    await outbox.claim()
    async with outbox.database.read() as connection:
        assert (await waits(connection, now + LASTS, QUEUES))["send"] == timedelta()


async def test_only_alerts_and_digests_measure_how_long_news_took(outbox: Outbox) -> None:
    now, chat = outbox.clock.now(), await outbox.world.chat(BEN)
    entry_id = await outbox.world.entry()
    subscription = await outbox.world.subscribe(chat, "Rain")
    items = [Told(entry_id, entry_id, entry_id, subscription.query_id)]
    alert = await outbox.add(chat, reported_items=items)
    await outbox.send()
    await outbox.edit(alert, "Newer", reported_items=items)
    await outbox.send()
    async with outbox.database.read() as connection:
        assert [lag.kind for lag in await lags(connection, now - LASTS)] == ["alert"]


def test_a_file_of_an_older_version_has_its_text_in_the_payload() -> None:
    stored = {"text": "Caption", "file": {"name": "a.json", "content": "{}"}}
    payload = from_json(stored)
    assert isinstance(payload, FilePayload)
    assert (payload.name, payload.content) == ("a.json", b"{}")


def test_the_bytes_of_a_file_are_bounded() -> None:
    with pytest.raises(ValueError, match="bytes"):
        photo("a.png", b"x" * 10_000_001, Markup())
    with pytest.raises(ValueError, match="bytes"):
        document("a.txt", b"", Markup())
