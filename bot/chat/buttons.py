"""Buttons: the handler of each class of `bot.messages.callbacks`, and how a press reaches it.

Button data is signed for its chat. Every press checks that its ids belong to this chat, and that this person may press
it. A press is applied like a command. The message of the button is then edited in place; that edit, and the
answer that ends the button's spinner, are best effort.

PRESSES is made by `press` and `prepared_press`: by their types, mypy checks that a handler takes its button's class.
"""

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import time
from typing import Any, Generic, TypeVar

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
from bot.chat.user import counted, edit, held, news, pause, privacy, settings, subscription_views, why
from bot.delivery.telegram.send import keyboard
from bot.errors import UserError
from bot.messages.callbacks import (
    AliasPageButton,
    ButtonData,
    ButtonTooOld,
    Choice,
    CountedButton,
    EditButton,
    ForgetButton,
    FullTextButton,
    HeldButton,
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
    SubscriptionNewsButton,
    TimeButton,
    UnaliasButton,
    WhyButton,
    unpack,
)
from bot.messages.limits import LIMIT, measure
from bot.messages.safe_text import clip
from bot.models import Message
from bot.runtime.wakeups import Step
from bot.storage import offers
from bot.storage.offers import Offer, OfferKind

log = structlog.get_logger()

UNCHANGED = (
    "not modified",
    "to edit not found",
    "can't be edited",
    "message_id_invalid",
)  # errors of Telegram after which the message stays
NOTE = 200  # characters that Telegram shows of the answer to a press (Bot API, answerCallbackQuery)
Result = tuple[Message | None, str]  # the new message (None: it stays), and the note that answers the press
ButtonType = TypeVar("ButtonType", bound=ButtonData)
Prepared = TypeVar("Prepared")


@dataclass(frozen=True, slots=True)
class Press(Generic[ButtonType]):
    """The handler of a button, and the people who may press it.

    In a group, only its admins may press a button that `changes` anything. `prepare` does the slow part before the
    transaction, as SQLite has one writer; its result is the last argument of `act`.
    """

    button: type[ButtonType]
    act: Callable[[Request, AsyncConnection, ButtonType, Any], Awaitable[Result]]
    prepare: Callable[[Request, ButtonType], Awaitable[Any]]
    for_admins: bool = False
    for_all: bool = False  # even for people who were not let in (any more)
    changes: bool = True


def press(
    button: type[ButtonType],
    act: Callable[[Request, AsyncConnection, ButtonType], Awaitable[Result]],
    *,
    for_admins: bool = False,
    for_all: bool = False,
    changes: bool = True,
) -> Press[ButtonType]:
    """Return the press of a button whose handler needs no preparation."""

    async def unprepared(request: Request, connection: AsyncConnection, data: ButtonType, prepared: None) -> Result:
        return await act(request, connection, data)

    return Press(button, unprepared, _nothing, for_admins, for_all, changes)


def prepared_press(
    button: type[ButtonType],
    prepare: Callable[[Request, ButtonType], Awaitable[Prepared]],
    act: Callable[[Request, AsyncConnection, ButtonType, Prepared], Awaitable[Result]],
) -> Press[ButtonType]:
    """Return the press of a button whose handler takes the result of `prepare`."""
    return Press(button, act, prepare)


async def _nothing(request: Request, data: ButtonData) -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True)
class OfferHandler:
    """The handler of an offer that is taken up. `prepare` runs before the transaction, as that of `Press` does."""

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
    await _answer(request, note, in_pop_up=shown is None)
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
    handler = PRESSES[type(data)]
    await permissions.check(request, for_admins=handler.for_admins, for_all=handler.for_all)
    if handler.changes:
        await permissions.require_group_admin(request)
    prepared = await handler.prepare(request, data)
    async with request.transaction() as connection:
        return await _fitting(request, connection, await handler.act(request, connection, data, prepared))


