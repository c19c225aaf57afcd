"""`make soak`: a long run of the real program, with a verdict whether its memory, descriptors and tables are flat.

python -m tests.soak [--articles 100000] [--database sqlite|postgresql]

A year of the program's time: articles come in batches, each wave of alerts is sent to the end, people type, and the
clock goes forward so that retention removes what is old. Every alert that is due must arrive. Exit status 1 if one did
not, or if something grew in the last quarter of the run.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.models import Schedule
from bot.runtime import clock as bot_clock
from bot.sandbox.server import Sandbox
from bot.storage import schema, subscriptions
from bot.storage.database import Database
from tests.chaos.__main__ import postgresql, say
from tests.chaos.rig import TOKEN
from tests.feedserver import FeedServer, item, rss
from tests.soak.measure import Series, of_database, of_process, table

FEEDS, PEOPLE, FIRST_PERSON = 8, 100, 30_000
BATCHES = 200  # at most
SMALLEST = 50  # articles of a batch
YEAR = timedelta(days=360)  # the longest retention is 90 days
SHOWN = 20  # items of a feed's document
WATCHED = 10  # of so many articles one is watched
VOCABULARY = 20_000  # words: what is remembered of words is bounded, and full when as many were read
TYPING = 4  # people who type after each batch
PATIENCE = 120.0  # seconds for a batch


@dataclass
class Soak:
    """One run. `alerts` are the titles that somebody watches, with who does."""

    url: str
    folder: Path
    articles: int
    sandbox: Sandbox
    feeds: FeedServer
    shown: datetime = datetime(2027, 1, 1, 9, tzinfo=UTC)
    alerts: dict[str, int] = field(default_factory=dict)
    found: dict[str, Series] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.database = Database(self.url)
        self.batch = max(SMALLEST, self.articles // BATCHES)
        self.leap = YEAR / (self.articles / self.batch)
        self.items: list[list[str]] = [[] for _ in range(FEEDS)]
        self.clock_file = self.folder / "clock.json"
        self.lost: list[str] = []

    async def run(self) -> None:
        """Live until every article was published and what it led to was sent."""
        await self._prepare()
        process = await self._start()
        began, published = time.monotonic(), 0
        try:
            await self._until(lambda: self._count(schema.source, schema.source.c.baseline_done, FEEDS))
            while published < self.articles:
                published += await self._one_batch(published)
                await self._measure(process.pid, published, time.monotonic() - began)
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()
            await self.database.close()

    async def _one_batch(self, number: int) -> int:
        titles = self._publish(number)
        self._set_clock(self.shown + self.leap)  # now every feed is due, once: a leap in a poll would end its lease
        started = self.shown
        for person in range(TYPING):
            chat = FIRST_PERSON + (number // self.batch + person * 17) % PEOPLE
            self.sandbox.say("/digest" if person % 2 else "/list", user_id=chat)
        entry = schema.entry.c
        await self._until(lambda: self._count(schema.entry, entry.seen_at >= started, self.batch))
        await self._until(self._is_done)
        told = "\n".join(message["text"] for message in self.sandbox.sent if message["method"].lower() == "sendmessage")
        self.lost += [title for title in titles if title in self.alerts and title not in told]
        self.sandbox.world.sent.clear()
        return self.batch

    def _publish(self, number: int) -> list[str]:
        titles = []
        for article in range(number, number + self.batch):
            person = article // WATCHED % PEOPLE if article % WATCHED == 0 else None
            word = f"subject{person}q" if person is not None else f"nobody{article % 997}q"
            title = f"{word} {_words(article)}"
            feed, link = article % FEEDS, f"https://news.example/{article}"
            text = f"{_words(article * 7 + 1)} {_words(article * 11 + 2)} {_words(article * 13 + 3)}"
            self.items[feed].insert(0, item(title, link, text=text, published=None))
            titles.append(title)
            if person is not None and person % 5:
                self.alerts[title] = person
        longest = max(SHOWN, self.batch // FEEDS + SHOWN)
        for feed in range(FEEDS):
            del self.items[feed][longest:]
            self._serve(feed)
        return titles

    async def _measure(self, pid: int, articles: int, seconds: float) -> None:
        measured = of_process(pid) | await of_database(self.database)
        for name, value in measured.items():
            self.found.setdefault(name, Series(name)).values.append((articles, value))
        if articles % (self.batch * 10) == 0:
            rows = sum(value for name, value in measured.items() if name.startswith("rows"))
            say(
                f"{articles:8,} articles {seconds:6.0f} s  RSS {measured['RSS MiB']:6.1f} MiB  parser "
                f"{measured['parser MiB']:6.1f} MiB  {measured['descriptors']:3.0f} descriptors  {rows:9,.0f} rows  "
                f"{measured['database MiB']:6.1f} MiB of database"
            )

    # ---- the world ----

    async def _prepare(self) -> None:
        self._set_clock(self.shown)
        for feed in range(FEEDS):
            self._serve(feed)
        await self.database.migrate()
        async with self.database.begin() as connection:
            for person in range(PEOPLE):
                self.sandbox.add_person(FIRST_PERSON + person)
                values = {
                    "telegram_id": FIRST_PERSON + person,
                    "kind": "private",
                    "zone": "UTC",
                    "digest_time": "08:00",
                }
                values |= {"state": "active", "state_at": self.shown, "created_at": self.shown}
                statement = sa.insert(schema.chat).values(values).returning(schema.chat.c.id)
                chat_id = (await connection.execute(statement)).scalar_one()
                word, schedule = f"subject{person}q", Schedule.INSTANT if person % 5 else Schedule.DAILY
                await subscriptions.subscribe(
                    connection, chat_id=chat_id, text=word, label=word, schedule=schedule, now=self.shown
                )

    def _serve(self, feed: int) -> None:
        self.feeds.serve(f"/{feed}.xml", rss(self.items[feed], title=f"Feed {feed}"))

    def _set_clock(self, shown: datetime) -> None:
        self.shown = shown
        new = self.clock_file.with_suffix(".new")
        new.write_text(json.dumps({"real": time.time(), "shown": shown.timestamp(), "speed": 1.0}))
        new.replace(self.clock_file)

    async def _start(self) -> asyncio.subprocess.Process:
        config = self.folder / "config.toml"
        sources = "".join(f'[[sources]]\nurl = "{self.feeds.url(f"/{feed}.xml")}"\n' for feed in range(FEEDS))
        config.write_text(
            f'[telegram]\ntoken = "{TOKEN}"\napi_base_url = "{self.sandbox.base_url}"\nsend_rate = 200\n'
            f'[storage]\nurl = "{self.url}"\nretention = {timedelta(days=30).total_seconds()}\n'
            '[fetch]\nallow_networks = ["127.0.0.0/8"]\n[limits]\nalerts_per_hour = 1000\n'
            f'[polling]\ninterval = 3600\nmin_interval = 3600\nmax_interval = 3600\n[log]\nlevel = "WARNING"\n{sources}'
        )
        environment = os.environ | {bot_clock.VARIABLE: str(self.clock_file)}
        with (self.folder / "bot.log").open("wb") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.soak.program", str(config)), env=environment, stdout=log, stderr=log
            )

    async def _count(self, of: sa.Table, where: sa.ColumnElement[bool], wanted: int) -> bool:
        found = await self._ask(sa.select(sa.func.count()).select_from(of).where(where))
        return int(found[0][0]) >= wanted

    async def _is_done(self) -> bool:
        """Return whether nothing is to be matched, alerted, sent or answered."""
        entry, delivery, inbox = schema.entry.c, schema.delivery.c, schema.inbox.c
        waiting = (
            sa.select(entry.id).where(sa.or_(entry.matched_at_version.is_(None), entry.alerted_to.is_not(None))),
            sa.select(delivery.id).where(delivery.state.in_(["READY", "SENDING", "UNCERTAIN"])),
            sa.select(inbox.update_id).where(inbox.state == "NEW"),
        )
        return not self.sandbox.world.updates and not any([await self._ask(one.limit(1)) for one in waiting])

    async def _ask(self, statement: Any) -> Sequence[Any]:
        async with self.database.read() as connection:
            return (await connection.execute(statement)).all()

    async def _until(self, condition: Any) -> None:
        async with asyncio.timeout(PATIENCE):
            while not await condition():
                await asyncio.sleep(0.1)


def _words(seed: int) -> str:
    """Return eight words of a language that has many: headlines that are alike would be one story."""
    chosen = random.Random(seed)
    return " ".join(f"w{chosen.randrange(VOCABULARY):x}" for _ in range(8))


async def soak(url: str, folder: Path, articles: int) -> int:
    """Run, print what was measured, and return the exit status."""
    async with Sandbox(token=TOKEN) as sandbox, FeedServer() as feeds:
        run = Soak(url, folder, articles, sandbox, feeds)
        say(f"{url.partition(':')[0]}: {articles:,} articles, {run.batch} at a time, in a year of the program's time")
        await run.run()
    grown = [series.name for series in run.found.values() if not series.is_flat()]
    say("\n".join(table(list(run.found.values()))))
    say(f"alerts due: {len(run.alerts):,}, missing: {len(run.lost)}" + (f", such as {run.lost[0]}" if run.lost else ""))
    say(f"verdict: {'flat' if not grown else 'GROWS: ' + ', '.join(grown)}")
    return int(bool(grown or run.lost))


def main() -> int:
    """Run and return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if options.database == "sqlite":
            return asyncio.run(soak(f"sqlite:///{folder}/soak.db", folder, options.articles))
        with postgresql(folder) as (url, _):
            return asyncio.run(soak(url, folder, options.articles))


if __name__ == "__main__":
    sys.exit(main())
