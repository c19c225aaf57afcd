"""What one chat waits for is found by an index: no statement of it reads all subscriptions, queries or hits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.models import Schedule
from bot.storage import alerts, hits, inbox, subscriptions
from bot.storage.database import Database
from tests.storage.world import NOW, World

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the plan of a small table is free
LARGE = ("subscription", "query", "hit", "entry", "told", "delivery", "update")


@asynccontextmanager
async def noted(connection: AsyncConnection) -> AsyncIterator[list[tuple[str, Any]]]:
    """Note every statement that is executed, with its parameters."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    engine = connection.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", note)
    yield statements
    sa.event.remove(engine, "before_cursor_execute", note)


async def scans(connection: AsyncConnection, statements: list[tuple[str, Any]]) -> list[str]:
    """Return the steps of the statements' plans that read a whole large table."""
    found = []
    for statement, parameters in statements:
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        found += [row.detail for row in rows if row.detail.startswith("SCAN") and row.detail.split()[1] in LARGE]
    return found


async def test_a_list_and_an_alert_read_no_table_whole(database: Database) -> None:
    world = World(database)
    chat = await world.chat()
    made = await world.subscribe(chat, "Idlib", Schedule.INSTANT)
    async with database.begin() as connection, noted(connection) as statements:
        await subscriptions.of_chat(connection, chat.id)
        await subscriptions.get(connection, chat.id, made.id)
        await hits.count_since(connection, made.query_id, NOW - timedelta(days=7))
        await hits.to_alert(connection, 1, NOW, after_chat=0, limit=100)
        await hits.pending(connection, chat.id, NOW, [Schedule.DAILY])
        await hits.latest(connection, chat.id, 10)
        await alerts.alerts_since(connection, chat.id, NOW - timedelta(hours=1))
        await subscriptions.queries_since(connection, 5, 100)
        await inbox.waiting(connection, 64, set())
        executed = list(statements)
        assert len(executed) >= 9
        assert await scans(connection, executed) == []
