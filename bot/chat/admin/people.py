"""/invite, /allow, /ban, /unban, /admins and /broadcast: for admins, about people."""

import re
from datetime import timedelta

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection
from yarl import URL

from bot.chat.request import Request
from bot.chat.services import Access
from bot.chat.user.edit import yes_no
from bot.errors import UserError
from bot.messages.callbacks import Choice, RevokeButton
from bot.messages.news import when as shown_time
from bot.models import Button, Message
from bot.storage import broadcasts, chats, deliveries, people, stats
from bot.storage.offers import Offer, OfferKind
from bot.storage.people import Decision, Invite

INVITES_LAST = timedelta(days=7)
LASTS = timedelta(minutes=10)
MOST_USES = 10_000
ACTS = 10  # of the admins, shown
LONGEST = 3000  # characters of a broadcast: one message, with room to spare
PAYLOAD = re.compile(r"i_([A-Za-z0-9_-]{1,62})", re.ASCII)  # what Telegram lets a link carry is 64 characters


# ---- being let in ----


async def redeem(request: Request, connection: AsyncConnection, payload: str) -> bool:
    """Let whoever came by an invitation's link in; False if it is none, or lets nobody in any more."""
    found = PAYLOAD.fullmatch(payload)
    if found is None or request.services.settings.access is not Access.INVITE:
        return False
    return await people.redeem(connection, found[1], request.user_id, request.now)


async def invite(request: Request) -> None:
    """Make a link that lets people in: "/invite" for one, "/invite 20", "/invite many"; "/invite list" shows them."""
    asked = request.args.strip().casefold()
    if request.services.settings.access is not Access.INVITE:
        raise UserError(request.words.gettext("Invitations count where access.mode is “invite” in the configuration."))
    async with request.transaction() as connection:
        if asked == "list":
            await request.show(connection, await _invites(request, connection))
            return
        uses = _uses(request, asked)
        made = await people.invite_new(connection, uses=uses, now=request.now, expires_at=request.now + INVITES_LAST)
        await stats.record_act(connection, request.user_id, f"invite {made.id}", request.now)
        lines = [
            request.words.say("Whoever opens this link within a week may use the bot:")
            if uses is None
            else request.words.say_many(
                "The first who opens this link within a week may use the bot:",
                "The first {number} who open this link within a week may use the bot:",
                uses,
            ),
            Markup("{link}").format(link=_link(request, made)),
        ]
        await request.reply(connection, Markup("\n").join(lines), ((_revoke_button(request, made),),))


def _uses(request: Request, asked: str) -> int | None:
    if asked in ("many", "all"):
        return None
    if not asked:
        return 1
    if asked.isdecimal() and 1 <= int(asked[:9]) <= MOST_USES:
        return int(asked[:9])
    raise UserError(
        request.words.gettext("Send /invite for one person, /invite 20 for twenty, /invite many, or /invite list.")
    )


def _link(request: Request, one: Invite) -> str:
    return str(URL(f"https://t.me/{request.bot.username}").with_query(start=f"i_{one.code}"))


def _revoke_button(request: Request, one: Invite) -> Button:
    return RevokeButton(one.id).labelled(request.words.gettext("End invitation {number}").format(number=one.id))


async def _invites(request: Request, connection: AsyncConnection) -> Message:
    open_ = await people.invites(connection, request.now)
    if not open_:
        return Message(request.words.say("No invitation is open. /invite makes one."))
    lines = []
    for one in open_:
        left = (
            request.words.say("for many")
            if one.uses_left is None
            else request.words.say_many("{number} place left", "{number} places left", one.uses_left)
        )
        used = request.words.say_many("{number} came", "{number} came", one.used)
        lines.append(
            Markup("{number}. {link} · {left} · {used}").format(
                number=one.id, link=_link(request, one), left=left, used=used
            )
        )
    return Message(Markup("\n").join(lines), tuple((_revoke_button(request, one),) for one in open_))


async def revoke_pressed(request: Request, connection: AsyncConnection, button: RevokeButton) -> tuple[Message, str]:
    """End an invitation; who came by it stays."""
    await people.revoke(connection, button.invite_id, request.now)
    await stats.record_act(connection, request.user_id, f"revoke {button.invite_id}", request.now)
    return Message(request.words.say("That invitation lets nobody in any more. Who came by it may stay.")), ""


async def allow(request: Request) -> None:
    """Let somebody in by their Telegram number (a group's begins with a minus)."""
    async with request.transaction() as connection:
        telegram_id = _someone(request, "/allow 123456789")
        await people.decide(connection, telegram_id, Decision.ALLOWED, request.now)
        await stats.record_act(connection, request.user_id, f"allow {telegram_id}", request.now)
        await request.reply(connection, request.words.say("<b>{person}</b> may use the bot.", person=telegram_id))


