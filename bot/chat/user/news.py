"""/digest and /latest: a digest now, and the newest stories."""

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import chats as actions
from bot.actions import subscription_choice
from bot.chat.replies import reply, reply_message
from bot.chat.request import Request
from bot.chat.user.digest_times import next_digest
from bot.chat.user.settings import settings
from bot.messages.callbacks import LatestButton, ResumeButton, SubscriptionNewsButton
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
        made = await actions.digest_now(connection, request.chat, request.now, request.services.signer)
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
        chosen = None
        if request.args.strip():
            watched = await subscriptions.of_chat(connection, request.chat.id)
            chosen = subscription_choice.choose_single(watched, request.args).id
        await reply_message(request, connection, await _latest_page(request, connection, 0, chosen))


async def latest_pressed(request: Request, connection: AsyncConnection, button: LatestButton) -> tuple[Message, str]:
    """Show a page of the newest stories."""
    return await _latest_page(request, connection, max(0, button.skipped), None), ""


async def subscription_news_pressed(
    request: Request, connection: AsyncConnection, button: SubscriptionNewsButton
) -> tuple[Message, str]:
    """Show a page of the newest stories of one subscription."""
    return await _latest_page(request, connection, max(0, button.skipped), button.subscription_id), ""


async def _latest_page(request: Request, connection: AsyncConnection, skipped: int, chosen: int | None) -> Message:
    """Return the newest stories after the first `skipped`, as many as a message holds, with buttons to the others.

    `chosen` is the id of the one subscription they are of, or None.
    """
    _ = request.words.gettext
    found = await hits.latest(connection, request.chat.id, LATEST + 1, skipped, chosen)
    newer = _turn(max(0, skipped - LATEST), chosen).labelled("‹ " + _("Newer"))
    if not found:
        nothing = request.words.say("Nothing yet for what you watch. /list shows what that is.")
        return Message(nothing, ((newer,),) if skipped else ())
    items = [newest_item(story) for story in stories(found).values()]
    part = latest_message(items[:LATEST], request.words, zone=request.chat.zone, now=request.now)
    older = _turn(skipped + len(part.items), chosen).labelled(_("Older") + " ›")
    row = ((newer,) if skipped else ()) + ((older,) if len(part.items) < len(items) else ())
    return Message(part.message.text, (row,) if row else ())


def _turn(skipped: int, chosen: int | None) -> LatestButton | SubscriptionNewsButton:
    return LatestButton(skipped) if chosen is None else SubscriptionNewsButton(skipped, chosen)
