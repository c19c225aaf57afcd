import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError, StatementError

from bot.errors import ConfigError
from bot.messages.payload import FilePayload, TextPayload, from_json
from bot.storage import deliveries, delivery_claims, delivery_items
from bot.storage.database import Database, alembic_config, next_value
from bot.storage.schema import admin_act, meta


async def test_the_migrations_make_the_tables_that_the_schema_names(database: Database) -> None:
    def differences(connection: sa.Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), meta))

    async with database.begin() as connection:
        assert await connection.run_sync(differences) == []


async def test_migrating_twice_changes_nothing(database: Database) -> None:
    await database.migrate()


async def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(ConfigError, match="newer"):
        await database.migrate()


async def test_times_come_back_aware_and_in_utc(database: Database) -> None:
    at = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=9)))
    async with database.begin() as connection:
        await connection.execute(sa.insert(admin_act).values(at=at, user_id=1, act="x"))
        found = (await connection.execute(sa.select(admin_act.c.at))).scalar_one()

    assert found == at
    assert found.tzinfo == UTC


async def test_a_naive_time_is_refused(database: Database) -> None:
    with pytest.raises(StatementError):
        async with database.begin() as connection:
            await connection.execute(sa.insert(admin_act).values(at=datetime(2026, 3, 1), user_id=1, act="x"))  # noqa: DTZ001


async def test_counters_count_and_an_aborted_transaction_takes_its_number_back(database: Database) -> None:
    async with database.begin() as connection:
        assert await next_value(connection, "a") == 1
        assert await next_value(connection, "b") == 1
    with pytest.raises(RuntimeError):
        async with database.begin() as connection:
            assert await next_value(connection, "a") == 2
            raise RuntimeError
    async with database.begin() as connection:
        assert await next_value(connection, "a") == 2


async def test_a_reader_sees_what_is_committed_while_somebody_writes(database: Database) -> None:
    async with database.begin() as writing:
        await writing.execute(sa.insert(admin_act).values(at=datetime.now(UTC), user_id=1, act="x"))
        async with database.read() as reading:
            assert (await reading.execute(sa.select(sa.func.count()).select_from(admin_act))).scalar_one() == 0


async def test_the_sqlite_file_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/new/watchword.db"):
        for file in (tmp_path / "new").iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


async def test_an_error_does_not_tell_what_was_asked_with(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with database.begin() as connection:
            await connection.execute(sa.text("INSERT INTO nowhere VALUES (:key)"), {"key": "a-private-key"})
    assert "a-private-key" not in str(caught.value)


def upgrade_to_before(connection: sa.Connection, revision: str) -> None:
    """Make the tables as they were before a revision."""
    config = alembic_config()
    before = ScriptDirectory.from_config(config).get_revision(revision).down_revision
    config.attributes["connection"] = connection
    command.upgrade(config, str(before))


OLD_CHAT = """INSERT INTO chat (id, telegram_id, kind, zone, digest_time, state_at, created_at)
              VALUES (1, 7, 'private', 'UTC', '08:00', :now, :now)"""
OLD_DELIVERY = """INSERT INTO delivery (id, chat_id, kind, payload, state, not_before, created_at, message_id)
                  VALUES (:id, 1, :kind, :payload, :state, :now, :now, :message)"""
OLD_ITEM = "INSERT INTO delivery_item (delivery_id, position, story_id, entry_id) VALUES (1, 0, 5, 6)"


async def test_messages_of_before_edits_and_files_are_sent_as_they_were_meant(database_url: str) -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    database = Database(database_url)
    payloads = {
        1: ("alert", "SENT", '{"text": "<b>A</b>", "buttons": [[{"label": "Why?", "data": "why:6", "url": null}]]}'),
        2: ("reply", "READY", '{"text": "List", "file": {"name": "a.txt", "content": "\\u00e9t\\u00e9"}}'),
        3: ("digest", "READY", '{"text": "Plain", "plain": true, "silent": true, "reply_to": 3}'),
    }
    async with database.begin() as connection:
        await connection.run_sync(upgrade_to_before, "0009")
        await connection.execute(sa.text(OLD_CHAT), {"now": now})
        for number, (kind, state, payload) in payloads.items():
            values = {"id": number, "kind": kind, "state": state, "payload": payload, "now": now, "message": number}
            await connection.execute(sa.text(OLD_DELIVERY), values)
        await connection.execute(sa.text(OLD_ITEM))
    async with database:
        sent = []
        for _ in range(2):
            async with database.begin() as connection:
                (claimed,) = await delivery_claims.claim(connection, now, free=9, lease=timedelta(minutes=1))
                sent.append(from_json(claimed.payload, claimed.file))
                await deliveries.sent(connection, claimed, now, 100)
        async with database.read() as connection:
            record = await delivery_items.find_sent(connection, 1, 1)
    assert record is not None
    assert [(item.entry_id, item.shown) for item in record.items] == [(6, None)]
    assert isinstance(sent[0], FilePayload)
    assert (sent[0].name, sent[0].content, sent[0].text) == ("a.txt", "été".encode(), "List")
    assert sent[1] == TextPayload("Plain", plain=True, silent=True, reply_to=3)
