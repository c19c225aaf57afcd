"""Many digests at one moment."""

from datetime import timedelta

from bot.messages.signing import Signer
from bot.models import Schedule
from bot.pipeline.digest import CHATS, make_due_digests
from bot.storage import chats, deliveries, delivery_claims
from bot.storage.database import Database
from bot.storage.deliveries import Claimed
from tests.pipeline.rig import SetClock
from tests.storage.world import NOW, World

READERS = 2 * CHATS + 20
LEASE = timedelta(minutes=2)
LATER = NOW + timedelta(hours=1)


async def claim(database: Database, free: int) -> list[Claimed]:
    async with database.begin() as connection:
        return await delivery_claims.claim(connection, LATER, free=free, lease=LEASE)


async def test_whoever_has_digests_at_one_hour_is_served_in_turn_and_holds_up_no_alert(database: Database) -> None:
    """They are made fifty a pass, each in its own transaction, so other steps get their turn between any two."""
    world, clock = World(database), SetClock()
    clock.time = LATER
    readers = [await world.chat(number) for number in range(1, READERS + 1)]
    for reader in readers:
        watched = await world.subscribe(reader, "Idlib", Schedule.DAILY)
        async with database.begin() as connection:
            await chats.set_slot(connection, reader.id, Schedule.DAILY.value, NOW + timedelta(minutes=30))
    await world.entry(watched, at=NOW + timedelta(minutes=1))

    assert [await make_due_digests(database, clock, Signer(b"k" * 32)) for _ in range(4)] == [CHATS, CHATS, 20, 0]

    async with database.begin() as connection:
        alert = await deliveries.add(connection, chat_id=readers[-1].id, kind=deliveries.ALERT, payload={}, now=NOW)
    first = await claim(database, 8)
    assert first[0].id == alert
    rest = await claim(database, READERS)
    assert [one.chat_id for one in first[1:] + rest] == [reader.id for reader in readers[:-1]]
