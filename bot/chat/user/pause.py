"""/pause and /resume: a break, from which what gathered comes back as one digest."""

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.chat.request import Request
from bot.messages.callbacks import ResumeButton
from bot.pipeline.digest import freeze_now
from bot.storage import chats, deliveries


async def pause(request: Request) -> None:
    """Send nothing more until /resume; what is found meanwhile is kept."""
    await request.load_chat()
    await request.require_group_admin()
    async with request.transaction() as connection:
        text = await pause_in(request, connection)
        await request.reply(connection, text, ((ResumeButton().labelled(request.words.gettext("Resume")),),))


async def pause_in(request: Request, connection: AsyncConnection) -> Markup:
    """Pause the chat and call back what was on its way; return what to say."""
    await chats.set_state(connection, request.chat.id, chats.PAUSED, request.now, "asked to")
    await deliveries.cancel_chat(connection, request.chat.id, request.now, "paused")
    return request.words.say("Paused. I keep what I find, for two weeks. /resume brings it as one digest.")


async def resume(request: Request) -> None:
    """Go on; what gathered comes as one digest, not as a flood."""
    await request.load_chat()
    await request.require_group_admin()
    async with request.transaction() as connection:
        await request.reply(connection, await resume_in(request, connection))


async def resume_in(request: Request, connection: AsyncConnection) -> Markup:
    """Make the chat active again and owe it one digest of what gathered; return what to say."""
    if not await chats.set_state(connection, request.chat.id, chats.ACTIVE, request.now):
        return request.words.say("Nothing was paused: news comes as before.")
    gathered = await freeze_now(connection, request.chat, request.now, kind="resume")
    if not gathered:
        return request.words.say("Welcome back. You have missed nothing.")
    return request.words.say_many(
        "Welcome back. {number} story gathered meanwhile; here it comes.",
        "Welcome back. {number} stories gathered meanwhile; here they come.",
        gathered,
    )
