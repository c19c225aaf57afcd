"""Separate processes of the program: several on one database, stopped and resumed, in poor surroundings, broken."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.runtime import clock
from bot.sandbox.faults import FailureMode
from bot.sandbox.people import BEN
from bot.storage import schema
from tests.flows.living import TOKEN, Bot, nothing_unmatched
from tests.flows.test_delivery import watch

POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
UNLIKE = (
    "schools reopen after floods",
    "market burns down overnight",
    "hosts regional chess finals",
    "bakers demand cheaper wheat",
    "airport runway gets lights",
    "museum shows mosaic floor",
)
EVENTS = (
    "Museum shows mosaic floor from Palmyra to{} visitors",
    "Bakers in Cairo refuse{} cheaper wheat from ministry",
    "Airport in Basra opens{} second runway after floods",
)
ALIKE = ("", " its", " all", " some", " any", " more")  # each makes another text of one event
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@dataclass
class Program:
    """A running program and its log."""

    process: asyncio.subprocess.Process
    log: Path

    async def has_logged(self, words: str, timeout: float = 30.0) -> None:
        async with asyncio.timeout(timeout):
            while words not in self.log.read_text():
                assert self.process.returncode is None, self.log.read_text()[-2000:]
                await asyncio.sleep(0.05)


def configuration(bot: Bot, folder: Path) -> Path:
    file = folder / "config.toml"
    file.write_text(
        f'[telegram]\ntoken = "{TOKEN}"\napi_base_url = "{bot.sandbox.base_url}"\n'
        f'[storage]\nurl = "{bot.database_url}"\n[fetch]\nallow_networks = ["127.0.0.0/8"]\n'
        f"[polling]\ninterval = 1\nmin_interval = 1\nmax_interval = 1\n"
        f'[[sources]]\nurl = "{bot.feeds.url("/feed.xml")}"\n'
    )
    return file


@asynccontextmanager
async def running(
    bot: Bot, folder: Path, name: str = "log", *, program: Sequence[str] = ("-m", "bot")
) -> AsyncIterator[Program]:
    """Run the program until the end of the block, whatever becomes of it; its clock is the file `clock`, if there."""
    environment = os.environ | ({clock.VARIABLE: str(folder / "clock")} if (folder / "clock").exists() else {})
    with (folder / name).open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *program, "run", "--config", str(configuration(bot, folder))), env=environment, stderr=log
        )
    try:
        yield Program(process, folder / name)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def set_clock(folder: Path, ahead: timedelta) -> None:
    """Let the programs' clocks be ahead of the machine's."""
    now = time.time()
    new = folder / "clock.new"
    new.write_text(json.dumps({"real": now, "shown": now + ahead.total_seconds(), "speed": 1.0}))
    new.replace(folder / "clock")


def about(bot: Bot, title: str) -> list[str]:
    return [one["text"] for one in bot.sandbox.sent_to(BEN) if title in one["text"]]


@POSTGRESQL
async def test_two_processes_on_one_database_send_each_thing_once_and_one_goes_on_alone(
    bot: Bot, tmp_path: Path
) -> None:
    async with bot.running():
        await watch(bot)
    titles = [f"Idlib {words}" for words in UNLIKE]
    async with running(bot, tmp_path, "first") as first, running(bot, tmp_path, "second") as second:
        await first.has_logged("started")
        await second.has_logged("started")
        for title in titles[:4]:
            bot.news(title)
        await bot.sandbox.until(lambda: all(about(bot, title) for title in titles[:4]), 40, "all four")
        first.process.kill()
        for title in titles[4:]:
            bot.news(title)
        await bot.sandbox.until(lambda: all(about(bot, title) for title in titles[4:]), 40, "what came afterwards")
        second.process.send_signal(signal.SIGTERM)
        assert await second.process.wait() == 0
    assert [len(about(bot, title)) for title in titles] == [1] * len(titles)


@POSTGRESQL
async def test_a_process_that_was_stopped_past_its_lease_and_resumes_sends_and_marks_nothing_more(
    bot: Bot, tmp_path: Path
) -> None:
    async with bot.running():
        await watch(bot)
    set_clock(tmp_path, timedelta())
    async with running(bot, tmp_path, "first") as first:
        await first.has_logged("started")
        bot.sandbox.fail(FailureMode.SLOW, method="sendMessage", chat_id=BEN, seconds=1.0)
        bot.news("Schools reopen in Idlib")
        await bot.sandbox.until(lambda: len(about(bot, "Schools")) == 1, 30, "the message")
        first.process.send_signal(signal.SIGSTOP)  # Telegram has it; its answer is not heard
        set_clock(tmp_path, timedelta(minutes=5))
        async with running(bot, tmp_path, "second") as second:
            await second.has_logged("deliveries left waiting")
            set_clock(tmp_path, timedelta(minutes=10))
            await bot.sandbox.until(lambda: len(about(bot, "Schools")) == 2, 30, "the one marked copy")
            await bot.until(_all_sent)
            first.process.send_signal(signal.SIGCONT)
            await first.has_logged("marks came too late")
            assert await bot.states() == {"SENT": 1}
    assert [text.startswith("↻") for text in about(bot, "Schools")] == [False, True]


async def watch_palmyra(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        confirmation = await bot.say("/subscribe Palmyra")
        bot.sandbox.press(confirmation["message_id"], "At once", user_id=BEN)
        await bot.polled()


async def publish_alike(bot: Bot, variant: str) -> None:
    """Publish one more text of each event, and wait until all that is stored was matched."""
    for event in EVENTS:
        bot.news(event.format(variant))

    async def matched(connection: AsyncConnection) -> bool:
        stored = sa.select(sa.func.count()).select_from(schema.entry)
        return (await connection.execute(stored)).scalar_one() == len(bot.items) and await nothing_unmatched(connection)

    await bot.until(matched, timeout=150)  # a process that is stopped within a transaction has its locks for a minute


async def story_sizes(bot: Bot) -> list[int]:
    sizes: list[int] = []

    async def read(connection: AsyncConnection) -> bool:
        sizes.extend((await connection.execute(sa.select(schema.story.c.size).order_by(schema.story.c.id))).scalars())
        return True

    await bot.until(read)
    return sizes


@POSTGRESQL
async def test_two_processes_match_each_entry_once_and_keep_alike_titles_in_one_story(bot: Bot, tmp_path: Path) -> None:
    await watch_palmyra(bot)
    async with running(bot, tmp_path, "first") as first, running(bot, tmp_path, "second") as second:
        await first.has_logged("started")
        await second.has_logged("started")
        for variant in ALIKE:
            await publish_alike(bot, variant)
        await bot.until(_all_sent)
        assert await story_sizes(bot) == [len(ALIKE)] * len(EVENTS)
    assert len(about(bot, "Palmyra to")) == 1


STOPS_AFTER_ANALYSIS = """
import os, signal, sys
from pathlib import Path
from bot.cli import main as cli
from bot.pipeline.match import Matcher

