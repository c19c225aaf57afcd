"""Told is what a message shows, or counts for the list of a private chat's button: everything else stays owed."""

import html
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.messages.payload import as_plain, from_json
from bot.messages.signing import Signer
from bot.models import FeedEntry, Match, Placement, Schedule
from bot.pipeline.alert import write_alerts
from bot.pipeline.digest import freeze_now
from bot.storage import delivery_items, entries, hits, schema, sources
from bot.storage.chats import Chat
from bot.storage.database import Database
from tests.pipeline.rig import SetClock
from tests.storage.world import World

SIGNER = Signer(b"k" * 32)
KINDS = ("private", "group", "channel")


async def publish_event(database: Database, chat: Chat, number: int, now: Any, *queries: str) -> set[int]:
    """Store articles, alike but for a number, that are forced into one event; return their entries."""
    world = World(database)
    found_by = [await world.subscribe(chat, query, Schedule.INSTANT, now) for query in queries]
    items = [
        FeedEntry((f"key {one}",), f"Strike on town {one}", f"https://e.org/{one}x", None, "", "en", now)
        for one in range(number)
    ]
    async with database.begin() as connection:
        source_id, _ = await sources.add(connection, url="https://e.org/feed", title="E", now=now)
        await entries.store(connection, source_id, items, now, baseline=False)
        stored = await entries.unmatched(connection, now, number)
        placed = {new.id: Placement(stored[0].id, new.id) for new in stored}
        await entries.place(connection, placed, now)
        made = [hits.New(one.query_id, new.id, placed[new.id], Match(0.5, ())) for new in stored for one in found_by]
        await hits.add(connection, made, now, past=False)
        await entries.mark_matched(connection, stored, 1, {new.id for new in stored})
        for new in stored:
            await entries.set_alerted_to(connection, new.id, None)
    return {new.id for new in stored}


async def accounted(database: Database, chat: Chat, now: Any) -> tuple[set[int], set[int], set[int]]:
    """Return the entries whose links the texts of messages have, those that a button lists, and those still owed."""
    async with database.read() as connection:
        rows = (await connection.execute(sa.select(schema.delivery.c.id, schema.delivery.c.payload))).all()
        known = {row.url: row.id for row in await connection.execute(sa.select(schema.entry.c.url, schema.entry.c.id))}
        shown, listed = set(), set()
        for delivery_id, payload in rows:
            shown |= {known[html.unescape(url)] for url in re.findall(r'href="([^"]+)"', payload["text"])}
            if any(button["data"].startswith("more") for row in payload.get("buttons", ()) for button in row):
                listed |= {
                    item.entry_id for item in await delivery_items.counted_items(connection, chat.id, delivery_id)
                }
        owed = {hit.entry_id for hit in await hits.pending(connection, chat.id, now, tuple(Schedule))}
    return shown, listed, owed


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=8)
@given(number=st.integers(1, 90), labels=st.integers(1, 3))
async def test_clustered_into_one_event_nothing_is_lost(kind: str, number: int, labels: int) -> None:
    with TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'told.db'}"
        clock = SetClock()
        async with Database(url) as database:
            chat = await World(database).chat(kind=kind)
            made = await publish_event(database, chat, number, clock.now(), *("strike", "town", "e.org")[:labels])
            async with database.begin() as connection:
                await freeze_now(connection, chat, clock.now(), SIGNER, kind="now")
            shown, listed, owed = await accounted(database, chat, clock.now())
    assert shown | listed | owed == made
    assert not shown & owed
    assert not listed & owed
    assert listed == set() or kind == "private"


@pytest.mark.parametrize("kind", KINDS)
async def test_an_alert_tells_its_own_text_alone(database: Database, kind: str) -> None:
    clock = SetClock()
    chat = await World(database).chat(kind=kind)
    made = sorted(await publish_event(database, chat, 3, clock.now(), "strike", "town"))
    async with database.begin() as connection:
        await connection.execute(sa.update(schema.entry).where(schema.entry.c.id == made[0]).values(alerted_to=0))
    await write_alerts(database, clock, SIGNER, per_hour=9)
    shown, listed, owed = await accounted(database, chat, clock.now())
    assert (shown, listed, owed) == ({made[0]}, set(), set(made[1:]))


async def test_a_group_is_still_owed_what_its_digest_does_not_show(database: Database) -> None:
    clock = SetClock()
    chat = await World(database).chat(kind="group")
    made = await publish_event(database, chat, 60, clock.now(), "strike", "town")
    async with database.begin() as connection:  # sixty events
        await connection.execute(sa.update(schema.hit).values(story_id=schema.hit.c.entry_id))
        await freeze_now(connection, chat, clock.now(), SIGNER, kind="now")
    shown, listed, owed = await accounted(database, chat, clock.now())
    assert (len(shown), len(listed), len(owed)) == (50, 0, 10)
    assert shown | owed == made


async def test_a_channels_messages_have_no_buttons(database: Database) -> None:
    clock = SetClock()
    chat = await World(database).chat(kind="channel")
    made = sorted(await publish_event(database, chat, 70, clock.now(), "strike"))
    async with database.begin() as connection:
        await connection.execute(sa.update(schema.entry).where(schema.entry.c.id == made[0]).values(alerted_to=0))
    await write_alerts(database, clock, SIGNER, per_hour=9)
    async with database.begin() as connection:
        await freeze_now(connection, chat, clock.now(), SIGNER, kind="now")
        payloads = (await connection.execute(sa.select(schema.delivery.c.payload))).scalars().all()
    assert len(payloads) > 1
    assert not any("buttons" in payload for payload in payloads)


async def test_what_a_plain_text_does_not_show_is_pending_again(database: Database) -> None:
    clock = SetClock()
    chat = await World(database).chat(kind="group")
    made = await publish_event(database, chat, 20, clock.now(), "strike")
    async with database.begin() as connection:
        await freeze_now(connection, chat, clock.now(), SIGNER, kind="now")
        (row,) = (await connection.execute(sa.select(schema.delivery))).mappings().all()
        plain = as_plain(from_json(row["payload"]))
        assert all(f"https://e.org/{number}x" in plain.text for number in range(20))
        await delivery_items.release(connection, row["id"], [max(made)])
    async with database.read() as connection:
        assert [hit.entry_id for hit in await hits.pending(connection, chat.id, clock.now(), tuple(Schedule))] == [
            max(made)
        ]
        reported = await delivery_items.items_of(connection, row["id"])
    assert {item.entry_id for item in reported} == made - {max(made)}
