"""Room: whether the database can be written, by the free bytes of its disk and by what it refused last.

A write that a full disk refused ends SQLite's transaction in silence (`Database` then refuses the commit). From the
first refusal on everything that writes waits, until a write succeeds; and what makes the database grow waits already
while the disk has less than FLOOR left, so that people are answered, and messages marked, from what is left.
"""

import os
import sqlite3
from pathlib import Path

FLOOR = 32 * 2**20  # bytes: some minutes of answers and marks, and half of the largest log that is well
REFUSALS = {
    sqlite3.SQLITE_FULL: "its disk is full",
    sqlite3.SQLITE_IOERR: "its disk reports errors",
    sqlite3.SQLITE_READONLY: "it may only be read",
    sqlite3.SQLITE_CORRUPT: "its file is damaged; stop the bot and restore a backup",
    sqlite3.SQLITE_NOTADB: "its file is damaged; stop the bot and restore a backup",
    # PostgreSQL: appendix A of its documentation
    "53100": "the server's disk is full",
    "53200": "the server has no memory left",
    "25006": "it may only be read",
    "58030": "the server's disk reports errors",
    "XX001": "it is damaged",
    "XX002": "an index of it is damaged",
}


class Room:
    """Room of a database. `folder` is that of SQLite's file; None for PostgreSQL, whose disk cannot be looked at."""

    def __init__(self, folder: Path | None, *, floor: int = FLOOR) -> None:
        self.folder = folder
        self.floor = floor
        self.refusal: str | None = None  # half a sentence; None once a write has succeeded

    def note_error(self, error: BaseException | None) -> None:
        """Remember an error of the database, if it means that it cannot be written."""
        code = getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorcode", 0) & 0xFF
        self.refusal = REFUSALS.get(code, self.refusal)

    def free_bytes(self) -> int | None:
        """Return the free bytes of the disk; None where that is unknown."""
        if self.folder is None:
            return None
        try:
            found = os.statvfs(self.folder)
        except OSError:
            return None
        return found.f_bavail * found.f_frsize

    @property
    def is_short(self) -> bool:
        """Whether nothing should be written that can wait."""
        free = self.free_bytes()
        return self.refusal is not None or (free is not None and free < self.floor)

    def fault(self) -> str | None:
        """Return a sentence for the operator; None while there is room."""
        if self.refusal is not None:
            return f"{self.refusal}. Nothing is polled or sent meanwhile; it goes on by itself when a write succeeds"
        free = self.free_bytes()
        if free is None or free >= self.floor:
            return None
        left, needed = free / 2**20, self.floor / 2**20
        return f"its disk has only {left:.1f} MB left. Make room: nothing is polled until there are {needed:.0f} MB"
