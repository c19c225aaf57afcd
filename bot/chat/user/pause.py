"""/pause and /resume: a break in the news, and one digest at its end."""

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import chats as actions
from bot.chat import permissions
from bot.chat.replies import reply
from bot.chat.request import Request
from bot.chat.user.digest_times import day_and_time
from bot.messages.callbacks import ResumeButton


async def pause(request: Request) -> None:
    """Send nothing more until /resume; hits are kept."""
    await permissions.require_group_admin(request)
    async with request.transaction() as connection:
        text = await pause_in(request, connection)
        await reply(request, connection, text, ((ResumeButton().labelled(request.words.gettext("Resume")),),))


async def pause_in(request: Request, connection: AsyncConnection) -> Markup:
    """Pause the chat; return the answer."""
    await actions.pause(connection, request.chat, request.now)
    return request.words.say("Paused. I keep what I find, for two weeks. /resume brings it as one digest.")


async def resume(request: Request) -> None:
    """End the pause; instant and hourly hits since come as one digest."""
    await permissions.require_group_admin(request)
    async with request.transaction() as connection:
        await reply(request, connection, await resume_in(request, connection))


async def resume_in(request: Request, connection: AsyncConnection) -> Markup:
    """Resume the chat; return the answer."""
    resumed = await actions.resume(connection, request.chat, request.now, request.services.signer)
    if not resumed.was_paused:
        return request.words.say("Nothing was paused: news comes as before.")
    if not resumed.stories and resumed.next_digest_at is not None:
        moment = day_and_time(request, resumed.next_digest_at)
        return request.words.say("Welcome back. Next digest: {time}.", time=moment)
    if not resumed.stories:
        return request.words.say("Welcome back. You have missed nothing.")
    return request.words.say_many(
        "Welcome back. {number} story gathered meanwhile; here it comes.",
        "Welcome back. {number} stories gathered meanwhile; here they come.",
        resumed.stories,
    )
