"""Copies of the repository: the only place where code is mutated. Several can be at work at once."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

NOT_FOUND = re.compile(r"^ERROR: (not found|found no collectors)", re.MULTILINE)
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::.*?)(?: - .*)?$", re.MULTILINE)

SERVER = Path(__file__).with_name("server.py")
PYTEST = ("-x", "-rfE", "--no-header", "--tb=no", "-p", "no:cacheprovider", "--hypothesis-seed=0")


class Ending(StrEnum):
    """The end of a run of tests against a mutant."""

    SURVIVED = "survived"
    KILLED = "killed"
    TIME = "killed by time"  # it hung


@dataclass(frozen=True, slots=True)
class Outcome:
    """End of a run: its outcome, the test that failed first, and the seconds it took."""

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


class Copy:
    """A copy of the repository in `root`, and the process that runs its tests."""

    def __init__(self, root: Path, database_url: str) -> None:
        self.root = root
        self._database_url = database_url
        self._server: subprocess.Popen[str] | None = None

    @classmethod
    def of(cls, repository: Path, root: Path, database_url: str) -> Self:
        """Copy all that Git knows of, or would add, to a new folder."""
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=repository, check=True, capture_output=True, text=True).stdout.split("\0")
        for name in filter(None, names):
            source, target = repository / name, root / name
            if source.is_file() and not source.is_symlink():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        return cls(root, database_url)

    def compile(self) -> None:
        """Have pytest compile all tests, and what they import, once."""
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests"]
        writing = environment(self.root, self._database_url) | {"PYTHONDONTWRITEBYTECODE": ""}
        subprocess.run(command, cwd=self.root, env=writing, capture_output=True, check=False)

    def close(self) -> None:
        """End the process."""
        if self._server is not None:
            self._server.communicate()  # which ends its input
            self._server = None

    @contextlib.contextmanager
    def changed(self, path: str, content: bytes) -> Iterator[None]:
        """Have other content in a file meanwhile."""
        file = self.root / path
        original = file.read_bytes()
        for compiled in file.parent.glob(f"__pycache__/{file.stem}.*.pyc"):
            compiled.unlink()
        file.write_bytes(content)
        try:
            yield
        finally:
            file.write_bytes(original)

    def run(self, tests: Sequence[str], limit: float) -> Outcome:
        """Run tests until one fails, for `limit` seconds at most."""
        began = time.monotonic()
        code, output = self._pytest(tests, limit)
        if code == 4 and NOT_FOUND.search(output):  # the mutant renamed a parameter: the whole files, then
            code, output = self._pytest(list(dict.fromkeys(test.partition("::")[0] for test in tests)), limit)
        took = time.monotonic() - began
        if code is None:
            return Outcome(Ending.TIME, seconds=took)
        if code == 0:
            return Outcome(Ending.SURVIVED, seconds=took)
        if code == 5:
            raise LookupError(f"No test was found: {output[-2000:]}")
        found = FAILED.search(output)
        return Outcome(Ending.KILLED, found[1] if found else "(not imported)", took)

    def _pytest(self, tests: Sequence[str], limit: float) -> tuple[int | None, str]:
        """Return the exit code, None if it had to be killed, and the output."""
        output = self.root.with_suffix(".txt")
        asked = {"arguments": [*PYTEST, *tests], "output": str(output), "limit": limit}
        server = self._started()
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        return json.loads(server.stdout.readline()), output.read_text(errors="replace")

    def _started(self) -> subprocess.Popen[str]:
        if self._server is None:
            self._server = subprocess.Popen(
                [sys.executable, "-P", str(SERVER)],
                cwd=self.root,
                env=environment(self.root, self._database_url),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self._server
