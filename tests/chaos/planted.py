"""Planted bugs: the program with a fault that `make chaos` must find.

python -m tests.chaos.planted BUG run …
"""

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.cli import main as cli
from bot.pipeline.ingest import Ingester
from bot.runtime.failpoints import failpoint
from bot.storage import deliveries, delivery_claims, entries
from bot.storage.schema import delivery
from bot.storage.schema import source as table


def mark_before_send() -> None:
    """Mark a message as sent when it is claimed: a crash or failure before the sending loses it."""
    claim = delivery_claims.claim

    async def claim_and_mark(connection: AsyncConnection, now: datetime, **more: Any) -> list[deliveries.Claimed]:
        claimed = await claim(connection, now, **more)
        for message in claimed:
            marked = (
                delivery.update()
                .where(delivery.c.id == message.id)
                .values(state="SENT", ended_at=now, lease_until=None)
            )
            await connection.execute(marked)
        return claimed

    delivery_claims.claim = claim_and_mark


def resend_without_limit() -> None:
    """Forget that a message was in doubt before: it is sent again as often as its answer is lost."""
    revive = deliveries.revive_uncertain

    async def revive_for_ever(connection: AsyncConnection, now: datetime) -> int:
        forget = delivery.update().where(delivery.c.state == "UNCERTAIN").values(uncertain_count=0)
        await connection.execute(forget)
        return await revive(connection, now)

    deliveries.revive_uncertain = revive_for_ever


def validators_before_entries() -> None:
    """Store the validators in a transaction of their own, before the entries."""
    store = entries.store

    async def late_store(connection: AsyncConnection, *args: Any, **more: Any) -> entries.Stored:
        stored = await store(connection, *args, **more)
        if stored.new:
            failpoint("validators-saved")
        return stored

    entries.store = late_store
    ingest_store = Ingester.store

    async def store_in_two(self: Ingester, source: Any, fetched: Any, *more: Any) -> entries.Stored:
        if not fetched.not_modified and source.baseline_done:
            async with self.database.begin() as connection:
                values = {"etag": fetched.validators.etag, "last_modified": fetched.validators.last_modified}
                await connection.execute(sa.update(table).where(table.c.id == source.id).values(values))
        return await ingest_store(self, source, fetched, *more)

    Ingester.store = store_in_two  # type: ignore[method-assign,assignment]


BUGS: dict[str, Callable[[], None]] = {
    "mark before send": mark_before_send,
    "resend without limit": resend_without_limit,
    "validators before entries": validators_before_entries,
}

if __name__ == "__main__":
    BUGS[sys.argv[1]]()
    sys.exit(cli.main(sys.argv[2:]))
