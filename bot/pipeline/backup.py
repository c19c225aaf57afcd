"""Backup step: writes a copy of the database whenever the newest backup is older than the configured period."""

from datetime import timedelta
from pathlib import Path

import structlog

from bot.runtime.clock import Clock
from bot.storage.backup import BackupError, backup_to_folder, newest_backup_at
from bot.storage.database import Database

log = structlog.get_logger()

RETRY = timedelta(minutes=10)  # after a backup that failed


class Backups:
    """Makes a backup whenever the newest is older than `every`, and keeps `keep` of them; none without a `folder`."""

    def __init__(self, database: Database, clock: Clock, folder: Path | None, *, every: timedelta, keep: int) -> None:
        self.database = database
        self.clock = clock
        self.folder = folder
        self.every = every
        self.keep = keep
        self._not_before = clock.now()

    async def make_if_due(self) -> None:
        """Make a backup if one is due; a failure is logged and tried again later."""
        now = self.clock.now()
        if self.folder is None or now < self._not_before:
            return
        newest = newest_backup_at(self.folder, now)
        if newest is not None and newest > now - self.every:
            return
        try:
            path = await backup_to_folder(self.database, self.folder, now, keep=self.keep)
        except BackupError as error:
            log.error("no backup", reason=str(error))
            self._not_before = now + RETRY
        else:
            log.info("backup made", file=path.name)
