"""/unsubscribe, /edit and /cancel, and a plain message: changing what a chat watches, with a way back.

What the bot asked, and waits to be told, is an offer in the database (bot/storage/offers.py): a restart forgets none.
"""

from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.chat.request import Request
from bot.chat.user import subscribe, subscription_views
from bot.errors import QueryError, UserError
from bot.locales import Words
from bot.matching.query.ast import Expr
from bot.matching.query.parser import parse, split_queries
from bot.matching.query.printer import format_query
from bot.messages.callbacks import ButtonTooOld, Choice, OfferButton
from bot.models import Button, Message, Schedule
from bot.search import preview
from bot.search.preview import Outcome
from bot.storage import deliveries, offers, subscriptions
from bot.storage.offers import Offer
from bot.storage.subscriptions import Subscription

WATCH, UNDO, STOP_ALL, EDIT, CHANGE_BACK = "watch", "undo", "stop all", "edit", "change back"
PROPOSAL_LASTS = timedelta(days=1)
UNDO_LASTS = timedelta(hours=1)
QUESTION_LASTS = timedelta(minutes=15)
ALL = ("all", "*", "الكل")


def yes_no(words: Words, offer_id: int) -> tuple[tuple[Button, ...], ...]:
    """Return the two buttons under a question."""
    _ = words.gettext
    return ((OfferButton(offer_id, Choice.YES).labelled(_("Yes")), OfferButton(offer_id, Choice.NO).labelled(_("No"))),)


def named(labels: list[str], words: Words) -> Markup:
    """Return several queries as a sentence names them."""
    separator = words.say(", ")
    return separator.join(Markup("<b>{label}</b>").format(label=words.isolate(label)) for label in labels)


# ---- a plain message ----


async def plain_text(request: Request) -> None:
    """Take a message as the new words that were asked for, or as something to watch."""
    await request.load_chat()
    message = request.update.effective_message
    text = " ".join(((message.text if message else None) or "").split())
    if not text:
        raise UserError(request.words.gettext("I read words only. /help says how."))
    async with request.services.database.read() as connection:
        asked = (
            await offers.newest(connection, request.chat.id, request.user_id, EDIT, request.now)
            if request.knows_chat
            else None
        )
    if asked is not None:
        await _rewrite(request, int(asked.payload["subscription"]), text, asked)
        return
    await _propose(request, text)


async def _propose(request: Request, text: str) -> None:
    labels, exprs = subscribe.read_all(text, request.words)
    found = await preview.search(request.services.week, exprs)
    async with request.transaction() as connection:
        offer_id = await request.offer(connection, WATCH, {"text": text}, PROPOSAL_LASTS)
        lines = [request.words.say("Watch {labels}?", labels=named(labels, request.words))]
        for expr, matches in zip(exprs, found, strict=True):
            lines += [
                subscription_views.reading(expr, request.words, request.aliases),
                subscription_views.week(request, matches, proposed=True),
            ]
        await request.reply(connection, Markup("\n").join(lines), yes_no(request.words, offer_id))


async def look_for(request: Request, offer: Offer, choice: Choice | int) -> list[Outcome]:
    """Return what the last week had for a proposal."""
    __, exprs = subscribe.read_all(offer.payload["text"], request.words)
    return await preview.search(request.services.week, exprs)


async def watch_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, found: list[Outcome]
) -> tuple[Message, str]:
    """Watch what was proposed, or leave it."""
    labels, exprs = subscribe.read_all(offer.payload["text"], request.words)
    if choice is not Choice.YES:
        return Message(request.words.say("All right, not watching {labels}.", labels=named(labels, request.words))), ""
    return await subscribe.add(request, connection, labels, exprs, found), ""


# ---- /unsubscribe ----


async def unsubscribe(request: Request) -> None:
    """Stop watching: by the numbers of /list, by the words of a query, or all (which is asked first)."""
    await request.load_chat()
    await request.require_group_admin()
    shown = await subscription_views.list_page(request, 0) if not request.args.strip() else None
    async with request.transaction() as connection:
        have = await subscriptions.of_chat(connection, request.chat.id)
        if shown is not None:
            await request.show(connection, shown)
        elif not have:
            await request.reply(connection, subscription_views.nothing_watched(request.words))
        elif request.args.strip().casefold() in ALL:
            offer_id = await request.offer(connection, STOP_ALL, {}, QUESTION_LASTS)
            sentence = request.words.say_many(
                "Stop watching {number} thing, all you have?", "Stop watching all {number} things?", len(have)
            )
            await request.reply(connection, sentence, yes_no(request.words, offer_id))
        else:
            await request.show(connection, await remove(request, connection, choose(request.args, have, request.words)))


def choose(args: str, have: list[Subscription], words: Words) -> list[Subscription]:
    """Return the subscriptions that were meant, by number or by words; UserError if one is not there."""
    numbers = args.replace(",", " ").replace("،", " ").split()
    if all(number.isdecimal() for number in numbers):
        return [have[_number(number, len(have), words) - 1] for number in dict.fromkeys(numbers)]
    return [_named(label, have, words) for label in dict.fromkeys(split_queries(args))]


