"""/unsubscribe, /edit and /cancel, and a plain message: changes of the chat's subscriptions, each with a way back."""

from collections.abc import Sequence

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import subscription_choice
from bot.actions import subscriptions as actions
from bot.actions.subscriptions import ChangedSubscription, RemovedSubscriptions, TypedQuery
from bot.chat import permissions
from bot.chat.replies import reply, reply_message
from bot.chat.request import Request
from bot.chat.user import subscribe, subscription_views
from bot.errors import UserError
from bot.locales import Words
from bot.messages.callbacks import ButtonTooOld, Choice, OfferButton
from bot.models import Button, Message
from bot.search import preview
from bot.search.preview import Preview
from bot.storage.offers import Offer
from bot.storage.subscriptions import Subscription, of_chat

ALL = ("all", "*", "الكل")
Shown = tuple[Message, str]


def yes_no(words: Words, offer_id: int) -> tuple[tuple[Button, ...], ...]:
    """Return the two buttons under a question."""
    _ = words.gettext
    return ((OfferButton(offer_id, Choice.YES).labelled(_("Yes")), OfferButton(offer_id, Choice.NO).labelled(_("No"))),)


def _undo(words: Words, offer_id: int) -> tuple[Button, ...]:
    return (OfferButton(offer_id, Choice.UNDO).labelled(words.gettext("Undo")),)


def named(labels: Sequence[str], words: Words) -> Markup:
    """Return the labels of several queries, in bold and with separators, for a sentence."""
    separator = words.say(", ")
    return separator.join(Markup("<b>{label}</b>").format(label=words.isolate(label)) for label in labels)


# ---- a plain message ----


async def plain_text(request: Request) -> None:
    """Take a message as the answer to an open question for new words, or else as queries to propose."""
    message = request.update.effective_message
    text = " ".join(((message.text if message else None) or "").split())
    if not text:
        raise UserError(request.words.gettext("I read words only. /help says how."))
    async with request.services.database.read() as connection:
        question = await actions.asked_words(connection, request.chat, request.user_id, request.now)
    if question is not None:
        await _rewrite(request, int(question.payload["subscription"]), text, question)
        return
    await _propose(request, text)


async def _propose(request: Request, text: str) -> None:
    words = request.words
    queries = actions.read_queries(text, words)
    found = await preview.search(request.services.week, [query.expr for query in queries], person=request.user_id)
    async with request.transaction() as connection:
        offer_id = await actions.propose(connection, request.chat, text, request.user_id, request.now)
        lines = [words.say("Watch {labels}?", labels=named([query.label for query in queries], words))]
        for query, outcome in zip(queries, found, strict=True):
            lines += [
                subscription_views.reading(query.expr, words, request.aliases),
                subscription_views.week(request, outcome, proposed=True),
            ]
        await reply(request, connection, Markup("\n").join(lines), yes_no(words, offer_id))


async def search_proposed(request: Request, offer: Offer, choice: Choice | int) -> list[Preview]:
    """Search the last week for the proposed queries."""
    queries = actions.read_queries(offer.payload["text"], request.words)
    return await preview.search(request.services.week, [query.expr for query in queries], person=request.user_id)


async def watch_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, found: list[Preview]
) -> Shown:
    """Subscribe to the proposed queries, unless the answer is No."""
    queries = actions.read_queries(offer.payload["text"], request.words)
    if choice is not Choice.YES:
        labels = named([query.label for query in queries], request.words)
        return Message(request.words.say("All right, not watching {labels}.", labels=labels)), ""
    return await subscribe.add(request, connection, queries, found), ""


# ---- /unsubscribe ----


async def unsubscribe(request: Request) -> None:
    """Remove subscriptions: by the numbers of /list, by the words of a query, or all (after a question)."""
    await permissions.require_group_admin(request)
    typed = request.args.strip()
    listed = await subscription_views.list_page(request, 0) if not typed else None
    async with request.transaction() as connection:
        watched = await of_chat(connection, request.chat.id)
        if listed is not None:
            await reply_message(request, connection, listed)
        elif not watched:
            await reply(request, connection, subscription_views.nothing_watched(request.words))
        elif typed.casefold() in ALL:
            await _ask_stop_all(request, connection, len(watched))
        else:
            await reply_message(
                request, connection, await remove(request, connection, subscription_choice.choose(watched, typed))
            )


async def _ask_stop_all(request: Request, connection: AsyncConnection, count: int) -> None:
    offer_id = await actions.ask_stop_all(connection, request.chat, request.user_id, request.now)
    sentence = request.words.say_many(
        "Stop watching {number} thing, all you have?", "Stop watching all {number} things?", count
    )
    await reply(request, connection, sentence, yes_no(request.words, offer_id))


async def remove(request: Request, connection: AsyncConnection, chosen: Sequence[Subscription]) -> Message:
    """Remove subscriptions; return the answer, with an undo."""
    return _removed(await actions.remove(connection, request.chat, chosen, request.user_id, request.now), request.words)


def _removed(result: RemovedSubscriptions, words: Words) -> Message:
    labels = named([subscription.label for subscription in result.removed], words)
    return Message(words.say("Stopped watching {labels}.", labels=labels), (_undo(words, result.undo_id),))


