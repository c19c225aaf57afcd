"""`make mutants`: which small changes to the code no test notices.

python -m tests.mutants [--minutes 55] [-j 1] [--part 1.0] [--only bot/delivery] [--steps 1,2,3] [--report] [--fresh]
"""

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import postgresql_server
from tests.mutants import chosen, lines, report
from tests.mutants.campaign import STEPS, Campaign, Results
from tests.mutants.copies import Copy, Ending
from tests.mutants.equivalents import EQUIVALENT
from tests.mutants.lines import LineMap
from tests.mutants.operators import Mutant

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".mutants"  # the map and the results: what a later call goes on from
MAP = KEPT / "lines.json"
BEGAN = time.monotonic()
MOST_SECONDS = 60.0  # of tests against one mutant in the first step


def tell(line: str) -> None:
    """Say at once what happens: a run lasts long."""
    write(f"{time.strftime('%H:%M:%S')}  {line}")


def write(text: str) -> None:
    """Print a text."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(prog="make mutants", description="Try small changes to the code on its tests.")
    parser.add_argument("--minutes", type=float, default=55.0, help="how long this call may take")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="mutants at once, each in a copy of its own")
    parser.add_argument("--part", type=float, default=1.0, help="the part of the chosen mutants that is tried")
    parser.add_argument("--seed", type=int, default=chosen.SEED)
    parser.add_argument("--only", default="", help="the beginnings of the paths of the mutants that are tried")
    parser.add_argument("--steps", default="1,2,3", help="of: 1 tests of the line, 2 mirror and flows, 3 all, of ten")
    parser.add_argument("--most-seconds", type=float, default=MOST_SECONDS, help="of tests, in step 1, per mutant")
    parser.add_argument("--report", action="store_true", help="only print what is known")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier calls found")
    return parser.parse_args()


@contextlib.contextmanager
def copies_of_the_repository(number: int, database_url: str) -> Iterator[list[Copy]]:
    """Yield copies of the repository."""
    with tempfile.TemporaryDirectory(prefix="watchword-mutants-") as folder, contextlib.ExitStack() as ends:
        made = [Copy.of(ROOT, Path(folder) / str(place), database_url) for place in range(number)]
        for copy in made:
            ends.callback(copy.close)
            copy.compile()
        yield made


def selected(options: argparse.Namespace) -> tuple[list[Mutant], list[Mutant]]:
    """Return the mutants to be tried, and those left out as equivalent."""
    made = [
        mutant
        for mutant in chosen.chosen(ROOT, part=options.part, seed=options.seed)
        if mutant.path.startswith(tuple(options.only.split(",")))
    ]
    return [one for one in made if one.id not in EQUIVALENT], [one for one in made if one.id in EQUIVALENT]


def main() -> int:
    """Try the mutants, or only report; return 1 if one that was planted survived."""
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the copies and the database server end with us
    if options.fresh:
        shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir(exist_ok=True)
    tried, equivalent = selected(options)
    if options.report:
        known = campaign_in([Copy(ROOT, "")], options, LineMap())
    else:
        with postgresql_server() as database_url, copies_of_the_repository(options.jobs, database_url) as made:
            known = campaign_in(made, options, drawn(made[0].root, database_url))
            steps = [step for step in STEPS if str(step) in options.steps.split(",")]
            if not known.run(tried, steps):
                tell("The time is over. The next call goes on.")
    write(report.survivors(tried, known.result, ROOT))
    write(report.table(tried, known.result, equivalent))
    planted = [known.result(mutant) for mutant in tried if mutant.operator == "planted"]
    return int(any(result and result.ending is Ending.SURVIVED for result in planted))


def drawn(root: Path, database_url: str) -> LineMap:
    """Return the map of tests and lines, brought up to date."""
    tell("which tests execute which lines")
    lines_of_tests = lines.draw(LineMap.load(MAP), root, chosen.targets(root), database_url)
    lines_of_tests.save(MAP)
    for test in lines_of_tests.failed:
        tell(f"left out, for it fails without a mutant: {test}")
    return lines_of_tests


def campaign_in(made: list[Copy], options: argparse.Namespace, known: LineMap) -> Campaign:
    """Return the campaign that goes on from the results kept."""
    return Campaign(
        made,
        known,
        Results(KEPT / "results.jsonl"),
        ends_at=BEGAN + options.minutes * 60,
        most_seconds=options.most_seconds,
        seed=options.seed,
        tell=tell,
    )


if __name__ == "__main__":
    sys.exit(main())
