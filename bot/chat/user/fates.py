"""Fates of findings: one true sentence each. Sent, counted, waiting, held, or never news."""

from datetime import datetime, timedelta

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.chat.request import Request
from bot.chat.user.digest_times import day_and_time
from bot.messages.news import when as shown_time
from bot.models import Schedule
from bot.storage import alerts, chats, hits
from bot.storage.chats import ChatState
from bot.storage.corroborations import HELD_FOR
from bot.storage.hits import Finding, Telling

HOUR = timedelta(hours=1)
WRITTEN = timedelta(minutes=2)  # an alert is written within it of the hit


async def fate(request: Request, connection: AsyncConnection, finding: Finding) -> Markup:
    """Return whether a finding was sent, or when it will be, or why it will not."""
    say = request.words.say
    if finding.telling is not None:
        return _told(request, finding.telling)
    if finding.past or finding.found_at < finding.subscribed_at:
        return say("It was there before you began to watch, so it was no news.")
    if request.now - finding.found_at > hits.PENDING_FOR:
        return say("It was too old to be sent when its turn came.")
    if request.chat.state is ChatState.PAUSED:
        return say("News is paused: /resume brings it.")
    if is_unconfirmed(finding, request.now):
        found, needed = finding.publishers, finding.needed
        return say("Held for more publishers: {publishers} of {needed}.", publishers=found, needed=needed)
    if finding.in_doubt:
        return doubt(request) + " " + await _waits(request, connection, finding)
    held = await _alerts_before(request, connection, finding)
    if held >= request.services.settings.alerts_per_hour:
        kept = request.words.say_many(
            "Held: {number} alert within the hour.", "Held: {number} alerts within the hour.", held
        )
        return kept + " " + await _waits(request, connection, finding)
    return await _waits(request, connection, finding)


def is_unconfirmed(finding: Finding, now: datetime) -> bool:
    """Return whether a finding is held, since too few publishers of its event match."""
    if finding.publishers is None or finding.needed is None or finding.held_since is None:
        return False
    return finding.publishers < finding.needed and now < finding.held_since + HELD_FOR


def doubt(request: Request) -> Markup:
    """Return the sentence for what a message showed that may have arrived."""
    return request.words.say("An earlier message may have shown you this: Telegram did not confirm that it arrived.")


def _told(request: Request, telling: Telling) -> Markup:
    say = request.words.say
    if telling.sent_at is None:
        return say("A message on its way has it.")
    time = shown_time(telling.sent_at, request.words, zone=request.chat.zone, now=request.now)
    if telling.is_shown:
        return say("Sent {time}.", time=time)
    if telling.counted:
        return say("Counted in “{count}” at {time}.", count=f"+{telling.counted}", time=time)
    return say("The same text was sent {time}.", time=time)


async def _waits(request: Request, connection: AsyncConnection, finding: Finding) -> Markup:
    """Return when the digest comes that will have it; of an instant subscription that is the daily one."""
    kind = Schedule.DAILY if finding.schedule is Schedule.INSTANT else finding.schedule
    due_at = (await chats.slots(connection, request.chat.id)).get(kind)
    if due_at is None:
        return request.words.say("It is not sent yet.")
    return request.words.say("Waits for your digest, {time}.", time=day_and_time(request, due_at))


async def _alerts_before(request: Request, connection: AsyncConnection, finding: Finding) -> int:
    """Return how many alerts the chat had in the hour before this one was due; 0 of what comes with digests."""
    if finding.schedule is not Schedule.INSTANT:
        return 0
    end = finding.found_at + WRITTEN
    return await alerts.alerts_since(connection, request.chat.id, end - HOUR, before=end)
