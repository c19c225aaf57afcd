"""/digest and /latest: what came."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.chat.request import Turn
from bot.chat.user.settings import settings
from bot.messages.news import latest as latest_message
from bot.models import Button, Message
from bot.pipeline.digest import freeze_now
from bot.pipeline.items import item, stories
from bot.storage import chats, hits

LATEST = 10


async def digest(turn: Turn) -> None:
    """Send what is owed now; with a time, say when the daily digest comes."""
    await turn.look()
    if turn.args.strip() and turn.args.strip().casefold() != "now":
        await settings(turn)
        return
    async with turn.apply() as connection:
        if turn.chat.state == chats.PAUSED:
            resume = Button(turn.words.gettext("Resume"), "resume")
            await turn.reply(connection, turn.words.say("News is paused."), ((resume,),))
        elif not await freeze_now(connection, turn.chat, turn.now, kind="now"):
            nothing = turn.words.say(
                "Nothing new since your last digest. The next one comes at {time} ({zone}).",
                time=turn.chat.digest_time.isoformat("minutes"),
                zone=turn.chat.zone,
            )
            await turn.reply(connection, nothing)


async def latest(turn: Turn) -> None:
    """Show the newest stories for what the chat watches, told or not."""
    async with turn.apply() as connection:
        await turn.show(connection, await _latest_page(turn, connection, 0))


async def latest_pressed(turn: Turn, connection: AsyncConnection, ids: list[str]) -> tuple[Message, str]:
    """Turn the page."""
    return await _latest_page(turn, connection, max(0, int(ids[0]))), ""


async def _latest_page(turn: Turn, connection: AsyncConnection, skipped: int) -> Message:
    """Return the newest stories after the first `skipped`, as many as a message holds, with buttons to the others."""
    _ = turn.words.gettext
    found = await hits.latest(connection, turn.chat.id, LATEST + 1, skipped)
    newer = Button("‹ " + _("Newer"), f"latest:{max(0, skipped - LATEST)}")
    if not found:
        nothing = turn.words.say("Nothing yet for what you watch. /list shows what that is.")
        return Message(nothing, ((newer,),) if skipped else ())
    items = [item(owed) for owed in stories(found).values()]
    part = latest_message(items[:LATEST], turn.words, zone=turn.chat.zone, now=turn.now)
    older = Button(_("Older") + " ›", f"latest:{skipped + len(part.items)}")
    row = ((newer,) if skipped else ()) + ((older,) if len(part.items) < len(items) else ())
    return Message(part.message.text, (row,) if row else ())
