"""WebSub subscriptions: which are wanted, which are live, and to which hub a request is due."""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.schema import source, websub
from bot.storage.sources import ACTIVE

PATIENCE = timedelta(hours=1)  # until a hub that its document no longer names is left: another copy may name it


@dataclass(frozen=True, slots=True)
class HubSubscription:
    """A subscription to a hub, `wanted` or to be ended; live until `expires_at`; `secret` signs what the hub pushes."""

    id: int
    source_id: int
    topic: str
    hub: str
    token: str
    callback: str
    secret: str
    wanted: bool
    asked_at: datetime | None
    verified_at: datetime | None
    expires_at: datetime | None
    failures: int

    @property
    def is_unanswered(self) -> bool:
        """Whether the hub has not verified the last request yet."""
        return self.asked_at is not None and (self.verified_at is None or self.verified_at < self.asked_at)

    def is_live(self, now: datetime) -> bool:
        """Return whether the hub may push documents now."""
        return self.wanted and self.expires_at is not None and self.expires_at > now


async def request_hub(
    connection: AsyncConnection, source_id: int, found: tuple[str, str] | None, callbacks: str, now: datetime
) -> None:
    """Record the (topic, hub) that a source's document names, None for none: the only one to be subscribed to.

    `callbacks` is the prefix of the callback's address.
    """
    rows = (await connection.execute(sa.select(websub).where(websub.c.source_id == source_id))).mappings().all()
    same = next((row for row in rows if (row["topic"], row["hub"]) == found), None)
    unwanted = [row["id"] for row in rows if row["wanted"] and row is not same]
    if unwanted:
        ending = websub.update().where(websub.c.id.in_(unwanted))
        await connection.execute(ending.values(wanted=False, failures=0, due_at=now + PATIENCE))
    if same is not None and not same["wanted"]:
        live = same["expires_at"] is not None and same["expires_at"] > now
        values: dict[str, Any] = {"wanted": True, "failures": 0}
        values |= {"due_at": now + (same["expires_at"] - now) / 2 if live else now}
        await connection.execute(websub.update().where(websub.c.id == same["id"]).values(values))
    if same is None and found is not None:
        token = secrets.token_urlsafe(32)
        made = {"topic": found[0], "hub": found[1], "token": token, "callback": callbacks + token}
        made |= {"secret": secrets.token_urlsafe(32)}
        await connection.execute(
            sa.insert(websub).values(source_id=source_id, wanted=True, due_at=now, created_at=now, **made)
        )


async def settle(connection: AsyncConnection, callbacks: str, now: datetime) -> None:
    """End the subscriptions of sources that are no longer polled, and make those due whose callback has changed."""
    resting = sa.select(source.c.id).where(source.c.state != ACTIVE)
    over = websub.update().where(websub.c.wanted, websub.c.source_id.in_(resting))
    await connection.execute(over.values(wanted=False, failures=0, due_at=now))
    elsewhere = websub.update().where(websub.c.callback != callbacks + websub.c.token)
    values = {"callback": callbacks + websub.c.token, "expires_at": None, "due_at": now, "failures": 0}
    await connection.execute(elsewhere.values(values))


async def is_work(connection: AsyncConnection, callbacks: str, now: datetime) -> bool:
    """Return whether `settle` or `claim` would change anything."""
    resting = sa.and_(websub.c.wanted, source.c.state != ACTIVE)
    elsewhere = websub.c.callback != callbacks + websub.c.token
    anything = sa.or_(websub.c.due_at <= now, resting, elsewhere)
    statement = sa.select(websub.c.id).join(source, source.c.id == websub.c.source_id).where(anything).limit(1)
    return (await connection.execute(statement)).first() is not None


