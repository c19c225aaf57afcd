"""What repeats in the log is limited, and no log that cannot be written ends the bot."""

import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.config import load
from bot.errors import ConfigError
from bot.runtime.log import PER_SECOND, LimitedHandler, configure


class Log:
    """The log as configured, written to memory, with a clock that only the test moves."""

    def __init__(self, style: str) -> None:
        configure("INFO", style)
        self.handler = logging.getLogger().handlers[0]
        assert isinstance(self.handler, LimitedHandler)
        self.written = io.StringIO()
        self.handler.setStream(self.written)
        self.at = 100.0
        self.handler.clock = lambda: self.at

    def lines(self) -> list[str]:
        return self.written.getvalue().splitlines()

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines()]


@pytest.fixture
def json_log() -> Iterator[Log]:
    root, hook = logging.getLogger(), sys.excepthook
    handlers, level = root.handlers[:], root.level
    yield Log("json")
    logging.captureWarnings(capture=False)
    root.handlers[:], sys.excepthook = handlers, hook
    root.setLevel(level)


def fail(number: int) -> None:
    try:
        raise OSError(f"no room for {number}")
    except OSError:
        structlog.get_logger().exception("not stored", number=number)


def fail_in_a_library(number: int) -> None:
    try:
        raise OSError(f"no room for {number}")
    except OSError:
        logging.getLogger("library").exception("not stored: %d", number)


def test_a_thousand_errors_of_one_kind_are_a_few_lines_and_their_number(json_log: Log) -> None:
    for number in range(1000):
        fail(number)
    json_log.at += 2
    structlog.get_logger().info("polled")
    found = json_log.records()
    assert [record["event"] for record in found] == ["not stored"] * PER_SECOND + ["left out", "polled"]
    assert found[PER_SECOND] | {"timestamp": ""} == {
        "event": "left out",
        "like": "not stored",
        "count": 1000 - PER_SECOND,
        "level": "error",
        "timestamp": "",
    }


@pytest.mark.parametrize("failing", [fail, fail_in_a_library])
def test_a_traceback_is_written_once_a_minute_and_the_error_named_each_time(json_log: Log, failing: Any) -> None:
    """A disk that is full for a minute and a half, as it was seen: two errors a second, 178 tracebacks."""
    for number in range(180):
        failing(number)
        json_log.at += 0.5
    found = json_log.records()
    assert len(found) == 180
    assert [number for number, record in enumerate(found) if "exception" in record] == [0, 120]
    assert found[1]["error"] == "OSError: no room for 1"
    assert len(json_log.written.getvalue()) < 60_000


def test_a_library_that_floods_with_ever_new_texts_is_limited_too(json_log: Log) -> None:
    for number in range(100):
        logging.getLogger("library").warning(f"odd byte {number}")
    json_log.handler.close()
    assert [record["event"] for record in json_log.records()][-1] == "left out"
    assert len(json_log.lines()) == PER_SECOND + 1


def test_other_kinds_are_written_meanwhile_and_the_next_second_begins_anew(json_log: Log) -> None:
    log = structlog.get_logger()
    for _ in range(3):
        for number in range(10):
            log.info("sent", delivery_id=number)
        log.info("polled")
        json_log.at += 1.0
    events = [record["event"] for record in json_log.records()]
    assert events.count("sent") == 3 * PER_SECOND
    assert events.count("polled") == 3
    assert events.count("left out") == 2


def test_errors_from_two_places_of_ours_are_two_kinds(json_log: Log, tmp_path: Path) -> None:
    """The place is that of our own code which the error passed last, however deep in a library it was raised."""
    (tmp_path / "odd.toml").write_text("= 1")
    for name in ("missing.toml", "odd.toml"):
        for _ in range(3):
            try:
                load(tmp_path / name)
            except ConfigError:
                structlog.get_logger().exception("failed")
    assert ["exception" in record for record in json_log.records()] == [True, False, False] * 2


WRITES_TO_NOBODY = """
import logging
import sys
import structlog
from bot.runtime.log import configure
configure("INFO", "console")
for number in range(2000):
    structlog.get_logger().info("polled", text="x" * 100)
    logging.getLogger("library").warning("odd byte")
try:
    raise OSError("no room")
except OSError:
    structlog.get_logger().exception("failed")
sys.stdout.write("alive")
"""


def test_a_pipe_that_nobody_reads_any_more_costs_the_log_alone() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-c", WRITES_TO_NOBODY], stdout=subprocess.PIPE, stderr=writing, check=False, timeout=60
        )
    finally:
        os.close(writing)
    assert done.stdout == b"alive"
