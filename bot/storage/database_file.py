"""Database file: compares SQLite's file on the disk with the one that is open, and marks that there was one.

A file that is removed under a running program lives on, without a name, until the program ends: all goes well, and then
all is gone. SQLite notices it nowhere in WAL mode; a further connection would even make a new, empty file. So no
connection is opened once the path has another file, and `loss` says what became of the file that is open.
"""

import re
import sqlite3
from contextlib import suppress
from pathlib import Path

LOGS = (
    "-wal",
    "-shm",
)  # files beside the database that SQLite keeps open; without them it is damaged (howtocorrupt.html)
OPEN_FILES = Path("/proc/self/fd")  # Linux; elsewhere the removal of a log alone is not noticed
MOUNTS = Path("/proc/self/mountinfo")  # Linux (proc_pid_mountinfo(5))
NETWORK_DISKS = {
    *("nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "davfs"),
    *("fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.davfs2", "fuse.glusterfs"),
}
MARKER_TEXT = """\
Watchword made its tables in the database beside this file. While this file is here, it does not start with an empty
database. To begin anew with an empty one, remove it.
"""


class DatabaseFile:
    """SQLite's file, identified by device and inode when its first connection was opened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: tuple[int, int] | None = None  # device and inode

    def note_opened(self) -> None:
        """Remember the file of the first connection."""
        if self._opened is None:
            self._opened = self._on_disk()

    def note_closed(self) -> None:
        """Forget the file: no connection is open."""
        self._opened = None

    def refuse_other(self) -> None:
        """Raise sqlite3.OperationalError before a connection to another file than the one that is open."""
        if self._opened is not None and self._on_disk() != self._opened:
            raise sqlite3.OperationalError("the file was removed or replaced while it was open")

    def loss(self) -> str | None:
        """Return what became of the open file, as half a sentence; None while it and its log are in their places."""
        if self._opened is None:
            return None
        found = self._on_disk()
        if found is None:
            return f"{self.path.name} was removed"
        if found != self._opened:
            return f"{self.path.name} was replaced by another file"
        real, removed = self.path.resolve(), _removed_files()
        gone = (suffix for suffix in LOGS if f"{real}{suffix}" in removed)
        return next((f"{self.path.name}{suffix} was removed" for suffix in gone), None)

    def _on_disk(self) -> tuple[int, int] | None:
        """Return device and inode of the file at the path; None if there is none."""
        try:
            found = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:  # the disk or the permissions: it may well be there
            return self._opened
        return found.st_dev, found.st_ino

    def network_disk(self) -> str | None:
        """Return the kind of file system the file is on, if that is one of a network; else None.

        SQLite's log needs memory shared by all who use the file, and locks that hold (sqlite.org/wal.html, "Overview").
        """
        if not MOUNTS.exists():
            return None
        folder, found = self.path.parent.resolve(), (0, "")
        for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
            before, _, after = line.partition(" - ")
            point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), before.split()[4])
            if folder.is_relative_to(point):
                found = max(found, (len(point), after.split()[0]), key=lambda mount: mount[0])
        return found[1] if found[1] in NETWORK_DISKS else None

    # ---- the marker ----

    @property
    def marker(self) -> Path:
        """The marker's path. Its name does not begin with the database's: `rm watchword.db*` does not remove it."""
        return self.path.with_name(f".{self.path.name}.made")

    def mark(self) -> None:
        """Write the marker, once the database has its tables. Without room for it the bot starts all the same."""
        with suppress(OSError):
            if not self.marker.exists():
                self.marker.touch(mode=0o600)
                self.marker.write_text(MARKER_TEXT, encoding="utf-8")

    def is_empty(self) -> bool:
        """Return whether the file is missing or has no bytes: that can be seen without opening, and changing, it."""
        return not self.path.exists() or self.path.stat().st_size == 0

    def has_orphaned_log(self) -> bool:
        """Return whether there is a log with content without its database; SQLite would delete it."""
        log = self.path.with_name(f"{self.path.name}-wal")
        return self.is_empty() and log.exists() and log.stat().st_size > 0


def _removed_files() -> set[str]:
    """Return the paths that files this process has open had before they were removed (proc_pid_fd(5))."""
    found = set()
    for number in OPEN_FILES.iterdir() if OPEN_FILES.exists() else ():
        try:
            target = str(number.readlink())
        except OSError:  # closed meanwhile
            continue
        if target.endswith(" (deleted)"):
            found.add(target.removesuffix(" (deleted)"))
    return found
