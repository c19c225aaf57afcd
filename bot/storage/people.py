"""People: decisions of admins about who may use the bot, and invitations.

A person without a decision has no row. A group's id may be stored too: all its members are then allowed.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_new
from bot.storage.schema import chat, invite, person


class Decision(StrEnum):
    """Whether a person or a group may use the bot."""

    ALLOWED = "allowed"
    BANNED = "banned"


@dataclass(frozen=True, slots=True)
class Invite:
    """An invitation link. `used` counts the people it let in; `uses_left` is None if it has no limit."""

    id: int
    code: str
    uses_left: int | None
    used: int
    expires_at: datetime


async def decision(connection: AsyncConnection, telegram_id: int) -> Decision | None:
    """Return the decision about a person or group, or None if there is none."""
    statement = sa.select(person.c.access).where(person.c.telegram_id == telegram_id)
    stored = (await connection.execute(statement)).scalar_one_or_none()
    return None if stored is None else Decision(stored)


async def decide(
    connection: AsyncConnection, telegram_id: int, new: Decision, now: datetime, *, invite_id: int | None = None
) -> bool:
    """Store a decision; return False if it was made before."""
    if await decision(connection, telegram_id) is new:
        return False
    values = {"access": new, "invite_id": invite_id, "decided_at": now}
    statement = insert_new(connection, person).values(telegram_id=telegram_id, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["telegram_id"], set_=values))
    return True


async def undecide(connection: AsyncConnection, telegram_id: int, old: Decision) -> bool:
    """Delete a decision; return False if there was none of this kind."""
    statement = person.delete().where(person.c.telegram_id == telegram_id, person.c.access == old)
    return (await connection.execute(statement)).rowcount == 1


async def decided(connection: AsyncConnection, kind: Decision) -> list[int]:
    """Return the Telegram ids with a decision of this kind, oldest decision first."""
    statement = sa.select(person.c.telegram_id).where(person.c.access == kind).order_by(person.c.decided_at)
    return list((await connection.execute(statement)).scalars())


async def private_chat(connection: AsyncConnection, telegram_id: int) -> int | None:
    """Return the id (table `chat`) of a person's private chat with the bot, or None if there is none."""
    statement = sa.select(chat.c.id).where(chat.c.telegram_id == telegram_id, chat.c.kind == "private")
    found: int | None = (await connection.execute(statement)).scalar_one_or_none()
    return found


async def invite_new(connection: AsyncConnection, *, uses: int | None, now: datetime, expires_at: datetime) -> Invite:
    """Create an invitation with a random code of 128 bits. `uses` is None for no limit."""
    code = secrets.token_urlsafe(16)
    values = {"code": code, "uses_left": uses, "created_at": now, "expires_at": expires_at}
    new = sa.insert(invite).values(values).returning(invite.c.id)
    return Invite(int((await connection.execute(new)).scalar_one()), code, uses, 0, expires_at)


def _usable(now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that an invitation is not revoked, expired or used up."""
    left = sa.or_(invite.c.uses_left.is_(None), invite.c.uses_left > 0)
    return sa.and_(sa.not_(invite.c.revoked), invite.c.expires_at > now, left)


async def invites(connection: AsyncConnection, now: datetime) -> list[Invite]:
    """Return the usable invitations, oldest first."""
    columns = [invite.c[name] for name in Invite.__dataclass_fields__]
    statement = sa.select(*columns).where(_usable(now)).order_by(invite.c.id)
    return [Invite(**row) for row in (await connection.execute(statement)).mappings()]


async def revoke(connection: AsyncConnection, invite_id: int, now: datetime) -> bool:
    """Revoke an invitation; return False if it was not usable any more. People it let in stay allowed."""
    statement = invite.update().where(invite.c.id == invite_id, _usable(now)).values(revoked=True)
    return (await connection.execute(statement)).rowcount == 1


async def redeem(connection: AsyncConnection, code: str, telegram_id: int, now: datetime) -> bool:
    """Use an invitation: allow a person by its code. Return False if no usable invitation has this code."""
    used = invite.update().where(invite.c.code == code, _usable(now))
    values = {"used": invite.c.used + 1, "uses_left": invite.c.uses_left - 1}
    invite_id = (await connection.execute(used.values(values).returning(invite.c.id))).scalar_one_or_none()
    if invite_id is None:
        return False
    await decide(connection, telegram_id, Decision.ALLOWED, now, invite_id=invite_id)
    return True