async def claim(connection: AsyncConnection, now: datetime, *, limit: int, lease: timedelta) -> list[HubSubscription]:
    """Take subscriptions that are due, for `lease`, and record the request first: the hub may verify it at once."""
    due = sa.select(websub.c.id).where(websub.c.due_at <= now).order_by(websub.c.due_at).limit(limit)
    statement = sa.select(websub).where(websub.c.id.in_(due)).with_for_update(skip_locked=True)
    found = [_subscription(row) for row in (await connection.execute(statement)).mappings()]
    mine = websub.c.id.in_([subscription.id for subscription in found])
    await connection.execute(websub.update().where(mine).values(due_at=now + lease, asked_at=now))
    return found


async def by_token(connection: AsyncConnection, token: str) -> HubSubscription | None:
    """Return the subscription whose callback ends with `token`, or None."""
    row = (await connection.execute(sa.select(websub).where(websub.c.token == token))).mappings().first()
    return _subscription(row) if row else None


def _subscription(row: Any) -> HubSubscription:
    return HubSubscription(**{name: row[name] for name in HubSubscription.__dataclass_fields__})


async def set_due(
    connection: AsyncConnection,
    subscription: HubSubscription,
    due_at: datetime,
    *,
    failures: int,
    kind: str | None = None,
) -> None:
    """Set the time of the next request to a hub, unless it has verified the last one meanwhile."""
    unanswered = sa.or_(websub.c.verified_at.is_(None), websub.c.verified_at < websub.c.asked_at)
    statement = websub.update().where(websub.c.id == subscription.id, unanswered)
    await connection.execute(statement.values(due_at=due_at, failures=failures, error_kind=kind))


async def verified(
    connection: AsyncConnection, subscription: HubSubscription, now: datetime, expires_at: datetime, due_at: datetime
) -> None:
    """Record that a hub has verified a subscription; it is renewed at `due_at`."""
    values = {"verified_at": now, "expires_at": expires_at, "due_at": due_at, "failures": 0, "error_kind": None}
    await connection.execute(websub.update().where(websub.c.id == subscription.id).values(values))


async def denied(connection: AsyncConnection, subscription: HubSubscription, due_at: datetime) -> None:
    """Record that a hub denied a subscription; the next request is due at `due_at`."""
    values: dict[str, Any] = {"expires_at": None, "brought_at": None, "asked_at": None, "verified_at": None}
    values |= {"due_at": due_at, "error_kind": "denied"}
    await connection.execute(websub.update().where(websub.c.id == subscription.id).values(values))


async def remove_all(connection: AsyncConnection) -> None:
    """Remove every subscription: hubs cannot reach us any more, and their leases will end."""
    await connection.execute(websub.delete())


async def remove(connection: AsyncConnection, subscription: HubSubscription) -> None:
    """Remove a subscription that has ended."""
    await connection.execute(websub.delete().where(websub.c.id == subscription.id))


async def brought(connection: AsyncConnection, subscription: HubSubscription, now: datetime) -> None:
    """Record that a hub pushed news before a poll found it."""
    await connection.execute(websub.update().where(websub.c.id == subscription.id).values(brought_at=now))


async def mark_missed(connection: AsyncConnection, source_id: int) -> None:
    """Record that a poll found news that no hub had pushed."""
    await connection.execute(websub.update().where(websub.c.source_id == source_id).values(brought_at=None))


async def relied_on(connection: AsyncConnection, source_ids: Collection[int], now: datetime) -> set[int]:
    """Return the ids of those sources whose hub pushes their news before polls find it."""
    live = sa.and_(websub.c.wanted, websub.c.expires_at > now, websub.c.brought_at.is_not(None))
    statement = sa.select(websub.c.source_id).where(live, websub.c.source_id.in_(source_ids))
    return set((await connection.execute(statement)).scalars())


async def states(connection: AsyncConnection, now: datetime) -> dict[str, int]:
    """Return the number of subscriptions by state: "live", and "asked" for those not verified yet."""
    live = sa.case((sa.and_(websub.c.wanted, websub.c.expires_at > now), "live"), else_="asked").label("state")
    statement = sa.select(live, sa.func.count().label("n")).where(websub.c.wanted).group_by(live)
    return {row.state: row.n for row in await connection.execute(statement)}