async def _take(request: Request, data: OfferButton) -> Result:
    """Take up an offer once, if it is still open and was made to the person who presses."""
    async with request.services.database.read() as connection:
        offer = await offers.get(connection, request.chat.id, data.offer_id, request.now)
    handler = OFFER_HANDLERS.get(offer.kind) if offer else None
    if offer is None or handler is None:
        raise ButtonTooOld
    await permissions.check(request, for_admins=handler.for_admins, for_all=handler.for_all)
    await permissions.require_group_admin(request)
    if offer.user_id != request.user_id:
        raise UserError(request.words.gettext("That question was for somebody else."))
    prepared = await handler.prepare(request, offer, data.choice) if handler.prepare else None
    async with request.transaction() as connection:
        if not await offers.take(connection, offer.id, request.now):
            raise ButtonTooOld
        return await _fitting(request, connection, await handler.act(request, connection, offer, data.choice, prepared))


async def _fitting(request: Request, connection: AsyncConnection, result: Result) -> Result:
    """Return the result if it fits in the one message that is edited; else reply with it, in several messages."""
    shown, note = result
    if shown is None or measure(shown.text).within(LIMIT):
        return result
    await reply_message(request, connection, shown)
    return None, note


async def _answer(request: Request, note: str, *, in_pop_up: bool) -> None:
    """End the button's spinner with a note; it stays until it is closed if nothing else answers the press."""
    assert request.update.callback_query is not None
    text = clip(note, NOTE)
    with contextlib.suppress(TelegramError):  # "query is too old": its spinner ended by itself
        await request.update.callback_query.answer(text or None, show_alert=bool(text) and in_pop_up)


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
        if any(known in error.message.casefold() for known in UNCHANGED):
            return
        log.warning("edit refused", reason=error.message)
        async with request.services.database.begin() as connection:
            await reply_message(request, connection, shown)
        request.services.wakeups.wake(Step.SEND)
    except TelegramError as error:  # the press had its effect; only its message is as before
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
    return await settings.page(request, connection), ""


async def _resume(request: Request, connection: AsyncConnection, button: ResumeButton) -> Result:
    return Message(await pause.resume_in(request, connection)), ""


PRESSES: dict[type[ButtonData], Press[Any]] = {
    handler.button: handler
    for handler in (
        prepared_press(ListButton, _list_page, _show_list),
        prepared_press(SubscriptionButton, _week_of, _show_subscription),
        prepared_press(ScheduleButton, _week_of, _set_schedule),
        press(StopButton, _stop),
        press(EditButton, _edit_query),
        press(TimeButton, _set_time),
        press(ResumeButton, _resume),
        press(SettingButton, settings.pressed),
        press(LatestButton, news.latest_pressed, changes=False),
        press(SubscriptionNewsButton, news.subscription_news_pressed, changes=False),
        press(HeldButton, held.pressed),
        press(CountedButton, counted.pressed, changes=False),
        press(WhyButton, why.pressed, changes=False),
        press(ForgetButton, privacy.asked_twice, for_all=True),
        press(SampleAlertButton, operations.test_pressed, for_admins=True),
        press(AliasPageButton, aliases.page_pressed, for_admins=True),
        press(UnaliasButton, aliases.removal_pressed, for_admins=True),
        press(FullTextButton, sources.full_pressed, for_admins=True),
        press(RevokeButton, people.revoke_pressed, for_admins=True),
    )
}
OFFER_HANDLERS: dict[OfferKind, OfferHandler] = {
    OfferKind.WATCH: OfferHandler(edit.watch_taken, prepare=edit.search_proposed),
    OfferKind.UNDO: OfferHandler(edit.undo_taken, prepare=edit.search_missed),
    OfferKind.INSTEAD: OfferHandler(edit.instead_taken, prepare=edit.search_form),
    OfferKind.CHANGE_BACK: OfferHandler(edit.change_back_taken, prepare=edit.search_missed),
    OfferKind.STOP_ALL: OfferHandler(edit.stop_all_taken),
    OfferKind.AT_ONCE_AGAIN: OfferHandler(held.undo_taken),
    OfferKind.FORGET: OfferHandler(privacy.forget_taken, for_all=True),
    OfferKind.ALIAS_UNDO: OfferHandler(aliases.undo_taken, for_admins=True),
    OfferKind.BROADCAST: OfferHandler(people.broadcast_taken, for_admins=True),
    OfferKind.BAN: OfferHandler(people.ban_taken, for_admins=True),
}
