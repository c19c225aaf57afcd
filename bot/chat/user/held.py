"""The buttons under the message that says how much news is held: show it, or get less of it at once."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import chats as chat_actions
from bot.actions import subscriptions as actions
from bot.chat.request import Request
from bot.messages.callbacks import Choice, HeldAct, HeldButton, OfferButton, ScheduleButton
from bot.models import Message, Schedule
from bot.storage.offers import Offer


async def pressed(request: Request, connection: AsyncConnection, button: HeldButton) -> tuple[Message, str]:
    """Send what is held, make a subscription hourly, or make all instant ones daily."""
    match button.act:
        case HeldAct.SHOW:
            return await _show(request, connection), ""
        case HeldAct.HOURLY:
            return await _make_hourly(request, connection, button.subscription_id), ""
        case HeldAct.DIGEST:
            return await _digest_only(request, connection), ""


async def _show(request: Request, connection: AsyncConnection) -> Message:
    made = await chat_actions.show_held(connection, request.chat, request.now, request.services.signer)
    if made.is_paused:
        return Message(request.words.say("News is paused."))
    if not made.stories:
        return Message(request.words.say("Nothing waits any more."))
    return Message(
        request.words.say_many("Here is {number} story that waited.", "Here are {number} that waited.", made.stories)
    )


async def _make_hourly(request: Request, connection: AsyncConnection, subscription_id: int) -> Message:
    changed = await actions.set_schedule(connection, request.chat, subscription_id, Schedule.HOURLY, request.now)
    undo = ScheduleButton(changed.id, Schedule.INSTANT).labelled(request.words.gettext("Undo"))
    return Message(request.words.say("<b>{label}</b> comes hourly now.", label=changed.label), ((undo,),))


async def _digest_only(request: Request, connection: AsyncConnection) -> Message:
    count, offer_id = await actions.digest_only(connection, request.chat, request.user_id, request.now)
    undo = OfferButton(offer_id, Choice.UNDO).labelled(request.words.gettext("Undo"))
    said = request.words.say_many(
        "{number} subscription comes with your daily digest now.",
        "{number} subscriptions come with your daily digest now.",
        count,
    )
    return Message(said, ((undo,),))


async def undo_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, prepared: None
) -> tuple[Message, str]:
    """Make the subscriptions instant again."""
    count = await actions.at_once_again(connection, request.chat, offer)
    said = request.words.say_many("{number} comes at once again.", "{number} come at once again.", count)
    return Message(said), ""
