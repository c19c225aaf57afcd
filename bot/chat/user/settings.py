"""/settings: one message, edited in place, for the digest's time and zone, the language, and new subscriptions."""

import re
from datetime import time

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import chats as actions
from bot.chat import permissions
from bot.chat.replies import reply_message
from bot.chat.request import Request
from bot.chat.user import pause, subscription_views
from bot.chat.user.digest_times import next_digest
from bot.locales import LANGUAGES
from bot.messages.callbacks import ButtonData, ButtonTooOld, Setting, SettingButton, TimeButton
from bot.models import Button, Message, Schedule
from bot.schedules.zones import parse_time, parse_zone
from bot.storage import chats
from bot.storage.chats import ChatState

TIMES = (time(6), time(7), time(8), time(9), time(12), time(18), time(20), time(22))
MERIDIEM = re.compile(r"(\d)\s+([ap]m)\b", re.IGNORECASE)  # "8 pm" is one time


async def settings(request: Request) -> None:
    """Show the settings, or change them: a time, a zone, or both ("08:30 Europe/Berlin")."""
    if not request.args.strip():
        async with request.transaction() as connection:
            await reply_message(request, connection, await page(request, connection))
        return
    await permissions.require_group_admin(request)
    at, zone = read_settings(request)
    async with request.transaction() as connection:
        await set_digest(request, connection, at or request.chat.digest_time, zone or request.chat.zone)
        await reply_message(request, connection, await page(request, connection))


def read_settings(request: Request) -> tuple[time | None, str | None]:
    """Return the time and the zone that were typed, in either order, or None for the part that was not."""
    typed = MERIDIEM.sub(r"\1\2", request.args).split()
    times = [word for word in typed if word[0].isdigit() or word.casefold() in ("noon", "midnight")]
    zone = " ".join(word for word in typed if word not in times)
    at = parse_time(" ".join(times), request.words) if times else None
    return at, parse_zone(zone, request.words) if zone else None


async def set_digest(request: Request, connection: AsyncConnection, at: time, zone: str) -> None:
    """Change the time and zone of the chat's digests."""
    request.chat = await actions.set_digest_time(connection, request.chat, at, zone, request.now)


async def page(request: Request, connection: AsyncConnection) -> Message:
    """Return the settings and the buttons to change them."""
    _, say, chat = request.words.gettext, request.words.say, request.chat
    new = subscription_views.schedule_names(request.words)[request.schedule]
    lines = [
        await next_digest(request, connection),
        say("Tap another time, or send yours with your city: /settings 7:30 Cairo"),
    ]
    if chat.state is ChatState.PAUSED:
        lines.insert(0, say("News is paused."))
    times = [_choice(_clock(at), TimeButton(at.hour), chosen=at == chat.digest_time) for at in TIMES]
    languages = [
        _choice(name, SettingButton(Setting.LANGUAGE, code), chosen=code == chat.locale)
        for code, name in LANGUAGES.items()
    ]
    pause_ = SettingButton(Setting.PAUSE).labelled(_("Pause"))
    resume_ = SettingButton(Setting.RESUME).labelled(_("Resume"))
    rest = resume_ if chat.state is ChatState.PAUSED else pause_
    new_schedule = SettingButton(Setting.NEW).labelled(_("New subscriptions: {schedule}").format(schedule=new))
    return Message(
        Markup("\n").join(lines), (tuple(times[:4]), tuple(times[4:]), (new_schedule,), tuple(languages), (rest,))
    )


def _choice(label: str, data: ButtonData, *, chosen: bool) -> Button:
    return data.labelled(f"{subscription_views.CHECK if chosen else ''}{label}")


def _new_page(request: Request) -> Message:
    names = subscription_views.schedule_names(request.words)
    row = [
        _choice(names[schedule], SettingButton(Setting.NEW, schedule), chosen=schedule is request.schedule)
        for schedule in Schedule
    ]
    back = SettingButton(Setting.PAGE).labelled("‹ " + request.words.gettext("Settings"))
    return Message(
        request.words.say("When should news come for what you subscribe to from now on?"), (tuple(row), (back,))
    )


async def pressed(request: Request, connection: AsyncConnection, button: SettingButton) -> tuple[Message, str]:
    """Change a setting, and show them all again."""
    note = ""
    match button:
        case SettingButton(Setting.LANGUAGE, code) if code in LANGUAGES:
            request.chat = await actions.set_language(connection, request.chat, code)
            request.locale_changed = True
        case SettingButton(Setting.NEW, ""):
            return _new_page(request), ""
        case SettingButton(Setting.NEW, Schedule() as schedule):
            request.chat = await actions.set_new_schedule(connection, request.chat, schedule)
        case SettingButton(Setting.PAUSE, ""):
            note = str((await pause.pause_in(request, connection)).striptags())
        case SettingButton(Setting.RESUME, ""):
            note = str((await pause.resume_in(request, connection)).striptags())
        case SettingButton(Setting.PAGE, ""):
            pass
        case _:
            raise ButtonTooOld(button)
    await _reload_chat(request, connection)
    return await page(request, connection), note


async def _reload_chat(request: Request, connection: AsyncConnection) -> None:
    """Load the chat again after a change: the answer is in its new language."""
    changed = await chats.get(connection, request.chat.id)
    assert changed is not None
    request.use_chat(changed)


def _clock(at: time) -> str:
    return at.isoformat("minutes")
