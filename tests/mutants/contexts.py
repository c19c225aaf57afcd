"""Pytest plugin: records which tests execute each line of `bot/`, and how long each test takes.

In: WATCHWORD_LINES, a folder, and WATCHWORD_LINES_OF, the files to trace. Out: one coverage file, and one file of the
tests' durations and failures, for each process of pytest. Loaded with `-p`, before any module of the bot is imported.
"""

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

FOLDER = Path(os.environ["WATCHWORD_LINES"])

_durations: dict[str, float] = {}
_failed: set[str] = set()
_tracer = coverage.Coverage(
    data_file=FOLDER / "coverage",
    data_suffix=uuid.uuid4().hex,
    include=os.environ["WATCHWORD_LINES_OF"].split(os.pathsep),
    concurrency=["thread", "greenlet"],  # SQLAlchemy's asynchronous calls run in greenlets
    config_file=False,
)
_tracer.set_option("run:disable_warnings", ["no-data-collected"])  # the process that only hands out tests
_tracer.start()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    _tracer.switch_context(item.nodeid)
    try:
        return (yield)
    finally:
        _tracer.switch_context("")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _durations[report.nodeid] = _durations.get(report.nodeid, 0.0) + report.duration
    if report.failed:
        _failed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    _tracer.stop()
    _tracer.save()
    recorded = {"seconds": _durations, "failed": sorted(_failed)}
    (FOLDER / f"tests-{uuid.uuid4().hex}.json").write_text(json.dumps(recorded))
