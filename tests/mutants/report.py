"""Report: a table of how many mutants each module's tests killed, and the survivors with their diffs."""

import difflib
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.mutants.campaign import Result
from tests.mutants.copies import Ending
from tests.mutants.operators import Mutant

Lookup = Callable[[Mutant], Result | None]


def diff(mutant: Mutant, root: Path) -> str:
    """Return the change of a mutant, as its lines before and after."""
    source = (root / mutant.path).read_bytes()
    before, after = (text.decode().splitlines() for text in (source, mutant.applied(source)))
    lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))[3:]
    return "\n".join(f"    {line[:160]}" for line in lines)


def survivors(mutants: Sequence[Mutant], result: Lookup, root: Path) -> str:
    """Return the mutants that live, with place, id and change."""
    alive = [mutant for mutant in mutants if (found := result(mutant)) and found.ending is Ending.SURVIVED]
    return "\n".join(
        f"{mutant.path}:{mutant.line}  {mutant.function}  {mutant.operator}  [{mutant.id}]\n{diff(mutant, root)}"
        for mutant in sorted(alive, key=lambda mutant: (mutant.path, mutant.start))
    )


def table(mutants: Sequence[Mutant], result: Lookup, equivalent: Sequence[Mutant]) -> str:
    """Return the numbers of each module, and of all; planted mutants stand in a line of their own."""
    rows: defaultdict[str, list[Mutant]] = defaultdict(list)
    for mutant in mutants:
        rows["(planted)" if mutant.operator == "planted" else mutant.path].append(mutant)
    width = max(map(len, rows), default=0)
    head = f"{'module':{width}}  mutants  killed  by time  survived  untried    rate"
    lines = [_row(name, width, made, result) for name, made in sorted(rows.items())]
    return "\n".join([head, *lines, _row("all", width, mutants, result), f"left out as equivalent: {len(equivalent)}"])


def _row(name: str, width: int, mutants: Sequence[Mutant], result: Lookup) -> str:
    endings = [found.ending for mutant in mutants if (found := result(mutant))]
    survived, by_time = endings.count(Ending.SURVIVED), endings.count(Ending.TIME)
    killed = len(endings) - survived
    rate = f"{killed / len(endings):.3f}" if endings else "-"
    untried = len(mutants) - len(endings)
    return f"{name:{width}}  {len(mutants):7}  {killed:6}  {by_time:7}  {survived:8}  {untried:7}  {rate:>6}"
