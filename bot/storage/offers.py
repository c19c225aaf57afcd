"""Offers: questions and proposals of the bot that are open until a person takes them up or they expire.

A button has an offer's id, never its text. An offer can be taken once: a second press does not find it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.schema import offer


class OfferKind(StrEnum):
    """The question that an offer answers, or the change that it takes back."""

    WATCH = "watch"  # subscribe to the words of a plain message
    UNDO = "undo"  # bring removed subscriptions back
    STOP_ALL = "stop all"
    EDIT = "edit"  # the next plain message has the new words of a subscription
    CHANGE_BACK = "change back"  # give a subscription its former words
    INSTEAD = "instead"  # give a subscription a wider or narrower query
    AT_ONCE_AGAIN = "at once again"  # make subscriptions instant again that "Digest only" made daily
    FORGET = "forget"
    ALIAS_UNDO = "alias undo"
    BROADCAST = "broadcast"
    BAN = "ban"


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer. `user_id` is the Telegram number of the person it was made to; 0 is a channel."""

    id: int
    chat_id: int
    user_id: int
    kind: OfferKind
    payload: dict[str, Any]
    created_at: datetime
    expires_at: datetime


_COLUMNS = [offer.c[name] for name in Offer.__dataclass_fields__]


async def make(
    connection: AsyncConnection,
    *,
    chat_id: int,
    user_id: int,
    kind: OfferKind,
    payload: Mapping[str, Any],
    now: datetime,
    lasts: timedelta,
) -> int:
    """Write an offer and return its id."""
    values = {"chat_id": chat_id, "user_id": user_id, "kind": kind, "payload": dict(payload)}
    values |= {"created_at": now, "expires_at": now + lasts}
    return int((await connection.execute(sa.insert(offer).values(values).returning(offer.c.id))).scalar_one())


def _offer(row: Mapping[Any, Any]) -> Offer:
    return Offer(**{**row, "kind": OfferKind(row["kind"])})


def _open(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(offer.c.taken_at.is_(None), offer.c.expires_at > now)


async def get(connection: AsyncConnection, chat_id: int, offer_id: int, now: datetime) -> Offer | None:
    """Return an offer of this chat that is still open."""
    known = offer.c.kind.in_(list(OfferKind))  # a newer version may have written others
    this = (offer.c.id == offer_id, offer.c.chat_id == chat_id, known, _open(now))
    row = (await connection.execute(sa.select(*_COLUMNS).where(*this))).mappings().first()
    return _offer(row) if row else None


async def newest(
    connection: AsyncConnection, chat_id: int, user_id: int, kind: OfferKind, now: datetime
) -> Offer | None:
    """Return the last open offer of a kind that was made to this person in this chat."""
    personal = (offer.c.chat_id == chat_id, offer.c.user_id == user_id, offer.c.kind == kind, _open(now))
    statement = sa.select(*_COLUMNS).where(*personal).order_by(offer.c.id.desc()).limit(1)
    row = (await connection.execute(statement)).mappings().first()
    return _offer(row) if row else None


async def take(connection: AsyncConnection, offer_id: int, now: datetime) -> bool:
    """Take an offer up; False if it was taken before or has expired."""
    statement = offer.update().where(offer.c.id == offer_id, _open(now)).values(taken_at=now)
    return (await connection.execute(statement)).rowcount == 1


async def drop(connection: AsyncConnection, chat_id: int, user_id: int, kind: OfferKind, now: datetime) -> int:
    """Withdraw the open offers of a kind to this person in this chat; return how many there were."""
    personal = (offer.c.chat_id == chat_id, offer.c.user_id == user_id, offer.c.kind == kind, _open(now))
    return (await connection.execute(offer.delete().where(*personal))).rowcount


async def purge(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Remove up to `limit` offers that expired before a time; return how many."""
    old = sa.select(offer.c.id).where(offer.c.expires_at < before).limit(limit)
    ids = list((await connection.execute(old)).scalars())
    if ids:
        await connection.execute(offer.delete().where(offer.c.id.in_(ids)))
    return len(ids)
