"""Alias book: a cache of the current aliases, from the configured file and from admins in chat.

One book a process. Matching and explaining call `refresh` first, which compares a version number in the database.
Chat wins: a name in both the file and the database belongs to the alias made in chat, together with the other names
of its line in the file.
"""

import asyncio
import stat
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import ConfigError
from bot.matching.engine.aliases import Aliases, Group, joined, read_lines
from bot.storage import aliases

LARGEST_FILE = 5 << 20  # bytes: room for the most aliases there can be, and comments


class AliasBook:
    """Cache of the aliases of one process. `configured` are the groups of the file."""

    def __init__(self, configured: Sequence[Group] = ()) -> None:
        self.configured = tuple(configured)
        self.current = Aliases(joined(self.configured))
        self._version = 0
        self._refresh_lock = asyncio.Lock()

    async def refresh(self, connection: AsyncConnection) -> Aliases:
        """Load changed aliases from the database, and return all: the same object if nothing changed.

        One caller at a time loads, in a thread; concurrent callers wait, so that none continues with old aliases.
        """
        async with self._refresh_lock:
            version = await aliases.version(connection)
            if version > self._version:  # lower: the caller's transaction began before the last refresh
                stored = await aliases.listing(connection)
                groups = [*(group.names for group in stored), *self.configured]
                self.current = await asyncio.to_thread(
                    lambda: Aliases(joined(groups))
                )  # takes seconds for 1,000 aliases
                self._version = version
            return self.current


def read_file(path: Path) -> list[Group]:
    """Return the groups of names in a file. ConfigError lists every mistake, with its line."""
    key = "matching.aliases"
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe would block
            raise ConfigError([f"{key}: {path} is not a regular file"])
        with path.open("rb") as file:
            written = file.read(LARGEST_FILE + 1)
        text = written.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError([f"{key}: {path.name} is not UTF-8 text"]) from None
    except OSError as error:
        raise ConfigError([f"{key}: {path}: {error.strerror}"]) from None
    if len(written) > LARGEST_FILE:
        raise ConfigError([f"{key}: {path.name} is larger than {LARGEST_FILE // 1024} KiB"])
    groups, problems = read_lines(text)
    if problems:
        raise ConfigError([f"{key}: {path.name}, {problem}" for problem in problems])
    return groups
