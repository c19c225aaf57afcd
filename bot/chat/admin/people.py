"""Commands of admins for people: /invite, /allow, /ban, /unban, /admins and /broadcast."""

import re

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection
from yarl import URL

from bot.actions import people
from bot.actions.people import PeopleRefusal
from bot.actions.refused import Refused
from bot.chat.replies import reply, reply_message
from bot.chat.request import Request
from bot.chat.services import Access
from bot.chat.user.edit import yes_no
from bot.errors import UserError
from bot.locales import Words
from bot.messages.callbacks import Choice, RevokeButton
from bot.messages.news import when as shown_time
from bot.messages.payload import to_payload
from bot.models import Button, Message
from bot.storage import stats
from bot.storage.offers import Offer
from bot.storage.people import Invite, invites
from bot.storage.people import redeem as redeem_code

ACTS = 10  # of the admins, shown
PAYLOAD = re.compile(r"i_([A-Za-z0-9_-]{1,62})", re.ASCII)  # Telegram allows 64 characters in the link of a bot


# ---- invitations ----


def _is_by_invitation(request: Request) -> bool:
    return request.services.settings.access is Access.INVITE


async def redeem(request: Request, connection: AsyncConnection, payload: str) -> bool:
    """Allow the person who followed an invitation's link; return False if `payload` is no usable invitation."""
    found = PAYLOAD.fullmatch(payload)
    if found is None or not _is_by_invitation(request):
        return False
    return await redeem_code(connection, found[1], request.user_id, request.now)


async def invite(request: Request) -> None:
    """Create an invitation: "/invite" for one person, "/invite 20", "/invite many"; "/invite list" shows them."""
    typed = request.args.strip().casefold()
    if not _is_by_invitation(request):
        raise Refused(PeopleRefusal.INVITATIONS_OFF)
    async with request.transaction() as connection:
        if typed == "list":
            await reply_message(request, connection, _invites(request, await invites(connection, request.now)))
            return
        created = await people.invite(connection, _uses(typed), request.user_id, request.now)
        await reply_message(request, connection, _created(request, created))


def _uses(typed: str) -> int | None:
    if typed in ("many", "all"):
        return None
    if typed and not typed.isdecimal():
        raise Refused(PeopleRefusal.NUMBER_OF_USES)
    return int(typed[:9]) if typed else 1


def _created(request: Request, invitation: Invite) -> Message:
    heading = (
        request.words.say("Whoever opens this link within a week may use the bot:")
        if invitation.uses_left is None
        else request.words.say_many(
            "The first who opens this link within a week may use the bot:",
            "The first {number} who open this link within a week may use the bot:",
            invitation.uses_left,
        )
    )
    text = Markup("{heading}\n{link}").format(heading=heading, link=_link(request, invitation))
    return Message(text, ((_revoke_button(request, invitation),),))


def _link(request: Request, invitation: Invite) -> str:
    return str(URL(f"https://t.me/{request.bot.username}").with_query(start=f"i_{invitation.code}"))


def _revoke_button(request: Request, invitation: Invite) -> Button:
    label = request.words.gettext("End invitation {number}").format(number=invitation.id)
    return RevokeButton(invitation.id).labelled(label)


def _invites(request: Request, invitations: list[Invite]) -> Message:
    if not invitations:
        return Message(request.words.say("No invitation is open. /invite makes one."))
    lines = [
        Markup("{number}. {link} · {left} · {used}").format(
            number=invitation.id,
            link=_link(request, invitation),
            left=_places_left(invitation, request.words),
            used=request.words.say_many("{number} came", "{number} came", invitation.used),
        )
        for invitation in invitations
    ]
    return Message(Markup("\n").join(lines), tuple((_revoke_button(request, each),) for each in invitations))


def _places_left(invitation: Invite, words: Words) -> Markup:
    if invitation.uses_left is None:
        return words.say("for many")
    return words.say_many("{number} place left", "{number} places left", invitation.uses_left)


async def revoke_pressed(request: Request, connection: AsyncConnection, button: RevokeButton) -> tuple[Message, str]:
    """End an invitation; the people it let in stay allowed."""
    await people.revoke(connection, button.invite_id, request.user_id, request.now)
    return Message(request.words.say("That invitation lets nobody in any more. Who came by it may stay.")), ""