async def stop_all_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, prepared: None
) -> Shown:
    """Remove all subscriptions, unless the answer is No."""
    if choice is not Choice.YES:
        return Message(request.words.say("All right, nothing changed.")), ""
    watched = await of_chat(connection, request.chat.id)
    if not watched:
        return Message(subscription_views.nothing_watched(request.words)), ""
    return await remove(request, connection, watched), ""


async def search_missed(request: Request, offer: Offer, choice: Choice | int) -> list[Preview]:
    """Search the entries since the removal or the change that is taken back."""
    return await actions.found_since(request.services.week, offer, request.user_id)


async def undo_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, found: list[Preview]
) -> Shown:
    """Bring removed subscriptions back as they were, with the hits since."""
    most = request.services.settings.subscriptions
    await actions.restore(connection, request.chat, offer, found, most=most, now=request.now)
    labels = named([stored["label"] for stored in offer.payload["subscriptions"]], request.words)
    return Message(request.words.say("Watching {labels} again.", labels=labels)), ""


# ---- /edit ----


async def edit(request: Request) -> None:
    """Change the words of a subscription: "/edit 2 Aleppo" at once, "/edit 2" asks for them, "/edit" shows the list."""
    await permissions.require_group_admin(request)
    number, __, text = request.args.strip().partition(" ")
    if not number:
        listed = await subscription_views.list_page(request, 0)
        async with request.transaction() as connection:
            await reply_message(request, connection, listed)
        return
    async with request.services.database.read() as connection:
        subscription = subscription_choice.numbered(await of_chat(connection, request.chat.id), number)
    if text.strip():
        await _rewrite(request, subscription.id, text.strip())
        return
    async with request.transaction() as connection:
        await reply_message(request, connection, await ask(request, connection, subscription))


async def ask(request: Request, connection: AsyncConnection, subscription: Subscription) -> Message:
    """Ask for the new words of a subscription: in private chats, the next plain message."""
    say, label = request.words.say, subscription.label
    if not request.is_private:  # a bot in a group reads commands only
        watched = await of_chat(connection, request.chat.id)
        number = [known.id for known in watched].index(subscription.id) + 1
        return Message(
            say("Send the new words for <b>{label}</b> like this: /edit {number} Aleppo", label=label, number=number)
        )
    await actions.ask_words(connection, request.chat, subscription, request.user_id, request.now)
    return Message(say("Send me the new words for <b>{label}</b>. /cancel keeps it as it is.", label=label))


async def _rewrite(request: Request, subscription_id: int, text: str, question: Offer | None = None) -> None:
    """Give a subscription new words. The question for them stays open if they cannot be parsed."""
    query = actions.read_query(text, request.words)
    (found,) = await preview.search(request.services.week, [query.expr], person=request.user_id)
    async with request.transaction() as connection:
        changed = await actions.change(
            connection, request.chat, subscription_id, query, found, request.user_id, request.now, question=question
        )
        await reply_message(request, connection, _changed(request, changed))


def _changed(request: Request, changed: ChangedSubscription) -> Message:
    subscription, expr = changed.subscription, changed.query.expr
    lines = [
        subscription_views.confirmation(request, subscription, added=True, expr=expr, found=changed.found),
        subscription_views.when(request, subscription.schedule),
    ]
    rows = subscription_views.schedule_buttons(subscription, request.words)
    return Message(Markup("\n\n").join(lines), (*rows, _undo(request.words, changed.undo_id)))


async def search_form(request: Request, offer: Offer, choice: Choice | int) -> tuple[TypedQuery, Preview]:
    """Search the last week for the form of a query that was chosen."""
    forms = offer.payload["forms"]
    if not isinstance(choice, int) or not 0 <= choice < len(forms):
        raise ButtonTooOld(choice)
    query = actions.read_query(forms[choice], request.words)
    (found,) = await preview.search(request.services.week, [query.expr], person=request.user_id)
    return query, found


async def instead_taken(
    request: Request,
    connection: AsyncConnection,
    offer: Offer,
    choice: Choice | int,
    prepared: tuple[TypedQuery, Preview],
) -> Shown:
    """Replace the query of a subscription by a wider or narrower form."""
    query, found = prepared
    subscription_id = int(offer.payload["subscription"])
    changed = await actions.change(
        connection, request.chat, subscription_id, query, found, request.user_id, request.now
    )
    return _changed(request, changed), ""


async def change_back_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, found: list[Preview]
) -> Shown:
    """Give a subscription its former words again, with the hits since."""
    (outcome,) = found
    subscription = await actions.change_back(connection, request.chat, offer, outcome, request.now)
    text = request.words.say("Watching {labels} again.", labels=named([subscription.label], request.words))
    return Message(text, tuple(subscription_views.schedule_buttons(subscription, request.words))), ""


async def cancel(request: Request) -> None:
    """Withdraw the questions that wait for an answer."""
    async with request.transaction() as connection:
        cancelled = await actions.cancel_questions(connection, request.chat, request.user_id, request.now)
        say = request.words.say
        sentence = say("All right, nothing changed.") if cancelled else say("There is nothing to cancel.")
        await reply(request, connection, sentence)
