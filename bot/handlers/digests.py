"""/digest and /latest: what came."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.digests.compose import latest as latest_message
from bot.handlers.settings import settings
from bot.handlers.turn import Turn
from bot.models import Button
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
        await _show_latest(turn, connection)


async def _show_latest(turn: Turn, connection: AsyncConnection) -> None:
    found = await hits.latest(connection, turn.chat.id, LATEST * 4)
    if not found:
        await turn.reply(connection, turn.words.say("Nothing yet for what you watch. /list shows what that is."))
        return
    items = [item(owed) for owed in list(stories(found).values())[:LATEST]]
    newest_first = sorted(items, key=lambda one: one.published_at or turn.now, reverse=True)
    message = latest_message(newest_first, turn.words, zone=turn.chat.zone, now=turn.now)
    await turn.reply(connection, message.text)