def _someone(request: Request, example: str) -> int:
    typed = request.args.strip()
    if not re.fullmatch(r"-?\d{1,15}", typed, re.ASCII) or int(typed) == 0:
        raise UserError(request.words.say("Send a Telegram number, like this: {example}", example=Markup(example)))  # noqa: S704
    return int(typed)


# ---- being put out ----


async def ban(request: Request) -> None:
    """Ask whether somebody is to be put out."""
    async with request.transaction() as connection:
        telegram_id = _someone(request, "/ban 123456789")
        if telegram_id in request.services.settings.admins:
            raise UserError(request.words.gettext("Admins are named in the configuration; they cannot be banned."))
        offer_id = await request.offer(connection, OfferKind.BAN, {"person": telegram_id}, LASTS)
        sentence = request.words.say(
            "Ban <b>{person}</b>? They get no more news. /unban takes it back.",
            person=telegram_id,
        )
        await request.reply(connection, sentence, yes_no(request.words, offer_id))


async def ban_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, prepared: None
) -> tuple[Message, str]:
    """Put somebody out: what they watch stays, and nothing of it is sent."""
    if choice is not Choice.YES:
        return Message(request.words.say("All right, nothing changed.")), ""
    telegram_id = int(offer.payload["person"])
    await people.decide(connection, telegram_id, Decision.BANNED, request.now)
    chat_id = await people.private_chat(connection, telegram_id)
    if chat_id is not None:
        await chats.set_state(connection, chat_id, chats.BANNED, request.now, "banned")
        await deliveries.cancel_chat(connection, chat_id, request.now, "banned")
    await stats.record_act(connection, request.user_id, f"ban {telegram_id}", request.now)
    return Message(request.words.say("<b>{person}</b> is banned.", person=telegram_id)), ""


async def unban(request: Request) -> None:
    """Take a ban back."""
    async with request.transaction() as connection:
        telegram_id = _someone(request, "/unban 123456789")
        if not await people.undecide(connection, telegram_id, Decision.BANNED):
            banned = await people.decided(connection, Decision.BANNED)
            shown = ", ".join(str(one) for one in banned) or "–"
            raise UserError(request.words.say("That person is not banned. Banned are: {people}", people=shown))
        chat_id = await people.private_chat(connection, telegram_id)
        if chat_id is not None:
            await chats.set_state(connection, chat_id, chats.ACTIVE, request.now)
        await stats.record_act(connection, request.user_id, f"unban {telegram_id}", request.now)
        await request.reply(connection, request.words.say("<b>{person}</b> is welcome again.", person=telegram_id))


# ---- admins ----


async def admins(request: Request) -> None:
    """Show who the admins are, and what they did last."""
    async with request.transaction() as connection:
        say = request.words.say
        ids = ", ".join(str(one) for one in sorted(request.services.settings.admins))
        lines = [say("<b>Admins</b>, named in the configuration: {people}", people=ids)]
        acts = await stats.last_acts(connection, ACTS)
        lines += [Markup(), say("<b>What they did last</b>")] if acts else []
        for one in acts:
            ago = shown_time(one.at, request.words, zone=request.chat.zone, now=request.now)
            act = Markup("{ago} · {person} · {act}")
            lines.append(act.format(ago=ago, person=one.user_id, act=request.words.isolate(one.act)))
        await request.reply(connection, Markup("\n").join(lines))


async def broadcast(request: Request) -> None:
    """Show a message to everybody as it will look, and ask whether to send it."""
    text = request.args.strip()
    if not text:
        raise UserError(
            request.words.gettext("Write the message behind it, like this: /broadcast The bot moves tonight.")
        )
    if len(text) > LONGEST:
        raise UserError(request.words.say("Keep it within {most} characters.", most=LONGEST))
    async with request.transaction() as connection:
        count = await broadcasts.reachable(connection)
        offer_id = await request.offer(connection, OfferKind.BROADCAST, {"text": text}, LASTS)
        question = request.words.say_many("Send this to {number} chat?", "Send this to {number} chats?", count)
        lines = [_announcement(text), Markup(), question]
        await request.reply(connection, Markup("\n").join(lines), yes_no(request.words, offer_id))


def _announcement(text: str) -> Markup:
    return Markup("📣 {text}").format(text=text)


async def broadcast_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, prepared: None
) -> tuple[Message, str]:
    """Owe every chat the message, once: the offer can be taken only once, and both are one transaction."""
    if choice is not Choice.YES:
        return Message(request.words.say("All right, nothing is sent.")), ""
    payload = {"text": str(_announcement(offer.payload["text"]))}
    count = await broadcasts.broadcast(connection, payload, request.now)
    await stats.record_act(connection, request.user_id, f"broadcast {offer.id} to {count}", request.now)
    return Message(request.words.say_many("On its way to {number} chat.", "On its way to {number} chats.", count)), ""
