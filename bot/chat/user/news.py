"""/digest and /latest: a digest now, and the newest stories."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import chats as actions
from bot.chat.replies import reply, reply_message
from bot.chat.request import Request
from bot.chat.user.settings import settings
from bot.messages.callbacks import LatestButton, ResumeButton
from bot.messages.news import latest as latest_message
from bot.models import Message
from bot.pipeline.items import item, stories
from bot.storage import hits

LATEST = 10


async def digest(request: Request) -> None:
    """Send a digest of the pending hits now; with a time, move the daily digest."""
    if request.args.strip() and request.args.strip().casefold() != "now":
        await settings(request)
        return
    async with request.transaction() as connection:
        made = await actions.digest_now(connection, request.chat, request.now)
        if made.is_paused:
            resume = ResumeButton().labelled(request.words.gettext("Resume"))
            await reply(request, connection, request.words.say("News is paused."), ((resume,),))
        elif not made.stories:
            nothing = request.words.say(
                "Nothing new since your last digest. The next one comes at {time} ({zone}).",
                time=request.chat.digest_time.isoformat("minutes"),
                zone=request.chat.zone,
            )
            await reply(request, connection, nothing)


async def latest(request: Request) -> None:
    """Show the newest stories of the chat's subscriptions, sent or not."""
    async with request.transaction() as connection:
        await reply_message(request, connection, await _latest_page(request, connection, 0))


async def latest_pressed(request: Request, connection: AsyncConnection, button: LatestButton) -> tuple[Message, str]:
    """Show a page of the newest stories."""
    return await _latest_page(request, connection, max(0, button.skipped)), ""


async def _latest_page(request: Request, connection: AsyncConnection, skipped: int) -> Message:
    """Return the newest stories after the first `skipped`, as many as a message holds, with buttons to the others."""
    _ = request.words.gettext
    found = await hits.latest(connection, request.chat.id, LATEST + 1, skipped)
    newer = LatestButton(max(0, skipped - LATEST)).labelled("‹ " + _("Newer"))
    if not found:
        nothing = request.words.say("Nothing yet for what you watch. /list shows what that is.")
        return Message(nothing, ((newer,),) if skipped else ())
    items = [item(story) for story in stories(found).values()]
    part = latest_message(items[:LATEST], request.words, zone=request.chat.zone, now=request.now)
    older = LatestButton(skipped + len(part.items)).labelled(_("Older") + " ›")
    row = ((newer,) if skipped else ()) + ((older,) if len(part.items) < len(items) else ())
    return Message(part.message.text, (row,) if row else ())
