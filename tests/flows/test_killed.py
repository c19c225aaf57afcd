"""SIGKILL in the middle of work: the real program continues where it was."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from bot.runtime import failpoints
from bot.sandbox.people import BEN
from bot.sandbox.server import Sandbox
from tests.feedserver import FeedServer, item, rss
from tests.sources.reading.test_page import FIRST, SECOND, TITLE, page

TOKEN = "7000000001:test-token-that-nobody-may-log"


async def start(folder: Path, at: str = "") -> asyncio.subprocess.Process:
    """Start the program, to end itself at a named moment if one is given."""
    with (folder / "log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "run", "--config", str(folder / "config.toml")),
            env=os.environ | {failpoints.VARIABLE: at},
            stdout=log,
            stderr=log,
        )


@pytest.mark.parametrize("moment", ["stored", "page-read"])
async def test_what_the_page_says_is_told_once_though_the_program_was_killed_over_it(
    tmp_path: Path, moment: str
) -> None:
    async with Sandbox(token=TOKEN) as sandbox, FeedServer() as feeds:
        feeds.serve("/dam", page(FIRST, SECOND), content_type="text/html")
        feeds.serve("/feed.xml", rss([item("Old", feeds.url("/old"))]))
        (tmp_path / "config.toml").write_text(
            f"""
            telegram = {{ token = "{TOKEN}", api_base_url = "{sandbox.base_url}" }}
            storage = {{ url = "sqlite:///{tmp_path}/w.db" }}
            fetch = {{ allow_networks = ["127.0.0.0/8"], timeout = 5 }}
            polling = {{ interval = 1, min_interval = 1, max_interval = 1 }}
            digest = {{ default_schedule = "instant" }}
            sources = [{{ url = "{feeds.url("/feed.xml")}", full_text = true }}]
            """
        )
        program = await start(tmp_path, f"{moment}:{2 if moment == 'stored' else 1}")  # the first was the baseline
        try:
            sandbox.say("/subscribe Cairo", user_id=BEN)
            await sandbox.until(lambda: len(sandbox.sent_to(BEN)) == 1, 30.0)
            feeds.serve(
                "/feed.xml", rss([item(TITLE, feeds.url("/dam"), text="Talks."), item("Old", feeds.url("/old"))])
            )
            async with asyncio.timeout(30):
                assert await program.wait() == -signal.SIGKILL
            program = await start(tmp_path)
            await sandbox.until(lambda: len(sandbox.sent_to(BEN)) == 2, 30.0)
            assert TITLE in sandbox.sent_to(BEN)[1]["text"]
        finally:
            if program.returncode is None:
                program.terminate()
                await program.wait()
        assert program.returncode == 0, (tmp_path / "log").read_text()
    assert len(sandbox.sent_to(BEN)) == 2
