"""One event, one message: further texts edit the alert that was sent, ring only for a reason, and are never lost."""

import html
import re
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa

from bot.messages.signing import Signer
from bot.pipeline import events
from bot.pipeline.alert import write_alerts
from bot.storage import deliveries, delivery_claims, delivery_items, schema
from bot.storage.chats import Chat
from bot.storage.database import Database
from bot.storage.deliveries import Claimed
from bot.storage.subscriptions import Subscription
from tests.pipeline.rig import SetClock
from tests.storage.world import NOW, World

SIGNER = Signer(b"k" * 32)
MINUTE = timedelta(minutes=1)


class Events:
    """A chat that is alerted of events, and what its messages show, as Telegram would have them."""

    def __init__(self, database: Database) -> None:
        self.world, self.database = World(database), database
        self.clock = SetClock()
        self.clock.time = NOW
        self.messages: dict[int, dict[str, Any]] = {}  # by their id
        self.log: list[tuple[int, Claimed]] = []  # (message, delivery), in order

    async def publish(self, *found_by: Subscription, story: int = 0, title: str = "") -> int:
        """Store an entry and write its alerts."""
        entry_id = await self.world.entry(*found_by, at=self.clock.now(), story=story)
        values = {"url": f"https://e.org/{entry_id}x"} | ({"title": title} if title else {})
        async with self.database.begin() as connection:
            changed = sa.update(schema.entry).where(schema.entry.c.id == entry_id).values(values)
            await connection.execute(changed)
        await self.alert()
        return entry_id

    async def alert(self, per_hour: int = 60) -> None:
        while await write_alerts(self.database, self.clock, SIGNER, per_hour=per_hour):
            pass

    async def claim(self) -> list[Claimed]:
        async with self.database.begin() as connection:
            return await delivery_claims.claim(connection, self.clock.now(), free=9, lease=MINUTE)

    async def send(self) -> int:
        """Send what is due; return how many messages and edits that is."""
        number = 0
        while claimed := await self.claim():
            for delivery in claimed:
                message_id = delivery.edited_message_id or delivery.id
                self.messages[message_id] = delivery.payload
                self.log.append((message_id, delivery))
                number += 1
                async with self.database.begin() as connection:
                    await deliveries.sent(connection, delivery, self.clock.now(), message_id)
        return number

    async def pass_time(self, time: timedelta) -> None:
        self.clock.time += time
        async with self.database.begin() as connection:
            await deliveries.expire(connection, self.clock.now())

    def links(self, message_id: int) -> list[int]:
        """Return the entries that a message shows now."""
        found = re.findall(r'href="https://e\.org/(\d+)x"', html.unescape(self.messages[message_id]["text"]))
        return [int(entry_id) for entry_id in found]

    async def owed(self, chat: Chat) -> list[int]:
        return await self.world.pending(chat, self.clock.now())


@pytest.fixture
def event(database: Database) -> Events:
    return Events(database)


async def test_a_further_text_edits_the_alert_and_its_button_stays(event: Events) -> None:
    chat = await event.world.chat()
    idlib = await event.world.subscribe(chat, "idlib")
    first = await event.publish(idlib)
    assert await event.send() == 1
    second = await event.publish(idlib, story=first)
    assert await event.owed(chat) == []
    assert await event.send() == 0  # not within a minute
    await event.pass_time(MINUTE)
    assert await event.send() == 1
    (message_id,) = event.messages
    assert event.links(message_id) == [first, second]
    assert event.messages[message_id]["method"] == "editMessageText"
    assert event.messages[message_id]["buttons"][0][0]["data"].startswith(f"why:{first}.")
    assert "+ " in event.messages[message_id]["text"]


async def test_each_edit_shows_all_that_came_before(event: Events) -> None:
    chat = await event.world.chat()
    idlib = await event.world.subscribe(chat, "idlib")
    first = await event.publish(idlib)
    await event.send()
    made = [first]
    for _ in range(4):
        made += [await event.publish(idlib, story=first), await event.publish(idlib, story=first)]
        await event.pass_time(timedelta(minutes=30))
        assert await event.send() == 1
    (message_id,) = event.messages
    assert event.links(message_id) == made
    assert "<blockquote expandable>" in event.messages[message_id]["text"]
    assert await event.owed(chat) == []


