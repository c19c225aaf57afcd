"""A campaign over a repository of one function and its tests."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.mutants import report
from tests.mutants.campaign import Campaign, Results
from tests.mutants.copies import Copy, Ending
from tests.mutants.lines import LineMap
from tests.mutants.operators import Mutant, mutants

CODE = dedent(
    """
    def first_over(limit: int) -> int:
        number = 0
        while number <= limit:
            number += 1
        return number
    """
)
TESTS = dedent(
    """
    from bot.numbers import first_over

    def test_the_first_number_over_a_limit() -> None:
        assert first_over(4) == 5
    """
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, text in {
        "bot/__init__.py": "",
        "bot/numbers.py": CODE,
        "tests/__init__.py": "",
        "tests/test_numbers.py": TESTS,
        "tests/flows/__init__.py": "",
    }.items():
        file = tmp_path / "copy" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "copy"


@pytest.fixture
def copy(repository: Path) -> Iterator[Copy]:
    with contextlib.closing(Copy(repository, "")) as copy:
        yield copy


def campaign(copy: Copy, *, ends_at: float | None = None) -> Campaign:
    test = "tests/test_numbers.py::test_the_first_number_over_a_limit"
    lines = LineMap({"bot/numbers.py": {line: [test] for line in (3, 4, 5, 6)}}, {test: 0.1})
    return Campaign(
        [copy],
        lines,
        Results(copy.root.parent / "results.jsonl"),
        ends_at=time.monotonic() + 60 if ends_at is None else ends_at,
        most_seconds=60,
        seed=1,
        tell=list[str]().append,
        start=15.0,
    )


def chosen(operators: set[str]) -> list[Mutant]:
    return [mutant for mutant in mutants("bot/numbers.py", CODE.encode()) if mutant.operator in operators]


def test_a_mutant_is_killed_survives_or_hangs_and_a_later_call_goes_on(repository: Path, copy: Copy) -> None:
    tried = chosen({"comparison", "number", "statement"})
    assert not campaign(copy, ends_at=0.0).run(tried, [1])  # no time
    first = campaign(copy)
    assert first.run(tried, [1])
    endings = {(mutant.old, mutant.new): found.ending for mutant in tried if (found := first.result(mutant))}
    assert endings == {
        ("0", "1"): Ending.SURVIVED,
        ("<=", "<"): Ending.KILLED,
        ("number += 1", "pass"): Ending.TIME,
        ("1", "2"): Ending.KILLED,
    }
    assert (repository / "bot/numbers.py").read_text() == CODE
    written = (repository.parent / "results.jsonl").read_text()
    assert campaign(copy).run(tried, [1])  # all is known
    assert (repository.parent / "results.jsonl").read_text() == written

    shown = report.survivors(tried, first.result, repository)
    assert shown.startswith("bot/numbers.py:3  first_over  number")
    assert "-    number = 0\n    +    number = 1" in shown
    assert report.table(tried, first.result, []).splitlines()[1].split()[1:] == ["4", "3", "1", "1", "0", "0.750"]

    (repository / "tests/test_numbers.py").write_text(TESTS + "    assert first_over(-1) == 0\n")
    again = campaign(copy)
    assert [mutant.old for mutant in again._waiting(1, tried)] == ["0"]  # a survivor meets the new tests
