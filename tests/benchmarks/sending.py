"""Sender against a sandbox with Telegram's limits: rate, 429s, and the latency of answers meanwhile.

    python -m tests.benchmarks.sending [--messages 3000] [--paid 10000] [--url postgresql://…]

The sandbox is another process and responds after 50 ms. "window" is the maximum of messages in any sliding second, as
received by the sandbox. Targets: 98 % of 30 a second without a 429, answers with p99 < 300 ms; and 1,000 a
second with allow_paid_broadcast, at most 3 % over in any window.
"""

import argparse
import asyncio
import itertools
import multiprocessing
import os
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection

import sqlalchemy as sa

from bot.delivery.telegram.client import TelegramBot
from bot.delivery.telegram.errors import outcome
from bot.delivery.telegram.http import AiohttpRequest
from bot.delivery.telegram.limiter import Limiter
from bot.delivery.telegram.send import send
from bot.pipeline.send import Sender
from bot.runtime.clock import Clock
from bot.runtime.liveness import Pulse
from bot.runtime.log import configure
from bot.runtime.wakeups import Step, Wakeups
from bot.sandbox.limits import FloodLimits
from bot.sandbox.server import Sandbox
from bot.storage import chats, deliveries
from bot.storage.database import Database
from bot.storage.schema import chat, delivery

LATENCY = 0.05  # seconds an answer of the Bot API takes
TOKEN = "7000000001:benchmark"
FIRST = 10_000  # Telegram's id of the first chat
ASKING = 200  # the first chats, which ask for something meanwhile
ASK_EVERY = 0.5  # seconds
RATE = 30
PAID_RATE = 1000
CHUNK = 500
PEOPLE = 300_000


@dataclass
class Result:
    """What one run was like. Times in seconds, rates per second."""

    times: list[float]
    refused: int
    cpu: float  # of the bot's process
    answers: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Messages a second, from the first to the last."""
        return (len(self.times) - 1) / (self.times[-1] - self.times[0])

    @property
    def window(self) -> int:
        """The most messages in any second."""
        most = start = 0
        for end, at in enumerate(self.times):
            while self.times[start] <= at - 1.0:
                start += 1
            most = max(most, end - start + 1)
        return most

    def show(self, name: str) -> None:
        """Print a line."""
        answers = sorted(self.answers)
        p50, p99 = (answers[int(len(answers) * part)] * 1000 if answers else 0 for part in (0.5, 0.99))
        waits = f"; {len(answers)} answers after p50 {p50:.0f} ms, p99 {p99:.0f} ms" if answers else ""
        cost = f"{self.cpu / len(self.times) * 1000:.2f} ms of CPU each"
        sys.stdout.write(
            f"{name}: {len(self.times)} sent, {self.rate:.2f}/s, window {self.window}, 429: {self.refused}, "
            f"{cost}{waits} (load {os.getloadavg()[0]:.1f})\n"
        )


async def serve(pipe: Connection, people: int) -> None:
    """Run a sandbox with limits until told to stop, then report what it received."""
    async with Sandbox(token=TOKEN, limits=FloodLimits(), latency=LATENCY, keep=1_000_000) as sandbox:
        for number in range(people):
            sandbox.add_person(FIRST + number)
        pipe.send(sandbox.base_url)
        while not pipe.poll():
            await asyncio.sleep(0.1)
        refused = sum(request.status == 429 for request in sandbox.requests)
        pipe.send(([message["at"] for message in sandbox.sent], refused))


def run_server(pipe: Connection, people: int) -> None:
    """Run the sandbox's process."""
    asyncio.run(serve(pipe, people))


async def make_people(database: Database, number: int) -> list[int]:
    """Make active private chats and return their ids of ours."""
    now = Clock().now()
    same = {"kind": "private", "zone": "UTC", "digest_time": "08:00", "state": chats.ACTIVE}
    rows = [{"telegram_id": FIRST + index, "state_at": now, "created_at": now, **same} for index in range(number)]
    async with database.begin() as connection:
        for start in range(0, number, CHUNK):
            await connection.execute(sa.insert(chat), rows[start : start + CHUNK])
        return list((await connection.execute(sa.select(chat.c.id).order_by(chat.c.telegram_id))).scalars())


