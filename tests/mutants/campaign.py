"""Campaign: tries each chosen mutant, in three steps, and keeps what it found, so that it goes on where it stopped.

1. the tests that execute the mutant's line, the nearest first and the quickest before the slow;
2. what survived: all tests of the folder that mirrors its module, and the flows;
3. of what survived that, a seeded ten: all tests.
"""

import hashlib
import json
import queue
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.mutants.copies import Ending, Outcome, changed, run
from tests.mutants.lines import LineMap, file_of, hashes
from tests.mutants.operators import Mutant

FLOWS = "tests/flows"
SEEDED_TEN = 10
STEPS = (1, 2, 3)
SLOWER = 4.0  # times its usual time, and START: a mutant that takes longer hangs
START = 60.0


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of a mutant after its last step; `code` and `tests` are hashes of what it was found with."""

    id: str
    step: int
    ending: Ending
    test: str
    seconds: float
    code: str
    tests: str


def _reaches(result: Result, step: int) -> bool:
    """Whether a mutant survived what comes before a step."""
    return result.ending is Ending.SURVIVED or result.step >= step


class Results:
    """The results so far, in a file of lines that is appended to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[str, Result] = {}
        if path.exists():
            for line in path.read_text().splitlines():
                stored = json.loads(line)
                self._known[stored["id"]] = Result(**{**stored, "ending": Ending(stored["ending"])})

    def add(self, result: Result) -> None:
        """Keep a result, in place of an earlier one of the same mutant."""
        with self._lock:
            self._known[result.id] = result
            with self._path.open("a") as file:
                file.write(json.dumps(asdict(result)) + "\n")

    def of(self, mutant: Mutant, code: str, tests: str) -> Result | None:
        """Return what is known of a mutant: nothing if its file changed, or if it survived and the tests changed."""
        found = self._known.get(mutant.id)
        if found is None or found.code != code:
            return None
        return None if found.ending is Ending.SURVIVED and found.tests != tests else found


class Campaign:
    """Runs the steps in copies of the repository, one mutant in each at a time, until `ends_at` (monotonic)."""

    def __init__(
        self,
        copies: Sequence[Path],
        lines: LineMap,
        results: Results,
        *,
        ends_at: float,
        most_seconds: float,
        seed: int,
        database_url: str,
        tell: Callable[[str], None],
        start: float = START,
    ) -> None:
        self._copies: queue.Queue[Path] = queue.Queue()
        for root in copies:
            self._copies.put(root)
        self._width = len(copies)
        self._lines, self._results = lines, results
        self._ends_at, self._most_seconds, self._seed = ends_at, most_seconds, seed
        self._database_url, self._tell, self._start = database_url, tell, start
        self._code = hashes(copies[0], "bot")
        self._tests = hashlib.sha256(repr(sorted(hashes(copies[0], "tests").items())).encode()).hexdigest()[:16]

    def result(self, mutant: Mutant) -> Result | None:
        """Return what is known of a mutant."""
        return self._results.of(mutant, self._code[mutant.path], self._tests)

    def run(self, mutants: Sequence[Mutant], steps: Iterable[int] = STEPS) -> bool:
        """Try all mutants in the steps' order; return whether that was finished in time."""
        return all(self._step(step, self._waiting(step, mutants)) for step in steps)

    def _waiting(self, step: int, mutants: Sequence[Mutant]) -> list[Mutant]:
        """Return the mutants that a step has to try: those that survived the one before."""
        known = [(mutant, self.result(mutant)) for mutant in mutants]
        if step == 1:
            return [mutant for mutant, result in known if result is None]
        waiting = [(mutant, result) for mutant, result in known if result and _reaches(result, step)]
        if step == 3:
            waiting = sorted(waiting, key=lambda pair: pair[0].id)
            waiting = random.Random(self._seed).sample(waiting, min(SEEDED_TEN, len(waiting)))
        return [mutant for mutant, result in waiting if result.step < step]

    def _step(self, step: int, waiting: Sequence[Mutant]) -> bool:
        if waiting:
            self._tell(f"step {step}: {len(waiting)} mutants")
        with ThreadPoolExecutor(self._width) as pool:
            done = [pool.submit(self._try, step, mutant) for mutant in waiting]
            return all(task.result() for task in as_completed(done))

    def _try(self, step: int, mutant: Mutant) -> bool:
        """Try one mutant and keep the result; return False if there was no time left."""
        if time.monotonic() > self._ends_at:
            return False
        tests = self.tests(step, mutant)
        root = self._copies.get()
        try:
            with changed(root / mutant.path, mutant.applied((root / mutant.path).read_bytes())):
                outcome = self._outcome(root, tests)
        finally:
            self._copies.put(root)
        code = self._code[mutant.path]
        self._results.add(
            Result(mutant.id, step, outcome.ending, outcome.test, round(outcome.seconds, 1), code, self._tests)
        )
        self._tell(f"{outcome.ending.value:14} {outcome.seconds:5.0f} s  {mutant.path}:{mutant.line}  {outcome.test}")
        return True

    def _outcome(self, root: Path, tests: Sequence[str]) -> Outcome:
        """Run tests; a failure of a flow counts if it is repeated, for a busy machine makes some of them late."""
        if not tests:
            return Outcome(Ending.SURVIVED)
        outcome = run(root, tests, self._limit(tests), self._database_url)
        if outcome.ending is Ending.KILLED and outcome.test.startswith(FLOWS):
            again = run(root, [outcome.test], self._limit([outcome.test]), self._database_url)
            if again.ending is Ending.SURVIVED:
                left = [test for test in tests if test != outcome.test]
                return run(root, left, self._limit(left), self._database_url)
        return outcome

    def _limit(self, tests: Sequence[str]) -> float:
        return self._start + SLOWER * sum(self._seconds(test) for test in tests)

    def _seconds(self, test: str) -> float:
        """Return how long a test, or all tests of a file or folder, take."""
        if "::" in test:
            return self._lines.seconds.get(test, 1.0)
        return sum(took for name, took in self._lines.seconds.items() if name.startswith(test))

    def tests(self, step: int, mutant: Mutant) -> list[str]:
        """Return what a step runs against a mutant, in order."""
        if step == 1:
            return self._nearest(mutant)
        mirror = f"tests/{Path(mutant.path).relative_to('bot').parent}"
        return [mirror, FLOWS] if step == 2 else ["tests"]

    def _nearest(self, mutant: Mutant) -> list[str]:
        """Return the tests that execute a mutant's line: the mirror's first, and up to `most_seconds` of them.

        The slowest are left out where there are too many: what survives meets the flows in the second step.
        """
        mirror = Path("tests") / Path(mutant.path).relative_to("bot").parent
        near = {str(mirror / f"test_{Path(mutant.path).stem}.py"): 0}
        found = self._lines.executing(mutant.path, mutant.lines)
        if mutant.lines is None:
            found |= {test for test in self._lines.seconds if file_of(test) in near}
        ranked = sorted(
            found,
            key=lambda test: (
                near.get(file_of(test), 1 if file_of(test).startswith(str(mirror)) else 2),
                self._seconds(test),
                test,
            ),
        )
        taken: list[str] = []
        for test in ranked:
            if sum(map(self._seconds, taken)) + self._seconds(test) <= self._most_seconds or not taken:
                taken.append(test)
        return taken
