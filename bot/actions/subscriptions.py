"""Actions on subscriptions: subscribe, change, remove, and take a change or a removal back.

`user_id` is the Telegram number of the person who acts: only they can take an offer up. `found` is the result of a
search of the last week, made before the transaction (`bot.search.preview`): it becomes past hits of a new query.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions.chats import ensure_slot
from bot.actions.refused import Refused
from bot.errors import QueryError
from bot.locales import Words
from bot.matching.query.ast import Expr
from bot.matching.query.parser import parse, split_queries
from bot.matching.query.printer import format_query
from bot.models import Schedule
from bot.search import preview
from bot.search.preview import Preview
from bot.search.recent import Week
from bot.storage import deliveries, offers, sources, subscriptions
from bot.storage.chats import Chat
from bot.storage.offers import Offer, OfferKind
from bot.storage.subscriptions import Subscription

AT_ONCE = 10  # subscriptions in one command: the answer is read on a phone
PROPOSAL_LASTS = timedelta(days=1)
FORMS_LAST = timedelta(days=1)
UNDO_LASTS = timedelta(hours=1)
QUESTION_LASTS = timedelta(minutes=15)


class SubscriptionRefusal(Enum):
    """Why an action on subscriptions was refused."""

    UNREADABLE = "unreadable query"  # an UnreadableQuery
    TOO_MANY_AT_ONCE = "too many at once"  # `most`
    NO_ROOM = "no room"  # `most` subscriptions of a chat
    NO_SUCH_NUMBER = "no such number"  # `number` as typed; the list has `count`
    NUMBER_FIRST = "number first"  # the command needs the number of a subscription
    NOT_WATCHED = "not watched"  # no subscription has this `label`
    SINGLE_ONLY = "single only"  # the command takes one subscription
    GONE = "subscription gone"
    WATCHED_ALREADY = "watched already"  # another subscription of the chat has the query; `label`


class UnreadableQuery(Refused):
    """A query that cannot be parsed. `mistake` is a sentence, `position` the code point of `label` where it is."""

    def __init__(self, label: str, position: int, mistake: str) -> None:
        super().__init__(SubscriptionRefusal.UNREADABLE)
        self.label = label
        self.position = position
        self.mistake = mistake


@dataclass(frozen=True, slots=True)
class TypedQuery:
    """A query as it was typed (`label`), and as it was parsed."""

    label: str
    expr: Expr

    @property
    def text(self) -> str:
        """The canonical form."""
        return format_query(self.expr)


@dataclass(frozen=True, slots=True)
class WatchedQuery:
    """A subscription to a query that was typed. Not `is_new`: the chat had it before."""

    subscription: Subscription
    is_new: bool
    query: TypedQuery
    found: Preview


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The subscriptions to the queries of a command, in its order. Without sources nothing will be found."""

    watched: tuple[WatchedQuery, ...]
    has_sources: bool


@dataclass(frozen=True, slots=True)
class RemovedSubscriptions:
    """Subscriptions that were removed, and the id of the offer that brings them back."""

    removed: tuple[Subscription, ...]
    undo_id: int


@dataclass(frozen=True, slots=True)
class ChangedSubscription:
    """A subscription with its new query, and the id of the offer that takes the change back."""

    subscription: Subscription
    query: TypedQuery
    found: Preview
    undo_id: int


# ---- reading ----


def read_query(label: str, words: Words) -> TypedQuery:
    """Parse a query; UnreadableQuery, in the language of `words`, if it has a mistake."""
    try:
        return TypedQuery(label, parse(label, words))
    except QueryError as error:
        raise UnreadableQuery(label, error.position, str(error)) from error


def read_queries(text: str, words: Words) -> list[TypedQuery]:
    """Parse the queries between commas, each once; Refused if there are more than AT_ONCE."""
    labels = list(dict.fromkeys(split_queries(text)))
    if len(labels) > AT_ONCE:
        raise Refused(SubscriptionRefusal.TOO_MANY_AT_ONCE, most=AT_ONCE)
    return [read_query(label, words) for label in labels]


