"""People: who was let in or put out, and the invitations that let them in.

Only those somebody decided about are here. An id may be a group's: it is let in whole.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_new
from bot.storage.schema import chat, invite, person

ALLOWED, BANNED = "allowed", "banned"


@dataclass(frozen=True, slots=True)
class Invite:
    """An invitation. `uses_left` is None where anybody may come who has the link."""

    id: int
    code: str
    uses_left: int | None
    used: int
    expires_at: datetime


async def access(connection: AsyncConnection, telegram_id: int) -> str | None:
    """Return ALLOWED, BANNED, or None if nobody decided."""
    statement = sa.select(person.c.access).where(person.c.telegram_id == telegram_id)
    decided: str | None = (await connection.execute(statement)).scalar_one_or_none()
    return decided


async def decide(
    connection: AsyncConnection, telegram_id: int, access: str, now: datetime, *, invite_id: int | None = None
) -> bool:
    """Let somebody in or put them out; return whether that changed anything."""
    known = sa.select(person.c.access).where(person.c.telegram_id == telegram_id)
    if (await connection.execute(known)).scalar_one_or_none() == access:
        return False
    values = {"access": access, "invite_id": invite_id, "decided_at": now}
    statement = insert_new(connection, person).values(telegram_id=telegram_id, **values)
    await connection.execute(statement.on_conflict_do_update(index_elements=["telegram_id"], set_=values))
    return True


async def undecide(connection: AsyncConnection, telegram_id: int, access: str) -> bool:
    """Take a decision back; False if there was none of this kind."""
    mine = (person.c.telegram_id == telegram_id, person.c.access == access)
    return (await connection.execute(person.delete().where(*mine))).rowcount == 1


async def decided(connection: AsyncConnection, access: str) -> list[int]:
    """Return the ids of all who were let in, or of all who were put out."""
    statement = sa.select(person.c.telegram_id).where(person.c.access == access).order_by(person.c.decided_at)
    return list((await connection.execute(statement)).scalars())


async def private_chat(connection: AsyncConnection, telegram_id: int) -> int | None:
    """Return our id of the private chat with a person, or None if they never wrote."""
    statement = sa.select(chat.c.id).where(chat.c.telegram_id == telegram_id, chat.c.kind == "private")
    found: int | None = (await connection.execute(statement)).scalar_one_or_none()
    return found


async def invite_new(connection: AsyncConnection, *, uses: int | None, now: datetime, expires_at: datetime) -> Invite:
    """Make an invitation with a code that nobody can guess (128 bits)."""
    code = secrets.token_urlsafe(16)
    values = {"code": code, "uses_left": uses, "created_at": now, "expires_at": expires_at}
    new = sa.insert(invite).values(values).returning(invite.c.id)
    return Invite(int((await connection.execute(new)).scalar_one()), code, uses, 0, expires_at)


def _usable(now: datetime) -> sa.ColumnElement[bool]:
    left = sa.or_(invite.c.uses_left.is_(None), invite.c.uses_left > 0)
    return sa.and_(sa.not_(invite.c.revoked), invite.c.expires_at > now, left)


async def invites(connection: AsyncConnection, now: datetime) -> list[Invite]:
    """Return the invitations that still let somebody in, oldest first."""
    columns = [invite.c[name] for name in Invite.__dataclass_fields__]
    statement = sa.select(*columns).where(_usable(now)).order_by(invite.c.id)
    return [Invite(**row) for row in (await connection.execute(statement)).mappings()]


async def revoke(connection: AsyncConnection, invite_id: int, now: datetime) -> bool:
    """End an invitation; False if it had ended. Who came in by it stays."""
    statement = invite.update().where(invite.c.id == invite_id, _usable(now)).values(revoked=True)
    return (await connection.execute(statement)).rowcount == 1


async def redeem(connection: AsyncConnection, code: str, telegram_id: int, now: datetime) -> bool:
    """Let somebody in by an invitation's code; False if it lets nobody in (any more)."""
    used = invite.update().where(invite.c.code == code, _usable(now))
    values = {"used": invite.c.used + 1, "uses_left": invite.c.uses_left - 1}
    invite_id = (await connection.execute(used.values(values).returning(invite.c.id))).scalar_one_or_none()
    if invite_id is None:
        return False
    await decide(connection, telegram_id, ALLOWED, now, invite_id=invite_id)
    return True
