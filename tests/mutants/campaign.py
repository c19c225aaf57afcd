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

from tests.mutants.copies import Copy, Ending, Outcome
from tests.mutants.lines import LEFT_OUT, LineMap, file_of, hashes
from tests.mutants.operators import Mutant

FLOWS = "tests/flows"
SEEDED_TEN = 10
STEPS = (1, 2, 3)
SLOWER = 4.0  # times its usual time, and START: a mutant that takes longer hangs
START = 60.0


@dataclass(frozen=True, slots=True)
class Result:
    """Knowledge of a mutant after its last step; `code` and `tests` are hashes of what it was found with."""

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

    def of(self, mutant: Mutant, code: str) -> Result | None:
        """Return what is known of a mutant: nothing if its file changed."""
        found = self._known.get(mutant.id)
        return found if found and found.code == code else None


class Campaign:
    """Runs the steps in copies of the repository, one mutant in each at a time, until `ends_at` (monotonic)."""

    def __init__(
        self,
        copies: Sequence[Copy],
        lines: LineMap,
        results: Results,
        *,
        ends_at: float,
        most_seconds: float,
        seed: int,
        tell: Callable[[str], None],
        start: float = START,
    ) -> None:
        self._copies: queue.Queue[Copy] = queue.Queue()
        for copy in copies:
            self._copies.put(copy)
        self._width = len(copies)
        self._lines, self._results = lines, results
        self._ends_at, self._most_seconds, self._seed = ends_at, most_seconds, seed
        self._tell, self._start = tell, start
        self._code = hashes(copies[0].root, "bot")
        tests = {
            path: digest for path, digest in hashes(copies[0].root, "tests").items() if not path.startswith(LEFT_OUT)
        }
        self._tests = hashlib.sha256(repr(sorted(tests.items())).encode()).hexdigest()[:16]

    def result(self, mutant: Mutant) -> Result | None:
        """Return what is known of a mutant."""
        return self._results.of(mutant, self._code[mutant.path])

    def run(self, mutants: Sequence[Mutant], steps: Iterable[int] = STEPS) -> bool:
        """Try all mutants in the steps' order; return whether that was finished in time."""
        return all(self._step(step, self._waiting(step, mutants)) for step in steps)

    def _waiting(self, step: int, mutants: Sequence[Mutant]) -> list[Mutant]:
        """Return the mutants that a step has to try: those that survived the one before."""
        known = [(mutant, self.result(mutant)) for mutant in mutants]
        if step == 1:  # the planted ones first, then in the order of their ids: a part is then a fair sample
            new = [mutant for mutant, result in known if result is None or self._is_outdated(result)]
            return sorted(new, key=lambda mutant: (mutant.operator != "planted", mutant.id))
        waiting = [(mutant, result) for mutant, result in known if result and _reaches(result, step)]
        if step == 3:
            waiting = sorted(waiting, key=lambda pair: pair[0].id)
            waiting = random.Random(self._seed).sample(waiting, min(SEEDED_TEN, len(waiting)))
        return [mutant for mutant, result in waiting if result.step < step]

    def _is_outdated(self, result: Result) -> bool:
        """Whether a mutant survived tests that have changed since."""
        return result.ending is Ending.SURVIVED and result.tests != self._tests

    def _step(self, step: int, waiting: Sequence[Mutant]) -> bool:
        if waiting:
            self._tell(f"step {step}: {len(waiting)} mutants")
        pool = ThreadPoolExecutor(self._width)
        try:
            done = [pool.submit(self._try, step, mutant) for mutant in waiting]
            return all(task.result() for task in as_completed(done))
        finally:
            pool.shutdown(cancel_futures=True)

    def _try(self, step: int, mutant: Mutant) -> bool:
        """Try one mutant and keep the result; return False if there was no time left."""
        if time.monotonic() > self._ends_at:
            return False
        tests = self.tests(step, mutant)
        copy = self._copies.get()
        try:
            with copy.changed(mutant.path, mutant.applied((copy.root / mutant.path).read_bytes())):
                outcome = self._outcome(copy, tests)
        finally:
            self._copies.put(copy)
        code = self._code[mutant.path]
        self._results.add(
            Result(mutant.id, step, outcome.ending, outcome.test, round(outcome.seconds, 1), code, self._tests)
        )
        self._tell(f"{outcome.ending.value:14} {outcome.seconds:5.0f} s  {mutant.path}:{mutant.line}  {outcome.test}")
        return True

    def _outcome(self, copy: Copy, tests: Sequence[str]) -> Outcome:
        """Run tests; a failure of a flow counts if it is repeated, for a busy machine makes some of them late."""
        if not tests:
            return Outcome(Ending.SURVIVED)
        outcome = copy.run(tests, self._limit(tests))
        if outcome.ending is Ending.KILLED and outcome.test.startswith(FLOWS):
            again = copy.run([outcome.test], self._limit([outcome.test]))
            if again.ending is Ending.SURVIVED:
                left = [test for test in tests if test != outcome.test]
                return copy.run(left, self._limit(left))
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
        """Return the tests that execute a mutant's line, the nearest and quickest first, up to `most_seconds` of them.

        The module's own test file is always among them: of a function with a cache, only the first caller executes it.
        The slowest are left out where there are too many: what survives meets the flows in the second step.
        """
        mirror = Path("tests") / Path(mutant.path).relative_to("bot").parent
        own = str(mirror / f"test_{Path(mutant.path).stem}.py")
        executing = self._lines.executing(mutant.path, mutant.lines)
        near = {test for test in self._lines.seconds if file_of(test) == own}

        def rank(test: str) -> tuple[bool, bool, bool, float, str]:
            mirrored = file_of(test).startswith(str(mirror))
            return test not in executing, test not in near, not mirrored, self._seconds(test), test

        taken: list[str] = []
        seconds = 0.0
        for test in sorted(executing | near, key=rank):
            if seconds + self._seconds(test) <= self._most_seconds or not taken:
                seconds += self._seconds(test)
                taken.append(test)
        return taken
