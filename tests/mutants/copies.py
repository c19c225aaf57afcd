"""Copies of the repository: the only place where code is mutated. Several can be at work at once."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

NOT_FOUND = re.compile(r"^ERROR: (not found|found no collectors)", re.MULTILINE)
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::.*?)(?: - .*)?$", re.MULTILINE)


class Ending(StrEnum):
    """The end of a run of tests against a mutant."""

    SURVIVED = "survived"
    KILLED = "killed"
    TIME = "killed by time"  # it hung


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended, the test that failed first, and the seconds it took."""

    ending: Ending
    test: str = ""
    seconds: float = 0.0


def environment(root: Path, database_url: str) -> dict[str, str]:
    """Return the environment of tests that run in `root`: its modules come before the installed ones."""
    return {
        **os.environ,
        "PYTHONPATH": str(root),
        "PYTHONDONTWRITEBYTECODE": "1",  # a mutant as long as its original, within one second, would be taken for it
        "WATCHWORD_TEST_POSTGRESQL": database_url,
    }


def copy(repository: Path, root: Path) -> None:
    """Copy all that Git knows of, or would add, to a new folder."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=repository, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        source, target = repository / name, root / name
        if source.is_file() and not source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    subprocess.run([sys.executable, "-m", "compileall", "-q", "bot", "tests"], cwd=root, check=False)


@contextlib.contextmanager
def changed(file: Path, content: bytes) -> Iterator[None]:
    """Have other content in a file of a copy meanwhile."""
    original = file.read_bytes()
    for compiled in file.parent.glob(f"__pycache__/{file.stem}.*.pyc"):
        compiled.unlink()
    file.write_bytes(content)
    try:
        yield
    finally:
        file.write_bytes(original)


def run(root: Path, tests: Sequence[str], limit: float, database_url: str) -> Outcome:
    """Run tests in a copy until one fails, for `limit` seconds at most."""
    began = time.monotonic()
    code, output = _pytest(root, tests, limit, database_url)
    if code == 4 and NOT_FOUND.search(output):  # the mutant renamed a parameter: the whole file, then
        code, output = _pytest(
            root, list(dict.fromkeys(test.partition("::")[0] for test in tests)), limit, database_url
        )
    took = time.monotonic() - began
    if code is None:
        return Outcome(Ending.TIME, seconds=took)
    if code == 0:
        return Outcome(Ending.SURVIVED, seconds=took)
    if code == 5:
        raise LookupError(f"No test was found: {output[-2000:]}")
    found = FAILED.search(output)
    return Outcome(Ending.KILLED, found[1] if found else "(not imported)", took)


def _pytest(root: Path, tests: Sequence[str], limit: float, database_url: str) -> tuple[int | None, str]:
    """Return the exit code, None if it had to be killed, and the output."""
    command = [sys.executable, "-m", "pytest", "-x", "-rfE", "--no-header", "--tb=no", "-p", "no:cacheprovider"]
    with subprocess.Popen(
        [*command, "--hypothesis-seed=0", *tests],
        cwd=root,
        env=environment(root, database_url),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that what the tests started can be killed with them
    ) as process:
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            return None, ""
        else:
            return process.returncode, output
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
