"""A database that is removed or replaced under the running program, and what the next start says."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from bot.sandbox.people import BEN
from tests.flows.living import Bot, free_port
from tests.flows.test_processes import SQLITE, Program, configuration, running


async def health(port: int) -> str:
    """Return the health page; "" where nothing listens any more."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/healthz") as answer:
            return await answer.text()
    except aiohttp.ClientError:
        return ""


async def command(bot: Bot, folder: Path, *arguments: str) -> tuple[int, str]:
    """Run another command of the program with its configuration; return its exit status and what it wrote."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", *arguments, "--config", str(configuration(bot, folder))),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    written, _ = await process.communicate()
    return process.returncode or 0, written.decode()


def files(folder: Path) -> list[Path]:
    return list(folder.glob("watchword.db*"))


def remove_all(folder: Path) -> None:
    for file in files(folder):
        file.unlink()


def remove_log(folder: Path) -> None:
    (folder / "watchword.db-wal").unlink()


def replace(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "other.db")) as other:
        other.execute("CREATE TABLE another (id INTEGER)")
    (folder / "other.db").replace(folder / "watchword.db")


async def refused(bot: Bot, folder: Path) -> str:
    """Start the program, which has to refuse with the status of a wrong configuration; return what it said."""
    async with running(bot, folder, "refused") as program, asyncio.timeout(30):
        assert await program.process.wait() == 2
    said = (folder / "refused").read_text()
    assert "Traceback" not in said
    return said


async def answers(bot: Bot, program: Program) -> str:
    """Return the bot's answer to /list."""
    await program.has_logged("started")
    return (await bot.say("/list"))["text"]


@SQLITE
@pytest.mark.parametrize(
    ("harm", "words"), [(remove_all, "was removed"), (remove_log, "-wal was removed"), (replace, "was replaced")]
)
async def test_a_lost_database_is_noticed_saved_and_named_by_the_next_start(
    bot: Bot, tmp_path: Path, harm: Callable[[Path], None], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("WATCHWORD_WEB__LISTEN", f"127.0.0.1:{port}")
    async with running(bot, tmp_path) as program:
        await program.has_logged("started")
        await bot.say("/subscribe Idlib")
        await bot.polled()
        assert await health(port) == "ok\n"
        harm(tmp_path)
        assert words in await health(port)
        async with asyncio.timeout(40):
            assert await program.process.wait() == 1
    log = program.log.read_text()
    assert log.count("database lost") == 1
    (copy,) = tmp_path.glob("watchword-rescued-*.db")
    assert f"watchword restore {copy}" in log
    assert "Traceback" not in log

    if harm is remove_all:
        assert f"watchword restore {copy}" in await refused(bot, tmp_path)
    remove_all(tmp_path)
    assert await command(bot, tmp_path, "restore", str(copy)) == (0, "")
    async with running(bot, tmp_path) as again:
        assert "Idlib" in await answers(bot, again)


@SQLITE
async def test_a_database_that_is_gone_at_the_stop_is_saved_too(bot: Bot, tmp_path: Path) -> None:
    async with running(bot, tmp_path) as program:
        await program.has_logged("started")
        await bot.say("/subscribe Idlib")
        remove_all(tmp_path)
        program.process.terminate()
        async with asyncio.timeout(40):
            assert await program.process.wait() == 1
    (copy,) = tmp_path.glob("watchword-rescued-*.db")
    with closing(sqlite3.connect(copy)) as saved:
        assert saved.execute("SELECT count(*) FROM subscription").fetchone() == (1,)


@SQLITE
async def test_an_empty_database_is_refused_where_there_was_one_and_begun_anew_when_told_so(
    bot: Bot, tmp_path: Path
) -> None:
    """Whoever removes all that begins with the database's name leaves the marker, and it alone."""
    async with running(bot, tmp_path) as program:
        await answers(bot, program)
        program.process.kill()
    remove_all(tmp_path)
    marker = tmp_path / ".watchword.db.made"
    assert f"move away {marker}" in await refused(bot, tmp_path)
    (tmp_path / "watchword.db").touch()
    assert "missing or empty" in await refused(bot, tmp_path)
    for arguments in (["check"], ["backup", str(tmp_path / "copy.db")]):
        status, said = await command(bot, tmp_path, *arguments)
        assert status != 0
        assert "missing or empty" in said
    assert not (tmp_path / "copy.db").exists()
    marker.unlink()
    async with running(bot, tmp_path) as program:
        await answers(bot, program)


@SQLITE
async def test_a_log_without_its_database_is_left_as_it_is(bot: Bot, tmp_path: Path) -> None:
    """SQLite itself would remove it, and with it all that was not yet written back."""
    async with running(bot, tmp_path) as program:
        await answers(bot, program)
        program.process.kill()
    saved = tmp_path / "aside"
    os.rename(tmp_path / "watchword.db", saved)  # noqa: PTH104 - as `mv` does
    log = (tmp_path / "watchword.db-wal").read_bytes()
    assert log
    assert "Bring the file back" in await refused(bot, tmp_path)
    (tmp_path / "watchword.db").touch()
    assert "Bring the file back" in await refused(bot, tmp_path)
    assert (tmp_path / "watchword.db-wal").read_bytes() == log
    saved.replace(tmp_path / "watchword.db")
    bot.sandbox.say("/list", user_id=BEN)
    async with running(bot, tmp_path) as program:
        await answers(bot, program)
