"""Digest: renders the pending hits of a chat as messages, once for each chat, kind and period.

Told is what a part shows, or what its button lists: all else stays pending.

The run, its messages, the items they report and the next due time are written in one transaction: a crash before its
end leaves the digest due, one after it leaves it written.
"""

from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.locales import words
from bot.messages.callbacks import CountedButton
from bot.messages.digests import Part, digest
from bot.messages.payload import to_payload
from bot.messages.signing import Signer
from bot.models import Message, Schedule
from bot.pipeline.items import item, reported_items, shown_items, stories
from bot.runtime.clock import Clock
from bot.runtime.failpoints import failpoint
from bot.schedules.digests import Lateness, lateness, next_run_at, period
from bot.storage import chats, deliveries, digest_runs, hits
from bot.storage.chats import Chat
from bot.storage.database import Database

log = structlog.get_logger()

CHATS = 50  # in one pass of the stage
CARRIES = {  # an instant subscription has no run of its own: hits that no alert reported come daily
    Schedule.HOURLY: (Schedule.HOURLY,),
    Schedule.DAILY: (Schedule.DAILY, Schedule.INSTANT),
    Schedule.WEEKLY: (Schedule.WEEKLY,),
}


async def make_due_digests(database: Database, clock: Clock, signer: Signer) -> int:
    """Make the digests that are due, a transaction each; return how many slots were due."""
    now = clock.now()
    async with database.read() as connection:
        due = await chats.due_slots(connection, now, CHATS)
    for chat, kind, due_at in due:
        async with database.begin() as connection:
            await _freeze_slot(connection, chat, Schedule(kind), due_at, now, signer)
            failpoint("freezing-digest")
        failpoint("digest-frozen")
    return len(due)


async def _freeze_slot(
    connection: AsyncConnection, chat: Chat, schedule: Schedule, due_at: datetime, now: datetime, signer: Signer
) -> None:
    next_at = next_run_at(schedule, now, chat.digest_time, chat.zone)
    if not await chats.advance_slot(connection, chat.id, schedule.value, due_at, next_at):
        return  # another process was faster, or the reader has just changed it
    how_late = lateness(due_at, now)
    if chat.state != chats.ACTIVE or how_late is Lateness.MISSED:
        return  # its hits stay pending
    run_id, told = await _freeze(
        connection,
        chat,
        now,
        signer,
        kind=schedule.value,
        period=period(schedule, due_at, chat.zone),
        schedules=CARRIES[schedule],
        late_since=due_at if how_late is Lateness.LATE else None,
    )
    log.info("digest made", chat_id=chat.id, kind=schedule.value, run_id=run_id, stories=told)


async def freeze_now(
    connection: AsyncConnection,
    chat: Chat,
    now: datetime,
    signer: Signer,
    *,
    kind: str,
    schedules: tuple[Schedule, ...] = tuple(Schedule),
    since: datetime | None = None,
    late_since: datetime | None = None,
    before_alerts: bool = False,
) -> int:
    """Make a digest of a chat's pending hits (found at `since` or later), outside its slots; return its stories.

    `late_since`: since when they are late, if they are; then the newest come first. `before_alerts`: also of entries
    whose alerts are still to be written.
    """
    __, told = await _freeze(
        connection,
        chat,
        now,
        signer,
        kind=kind,
        period=now.isoformat(),
        schedules=schedules,
        since=since,
        late_since=late_since,
        before_alerts=before_alerts,
        newest_first=late_since is not None,
    )
    return told


async def _freeze(
    connection: AsyncConnection,
    chat: Chat,
    now: datetime,
    signer: Signer,
    *,
    kind: str,
    period: str,
    schedules: tuple[Schedule, ...],
    late_since: datetime | None = None,
    since: datetime | None = None,
    before_alerts: bool = False,
    newest_first: bool = False,
) -> tuple[int | None, int]:
    """Write a run and its messages; return its id (None if it was made before) and how many stories it has."""
    await chats.take_turn(connection, chat.id)  # one that is asked for may meet one that is due
    pending = await hits.pending(connection, chat.id, now, schedules, since=since, before_alerts=before_alerts)
    count = len(stories(pending))
    run_id = await digest_runs.start_run(connection, chat_id=chat.id, kind=kind, period=period, stories=count, now=now)
    if run_id is None:
        return None, 0
    in_doubt = await hits.texts_in_doubt(connection, chat.id)
    parts = digest(
        [item(group, in_doubt) for group in stories(pending).values()],
        words(chat.locale),
        zone=chat.zone,
        now=now,
        late_since=late_since,
        is_private=chat.is_private,
        newest_first=newest_first,
    )
    for number, part in enumerate(parts, start=1):
        await deliveries.add(
            connection,
            chat_id=chat.id,
            kind=deliveries.DIGEST,
            payload=to_payload(signer.sign_buttons(chat.id, _with_button(part, chat))),
            now=now,
            reported_items=reported_items(pending, (*part.shown, *part.counted)),
            shown=shown_items(replace(shown, lede="") for shown in part.shown),  # a digest shows no lede
            digest_run_id=run_id,
            part=number,
        )
    return run_id, count


def _with_button(part: Part, chat: Chat) -> Message:
    """Return the message of a part; what it only counts is listed by a button."""
    if not part.counted:
        return part.message
    many = words(chat.locale).ngettext("Show {count} more", "Show {count} more", len(part.counted))
    return replace(part.message, buttons=((CountedButton().labelled(many.format(count=len(part.counted))),),))