async def require(connection: AsyncConnection, chat: Chat, subscription_id: int) -> Subscription:
    """Return a subscription of this chat; Refused if it is gone, or is another chat's."""
    subscription = await subscriptions.get(connection, chat.id, subscription_id)
    if subscription is None:
        raise Refused(SubscriptionRefusal.GONE)
    return subscription


# ---- subscribing ----


async def propose(connection: AsyncConnection, chat: Chat, text: str, user_id: int, now: datetime) -> int:
    """Offer to subscribe to the queries of a plain message; return the offer's id."""
    return await _offer(connection, chat, user_id, OfferKind.WATCH, {"text": text}, PROPOSAL_LASTS, now)


async def subscribe(
    connection: AsyncConnection,
    chat: Chat,
    queries: Sequence[TypedQuery],
    found: Sequence[Preview],
    *,
    schedule: Schedule,
    most: int,
    now: datetime,
) -> Subscribed:
    """Subscribe a chat to queries. All or none: Refused if it would have more than `most` subscriptions."""
    existing = await subscriptions.of_chat(connection, chat.id)
    new = {query.text.casefold() for query in queries} - {subscription.text.casefold() for subscription in existing}
    _check_room(existing, len(new), most)
    watched = [
        await _subscribe(connection, chat, query, outcome, existing, schedule, now)
        for query, outcome in zip(queries, found, strict=True)
    ]
    await ensure_slot(connection, chat, schedule, now)
    return Subscribed(tuple(watched), bool(await sources.listing(connection)))


def _check_room(existing: Sequence[Subscription], new: int, most: int) -> None:
    if len(existing) + new > most:
        raise Refused(SubscriptionRefusal.NO_ROOM, most=most)


async def _subscribe(
    connection: AsyncConnection,
    chat: Chat,
    query: TypedQuery,
    found: Preview,
    existing: Sequence[Subscription],
    schedule: Schedule,
    now: datetime,
) -> WatchedQuery:
    """Subscribe to one query; the same words in other capitals are the same query."""
    same = _same(existing, query.text)
    if same is not None:
        return WatchedQuery(same, False, query, found)
    subscription, added = await subscriptions.subscribe(
        connection, chat_id=chat.id, text=query.text, label=query.label, schedule=schedule, now=now
    )
    if added:
        await preview.keep(connection, subscription.query_id, found, now)
    return WatchedQuery(subscription, added, query, found)


def _same(existing: Sequence[Subscription], text: str) -> Subscription | None:
    return next((known for known in existing if known.text.casefold() == text.casefold()), None)


async def set_schedule(
    connection: AsyncConnection, chat: Chat, subscription_id: int, schedule: Schedule, now: datetime
) -> Subscription:
    """Give a subscription another schedule; Refused if it is gone."""
    if not await subscriptions.set_schedule(connection, chat.id, subscription_id, schedule):
        raise Refused(SubscriptionRefusal.GONE)
    await ensure_slot(connection, chat, schedule, now)
    return await require(connection, chat, subscription_id)


async def digest_only(connection: AsyncConnection, chat: Chat, user_id: int, now: datetime) -> tuple[int, int]:
    """Make all instant subscriptions daily; return how many, and the offer that makes them instant again."""
    watched = await subscriptions.of_chat(connection, chat.id)
    instant = [subscription.id for subscription in watched if subscription.schedule is Schedule.INSTANT]
    for subscription_id in instant:
        await set_schedule(connection, chat, subscription_id, Schedule.DAILY, now)
    payload = {"subscriptions": instant}
    return len(instant), await _offer(connection, chat, user_id, OfferKind.AT_ONCE_AGAIN, payload, UNDO_LASTS, now)


