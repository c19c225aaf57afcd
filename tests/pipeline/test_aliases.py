"""The aliases of one process, as they change."""

import asyncio

import pytest

from bot.matching.engine.aliases import Aliases, Group
from bot.pipeline import aliases as book
from bot.pipeline.aliases import AliasBook
from bot.runtime.clock import Clock
from bot.storage import aliases
from bot.storage.database import Database


async def make(database: Database, *names: str) -> None:
    async with database.begin() as connection:
        await aliases.begin_change(connection)
        await aliases.add(connection, names, Clock().now())


async def test_of_those_who_come_at_once_one_takes_over_and_nobody_goes_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = AliasBook()
    built: list[list[Group]] = []

    def build(groups: list[Group]) -> Aliases:
        built.append(groups)
        return Aliases(groups)

    monkeypatch.setattr(book, "Aliases", build)

    async def refresh() -> Aliases:
        async with database.read() as connection:
            return await known.refresh(connection)

    await make(database, "HTS", "Nusra Front")
    first, *others = await asyncio.gather(*(refresh() for _ in range(4)))
    assert len(built) == 1
    assert all(other is first for other in others)
    async with database.read() as before:
        assert await aliases.version(before) == 1  # its view of the database is that of now, if it is SQLite's
        await make(database, "Wagner", "PMC W")
        newest = await refresh()
        assert newest is not first
        await known.refresh(before)
        assert known.current is newest
