"""A small world for tests of what chats are owed: a source, entries, chats, subscriptions and hits."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time

from bot.models import FeedEntry, Match, Placement, Schedule
from bot.storage import chats, deliveries, entries, hits, sources, subscriptions
from bot.storage.chats import Chat
from bot.storage.database import Database
from bot.storage.subscriptions import Subscription

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class World:
    database: Database
    made: int = field(default=0)

    async def chat(self, telegram_id: int = 7, *, thread_id: int = 0, kind: str = "private") -> Chat:
        async with self.database.begin() as connection:
            chat, _ = await chats.get_or_create(
                connection,
                telegram_id=telegram_id,
                thread_id=thread_id,
                kind=kind,
                locale="en",
                zone="UTC",
                digest_time=time(8),
                now=NOW,
            )
            return chat

    async def subscribe(
        self, chat: Chat, text: str, schedule: Schedule = Schedule.INSTANT, at: datetime = NOW
    ) -> Subscription:
        async with self.database.begin() as connection:
            made, _ = await subscriptions.subscribe(
                connection, chat_id=chat.id, text=text, label=text, schedule=schedule, now=at
            )
            return made

    async def entry(
        self, *found_by: Subscription, at: datetime = NOW, like: int = 0, story: int = 0, past: bool = False
    ) -> int:
        """Store an entry that these subscriptions match: with the text of `like`, of `story`, or all its own."""
        self.made += 1
        item = FeedEntry((f"key {self.made}",), f"Title {self.made}", "https://e.org/x", None, "Text.", "en", at)
        async with self.database.begin() as connection:
            source_id, _ = await sources.add(connection, url="https://e.org/feed", title="E", now=NOW)
            await entries.store(connection, source_id, [item], at, baseline=False)
            (new,) = await entries.unmatched(connection, at, 10)
            placement = Placement(story or like or new.id, like or new.id)
            await entries.place(connection, {new.id: placement}, at)
            matches = [hits.New(one.query_id, new.id, placement, Match(0.5, ())) for one in found_by]
            await hits.add(connection, matches, at, past=past)
            await entries.mark_matched(connection, [new], 1, {new.id} if matches else set())
            return new.id

    async def to_alert(self, entry_id: int, at: datetime = NOW) -> list[tuple[int, int]]:
        async with self.database.read() as connection:
            owed = await hits.to_alert(connection, entry_id, at, after_chat=0, limit=100)
            return [(one.chat_id, one.query_id) for one in owed if not one.is_further]

    async def pending(self, chat: Chat, at: datetime = NOW, *schedules: Schedule) -> list[int]:
        async with self.database.read() as connection:
            owed = await hits.pending(connection, chat.id, at, schedules or tuple(Schedule))
            return [one.entry_id for one in owed]

    async def alerts_written(self, entry_id: int) -> None:
        async with self.database.begin() as connection:
            await entries.set_alerted_to(connection, entry_id, None)

    async def tell(self, chat: Chat, entry_id: int, *about: Subscription, at: datetime = NOW) -> int:
        """Owe the chat an alert of this entry for these subscriptions; return the delivery's id."""
        async with self.database.begin() as connection:
            owed = await hits.to_alert(connection, entry_id, at, after_chat=chat.id - 1, limit=100)
            owed += await hits.pending(connection, chat.id, at, tuple(Schedule))
            queries = {one.query_id for one in about}
            told = {
                (one.text_id, one.query_id): deliveries.Told(one.story_id, one.text_id, one.entry_id, one.query_id)
                for one in owed
                if one.entry_id == entry_id and one.query_id in queries and one.chat_id == chat.id
            }
            assert told
            return await deliveries.add(
                connection,
                chat_id=chat.id,
                kind=deliveries.ALERT,
                payload={"text": "x"},
                now=at,
                reported_items=list(told.values()),
            )
