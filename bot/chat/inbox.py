"""Inbox: fetches updates from Telegram, stores them, and only then acknowledges them; then applies each once.

python-telegram-bot's own updater acknowledges updates before they are handled: a kill loses up to a hundred of them.
Here the next `getUpdates`, or the webhook's 200, acknowledges only updates that are committed. Updates of one chat are
applied in order, those of different chats in parallel, so that no chat waits for another's slow feed.

Updates are stored as they came and parsed only when they are applied: one that cannot be parsed delays no other.
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
from bot.delivery.telegram.http import UnreadableAnswerError
from bot.delivery.telegram.updates import UnreadableUpdateError, check_update
from bot.runtime.clock import Clock
from bot.runtime.failpoints import failpoint
from bot.runtime.liveness import Pulse
from bot.runtime.wakeups import Step, Wakeups
from bot.storage import inbox
from bot.storage.database import Database
from bot.storage.inbox import PendingUpdate

log = structlog.get_logger()

LIMIT = 25  # updates fetched at once: parsed in one piece, and strangers choose their size
KINDS = ["message", "channel_post", "callback_query", "my_chat_member", "chat_member"]
LONG_POLL = timedelta(seconds=25)  # the longest that Telegram leaves a getUpdates unanswered
ANSWER_COMES = timedelta(seconds=10)  # after that, at the latest
SIDE_BY_SIDE = 64  # updates applied in parallel: searches (`bot.search.recent`) have a quarter of them at most
GRACE = timedelta(seconds=5)  # for the updates that are being applied when the program stops
PAUSE_AFTER_ERROR = timedelta(seconds=3)
PAUSE_AFTER_CONFLICT = timedelta(seconds=15)
PAUSES = (timedelta(seconds=1), timedelta(seconds=5))  # before an update that failed is tried again
EXCUSED = timedelta(hours=1)  # for so long, failures of the network or the database are not counted


class Receiver:
    """Receiver of updates, by long polling or a webhook: stores them and has the application handle them."""

    def __init__(self, application: App, database: Database, clock: Clock, wakeups: Wakeups, pulse: Pulse) -> None:
        self.application = application
        self.database = database
        self.clock = clock
        self.wakeups = wakeups
        self.pulse = pulse
        self._errors: dict[int, Exception] = {}
        self._busy: dict[int, int] = {}  # update being applied → its chat
        self._limit = LIMIT
        application.add_error_handler(self._note_error)

    async def receive(self, stop: asyncio.Event) -> None:
        """Fetch and store updates until `stop` is set.

        An offset is sent once, to acknowledge what was stored, and never remembered: after a week without updates
        Telegram numbers them anew (Bot API, `Update`), and an old high offset would drop the new ones. An update that
        was not acknowledged comes again, and is stored once.
        """
        offset = None
        while not stop.is_set():
            offset = await self._fetch(offset, stop)

    async def _fetch(self, offset: int | None, stop: asyncio.Event) -> int | None:
        """Fetch and store updates once; return the offset that acknowledges them, None if there were none."""
        try:
            updates = await self._get_updates(offset)
            self.pulse.beat("updates")
            if not updates:
                self._limit = LIMIT
                return None
            following = await self._keep_readable(updates)
            if following is None:  # nothing acknowledges these: they come again
                await _pause(stop, PAUSE_AFTER_ERROR)
                return offset
        except UnreadableAnswerError as error:
            return await self._skip(offset, error.update, stop)
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
            await _pause(stop, timedelta(seconds=wait) if isinstance(wait, int) else wait)
        except (TelegramError, SQLAlchemyError, *ODD_ANSWER) as error:
            log.warning("updates not fetched", reason=type(error).__name__)
            await _pause(stop, PAUSE_AFTER_ERROR)
        else:
            return following
        return offset  # not received: sent again

    async def _get_updates(self, offset: int | None) -> list[dict[str, Any]]:
        """Return updates as Telegram's JSON: python-telegram-bot raises for all of them if it cannot parse one."""
        seconds = int(LONG_POLL.total_seconds())
        parameters: dict[str, Any] = {"timeout": seconds, "allowed_updates": json.dumps(KINDS), "limit": self._limit}
        if offset is not None:
            parameters["offset"] = offset
        return list(await self.application.bot.call("getUpdates", parameters, read_timeout=LONG_POLL + ANSWER_COMES))

    async def _keep_readable(self, updates: list[Any]) -> int | None:
        """Store the updates that can be read, and park the others; return the offset that acknowledges all of them.

        None if none has a proper id: no offset is made of an absurd one, it could acknowledge what nobody fetched.
        """
        readable, ids = [], []
        for update in updates:
            try:
                readable.append(check_update(update))
                ids.append(update["update_id"])
            except UnreadableUpdateError as error:
                await self.park(error)
                ids += [] if error.update_id is None else [error.update_id]
        await self.keep(readable)
        return max(ids) + 1 if ids else None

    async def _skip(self, offset: int | None, update: UnreadableUpdateError, stop: asyncio.Event) -> int | None:
        """Find the update that makes a whole answer unreadable, by fetching one at a time; park it and pass over it."""
        try:
            if update.update_id is None:  # a gateway's page, perhaps
                log.warning("updates not fetched", reason=update.reason)
                await _pause(stop, PAUSE_AFTER_ERROR)
            elif self._limit == 1:
                await self.park(update)
                self._limit = LIMIT
                return update.update_id + 1
            else:
                self._limit = 1
        except SQLAlchemyError as error:
            log.warning("updates not fetched", reason=type(error).__name__)
            await _pause(stop, PAUSE_AFTER_ERROR)
        return offset

    async def park(self, update: UnreadableUpdateError) -> None:
        """Record an update that cannot be read, so that it may be acknowledged. Raises SQLAlchemyError."""
        payload = {"bytes": update.size, "sha256": update.digest}
        async with self.database.begin() as connection:
            await inbox.park(connection, update.update_id, payload, update.reason, self.clock.now())
        self.pulse.parked += 1
        log.error("update parked", update_id=update.update_id, reason=update.reason, bytes=update.size)

    async def keep(self, updates: list[dict[str, Any]]) -> None:
        """Store updates, so that they may be acknowledged. Raises SQLAlchemyError."""
        failpoint("updates-fetched")
        async with self.database.begin() as connection:
            await inbox.keep(connection, updates, self.clock.now())
        failpoint("updates-stored")
        self.wakeups.wake(Step.ANSWER)

    async def answer(self, stop: asyncio.Event) -> None:
        """Apply stored updates until `stop` is set; then finish those being applied that take no longer than GRACE.

        Any that takes longer waits for another server. It has had no effect yet: the next start begins it anew.
        """
        running: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                for pending in await self._next():
                    self._busy[pending.update_id] = pending.chat_id
                    task = group.create_task(self._apply(pending, stop))
                    running.add(task)
                    task.add_done_callback(running.discard)
                await self.wakeups.wait(Step.ANSWER)
            __, late = (
                await asyncio.wait(running, timeout=GRACE.total_seconds())
                if running
                else (None, set[asyncio.Task[None]]())
            )
            for task in late:
                task.cancel()

    async def _next(self) -> list[PendingUpdate]:
        """Return the updates to apply now: the oldest of each chat of which none is being applied."""
        free = SIDE_BY_SIDE - len(self._busy)
        if not free:
            return []
        try:
            async with self.database.read() as connection:
                return await inbox.waiting(connection, free, set(self._busy.values()))
        except SQLAlchemyError:
            log.exception("inbox not read")  # the next tick tries again
            return []

    async def _apply(self, pending: PendingUpdate, stop: asyncio.Event) -> None:
        """Apply one update; no error of it ends the receiver. The next updates of its chat wait for it."""
        try:
            update = self._parsed(pending)
            await self.application.process_update(update)
            error = self._errors.pop(pending.update_id, None)
            await self._settle(pending, error)
        except Exception as found:  # the boundary of one update
            error = found
            self._errors.pop(pending.update_id, None)
            await self._settle_error(pending, found)
        if error is not None:
            await _pause(stop, PAUSES[min(pending.attempts, len(PAUSES) - 1)])
        del self._busy[pending.update_id]
        self.wakeups.wake(Step.ANSWER)

    def _parsed(self, pending: PendingUpdate) -> Update:
        try:
            return Update.de_json(pending.payload, self.application.bot)
        except ODD_ANSWER as error:
            raise UnreadableUpdateError(type(error).__name__, pending.update_id, b"") from None

    async def _settle(self, pending: PendingUpdate, error: Exception | None) -> None:
        """Mark an update done, or count its failure: one that failed three times is parked."""
        if error is not None and _is_excused(error) and self.clock.now() - pending.received_at < EXCUSED:
            log.warning("update waits", update_id=pending.update_id, reason=type(error).__name__)
            return
        async with self.database.begin() as connection:
            if error is None:
                await inbox.apply(connection, pending.update_id)  # no handler took it: it is done all the same
                return
            is_ours = not isinstance(error, UnreadableUpdateError)  # then where it happened helps nobody
            log.error(
                "update failed",
                update_id=pending.update_id,
                attempts=pending.attempts + 1,
                reason=str(error) if not is_ours else type(error).__name__,
                exc_info=error if is_ours else None,
            )
            if await inbox.failed(connection, pending.update_id, type(error).__name__ if is_ours else str(error)):
                self.pulse.parked += 1
                log.error("update parked", update_id=pending.update_id)

    async def _settle_error(self, pending: PendingUpdate, error: Exception) -> None:
        try:
            await self._settle(pending, error)
        except SQLAlchemyError:
            log.exception("inbox not written", update_id=pending.update_id)

    async def _note_error(self, update: object, context: CallbackContext[Any, Any, Any, Any]) -> None:
        if isinstance(update, Update) and context.error is not None:
            self._errors[update.update_id] = context.error


def _is_excused(error: Exception) -> bool:
    """Whether an update failed for a reason that is not its own: Telegram or the database was out of reach."""
    if isinstance(error, (OperationalError, InterfaceError, InternalError, RetryAfter)):
        return True
    return isinstance(error, NetworkError) and not isinstance(error, BadRequest)


async def _pause(stop: asyncio.Event, lasts: timedelta) -> None:
    try:
        async with asyncio.timeout(lasts.total_seconds()):
            await stop.wait()
    except TimeoutError:
        pass
