"""Alert: writes a delivery for each chat that gets an entry's hits at once; a further text of an event edits its alert.

Subscribers are read in chunks by chat id and each entry stores the last chat served, so a story with a hundred thousand
subscribers blocks nobody, and a crash in the middle resumes where it stopped. An entry that completes the publishers a
query waits for (min:3) brings the event's earlier texts along, in one message.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.locales import words
from bot.messages import news
from bot.messages.items import Item
from bot.messages.limits import LIMIT, measure
from bot.messages.payload import to_payload
from bot.messages.signing import Signer
from bot.models import Message
from bot.pipeline import events
from bot.pipeline.held import note_held
from bot.pipeline.items import item, reported_items, shown_items
from bot.runtime.clock import Clock
from bot.runtime.failpoints import failpoint
from bot.storage import alerts, chats, deliveries, entries, hits
from bot.storage.chats import Chat
from bot.storage.database import Database, Turn, take_turn
from bot.storage.hits import PendingHit

log = structlog.get_logger()

ENTRIES = 20  # one entry in each transaction would be slow, all entries in one would be long
CHUNK = 500  # hits of one entry in one transaction
HOUR = timedelta(hours=1)
ALERTS_LAST = timedelta(hours=6)  # an alert that could not be sent by then is in the next digest


async def write_alerts(database: Database, clock: Clock, signer: Signer, *, per_hour: int) -> int:
    """Write the alerts of a chunk of entries; return how many entries still had any to write.

    Runs take turns: two that write alerts of one text at one moment would not see each other's. A chat that had
    `per_hour` alerts within the hour gets no more, and is told so: what is over stays pending for its next digest.
    """
    now = clock.now()
    written = 0
    capped: set[int] = set()
    async with database.begin() as connection:
        await take_turn(connection, Turn.ALERTS)
        waiting = await entries.alerting(connection, ENTRIES)
        for entry_id, reached in waiting:
            pending = await hits.to_alert(connection, entry_id, now, after_chat=reached, limit=CHUNK)
            if pending:
                written += await _write(connection, pending, now, signer, per_hour, capped)
            await entries.set_alerted_to(connection, entry_id, pending[-1].chat_id if pending else None)
        await note_held(connection, capped, now, signer, per_hour=per_hour)
        if written:
            failpoint("writing-alerts")
    if written:
        failpoint("alerts-written")
        log.info("alerts written", entries=len(waiting), alerts=written)
    return len(waiting)


async def _write(
    connection: AsyncConnection,
    pending: list[PendingHit],
    now: datetime,
    signer: Signer,
    per_hour: int,
    capped: set[int],
) -> int:
    """Write an entry's alerts and return how many; the chats that are at their cap are added to `capped`."""
    pending = await _with_waited(connection, pending, now)
    known = await chats.get_all(connection, {hit.chat_id for hit in pending})
    further = {hit.chat_id for hit in pending if hit.is_further}
    told = await alerts.of_event(connection, pending[0].story_id, further, now - events.GROWS) if further else {}
    written = 0
    for chat_id, group in groupby(pending, key=attrgetter("chat_id")):
        found = list(group)
        decision = events.decide(found, told.get(chat_id, []), now)
        if isinstance(decision, events.Grow):
            await events.grow(connection, known[chat_id], found, decision.alert, now, signer)
        elif decision and await alerts.alerts_since(connection, chat_id, now - HOUR) >= per_hour:
            capped.add(chat_id)
        elif decision:
            await _write_one(connection, known[chat_id], found, now, signer, reply_to=decision.reply_to)
            written += 1
    return written


async def _with_waited(connection: AsyncConnection, pending: list[PendingHit], now: datetime) -> list[PendingHit]:
    """Return the hits with those of the event's earlier texts that waited for this one (min:3), chat by chat."""
    waited_for = {hit.query_id for hit in pending if hit.needed is not None and not hit.is_further}
    if not waited_for:
        return pending
    first = {(hit.chat_id, hit.query_id) for hit in pending if hit.query_id in waited_for and not hit.is_further}
    here = {(hit.chat_id, hit.query_id, hit.entry_id) for hit in pending}
    chat_ids = {chat_id for chat_id, __ in first}
    earlier = await hits.waited(connection, pending[0].story_id, chat_ids, waited_for, now)
    added = [
        hit
        for hit in earlier
        if (hit.chat_id, hit.query_id) in first and (hit.chat_id, hit.query_id, hit.entry_id) not in here
    ]
    return sorted([*pending, *added], key=attrgetter("chat_id"))


async def _write_one(
    connection: AsyncConnection,
    chat: Chat,
    pending: list[PendingHit],
    now: datetime,
    signer: Signer,
    *,
    reply_to: int | None,
) -> None:
    told, message = _fitting(_varied(item(pending)), chat, now)
    shown = [told, *told.others]
    await deliveries.add(
        connection,
        chat_id=chat.id,
        kind=deliveries.ALERT,
        payload=to_payload(signer.sign_buttons(chat.id, message), reply_to=reply_to),
        now=now,
        reported_items=reported_items(pending, shown),
        shown=shown_items(shown),
        lasts=ALERTS_LAST,
    )


def _varied(told: Item) -> Item:
    """Return the item with a text of each other source before the further texts of one source."""
    first = {other.source: other for other in reversed(told.others) if other.source != told.source}
    again = [other for other in told.others if first.get(other.source) is not other]
    varied = [other for other in told.others if first.get(other.source) is other]
    return replace(told, others=(*varied, *again))


def _fitting(told: Item, chat: Chat, now: datetime) -> tuple[Item, Message]:
    """Return the item with as many of its further texts as one message holds, and that message; the rest stays owed."""
    buttons = events.why_button(told, chat)
    message = news.alert(told, words(chat.locale), zone=chat.zone, now=now, buttons=buttons)
    if not told.others or measure(message.text).within(LIMIT):
        return told, message
    return _fitting(replace(told, others=told.others[:-1]), chat, now)
