"""/pause and /resume: a break, from which what gathered comes back as one digest."""

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.chat.request import Turn
from bot.models import Button
from bot.pipeline.digest import freeze_now
from bot.storage import chats, deliveries


async def pause(turn: Turn) -> None:
    """Send nothing more until /resume; what is found meanwhile is kept."""
    await turn.look()
    await turn.require_say()
    async with turn.apply() as connection:
        text = await pause_in(turn, connection)
        await turn.reply(connection, text, ((Button(turn.words.gettext("Resume"), "resume"),),))


async def pause_in(turn: Turn, connection: AsyncConnection) -> Markup:
    """Pause the chat and call back what was on its way; return what to say."""
    await chats.set_state(connection, turn.chat.id, chats.PAUSED, turn.now, "asked to")
    await deliveries.cancel_chat(connection, turn.chat.id, turn.now, "paused")
    return turn.words.say("Paused. I keep what I find, for two weeks. /resume brings it as one digest.")


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
