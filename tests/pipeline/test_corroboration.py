"""A query with min: hears of an event once enough independent publishers match, in one message, or in a digest."""

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from bot.messages.safe_text import publisher
from bot.messages.signing import Signer
from bot.models import FeedEntry, Placement, Schedule
from bot.pipeline.alert import write_alerts
from bot.pipeline.digest import freeze_now
from bot.pipeline.match import Matcher
from bot.pipeline.tidy import tidy
from bot.storage import entries, hits, schema, sources
from bot.storage.database import Database
from tests.pipeline.rig import SetClock
from tests.storage.world import World

SIGNER = Signer(b"k" * 32)
QUERY = "Idlib AND min:3"
HOUR = timedelta(hours=1)


class Newsroom:
    """Articles of one event, matched and alerted as the running bot does; nothing is sent."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SetClock()
        self.matcher = Matcher(database, self.clock)
        self.story = 0
        self.made = 0

    async def publish(self, *hosts: str, title: str = "Shelling of Idlib", alerts: bool = True) -> None:
        """Store an article of each host, all of one event, and match them in one batch."""
        async with self.database.begin() as connection:
            for host in hosts:
                self.made += 1
                url = f"https://{host}/{self.made}"
                headline = f"{title}, report {self.made}"
                item = FeedEntry((url,), headline, url, None, "", "en", self.clock.now())
                source_id, _ = await sources.add(
                    connection, url=f"https://{host}/feed", title=host, now=self.clock.now()
                )
                await entries.store(connection, source_id, [item], self.clock.now(), baseline=False)
            new = await entries.unmatched(connection, self.clock.now(), 100)
            self.story = self.story or new[0].id
            placed = {entry.id: Placement(self.story, entry.id) for entry in new}
            await entries.place(connection, placed, self.clock.now())
        await self.matcher.match_new()
        if alerts:
            await self.alert()

    async def alert(self, per_hour: int = 60) -> None:
        while await write_alerts(self.database, self.clock, SIGNER, per_hour=per_hour):
            pass

    async def messages(self) -> list[list[str]]:
        """Return the links of each message, in the order they were written."""
        kinds = sa.select(schema.delivery.c.payload).order_by(schema.delivery.c.id)
        async with self.database.read() as connection:
            payloads = (await connection.execute(kinds)).scalars().all()
        return [re.findall(r'href="https://([^/"]+)/', payload["text"]) for payload in payloads]

    async def addresses(self) -> set[str]:
        """Return the addresses that any message has."""
        async with self.database.read() as connection:
            payloads = (await connection.execute(sa.select(schema.delivery.c.payload))).scalars().all()
        return {url for payload in payloads for url in re.findall(r'href="([^"]+)', payload["text"])}

    async def text(self) -> str:
        async with self.database.read() as connection:
            return str((await connection.execute(sa.select(schema.delivery.c.payload))).scalars().all()[-1]["text"])

    async def told(self) -> int:
        async with self.database.read() as connection:
            count = sa.select(sa.func.count()).select_from(schema.told)
            return int((await connection.execute(count)).scalar_one())

    async def digest(self, chat: Any, kind: str = "now") -> int:
        async with self.database.begin() as connection:
            return await freeze_now(connection, chat, self.clock.now(), SIGNER, kind=kind)


async def test_three_publishers_ring_once_with_all_links(database: Database) -> None:
    world, newsroom = World(database), Newsroom(database)
    chat = await world.chat()
    await world.subscribe(chat, QUERY)
    await newsroom.publish("bbc.co.uk")
    await newsroom.publish("feeds.bbc.co.uk", "reuters.com")  # the first publisher again, and a second
    assert (await newsroom.messages(), await newsroom.told()) == ([], 0)
    async with database.read() as connection:
        held = await hits.unconfirmed(connection, chat.id, newsroom.clock.now())
    assert list(held.values()) == [(1, 2, 3)]
    await newsroom.publish("aljazeera.com")
    (links,) = await newsroom.messages()
    assert set(links) == {"bbc.co.uk", "feeds.bbc.co.uk", "reuters.com", "aljazeera.com"}
    assert await newsroom.told() == 4
    async with database.read() as connection:
        assert await hits.unconfirmed(connection, chat.id, newsroom.clock.now()) == {}
        assert await hits.pending(connection, chat.id, newsroom.clock.now(), tuple(Schedule)) == []


async def test_three_publishers_of_one_batch_are_one_message(database: Database) -> None:
    world, newsroom = World(database), Newsroom(database)
    await world.subscribe(await world.chat(), QUERY)
    await newsroom.publish("a.org", "b.org", "c.org", "d.org")
    (links,) = await newsroom.messages()
    assert sorted(links) == ["a.org", "b.org", "c.org", "d.org"]


async def test_another_query_is_told_at_once(database: Database) -> None:
    world, newsroom = World(database), Newsroom(database)
    await world.subscribe(await world.chat(), QUERY)
    await world.subscribe(await world.chat(8), "Idlib")
    await newsroom.publish("a.org")
    assert await newsroom.messages() == [["a.org"]]


async def test_what_is_held_ends_in_the_digest_and_says_how_many_had_it(database: Database) -> None:
    world, newsroom = World(database), Newsroom(database)
    chat = await world.chat()
    await world.subscribe(chat, QUERY)
    await newsroom.publish("a.org")
    newsroom.clock.time += 47 * HOUR
    assert await newsroom.digest(chat) == 0
    newsroom.clock.time += HOUR
    await newsroom.alert()
    assert await newsroom.digest(chat, "later") == 1
    assert await newsroom.messages() == [["a.org"]]
    assert "1 of 3" in await newsroom.text()
    assert await newsroom.told() == 1
    newsroom.clock.time += timedelta(days=31)
    await tidy(database, newsroom.clock, retention=timedelta(days=14))
    async with database.read() as connection:
        assert (await connection.execute(sa.select(schema.corroboration))).first() is None


async def test_a_daily_subscriber_waits_for_three_publishers_too(database: Database) -> None:
    world, newsroom = World(database), Newsroom(database)
    chat = await world.chat()
    await world.subscribe(chat, QUERY, Schedule.DAILY)
    await newsroom.publish("a.org", "b.org")
    assert await newsroom.digest(chat) == 0
    await newsroom.publish("c.org")
    assert await newsroom.digest(chat, "later") == 1
    assert " of 3" not in await newsroom.text()


async def test_what_one_message_cannot_hold_stays_owed(database: Database) -> None:
    world, newsroom = World(database), Newsroom(database)
    chat = await world.chat()
    await world.subscribe(chat, QUERY)
    await newsroom.publish(*["a.org"] * 70, title="Idlib " + "shelled again and again " * 9)
    await newsroom.publish("b.org", "c.org")
    first, shown = (await newsroom.messages())[0], len(await newsroom.addresses())
    assert {"a.org", "b.org", "c.org"} <= set(first)
    async with database.read() as connection:
        owed = await hits.pending(connection, chat.id, newsroom.clock.now(), tuple(Schedule))
    assert await newsroom.told() == shown < 72
    assert shown + len(owed) == 72


async def test_a_chat_at_its_cap_is_owed_all_texts(database: Database) -> None:
    world, newsroom = World(database), Newsroom(database)
    chat = await world.chat()
    await world.subscribe(chat, QUERY)
    await newsroom.publish("a.org", "b.org", "c.org", alerts=False)
    await newsroom.alert(per_hour=0)
    assert await newsroom.told() == 0
    assert await newsroom.digest(chat) == 1
    assert await newsroom.told() == 3


@pytest.mark.parametrize(
    ("url", "source", "name"),
    [
        ("https://www.bbc.co.uk/news/1", "https://feeds.bbci.co.uk/x", "bbc.co.uk"),
        ("https://edition.cnn.com/1", "https://rss.cnn.com/", "cnn.com"),
        (None, "https://feeds.skynews.com/x", "skynews.com"),
        ("no address", "https://a.e.org/x", "e.org"),
        ("https://[broken", "https://a.e.org/x", "e.org"),
        ("https://10.0.0.7/1", "https://e.org", "10.0.0.7"),
        ("https://e.org./1", "https://f.org", "e.org"),
        ("https://localhost/1", "https://f.org", "localhost"),
    ],
)
def test_a_publisher_is_the_domain_that_somebody_registered(url: str | None, source: str, name: str) -> None:
    assert publisher(url, source) == name
