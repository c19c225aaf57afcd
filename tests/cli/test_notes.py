import sqlite3
from pathlib import Path

import pytest

from bot.cli import check
from bot.config import load


def notes(folder: Path, monkeypatch: pytest.MonkeyPatch, sqlite: tuple[int, ...], expat: tuple[int, ...]) -> str:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sqlite3, "sqlite_version_info", sqlite)
    monkeypatch.setattr(check, "version_info", expat)
    return "\n".join(check._warnings(load()))


def test_old_libraries_are_named_with_what_the_bot_does_about_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = notes(tmp_path, monkeypatch, (3, 51, 2), (2, 7, 3))
    assert "fault in WAL mode" in said
    assert "one writer" in said
    assert "entities are refused" in said


def test_libraries_that_are_new_enough_are_named_without_complaint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = notes(tmp_path, monkeypatch, (3, 51, 3), (2, 7, 4))
    assert "expat" in said
    assert "fault" not in said
    assert "refused" not in said


def test_the_fault_of_sqlite_is_no_matter_for_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHWORD_STORAGE__URL", "postgresql://localhost/w")
    assert "SQLite" not in notes(tmp_path, monkeypatch, (3, 40, 1), (2, 7, 4))
