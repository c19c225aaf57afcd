"""Command line parser. Nothing heavy is imported before the arguments and the configuration are validated."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from bot.config import Config, load
from bot.errors import ConfigError, WatchwordError

WRONG = 2  # exit status of wrong arguments or configuration


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status: 0, 1 for a failure, 2 for wrong arguments or configuration."""
    options = _parser().parse_args(arguments)
    act: Callable[[argparse.Namespace], int] = options.act
    try:
        return act(options)
    except ConfigError as error:
        for problem in error.problems:
            print(f"watchword: {problem}", file=sys.stderr)
        return WRONG
    except WatchwordError as error:
        print(f"watchword: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader closed the pipe, as `head` does
        sys.stderr.close()
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="watchword", description="A Telegram bot that watches the world's news.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run the bot")
    run.add_argument("--config", type=Path, help="the configuration file (config.toml)")
    where = run.add_mutually_exclusive_group()
    where.add_argument("--sandbox", action="store_true", help="try it on this machine, without Telegram")
    where.add_argument("--try", dest="attempt", action="store_true", help="--sandbox unless a token is configured")
    run.add_argument("--port", type=int, default=8000, help="where the sandbox listens (8000, or the next free one)")
    run.set_defaults(act=_run)

    check = commands.add_parser("check", help="say whether the bot would run")
    check.add_argument("--config", type=Path, help="the configuration file (config.toml)")
    check.set_defaults(act=_check)

    backup = commands.add_parser("backup", help="write the database to a file, while the bot runs or not")
    backup.add_argument("file", type=Path, nargs="?", help="the file; without it, a new one in storage.backup_dir")
    backup.add_argument("--config", type=Path, help="the configuration file (config.toml)")
    backup.set_defaults(act=_backup)

    restore = commands.add_parser("restore", help="fill an empty database with a backup")
    restore.add_argument("file", type=Path, help="what `watchword backup` wrote")
    restore.add_argument("--config", type=Path, help="the configuration file (config.toml)")
    restore.set_defaults(act=_restore)

    match = commands.add_parser("match", help="match queries against articles in files")
    match.add_argument("--queries", type=Path, required=True, help="one query a line")
    match.add_argument("--articles", type=Path, required=True, help="JSON lines with id, title, text")
    match.add_argument("--aliases", type=Path, help="names that are one, a line for each: Myanmar = Burma, Бирма")
    match.add_argument("--config", type=Path, help="a configuration file, for its matching.aliases")
    match.set_defaults(act=_match)

    stories = commands.add_parser("stories", help="group the articles of a file into stories")
    stories.add_argument("--articles", type=Path, required=True, help="JSON lines with id, title")
    stories.set_defaults(act=_stories)

    chat = commands.add_parser("chat", help="talk to a sandbox that is running on this machine")
    chat.add_argument("--url", default="http://127.0.0.1:8000", help="where it listens")
    chat.add_argument("--as", dest="person", type=int, default=1001, help="who speaks (1001 is the admin)")
    chat.set_defaults(act=_chat)
    return parser


def _run(options: argparse.Namespace) -> int:
    config = load(options.config)
    sandbox = options.sandbox or (options.attempt and config.telegram.token is None)
    if not sandbox and config.telegram.token is None:
        raise ConfigError(["telegram.token: is missing; @BotFather gives you one (or try it first: --sandbox)"])
    if (
        sandbox and "level" not in config.log.model_fields_set
    ):  # the log of frequent polls would hide the printed address
        config = config.model_copy(update={"log": config.log.model_copy(update={"level": "WARNING"})})
    _configure_log(config)
    if sandbox:
        from bot.sandbox.run import run_sandbox

        asyncio.run(run_sandbox(config, port=options.port))
    else:
        from bot.app import run
        from bot.cli.notes import warnings

        asyncio.run(run(config, warnings(config, options.config)))
    return 0


def _configure_log(config: Config) -> None:
    from bot.runtime.log import configure

    secrets = [config.telegram.token, config.telegram.webhook_secret, config.fetch.proxy]
    configure(
        config.log.level, config.log.format, [secret.get_secret_value() for secret in secrets if secret is not None]
    )


def _check(options: argparse.Namespace) -> int:
    from bot.cli.check import check

    config = load(options.config)
    return asyncio.run(check(config, options.config, sys.stdout))


def _backup(options: argparse.Namespace) -> int:
    from bot.runtime.clock import Clock
    from bot.storage.backup import backup, backup_to_folder, refuse_lost
    from bot.storage.database import Database

    storage = load(options.config).storage
    file: Path | None = options.file

    async def write() -> Path:
        database = Database(storage.url.get_secret_value())
        await refuse_lost(database, storage.backup_dir)
        async with database:
            if file is not None:
                await backup(database, file)
                return file
            assert storage.backup_dir is not None
            return await backup_to_folder(database, storage.backup_dir, Clock().now(), keep=storage.backup_keep)

    if file is None and storage.backup_dir is None:
        raise ConfigError(["storage.backup_dir: is not set, so say where to: watchword backup FILE"])
    print(asyncio.run(write()))
    return 0


def _restore(options: argparse.Namespace) -> int:
    from bot.storage.backup import restore
    from bot.storage.database import Database

    url = load(options.config).storage.url.get_secret_value()

    async def fill() -> None:
        database = Database(url)
        try:
            await restore(options.file, database)
        finally:
            await database.close()

    asyncio.run(fill())
    return 0


def _match(options: argparse.Namespace) -> int:
    path: Path | None = options.aliases
    if path is None and options.config is not None:
        path = load(options.config).matching.aliases

    from bot.cli.backtest import match_files
    from bot.matching.engine.aliases import Aliases
    from bot.pipeline.aliases import read_file

    aliases = Aliases(read_file(path)) if path else None
    return match_files(_file(options.queries), _file(options.articles), sys.stdout, sys.stderr, aliases)


def _stories(options: argparse.Namespace) -> int:
    from bot.cli.backtest import story_files

    return story_files(_file(options.articles), sys.stdout, sys.stderr)


def _file(path: Path) -> Path:
    if not path.is_file():
        raise ConfigError([f"{path}: there is no such file"])
    return path


def _chat(options: argparse.Namespace) -> int:
    from bot.sandbox.console import run_console

    return run_console(options.url, options.person)
