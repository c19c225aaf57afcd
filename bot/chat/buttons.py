"""Buttons: the handler of each class of `bot.messages.callbacks`, and how a press reaches it.

Button data is signed for its chat; that its ids belong to this chat, and that this person may press it, is checked at
every press. A press is applied like a command. The message of the button is then edited in place; that edit, and the
answer that ends the button's spinner, are best effort.
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

from bot.actions import subscriptions as actions
from bot.chat import permissions
from bot.chat.admin import aliases, operations, people, sources
from bot.chat.replies import reply_message
from bot.chat.request import Request
from bot.chat.user import edit, news, pause, privacy, settings, subscription_views, why
from bot.delivery.telegram.send import keyboard
from bot.errors import UserError
from bot.messages.callbacks import (
    AliasPageButton,
    ButtonData,
    ButtonTooOld,
    Choice,
    EditButton,
    ForgetButton,
    FullTextButton,
    LatestButton,
    ListButton,
    OfferButton,
    ResumeButton,
    RevokeButton,
    SampleAlertButton,
    ScheduleButton,
    SettingButton,
    StopButton,
    SubscriptionButton,
    TimeButton,
    UnaliasButton,
    WhyButton,
    unpack,
)
from bot.messages.limits import LIMIT, measure
from bot.models import Message
from bot.runtime.wakeups import Step
from bot.storage import offers
from bot.storage.offers import Offer, OfferKind

log = structlog.get_logger()

AS_IT_WAS = ("not modified", "to edit not found", "can't be edited", "message_id_invalid")  # nothing to do about it
Result = tuple[Message | None, str]  # what the message becomes (None: it stays), and what the press is answered
Act = Callable[..., Awaitable[Result]]  # (request, connection, button data), and the result of `prepare` if it has one


@dataclass(frozen=True, slots=True)
class Press:
    """What a press does, and who may: a group's admins where it changes something, else everybody there.

    `prepare` is what takes long, and is done before the transaction: SQLite has one writer.
    """

    act: Act
    prepare: Callable[[Request, Any], Awaitable[Any]] | None = None
    for_admins: bool = False
    for_all: bool = False  # even for who was not let in (any more)
    changes: bool = True


@dataclass(frozen=True, slots=True)
class OfferHandler:
    """What taking up an offer does. `prepare` is what has to be looked up before, outside of the transaction."""

    act: Callable[[Request, AsyncConnection, Offer, Choice | int, Any], Awaitable[Result]]
    prepare: Callable[[Request, Offer, Choice | int], Awaitable[Any]] | None = None
    for_admins: bool = False
    for_all: bool = False


async def pressed(request: Request) -> None:
    """Apply a press, show its result in place, and answer it."""
    assert request.update.callback_query is not None
    try:
        data = _data(request)
        shown, note = await (_take(request, data) if isinstance(data, OfferButton) else _press(request, data))
    except ButtonTooOld as error:
        raise UserError(request.words.gettext("That button is too old.")) from error
    await _answer(request, note)
    if shown is not None:
        await _edit(request, shown)


def _data(request: Request) -> ButtonData:
    """Return the data of the pressed button; ButtonTooOld unless it was made here, for this chat."""
    query = request.update.callback_query
    data = request.services.signer.read(request.chat.id, query.data) if query and query.data else None
    if data is None:
        raise ButtonTooOld
    return unpack(data)


async def _press(request: Request, data: ButtonData) -> Result:
    press = PRESSES[type(data)]
    await permissions.check(request, for_admins=press.for_admins, for_all=press.for_all)
    if press.changes:
        await permissions.require_group_admin(request)
    prepared = [await press.prepare(request, data)] if press.prepare else []
    async with request.transaction() as connection:
        return await _fitting(request, connection, await press.act(request, connection, data, *prepared))


async def _take(request: Request, data: OfferButton) -> Result:
    """Take up an offer once, if it is still open and was made to whoever presses."""
    async with request.services.database.read() as connection:
        offer = await offers.get(connection, request.chat.id, data.offer_id, request.now)
    taking = OFFER_HANDLERS.get(offer.kind) if offer else None
    if offer is None or taking is None:
        raise ButtonTooOld
    await permissions.check(request, for_admins=taking.for_admins, for_all=taking.for_all)
    await permissions.require_group_admin(request)
    if offer.user_id != request.user_id:
        raise UserError(request.words.gettext("That question was for somebody else."))
    prepared = await taking.prepare(request, offer, data.choice) if taking.prepare else None
    async with request.transaction() as connection:
        if not await offers.take(connection, offer.id, request.now):
            raise ButtonTooOld
        return await _fitting(request, connection, await taking.act(request, connection, offer, data.choice, prepared))


async def _fitting(request: Request, connection: AsyncConnection, result: Result) -> Result:
    """Return what fits in the one message that is edited; what does not is replied, in several."""
    shown, note = result
    if shown is None or measure(shown.text).within(LIMIT):
        return result
    await reply_message(request, connection, shown)
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
            await reply_message(request, connection, shown)
        request.services.wakeups.wake(Step.SEND)
    except TelegramError as error:  # the press had its effect; only its picture is late
        log.info("edit not shown", reason=type(error).__name__)


async def _list_page(request: Request, button: ListButton) -> Message:
    return await subscription_views.list_page(request, button.page)


async def _show_list(request: Request, connection: AsyncConnection, button: ListButton, shown: Message) -> Result:
    return shown, ""


async def _week_of(request: Request, button: SubscriptionButton | ScheduleButton) -> subscription_views.Width:
    return await subscription_views.look_at(request, button.subscription_id)


async def _show_subscription(
    request: Request, connection: AsyncConnection, button: SubscriptionButton, had: subscription_views.Width
) -> Result:
    subscription = await actions.require(connection, request.chat, button.subscription_id)
    return await subscription_views.item_page(request, connection, subscription, button.page, had), ""


async def _set_schedule(
    request: Request, connection: AsyncConnection, button: ScheduleButton, had: subscription_views.Width
) -> Result:
    changed = await actions.set_schedule(connection, request.chat, button.subscription_id, button.schedule, request.now)
    page = await subscription_views.item_page(request, connection, changed, 0, had)
    return page, str(subscription_views.when(request, button.schedule).unescape())


async def _stop(request: Request, connection: AsyncConnection, button: StopButton) -> Result:
    subscription = await actions.require(connection, request.chat, button.subscription_id)
    return await edit.remove(request, connection, [subscription]), ""


async def _edit_query(request: Request, connection: AsyncConnection, button: EditButton) -> Result:
    subscription = await actions.require(connection, request.chat, button.subscription_id)
    return await edit.ask(request, connection, subscription), ""


async def _set_time(request: Request, connection: AsyncConnection, button: TimeButton) -> Result:
    if not 0 <= button.hour < 24:
        raise ButtonTooOld(button)
    await settings.set_digest(request, connection, time(button.hour), request.chat.zone)
    return settings.page(request), ""


async def _resume(request: Request, connection: AsyncConnection, button: ResumeButton) -> Result:
    return Message(await pause.resume_in(request, connection)), ""


PRESSES: dict[type[ButtonData], Press] = {
    ListButton: Press(_show_list, _list_page),
    SubscriptionButton: Press(_show_subscription, _week_of),
    ScheduleButton: Press(_set_schedule, _week_of),
    StopButton: Press(_stop),
    EditButton: Press(_edit_query),
    TimeButton: Press(_set_time),
    ResumeButton: Press(_resume),
    SettingButton: Press(settings.pressed),
    LatestButton: Press(news.latest_pressed, changes=False),
    WhyButton: Press(why.pressed, changes=False),
    ForgetButton: Press(privacy.asked_twice, for_all=True),
    SampleAlertButton: Press(operations.test_pressed, for_admins=True),
    AliasPageButton: Press(aliases.page_pressed, for_admins=True),
    UnaliasButton: Press(aliases.removal_pressed, for_admins=True),
    FullTextButton: Press(sources.full_pressed, for_admins=True),
    RevokeButton: Press(people.revoke_pressed, for_admins=True),
}
OFFER_HANDLERS: dict[OfferKind, OfferHandler] = {
    OfferKind.WATCH: OfferHandler(edit.watch_taken, prepare=edit.search_proposed),
    OfferKind.UNDO: OfferHandler(edit.undo_taken, prepare=edit.search_missed),
    OfferKind.INSTEAD: OfferHandler(edit.instead_taken, prepare=edit.search_form),
    OfferKind.CHANGE_BACK: OfferHandler(edit.change_back_taken, prepare=edit.search_missed),
    OfferKind.STOP_ALL: OfferHandler(edit.stop_all_taken),
    OfferKind.FORGET: OfferHandler(privacy.forget_taken, for_all=True),
    OfferKind.ALIAS_UNDO: OfferHandler(aliases.undo_taken, for_admins=True),
    OfferKind.BROADCAST: OfferHandler(people.broadcast_taken, for_admins=True),
    OfferKind.BAN: OfferHandler(people.ban_taken, for_admins=True),
}