async def at_once_again(connection: AsyncConnection, chat: Chat, offer: Offer) -> int:
    """Make the subscriptions instant again that `digest_only` made daily, as far as they are there; return how many."""
    ids = offer.payload["subscriptions"]
    changed = [await subscriptions.set_schedule(connection, chat.id, known, Schedule.INSTANT) for known in ids]
    return sum(changed)


# ---- removing ----


async def ask_stop_all(connection: AsyncConnection, chat: Chat, user_id: int, now: datetime) -> int:
    """Offer to remove all subscriptions; return the offer's id."""
    return await _offer(connection, chat, user_id, OfferKind.STOP_ALL, {}, QUESTION_LASTS, now)


async def remove(
    connection: AsyncConnection, chat: Chat, chosen: Sequence[Subscription], user_id: int, now: datetime
) -> RemovedSubscriptions:
    """Remove subscriptions; for UNDO_LASTS `restore` brings them back."""
    removed = await subscriptions.unsubscribe(connection, chat.id, [subscription.id for subscription in chosen])
    await _stop_queries(connection, chat, [subscription.query_id for subscription in removed], now)
    payload = {"subscriptions": [_stored(subscription) for subscription in removed]}
    undo_id = await _offer(connection, chat, user_id, OfferKind.UNDO, payload, UNDO_LASTS, now)
    return RemovedSubscriptions(tuple(removed), undo_id)


async def restore(
    connection: AsyncConnection, chat: Chat, offer: Offer, found: Sequence[Preview], *, most: int, now: datetime
) -> tuple[Subscription, ...]:
    """Bring removed subscriptions back with their schedules and dates; `found` since then is news (`found_since`).

    Refused if the chat would have more than `most`.
    """
    removed = offer.payload["subscriptions"]
    existing = await subscriptions.of_chat(connection, chat.id)
    new = {stored["text"] for stored in removed} - {subscription.text for subscription in existing}
    _check_room(existing, len(new), most)
    return tuple(
        [
            await _restore(connection, chat, stored, outcome, offer.created_at, now)
            for stored, outcome in zip(removed, found, strict=True)
        ]
    )


async def _restore(
    connection: AsyncConnection, chat: Chat, stored: dict[str, Any], found: Preview, removed_at: datetime, now: datetime
) -> Subscription:
    schedule = Schedule(stored["schedule"])
    subscription, __ = await subscriptions.subscribe(
        connection,
        chat_id=chat.id,
        text=stored["text"],
        label=stored["label"],
        schedule=schedule,
        now=datetime.fromisoformat(stored["created_at"]),
    )
    await preview.keep(connection, subscription.query_id, found, now, news_since=removed_at)
    await ensure_slot(connection, chat, schedule, now)
    return subscription


# ---- changing the query ----


async def ask_words(
    connection: AsyncConnection, chat: Chat, subscription: Subscription, user_id: int, now: datetime
) -> None:
    """Ask a person for the new words of a subscription: their next plain message. An earlier question is dropped."""
    await offers.drop(connection, chat.id, user_id, OfferKind.EDIT, now)
    await _offer(connection, chat, user_id, OfferKind.EDIT, {"subscription": subscription.id}, QUESTION_LASTS, now)


async def asked_words(connection: AsyncConnection, chat: Chat, user_id: int, now: datetime) -> Offer | None:
    """Return the open question for new words to this person; None if there is none."""
    return await offers.newest(connection, chat.id, user_id, OfferKind.EDIT, now)


async def cancel_questions(connection: AsyncConnection, chat: Chat, user_id: int, now: datetime) -> bool:
    """Withdraw the open questions to this person; return whether there were any."""
    kinds = (OfferKind.EDIT, OfferKind.WATCH)
    return any([await offers.drop(connection, chat.id, user_id, kind, now) for kind in kinds])


