"""Two years of news in a simulated database: it stops growing once retention has caught up."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from bot.pipeline.tidy import tidy
from bot.runtime.clock import Clock
from bot.storage import chats, deliveries, delivery_claims, digest_runs, entries, inbox, subscriptions
from bot.storage.database import Database
from bot.storage.schema import meta
from tests.storage.world import NOW, World

WEEKS = 104
RETENTION = timedelta(days=90)


class Calendar(Clock):
    """A clock that is turned by hand."""

    at = NOW

    def now(self) -> datetime:
        return self.at


async def sizes(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        return {
            table.name: (await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()
            for table in meta.sorted_tables
        }


async def one_week(world: World, number: int, now: datetime) -> None:
    """Live a week: a word comes and goes, an alert and a digest are sent, updates are applied."""
    chat = await world.chat()
    wanted = await world.subscribe(chat, f"word{number}", at=now)
    entry_id = await world.entry(wanted, at=now)
    alert = await world.tell(chat, entry_id, wanted, at=now)
    async with world.database.begin() as connection:
        await entries.set_alerted_to(connection, entry_id, None)
        await digest_runs.start_run(connection, chat_id=chat.id, kind="daily", period=str(number), stories=0, now=now)
        claimed = await delivery_claims.claim(connection, now, free=5, lease=timedelta(minutes=1))
        assert [one.id for one in claimed] == [alert]
        await deliveries.sent(connection, claimed[0], now, number)
        await subscriptions.unsubscribe(connection, chat.id, [wanted.id])
        await inbox.keep(connection, [{"update_id": number}], now)
        await inbox.apply(connection, number)
        assert await chats.get(connection, chat.id)


async def test_two_years_leave_no_more_than_half_a_year(database: Database) -> None:
    world, clock = World(database), Calendar()
    seen: list[dict[str, int]] = []
    for number in range(WEEKS):
        clock.at = NOW + timedelta(weeks=number)
        await one_week(world, number, clock.at)
        await tidy(database, clock, retention=RETENTION)
        seen.append(await sizes(database))
    half_a_year, two_years = seen[26], seen[-1]
    grown = {name: (half_a_year[name], size) for name, size in two_years.items() if size > half_a_year[name] + 1}
    assert grown == {}
    assert two_years["entry"] == 13