async def owe(database: Database, chat_ids: Sequence[int], kind: deliveries.DeliveryKind) -> None:
    """Owe each chat a message."""
    now = Clock().now()
    same = {"kind": kind, "priority": deliveries.PRIORITY[kind], "payload": {"text": "<b>News</b> of today"}}
    rows = [
        {"chat_id": chat_id, "state": "READY", "not_before": now, "created_at": now, **same} for chat_id in chat_ids
    ]
    async with database.begin() as connection:
        for start in range(0, len(rows), CHUNK):
            await connection.execute(sa.insert(delivery), rows[start : start + CHUNK])


async def ask(database: Database, wakeups: Wakeups, chat_ids: Sequence[int], stop: asyncio.Event) -> None:
    """Owe one chat after another an answer, as commands do, until told to stop."""
    for chat_id in itertools.cycle(chat_ids):
        if stop.is_set():
            return
        await owe(database, [chat_id], deliveries.REPLY)
        wakeups.wake(Step.SEND)
        await asyncio.sleep(ASK_EVERY)


async def waited(database: Database) -> list[float]:
    """Return how long each answer took, from its commit to the mark."""
    async with database.read() as connection:
        table = delivery.c
        found = await connection.execute(
            sa.select(table.created_at, table.ended_at).where(table.kind == deliveries.REPLY, table.state == "SENT")
        )
        return [(row.ended_at - row.created_at).total_seconds() for row in found]


async def measure(url: str, pipe: Connection, messages: int, *, paid: bool) -> Result:
    """Send a digest to each of `messages` chats, with answers in between unless paid."""
    wakeups, stop = Wakeups(), asyncio.Event()
    request = AiohttpRequest()
    async with Database(url) as database, TelegramBot(TOKEN, pipe.recv(), request=request) as bot:
        everybody = await make_people(database, messages + ASKING)
        await owe(database, everybody[ASKING:], deliveries.DIGEST)
        clock = Clock()
        began = time.process_time()
        rate = PAID_RATE if paid else RATE
        sender = Sender(database, partial(send, bot), outcome, clock, wakeups, Pulse(clock), rate=rate, paid=paid)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(sender.run(stop))
            if not paid:
                group.create_task(ask(database, wakeups, everybody[:ASKING], stop))
            while await waiting(database):
                await asyncio.sleep(0.25)
            stop.set()
            wakeups.wake_all()
            await sending
        pipe.send("stop")
        times, refused = pipe.recv()
        return Result(times, refused, time.process_time() - began, await waited(database))


async def waiting(database: Database) -> bool:
    """Say whether anything is still to be sent."""
    async with database.read() as connection:
        where = delivery.c.state.in_(deliveries.OPEN)
        return (await connection.execute(sa.select(delivery.c.id).where(where).limit(1))).first() is not None


def run(messages: int, *, paid: bool, url: str | None = None) -> Result:
    """Run once with a sandbox of its own; without `url` in a new SQLite file."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=run_server, args=(there, messages + ASKING), daemon=True)
    server.start()
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(measure(url or f"sqlite:///{folder}/bench.db", here, messages, paid=paid))
    server.join(10)
    return result


def remembered(people: int) -> int:
    """Return how many bytes a limiter takes at most while each of `people` gets a message, a thousand a second."""
    limiter = Limiter(PAID_RATE)
    tracemalloc.start()
    for person in range(people):
        now = person / PAID_RATE
        limiter.available(now)
        limiter.busy(now)
        limiter.take(FIRST + person, group=False, now=now)
        limiter.landed(now, now, arrived=True)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=3_000)
    parser.add_argument("--paid", type=int, default=10_000)
    parser.add_argument("--url", help="an empty database; without it, a new SQLite file")
    options = parser.parse_known_args()[0]
    configure("WARNING", "console")
    sys.stdout.write(f"the limiter remembers {remembered(PEOPLE) / 1024:.0f} kB of {PEOPLE:,} chats\n")
    if options.messages:
        run(options.messages, paid=False, url=options.url).show("30 a second")
    if options.paid:
        run(options.paid, paid=True, url=options.url).show("paid")


if __name__ == "__main__":
    main()