# ---- decisions about one person ----


async def allow(request: Request) -> None:
    """Let a person or group use the bot, by Telegram number (a group's begins with a minus)."""
    telegram_id = _number(request, "/allow 123456789")
    async with request.transaction() as connection:
        await people.allow(connection, telegram_id, request.user_id, request.now)
        await reply(request, connection, request.words.say("<b>{person}</b> may use the bot.", person=telegram_id))


def _number(request: Request, example: str) -> int:
    """Return the Telegram number that was typed; UserError if none was."""
    typed = request.args.strip()
    if not re.fullmatch(r"-?\d{1,15}", typed, re.ASCII) or int(typed) == 0:
        raise UserError(request.words.say("Send a Telegram number, like this: {example}", example=Markup(example)))  # noqa: S704
    return int(typed)


async def ban(request: Request) -> None:
    """Ask whether a person is to be banned."""
    telegram_id = _number(request, "/ban 123456789")
    people.check_ban(telegram_id, request.services.settings.admins)
    async with request.transaction() as connection:
        offer_id = await people.ask_ban(connection, request.chat, telegram_id, request.user_id, request.now)
        question = request.words.say(
            "Ban <b>{person}</b>? They get no more news. /unban takes it back.",
            person=telegram_id,
        )
        await reply(request, connection, question, yes_no(request.words, offer_id))


async def ban_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, prepared: None
) -> tuple[Message, str]:
    """Ban a person; their subscriptions stay, and no news of them is sent."""
    if choice is not Choice.YES:
        return Message(request.words.say("All right, nothing changed.")), ""
    telegram_id = int(offer.payload["person"])
    await people.ban(connection, telegram_id, request.services.settings.admins, request.user_id, request.now)
    return Message(request.words.say("<b>{person}</b> is banned.", person=telegram_id)), ""


async def unban(request: Request) -> None:
    """End a person's ban."""
    telegram_id = _number(request, "/unban 123456789")
    async with request.transaction() as connection:
        await people.unban(connection, telegram_id, request.user_id, request.now)
        await reply(request, connection, request.words.say("<b>{person}</b> is welcome again.", person=telegram_id))


# ---- admins ----


async def admins(request: Request) -> None:
    """Show the admins and their last acts."""
    async with request.transaction() as connection:
        say = request.words.say
        ids = ", ".join(str(admin) for admin in sorted(request.services.settings.admins))
        lines = [say("<b>Admins</b>, named in the configuration: {people}", people=ids)]
        acts = await stats.last_acts(connection, ACTS)
        lines += [Markup(), say("<b>What they did last</b>")] if acts else []
        for act in acts:
            ago = shown_time(act.at, request.words, zone=request.chat.zone, now=request.now)
            line = Markup("{ago} · {person} · {act}")
            lines.append(line.format(ago=ago, person=act.user_id, act=request.words.isolate(act.act)))
        await reply(request, connection, Markup("\n").join(lines))


async def broadcast(request: Request) -> None:
    """Show a message for everybody as it will look, and ask whether to send it."""
    text = request.args.strip()
    if not text:
        raise UserError(
            request.words.gettext("Write the message behind it, like this: /broadcast The bot moves tonight.")
        )
    async with request.transaction() as connection:
        count = await people.audience(connection, text)
        offer_id = await people.ask_broadcast(connection, request.chat, text, request.user_id, request.now)
        question = request.words.say_many("Send this to {number} chat?", "Send this to {number} chats?", count)
        lines = [_announcement(text), Markup(), question]
        await reply(request, connection, Markup("\n").join(lines), yes_no(request.words, offer_id))


def _announcement(text: str) -> Markup:
    return Markup("📣 {text}").format(text=text)


async def broadcast_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, prepared: None
) -> tuple[Message, str]:
    """Send the message to every chat, once."""
    if choice is not Choice.YES:
        return Message(request.words.say("All right, nothing is sent.")), ""
    payload = to_payload(Message(_announcement(offer.payload["text"])))
    count = await people.broadcast(connection, payload, offer.id, request.user_id, request.now)
    return Message(request.words.say_many("On its way to {number} chat.", "On its way to {number} chats.", count)), ""
