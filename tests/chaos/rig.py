"""Rig of `make chaos`: the real program in a process of its own, and injected failures of everything around it.

A `Rig` has a database, a sandbox, feeds and chats. A round is one life of the program: it starts, news is published,
people type, requests fail, the clock runs fast, and it is killed at a failpoint or a random moment. Every other life
ends at a failpoint, each in turn, under conditions that lead to it. At the end of a season nothing fails until no work
is left. All randomness comes from a single seed.
"""

import asyncio
import json
import os
import random
import re
import resource
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from datetime import time as day_time
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from bot.models import Schedule
from bot.runtime import clock as bot_clock
from bot.runtime import failpoints
from bot.sandbox.faults import FailureMode, Fault
from bot.sandbox.server import Sandbox
from bot.schedules.digests import next_digest_at, period
from bot.storage import chats, schema, subscriptions
from bot.storage.backup import newest_backup_at
from bot.storage.database import Database
from tests.feedserver import FeedServer, item, rss

TOKEN = "7000000001:chaos-canary-that-nobody-may-log"
MOST_MIGRATIONS = 100
TYPED = {"updates-fetched", "updates-stored", "applying", "applied"}  # moments that come when somebody types
SPEEDS = (1.0, 60.0, 60.0)  # of the program's clock, while it lives; one is chosen for each life
FIRST_PERSON, FIRST_GROUP = 20_000, -3_000
FEEDS = 4
PROGRAMS = 3  # at most, at the same time
POINTS = (  # where the program can be told to end itself, and at which time of passing at the latest
    ("fetched", 4),
    ("read", 3),
    ("storing", 2),
    ("stored", 2),
    ("matching", 1),
    ("matched", 1),
    ("writing-alerts", 1),
    ("alerts-written", 1),
    ("freezing-digest", 1),
    ("digest-frozen", 1),
    ("claimed", 8),
    ("accepted", 12),
    ("marking", 6),
    ("marked", 6),
    ("updates-fetched", 1),
    ("updates-stored", 1),
    ("applying", 1),
    ("applied", 1),
    ("tidying", 10),
    ("backup", 1),
)
MIXED: tuple[
    tuple[FailureMode, float, dict[str, Any]], ...
] = (  # kind, share, details: of the requests that send a message
    (FailureMode.HANG_AFTER, 0.05, {"seconds": 0.7}),
    (FailureMode.HANG_BEFORE, 0.05, {"seconds": 0.7}),
    (FailureMode.FLOOD, 0.02, {"retry_after": 1}),
    (FailureMode.SERVER, 0.02, {"status": 502}),
    (FailureMode.MALFORMED, 0.01, {}),
    (FailureMode.CLOSE_AFTER, 0.01, {}),
    (FailureMode.CLOSE_BEFORE, 0.01, {}),
    (FailureMode.FORBIDDEN, 0.01, {}),
)
ZONES = ("Europe/Berlin", "America/New_York", "Africa/Cairo", "Asia/Damascus", "Australia/Lord_Howe")
SPRING = datetime(2027, 3, 27, 12, tzinfo=UTC)  # half a day before the clocks change in Europe
DIGEST_TIMES = ("02:30", "00:00", "08:00")
KEYWORDS = ("Idlib", "Aleppo", "Homs", "Latakia", "Raqqa", "Palmyra")
SYLLABLES = ("ka", "ro", "mi", "tel", "bar", "sun", "dov", "lin", "pex", "gra", "nu", "fol", "zet", "wem", "hi", "quo")
TWICE = 0.2  # of the articles, the share that two feeds have at the same moment
BIRTH = 120.0  # seconds the program may take to ask for updates, on a busy machine
LIFE = 2.5  # seconds a life lasts at most after its birth, if it is not to come to a named moment
ERRAND = 6.0  # seconds it has to come to one
BACKUP_EVERY = timedelta(hours=2)
BEFORE_THE_FIRST_POLL = ("fetched:1", "read:1", "storing:1", "stored:2")  # has ended for every feed: the first kills
FEED_SECRET = "key=feed-canary-that-nobody-may-show"
PATIENCE = 40  # times that the database is asked for an answer
QUIET = 60.0  # seconds it may take to become quiet
LONGEST_LEAP = 100.0  # minutes the program is dead: several in a row may not make a digest twelve hours late


@dataclass
class Life:
    """One life of the program."""

    began: float
    ended: float = 0.0
    how: str = ""
    status: int | None = None