async def offer_forms(
    connection: AsyncConnection,
    chat: Chat,
    subscription: Subscription,
    forms: Sequence[str],
    user_id: int,
    now: datetime,
) -> int:
    """Offer to replace the query of a subscription by one of these; return the offer's id."""
    payload = {"subscription": subscription.id, "forms": list(forms)}
    return await _offer(connection, chat, user_id, OfferKind.INSTEAD, payload, FORMS_LAST, now)


async def change(
    connection: AsyncConnection,
    chat: Chat,
    subscription_id: int,
    query: TypedQuery,
    found: Preview,
    user_id: int,
    now: datetime,
    *,
    question: Offer | None = None,
) -> ChangedSubscription:
    """Give a subscription another query; its schedule stays. `question` is the one this answers.

    Refused if the subscription is gone, or the chat has another one to this query. For UNDO_LASTS `change_back` takes
    the change back.
    """
    old = await require(connection, chat, subscription_id)
    if question is not None:
        await offers.take(connection, question.id, now)
    new = await _replace_query(connection, chat, old, query.text, query.label, now, found, now)
    payload = {"subscription": old.id, **_stored(old)}
    undo_id = await _offer(connection, chat, user_id, OfferKind.CHANGE_BACK, payload, UNDO_LASTS, now)
    return ChangedSubscription(new, query, found, undo_id)


async def change_back(
    connection: AsyncConnection, chat: Chat, offer: Offer, found: Preview, now: datetime
) -> Subscription:
    """Give a subscription its former query and date; `found` since the change is news (`found_since`).

    Refused as `change` is.
    """
    former = offer.payload
    current = await require(connection, chat, int(former["subscription"]))
    since = datetime.fromisoformat(former["created_at"])
    text, label = former["text"], former["label"]
    return await _replace_query(connection, chat, current, text, label, since, found, now, news_since=offer.created_at)


async def _replace_query(
    connection: AsyncConnection,
    chat: Chat,
    old: Subscription,
    text: str,
    label: str,
    since: datetime,
    found: Preview,
    now: datetime,
    *,
    news_since: datetime | None = None,
) -> Subscription:
    existing = await subscriptions.of_chat(connection, chat.id)
    if _same([subscription for subscription in existing if subscription.id != old.id], text):
        raise Refused(SubscriptionRefusal.WATCHED_ALREADY, label=label)
    new = await subscriptions.change(connection, old, text=text, label=label, now=since)
    if new.query_id != old.query_id:
        await _stop_queries(connection, chat, [old.query_id], now)
        await preview.keep(connection, new.query_id, found, now, news_since=news_since)
    return new


# ---- helpers ----


async def found_since(week: Week, offer: Offer, person: int | None = None) -> list[Preview]:
    """Search the entries since a removal or a change, for `restore` and `change_back`: one outcome for each query."""
    stored = offer.payload.get("subscriptions", [offer.payload])
    exprs = [parse(subscription["text"]) for subscription in stored]
    return await preview.search(week, exprs, since=offer.created_at, most=None, person=person)


async def _stop_queries(connection: AsyncConnection, chat: Chat, query_ids: Sequence[int], now: datetime) -> None:
    """Cancel the chat's unsent messages that report hits of these queries only."""
    await deliveries.cancel_queries(connection, chat.id, query_ids, now)


def _stored(subscription: Subscription) -> dict[str, Any]:
    """Return a subscription as an offer stores it, to be brought back."""
    return {
        "text": subscription.text,
        "label": subscription.label,
        "schedule": subscription.schedule,
        "created_at": subscription.created_at.isoformat(),
    }


async def _offer(
    connection: AsyncConnection,
    chat: Chat,
    user_id: int,
    kind: OfferKind,
    payload: dict[str, Any],
    lasts: timedelta,
    now: datetime,
) -> int:
    return await offers.make(
        connection, chat_id=chat.id, user_id=user_id, kind=kind, payload=payload, now=now, lasts=lasts
    )
