"""`make mutants`: which small changes to the code no test notices.

python -m tests.mutants [--minutes 55] [-j 1] [--part 1.0] [--only bot/delivery] [--steps 1,2,3] [--report] [--fresh]
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import postgresql_server
from tests.mutants import chosen, copies, lines, report
from tests.mutants.campaign import STEPS, Campaign, Results
from tests.mutants.copies import Ending
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
    parser.add_argument("--only", default="", help="the beginning of the paths of the mutants that are tried")
    parser.add_argument("--steps", default="1,2,3", help="of: 1 tests of the line, 2 mirror and flows, 3 all, of ten")
    parser.add_argument("--most-seconds", type=float, default=MOST_SECONDS, help="of tests, in step 1, per mutant")
    parser.add_argument("--report", action="store_true", help="only print what is known")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier calls found")
    return parser.parse_args()


@contextlib.contextmanager
def copies_of_the_repository(number: int) -> Iterator[list[Path]]:
    """Yield folders with copies of the repository."""
    with tempfile.TemporaryDirectory(prefix="watchword-mutants-") as folder:
        roots = [Path(folder) / str(place) for place in range(number)]
        for root in roots:
            copies.copy(ROOT, root)
        yield roots


def selected(options: argparse.Namespace) -> tuple[list[Mutant], list[Mutant]]:
    """Return the mutants to be tried, and those left out as equivalent."""
    made = [
        mutant
        for mutant in chosen.chosen(ROOT, part=options.part, seed=options.seed)
        if mutant.path.startswith(options.only)
    ]
    return [one for one in made if one.id not in EQUIVALENT], [one for one in made if one.id in EQUIVALENT]


def main() -> int:
    """Try the mutants, or only report; return 1 if one that was planted survived."""
    options = arguments()
    if options.fresh:
        shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir(exist_ok=True)
    tried, equivalent = selected(options)
    if options.report:
        known = campaign_in([ROOT], options, LineMap(), "")
    else:
        with copies_of_the_repository(options.jobs) as roots, postgresql_server() as database_url:
            known = campaign_in(roots, options, drawn(roots[0], database_url), database_url)
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
    return lines_of_tests


def campaign_in(roots: list[Path], options: argparse.Namespace, known: LineMap, database_url: str) -> Campaign:
    """Return the campaign that goes on from the results kept."""
    return Campaign(
        roots,
        known,
        Results(KEPT / "results.jsonl"),
        ends_at=BEGAN + options.minutes * 60,
        most_seconds=options.most_seconds,
        seed=options.seed,
        database_url=database_url,
        tell=tell,
    )


if __name__ == "__main__":
    sys.exit(main())