async def test_edits_come_ever_more_rarely_and_one_waits_at_a_time(event: Events) -> None:
    chat = await event.world.chat()
    idlib = await event.world.subscribe(chat, "idlib")
    first = await event.publish(idlib)
    await event.send()
    everything = {first}
    for _ in range(95):
        await event.pass_time(MINUTE)
        everything.add(await event.publish(idlib, story=first))
        await event.send()
    edited_at = [claimed.claimed_at for _, claimed in event.log]
    waits = [(later - earlier) / MINUTE for earlier, later in pairwise(edited_at)]
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    waiting = sa.select(sa.func.count()).where(schema.delivery.c.state == "READY")
    async with event.database.read() as connection:
        assert (await connection.execute(waiting)).scalar_one() <= 1
    (message_id,) = event.messages
    async with event.database.read() as connection:
        reported = set((await connection.execute(sa.select(schema.delivery_item.c.entry_id))).scalars())
    assert reported | set(await event.owed(chat)) == everything
    assert len(event.links(message_id)) > 60


async def test_an_edit_in_flight_counts_as_one_and_a_newer_takes_over_what_it_reports(event: Events) -> None:
    chat = await event.world.chat()
    idlib = await event.world.subscribe(chat, "idlib")
    first = await event.publish(idlib)
    await event.send()
    second = await event.publish(idlib, story=first)
    await event.pass_time(MINUTE)
    (in_flight,) = await event.claim()
    third = await event.publish(idlib, story=first)
    assert await event.claim() == []
    async with event.database.begin() as connection:
        later = event.clock.now() + MINUTE
        await deliveries.retry(connection, in_flight, event.clock.now(), not_before=later, error="not sent")
    assert await event.owed(chat) == []
    await event.pass_time(MINUTE * 2)
    assert await event.send() == 1
    (message_id,) = event.messages
    assert event.links(message_id) == [first, second, third]
    async with event.database.begin() as connection:
        sent = await delivery_items.find_sent(connection, chat.id, message_id)
        assert sent is not None
        assert sorted(item.entry_id for item in sent.items) == [second, third]


@pytest.mark.parametrize("end", ["refused", "late", "unsubscribed", "paused"])
async def test_an_edit_that_is_not_sent_gives_its_texts_back_to_the_digest(event: Events, end: str) -> None:
    chat = await event.world.chat()
    idlib = await event.world.subscribe(chat, "idlib")
    first = await event.publish(idlib)
    await event.send()
    second = await event.publish(idlib, story=first)
    assert await event.owed(chat) == []
    await event.pass_time(MINUTE)
    now = event.clock.now()
    if end == "refused":
        (claimed,) = await event.claim()
    async with event.database.begin() as connection:
        if end == "refused":
            await deliveries.cancel(connection, claimed, now, "message to edit not found")
        elif end == "late":
            assert await deliveries.expire(connection, now + events.EDITS_LAST) == 1
        elif end == "paused":
            await deliveries.cancel_chat(connection, chat.id, now, "paused")
        else:
            assert await deliveries.cancel_queries(connection, chat.id, [idlib.query_id], now) == 1
    assert await event.owed(chat) == [second]
    assert await event.send() == 0


async def test_the_first_text_for_another_query_rings_in_reply(event: Events) -> None:
    chat = await event.world.chat()
    idlib, school = [await event.world.subscribe(chat, word) for word in ("idlib", "school")]
    first = await event.publish(idlib)
    await event.send()
    second = await event.publish(idlib, school, story=first)
    assert await event.send() == 1
    _, (message_id, rung) = event.log
    assert rung.payload["method"] == "sendMessage"
    assert rung.payload["reply_to"] == event.log[0][0]
    assert "silent" not in rung.payload
    assert event.links(message_id) == [second]
    third = await event.publish(school, story=first)
    await event.pass_time(MINUTE)
    assert await event.send() == 1
    assert event.links(message_id) == [second, third]
    assert await event.owed(chat) == []


async def test_a_material_change_rings_in_reply_and_not_again_within_ten_minutes(event: Events) -> None:
    chat = await event.world.chat()
    quake = await event.world.subscribe(chat, "quake")
    first = await event.publish(quake, title="Quake in the hills, 7 dead")
    await event.send()
    await event.pass_time(events.RING_AGAIN)
    twelve = await event.publish(quake, story=first, title="Toll of quake in the hills is 12 dead")
    assert await event.send() == 1
    assert event.log[-1][1].payload["reply_to"] == event.log[0][0]
    await event.pass_time(MINUTE)
    twenty = await event.publish(quake, story=first, title="Toll of quake in the hills is 20 dead")
    await event.pass_time(MINUTE)
    assert await event.send() == 1
    assert event.log[-1][1].payload["method"] == "editMessageText"
    assert event.links(event.log[-1][0]) == [twelve, twenty]


