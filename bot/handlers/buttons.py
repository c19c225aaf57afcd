"""What a pressed button means. Its data is a word and ids, never text; whose ids they are is checked at every press.

A press is applied like a command. The message it stands under is then edited in place; that, and the answer that stops
the button's spinner, are best effort.
"""

import contextlib
from collections.abc import Awaitable, Callable
from datetime import time

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection
from telegram.constants import ParseMode
from telegram.error import BadRequest, Forbidden

from bot.delivery.telegram import freeze, keyboard
from bot.errors import UserError
from bot.handlers import digests, watch
from bot.handlers.turn import Turn
from bot.models import Button, Message, Schedule
from bot.storage import subscriptions
from bot.storage.subscriptions import Subscription

Rows = tuple[tuple[Button, ...], ...]


async def pressed(turn: Turn) -> None:
    """Apply a press, show its result in place, and answer it."""
    assert turn.update.callback_query is not None
    await turn.look()
    kind, *ids = (turn.update.callback_query.data or "").split(":")
    try:
        act = ACTS.get(kind)
        if act is None:
            raise UserError(turn.words.gettext("That button is too old."))
        await turn.require_say()
        async with turn.apply() as connection:
            shown, note = await act(turn, connection, ids)
    except (ValueError, IndexError):
        await _answer(turn, turn.words.gettext("That button is too old."))
    else:
        await _answer(turn, note)
        await _edit(turn, shown)


async def _answer(turn: Turn, note: str) -> None:
    assert turn.update.callback_query is not None
    with contextlib.suppress(BadRequest):  # "query is too old": its spinner ended by itself
        await turn.update.callback_query.answer(note[:200] or None)


async def _edit(turn: Turn, shown: Message) -> None:
    assert turn.update.callback_query is not None
    with contextlib.suppress(BadRequest, Forbidden):  # deleted, or as it was
        await turn.update.callback_query.edit_message_text(
            str(shown.text), parse_mode=ParseMode.HTML, reply_markup=keyboard(freeze(shown).get("buttons"))
        )


async def _mine(turn: Turn, connection: AsyncConnection, subscription_id: str) -> Subscription:
    """Return a subscription of this chat; UserError if it is gone, or was another chat's."""
    one = await subscriptions.get(connection, turn.chat.id, int(subscription_id))
    if one is None:
        raise UserError(turn.words.gettext("You are not watching that any more: /list"))
    return one


async def _show_list(turn: Turn, connection: AsyncConnection, ids: list[str]) -> tuple[Message, str]:
    text, rows = await watch.list_page(turn, connection, int(ids[0]))
    return Message(text, rows), ""


async def _show_item(turn: Turn, connection: AsyncConnection, ids: list[str]) -> tuple[Message, str]:
    return _item(turn, await _mine(turn, connection, ids[0]), int(ids[1])), ""


def _item(turn: Turn, one: Subscription, page: int | None = None) -> Message:
    _ = turn.words.gettext
    text = Markup("<b>{label}</b>\n{reading}\n{when}").format(
        label=one.label,
        reading=watch.reading(watch.read(one.text, turn.words), turn.words),
        when=watch.when(turn, one.schedule),
    )
    rows = watch.schedule_buttons(one, turn.words)
    rows.append((Button(_("Stop watching"), f"stop:{one.id}"),))
    if page is not None:
        rows.append((Button("‹ " + _("List"), f"list:{page}"),))
    return Message(text, tuple(rows))


async def _set_schedule(turn: Turn, connection: AsyncConnection, ids: list[str]) -> tuple[Message, str]:
    one = await _mine(turn, connection, ids[0])
    schedule = Schedule(ids[1])
    await subscriptions.set_schedule(connection, turn.chat.id, one.id, schedule)
    await turn.set_slot(connection, schedule)
    changed = await _mine(turn, connection, ids[0])
    return _item(turn, changed, 0), str(watch.when(turn, schedule).unescape())


async def _stop(turn: Turn, connection: AsyncConnection, ids: list[str]) -> tuple[Message, str]:
    one = await _mine(turn, connection, ids[0])
    return Message(await watch.remove(turn, connection, [one])), ""


async def _set_time(turn: Turn, connection: AsyncConnection, ids: list[str]) -> tuple[Message, str]:
    await digests.set_digest(turn, connection, time(int(ids[0])), turn.chat.zone)
    return Message(*digests.settings_page(turn)), ""


async def _resume(turn: Turn, connection: AsyncConnection, ids: list[str]) -> tuple[Message, str]:
    return Message(await digests.resume_in(turn, connection)), ""


Act = Callable[[Turn, AsyncConnection, list[str]], Awaitable[tuple[Message, str]]]
ACTS: dict[str, Act] = {
    "list": _show_list,
    "item": _show_item,
    "when": _set_schedule,
    "stop": _stop,
    "time": _set_time,
    "resume": _resume,
}
