"""What takes long to look up is looked up before the transaction that answers: meanwhile others write."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from markupsafe import Markup
from telegram import Bot, Update

from bot.chat import buttons
from bot.chat.group_admins import Members
from bot.chat.request import Request, load_chat
from bot.chat.services import Services, Settings
from bot.chat.user import subscribe, why
from bot.delivery.telegram.send import RESENT
from bot.messages.callbacks import (
    AliasPageButton,
    ButtonData,
    ListButton,
    ScheduleButton,
    SubscriptionButton,
    WhyButton,
)
from bot.messages.items import Item
from bot.messages.limits import LIMIT, measure
from bot.messages.signing import Signer
from bot.models import FeedEntry, Schedule
from bot.pipeline.aliases import AliasBook
from bot.runtime.clock import Clock
from bot.runtime.wakeups import Wakeups
from bot.search.recent import Week
from bot.sources.http.fetch import Fetcher
from bot.sources.http.guard import AddressGuard
from bot.sources.reading.pool import FeedParser
from bot.storage import aliases, deliveries, entries, inbox, sources
from bot.storage.database import Database
from bot.storage.deliveries import Told
from bot.storage.schema import delivery
from bot.storage.subscriptions import Subscription
from tests.storage.world import NOW, World

Value = TypeVar("Value")
USER = 7
LINK = "https://e.org/rain"


class GatedWeek(Week):
    """A week whose searches wait at a gate."""

    def __init__(self, database: Database, clock: Clock, aliases: AliasBook) -> None:
        super().__init__(database, clock, aliases)
        self.asked, self.gate = asyncio.Event(), asyncio.Event()

    async def run(self, work: Callable[..., Value], *args: object) -> Value:
        if self.is_filled:
            self.asked.set()
            await self.gate.wait()
        return await super().run(work, *args)


@dataclass
class Chat:
    """A chat that watches one thing, of which the week had an article."""

    database: Database
    services: Services
    week: GatedWeek
    watched: Subscription
    turns: int = field(default=0)

    async def turn(self, args: str = "", text: str = "/x") -> Request:
        self.turns += 1
        user = {"id": USER, "is_bot": False, "first_name": "Ben", "language_code": "en"}
        message = {"message_id": 1, "date": 0, "chat": {"id": USER, "type": "private"}, "from": user, "text": text}
        raw = {"update_id": self.turns, "message": message}
        async with self.database.begin() as connection:
            await inbox.keep(connection, [raw], self.services.clock.now())
        update = Update.de_json(raw, None)
        request = Request(self.services, update, Bot("1:token"), args)
        await load_chat(request)
        return request

    async def press(self, button: ButtonData) -> Any:
        request = await self.turn()
        return await buttons._press(request, button)

    async def answers(self) -> list[str]:
        async with self.database.read() as connection:
            rows = await connection.execute(delivery.select().order_by(delivery.c.id))
            return [row.payload["text"] for row in rows]


@pytest.fixture
async def chat(database: Database) -> AsyncIterator[Chat]:
    clock, book = Clock(), AliasBook()
    week = GatedWeek(database, clock, book)
    services = Services(
        database,
        clock,
        Wakeups(),
        Fetcher(AddressGuard()),
        FeedParser(),
        Settings(admins=frozenset({USER})),
        Signer(b"key"),
        book,
        week,
        Members(clock),
    )
    stored = World(database)
    watched = await stored.subscribe(await stored.chat(USER), "rain NEAR/5 Idlib", Schedule.DAILY)
    item = FeedEntry(("key",), "Rain over Idlib", LINK, LINK, "", "en", None)
    async with database.begin() as connection:
        source_id, _ = await sources.add(connection, url="https://e.org/f", title="E", now=clock.now())
        await entries.store(connection, source_id, [item], clock.now(), baseline=False)
    await week.catch_up()
    yield Chat(database, services, week, watched)
    week.close()


async def others_write(chat: Chat, asked: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await asked.wait()
        async with chat.database.begin():
            pass


async def test_the_list_does_not_wait_for_the_index(chat: Chat) -> None:
    async with asyncio.timeout(10):
        await subscribe.list_(await chat.turn())
        shown, _ = await chat.press(ListButton(0))
    assert not chat.week.asked.is_set()
    assert shown is not None
    assert "rain NEAR/5 Idlib" in shown.text
    assert "rain NEAR/5 Idlib" in (await chat.answers())[0]


@pytest.mark.parametrize("asked", ["item", "when"])
async def test_the_week_is_searched_while_others_write(chat: Chat, asked: str) -> None:
    does: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
        "item": lambda: chat.press(SubscriptionButton(chat.watched.id, 0)),
        "when": lambda: chat.press(ScheduleButton(chat.watched.id, Schedule.HOURLY)),
    }
    task = asyncio.create_task(does[asked]())
    try:
        await others_write(chat, chat.week.asked)
    finally:
        chat.week.gate.set()
        result = await task
    text = str(result[0].text)
    assert "rain NEAR/5 Idlib" in text
    assert "1 this week" in text


async def test_an_article_is_read_for_why_while_others_write(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, asked, gate, explain = asyncio.get_running_loop(), asyncio.Event(), threading.Event(), why.explain

    def gated(*args: Any) -> Any:
        loop.call_soon_threadsafe(asked.set)
        gate.wait(30)
        return explain(*args)

    monkeypatch.setattr(why, "explain", gated)
    async with chat.database.begin() as connection:
        waiting = await entries.unmatched(connection, chat.services.clock.now(), 10)
        await entries.mark_matched(connection, waiting, 1, set())
    task = asyncio.create_task(why.why(await chat.turn(LINK)))
    try:
        await others_write(chat, asked)
    finally:
        gate.set()
        await task
    assert "is in it, but it was there before you began" in (await chat.answers())[0]


async def test_what_is_too_long_to_be_edited_in_place_is_replied_in_several_messages(chat: Chat) -> None:
    async with chat.database.begin() as connection:
        for number in range(10):
            names = tuple(f"Somewhere{number}x{other} with quite some long name" for other in range(20))
            await aliases.add(connection, names, chat.services.clock.now())
    assert await chat.press(AliasPageButton(0)) == (None, "")
    answers = await chat.answers()
    assert len(answers) > 1
    assert all(measure(Markup(one)).within(LIMIT) for one in answers)
    assert "Somewhere9x19" in answers[-1]


@pytest.mark.parametrize("mark", ["", RESENT])
async def test_an_alert_that_grows_keeps_the_mark_it_was_sent_again_with(chat: Chat, mark: str) -> None:
    rain = Item(1, 1, title="Rain", url=None, source="E", published_at=None, queries=("rain",))
    async with chat.database.begin() as connection:
        alert = await deliveries.add(
            connection,
            chat_id=chat.watched.chat_id,
            kind=deliveries.ALERT,
            payload={"text": "Rain"},
            now=NOW,
            reported_items=[Told(1, 1, 1, chat.watched.query_id)],
            shown={1: rain.to_json()},
        )
        sent = {"message_id": 1, "uncertain_count": int(bool(mark)), "state": "SENT", "ended_at": NOW}
        await connection.execute(delivery.update().where(delivery.c.id == alert).values(sent))
    request = await chat.turn(text=f"{mark}Rain")
    shown, _note = await buttons._press(request, WhyButton(1))
    assert shown is not None
    assert shown.text.startswith(f"{mark}<b>Rain</b>\n")
    assert "🔎" in shown.text
