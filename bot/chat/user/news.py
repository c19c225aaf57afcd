"""/digest and /latest: a digest now, and the newest stories."""

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import chats as actions
from bot.actions import subscription_choice
from bot.chat.replies import reply, reply_message
from bot.chat.request import Request
from bot.chat.user.digest_times import next_digest
from bot.chat.user.settings import settings
from bot.messages.callbacks import LatestButton, ResumeButton
from bot.messages.news import latest as latest_message
from bot.models import Message
from bot.pipeline.items import newest_item, stories
from bot.storage import hits, subscriptions

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
            lines = [
                request.words.say("Nothing new since your last digest."),
                await next_digest(request, connection),
            ]
            await reply(request, connection, Markup("\n").join(lines))


async def latest(request: Request) -> None:
    """Show the newest stories of the chat's subscriptions, sent or not; with a name or number of /list, of that one."""
    async with request.transaction() as connection:
        chosen = 0
        if request.args.strip():
            watched = await subscriptions.of_chat(connection, request.chat.id)
            chosen = subscription_choice.choose_single(watched, request.args).id
        await reply_message(request, connection, await _latest_page(request, connection, LatestButton(0, chosen)))


async def latest_pressed(request: Request, connection: AsyncConnection, button: LatestButton) -> tuple[Message, str]:
    """Show a page of the newest stories."""
    return await _latest_page(request, connection, button), ""


async def _latest_page(request: Request, connection: AsyncConnection, page: LatestButton) -> Message:
    """Return the newest stories after the skipped ones, as many as a message holds, with buttons to the others."""
    _ = request.words.gettext
    skipped, chosen = max(0, page.skipped), page.subscription_id
    found = await hits.latest(connection, request.chat.id, LATEST + 1, skipped, chosen or None)
    newer = LatestButton(max(0, skipped - LATEST), chosen).labelled("‹ " + _("Newer"))
    if not found:
        nothing = request.words.say("Nothing yet for what you watch. /list shows what that is.")
        return Message(nothing, ((newer,),) if skipped else ())
    items = [newest_item(story) for story in stories(found).values()]
    part = latest_message(items[:LATEST], request.words, zone=request.chat.zone, now=request.now)
    older = LatestButton(skipped + len(part.items), chosen).labelled(_("Older") + " ›")
    row = ((newer,) if skipped else ()) + ((older,) if len(part.items) < len(items) else ())
    return Message(part.message.text, (row,) if row else ())
