from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.errors import ConfigError
from bot.models import Schedule
from bot.pipeline.clock_repair import ClockRepair
from bot.runtime.clock import WRITTEN, Clock, refuse_impossible
from bot.storage import chats, deliveries, delivery_claims, sources, websub
from bot.storage.backup import backup_to_folder, backups_in, newest_backup_at
from bot.storage.database import Database
from bot.storage.schema import chat as chat_table
from bot.storage.schema import subscription
from tests.storage.world import NOW, World

YEAR = timedelta(days=365)
SIX_HOURS = timedelta(hours=6)
LEASE = timedelta(minutes=2)


class Wall(Clock):
    """A time of day that can be put forward and back, beside a clock that stands."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 5.0


async def live(database: Database, at: datetime) -> None:
    """Do what a bot does at a time: poll, watch, send, put off."""
    world = World(database)
    chat = await world.chat()
    wanted = await world.subscribe(chat, "syria", at=at)
    await world.tell(chat, await world.entry(wanted, at=at), wanted, at=at)
    async with database.begin() as connection:
        await chats.set_slot(connection, chat.id, Schedule.DAILY, at + timedelta(hours=20))
        (polled,) = await sources.claim_due(connection, at, limit=1, lease=LEASE)
        await sources.finish_poll(connection, polled, at, sources.PollResult(), next_poll_at=at + SIX_HOURS)
        (claimed,) = await delivery_claims.claim(connection, at, free=1, lease=LEASE)
        await deliveries.retry(connection, claimed, at, not_before=at + LEASE, error="no route")
        await connection.execute(chat_table.update().values(hold_until=at + LEASE))


async def slots(database: Database) -> list[datetime]:
    async with database.read() as connection:
        return list((await chats.slots(connection, 1)).values())


async def is_due(database: Database, now: datetime) -> bool:
    """Return whether the source is polled and the message sent at this time."""
    async with database.begin() as connection:
        polled = await sources.claim_due(connection, now, limit=9, lease=LEASE)
        return bool(polled and await delivery_claims.claim(connection, now, free=9, lease=LEASE))


async def test_what_a_clock_a_year_ahead_put_off_is_due_when_it_is_right_again(database: Database) -> None:
    await live(database, NOW + YEAR)
    assert not await is_due(database, NOW)

    await ClockRepair(database, Wall(NOW), slowest=SIX_HOURS).repair()

    assert await is_due(database, NOW)
    assert await slots(database) == [datetime(2026, 3, 2, 8, tzinfo=UTC)]
    assert await subscribed_at(database) == NOW  # so that what is found from now on counts


async def test_a_hub_that_agreed_while_the_clock_was_ahead_is_asked_again(database: Database) -> None:
    async with database.begin() as connection:
        source_id, _ = await sources.add(connection, url="https://e.org/feed", title="E", now=NOW)
        for name, at in (("wrong", NOW + YEAR), ("right", NOW)):
            await websub.request_hub(connection, source_id, ("https://e.org/feed", f"https://{name}.example/"), "/", at)
            (one,) = await websub.claim(connection, at, limit=1, lease=LEASE)
            await websub.verified(connection, one, at, at + timedelta(days=10), at + timedelta(days=7))
    await ClockRepair(database, Wall(NOW), slowest=SIX_HOURS).repair()
    async with database.begin() as connection:
        due = await websub.claim(connection, NOW, limit=9, lease=LEASE)
    assert [(one.hub, one.expires_at) for one in due] == [("https://wrong.example/", None)]


async def subscribed_at(database: Database) -> datetime:
    async with database.read() as connection:
        at: datetime = (await connection.execute(sa.select(subscription.c.created_at))).scalar_one()
        return at


async def test_a_clock_put_back_by_an_hour_while_the_bot_runs_holds_up_nothing(database: Database) -> None:
    wall = Wall(NOW)
    repair = ClockRepair(database, wall, slowest=SIX_HOURS)
    await live(database, NOW)
    assert not await repair.repair_if_put_back()
    wall.at = NOW - timedelta(hours=1)
    assert await repair.repair_if_put_back()
    assert await is_due(database, wall.at)
    assert not await repair.repair_if_put_back()


async def test_a_right_clock_changes_nothing(database: Database) -> None:
    await live(database, NOW)
    wall = Wall(NOW)
    repair = ClockRepair(database, wall, slowest=SIX_HOURS)
    await repair.repair()
    wall.at = NOW + timedelta(minutes=1)  # forward: suspended, or slewed
    assert not await repair.repair_if_put_back()
    assert not await is_due(database, NOW)
    assert await slots(database) == [NOW + timedelta(hours=20)]


async def test_backups_of_the_future_neither_stop_nor_replace_those_of_today(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        folder = tmp_path / "kept"
        for day in range(2):
            await backup_to_folder(database, folder, NOW + YEAR + timedelta(days=day), keep=2)
        assert newest_backup_at(folder, NOW) is None
        made = await backup_to_folder(database, folder, NOW, keep=2)
    assert made in backups_in(folder)
    assert len(backups_in(folder)) == 2
    assert newest_backup_at(folder, NOW) == NOW


def test_a_clock_before_the_program_was_written_is_refused() -> None:
    refuse_impossible(WRITTEN)
    refuse_impossible(Clock().now())
    with pytest.raises(ConfigError, match="1970-01-01 00:00 UTC"):
        refuse_impossible(datetime.fromtimestamp(0, UTC))
