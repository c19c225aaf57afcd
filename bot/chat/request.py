"""Request: one update from Telegram that is being answered.

In: an update. Out: the person, the chat, the arguments that were typed, the language and the time; and the one
transaction that applies the update. Not here: answers (`bot.chat.replies`), rights (`bot.chat.permissions`) and offers
(`bot.actions`). These are functions that take a request, so that a request has no more to it than every handler needs.

`transaction` is a method because an update is applied once, in one transaction: its effect, its reply and its mark in
the inbox commit together, or none of them does. Waiting for the network, such as fetching a feed, is done before.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection
from telegram import Bot, Update

from bot.actions.chats import meet as meet_chat
from bot.chat.services import Services
from bot.locales import Words, words
from bot.matching.engine.aliases import Aliases
from bot.models import Schedule
from bot.runtime.failpoints import failpoint
from bot.runtime.wakeups import Step
from bot.storage import chats, inbox
from bot.storage.chats import Chat, ChatState

NOT_STORED = 0  # the id of a chat that has no row yet: nothing belongs to it


class AlreadyApplied(Exception):  # noqa: N818 - not an error: another delivery of the update was faster
    """The update had its effect before: after a crash, or a second delivery by Telegram."""


@dataclass(slots=True)
class Request:
    """An update and its context. `chat` is the stored one (`load_chat`), or a new one until the first transaction."""

    services: Services
    update: Update
    bot: Bot
    args: str = ""
    now: datetime = field(init=False)
    chat: Chat = field(init=False)
    words: Words = field(init=False)
    locale_changed: bool = field(init=False, default=False)  # the chat chose a language: its menu of commands follows

    def __post_init__(self) -> None:
        """Read the clock once, and begin in the language of the person's Telegram app."""
        self.now = self.services.clock.now()
        user = self.update.effective_user
        self.words = words((user.language_code if user else None) or "en")
        self.chat = _new_chat(self)

    @property
    def user_id(self) -> int:
        """Telegram's number of the person who wrote or pressed; 0 for a channel."""
        return self.update.effective_user.id if self.update.effective_user else 0

    @property
    def is_admin(self) -> bool:
        """Whether that person is one of the bot's admins."""
        return self.user_id in self.services.settings.admins

    @property
    def is_private(self) -> bool:
        """Whether the chat is with one person."""
        chat = self.update.effective_chat
        return chat is not None and chat.type == "private"

    @property
    def aliases(self) -> Aliases:
        """The current aliases."""
        return self.services.aliases.current

    @property
    def schedule(self) -> Schedule:
        """The schedule that a new subscription of this chat gets."""
        return self.chat.schedule or self.services.settings.schedule

    def use_chat(self, chat: Chat) -> None:
        """Answer this chat from now on, in its language."""
        self.chat = chat
        self.words = words(chat.locale)

    @asynccontextmanager
    async def transaction(self, *, meet: bool = True) -> AsyncIterator[AsyncConnection]:
        """Open the transaction that applies this update; AlreadyApplied if that was done before.

        A chat that is not stored yet is created. With `meet` false it is not: then there can be no reply.
        """
        async with self.services.database.begin() as connection:
            if not await inbox.apply(connection, self.update.update_id):
                raise AlreadyApplied
            if meet:
                await _meet(self, connection)
            yield connection
            failpoint("applying")
        failpoint("applied")
        self.services.wakeups.wake(Step.SEND)


async def load_chat(request: Request) -> None:
    """Load the chat of a request if it is stored, and the current aliases."""
    async with request.services.database.read() as connection:
        stored = await chats.find(connection, *_address(request.update))
        await request.services.aliases.refresh(connection)
    if stored is not None:
        request.use_chat(stored)


async def _meet(request: Request, connection: AsyncConnection) -> None:
    new = request.chat
    met = await meet_chat(
        connection,
        telegram_id=new.telegram_id,
        thread_id=new.thread_id,
        kind=new.kind,
        locale=request.words.locale,
        zone=new.zone,
        digest_time=new.digest_time,
        now=request.now,
    )
    request.use_chat(met.chat)


def _new_chat(request: Request) -> Chat:
    """Return the chat as it will be stored: NOT_STORED is its id until then."""
    (telegram_id, thread_id), chat = _address(request.update), request.update.effective_chat
    assert chat is not None
    settings, locale = request.services.settings, request.words.locale
    kind, zone, digest_time = chat.type, settings.zone, settings.digest_time
    return Chat(
        NOT_STORED, telegram_id, thread_id, kind, locale, zone, digest_time, schedule=None, state=ChatState.ACTIVE
    )


def _address(update: Update) -> tuple[int, int]:
    """Return Telegram's id of the chat, and of the topic in it; 0 is no topic."""
    chat, message = update.effective_chat, update.effective_message
    assert chat is not None  # the router drops an update without a chat
    in_topic = message is not None and message.is_topic_message and message.message_thread_id
    return chat.id, int(in_topic or 0)
