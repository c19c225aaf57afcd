"""Complete polls over loopback, database included, compared with httpx and feedparser in sequence.

`make bench ARGS=polling`; needs WATCHWORD_DATA. Nine in ten documents are unchanged, the tenth has one new item.
The server sends no validators, so each body is sent and compared. WATCHWORD_POLLS is the number of polls (100000 for a
soak test: memory must be flat). The lag is that of the poller's event loop; the feed server is another process.
"""

import asyncio
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import feedparser
import httpx
import structlog
from yarl import URL

from bot.models import Source
from bot.pipeline.ingest import Ingester
from bot.pipeline.poll import Poller
from bot.runtime.clock import Clock
from bot.runtime.wakeups import Wakeups
from bot.sources.http.fetch import Fetcher
from bot.sources.http.guard import AddressGuard
from bot.sources.reading.pool import FeedParser
from bot.storage import sources
from bot.storage.database import Database
from tests.benchmarks import parsing
from tests.pipeline.rig import SETTINGS

FEEDS = 500
POLLS = int(os.environ.get("WATCHWORD_POLLS", "5000"))
# Two feeds each: as many as one host is asked for at once.
HOSTS = [f"127.0.0.{number}" for number in range(2, 252)]
PLAIN = 60


def main() -> None:
    """Print polls a second of both, the lag of the loop, and memory along the way."""
    data = os.environ.get("WATCHWORD_DATA")
    if not data:
        sys.exit("WATCHWORD_DATA does not point at the feeds")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    pool = parsing.items(Path(data) / "data" / "feeds" / "real-feeds.tar.xz")
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, pool), daemon=True)
    server.start()
    port = ours.recv()
    urls = [f"http://{HOSTS[number % len(HOSTS)]}:{port}/{number}" for number in range(FEEDS)]
    try:
        plain = one_after_another(urls)
        with tempfile.TemporaryDirectory() as directory:
            asyncio.run(measure(urls, directory, plain))
    finally:
        server.terminate()
        server.join()


def serve(ready: Connection, pool: list[bytes]) -> None:
    """Serve the feeds: every tenth answer of a feed has one new item at its top."""
    asyncio.run(_serve(ready, pool))


async def _serve(ready: Connection, pool: list[bytes]) -> None:
    source = random.Random(5)
    shown = [source.sample(pool, parsing.ITEMS) for _ in range(FEEDS)]
    asked = [source.randrange(10) for _ in range(FEEDS)]
    made = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal made
        try:
            while line := await reader.readline():
                while (await reader.readline()).strip():
                    pass
                number = int(URL(line.split()[1].decode()).path.strip("/"))
                asked[number] += 1
                if asked[number] % 10 == 0:
                    made += 1
                    new = f"<item><title>New {made}</title><guid>new-{made}</guid><link>https://n.example/{made}</link></item>"
                    shown[number] = [new.encode(), *shown[number][:-1]]
                body = parsing.HEAD + b"".join(shown[number]) + parsing.TAIL
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(body) + body
                )
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    first = await asyncio.start_server(answer, HOSTS[0], 0)
    port = first.sockets[0].getsockname()[1]
    await asyncio.start_server(answer, HOSTS[1:], port)
    ready.send(port)
    await first.serve_forever()


def one_after_another(urls: list[str]) -> float:
    """Return seconds a poll with httpx and feedparser alone: nothing is stored."""
    with httpx.Client(trust_env=False) as client:
        started = time.perf_counter()
        for url in urls[:PLAIN]:
            feedparser.parse(client.get(url).content)
        return (time.perf_counter() - started) / PLAIN


async def measure(urls: list[str], directory: str, plain: float) -> None:
    """Poll until POLLS are made, and print."""
    clock, wakeups, stop, lags = Clock(), Wakeups(), asyncio.Event(), list[float]()
    guard = AddressGuard(["127.0.0.0/8"])
    async with Database(f"sqlite:///{directory}/w.db") as database, Fetcher(guard) as fetcher, FeedParser() as parser:
        async with database.begin() as connection:
            for url in urls:
                await sources.add(connection, url=url, title="", now=clock.now())
        ingester = Ingester(database, parser, clock, wakeups, SETTINGS)
        poller = Poller(database, fetcher, parser, clock, wakeups, ingester)
        done = Counter(poller, wakeups, database)
        async with asyncio.TaskGroup() as group:
            group.create_task(poller.run(stop))
            watching = group.create_task(watch(lags))
            await done.reach(FEEDS)  # the first poll of each, which reads all of it
            started, spent = time.perf_counter(), time.process_time()
            for part in range(1, 6):
                await done.reach(FEEDS + POLLS * part // 5)
                show(f"{done.count - FEEDS:7} polls: {memory():.0f} MiB in this process")
            polls = done.count - FEEDS
            took, work = (time.perf_counter() - started) / polls, (time.process_time() - spent) / polls
            stop.set()
            watching.cancel()
            wakeups.wake_all()
    lags.sort()
    show(f"httpx + feedparser, nothing stored {1 / plain:7.1f} polls a second")
    show(f"watchword, stored                  {1 / took:7.1f} polls a second{plain / took:8.1f} x")
    show(f"processor time of this process, readers and server apart: {work * 1000:.2f} ms a poll")
    show(
        f"event loop lag: median {lags[len(lags) // 2] * 1000:.1f} ms, p99 {lags[len(lags) * 99 // 100] * 1000:.1f} ms"
    )


class Counter:
    """Counts polls, and makes every source due again while more are wanted."""

    def __init__(self, poller: Poller, wakeups: Wakeups, database: Database) -> None:
        self.count = 0
        self.poller = poller
        self.database = database
        self.wakeups = wakeups
        self._poll = poller.poll
        poller.poll = self.counted  # type: ignore[method-assign]

    async def counted(self, source: Source) -> None:
        """Poll, and count it."""
        await self._poll(source)
        self.count += 1

    async def reach(self, count: int) -> None:
        """Let polls go on until there were so many."""
        while self.count < count:
            async with self.database.begin() as connection:
                await sources.make_due(connection, self.poller.clock.now())
            self.wakeups.wake_all()
            await asyncio.sleep(0.25)


async def watch(lags: list[float]) -> None:
    """Note how late the loop comes back, a hundred times a second."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.01)
        lags.append(time.perf_counter() - before - 0.01)


def memory() -> float:
    """Return the most memory this process ever had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show(line: str) -> None:
    """Write a line of the report."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
