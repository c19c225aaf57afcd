"""/export and /forget: a copy of a chat's data, or its deletion."""

import json
from typing import Any

from babel import Locale
from babel.dates import format_datetime
from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import chats as actions
from bot.chat import permissions
from bot.chat.replies import reply, reply_file
from bot.chat.request import Request
from bot.matching.engine.aliases import joined, write_lines
from bot.messages.callbacks import Choice, Deletion, ForgetButton, OfferButton
from bot.models import Message
from bot.runtime.zone_rules import zone_info
from bot.sources.opml import Outline, write_opml
from bot.storage import aliases, sources, subscriptions
from bot.storage.offers import Offer


async def export(request: Request) -> None:
    """Send the stored data of this chat as JSON, and to admins also the sources as OPML and the aliases."""
    await permissions.require_group_admin(request)
    async with request.transaction() as connection:
        say = request.words.say
        content = json.dumps(await _stored(request, connection), ensure_ascii=False, indent=2) + "\n"
        await reply_file(request, connection, "watchword.json", content, say("What you watch, and your settings."))
        if request.is_admin:
            known = await sources.listing(connection)
            outlines = [
                Outline(source.url, source.title or source.url, source.language, source.full_text) for source in known
            ]
            opml = write_opml(outlines, request.now)
            await reply_file(
                request, connection, "sources.opml", opml, say("The news sources. /import reads this file.")
            )
            await _export_aliases(request, connection)


async def _export_aliases(request: Request, connection: AsyncConnection) -> None:
    """Send the aliases of the configuration and of the chat, joined where they share a name, if there are any."""
    made = [stored.names for stored in await aliases.listing(connection)]
    groups = joined([*request.services.aliases.configured, *made])
    if groups:
        caption = request.words.say("Names that are one: a file for [matching] aliases in the configuration.")
        await reply_file(request, connection, "aliases.txt", write_lines(groups), caption)


async def _stored(request: Request, connection: AsyncConnection) -> dict[str, Any]:
    chat = request.chat
    watched = await subscriptions.of_chat(connection, chat.id)
    return {
        "made_by": "Watchword",
        "exported_at": request.now.isoformat(),
        "chat": {
            "telegram_id": chat.telegram_id,
            "kind": chat.kind,
            "language": chat.locale,
            "zone": chat.zone,
            "digest_time": chat.digest_time.isoformat("minutes"),
            "new_subscriptions": request.schedule.value,
            "state": chat.state,
        },
        "subscriptions": [
            {
                "typed": subscription.label,
                "query": subscription.text,
                "schedule": subscription.schedule.value,
                "since": subscription.created_at.isoformat(),
            }
            for subscription in watched
        ],
    }


async def forget_(request: Request) -> None:
    """Ask, for the first time, whether everything is to be deleted."""
    await permissions.require_group_admin(request)
    async with request.transaction() as connection:
        say, _ = request.words.say, request.words.gettext
        lines = [
            say("Shall I delete all I have of this chat: what you watch, your settings, and what I sent you?"),
            say("/export gives you a copy first."),
        ]
        rows = (
            (ForgetButton(Deletion.ASK).labelled(_("Delete everything")),),
            (ForgetButton(Deletion.KEEP).labelled(_("Keep it")),),
        )
        await reply(request, connection, Markup("\n").join(lines), rows)


async def asked_twice(request: Request, connection: AsyncConnection, button: ForgetButton) -> tuple[Message, str]:
    """Ask for the second time, unless the answer is to keep the data."""
    if button.answer is not Deletion.ASK:
        return _kept(request), ""
    offer_id = await actions.ask_forget(connection, request.chat, request.user_id, request.now)
    _ = request.words.gettext
    yes, no = (
        OfferButton(offer_id, Choice.YES).labelled(_("Yes, delete it for good")),
        OfferButton(offer_id, Choice.NO).labelled(_("Keep it")),
    )
    return Message(request.words.say("Are you sure? This cannot be undone."), ((yes,), (no,))), ""


async def forget_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, prepared: None
) -> tuple[Message, str]:
    """Delete the chat's data; the message becomes the receipt."""
    if choice is not Choice.YES:
        return _kept(request), ""
    user_id = request.user_id if request.is_private else None
    pseudonym = request.services.signer.pseudonym
    receipt = await actions.forget_chat(connection, request.chat, user_id, pseudonym, request.now)
    say, many = request.words.say, request.words.say_many
    lines = [
        say("<b>Forgotten.</b> Nothing of this chat is left here."),
        many("{number} subscription deleted", "{number} subscriptions deleted", receipt.subscriptions),
        many("{number} message deleted", "{number} messages deleted", receipt.messages),
        say("When: {time}", time=_moment(request)),
        say("Receipt: <code>{code}</code>", code=Markup(receipt.code)),  # noqa: S704 - hexadecimal, ours
        say("/start begins anew."),
    ]
    return Message(Markup("\n").join(lines)), ""


def _kept(request: Request) -> Message:
    return Message(request.words.say("All right, nothing changed."))


def _moment(request: Request) -> str:
    zone = zone_info(request.chat.zone)
    return format_datetime(request.now.astimezone(zone), "long", tzinfo=zone, locale=Locale.parse(request.words.locale))
