"""Pytest server: runs pytest in a fork of itself, the libraries imported, for that takes longer than most tests.

In: a line of JSON for each run, with its `arguments`, the file its output goes to, and its time limit in seconds. Out:
a line with its exit code, null if it had to be killed. Neither the bot nor the tests are imported before the fork.
"""

import importlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

LIBRARIES = (
    "sqlalchemy.ext.asyncio", "alembic.command", "aiosqlite", "psycopg", "aiohttp.web", "telegram.ext", "babel.dates",
    "lxml.html", "structlog", "markupsafe", "yarl", "rapidfuzz", "Stemmer", "feedparser", "trafilatura", "pebble",
)  # fmt: skip
PAUSE = 0.02  # seconds between two looks at the fork


def run(arguments: list[str], output: Path, limit: float) -> int | None:
    """Run pytest in a fork and return its exit code, None if it took longer than `limit` seconds."""
    pid = os.fork()
    if pid == 0:
        _become_pytest(arguments, output)
    ends_at = time.monotonic() + limit
    code: int | None = None
    while time.monotonic() < ends_at:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            break
        time.sleep(PAUSE)
    try:
        os.killpg(pid, signal.SIGKILL)  # it, or what it left running
    except ProcessLookupError:
        return code
    if code is None:
        os.waitpid(pid, 0)
    return code


def _become_pytest(arguments: list[str], output: Path) -> None:
    os.setsid()
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (file, 1), (file, 2)):
        os.dup2(source, target)
    code = 3  # pytest's own for an internal error
    try:
        code = int(pytest.main(arguments))
        sys.stdout.flush()
    finally:
        os._exit(code)


def serve() -> None:
    """Run what the lines of the input say, until it ends."""
    for name in LIBRARIES:
        importlib.import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        code = run(asked["arguments"], Path(asked["output"]), asked["limit"])
        sys.stdout.write(json.dumps(code) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
