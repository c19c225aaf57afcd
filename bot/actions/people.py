"""Actions of admins on people: invite, allow, ban, and write to everybody.

Each stores what the admin did. `admin_id` and `telegram_id` are Telegram's numbers; a group's is negative.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions.refused import Refused
from bot.storage import broadcasts, chats, deliveries, offers, people, stats
from bot.storage.chats import Chat
from bot.storage.offers import OfferKind
from bot.storage.people import Decision, Invite

INVITES_LAST = timedelta(days=7)
QUESTION_LASTS = timedelta(minutes=10)
MOST_USES = 10_000  # of an invitation with a limit
LONGEST_BROADCAST = 3000  # characters: one message, with room to spare


class PeopleRefusal(Enum):
    """Why an action on people was refused."""

    INVITATIONS_OFF = "invitations off"  # access.mode is not "invite"
    NUMBER_OF_USES = "number of uses"
    IS_ADMIN = "is admin"
    NOT_BANNED = "not banned"  # `people`: the Telegram numbers of those who are
    TOO_LONG = "too long"  # `most`: characters


async def invite(connection: AsyncConnection, uses: int | None, admin_id: int, now: datetime) -> Invite:
    """Create an invitation for a number of people (1 to MOST_USES, else Refused), or for any number if it is None."""
    if uses is not None and not 1 <= uses <= MOST_USES:
        raise Refused(PeopleRefusal.NUMBER_OF_USES)
    created = await people.invite_new(connection, uses=uses, now=now, expires_at=now + INVITES_LAST)
    await stats.record_act(connection, admin_id, f"invite {created.id}", now)
    return created


async def revoke(connection: AsyncConnection, invite_id: int, admin_id: int, now: datetime) -> None:
    """End an invitation. The people it let in stay allowed."""
    await people.revoke(connection, invite_id, now)
    await stats.record_act(connection, admin_id, f"revoke {invite_id}", now)


async def allow(connection: AsyncConnection, telegram_id: int, admin_id: int, now: datetime) -> None:
    """Let a person or a group use the bot."""
    await people.decide(connection, telegram_id, Decision.ALLOWED, now)
    await stats.record_act(connection, admin_id, f"allow {telegram_id}", now)


def check_ban(telegram_id: int, admins: Collection[int]) -> None:
    """Raise Refused if this person cannot be banned: the configuration names them as an admin."""
    if telegram_id in admins:
        raise Refused(PeopleRefusal.IS_ADMIN)


async def ask_ban(connection: AsyncConnection, chat: Chat, telegram_id: int, admin_id: int, now: datetime) -> int:
    """Offer the admin to ban a person; return the offer's id."""
    return await _ask(connection, chat, OfferKind.BAN, {"person": telegram_id}, admin_id, now)


async def ban(
    connection: AsyncConnection, telegram_id: int, admins: Collection[int], admin_id: int, now: datetime
) -> None:
    """Exclude a person from the bot and cancel the messages they have not got yet; their subscriptions stay.

    Raises Refused as `check_ban` does.
    """
    check_ban(telegram_id, admins)
    await people.decide(connection, telegram_id, Decision.BANNED, now)
    chat_id = await people.private_chat(connection, telegram_id)
    if chat_id is not None:
        await chats.set_state(connection, chat_id, chats.BANNED, now, "banned")
        await deliveries.cancel_chat(connection, chat_id, now, "banned")
    await stats.record_act(connection, admin_id, f"ban {telegram_id}", now)


async def unban(connection: AsyncConnection, telegram_id: int, admin_id: int, now: datetime) -> None:
    """End a ban: the person's chat is active again. Refused if they are not banned."""
    if not await people.undecide(connection, telegram_id, Decision.BANNED):
        banned = await people.decided(connection, Decision.BANNED)
        raise Refused(PeopleRefusal.NOT_BANNED, people=", ".join(map(str, banned)) or "–")
    chat_id = await people.private_chat(connection, telegram_id)
    if chat_id is not None:
        await chats.set_state(connection, chat_id, chats.ACTIVE, now)
    await stats.record_act(connection, admin_id, f"unban {telegram_id}", now)


async def audience(connection: AsyncConnection, text: str) -> int:
    """Return how many chats would get a broadcast of this text; Refused if it is too long."""
    if len(text) > LONGEST_BROADCAST:
        raise Refused(PeopleRefusal.TOO_LONG, most=LONGEST_BROADCAST)
    return await broadcasts.reachable(connection)


async def ask_broadcast(connection: AsyncConnection, chat: Chat, text: str, admin_id: int, now: datetime) -> int:
    """Offer the admin to send a text to every active chat; return the offer's id."""
    return await _ask(connection, chat, OfferKind.BROADCAST, {"text": text}, admin_id, now)


async def broadcast(
    connection: AsyncConnection, payload: Mapping[str, Any], offer_id: int, admin_id: int, now: datetime
) -> int:
    """Put a message for every active chat into the outbox; return how many chats those are.

    `offer_id` is the offer that the admin took up: it can be taken once, so a broadcast is sent once.
    """
    count = await broadcasts.broadcast(connection, payload, now)
    await stats.record_act(connection, admin_id, f"broadcast {offer_id} to {count}", now)
    return count


async def _ask(
    connection: AsyncConnection, chat: Chat, kind: OfferKind, payload: dict[str, Any], admin_id: int, now: datetime
) -> int:
    return await offers.make(
        connection, chat_id=chat.id, user_id=admin_id, kind=kind, payload=payload, now=now, lasts=QUESTION_LASTS
    )