analyse, wish = Matcher._analyse, Path(sys.argv[-1]).with_name("stop")

def stopped(self, waiting):
    found = analyse(self, waiting)
    if wish.exists():
        wish.unlink()
        os.kill(os.getpid(), signal.SIGSTOP)
    return found

Matcher._analyse = stopped
sys.exit(cli.main(sys.argv[1:]))
"""


@POSTGRESQL
@pytest.mark.timeout(300)
async def test_a_matcher_that_was_stopped_past_its_lease_and_resumes_writes_nothing(bot: Bot, tmp_path: Path) -> None:
    """It stops with a batch analysed and not written. As the matcher again, it knows what others have placed."""
    await watch_palmyra(bot)
    set_clock(tmp_path, timedelta())
    async with running(bot, tmp_path, "first", program=("-c", STOPS_AFTER_ANALYSIS)) as first:
        await first.has_logged("started")
        async with running(bot, tmp_path, "second") as second:
            await second.has_logged("started")
            await publish_alike(bot, ALIKE[0])
            await bot.until(_all_sent)
            (tmp_path / "stop").touch()
            for event in EVENTS:
                bot.news(event.format(ALIKE[1]))
            await bot.until(lambda _: gone(tmp_path / "stop"), timeout=30)
            set_clock(tmp_path, timedelta(minutes=16))  # longer than any lease
            await publish_alike(bot, ALIKE[2])
            assert "matched" in second.log.read_text()
            first.process.send_signal(signal.SIGCONT)
            await first.has_logged("batch dropped")
            await publish_alike(bot, ALIKE[3])
            second.process.kill()
            await publish_alike(bot, ALIKE[4])
            await bot.until(_all_sent)
            assert await story_sizes(bot) == [5] * len(EVENTS)
    assert len(about(bot, "Palmyra to")) == 1


async def gone(path: Path) -> bool:
    return not path.exists()


async def _all_sent(connection: AsyncConnection) -> bool:
    """Whether every message was sent. An edit waits for a minute after its message."""
    of_messages = schema.delivery.c.kind != "edit"
    states = (await connection.execute(sa.select(schema.delivery.c.state).where(of_messages))).scalars()
    return set(states) == {"SENT"}


@SQLITE
async def test_without_home_room_for_its_log_or_a_folder_of_its_own_it_runs_and_stops(bot: Bot, tmp_path: Path) -> None:
    """A log that cannot be written (its disk is full, its reader gone) costs the log, not the bot."""
    with Path("/dev/full").open("wb") as full:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run", "--config", str(configuration(bot, tmp_path))),
            env={"PYTHONPATH": str(Path.cwd())},
            cwd="/proc",  # where nobody can write
            stdout=full,
            stderr=full,
        )
    try:
        bot.sandbox.say("/list", user_id=BEN)
        await bot.told(1)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


BROKEN = """
import sys
from bot.cli import main as cli
from bot.pipeline.poll import Poller

async def broken(self):
    raise RuntimeError("nobody foresaw this")

Poller._claim = broken
sys.exit(cli.main(sys.argv[1:]))
"""


@SQLITE
async def test_a_part_that_breaks_ends_the_program_and_says_why(bot: Bot, tmp_path: Path) -> None:
    """Nothing dies in silence: whoever started the program sees it end, with a status that is not 0."""
    async with running(bot, tmp_path, program=("-c", BROKEN)) as broken, asyncio.timeout(30):
        assert await broken.process.wait() == 1
    assert "nobody foresaw this" in (tmp_path / "log").read_text()


@SQLITE
async def test_a_machine_whose_clock_shows_1970_is_not_started_on(bot: Bot, tmp_path: Path) -> None:
    set_clock(tmp_path, datetime.fromtimestamp(0).astimezone() - datetime.now().astimezone())
    async with running(bot, tmp_path) as refused, asyncio.timeout(30):
        assert await refused.process.wait() == 2
    assert "before this program was written" in (tmp_path / "log").read_text()
