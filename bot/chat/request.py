"""One update being answered.

`Request.apply` is the transaction that applies it: the effect, the reply and the mark in the inbox commit together, or
none of them does. What has to wait for the network (looking at a feed, say) is done before.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection
from telegram import Bot, Update
from telegram.constants import ChatAction
from telegram.error import TelegramError

from bot.actions.chats import meet
from bot.chat.services import Services
from bot.errors import UserError
from bot.locales import Words, words
from bot.matching.engine.aliases import Aliases
from bot.messages.limits import split
from bot.messages.payload import to_file_payload, to_payload
from bot.models import Button, Message, Schedule
from bot.runtime.failpoints import failpoint
from bot.runtime.wakeups import Step
from bot.storage import chats, deliveries, inbox, offers
from bot.storage.chats import Chat, ChatState
from bot.storage.offers import OfferKind

REPLIES_LAST = timedelta(minutes=10)  # an answer nobody waits for any more
NOT_STORED = 0  # the id of a chat that has no row yet: nothing belongs to it
GROUP_ADMINS = ("creator", "administrator")


class AlreadyApplied(Exception):  # noqa: N818 - not an error: somebody was faster
    """The update had its effect before: after a crash, or a second delivery by Telegram."""


@dataclass(slots=True)
class Request:
    """An update and what is needed to answer it. `chat` is the stored one, or a new one until the first transaction."""

    services: Services
    update: Update
    bot: Bot
    args: str = ""
    now: datetime = field(init=False)
    chat: Chat = field(init=False)
    words: Words = field(init=False)
    locale_changed: bool = field(init=False, default=False)  # the chat chose a language: its menu of commands follows

    def __post_init__(self) -> None:
        """Read the clock once, and begin in the language Telegram says its reader uses."""
        self.now = self.services.clock.now()
        user = self.update.effective_user
        self.words = words((user.language_code if user else None) or "en")
        self.chat = self._new_chat()

    @property
    def user_id(self) -> int:
        """Telegram's number of who wrote or pressed; 0 for a channel, which is nobody."""
        return self.update.effective_user.id if self.update.effective_user else 0

    @property
    def is_admin(self) -> bool:
        """Whether that is one of the bot's admins."""
        return self.user_id in self.services.settings.admins

    @property
    def aliases(self) -> Aliases:
        """Names that are one, as of when this request looked."""
        return self.services.aliases.current

    @property
    def schedule(self) -> Schedule:
        """The schedule that a new subscription of this chat gets."""
        return self.chat.schedule or self.services.settings.schedule

    @property
    def is_private(self) -> bool:
        """Whether nobody else reads this chat."""
        chat = self.update.effective_chat
        return chat is not None and chat.type == "private"

    async def load_chat(self) -> None:
        """Load the chat if it is stored, and the current aliases."""
        async with self.services.database.read() as connection:
            telegram_id, thread_id = self._where()
            stored = await chats.find(connection, telegram_id, thread_id)
            await self.services.aliases.refresh(connection)
        if stored is not None:
            self.use_chat(stored)

    async def require_group_admin(self) -> None:
        """Raise UserError unless this person may change what this chat gets: in a group its admins may."""
        chat = self.update.effective_chat
        if chat is None or self.is_private or self.is_admin:
            return
        message = self.update.effective_message if self.update.callback_query is None else None
        if message is not None and message.sender_chat is not None and message.sender_chat.id == chat.id:
            return  # an anonymous admin of this group, or the channel itself; a press is always a person's
        _ = self.words.gettext
        try:
            status = await self.services.members.status(self.bot, chat.id, self.user_id)
        except TelegramError as error:
            raise UserError(_("Telegram did not answer. Try again in a moment.")) from error
        if status not in GROUP_ADMINS:
            raise UserError(_("Only admins of this group can do that."))

    async def show_typing(self) -> None:
        """Show "typing…" while an answer takes a moment; for five seconds, or until it is there. Best effort."""
        chat_id, thread_id = self._where()
        with contextlib.suppress(TelegramError):
            await self.bot.send_chat_action(chat_id, ChatAction.TYPING, message_thread_id=thread_id or None)

    @asynccontextmanager
    async def transaction(self, *, meet: bool = True) -> AsyncIterator[AsyncConnection]:
        """Open the transaction that applies this update; AlreadyApplied if that was done before.

        A chat that is not known yet is met, unless `meet` is false: then there is no `chat`, and no reply.
        """
        async with self.services.database.begin() as connection:
            if not await inbox.apply(connection, self.update.update_id):
                raise AlreadyApplied
            if meet:
                await self._meet(connection)
            yield connection
            failpoint("applying")
        failpoint("applied")
        self.services.wakeups.wake(Step.SEND)

    async def reply(
        self, connection: AsyncConnection, text: Markup, buttons: tuple[tuple[Button, ...], ...] = ()
    ) -> None:
        """Owe the chat an answer, in several messages if it is long; in a group it answers the message."""
        message = self.update.effective_message
        reply_to = message.message_id if message is not None and not self.is_private else None
        parts = split(text)
        for number, part in enumerate(parts, start=1):
            shown = Message(part, buttons if number == len(parts) else ())
            await deliveries.add(
                connection,
                chat_id=self.chat.id,
                kind=deliveries.REPLY,
                payload=to_payload(self.services.signer.sign_buttons(self.chat.id, shown), reply_to=reply_to),
                now=self.now,
                expires_at=self.now + REPLIES_LAST,
            )

    async def show(self, connection: AsyncConnection, message: Message) -> None:
        """Owe the chat an answer that is a whole message."""
        await self.reply(connection, message.text, message.buttons)

    async def reload(self, connection: AsyncConnection) -> None:
        """Read the chat again after it was changed: what is said next is in its language and zone."""
        changed = await chats.get(connection, self.chat.id)
        assert changed is not None
        self.use_chat(changed)

    async def reply_file(self, connection: AsyncConnection, name: str, content: str, caption: Markup) -> None:
        """Owe the chat a document: its name, its text and what is said under it."""
        await deliveries.add(
            connection,
            chat_id=self.chat.id,
            kind=deliveries.REPLY,
            payload=to_file_payload(name, content, caption),
            now=self.now,
            expires_at=self.now + REPLIES_LAST,
        )

    async def offer(
        self, connection: AsyncConnection, kind: OfferKind, payload: Mapping[str, Any], lasts: timedelta
    ) -> int:
        """Write what this person may take up by a button or an answer; return its id."""
        return await offers.make(
            connection,
            chat_id=self.chat.id,
            user_id=self.user_id,
            kind=kind,
            payload=payload,
            now=self.now,
            lasts=lasts,
        )

    def _new_chat(self) -> Chat:
        """Return the chat as it will be stored: NOT_STORED is its id until then."""
        (telegram_id, thread_id), chat = self._where(), self.update.effective_chat
        assert chat is not None
        settings, locale = self.services.settings, self.words.locale
        kind, zone, digest_time = chat.type, settings.zone, settings.digest_time
        return Chat(
            NOT_STORED, telegram_id, thread_id, kind, locale, zone, digest_time, schedule=None, state=ChatState.ACTIVE
        )

    def _where(self) -> tuple[int, int]:
        chat, message = self.update.effective_chat, self.update.effective_message
        assert chat is not None  # register.py passes on nothing without a chat
        in_topic = message is not None and message.is_topic_message and message.message_thread_id
        return chat.id, int(in_topic or 0)

    async def _meet(self, connection: AsyncConnection) -> None:
        new = self.chat
        met = await meet(
            connection,
            telegram_id=new.telegram_id,
            thread_id=new.thread_id,
            kind=new.kind,
            locale=self.words.locale,
            zone=new.zone,
            digest_time=new.digest_time,
            now=self.now,
        )
        self.use_chat(met.chat)

    def use_chat(self, chat: Chat) -> None:
        """Answer this chat from now on, in its language."""
        self.chat = chat
        self.words = words(chat.locale)