def _number(text: str, count: int, words: Words) -> int:
    number = int(text[:9])
    if not 1 <= number <= count:
        raise UserError(
            words.say("There is no number {number} in your list of {count}: /list", number=text[:9], count=count)
        )
    return number


def _named(label: str, have: list[Subscription], words: Words) -> Subscription:
    text = label.strip().casefold()
    try:
        canonical = format_query(parse(label, words)).casefold()
    except QueryError:
        canonical = text
    for one in have:
        if one.label.strip().casefold() == text or one.text.casefold() in (text, canonical):
            return one
    raise UserError(words.say("You are not watching <b>{label}</b>: /list", label=label[:100]))


async def remove(request: Request, connection: AsyncConnection, chosen: list[Subscription]) -> Message:
    """Remove subscriptions, and alerts on their way that tell of nothing else; return what to say, with an undo."""
    gone = await subscriptions.unsubscribe(connection, request.chat.id, [one.id for one in chosen])
    await deliveries.cancel_queries(connection, request.chat.id, [one.query_id for one in gone], request.now)
    kept = [
        {"text": one.text, "label": one.label, "schedule": one.schedule, "created_at": one.created_at.isoformat()}
        for one in gone
    ]
    offer_id = await request.offer(connection, UNDO, {"subscriptions": kept}, UNDO_LASTS)
    text = request.words.say("Stopped watching {labels}.", labels=named([one.label for one in gone], request.words))
    return Message(text, ((OfferButton(offer_id, Choice.UNDO).labelled(request.words.gettext("Undo")),),))


async def stop_all_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, prepared: None
) -> tuple[Message, str]:
    """Stop watching everything, or go on."""
    have = await subscriptions.of_chat(connection, request.chat.id)
    if choice is not Choice.YES:
        return Message(request.words.say("All right, nothing changed.")), ""
    return (
        await remove(request, connection, have) if have else Message(subscription_views.nothing_watched(request.words))
    ), ""


async def look_again(request: Request, offer: Offer, choice: Choice | int) -> list[Outcome]:
    """Return what came, since they were stopped, for the subscriptions that an undo brings back."""
    exprs = [parse(one["text"], request.words) for one in offer.payload["subscriptions"]]
    return await preview.search(request.services.week, exprs, since=offer.created_at, most=None)


async def undo_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, found: list[Outcome]
) -> tuple[Message, str]:
    """Bring back what was stopped as it was: its schedule, since when, and what came meanwhile."""
    have = await subscriptions.of_chat(connection, request.chat.id)
    back = offer.payload["subscriptions"]
    subscribe.check_room(request, have, len({one["text"] for one in back} - {one.text for one in have}))
    for one, matches in zip(back, found, strict=True):
        await _restore(request, connection, one, matches, offer.created_at)
    text = request.words.say("Watching {labels} again.", labels=named([one["label"] for one in back], request.words))
    return Message(text), ""


async def _restore(
    request: Request, connection: AsyncConnection, one: dict[str, Any], found: Outcome, stopped_at: datetime
) -> None:
    schedule = Schedule(one["schedule"])
    made, __ = await subscriptions.subscribe(
        connection,
        chat_id=request.chat.id,
        text=one["text"],
        label=one["label"],
        schedule=schedule,
        now=datetime.fromisoformat(one["created_at"]),
    )
    await preview.keep(connection, made.query_id, found, request.now, news_since=stopped_at)
    await request.set_slot(connection, schedule)


# ---- /edit ----


async def edit(request: Request) -> None:
    """Change the words of a subscription: "/edit 2 Aleppo" at once, "/edit 2" asks for them, "/edit" shows the list."""
    await request.load_chat()
    await request.require_group_admin()
    number, __, text = request.args.strip().partition(" ")
    if not number:
        shown = await subscription_views.list_page(request, 0)
        async with request.transaction() as connection:
            await request.show(connection, shown)
        return
    async with request.services.database.read() as connection:
        have = await subscriptions.of_chat(connection, request.chat.id) if request.knows_chat else []
    if not number.isdecimal():
        raise UserError(request.words.gettext("Say which one by its number in /list, like this: /edit 2 Aleppo"))
    one = have[_number(number, len(have), request.words) - 1]
    if text.strip():
        await _rewrite(request, one.id, text.strip())
        return
    async with request.transaction() as connection:
        await request.show(connection, await ask(request, connection, one))


async def ask(request: Request, connection: AsyncConnection, one: Subscription) -> Message:
    """Ask for the new words of a subscription: the next plain message is taken for them."""
    have = await subscriptions.of_chat(connection, request.chat.id)
    number = [other.id for other in have].index(one.id) + 1
    if not request.is_private:  # a bot in a group reads commands only
        return Message(
            request.words.say(
                "Send the new words for <b>{label}</b> like this: /edit {number} Aleppo", label=one.label, number=number
            )
        )
    await offers.drop(connection, request.chat.id, request.user_id, EDIT, request.now)
    await request.offer(connection, EDIT, {"subscription": one.id}, QUESTION_LASTS)
    return Message(
        request.words.say("Send me the new words for <b>{label}</b>. /cancel keeps it as it is.", label=one.label)
    )


