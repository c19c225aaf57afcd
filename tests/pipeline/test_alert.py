"""What an alert or a digest showed is stored as data, from which the same text is made again."""

from datetime import datetime, time, timedelta

import pytest
import sqlalchemy as sa

from bot.locales import words
from bot.messages import news
from bot.messages.digests import STORIES
from bot.messages.items import Item
from bot.messages.signing import Signer
from bot.models import FeedEntry, Match, Placement, Schedule
from bot.pipeline.alert import write_alerts
from bot.pipeline.digest import freeze_now
from bot.storage import chats, deliveries, delivery_claims, delivery_items, entries, hits, schema, sources
from bot.storage.chats import Chat
from bot.storage.database import Database
from bot.storage.delivery_items import SentMessageRecord
from tests.pipeline.rig import SetClock
from tests.storage.world import World

TITLE, TEXT = "Aid convoy reaches إدلب <today> @home", "Aid convoy reaches إدلب <today> @home. Bakers & millers " * 20


async def reader(database: Database, locale: str, zone: str, now: datetime) -> Chat:
    async with database.begin() as connection:
        chat, _ = await chats.get_or_create(
            connection,
            telegram_id=7,
            thread_id=0,
            kind="private",
            locale=locale,
            zone=zone,
            digest_time=time(8),
            now=now,
        )
        return chat


async def publish(database: Database, chat: Chat, labels: list[str], now: datetime, title: str = TITLE) -> int:
    """Store an article that a chat's queries, one a label, match; return its id."""
    world = World(database)
    found_by = [await world.subscribe(chat, label, Schedule.INSTANT, now) for label in labels]
    item = FeedEntry((title,), title, "https://www.example.org/1", None, TEXT, "fr", now - timedelta(hours=30))
    async with database.begin() as connection:
        source_id, _ = await sources.add(connection, url="https://e.org/feed", title="إذاعة News", now=now)
        await entries.store(connection, source_id, [item], now, baseline=False)
        (new,) = await entries.unmatched(connection, now, 10)
        placement = Placement(new.id, new.id)
        await entries.place(connection, {new.id: placement}, now)
        matches = [hits.New(one.query_id, new.id, placement, Match(0.5, ())) for one in found_by]
        await hits.add(connection, matches, now, past=False)
        await entries.mark_matched(connection, [new], 1, {new.id})
    return new.id


async def sent(database: Database, chat: Chat, now: datetime) -> list[SentMessageRecord]:
    """Mark every message that waits as sent, and return what is stored of each."""
    found: list[SentMessageRecord] = []
    while True:
        async with database.begin() as connection:
            claimed = await delivery_claims.claim(connection, now, free=1, lease=timedelta(minutes=1))
            if not claimed:
                return found
            await deliveries.sent(connection, claimed[0], now, claimed[0].id)
            record = await delivery_items.find_sent(connection, chat.id, claimed[0].id)
            assert record is not None
            found.append(record)


@pytest.mark.parametrize(("locale", "zone"), [("en", "America/Lima"), ("ar", "Asia/Damascus")])
@pytest.mark.parametrize("labels", [["syria"], ["syria", "إدلب", "a <b>", "c", "d", "e", "f"]])
async def test_an_alert_rendered_again_is_the_one_that_was_sent(
    database: Database, locale: str, zone: str, labels: list[str]
) -> None:
    clock = SetClock()
    chat = await reader(database, locale, zone, clock.now())
    entry_id = await publish(database, chat, labels, clock.now())
    await write_alerts(database, clock, Signer(b"k" * 32), per_hour=9)
    async with database.begin() as connection:
        for table in (schema.entry, schema.source):  # what changes afterwards is another message's
            await connection.execute(sa.update(table).values(title="Changed", url="https://changed.example/"))
    (record,) = await sent(database, chat, clock.now())
    (item,) = record.items
    assert (item.entry_id, record.kind, record.is_marked) == (entry_id, deliveries.ALERT, False)
    assert item.shown is not None
    again = news.alert(Item.from_json(item.shown), words(locale), zone=zone, now=record.created_at)
    assert str(again.text) == record.payload["text"]
    assert "Changed" not in again.text
    assert "Bakers &amp; millers" in again.text


async def test_a_digest_says_of_each_item_whether_it_shows_or_only_counts_it(database: Database) -> None:
    clock = SetClock()
    chat = await reader(database, "en", "UTC", clock.now())
    made = [await publish(database, chat, ["syria"], clock.now(), title=f"Title {number}") for number in range(52)]
    async with database.begin() as connection:
        for entry_id in made:
            await entries.set_alerted_to(connection, entry_id, None)
        assert await freeze_now(connection, chat, clock.now(), Signer(b"k" * 32), kind="now") == len(made)
    records = await sent(database, chat, clock.now())
    items = [item for record in records for item in record.items]
    assert sorted(item.entry_id for item in items) == made
    shown = [Item.from_json(item.shown) for item in items if item.shown is not None]
    assert len(shown) == STORIES
    text = "".join(record.payload["text"] for record in records)
    assert all(item.title in text for item in shown)
    assert [item.shown is None for item in items[-2:]] == [True, True]


@pytest.mark.parametrize("late", [True, False])
async def test_whether_a_message_has_the_mark_of_a_resend_is_known(database: Database, late: bool) -> None:
    now, lease = SetClock().now(), timedelta(minutes=1)
    chat = await reader(database, "en", "UTC", now)
    async with database.begin() as connection:
        await deliveries.add(connection, chat_id=chat.id, kind=deliveries.REPLY, payload={"text": "x"}, now=now)
        (claimed,) = await delivery_claims.claim(connection, now, free=1, lease=lease)
        await deliveries.recover(connection, now + lease * 2, again_at=now)
        if not late:
            await deliveries.revive_uncertain(connection, now)
            (claimed,) = await delivery_claims.claim(connection, now, free=1, lease=lease)
        assert await deliveries.sent(connection, claimed, now, 5)
        record = await delivery_items.find_sent(connection, chat.id, 5)
    assert record is not None
    assert record.is_marked is not late
