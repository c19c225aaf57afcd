"""`watchword run --sandbox`: the real bot against the sandbox's Bot API and demo news, with a web chat.

Only Telegram and the news are replaced; application, database and steps are those of production. The database is
empty at each start, as the sandbox's chats are, unless the configuration names one.
"""

import asyncio
import shutil
import sys
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr
from sqlalchemy.exc import SQLAlchemyError

from bot.app import run
from bot.config import Config, ConfiguredSource
from bot.errors import ConfigError
from bot.models import Schedule
from bot.sandbox.demo import DemoFeeds
from bot.sandbox.people import ADA
from bot.sandbox.server import Sandbox
from bot.storage import entries, sources
from bot.storage.database import Database

TRIES = 20  # ports to try if the first is in use
TOKEN = "7000000001:sandbox"  # noqa: S105 - valid only for this process's server
LOOPBACK = ("127.0.0.0/8",)
POLL_INTERVAL = timedelta(seconds=5)
START_TIMEOUT = timedelta(seconds=15)  # for the bot to start and read the demo news; the greeting is printed then
CHECK_INTERVAL = timedelta(seconds=0.1)


async def run_sandbox(config: Config, *, port: int) -> None:
    """Run the bot in the sandbox until SIGTERM or SIGINT, and print its address. ConfigError if it cannot listen."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="watchword-")))
        sandbox = await _listen(stack, port)
        feeds = await stack.enter_async_context(DemoFeeds())
        if sandbox.port_note:
            print(sandbox.port_note, flush=True)  # noqa: T201 - for the person who started it
        demo = tuple(
            ConfiguredSource(url=url, title=title, language=language) for url, title, language in feeds.sources
        )
        changed = _in_sandbox(config, sandbox, demo, folder)
        greeting = asyncio.create_task(_greet(sandbox, changed.storage.url.get_secret_value()))
        try:
            await run(changed)
        finally:
            greeting.cancel()
            await asyncio.gather(greeting, return_exceptions=True)


async def _greet(sandbox: Sandbox, database_url: str) -> None:
    """Print the sandbox's address once its news are matched: an earlier visitor would get empty answers."""
    database = Database(database_url)
    with suppress(TimeoutError):
        async with asyncio.timeout(START_TIMEOUT.total_seconds()):
            # The bot's first request means that its tables exist; for the news there is no event to wait for.
            while not sandbox.requests or not await _has_news(database):  # noqa: ASYNC110
                await asyncio.sleep(CHECK_INTERVAL.total_seconds())
    await database.close()
    print(_greeting(sandbox), flush=True)  # noqa: T201


async def _has_news(database: Database) -> bool:
    """Return whether every source was polled and all entries are matched."""
    try:
        async with database.read() as connection:
            polled = all(source.polled_at or source.failures for source in await sources.listing(connection))
            return polled and not await entries.unmatched(connection, datetime.now(UTC), 1)
    except SQLAlchemyError:  # busy or unreachable: the bot itself reports that
        return False


async def _listen(stack: AsyncExitStack, port: int) -> Sandbox:
    try:
        return await stack.enter_async_context(Sandbox(port, tries=TRIES, token=TOKEN))
    except (OSError, OverflowError) as error:  # every port in use, forbidden, or not a port number
        raise ConfigError([f"--port: {error}"]) from error


def _greeting(sandbox: Sandbox) -> str:
    return (
        f"Watchword is running in its sandbox. This is not Telegram. Open {sandbox.root_url}\n"
        f"Or talk to it from another terminal: {command()} chat --url {sandbox.root_url}\n"
        "Try: /subscribe Idlib   Stop it here with Ctrl+C."
    )


def command() -> str:
    """Return the command that starts this program once more: its name if the shell finds it, else as it was started."""
    started = sys.argv[0]
    if Path(started).name != "watchword":
        return f"{sys.executable} -m bot"
    found = shutil.which("watchword")
    return "watchword" if found and Path(found).samefile(started) else started


def _in_sandbox(config: Config, sandbox: Sandbox, demo: tuple[ConfiguredSource, ...], folder: Path) -> Config:
    """Return the configuration with Telegram, sources, intervals and database replaced by the sandbox's.

    Subscriptions are instant unless configured, so that a person who tries the bot sees an alert now.
    """
    telegram = config.telegram.model_copy(
        update={
            "token": SecretStr(TOKEN),
            "api_base_url": sandbox.base_url,
            "file_base_url": sandbox.base_file_url,
        }
    )
    networks = tuple(dict.fromkeys([*config.fetch.allow_networks, *LOOPBACK]))
    intervals = dict.fromkeys(("interval", "min_interval", "max_interval"), POLL_INTERVAL)
    changes = {
        "telegram": telegram,
        "admin": config.admin.model_copy(update={"ids": tuple(dict.fromkeys([*config.admin.ids, ADA]))}),
        "fetch": config.fetch.model_copy(update={"allow_networks": networks}),
        "polling": config.polling.model_copy(update=intervals),
        "sources": (*config.sources, *demo),
    }
    if "url" not in config.storage.model_fields_set:
        url = SecretStr(f"sqlite:///{folder / 'watchword.db'}")
        # No backups of it either: they would push those of the real bot out of their folder.
        changes["storage"] = config.storage.model_copy(update={"url": url, "backup_dir": None})
    if "default_schedule" not in config.digest.model_fields_set:
        changes["digest"] = config.digest.model_copy(update={"default_schedule": Schedule.INSTANT})
    return config.model_copy(update=changes)