@dataclass
class Rig:
    """The rig (see the module). `people` get alerts or a digest; `bug` names a function of `tests.chaos.planted`."""

    url: str
    folder: Path
    seed: int
    people: int = 24
    groups: int = 3
    bug: str | None = None
    mixed: Sequence[tuple[FailureMode, float, dict[str, Any]]] = MIXED
    sandbox: Sandbox = field(init=False)
    feeds: FeedServer = field(init=False)
    lives: list[Life] = field(default_factory=list)
    published: dict[str, float] = field(default_factory=dict)  # title → when
    typed: set[tuple[int, str]] = field(default_factory=set)  # (person, word): subscriptions made by typing
    paused: dict[int, float] = field(default_factory=dict)  # person → when told that they are
    migrated: dict[int, int] = field(default_factory=dict)
    blows: Counter[str] = field(default_factory=Counter)  # what was done to the program, how often
    breaks: list[float] = field(default_factory=list)  # when
    baseline: set[str] = field(default_factory=set)  # titles that the first polls had: no news
    closed: bool = True  # no feed is served: nothing is read before somebody watches something
    old: set[str] = field(default_factory=set)  # titles of seasons past, which retention may have removed
    doubtful: set[tuple[int, int, str]] = field(default_factory=set)  # (delivery, chat, text); retention removes rows
    links: dict[str, list[str]] = field(default_factory=dict)  # title → of its articles
    runs: set[tuple[int, int, str]] = field(default_factory=set)  # (run, chat, local date) of daily digests
    dates: set[tuple[int, str]] = field(default_factory=set)  # (chat, local date) on which one was due
    restless: list[str] = field(default_factory=list)  # what kept a season from becoming quiet
    slowness: float = 1.0  # of this machine, now: how many seconds the program took to be born, one at least
    lateness: Counter[float] = field(default_factory=Counter)  # upper bound in seconds → beats of the program's loop
    shown: datetime = field(default=SPRING)
    season: datetime = field(default=SPRING)  # when the present one began

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.database = Database(self.url)
        self.items: list[list[str]] = [[] for _ in range(FEEDS)]
        self.beats = self.folder / "beats"
        self.webs = [f"127.0.0.1:{_free_port()}" for _ in range(PROGRAMS)]
        self.life_of: dict[int, Life] = {}  # by process
        self.points: list[tuple[str, int]] = []  # whose turn is still to come
        self.clock_file = self.folder / "clock.json"
        self.log = self.folder / "bot.log"

    # ---- the clock ----

    def set_clock(self, shown: datetime, speed: float = 60.0) -> None:
        """Let the program's clock show a time, and go on from there."""
        self.shown = shown
        state = {"real": time.time(), "shown": shown.timestamp(), "speed": speed}
        new = self.clock_file.with_suffix(".new")
        new.write_text(json.dumps(state))
        new.replace(self.clock_file)

    def now(self) -> datetime:
        """Return what the program's clock shows."""
        return bot_clock.SetClock(self.clock_file).now()

    def leap(self, by: timedelta) -> None:
        """Put the clock forward; from there it runs at another speed."""
        self.set_clock(self.now() + by, self.random.choice(SPEEDS))

    # ---- the program ----

    def configuration(self, program: int = 0) -> Path:
        """Write the configuration of a program and return where."""
        path = self.folder / f"config{program}.toml"
        found = [
            f'[[sources]]\nurl = "{self.feeds.url(_address(number))}"\ntitle = "Feed {number}"'
            for number in range(FEEDS)
        ]
        path.write_text(
            f"""
            [telegram]
            token = "{TOKEN}"
            api_base_url = "{self.sandbox.base_url}"
            send_rate = 200
            [storage]
            url = "{self.url}"
            backup_dir = "{self.folder}/backups"
            backup_every = {BACKUP_EVERY.total_seconds()}
            backup_keep = 2
            [fetch]
            allow_networks = ["127.0.0.0/8"]
            timeout = 3
            [polling]
            interval = 1
            min_interval = 1
            max_interval = 1
            [limits]
            alerts_per_hour = 1000
            [web]
            listen = "{self.webs[program]}"
            [log]
            format = "json"
            """
            + "\n".join(found)
        )
        return path

    async def start(self, at: str = "", number: int = 0) -> asyncio.subprocess.Process:
        """Start the program (of several: one), to end itself at a named moment if one is given."""
        environment = os.environ | {
            bot_clock.VARIABLE: str(self.clock_file),
            failpoints.VARIABLE: at,
            "PYTHONUNBUFFERED": "1",
        }
        program = ["tests.chaos.planted", self.bug] if self.bug else ["bot"]
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *program, "run", "--config", str(self.configuration(number))),
                env=environment,
                stdout=log,
                stderr=log,
            )
        self.life_of[process.pid] = Life(time.monotonic())
        self.lives.append(self.life_of[process.pid])
        return process

    async def end(self, process: asyncio.subprocess.Process, how: str, number: int) -> None:
        """Send a signal, wait for the end, and note it."""
        if process.returncode is None:
            process.send_signal(number)
        async with asyncio.timeout(30):
            status = await process.wait()
        life = self.life_of[process.pid]
        life.ended, life.how, life.status = time.monotonic(), how, status
        self.breaks.append(life.ended)
        if status == -signal.SIGKILL:
            self.note("killed at a named moment" if ":" in how else "killed at random")

    def note(self, blow: str) -> None:
        """Count what was done to the program, and when."""
        self.blows[blow] += 1
        self.breaks.append(time.monotonic())

    # ---- the world ----

    def _open(self) -> None:
        """Let the clock run and the feeds be served, if they are not yet."""
        if not self.clock_file.exists():
            self.set_clock(self.shown)
            self.peace()

    async def prepare(self) -> None:
        """Make the chats and what they watch, before the program's first life; take the feeds as they are."""
        self._open()
        now = self.season = self.now()
        await self.database.migrate()
        async with self.database.begin() as connection:
            for number in range(self.people + self.groups):
                telegram_id = FIRST_PERSON + number if number < self.people else FIRST_GROUP - number
                kind = "private" if number < self.people else "group"
                if kind == "private":
                    self.sandbox.add_person(telegram_id)
                else:
                    self.sandbox.add_group(telegram_id, f"Group {number}")
                zone, at = ZONES[number % len(ZONES)], DIGEST_TIMES[number % len(DIGEST_TIMES)]
                values = {"telegram_id": telegram_id, "kind": kind, "zone": zone, "digest_time": at}
                values |= {"state": "active", "state_at": now, "created_at": now}
                chat_id = (
                    await connection.execute(sa.insert(schema.chat).values(values).returning(schema.chat.c.id))
                ).scalar_one()
                due = next_digest_at(now, _time_of(at), zone)
                await chats.set_slot(connection, chat_id, Schedule.DAILY, due)
                rare = kind == "group" or number % 4 == 3  # a group takes 18 a minute: alerts would never be through
                schedule = Schedule.DAILY if rare else Schedule.INSTANT
                for word in self.random.sample(KEYWORDS, 2):
                    await subscriptions.subscribe(
                        connection, chat_id=chat_id, text=word, label=word, schedule=schedule, now=now
                    )

    def _serve(self, number: int) -> None:
        if self.closed:
            self.feeds.serve(_path(number), "not yet", status=503)
            return
        self.feeds.serve(_path(number), rss(self.items[number], title=f"Feed {number}"))

    def publish(self, count: int) -> None:
        """Publish articles, each about one keyword and unlike all others; some in two feeds at once."""
        for _ in range(count):
            number = self.random.randrange(FEEDS)
            words = ["".join(self.random.choices(SYLLABLES, k=3)).capitalize() for _ in range(6)]
            title = f"{self.random.choice(KEYWORDS)} {' '.join(words)}"
            text = " ".join("".join(self.random.choices(SYLLABLES, k=3)) for _ in range(20))
            self.published[title] = time.monotonic()
            twice = bool(self.baseline) and self.random.random() < TWICE
            for feed in (number, (number + 1) % FEEDS) if twice else (number,):
                link = f"https://news.example/{self.seed}/{len(self.published)}/{feed}"
                self.links.setdefault(title, []).append(link)
                self.items[feed].insert(0, item(title, link, text=text, published=None))
                del self.items[feed][120:]
                self._serve(feed)

    def type_something(self) -> None:
        """Let somebody subscribe to a word nobody has, by typing."""
        person = FIRST_PERSON + self.random.randrange(self.people)
        word = "".join(self.random.choices(SYLLABLES, k=4)) + "ium"
        self.typed.add((person, word))
        self.sandbox.say(f"/subscribe {word}", user_id=person)

    def trouble(self) -> None:
        """Let Telegram and one of the feeds fail now and then."""
        faults = [
            Fault(kind, method="sendMessage", times=None, probability=share, **details)
            for kind, share, details in self.mixed
        ]
        self.sandbox.faults.clear()
        self.sandbox.faults.add(faults)
        path = _path(self.random.randrange(FEEDS))
        match self.random.randrange(7):
            case 0:
                self.feeds.serve(path, "gone wrong", status=500)
            case 1:
                self.feeds.send(path, b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n<rss><channel>")
            case 2:
                self.feeds.hang(path)
            case 3:
                self.feeds.serve(path, "later", status=429, headers={"Retry-After": "60"})
            case 4:
                self.feeds.serve(path, "<html><body>Please log in.</body></html>", content_type="text/html")
            case 5:
                self.feeds.drip(path, b"<rss><channel>" + b" " * 200)

    def peace(self) -> None:
        """Let everything work again."""
        self.sandbox.faults.clear()
        for number in range(FEEDS):
            self._serve(number)

    async def fill_disk(self, process: asyncio.subprocess.Process, seconds: float) -> None:
        """Let the database take nothing more for a while: no file may grow; or, on PostgreSQL, only reading goes."""
        self.note("disk full" if self.url.startswith("sqlite") else "server refuses to write")
        if self.url.startswith("sqlite"):
            _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, most))
            await asyncio.sleep(seconds)
            if process.returncode is None:
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
            return
        self._refuse_writing("on")
        await asyncio.sleep(seconds)
        self._refuse_writing("off")

    def _refuse_writing(self, on: str) -> None:
        """Let PostgreSQL refuse or take writes, and drop every connection of the program."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SET default_transaction_read_only = off")
            name = connection.info.dbname
            connection.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {on}")
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
                (name,),
            )

    # ---- rounds ----

    async def births(self, every: int) -> None:
        """Be killed in the middle of making the tables: after the first of its steps, and after each so many more."""
        self._open()
        for step in range(1, MOST_MIGRATIONS, every):
            process = await self.start(f"migrating:{step}")
            if await self._awake(process):
                await self.end(process, "SIGTERM", signal.SIGTERM)
                return
            await self.end(process, f"migrating:{step}", signal.SIGKILL)

    async def round(self, number: int, *, crash_at: str | None = None, full_disk: bool = False) -> None:
        """Live one life that ends by SIGKILL, at a named moment or a random one."""
        name = ""
        if number % 2 and not crash_at:
            name, most = self._next_point()
            crash_at = f"{name}:{self.random.randint(1, most)}"
            await self._lead_to(name)
        self.publish(self.random.randint(2, 5))
        self.trouble()
        process = await self.start(crash_at or "")
        await self._work(process, typing=name in TYPED or self.random.random() < 0.5, full_disk=full_disk)
        deadline = time.monotonic() + ERRAND * self.slowness
        while crash_at and process.returncode is None and time.monotonic() < deadline:
            self.publish(1)
            await self._ended(process, 0.5)
        await self._listen(process)
        how = crash_at if crash_at and process.returncode is not None else "at random"
        await self.end(process, how, signal.SIGKILL)
        self.peace()
        self.leap(timedelta(minutes=self.random.uniform(1, LONGEST_LEAP)))

    def _next_point(self) -> tuple[str, int]:
        """Return the named moment whose turn it is: all have one before any has its next."""
        if not self.points:
            self.points = self.random.sample(POINTS, len(POINTS))
        return self.points.pop()

    async def _lead_to(self, name: str) -> None:
        """Put the clock forward to when the program has a reason to come to a named moment."""
        if name in {"freezing-digest", "digest-frozen"}:
            next_at = (await self.ask(sa.select(sa.func.min(schema.digest_slot.c.due_at))))[0][0]
            self.set_clock(max(self.now(), next_at + timedelta(minutes=1)))
        elif name == "backup" and (newest := newest_backup_at(self.folder / "backups", self.now())):
            self.set_clock(max(self.now(), newest + BACKUP_EVERY + timedelta(minutes=1)))

    async def _work(self, process: asyncio.subprocess.Process, *, typing: bool, full_disk: bool) -> None:
        if not await self._awake(process):
            return
        self.publish(self.random.randint(1, 3))
        if typing:
            self.type_something()
        if self.random.random() < 0.1:
            self._move_a_group()
        if full_disk:
            await self.fill_disk(process, 1.5)
        await self._ended(process, self.random.uniform(0.2, LIFE) * self.slowness)

    async def _listen(self, process: asyncio.subprocess.Process, number: int = 0) -> None:
        """Ask the program how late its loop was by its own fault in this life, as Prometheus does."""
        if process.returncode is not None:
            return
        try:
            timeout = aiohttp.ClientTimeout(5)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"http://{self.webs[number]}/metrics") as answer,
            ):
                page = await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return  # it has just ended itself, or has not come so far
        before = 0
        for bound, count in re.findall(r'loop_blocked_seconds_bucket\{le="([^"]+)"\} (\d+)', page):
            self.lateness[float(bound)] += int(count) - before
            before = int(count)

    def _move_a_group(self) -> None:
        groups = [group for group in self._groups() if group not in self.migrated]
        if groups:
            old = self.random.choice(groups)
            self.migrated[old] = self.sandbox.migrate(old)

    def _groups(self) -> list[int]:
        return [FIRST_GROUP - number for number in range(self.people, self.people + self.groups)]

    async def _awake(self, process: asyncio.subprocess.Process) -> bool:
        """Wait until the program asks for updates; False if it ended before."""
        asked = sum(request.method.lower() == "getupdates" for request in self.sandbox.requests)
        began = time.monotonic()
        while process.returncode is None and time.monotonic() < began + BIRTH:
            if sum(request.method.lower() == "getupdates" for request in self.sandbox.requests) > asked:
                self.slowness = max(1.0, time.monotonic() - began)
                return True
            await asyncio.sleep(0.05)
        return False

    async def _ended(self, process: asyncio.subprocess.Process, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await process.wait()
        except TimeoutError:
            pass

    async def pause_somebody(self) -> None:
        """Let the first person pause, in a life without trouble, and note when they were told."""
        self.sandbox.say("/pause", user_id=FIRST_PERSON)
        await self.sandbox.until(
            lambda: any("Paused" in message["text"] for message in self.sandbox.sent_to(FIRST_PERSON)), 20, "the pause"
        )
        self.paused[FIRST_PERSON] = time.monotonic()

    @asynccontextmanager
    async def metronome(self) -> AsyncIterator[None]:
        """Measure, beside the program, how late this machine alone makes an event loop."""
        command = (sys.executable, "-m", "tests.chaos.metronome", str(self.beats))
        process = await asyncio.create_subprocess_exec(*command)
        try:
            yield
        finally:
            process.kill()
            await process.wait()

    async def first_kills(self, moments: Sequence[str] = BEFORE_THE_FIRST_POLL) -> None:
        """Be killed before the first poll of every feed has ended, while articles appear in them."""
        self.closed = False
        for number in range(FEEDS):
            self._serve(number)  # one that no article comes to is read, too
        for moment in moments:
            self.publish(3)
            process = await self.start(moment)
            await self._ended(process, BIRTH)
            await self.end(process, moment, signal.SIGKILL)
        self.publish(6)  # news in the feeds that were read by now, part of the first poll in the others

    async def warm_up(self) -> None:
        """Live until every feed was read once: what it shows then is no news."""
        process = await self.start()
        assert await self._awake(process)
        await self._read_once()
        await self.end(process, "SIGTERM", signal.SIGTERM)

    async def _read_once(self) -> None:
        """Wait until every feed was read once, and note what the first polls had."""
        source = schema.source.c
        async with asyncio.timeout(QUIET * self.slowness):
            while len(await self.ask(sa.select(source.id).where(source.baseline_done))) < FEEDS:
                await asyncio.sleep(0.1)
        entry = schema.entry.c
        self.baseline = {row[0] for row in await self.ask(sa.select(entry.title).where(entry.baseline))}

    async def new_season(self, shown: datetime) -> None:
        """Put the clock far forward, and live until every slot is one of this season."""
        self.set_clock(shown)
        process = await self.start()
        assert await self._awake(process)
        slot = schema.digest_slot.c
        async with asyncio.timeout(QUIET * self.slowness):
            while await self.ask(sa.select(slot.chat_id).where(slot.due_at < shown).limit(1)):
                await asyncio.sleep(0.1)
        await self.end(process, "SIGTERM", signal.SIGTERM)
        self.season = self.now()

    async def quiet(self) -> None:
        """Live without trouble until nothing waits; then leap to the next digests until nothing is owed."""
        self.peace()
        self.set_clock(self.now())
        process = await self.start()
        assert await self._awake(process)
        await self._settle()
        await self._listen(process)
        began = time.monotonic()
        await self.end(process, "SIGTERM", signal.SIGTERM)
        self.life_of[process.pid].how = f"SIGTERM, {time.monotonic() - began:.1f} s"

    async def _settle(self) -> None:
        """Wait until nothing is owed."""
        await self._come_back()
        for leaps in range(4):
            began = time.monotonic()
            while waits := await self._waits():
                if time.monotonic() > began + QUIET * self.slowness:
                    self.restless.append(f"{waits} after {time.monotonic() - began:.0f} s")
                    break
                await asyncio.sleep(0.25)
            if self.restless:  # that is a verdict; to wait for the other leaps would make it no better
                break
            if leaps == 1 and not self.paused:
                await self.pause_somebody()
            if leaps < 3:
                self.set_clock(self.now() + timedelta(hours=9))
        await self._remember()

    async def _remember(self) -> None:
        run, delivery, chat = schema.digest_run.c, schema.delivery.c, schema.chat.c
        doubtful = sa.select(delivery.id, chat.telegram_id, delivery.payload).where(delivery.uncertain_count > 0)
        rows = await self.ask(doubtful.join(schema.chat, chat.id == delivery.chat_id))
        self.doubtful |= {(row.id, row.telegram_id, row.payload["text"]) for row in rows}
        await self._remember_dates()
        daily = sa.select(run.id, run.chat_id, run.period).where(run.kind == "daily")
        self.runs |= {(row.id, row.chat_id, row.period[:10]) for row in await self.ask(daily)}
        self.old |= set(self.published)

    async def _remember_dates(self) -> None:
        """Note on which local dates of this season a chat was due its digest, if nothing ever kept it from having one.

        A chat that was refused, or paused, since the season began may have missed some; it counts for "not two" alone.
        """
        chat, now = schema.chat.c, self.now()
        always = sa.select(chat.id, chat.zone, chat.digest_time).where(chat.state_at == chat.created_at)
        for row in await self.ask(always):
            at = _time_of(row.digest_time)
            due = next_digest_at(self.season, at, row.zone)
            while due < now - timedelta(minutes=30):  # one that is just due may still be in the making
                self.dates.add((row.id, period(Schedule.DAILY, due, row.zone)))
                due = next_digest_at(due, at, row.zone)

    async def _come_back(self) -> None:
        """Let everybody whom a refusal blocked write again, as people do who have unblocked the bot."""
        for chat_id in await self.chats_in_state("blocked"):
            if chat_id in self.sandbox.world.chats:
                self.sandbox.say("/start", chat_id=chat_id, user_id=chat_id if chat_id > 0 else None)

    async def chats_in_state(self, state: str) -> list[int]:
        """Return the Telegram ids of the chats in a state."""
        statement = sa.select(schema.chat.c.telegram_id).where(schema.chat.c.state == state)
        return [row[0] for row in await self.ask(statement)]

    async def _waits(self) -> list[str]:
        """Return what still has to be fetched, matched, written, frozen, sent or answered."""
        d, e, i, s = schema.delivery.c, schema.entry.c, schema.inbox.c, schema.digest_slot.c
        questions = {
            "messages": sa.select(d.id, d.kind, d.state).where(
                d.state.in_(["READY", "SENDING", "UNCERTAIN"]),
                sa.or_(d.kind != "edit", d.not_before <= self.now()),  # one of an edit's next minutes is for later
            ),
            "entries": sa.select(e.id).where(sa.or_(e.matched_at_version.is_(None), e.alerted_to.is_not(None))),
            "updates": sa.select(i.update_id).where(i.state == "NEW"),
            "digests": sa.select(s.chat_id, s.due_at).where(s.due_at <= self.now()),
        }
        found = {name: await self.ask(question.limit(3)) for name, question in questions.items()}
        known = {row[0] for row in await self.ask(sa.select(e.title))}
        found["articles"] = sorted(set(self.published) - known - self.old)
        found["sandbox's updates"] = list(self.sandbox.world.updates)
        return [f"{name}: {list(what)[:3]}" for name, what in found.items() if what]

    async def ask(self, statement: Any) -> Sequence[Any]:
        """Ask the database something, from outside."""
        for _ in range(PATIENCE):
            try:
                async with self.database.read() as connection:
                    return (await connection.execute(statement)).all()
            except DBAPIError:  # PostgreSQL dropped every connection, ours too, or is just starting
                await asyncio.sleep(0.5)
        raise TimeoutError("the database does not answer")


def _path(number: int) -> str:
    return f"/{number}.xml"


def _address(number: int) -> str:
    """Return how the program knows a feed; the first one's address holds a secret, as private feeds' do."""
    return _path(number) + (f"?{FEED_SECRET}" if number == 0 else "")


def _time_of(text: str) -> day_time:
    """Return the time of day that "08:00" says."""
    return day_time.fromisoformat(text)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
