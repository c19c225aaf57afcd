"""Waiting behind others, in seconds: `make bench ARGS=waiting`.

Rows: people with 50 subscriptions each, to different words (their number as argument, else 2,000); milliseconds of the
statements of one person's `/list`, and of an alert that ten want. Then a light search beside sixteen heavy ones.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from bot.matching.query.parser import parse
from bot.models import FeedEntry
from bot.pipeline.aliases import AliasBook
from bot.runtime.clock import Clock
from bot.search import preview
from bot.search.recent import Week
from bot.storage import entries, hits, sources, subscriptions
from bot.storage.database import Database
from bot.storage.schema import chat, hit, query, subscription

NOW = datetime.now(UTC)
EACH = 50
WANTING = 10  # people who want the same alert
HEAVY = 16  # people with heavy queries
ARTICLES = 400
TEXT = "The grain of one harvest was sold in the market. " * 300 + "Idlib waits. " + "Rain fell on the town. " * 30


async def people(database: Database, count: int) -> None:
    """Store people with EACH subscriptions of their own; WANTING of them also share one."""
    everybody = range(1, count + 1)
    chats = [
        {
            "id": n,
            "telegram_id": n,
            "thread_id": 0,
            "kind": "private",
            "locale": "en",
            "zone": "UTC",
            "digest_time": "08:00",
            "state": "active",
            "state_at": NOW,
            "created_at": NOW,
        }
        for n in everybody
    ]
    own = [{"id": n, "text": f"word{n}", "live": True, "version": n} for n in range(1, count * EACH + 1)]
    shared = count * EACH + 1
    wanted = [(n, n * EACH - k, "daily") for n in everybody for k in range(EACH)]
    wanted += [(n, shared, "instant") for n in range(1, WANTING + 1)]
    rows = [{"chat_id": n, "query_id": q, "label": "w", "schedule": s, "created_at": NOW} for n, q, s in wanted]
    async with database.begin() as connection:
        await connection.execute(sa.insert(chat), chats)
        await connection.execute(
            sa.insert(query), [*own, {"id": shared, "text": "all", "live": True, "version": shared}]
        )
        await connection.execute(sa.insert(subscription), rows)
        source_id, _ = await sources.add(connection, url="https://e.org/f", title="E", now=NOW)
        items = [FeedEntry((f"{n}",), f"Harvest {n}", None, None, TEXT, "en", None) for n in range(ARTICLES)]
        await entries.store(connection, source_id, items, NOW, baseline=False)
        found = {"entry_id": 1, "story_id": 1, "text_id": 1, "score": 1.0, "terms": [], "past": False, "found_at": NOW}
        await connection.execute(sa.insert(hit), [found | {"query_id": shared}])


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Return how many milliseconds some work takes."""
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) * 1000


async def measure(url: str, count: int) -> None:
    """Print the rows."""
    async with Database(url) as database:
        await people(database, count)

        async def listing() -> None:
            async with database.read() as connection:
                for made in (await subscriptions.of_chat(connection, count // 2))[:12]:
                    await hits.count_since(connection, made.query_id, NOW - timedelta(days=7))

        async def alert() -> None:
            async with database.begin() as connection:
                assert len(await hits.to_alert(connection, 1, NOW, after_chat=0, limit=500)) == WANTING

        for name, work in (("list", listing), ("alert", alert)):
            sys.stdout.write(
                f"{count} people x {EACH}: {name:>5} {min([await timed(work) for _ in range(5)]):8.1f} ms\n"
            )
        week = Week(database, Clock(), AliasBook())
        await week.catch_up()

        async def search(text: str, person: int) -> None:
            await preview.search(week, [parse(text)], person=person)

        alone = await timed(lambda: search("title:Harvest", 0))
        hard = [f"(harv* OR town~ OR rain{n}) NEAR/100 Idlib" for n in range(HEAVY - 1)]
        heavy = [asyncio.create_task(search(text, n)) for n, text in enumerate(hard, start=1)]
        await asyncio.sleep(0)
        beside = await timed(lambda: search("title:market", 0))
        whole = await timed(lambda: asyncio.gather(*heavy))
        show(f"light search: alone {alone:.0f} ms; beside {len(hard)} heavy ones {beside:.0f} ms (rest {whole:.0f} ms)")
        week.close()


def show(line: str) -> None:
    """Print one row."""
    sys.stdout.write(f"{line}\n")


def main() -> None:
    """Run with as many people as the last argument says."""
    count = int(sys.argv[-1]) if sys.argv[-1].isdecimal() else 2000
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(f"sqlite:///{Path(folder) / 'waiting.db'}", count))


if __name__ == "__main__":
    main()
