"""/digest, /latest, /settings, /pause and /resume: when news comes, and what came."""

import re
from datetime import time

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.digests.compose import latest as latest_message
from bot.digests.window import next_run_at, reschedule
from bot.digests.zones import parse_time, parse_zone
from bot.handlers.turn import Turn
from bot.models import Button, Schedule
from bot.pipeline.digest import freeze_now
from bot.pipeline.items import item, stories
from bot.storage import chats, deliveries, hits

LATEST = 10
TIMES = (time(6), time(7), time(8), time(9), time(12), time(18), time(20), time(22))
CHECK = "✓ "
MERIDIEM = re.compile(r"(\d)\s+([ap]m)\b", re.IGNORECASE)  # "8 pm" is one time


async def digest(turn: Turn) -> None:
    """Send what is owed now; with a time, say when the daily digest comes."""
    await turn.look()
    if turn.args.strip():
        await settings(turn)
        return
    async with turn.apply() as connection:
        if not await freeze_now(connection, turn.chat, turn.now, kind="now"):
            nothing = turn.words.say(
                "Nothing new since your last digest. The next one comes at {time} ({zone}).",
                time=_clock(turn.chat.digest_time),
                zone=turn.chat.zone,
            )
            await turn.reply(connection, nothing)


async def latest(turn: Turn) -> None:
    """Show the newest stories for what the chat watches, told or not."""
    async with turn.apply() as connection:
        found = await hits.latest(connection, turn.chat.id, LATEST * 4)
        if not found:
            await turn.reply(connection, turn.words.say("Nothing yet for what you watch. /list shows what that is."))
            return
        items = [item(owed) for owed in list(stories(found).values())[:LATEST]]
        message = latest_message(items, turn.words, zone=turn.chat.zone, now=turn.now)
        await turn.reply(connection, message.text)


async def settings(turn: Turn) -> None:
    """Show the settings, or change them: a time, a zone, or both ("08:30 Europe/Berlin")."""
    await turn.look()
    if not turn.args.strip():
        async with turn.apply() as connection:
            text, buttons = settings_page(turn)
            await turn.reply(connection, text, buttons)
        return
    await turn.require_say()
    at, zone = read_settings(turn)
    async with turn.apply() as connection:
        await set_digest(turn, connection, at or turn.chat.digest_time, zone or turn.chat.zone)
        text, buttons = settings_page(turn)
        await turn.reply(connection, text, buttons)


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
    changed = await chats.get(connection, turn.chat.id)
    assert changed is not None
    turn.chat = changed


def settings_page(turn: Turn) -> tuple[Markup, tuple[tuple[Button, ...], ...]]:
    """Return the settings and the buttons to change them."""
    say, chat = turn.words.say, turn.chat
    lines = [
        say("Your digest comes at <b>{time}</b>, {zone} time.", time=_clock(chat.digest_time), zone=chat.zone),
        say("Tap another time, or send yours with your city: /settings 7:30 Cairo"),
    ]
    buttons = [Button(f"{CHECK if at == turn.chat.digest_time else ''}{_clock(at)}", f"time:{at.hour}") for at in TIMES]
    return Markup("\n").join(lines), (tuple(buttons[:4]), tuple(buttons[4:]))


async def pause(turn: Turn) -> None:
    """Send nothing more until /resume; what is found meanwhile is kept."""
    await turn.look()
    await turn.require_say()
    async with turn.apply() as connection:
        await chats.set_state(connection, turn.chat.id, chats.PAUSED, turn.now, "asked to")
        await deliveries.cancel_chat(connection, turn.chat.id, turn.now, "paused")
        text = turn.words.say("Paused. I keep what I find, for two weeks. /resume brings it as one digest.")
        await turn.reply(connection, text, ((Button(turn.words.gettext("Resume"), "resume"),),))


async def resume(turn: Turn) -> None:
    """Go on; what gathered comes as one digest, not as a flood."""
    await turn.look()
    await turn.require_say()
    async with turn.apply() as connection:
        await turn.reply(connection, await resume_in(turn, connection))


async def resume_in(turn: Turn, connection: AsyncConnection) -> Markup:
    """Make the chat active again and owe it one digest of what gathered; return what to say."""
    if not await chats.set_state(connection, turn.chat.id, chats.ACTIVE, turn.now):
        return turn.words.say("Nothing was paused: news comes as before.")
    gathered = await freeze_now(connection, turn.chat, turn.now, kind="resume")
    if not gathered:
        return turn.words.say("Welcome back. You have missed nothing.")
    return turn.words.say_many(
        "Welcome back. {number} story gathered meanwhile; here it comes.",
        "Welcome back. {number} stories gathered meanwhile; here they come.",
        gathered,
    )


def _clock(at: time) -> str:
    return at.isoformat("minutes")
