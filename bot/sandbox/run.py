"""`watchword run --sandbox`: the real bot, against a Bot API of this machine and demo news.

Everything but Telegram and the news is what runs in production: the same application, database and steps.
"""

from datetime import timedelta

from pydantic import SecretStr

from bot.app import run
from bot.config import Config, ConfiguredSource, Storage
from bot.sandbox.demo import DemoFeeds
from bot.sandbox.people import ADA
from bot.sandbox.server import Sandbox

TRIES = 20  # ports, where the first one is taken
TOKEN = "7000000001:sandbox"  # noqa: S105 - of a server that is gone with this process
LOOPBACK = ("127.0.0.0/8",)
EVERY = timedelta(seconds=5)
DATABASE = "sqlite:///data/sandbox.db"


async def run_sandbox(config: Config, *, port: int) -> None:
    """Run the bot in the sandbox until SIGTERM or SIGINT; says on stdout where it is."""
    async with Sandbox(port, tries=TRIES, token=TOKEN) as sandbox, DemoFeeds() as feeds:
        if sandbox.port_note:
            print(sandbox.port_note, flush=True)  # noqa: T201 - for the person who started it
        print(_greeting(sandbox), flush=True)  # noqa: T201
        demo = tuple(
            ConfiguredSource(url=url, title=title, language=language) for url, title, language in feeds.sources
        )
        await run(_in_sandbox(config, sandbox, demo))


def _greeting(sandbox: Sandbox) -> str:
    return (
        f"Watchword is running in its sandbox at {sandbox.root_url} (this is not Telegram).\n"
        f"Talk to it from another terminal: .venv/bin/watchword chat --url {sandbox.root_url}\n"
        "Try: /subscribe Idlib   Stop it here with Ctrl+C."
    )


def _in_sandbox(config: Config, sandbox: Sandbox, demo: tuple[ConfiguredSource, ...]) -> Config:
    """Return the configuration, changed where the sandbox takes the place of the world."""
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
        changes["storage"] = Storage(url=SecretStr(DATABASE), retention=config.storage.retention)
    return config.model_copy(update=changes)
