"""A disk that fills while the bot runs: on a real, small file system where the machine lets us mount one."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.sandbox.server import Sandbox
from bot.storage.room import FLOOR
from tests.feedserver import FeedServer
from tests.flows.living import Bot, free_port
from tests.flows.test_delivery import watch
from tests.flows.test_lost_database import health
from tests.flows.test_processes import about, running

SIZE = FLOOR * 3 // 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a small disk; tests/storage/test_room.py limits the file instead")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
async def bot_on_it(small_disk: Path) -> AsyncIterator[Bot]:
    async with Sandbox() as sandbox, FeedServer() as feeds:
        made = Bot(f"sqlite:///{small_disk}/watchword.db", sandbox, feeds)
        made.publish()
        yield made


def fill(disk: Path, *, leave: int = 0) -> None:
    """Write a file until only so many bytes are left."""
    with (disk / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 65536)
        except OSError:
            pass
        file.truncate(max(0, file.tell() - leave))


async def is_told(port: int, words: str) -> None:
    async with asyncio.timeout(60):
        while words not in await health(port):
            await asyncio.sleep(0.1)


async def nothing_is_polled(bot: Bot) -> None:
    """Wait as long as three polls take. One may have been under way."""
    polls = bot.feeds.hits("/feed.xml")
    await asyncio.sleep(3)
    assert bot.feeds.hits("/feed.xml") <= polls + 1


async def test_health_says_it_at_once_polling_and_sending_wait_and_it_goes_on_by_itself(
    bot_on_it: Bot, small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot, port = bot_on_it, free_port()
    monkeypatch.setenv("WATCHWORD_WEB__LISTEN", f"127.0.0.1:{port}")
    async with bot.running():
        await watch(bot)
    async with running(bot, tmp_path) as program:
        await program.has_logged("started")
        await is_told(port, "ok")
        fill(small_disk, leave=FLOOR // 2)
        assert "has only" in await health(port)  # and not after ninety seconds
        await nothing_is_polled(bot)
        assert (await bot.say("/list"))["text"]  # from what is left, people are answered

        (small_disk / "ballast").unlink()
        fill(small_disk)
        bot.sandbox.say("/list", user_id=7)  # an update that cannot be stored
        await is_told(port, "its disk is full")
        bot.news("Schools reopen in Idlib")
        await nothing_is_polled(bot)
        assert "its disk is full" in await health(port)
        assert not about(bot, "Schools")

        (small_disk / "ballast").unlink()
        await bot.sandbox.until(lambda: len(about(bot, "Schools")) == 1, 60, "the alert")
        await is_told(port, "ok")
    log = program.log.read_text()
    assert log.count("Traceback") <= 2
