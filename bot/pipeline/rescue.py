"""Rescue: when the SQLite file was removed or replaced under the running bot, saves what it still has and ends the bot.

Until its last connection closes, a removed file still has everything. The bot copies it at once, ends in order (what is
in flight is finished and marked), copies it again with those marks, and leaves with a status that is not 0. It does not
go on: what it confirmed from then on would last until the next kill, and a new file at the same path would be another
truth. Telegram keeps messages for a day, and feeds show their news for longer, so that stopping costs time alone; the
next start finds the copy and says how to go on (`bot.storage.backup.refuse_lost`). Only a bot that cannot save a copy
goes on, and tries again: its open file is then the last there is.
"""

import asyncio
from datetime import datetime
from pathlib import Path

import structlog

from bot.errors import DatabaseLostError
from bot.runtime.clock import Clock
from bot.runtime.wakeups import Wakeups
from bot.storage.backup import RESCUED_NAME, BackupError, backup
from bot.storage.database import Database

log = structlog.get_logger()


class Rescue:
    """Watches the file; sets `stop` when it is lost and saved. The copy is written to `folder`, or beside the file."""

    def __init__(
        self, database: Database, clock: Clock, wakeups: Wakeups, stop: asyncio.Event, *, folder: Path | None
    ) -> None:
        self.database = database
        self.clock = clock
        self.wakeups = wakeups
        self.stop = stop
        self.folder = folder
        self.copy: Path | None = None
        self._noticed_at: datetime | None = None

    async def look_after(self) -> bool:
        """Return whether the file is lost; save a copy and end the program then."""
        if self.database.file is None or (loss := self.database.file.loss()) is None:
            return False
        if self._noticed_at is None:
            self._noticed_at = self.clock.now()
            log.error("database lost", reason=f"{loss} while the bot runs")
        if self.copy is None and await self._save(self._noticed_at):
            log.error("database rescued; the bot stops", copy=str(self.copy))
            self.stop.set()
            self.wakeups.wake_all()
        return True

    async def finish(self) -> None:
        """Save the last copy of a lost file, before the database is closed. Raise DatabaseLostError if it is lost."""
        if not await self.look_after():
            return
        assert self._noticed_at is not None
        await self._save(self._noticed_at)
        if self.copy is None:
            raise DatabaseLostError("the database file was removed or replaced, and its content could not be saved")
        raise DatabaseLostError(
            f"the database file was removed or replaced while the bot ran. All it held is in {self.copy}. To go on: "
            f"move away what is at storage.url, run `watchword restore {self.copy}`, and start the bot"
        )

    async def _save(self, now: datetime) -> bool:
        """Write the copy, over an earlier one; return whether that could be done."""
        assert self.database.path is not None
        folders = [self.copy.parent] if self.copy else [self.folder, self.database.path.parent]
        for folder in folders:
            if folder is None:
                continue
            target = folder / now.strftime(RESCUED_NAME)
            try:
                await backup(self.database, target, rescue=True)
            except BackupError as error:
                log.error("database not rescued", folder=str(folder), reason=str(error))
            else:
                self.copy = target
                return True
        return False
