"""Lines: which tests execute a line of the bot, and how long each test takes (`tests.mutants.contexts` records it)."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import coverage

from tests.mutants.copies import environment

# Browsers and whole lives of the program: nothing that a mutant of a function needs.
LEFT_OUT = ("tests/browser", "tests/chaos", "tests/mutants", "tests/test_style.py", "tests/test_docs.py")
WORKERS = 2


@dataclass
class LineMap:
    """Tests by line: `lines[path][line]` are the names of the tests, `seconds` how long each takes.

    `tests` are hashes of the test files, `code` of the bot's, as they were when the map was drawn. `failed` are the
    tests that fail without a mutant: they cannot kill one, and are no part of the map.
    """

    lines: dict[str, dict[int, list[str]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    tests: dict[str, str] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, path: Path) -> "LineMap":
        """Return the map in a file, an empty one if there is none."""
        if not path.exists():
            return cls()
        stored = json.loads(path.read_text())
        names = stored["names"]
        lines = {
            file: {int(line): [names[number] for number in numbers] for line, numbers in by_line.items()}
            for file, by_line in stored["lines"].items()
        }
        return cls(lines, stored["seconds"], stored["tests"], stored["code"], stored["failed"])

    def save(self, path: Path) -> None:
        """Write the map; each test's name once."""
        names = sorted({test for by_line in self.lines.values() for tests in by_line.values() for test in tests})
        number = {name: place for place, name in enumerate(names)}
        lines = {
            file: {line: [number[test] for test in tests] for line, tests in by_line.items()}
            for file, by_line in self.lines.items()
        }
        path.write_text(json.dumps(asdict(self) | {"names": names, "lines": lines}))

    def executing(self, path: str, lines: tuple[int, int] | None) -> set[str]:
        """Return the tests that execute any of these lines of a file; None means any line of it."""
        by_line = self.lines.get(path, {})
        wanted = by_line if lines is None else range(lines[0], lines[1] + 1)
        return {test for line in wanted for test in by_line.get(line, ())}

    def forget(self, files: Iterable[str]) -> None:
        """Remove the tests of these files."""
        gone = set(files)
        self._keep(lambda test: file_of(test) not in gone)
        self.failed = [test for test in self.failed if file_of(test) not in gone]

    def _keep(self, wanted: Callable[[str], bool]) -> None:
        self.seconds = {test: took for test, took in self.seconds.items() if wanted(test)}
        for by_line in self.lines.values():
            for line, tests in by_line.items():
                by_line[line] = [test for test in tests if wanted(test)]

    def add(self, folder: Path, root: Path) -> None:
        """Add what the processes of one run of pytest recorded in `folder` about the files below `root`."""
        for file in folder.glob("tests-*.json"):
            recorded = json.loads(file.read_text())
            self.seconds |= recorded["seconds"]
            self.failed = sorted({*self.failed, *recorded["failed"]})
        for traced in folder.glob("coverage.*"):
            data = coverage.CoverageData(basename=str(traced))
            data.read()
            for measured in data.measured_files():
                by_line = self.lines.setdefault(str(Path(measured).relative_to(root)), {})
                for line, tests in data.contexts_by_lineno(measured).items():
                    known = dict.fromkeys(by_line.get(line, []))
                    by_line[line] = list(known | dict.fromkeys(filter(None, tests)))
        self._keep(lambda test: test not in self.failed)


def file_of(test: str) -> str:
    """Return the file of a test's name."""
    return test.partition("::")[0]


def hashes(root: Path, folder: str) -> dict[str, str]:
    """Return a hash of each module below a folder of `root`."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in sorted((root / folder).rglob("*.py"))
    }


def draw(known: LineMap, root: Path, targets: Sequence[str], database_url: str) -> LineMap:
    """Return the map of the tests in `root`: drawn anew where `targets` changed, else only for changed test files."""
    code = {path: digest for path, digest in hashes(root, "bot").items() if path in targets}
    tests = {
        path: digest
        for path, digest in hashes(root, "tests").items()
        if Path(path).name.startswith("test_") and not path.startswith(LEFT_OUT)
    }
    if any(known.code.get(path) != digest for path, digest in code.items()):
        known = LineMap()
    changed = [path for path, digest in tests.items() if known.tests.get(path) != digest]
    known.forget([*changed, *(path for path in known.tests if path not in tests)])
    if changed:
        with tempfile.TemporaryDirectory() as recorded:
            _record(root, changed, targets, Path(recorded), database_url)
            known.add(Path(recorded), root)
    return replace(known, tests=tests, code=code)


def _record(root: Path, files: Sequence[str], targets: Sequence[str], folder: Path, database_url: str) -> None:
    settings = {
        "WATCHWORD_LINES": str(folder),
        "WATCHWORD_LINES_OF": os.pathsep.join(str(root / path) for path in targets),
    }
    command = [sys.executable, "-m", "pytest", "-n", str(WORKERS), "--dist", "loadgroup", "-p", "no:cacheprovider"]
    command += ["-p", "tests.mutants.contexts", *files]
    ended = subprocess.run(command, cwd=root, env=environment(root, database_url) | settings, check=False)
    if ended.returncode not in {0, 1}:  # 1: some failed
        raise RuntimeError(f"pytest ended with {ended.returncode}")
