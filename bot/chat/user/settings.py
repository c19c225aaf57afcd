"""/settings: one message, edited in place: when the digest comes, in which language, and what new subscriptions get."""

import re
from datetime import time

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.chat.request import Turn
from bot.chat.user import pause, subscription_views
from bot.locales import LANGUAGES
from bot.models import Button, Message, Schedule
from bot.schedules.digests import next_run_at, reschedule
from bot.schedules.zones import parse_time, parse_zone
from bot.storage import chats

TIMES = (time(6), time(7), time(8), time(9), time(12), time(18), time(20), time(22))
MERIDIEM = re.compile(r"(\d)\s+([ap]m)\b", re.IGNORECASE)  # "8 pm" is one time


async def settings(turn: Turn) -> None:
    """Show the settings, or change them: a time, a zone, or both ("08:30 Europe/Berlin")."""
    await turn.look()
    if not turn.args.strip():
        async with turn.apply() as connection:
            await turn.show(connection, page(turn))
        return
    await turn.require_say()
    at, zone = read_settings(turn)
    async with turn.apply() as connection:
        await set_digest(turn, connection, at or turn.chat.digest_time, zone or turn.chat.zone)
        await turn.show(connection, page(turn))


def read_settings(turn: Turn) -> tuple[time | None, str | None]:
    """Return the time and the zone that were typed, in either order, or None for what was not."""
    typed = MERIDIEM.sub(r"\1\2", turn.args).split()
    times = [word for word in typed if word[0].isdigit() or word.casefold() in ("noon", "midnight")]
    zone = " ".join(word for word in typed if word not in times)
    at = parse_time(" ".join(times), turn.words) if times else None
    return at, parse_zone(zone, turn.words) if zone else None


async def set_digest(turn: Turn, connection: AsyncConnection, at: time, zone: str) -> None:
    """Change time and zone of the chat's digests, and move what is due; never two for one day."""
    await chats.set_digest(connection, turn.chat.id, zone=zone, digest_time=at)
    last = await chats.last_run(connection, turn.chat.id, Schedule.DAILY)
    due_at = reschedule(turn.now, at, zone, last_due=last[0] if last else None, last_period=last[1] if last else None)
    await chats.set_slot(connection, turn.chat.id, Schedule.DAILY, due_at)
    if Schedule.WEEKLY in await chats.slots(connection, turn.chat.id):
        weekly = next_run_at(Schedule.WEEKLY, turn.now, at, zone)
        await chats.set_slot(connection, turn.chat.id, Schedule.WEEKLY, weekly)
    await turn.reload(connection)


def page(turn: Turn) -> Message:
    """Return the settings and the buttons to change them."""
    _, say, chat = turn.words.gettext, turn.words.say, turn.chat
    new = subscription_views.schedule_names(turn.words)[turn.schedule]
    lines = [
        say("Your digest comes at <b>{time}</b>, {zone} time.", time=_clock(chat.digest_time), zone=chat.zone),
        say("Tap another time, or send yours with your city: /settings 7:30 Cairo"),
    ]
    if chat.state == chats.PAUSED:
        lines.insert(0, say("News is paused."))
    times = [_choice(_clock(at), f"time:{at.hour}", chosen=at == chat.digest_time) for at in TIMES]
    languages = [_choice(name, f"set:language:{code}", chosen=code == chat.locale) for code, name in LANGUAGES.items()]
    rest = Button(_("Resume"), "set:resume") if chat.state == chats.PAUSED else Button(_("Pause"), "set:pause")
    what_new_gets = Button(_("New subscriptions: {schedule}").format(schedule=new), "set:new")
    return Message(
        Markup("\n").join(lines), (tuple(times[:4]), tuple(times[4:]), (what_new_gets,), tuple(languages), (rest,))
    )


def _choice(label: str, data: str, *, chosen: bool) -> Button:
    return Button(f"{subscription_views.CHECK if chosen else ''}{label}", data)


def _new_page(turn: Turn) -> Message:
    names = subscription_views.schedule_names(turn.words)
    row = [_choice(names[one], f"set:new:{one}", chosen=one is turn.schedule) for one in Schedule]
    back = Button("‹ " + turn.words.gettext("Settings"), "set:page")
    return Message(
        turn.words.say("When should news come for what you subscribe to from now on?"), (tuple(row), (back,))
    )


async def pressed(turn: Turn, connection: AsyncConnection, ids: list[str]) -> tuple[Message, str]:
    """Change a setting, and show them all again."""
    note = ""
    match ids:
        case ["language", code] if code in LANGUAGES:
            await chats.set_locale(connection, turn.chat.id, code)
            turn.speaks_anew = True
        case ["new"]:
            return _new_page(turn), ""
        case ["new", schedule]:
            await chats.set_schedule(connection, turn.chat.id, Schedule(schedule))
        case ["pause"]:
            note = str((await pause.pause_in(turn, connection)).striptags())
        case ["resume"]:
            note = str((await pause.resume_in(turn, connection)).striptags())
        case ["page"]:
            pass
        case _:
            raise ValueError(ids)
    await turn.reload(connection)
    return page(turn), note


def _clock(at: time) -> str:
    return at.isoformat("minutes")
