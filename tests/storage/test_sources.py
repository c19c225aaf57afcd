from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from bot.errors import SourceError, SourceFault
from bot.messages.source_troubles import SENTENCES, explain
from bot.models import Validators
from bot.storage import sources
from bot.storage.database import Database
from bot.storage.schema import source
from bot.storage.sources import PollResult

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(minutes=15)
LEASE = timedelta(minutes=4)


async def add(database: Database, url: str, *, revive: bool = True) -> tuple[int, bool]:
    async with database.begin() as connection:
        return await sources.add(connection, url=url, title="", now=NOW, revive=revive)


async def claim(database: Database, now: datetime = NOW) -> list[str]:
    async with database.begin() as connection:
        return [one.url for one in await sources.claim_due(connection, now, limit=10, lease=LEASE)]


async def test_a_source_is_added_once(database: Database) -> None:
    first, second = await add(database, "https://a"), await add(database, "https://a")
    assert first == (second[0], True)
    assert second[1] is False


async def test_a_removal_stays_removed_for_the_configuration_but_not_for_an_admin(database: Database) -> None:
    source_id, _ = await add(database, "https://a")
    async with database.begin() as connection:
        assert await sources.set_state(connection, source_id, sources.REMOVED, NOW)
    assert await claim(database) == []

    assert await add(database, "https://a", revive=False) == (source_id, False)
    assert await claim(database) == []
    assert await add(database, "https://a") == (source_id, True)
    async with database.begin() as connection:
        (back,) = await sources.claim_due(connection, NOW, limit=10, lease=LEASE)
    assert (back.url, back.baseline_done) == ("https://a", False)  # what it published meanwhile is no news


async def test_a_claimed_source_is_nobody_elses_until_its_lease_ends(database: Database) -> None:
    await add(database, "https://a")
    assert await claim(database) == ["https://a"]
    assert await claim(database, NOW + LEASE - timedelta(seconds=1)) == []
    assert await claim(database, NOW + LEASE + timedelta(seconds=1)) == ["https://a"]


async def test_who_lost_the_lease_records_nothing(database: Database) -> None:
    await add(database, "https://a")
    async with database.begin() as connection:
        (first,) = await sources.claim_due(connection, NOW, limit=1, lease=LEASE)
    later = NOW + LEASE * 2
    async with database.begin() as connection:
        (second,) = await sources.claim_due(connection, later, limit=1, lease=LEASE)
        assert not await sources.finish_poll(connection, first, later, PollResult(), next_poll_at=SOON)
        assert await sources.finish_poll(connection, second, later, PollResult(), next_poll_at=later + LEASE)


async def test_what_a_poll_found_is_there_at_the_next_and_validators_are_dropped_after_eight_days(
    database: Database,
) -> None:
    await add(database, "https://a")
    async with database.begin() as connection:
        (one,) = await sources.claim_due(connection, NOW, limit=1, lease=LEASE)
        assert (one.baseline_done, one.validators) == (False, Validators())
        result = PollResult(validators=Validators("x", "y"), body_hash="h", title="A")
        assert await sources.finish_poll(connection, one, NOW, result, next_poll_at=SOON)
    assert await claim(database, SOON - timedelta(seconds=1)) == []

    async with database.begin() as connection:
        (again,) = await sources.claim_due(connection, SOON, limit=1, lease=LEASE)
        assert again.baseline_done
        assert (again.validators, again.body_hash, again.title) == (Validators("x", "y"), "h", "A")
        await sources.finish_poll(connection, again, SOON, PollResult(validators=again.validators), next_poll_at=SOON)

    async with database.begin() as connection:
        (old,) = await sources.claim_due(connection, NOW + timedelta(days=8), limit=1, lease=LEASE)
    assert (old.validators, old.body_hash) == (Validators(), "h")


async def test_failures_are_counted_and_a_success_forgets_them(database: Database) -> None:
    await add(database, "https://a")
    failure = SourceError(SourceFault.NO_ANSWER, seconds="20")
    for failures in range(3):
        async with database.begin() as connection:
            (one,) = await sources.claim_due(connection, NOW, limit=1, lease=LEASE)
            assert one.failures == failures
            await sources.fail_poll(connection, one, NOW, next_poll_at=NOW, error=failure)
    async with database.begin() as connection:
        (status,) = await sources.listing(connection)
        assert status.failures == 3
        assert status.error is not None
        assert (status.error.fault, status.error.values) == (failure.fault, failure.values)
        assert (await connection.execute(sa.select(source.c.error_kind))).scalar_one() == "timeout"
        (one,) = await sources.claim_due(connection, NOW, limit=1, lease=LEASE)
        await sources.finish_poll(connection, one, NOW, PollResult(), next_poll_at=SOON)
        (status,) = await sources.listing(connection)
        assert (status.failures, status.error) == (0, None)


async def test_all_active_sources_can_be_made_due(database: Database) -> None:
    first, _ = await add(database, "https://a")
    await add(database, "https://b")
    async with database.begin() as connection:
        for one in await sources.claim_due(connection, NOW, limit=2, lease=LEASE):
            await sources.finish_poll(connection, one, NOW, PollResult(), next_poll_at=SOON)
        await sources.set_state(connection, first, sources.PAUSED, NOW)
        assert await sources.make_due(connection, NOW) == 1
    assert await claim(database) == ["https://b"]


@pytest.mark.parametrize("stored", ["The server could not be reached.", "{}", "null", "7", '{"fault": "later"}'])
async def test_a_failure_written_by_another_version_is_shown_as_it_is(database: Database, stored: str) -> None:
    async with database.begin() as connection:
        await sources.add(connection, url="https://e.org/feed", title="E", now=NOW)
        await connection.execute(source.update().values(error=stored, failures=1))
        (listed,) = await sources.listing(connection)
    assert listed.error is not None
    assert explain(listed.error) == stored


def test_a_failure_that_lacks_a_value_still_has_its_sentence() -> None:
    faults = [fault for fault in SourceFault if "{" in SENTENCES[fault]]
    assert faults
    assert all("?" in explain(SourceError(fault)) for fault in faults)
