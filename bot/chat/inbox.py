"""Updates: fetched from Telegram, stored, and only then acknowledged; then each applied once.

python-telegram-bot's own updater acknowledges updates before they are handled: a kill loses up to a hundred of them.
Here the next `getUpdates`, or the webhook's 200, acknowledges only what the inbox has committed. Updates of one chat
are applied in order, those of different chats side by side: one admin's slow feed keeps nobody waiting.

Updates are stored as they came and read only when they are applied: one that cannot be read holds up none behind it.
"""

import asyncio
import json
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, SQLAlchemyError
from telegram import Update
from telegram.error import (
    BadRequest,
    Conflict,
    EndPointNotFound,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)
from telegram.ext import CallbackContext

from bot.chat.router import App
from bot.delivery.telegram.errors import ODD_ANSWER
from bot.runtime.clock import Clock
from bot.runtime.failpoints import failpoint
from bot.runtime.liveness import Pulse
from bot.runtime.wakeups import Step, Wakeups
from bot.storage import inbox
from bot.storage.database import Database
from bot.storage.inbox import Waiting

log = structlog.get_logger()

KINDS = ["message", "channel_post", "callback_query", "my_chat_member", "chat_member"]
LONG_POLL = 25  # seconds Telegram may hold a getUpdates
SIDE_BY_SIDE = 16
IN_HAND = 5.0  # seconds
PAUSE_AFTER_ERROR = 3.0  # seconds
PAUSE_AFTER_CONFLICT = 15.0
PAUSES = (1.0, 5.0)  # seconds before an update that failed is tried again
EXCUSED = timedelta(hours=1)  # so long a failure of the network or the database is not the update's own


