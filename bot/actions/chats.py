"""Actions on a chat: create it at its first update, pause, resume, change its settings, make a digest, delete it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.messages.signing import Signer
from bot.models import Schedule
from bot.pipeline.digest import freeze_now
from bot.schedules.digests import next_run_at, period, reschedule
from bot.storage import chats, deliveries, forget, offers, subscriptions
from bot.storage.chats import Chat, ChatState
from bot.storage.forget import Receipt
from bot.storage.offers import OfferKind

QUESTION_LASTS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class MetChat:
    """A chat, and whether this was its first update."""

    chat: Chat
    is_new: bool


GATHERED = (Schedule.INSTANT, Schedule.HOURLY)  # /resume brings these: daily and weekly digests keep their times


@dataclass(frozen=True, slots=True)
class Resumed:
    """The end of a pause; `stories` is the number of stories in the digest of that time.

    `next_digest_at` is when the chat's next digest with a time of its own is due, if it has subscriptions to one.
    """

    was_paused: bool
    stories: int = 0
    next_digest_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NextDigest:
    """The next daily digest of a chat. `has_gone_today`: one with news was made for this local date already."""

    due_at: datetime
    has_gone_today: bool


@dataclass(frozen=True, slots=True)
class DigestNow:
    """A digest made on request, of `stories` stories; a paused chat gets none."""

    is_paused: bool
    stories: int = 0


async def meet(
    connection: AsyncConnection,
    *,
    telegram_id: int,
    thread_id: int,
    kind: str,
    locale: str,
    zone: str,
    digest_time: time,
    now: datetime,
) -> MetChat:
    """Return the chat of an update; a new one gets these settings and a daily digest.

    A chat that had blocked the bot becomes active: an update proves that it has not any more.
    """
    chat, is_new = await chats.get_or_create(
        connection,
        telegram_id=telegram_id,
        thread_id=thread_id,
        kind=kind,
        locale=locale,
        zone=zone,
        digest_time=digest_time,
        now=now,
    )
    if is_new:
        await ensure_slot(connection, chat, Schedule.DAILY, now)
    if chat.state is ChatState.BLOCKED:
        await chats.set_state(connection, chat.id, ChatState.ACTIVE, now)
        chat = replace(chat, state=ChatState.ACTIVE)
    return MetChat(chat, is_new)


async def ensure_slot(connection: AsyncConnection, chat: Chat, schedule: Schedule, now: datetime) -> None:
    """Set when the chat's next digest of a schedule is due, unless that is set. Instant news has no digest."""
    if schedule is Schedule.INSTANT or schedule.value in await chats.slots(connection, chat.id):
        return
    due_at = next_run_at(schedule, now, chat.digest_time, chat.zone)
    await chats.set_slot(connection, chat.id, schedule.value, due_at)


async def pause(connection: AsyncConnection, chat: Chat, now: datetime) -> None:
    """Send the chat nothing until it is resumed, and cancel the messages on their way; hits are kept."""
    await chats.set_state(connection, chat.id, ChatState.PAUSED, now, "asked to")
    await deliveries.cancel_chat(connection, chat.id, now, "paused")


async def resume(connection: AsyncConnection, chat: Chat, now: datetime, signer: Signer) -> Resumed:
    """Make the chat active again; instant and hourly hits of the pause come as one digest.

    Daily and weekly hits stay pending for their digests, and so do the hits that waited before the pause.
    """
    before = await chats.lock_state(connection, chat.id)
    if before is None or not await chats.set_state(connection, chat.id, ChatState.ACTIVE, now):
        return Resumed(was_paused=False)
    __, paused_at = before
    stories = await freeze_now(connection, chat, now, signer, kind="resume", schedules=GATHERED, since=paused_at)
    watched = await subscriptions.of_chat(connection, chat.id)
    kept = {subscription.schedule for subscription in watched}.difference(GATHERED)
    slots = await chats.slots(connection, chat.id)
    next_at = min((due_at for kind, due_at in slots.items() if kind in kept), default=None)
    return Resumed(was_paused=True, stories=stories, next_digest_at=next_at)


