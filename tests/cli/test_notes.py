import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli import notes
from bot.config import load


def warnings(folder: Path, monkeypatch: pytest.MonkeyPatch, sqlite: tuple[int, ...], expat: tuple[int, ...]) -> str:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", sqlite)
    monkeypatch.setattr(notes, "version_info", expat)
    return "\n".join([*notes.warnings(load(), None), notes.versions()])


def test_old_libraries_are_named_with_what_the_bot_does_about_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = warnings(tmp_path, monkeypatch, (3, 51, 2), (2, 7, 3))
    assert "fault in WAL mode" in said
    assert "one writer" in said
    assert "entities are refused" in said


def test_libraries_that_are_new_enough_are_named_without_complaint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = warnings(tmp_path, monkeypatch, (3, 51, 3), (2, 7, 4))
    assert "expat" in said
    assert "fault" not in said
    assert "refused" not in said


def test_the_fault_of_sqlite_is_no_matter_for_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_STORAGE__URL", "postgresql://localhost/w")
    assert "SQLite" not in warnings(tmp_path, monkeypatch, (3, 40, 1), (2, 7, 4))


NEW = ((3, 51, 3), (2, 7, 4))
TOKEN = "telegram = { token = '1:abc' }"
PASSWORD = "storage = { url = 'postgresql://me:word@db/x' }"


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (TOKEN, 0o666, ["others may change it", "others may read it"]),
        (TOKEN, 0o640, ["others may read it"]),
        (PASSWORD, 0o604, ["others may read it"]),
        (TOKEN, 0o600, []),
        ("limits = { subscriptions = 7 }", 0o644, []),
        ("limits = { subscriptions = 7 }", 0o664, ["others may change it"]),
    ],
)
def test_a_configuration_that_others_may_read_or_change_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, mode: int, words: list[str]
) -> None:
    (tmp_path / "config.toml").write_text(text)
    (tmp_path / "config.toml").chmod(mode)
    found = [line for line in warnings(tmp_path, monkeypatch, *NEW).splitlines() if "config.toml" in line]
    assert [word in line for word, line in zip(words, found, strict=True)] == [True] * len(words)


def test_a_configuration_that_systemd_hands_over_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    file = tmp_path / "config.toml"
    file.write_text(TOKEN)
    file.chmod(0o440)  # with an ACL for the one user that may read it
    assert not any("chmod" in line for line in notes.warnings(load(file), file))


def test_a_database_that_others_may_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "watchword.db").touch(mode=0o644)
    assert "what people watch" in warnings(tmp_path, monkeypatch, *NEW)
    (tmp_path / "data" / "watchword.db").chmod(0o600)
    assert "what people watch" not in warnings(tmp_path, monkeypatch, *NEW)


@pytest.mark.parametrize("act", ["check", "run"])
def test_check_and_a_start_name_a_file_that_everybody_may_change(tmp_path: Path, act: str) -> None:
    """And the libraries of this Python, where they have known faults."""
    file = tmp_path / "config.toml"
    file.write_text(
        "telegram = { token = '7000000001:abc', api_base_url = 'http://127.0.0.1:9/bot' }\n"
        f"storage = {{ url = 'sqlite:///{tmp_path}/w.db' }}\n"
    )
    file.chmod(0o666)
    wanted = notes.warnings(load(file), file)
    assert "others may change it" in wanted[-2]
    command = [sys.executable, "-m", "bot", act, "--config", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with process:
        assert process.stdout is not None
        written = ""
        for line in process.stdout:  # until it ends, or has started
            written += line
            if "started" in line:
                process.terminate()
    assert [warning in written for warning in wanted] == [True] * len(wanted)
    assert "Traceback" not in written
