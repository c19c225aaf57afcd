"""Database files that cannot be used: refused with what to do, never a traceback, and never changed."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.storage import database_file
from bot.storage.backup import BackupError, backup, copies, refuse_lost, restore
from bot.storage.database import Database
from bot.storage.database_file import DatabaseFile
from tests.storage.test_faults import halves, write_unit

IS_ROOT = os.geteuid() == 0
NOBODY = 65534


async def refusal(path: Path) -> str:
    """Return why a file is refused."""
    database = Database(f"sqlite:///{path}")
    try:
        with pytest.raises(ConfigError) as caught:
            await database.migrate()
    finally:
        await database.close()
    return str(caught.value)


async def made(path: Path) -> None:
    async with Database(f"sqlite:///{path}") as database:
        await write_unit(database, 1)


@pytest.mark.parametrize("content", [b"no database, but long enough to have a header" * 9, b"SQLite format 3\0" * 90])
async def test_what_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.db"
    file.write_bytes(content)
    assert "restore a backup" in await refusal(file)
    assert file.read_bytes() == content


async def test_without_its_shared_memory_a_database_is_whole(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        await write_unit(database, 1)
        for suffix in ("", "-wal"):  # as a crash leaves them, the index of the log apart
            shutil.copy(tmp_path / f"a.db{suffix}", tmp_path / f"b.db{suffix}")
    async with Database(f"sqlite:///{tmp_path}/b.db"):
        pass
    assert halves(tmp_path / "b.db") == (1, 1)


async def test_without_its_log_a_database_has_no_tables_and_is_refused_by_its_marker(tmp_path: Path) -> None:
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        shutil.copy(tmp_path / "a.db", tmp_path / "b.db")
        assert database.path
    lost = Database(f"sqlite:///{tmp_path}/b.db")
    await refuse_lost(lost, None)  # nothing shows that it had any
    DatabaseFile(tmp_path / "b.db").mark()
    with pytest.raises(ConfigError, match=r"missing or empty.*b\.db\.made"):
        await refuse_lost(lost, None)
    await lost.close()


async def test_a_backup_shows_that_there_was_a_database(database: Database, tmp_path: Path) -> None:
    """On either kind: whoever moves to PostgreSQL restores a backup, too."""
    await refuse_lost(database, tmp_path / "missing")
    folder = tmp_path / "kept"
    await backup(database, folder / "watchword-20260301T120000Z.db")
    await refuse_lost(database, folder)
    empty = Database(f"sqlite:///{tmp_path}/empty/w.db")
    with pytest.raises(ConfigError, match=r"watchword restore .*watchword-20260301T120000Z\.db"):
        await refuse_lost(empty, folder)
    assert not (tmp_path / "empty").exists()
    await restore(folder / "watchword-20260301T120000Z.db", empty)
    await refuse_lost(empty, folder)
    await empty.close()


async def test_a_first_start_that_was_killed_blocks_nothing(tmp_path: Path) -> None:
    """It leaves an empty file, or one without tables and perhaps a log that was never committed."""
    (tmp_path / "a.db").touch()
    await refuse_lost(Database(f"sqlite:///{tmp_path}/a.db"), None)
    with closing(sqlite3.connect(tmp_path / "b.db")) as file:
        file.execute("PRAGMA journal_mode=WAL")
    (tmp_path / "b.db-wal").write_bytes(b"\0" * 4000)
    database = Database(f"sqlite:///{tmp_path}/b.db")
    await refuse_lost(database, None)
    async with database:
        await write_unit(database, 1)


async def test_no_connection_is_opened_to_another_file(tmp_path: Path) -> None:
    """SQLite would make an empty one; what the first connection has is still copied."""
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        await write_unit(database, 1)
        assert database.file
        assert database.file.loss() is None
        (tmp_path / "a.db").unlink()
        assert database.file.loss() == "a.db was removed"
        with pytest.raises(BackupError, match="removed or replaced"):
            await backup(database, tmp_path / "copy.db")
        assert not (tmp_path / "a.db").exists()
        await backup(database, tmp_path / "watchword-rescued-1.db", rescue=True)
        assert copies(database, None) == [tmp_path / "watchword-rescued-1.db"]
    assert halves(tmp_path / "watchword-rescued-1.db") == (1, 1)


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
async def test_a_log_that_is_removed_or_replaced_is_noticed(tmp_path: Path, suffix: str) -> None:
    async with Database(f"sqlite:///{tmp_path}/a.db") as database:
        await write_unit(database, 1)
        assert database.file
        assert database.file.loss() is None
        (tmp_path / f"a.db{suffix}").unlink()
        (tmp_path / f"a.db{suffix}").touch()
        assert database.file.loss() == f"a.db{suffix} was removed"


def test_a_disk_of_a_network_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    near = "36 25 0:32 / {} rw,relatime shared:1 - {} server:/share rw\n"
    monkeypatch.setattr(database_file, "MOUNTS", mounts)
    (folder := tmp_path / "two words").mkdir()
    point = str(folder).replace(" ", "\\040")
    mounts.write_text(near.format("/", "ext4") + near.format(point, "nfs4") + near.format("/elsewhere", "cifs"))
    assert DatabaseFile(folder / "w.db").network_disk() == "nfs4"
    assert DatabaseFile(tmp_path / "w.db").network_disk() is None


async def test_the_refusal_of_a_network_disk_says_where_to_put_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"36 25 0:32 / {tmp_path} rw - nfs server:/share rw\n")
    monkeypatch.setattr(database_file, "MOUNTS", mounts)
    assert "is on a network disk (nfs)" in await refusal(tmp_path / "a.db")
    assert not (tmp_path / "a.db").exists()


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Be a user who owns nothing, where the tests are run by root: root may write everywhere."""
    if not IS_ROOT:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def close_folder(folder: Path) -> None:
    folder.chmod(0o555)


def close_file(folder: Path) -> None:
    (folder / "a.db").chmod(0o444)


@pytest.mark.parametrize("close", [close_folder, close_file])
async def test_a_file_of_another_owner_is_refused_with_who_must_be_able_to_write(
    close: Callable[[Path], None],
) -> None:
    folder = Path(tempfile.mkdtemp())  # pytest's own folders are closed to other users
    folder.chmod(0o755)
    await made(folder / "a.db")
    close(folder)
    with as_somebody_else():
        said = await refusal(folder / "a.db")
    folder.chmod(0o755)
    assert "must be able to write to" in said
    assert halves(folder / "a.db") == (1, 1)
    shutil.rmtree(folder)


async def test_a_read_only_disk_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk")
    try:
        await made(folder / "a.db")
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        assert "must be able to write to" in await refusal(folder / "a.db")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
