"""What a pressed button means. Its data is a word and ids, never text, signed for its chat (bot/messages/signing.py).

Whose ids they are, and whether who presses may, is asked at every press. A press is applied like a command. The message
it stands under is then edited in place; that, and the answer that stops the button's spinner, are best effort.
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import time
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from telegram import LinkPreviewOptions
from telegram.constants import ParseMode
from telegram.error import BadRequest, TelegramError

from bot.chat import permissions
from bot.chat.admin import aliases, operations, people, sources
from bot.chat.request import Request
from bot.chat.user import edit, news, pause, privacy, settings, subscription_views, why
from bot.delivery.telegram.send import keyboard
from bot.errors import UserError
from bot.messages.limits import LIMIT, measure
from bot.models import Message, Schedule
from bot.runtime.wakeups import Step
from bot.storage import offers, subscriptions
from bot.storage.offers import Offer

log = structlog.get_logger()

AS_IT_WAS = ("not modified", "to edit not found", "can't be edited", "message_id_invalid")  # nothing to do about it
Result = tuple[Message | None, str]  # what the message becomes (None: it stays), and what the press is answered
Act = Callable[..., Awaitable[Result]]  # of the request, its transaction, the ids, and what was prepared


@dataclass(frozen=True, slots=True)
class Press:
    """What a press does, and who may: a group's admins where it changes something, else everybody there.

    `prepare` is what takes long, and is done before the transaction: SQLite has one writer.
    """

    act: Act
    prepare: Callable[[Request, list[str]], Awaitable[Any]] | None = None
    for_admins: bool = False
    for_all: bool = False  # even for who was not let in (any more)
    changes: bool = True


@dataclass(frozen=True, slots=True)
class OfferHandler:
    """What taking up an offer does. `prepare` is what has to be looked up before, outside of the transaction."""

    act: Callable[[Request, AsyncConnection, Offer, str, Any], Awaitable[Result]]
    prepare: Callable[[Request, Offer, str], Awaitable[Any]] | None = None
    for_admins: bool = False
    for_all: bool = False


async def pressed(request: Request) -> None:
    """Apply a press, show its result in place, and answer it."""
    assert request.update.callback_query is not None
    await request.load_chat()
    word, *ids = await _data(request)
    try:
        shown, note = await (_take(request, ids) if word == OFFER else _press(request, word, ids))
    except (ValueError, IndexError) as error:  # signed by us, in the words of another version
        raise _too_old(request) from error
    await _answer(request, note)
    if shown is not None:
        await _edit(request, shown)


async def _data(request: Request) -> list[str]:
    """Return the parts of what the button carries; UserError unless it was made here, for this chat."""
    query = request.update.callback_query
    known = request.knows_chat and query is not None and isinstance(query.data, str)
    read = request.services.signer.read(request.chat.id, query.data or "") if known and query else None
    if read is None:
        raise _too_old(request)
    return read.split(":")


def _too_old(request: Request) -> UserError:
    return UserError(request.words.gettext("That button is too old."))


async def _press(request: Request, word: str, ids: list[str]) -> Result:
    press = PRESSES.get(word)
    if press is None:
        raise _too_old(request)
    await permissions.check(request, for_admins=press.for_admins, for_all=press.for_all)
    if press.changes:
        await request.require_group_admin()
    prepared = [await press.prepare(request, ids)] if press.prepare else []
    async with request.transaction() as connection:
        return await _fitting(request, connection, await press.act(request, connection, ids, *prepared))


async def _take(request: Request, ids: list[str]) -> Result:
    """Take up an offer once, if it is still open and was made to whoever presses."""
    offer_id, choice = int(ids[0]), ids[1]
    async with request.services.database.read() as connection:
        offer = await offers.get(connection, request.chat.id, offer_id, request.now)
    taking = OFFER_HANDLERS.get(offer.kind) if offer else None
    if offer is None or taking is None:
        raise _too_old(request)
    await permissions.check(request, for_admins=taking.for_admins, for_all=taking.for_all)
    await request.require_group_admin()
    if offer.user_id != request.user_id:
        raise UserError(request.words.gettext("That question was for somebody else."))
    prepared = await taking.prepare(request, offer, choice) if taking.prepare else None
    async with request.transaction() as connection:
        if not await offers.take(connection, offer.id, request.now):
            raise _too_old(request)
        return await _fitting(request, connection, await taking.act(request, connection, offer, choice, prepared))


async def _fitting(request: Request, connection: AsyncConnection, result: Result) -> Result:
    """Return what fits in the one message that is edited; what does not is replied, in several."""
    shown, note = result
    if shown is None or measure(shown.text).within(LIMIT):
        return result
    await request.show(connection, shown)
    return None, note


async def _answer(request: Request, note: str) -> None:
    assert request.update.callback_query is not None
    with contextlib.suppress(TelegramError):  # "query is too old": its spinner ended by itself
        await request.update.callback_query.answer(note[:200] or None)


async def _edit(request: Request, shown: Message) -> None:
    assert request.update.callback_query is not None
    signed = request.services.signer.sign_buttons(request.chat.id, shown)
    try:
        await request.update.callback_query.edit_message_text(
            str(signed.text),
            parse_mode=ParseMode.HTML,
            reply_markup=keyboard(signed.buttons),
            link_preview_options=LinkPreviewOptions(is_disabled=True),
        )
    except BadRequest as error:
        if any(known in error.message.casefold() for known in AS_IT_WAS):
            return
        log.warning("edit refused", reason=error.message)
        async with request.services.database.begin() as connection:
            await request.show(connection, shown)
        request.services.wakeups.wake(Step.SEND)
    except TelegramError as error:  # the press had its effect; only its picture is late
        log.info("edit not shown", reason=type(error).__name__)


async def _list_page(request: Request, ids: list[str]) -> Message:
    return await subscription_views.list_page(request, int(ids[0]))


async def _show_list(request: Request, connection: AsyncConnection, ids: list[str], shown: Message) -> Result:
    return shown, ""


async def _item_looked_at(request: Request, ids: list[str]) -> subscription_views.Width:
    return await subscription_views.look_at(request, int(ids[0]))


async def _show_item(
    request: Request, connection: AsyncConnection, ids: list[str], had: subscription_views.Width
) -> Result:
    one = await subscription_views.mine(request, connection, int(ids[0]))
    return await subscription_views.item_page(request, connection, one, int(ids[1]), had), ""


async def _set_schedule(
    request: Request, connection: AsyncConnection, ids: list[str], had: subscription_views.Width
) -> Result:
    one, schedule = await subscription_views.mine(request, connection, int(ids[0])), Schedule(ids[1])
    await subscriptions.set_schedule(connection, request.chat.id, one.id, schedule)
    await request.set_slot(connection, schedule)
    changed = await subscription_views.mine(request, connection, one.id)
    return await subscription_views.item_page(request, connection, changed, 0, had), str(
        subscription_views.when(request, schedule).unescape()
    )


async def _stop(request: Request, connection: AsyncConnection, ids: list[str]) -> Result:
    one = await subscription_views.mine(request, connection, int(ids[0]))
    return await edit.remove(request, connection, [one]), ""


async def _edit_query(request: Request, connection: AsyncConnection, ids: list[str]) -> Result:
    return await edit.ask(request, connection, await subscription_views.mine(request, connection, int(ids[0]))), ""


async def _set_time(request: Request, connection: AsyncConnection, ids: list[str]) -> Result:
    await settings.set_digest(request, connection, time(int(ids[0])), request.chat.zone)
    return settings.page(request), ""


async def _resume(request: Request, connection: AsyncConnection, ids: list[str]) -> Result:
    return Message(await pause.resume_in(request, connection)), ""


OFFER = "offer"
PRESSES: dict[str, Press] = {
    "list": Press(_show_list, _list_page),
    "item": Press(_show_item, _item_looked_at),
    "when": Press(_set_schedule, _item_looked_at),
    "stop": Press(_stop),
    "edit": Press(_edit_query),
    "time": Press(_set_time),
    "resume": Press(_resume),
    "set": Press(settings.pressed),
    "latest": Press(news.latest_pressed, changes=False),
    "why": Press(why.pressed, changes=False),
    "forget": Press(privacy.asked_twice, for_all=True),
    "test": Press(operations.test_pressed, for_admins=True),
    "aliases": Press(aliases.page_pressed, for_admins=True),
    "unalias": Press(aliases.removal_pressed, for_admins=True),
    "full": Press(sources.full_pressed, for_admins=True),
    "revoke": Press(people.revoke_pressed, for_admins=True),
}
OFFER_HANDLERS: dict[str, OfferHandler] = {
    edit.WATCH: OfferHandler(edit.watch_taken, prepare=edit.look_for),
    edit.UNDO: OfferHandler(edit.undo_taken, prepare=edit.look_again),
    subscription_views.INSTEAD: OfferHandler(edit.instead_taken, prepare=edit.look_for_form),
    edit.CHANGE_BACK: OfferHandler(edit.change_back_taken, prepare=edit.look_for_what_was),
    edit.STOP_ALL: OfferHandler(edit.stop_all_taken),
    privacy.FORGET: OfferHandler(privacy.forget_taken, for_all=True),
    aliases.UNDO: OfferHandler(aliases.undo_taken, for_admins=True),
    people.BROADCAST: OfferHandler(people.broadcast_taken, for_admins=True),
    people.BAN: OfferHandler(people.ban_taken, for_admins=True),
}
