"""`watchword check`: tests the configuration, database, token and sources, and prints a line for each."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TextIO

import sqlalchemy as sa
from telegram import Bot
from telegram.error import InvalidToken, TelegramError

from bot.cli.notes import versions, warnings
from bot.config import Config
from bot.delivery.telegram.http import AiohttpRequest
from bot.errors import ConfigError, SourceError
from bot.messages.source_troubles import explain
from bot.pipeline.aliases import read_file
from bot.sources.address import canonical_url
from bot.sources.http.fetch import Fetcher
from bot.sources.http.guard import AddressGuard
from bot.sources.reading.pool import FeedParser
from bot.storage.backup import refuse_lost
from bot.storage.database import Database


async def check(config: Config, file: Path | None, out: TextIO) -> int:
    """Print the result of each test and return the exit status: 0 only if the bot would run."""
    tests: dict[str, Callable[[Config], Awaitable[str]]] = {
        "configuration": _configuration,
        "aliases": _aliases,
        "database": _database,
        "token": _token,
    }
    wrong = 0
    for name, test in tests.items():
        try:
            verdict = f"ok: {await test(config)}"
        except ConfigError as error:
            verdict, wrong = "WRONG: " + "; ".join(error.problems), wrong + 1
        print(f"{name:14} {verdict}", file=out)
    for line in await _sources(config):
        print(f"{'source':14} {line}", file=out)
    for warning in [*warnings(config, file), versions()]:
        print(f"{'note':14} {warning}", file=out)
    return 1 if wrong else 0


async def _configuration(config: Config) -> str:
    for number, source in enumerate(config.sources):
        try:
            canonical_url(source.url)
        except SourceError as error:
            raise ConfigError([f"sources.{number}.url: {explain(error)}"]) from error
    if not config.admin.ids:
        return "readable; admin.ids is empty, so nobody can add sources in chat"
    return "readable"


async def _aliases(config: Config) -> str:
    if config.matching.aliases is None:
        return "no file; admins may make some in chat (/alias)"
    count = len(await asyncio.to_thread(read_file, config.matching.aliases))
    return f"{count} in {config.matching.aliases.name}"


async def _database(config: Config) -> str:
    database = Database(config.storage.url.get_secret_value())
    try:
        await refuse_lost(database, config.storage.backup_dir)
        await database.migrate()
        async with database.read() as connection:
            if not database.is_sqlite:
                return str((await connection.execute(sa.text("SELECT version()"))).scalar_one()).split(",")[0]
            found = (await connection.execute(sa.text("PRAGMA quick_check"))).scalar_one()
            if found != "ok":
                raise ConfigError([f"storage.url: the file is damaged ({found}); restore a backup"])
            return f"SQLite {sqlite3.sqlite_version}, intact"
    finally:
        await database.close()


async def _token(config: Config) -> str:
    if config.telegram.token is None:
        raise ConfigError(["telegram.token: is missing; @BotFather gives you one"])
    request = AiohttpRequest()
    bot = Bot(config.telegram.token.get_secret_value(), config.telegram.api_base_url, request=request)
    try:
        await request.initialize()
        me = await bot.get_me()
    except InvalidToken:
        raise ConfigError(["telegram.token: Telegram refuses it"]) from None
    except TelegramError as error:
        raise ConfigError([f"telegram.api_base_url: not reached ({type(error).__name__})"]) from None
    finally:
        await request.shutdown()
    return f"@{me.username}"


async def _sources(config: Config) -> list[str]:
    """Fetch each configured source and return a line for each. A failing source does not prevent a start."""
    guard = AddressGuard(config.fetch.allow_networks, config.fetch.allow_ports)
    proxy = config.fetch.proxy.get_secret_value() if config.fetch.proxy else None
    lines = []
    async with (
        Fetcher(guard, timeout=config.fetch.timeout, max_bytes=config.fetch.max_bytes, proxy=proxy) as fetcher,
        FeedParser() as parser,
    ):
        for number, source in enumerate(config.sources, start=1):
            try:
                fetched = await fetcher.fetch(source.url)
                feed = await parser.parse(fetched.body, fetched.content_type, fetched.url)
                lines.append(f"{number} ok: {len(feed.entries)} entries")
            except SourceError as error:
                lines.append(f"{number} fails ({error.kind}): {explain(error)}")
    return lines
