"""A whole bot for tests: the real application, the sandbox's Bot API, feeds over loopback, a movable clock."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.app import serve
from bot.config import Config
from bot.runtime.clock import Clock
from bot.runtime.wakeups import Step, Wakeups
from bot.sandbox.people import ADA, BEN
from bot.sandbox.server import Sandbox
from bot.sandbox.state import SentMessage
from bot.storage import schema
from bot.storage.database import Database
from tests.feedserver import FeedServer, item, rss

TOKEN = "7000000001:test-token-that-nobody-may-log"


class MovableClock(Clock):
    """The machine's clock, put forward on demand."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@dataclass
class Bot:
    """A running bot and the world around it. Ada is the admin; Ben is not."""

    database_url: str
    sandbox: Sandbox
    feeds: FeedServer
    clock: MovableClock = field(default_factory=MovableClock)
    wakeups: Wakeups = field(default_factory=Wakeups)
    changes: dict[str, Any] = field(default_factory=dict)
    items: list[str] = field(default_factory=list)

    def config(self) -> Config:
        settings: dict[str, Any] = {
            "telegram": {
                "token": TOKEN,
                "api_base_url": self.sandbox.base_url,
                "file_base_url": self.sandbox.base_file_url,
            },
            "admin": {"ids": [ADA]},
            "storage": {"url": self.database_url},
            "fetch": {"allow_networks": ["127.0.0.0/8"], "timeout": 5},
            "polling": {"interval": 1, "min_interval": 1, "max_interval": 1},
            "sources": [{"url": self.feeds.url("/feed.xml"), "title": "Demo Times"}],
        }
        for section, values in self.changes.items():
            settings[section] = settings.get(section, {}) | values if isinstance(values, dict) else values
        return Config(**settings)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Bot"]:
        """Run the bot; at the end it stops as it does at SIGTERM."""
        self.wakeups, stop = Wakeups(), asyncio.Event()
        task = asyncio.create_task(serve(self.config(), self.clock, self.wakeups, stop))
        try:
            yield self
        finally:
            stop.set()
            self.wakeups.wake_all()
            await task

    def publish(self, *items: str) -> None:
        """Put more into the feed."""
        self.items[:0] = items  # newest first, as feeds are
        self.feeds.serve("/feed.xml", rss(self.items, title="Demo Times"))

    def news(self, title: str, text: str = "", guid: str | None = None) -> None:
        """Publish an article."""
        number = len(self.items)
        link = f"https://demo.example/{number}"
        self.publish(item(title, link, guid=guid or f"guid-{number}", text=text, published=None))

    async def say(self, text: str, user_id: int = BEN, *, answers: int = 1, chat_id: int | None = None) -> SentMessage:
        """Say something and return the bot's last of `answers` messages to that chat."""
        where = chat_id if chat_id is not None else user_id
        before = len(self.sandbox.sent_to(where))
        self.sandbox.say(text, user_id=user_id, chat_id=chat_id)
        return await self.told(before + answers, where)

    async def told(self, count: int, chat_id: int = BEN) -> SentMessage:
        """Wait until the bot has sent a chat `count` messages, and return the last."""
        await self.sandbox.until(lambda: len(self.sandbox.sent_to(chat_id)) >= count, 20.0, f"{count} to {chat_id}")
        return self.sandbox.sent_to(chat_id)[count - 1]

    def text_of(self, message: SentMessage, chat_id: int = BEN) -> str:
        """Return the text that a message has now."""
        return str(self.sandbox.world.chats[chat_id].messages[message["message_id"]]["text"])

    async def shows(self, message: SentMessage, text: str) -> None:
        """Wait until a message was edited so that it has this text in it."""

        def shown() -> str:
            chat = self.sandbox.world.chats[message["chat_id"]]
            return str(chat.messages[message["message_id"]].get("text", ""))

        await self.sandbox.until(lambda: text in shown(), 15.0, f"{text!r} in {shown()!r}")

    async def polled(self) -> None:
        """Wait until what is published now was fetched, stored and matched."""
        asked = self.feeds.hits("/feed.xml")
        await self.until(lambda _: _count(self.feeds.hits("/feed.xml") - asked >= 2))
        await self.until(nothing_unmatched)

    async def until(self, condition: Any, timeout: float = 15.0) -> None:
        """Wait until a question to the database has the answer true, waking every step meanwhile."""
        database = Database(self.database_url)
        try:
            async with asyncio.timeout(timeout):
                while True:
                    async with database.read() as connection:
                        if await condition(connection):
                            return
                    for step in Step:
                        self.wakeups.wake(step)
                    await asyncio.sleep(0.05)
        finally:
            await database.close()

    async def states(self) -> dict[str, int]:
        """Return how many deliveries other than answers are in each state."""
        found: dict[str, int] = {}

        async def look(connection: AsyncConnection) -> bool:
            table = schema.delivery
            statement = sa.select(table.c.state, sa.func.count().label("n")).where(table.c.kind != "reply")
            found.update({row.state: row.n for row in await connection.execute(statement.group_by(table.c.state))})
            return True

        await self.until(look)
        return found


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def _count(answer: bool) -> bool:
    return answer


async def all_sent(connection: AsyncConnection) -> bool:
    """Whether no message waits to be sent."""
    open_ = schema.delivery.c.state.in_(["READY", "SENDING", "UNCERTAIN"])
    return (await connection.execute(sa.select(schema.delivery.c.id).where(open_))).first() is None


async def nothing_unmatched(connection: AsyncConnection) -> bool:
    """Whether every entry was matched, and its alerts written."""
    table = schema.entry
    waiting = sa.or_(table.c.matched_at_version.is_(None), table.c.alerted_to.is_not(None))
    statement = sa.select(sa.func.count()).select_from(table).where(waiting)
    return (await connection.execute(statement)).scalar_one() == 0