async def digest_now(connection: AsyncConnection, chat: Chat, now: datetime, signer: Signer) -> DigestNow:
    """Make a digest of all pending hits of a chat, outside its schedule."""
    if chat.state is ChatState.PAUSED:
        return DigestNow(is_paused=True)
    return DigestNow(is_paused=False, stories=await freeze_now(connection, chat, now, signer, kind="now"))


async def show_held(connection: AsyncConnection, chat: Chat, now: datetime, signer: Signer) -> DigestNow:
    """Make a digest of what is pending for the chat's instant subscriptions."""
    if chat.state is ChatState.PAUSED:
        return DigestNow(is_paused=True)
    stories = await freeze_now(connection, chat, now, signer, kind="held", schedules=(Schedule.INSTANT,))
    return DigestNow(is_paused=False, stories=stories)


async def next_digest(connection: AsyncConnection, chat: Chat, now: datetime) -> NextDigest:
    """Return when the chat's next daily digest is due."""
    slots = await chats.slots(connection, chat.id)
    last = await chats.last_run(connection, chat.id, Schedule.DAILY)
    due_at = slots.get(Schedule.DAILY) or next_run_at(Schedule.DAILY, now, chat.digest_time, chat.zone)
    return NextDigest(due_at, last is not None and last[1] == period(Schedule.DAILY, now, chat.zone))


async def set_digest_time(connection: AsyncConnection, chat: Chat, at: time, zone: str, now: datetime) -> Chat:
    """Change the time and zone of the chat's digests and move those that are due.

    The day has its digest at the new time, unless one with news was made for that day already.
    """
    await chats.set_digest(connection, chat.id, zone=zone, digest_time=at)
    last = await chats.last_run(connection, chat.id, Schedule.DAILY)
    due_at = reschedule(now, at, zone, last_due=last[0] if last else None, last_period=last[1] if last else None)
    await chats.set_slot(connection, chat.id, Schedule.DAILY, due_at)
    if Schedule.WEEKLY in await chats.slots(connection, chat.id):
        weekly = next_run_at(Schedule.WEEKLY, now, at, zone)
        await chats.set_slot(connection, chat.id, Schedule.WEEKLY, weekly)
    return replace(chat, digest_time=at, zone=zone)


async def set_language(connection: AsyncConnection, chat: Chat, locale: str) -> Chat:
    """Change the language of the chat's messages."""
    await chats.set_locale(connection, chat.id, locale)
    return replace(chat, locale=locale)


async def set_new_schedule(connection: AsyncConnection, chat: Chat, schedule: Schedule) -> Chat:
    """Change the schedule of the subscriptions that the chat makes from now on."""
    await chats.set_schedule(connection, chat.id, schedule)
    return replace(chat, schedule=schedule)


async def block(connection: AsyncConnection, chat: Chat, reason: str, now: datetime) -> None:
    """Send nothing more to a chat that removed the bot; a banned one stays banned."""
    if chat.state is ChatState.BANNED:
        return
    await chats.set_state(connection, chat.id, ChatState.BLOCKED, now, reason)
    await deliveries.cancel_chat(connection, chat.id, now, "the bot was put out")


async def ask_forget(connection: AsyncConnection, chat: Chat, user_id: int, now: datetime) -> int:
    """Offer to delete all that is stored for a chat; return the offer's id."""
    return await offers.make(
        connection,
        chat_id=chat.id,
        user_id=user_id,
        kind=OfferKind.FORGET,
        payload={},
        now=now,
        lasts=QUESTION_LASTS,
    )


async def forget_chat(
    connection: AsyncConnection, chat: Chat, user_id: int | None, pseudonym: Callable[[int], int], now: datetime
) -> Receipt:
    """Delete a chat and, if `user_id` is given, everything stored about that person (`bot.storage.forget`)."""
    return await forget.forget(connection, chat, user_id, pseudonym, now)