async def _rewrite(request: Request, subscription_id: int, text: str, asked: Offer | None = None) -> None:
    """Give a subscription new words; its schedule stays. What cannot be read may be sent again."""
    expr = subscription_views.read(text, request.words)
    (found,) = await preview.search(request.services.week, [expr])
    async with request.transaction() as connection:
        old = await subscription_views.mine(request, connection, subscription_id)
        if asked is not None:
            await offers.take(connection, asked.id, request.now)
        await request.show(connection, await _change(request, connection, old, text, expr, found))


async def _change(
    request: Request, connection: AsyncConnection, old: Subscription, label: str, expr: Expr, found: Outcome
) -> Message:
    """Give a subscription another query; return what to say, with a way back."""
    await _refuse_twice(request, connection, old, format_query(expr), label)
    new = await subscriptions.change(connection, old, text=format_query(expr), label=label, now=request.now)
    if new.query_id != old.query_id:
        await deliveries.cancel_queries(connection, request.chat.id, [old.query_id], request.now)
        await preview.keep(connection, new.query_id, found, request.now)
    lines = [
        subscription_views.confirmation(request, new, added=True, expr=expr, found=found),
        subscription_views.when(request, new.schedule),
    ]
    was = {"subscription": old.id, "text": old.text, "label": old.label, "created_at": old.created_at.isoformat()}
    offer_id = await request.offer(connection, CHANGE_BACK, was, UNDO_LASTS)
    rows = subscription_views.schedule_buttons(new, request.words)
    rows.append((OfferButton(offer_id, Choice.UNDO).labelled(request.words.gettext("Undo")),))
    return Message(Markup("\n\n").join(lines), tuple(rows))


async def _refuse_twice(
    request: Request, connection: AsyncConnection, old: Subscription, canonical: str, label: str
) -> None:
    """Raise UserError if the chat has another subscription to this query."""
    have = await subscriptions.of_chat(connection, request.chat.id)
    if any(one.text.casefold() == canonical.casefold() and one.id != old.id for one in have):
        raise UserError(request.words.say("You are already watching <b>{label}</b>", label=label))


async def look_for_form(request: Request, offer: Offer, choice: Choice | int) -> tuple[str, Expr, Outcome]:
    """Return the form that was chosen, and what the last week had for it."""
    forms = offer.payload["forms"]
    if not isinstance(choice, int) or not 0 <= choice < len(forms):
        raise ButtonTooOld(choice)
    text = forms[choice]
    expr = parse(text, request.words)
    (found,) = await preview.search(request.services.week, [expr])
    return text, expr, found


async def instead_taken(
    request: Request,
    connection: AsyncConnection,
    offer: Offer,
    choice: Choice | int,
    prepared: tuple[str, Expr, Outcome],
) -> tuple[Message, str]:
    """Watch a wider or narrower form instead of what was typed."""
    text, expr, found = prepared
    old = await subscription_views.mine(request, connection, int(offer.payload["subscription"]))
    return await _change(request, connection, old, text, expr, found), ""


async def look_for_what_was(request: Request, offer: Offer, choice: Choice | int) -> Outcome:
    """Return what came for a subscription's former words since they were changed."""
    expr = parse(offer.payload["text"], request.words)
    return (await preview.search(request.services.week, [expr], since=offer.created_at, most=None))[0]


async def change_back_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, found: Outcome
) -> tuple[Message, str]:
    """Give a subscription its former words again, as they were: since when, and what came meanwhile."""
    was, say = offer.payload, request.words.say
    old = await subscription_views.mine(request, connection, int(was["subscription"]))
    await _refuse_twice(request, connection, old, was["text"], was["label"])
    since = datetime.fromisoformat(was["created_at"])
    back = await subscriptions.change(connection, old, text=was["text"], label=was["label"], now=since)
    if back.query_id != old.query_id:
        await deliveries.cancel_queries(connection, request.chat.id, [old.query_id], request.now)
        await preview.keep(connection, back.query_id, found, request.now, news_since=offer.created_at)
    text = say("Watching {labels} again.", labels=named([back.label], request.words))
    return Message(text, tuple(subscription_views.schedule_buttons(back, request.words))), ""


async def cancel(request: Request) -> None:
    """End a question that waits for an answer."""
    async with request.transaction() as connection:
        dropped = [
            await offers.drop(connection, request.chat.id, request.user_id, kind, request.now) for kind in (EDIT, WATCH)
        ]
        say = request.words.say
        said = say("All right, nothing changed.") if any(dropped) else say("There is nothing to cancel.")
        await request.reply(connection, said)
