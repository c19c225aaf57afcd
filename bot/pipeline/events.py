"""Events: where the further texts of an event go in a chat that has an alert of it.

The first text for a query rings: it comes as a message of its own, in reply to the first alert. A further text of a
query that an alert reports edits that alert, silently; a material change (`bot.stories.material`) rings, but rarely.
What fits in neither stays owed to the digest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.delivery.telegram.send import RESENT
from bot.locales import words
from bot.matching.gazetteer import places
from bot.matching.text.analysis import tokens
from bot.messages import news
from bot.messages.callbacks import WhyButton
from bot.messages.items import Item
from bot.messages.limits import LIMIT, measure
from bot.messages.payload import edit
from bot.messages.signing import Signer
from bot.models import Button, Message
from bot.pipeline.items import item, reported_items, shown_items
from bot.storage import deliveries
from bot.storage.alerts import AlertMessage
from bot.storage.chats import Chat
from bot.storage.hits import PendingHit
from bot.stories.material import is_material

GROWS = timedelta(days=1)  # after an alert
FIRST_EDIT = timedelta(minutes=1)  # after the message was sent; each edit doubles it
SLOWEST_EDIT = timedelta(minutes=30)
EDITS_LAST = timedelta(hours=1)  # an edit that could not be sent by then gives its texts to the next digest
RING_AGAIN = timedelta(minutes=10)  # after the last message on an event
RINGS = 6  # messages on one event to one chat in a day


@dataclass(frozen=True, slots=True)
class Ring:
    """Decision for a message of its own, in reply to the first alert of its event that was sent, if there is one."""

    reply_to: int | None = None


@dataclass(frozen=True, slots=True)
class Grow:
    """Decision to add a text to an alert, by an edit of it."""

    alert: AlertMessage


def decide(pending: Sequence[PendingHit], alerts: Sequence[AlertMessage], now: datetime) -> Ring | Grow | None:
    """Return where an entry's hits go in a chat with these alerts of its event, the oldest first; None: they wait."""
    sent = [alert.message_id for alert in alerts if alert.message_id is not None]
    ring = Ring(sent[0] if sent else None)
    if not all(hit.is_further for hit in pending):
        return ring
    queries = {hit.query_id for hit in pending}
    growing = [alert for alert in alerts if alert.queries & queries]
    if not growing:
        return None
    shown = [Item.from_json(stored).title for alert in alerts for stored in alert.shown]
    may_ring = len(alerts) < RINGS and alerts[-1].created_at <= now - RING_AGAIN
    if may_ring and is_material(pending[0].title, shown, lambda title: _places(title, pending[0].language)):
        return ring
    return Grow(growing[-1])


def _places(title: str, language: str | None) -> set[str]:
    """Return the countries and cities that a headline surely names; with a city comes its country."""
    named = [mention for mention in places.mentions(tokens(title), language or "") if not mention.doubtful]
    concepts = {mention.concepts[0] for mention in named if len(mention.concepts) == 1}
    return concepts | {concept.partition("/")[0] for concept in concepts}


def next_edit_at(alert: AlertMessage, now: datetime) -> datetime:
    """Return when the next edit of a message may be sent: a minute after it, then ever more rarely."""
    wait = min(FIRST_EDIT * (1 << min(alert.edits, 16)), SLOWEST_EDIT)
    changed_at = now if alert.is_changing or alert.changed_at is None else alert.changed_at
    return max(now, changed_at + wait)


async def grow(
    connection: AsyncConnection,
    chat: Chat,
    pending: Sequence[PendingHit],
    alert: AlertMessage,
    now: datetime,
    signer: Signer,
) -> bool:
    """Add an entry to an alert by an edit; return whether it was: a full or an old message takes no more."""
    at = next_edit_at(alert, now)
    if at > alert.created_at + GROWS:
        return False
    added = replace(item(pending), lede="")
    message = grown_message(alert, added, chat)
    if not measure(message.text).within(LIMIT):
        return False
    edit_id = await deliveries.add_edit(
        connection,
        edits=alert.id,
        payload=edit(signer.sign_buttons(chat.id, message)).to_json(),
        now=now,
        lasts=EDITS_LAST,
        not_before=at,
        reported_items=reported_items(pending, [added]),
        shown=shown_items([added]),
        keeps_items=True,
    )
    return edit_id is not None


def grown_message(alert: AlertMessage, added: Item, chat: Chat) -> Message:
    """Return the message of an alert with all it shows and a further text, rendered again from their records."""
    first, *others = map(Item.from_json, alert.shown)
    told, reader = replace(first, others=(*others, added)), words(chat.locale)
    message = news.alert(told, reader, zone=chat.zone, now=alert.created_at, buttons=why_button(told, chat))
    text = Markup(RESENT) + message.text if alert.is_marked else message.text  # noqa: S704 - ours
    return replace(message, text=text)


def why_button(told: Item, chat: Chat) -> tuple[tuple[Button, ...], ...]:
    """Return the button under an alert; a channel's posts are for reading, and have none."""
    if chat.kind == "channel":
        return ()
    return ((WhyButton(told.entry_id).labelled(words(chat.locale).gettext("Why?")),),)
