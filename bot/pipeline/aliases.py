"""Aliases as they are now: those of the configuration's file, and those admins made in chat.

One book a process, whatever it does there: whoever matches or explains asks it first (`refresh`), and it looks at one
number in the database to know whether anything changed. What admins do in chat wins: a name that stands in the
file and in the database belongs to the alias that was made in chat, with the other names of the file's.
"""

import asyncio
import stat
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import ConfigError
from bot.matching.engine.aliases import Aliases, Group, joined, read_lines
from bot.storage import aliases

LARGEST_FILE = 5 << 20  # bytes: all the aliases there can be, and remarks


class AliasBook:
    """The aliases of one process. `configured` are those of the file."""

    def __init__(self, configured: Sequence[Group] = ()) -> None:
        self.configured = tuple(configured)
        self.current = Aliases(joined(self.configured))
        self._version = 0
        self._one_at_a_time = asyncio.Lock()

    async def refresh(self, connection: AsyncConnection) -> Aliases:
        """Take over what changed in the database, and return the aliases: the same object if nothing did.

        Of those who come at once one takes over, in a thread; the others wait, so that none goes on with old ones.
        """
        async with self._one_at_a_time:
            version = await aliases.version(connection)
            if version > self._version:  # less: whoever asks reads what was, in a transaction begun before
                stored = await aliases.listing(connection)
                groups = [*(group.names for group in stored), *self.configured]
                self.current = await asyncio.to_thread(lambda: Aliases(joined(groups)))  # seconds for 1,000
                self._version = version
            return self.current


def read_file(path: Path) -> list[Group]:
    """Return the aliases of a file. ConfigError names every mistake in it, with its line."""
    key = "matching.aliases"
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
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