class Receiver:
    """The way from Telegram to the handlers."""

    def __init__(self, application: App, database: Database, clock: Clock, wakeups: Wakeups, pulse: Pulse) -> None:
        self.application = application
        self.database = database
        self.clock = clock
        self.wakeups = wakeups
        self.pulse = pulse
        self._errors: dict[int, Exception] = {}
        self._busy: dict[int, int] = {}  # update in hand → its chat
        application.add_error_handler(self._note_error)

    async def receive(self, stop: asyncio.Event) -> None:
        """Fetch and store updates until `stop` is set.

        An offset is sent once, to acknowledge what was stored, and never remembered: after a week without updates
        Telegram numbers them anew (Bot API, `Update`), and an old high offset would throw the new ones away. What is
        not acknowledged comes again, and the inbox knows it.
        """
        offset = None
        while not stop.is_set():
            offset = await self._fetch(offset, stop)

    async def _fetch(self, offset: int | None, stop: asyncio.Event) -> int | None:
        """Fetch once, store what came, and return the offset that acknowledges it, or None if there is nothing to."""
        try:
            updates = await self._get_updates(offset)
            self.pulse.beat("updates")
            if not updates:
                return None
            following = max(int(update["update_id"]) for update in updates) + 1
            await self.keep(updates)
        except Conflict as error:
            if "webhook" in error.message:
                log.error("another program has set a webhook with this token; restart this one when it has stopped")
            else:
                log.error("another program polls with this token; waiting for it to stop")
            await _pause(stop, PAUSE_AFTER_CONFLICT)
        except (InvalidToken, EndPointNotFound):
            log.error("Telegram refuses the token; check telegram.token")
            await _pause(stop, PAUSE_AFTER_CONFLICT)
        except RetryAfter as error:
            wait = error.retry_after
            await _pause(stop, wait if isinstance(wait, int) else wait.total_seconds())
        except (TelegramError, SQLAlchemyError, *ODD_ANSWER) as error:
            log.warning("updates not fetched", reason=type(error).__name__)
            await _pause(stop, PAUSE_AFTER_ERROR)
        else:
            return following
        return offset  # not heard: to be said again

    async def _get_updates(self, offset: int | None) -> list[dict[str, Any]]:
        """Return updates as Telegram writes them: python-telegram-bot raises for all when it cannot read one."""
        asked = {"timeout": LONG_POLL, "allowed_updates": json.dumps(KINDS)}
        if offset is not None:
            asked["offset"] = offset
        # Telegram's names are case-blind; `getUpdates` itself would only earn a hint to call the method of this name.
        method, read_timeout = "GetUpdates", LONG_POLL + 10
        found: Any = await self.application.bot.do_api_request(method, api_kwargs=asked, read_timeout=read_timeout)
        return list(found)

    async def keep(self, updates: list[dict[str, Any]]) -> None:
        """Store updates, so that they may be acknowledged. Raises SQLAlchemyError if that cannot be done now."""
        failpoint("updates-fetched")
        async with self.database.begin() as connection:
            await inbox.keep(connection, updates, self.clock.now())
        failpoint("updates-stored")
        self.wakeups.wake(Step.ANSWER)

    async def answer(self, stop: asyncio.Event) -> None:
        """Apply stored updates until `stop` is set; then finish those in hand that take no longer than IN_HAND.

        What takes longer waits for somebody else's server. It has had no effect yet: the next start begins it anew.
        """
        in_hand: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                for waiting in await self._next():
                    self._busy[waiting.update_id] = waiting.chat_id
                    task = group.create_task(self._apply(waiting, stop))
                    in_hand.add(task)
                    task.add_done_callback(in_hand.discard)
                await self.wakeups.wait(Step.ANSWER)
            __, late = await asyncio.wait(in_hand, timeout=IN_HAND) if in_hand else (None, set[asyncio.Task[None]]())
            for task in late:
                task.cancel()

    async def _next(self) -> list[Waiting]:
        """Return updates to apply now: the oldest of each chat that has none in hand."""
        free = SIDE_BY_SIDE - len(self._busy)
        if not free:
            return []
        try:
            async with self.database.read() as connection:
                return await inbox.waiting(connection, free, set(self._busy.values()))
        except SQLAlchemyError:
            log.exception("inbox not read")  # the next tick looks again
            return []

    async def _apply(self, waiting: Waiting, stop: asyncio.Event) -> None:
        """Apply one update; nothing it does may end the receiver. Its chat's next ones wait for it."""
        try:
            update = Update.de_json(waiting.payload, self.application.bot)
            await self.application.process_update(update)
            error = self._errors.pop(waiting.update_id, None)
            await self._settle(waiting, error)
        except Exception as found:  # the boundary of one update
            error = found
            await self._settle_error(waiting, found)
        if error is not None:
            await _pause(stop, PAUSES[min(waiting.attempts, len(PAUSES) - 1)])
        del self._busy[waiting.update_id]
        self.wakeups.wake(Step.ANSWER)

    async def _settle(self, waiting: Waiting, error: Exception | None) -> None:
        """Note that an update is done, or count its failure: what fails three times by itself is parked."""
        if error is not None and _is_excused(error) and self.clock.now() - waiting.received_at < EXCUSED:
            log.warning("update waits", update_id=waiting.update_id, reason=type(error).__name__)
            return
        async with self.database.begin() as connection:
            if error is None:
                await inbox.apply(connection, waiting.update_id)  # nothing handled it: it is done all the same
                return
            log.error("update failed", update_id=waiting.update_id, attempts=waiting.attempts + 1, exc_info=error)
            if await inbox.failed(connection, waiting.update_id, type(error).__name__):
                log.error("update parked", update_id=waiting.update_id)

    async def _settle_error(self, waiting: Waiting, error: Exception) -> None:
        try:
            await self._settle(waiting, error)
        except SQLAlchemyError:
            log.exception("inbox not written", update_id=waiting.update_id)

    async def _note_error(self, update: object, context: CallbackContext[Any, Any, Any, Any]) -> None:
        if isinstance(update, Update) and context.error is not None:
            self._errors[update.update_id] = context.error


def _is_excused(error: Exception) -> bool:
    """Say whether an update failed for a reason that is not its own: Telegram or the database out of reach."""
    if isinstance(error, (OperationalError, InterfaceError, InternalError, RetryAfter)):
        return True
    return isinstance(error, NetworkError) and not isinstance(error, BadRequest)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        pass
