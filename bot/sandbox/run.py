"""`watchword run --sandbox`: the real bot, against a Bot API of this machine and demo news, with a web chat to try it.

Everything but Telegram and the news is what runs in production: the same application, database and steps. Like the
sandbox's chats the database is new at each start, unless the configuration names one.
"""

import asyncio
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

TRIES = 20  # ports, where the first one is taken
TOKEN = "7000000001:sandbox"  # noqa: S105 - of a server that is gone with this process
LOOPBACK = ("127.0.0.0/8",)
EVERY = timedelta(seconds=5)
PATIENCE = 15.0  # seconds for the bot to start and to read the demo news, before it is shown in any case
LOOK = 0.1


async def run_sandbox(config: Config, *, port: int) -> None:
    """Run the bot in the sandbox until SIGTERM or SIGINT; says where it is. ConfigError if it cannot listen."""
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
    """Say where the sandbox is once there is news in it: who asks before is told that nothing happened."""
    database = Database(database_url)
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            # Its first request says that the bot's tables are there; for the news it has no event.
            while not sandbox.requests or not await _has_news(database):  # noqa: ASYNC110
                await asyncio.sleep(LOOK)
    await database.close()
    print(_greeting(sandbox), flush=True)  # noqa: T201


async def _has_news(database: Database) -> bool:
    """Return whether every source was polled, and what they had is matched."""
    try:
        async with database.read() as connection:
            polled = all(source.polled_at or source.failures for source in await sources.listing(connection))
            return polled and not await entries.unmatched(connection, datetime.now(UTC), 1)
    except SQLAlchemyError:  # busy, or unreachable: the bot itself says so
        return False


async def _listen(stack: AsyncExitStack, port: int) -> Sandbox:
    try:
        return await stack.enter_async_context(Sandbox(port, tries=TRIES, token=TOKEN))
    except (OSError, OverflowError) as error:  # every port taken, forbidden, or no port at all
        raise ConfigError([f"--port: {error}"]) from error


def _greeting(sandbox: Sandbox) -> str:
    return (
        f"Watchword is running in its sandbox. This is not Telegram. Open {sandbox.root_url}\n"
        f"Or talk to it from another terminal: .venv/bin/watchword chat --url {sandbox.root_url}\n"
        "Try: /subscribe Idlib   Stop it here with Ctrl+C."
    )


def _in_sandbox(config: Config, sandbox: Sandbox, demo: tuple[ConfiguredSource, ...], folder: Path) -> Config:
    """Return the configuration, changed where the sandbox takes the place of the world.

    Who tries the bot wants to see an alert now, not a digest tomorrow: that changes too, unless it is configured.
    """
    telegram = config.telegram.model_copy(
        update={
            "token": SecretStr(TOKEN),
            "api_base_url": sandbox.base_url,
            "file_base_url": sandbox.base_file_url,
        }
    )
    networks = tuple(dict.fromkeys([*config.fetch.allow_networks, *LOOPBACK]))
    changes = {
        "telegram": telegram,
        "admin": config.admin.model_copy(update={"ids": tuple(dict.fromkeys([*config.admin.ids, ADA]))}),
        "fetch": config.fetch.model_copy(update={"allow_networks": networks}),
        "polling": config.polling.model_copy(update={"interval": EVERY, "min_interval": EVERY, "max_interval": EVERY}),
        "sources": (*config.sources, *demo),
    }
    if "url" not in config.storage.model_fields_set:
        url = SecretStr(f"sqlite:///{folder / 'watchword.db'}")
        changes["storage"] = config.storage.model_copy(update={"url": url})
    if "default_schedule" not in config.digest.model_fields_set:
        changes["digest"] = config.digest.model_copy(update={"default_schedule": Schedule.INSTANT})
    return config.model_copy(update=changes)