async def test_messages_on_one_event_are_few_however_much_it_changes(event: Events) -> None:
    chat = await event.world.chat()
    quake = await event.world.subscribe(chat, "quake")
    first = await event.publish(quake, title="Quake in the hills, 7 dead")
    for toll in range(8, 40):
        await event.send()
        await event.pass_time(events.RING_AGAIN)
        await event.publish(quake, story=first, title=f"Toll of quake in the hills is {toll} dead")
    await event.send()
    rung = [claimed for _, claimed in event.log if claimed.kind is deliveries.ALERT]
    assert len(rung) == events.RINGS


async def test_an_edit_waits_for_its_alert_and_ends_with_it(event: Events) -> None:
    chat = await event.world.chat()
    idlib = await event.world.subscribe(chat, "idlib")
    first = await event.publish(idlib)
    second = await event.publish(idlib, story=first)
    await event.pass_time(MINUTE * 2)
    claimed = await event.claim()
    assert [delivery.kind for delivery in claimed] == [deliveries.ALERT]
    async with event.database.begin() as connection:
        await deliveries.dead(connection, claimed[0], event.clock.now(), "refused")
    assert await event.owed(chat) == [first, second]
    assert await event.send() == 0


async def test_an_alert_grows_for_a_day(event: Events) -> None:
    chat = await event.world.chat()
    idlib = await event.world.subscribe(chat, "idlib")
    first = await event.publish(idlib)
    await event.send()
    await event.pass_time(events.GROWS + MINUTE)
    late = await event.publish(idlib, story=first)
    assert await event.send() == 0
    assert await event.owed(chat) == [late]


async def test_a_full_message_takes_no_more_and_the_rest_stays_owed(event: Events) -> None:
    chat = await event.world.chat(kind="group")
    idlib = await event.world.subscribe(chat, "idlib")
    first = await event.publish(idlib, title="A headline of length " * 20)
    await event.send()
    made = [await event.publish(idlib, story=first, title="A headline of length " * 20) for _ in range(60)]
    await event.pass_time(MINUTE)
    await event.send()
    (message_id,) = event.messages
    shown = event.links(message_id)
    owed = await event.owed(chat)
    assert shown[0] == first
    assert sorted([*shown[1:], *owed]) == made
    assert len(owed) > 10


async def test_a_channels_posts_keep_having_no_buttons(event: Events) -> None:
    chat = await event.world.chat(kind="channel")
    idlib = await event.world.subscribe(chat, "idlib")
    first = await event.publish(idlib)
    await event.send()
    await event.publish(idlib, story=first)
    await event.pass_time(MINUTE)
    await event.send()
    assert not any("buttons" in claimed.payload for _, claimed in event.log)


async def test_an_edit_of_a_second_copy_keeps_its_mark(event: Events) -> None:
    chat = await event.world.chat()
    idlib = await event.world.subscribe(chat, "idlib")
    first = await event.publish(idlib)
    (claimed,) = await event.claim()
    now = event.clock.now()
    async with event.database.begin() as connection:
        await deliveries.uncertain(connection, claimed, now, again_at=now, error="no answer")
        await deliveries.revive_uncertain(connection, now)
    await event.send()
    await event.publish(idlib, story=first)
    await event.pass_time(MINUTE)
    await event.send()
    (message_id,) = event.messages
    assert event.messages[message_id]["text"].startswith("↻ <b>")


async def test_an_alert_goes_before_all_edits(event: Events) -> None:
    edited = [await event.world.chat(number) for number in range(1, 6)]
    idlib = [await event.world.subscribe(chat, "idlib") for chat in edited]
    first = await event.publish(*idlib[:1])
    await event.send()
    await event.publish(*idlib[:1], story=first)
    await event.pass_time(MINUTE)
    other = await event.world.chat(99)
    await event.publish(await event.world.subscribe(other, "quake", at=event.clock.now()))
    async with event.database.begin() as connection:
        claimed = await delivery_claims.claim(connection, event.clock.now(), free=1, lease=MINUTE)
    assert [(delivery.kind, delivery.chat_id) for delivery in claimed] == [(deliveries.ALERT, other.id)]


async def test_a_chat_that_had_its_alerts_of_the_hour_still_gets_edits(event: Events) -> None:
    chat = await event.world.chat()
    idlib = await event.world.subscribe(chat, "idlib")
    first = await event.publish(idlib)
    await event.send()
    entry_id = await event.world.entry(idlib, at=event.clock.now(), story=first)
    await event.alert(per_hour=1)
    assert await event.owed(chat) == []
    await event.pass_time(MINUTE)
    assert await event.send() == 1
    assert entry_id > first
