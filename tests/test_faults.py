"""docs/faults.md: every fault has a number, an effect and tests that exist, or the word that there is none."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/faults.md"
HEAD = ["no.", "fault", "what happens", "shown by"]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
MADE = re.compile(r"`make ([\w-]+)`")
WITHOUT = {"open", "none"}


def rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the tables, without their heads."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells != HEAD and set(line) - set("|-"):
            yield cells


@cache
def names_in(path: str) -> frozenset[str]:
    """Return the names of a file's tests, without running it."""
    tree = ast.parse((ROOT / path).read_text("utf-8")) if (ROOT / path).is_file() else ast.Module([], [])
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def mistakes(text: str) -> list[str]:
    """Return what is wrong with the tables of the page."""
    wrong, letter, number = [], "", 0
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for cells in rows(text):
        if len(cells) != len(HEAD) or not all(cells):
            wrong.append(f"{cells[0]}: a cell is empty, missing or too many")
            continue
        name, _, _, shown = cells
        number = number + 1 if name[0] == letter else 1
        letter = name[0]
        if name != f"{letter}{number}":
            wrong.append(f"{name}: out of order")
        tests, made = NAMED.findall(shown), MADE.findall(shown)
        if shown not in WITHOUT and NAMED.sub("", MADE.sub("", shown)).replace(",", "").strip():
            wrong.append(f"{name}: neither tests nor a command nor {' or '.join(sorted(WITHOUT))}")
        wrong += [f"{name}: {path} has no {test}" for path, test in tests if test not in names_in(path)]
        wrong += [f"{name}: no target {target}" for target in made if target not in targets]
    return wrong


def test_every_fault_has_an_effect_and_tests_that_exist() -> None:
    text = PAGE.read_text("utf-8")
    assert mistakes(text) == []
    assert len(list(rows(text))) >= 190


EXISTS = "`tests/test_faults.py::test_every_fault_has_an_effect_and_tests_that_exist`"


@pytest.mark.parametrize(
    ("row", "mistake"),
    [
        (f"| A1 | a fault |  | {EXISTS} |", "a cell is empty"),
        ("| A1 | a fault | an effect |  |", "a cell is empty"),
        ("| A1 | a fault | an effect | soon |", "neither tests nor"),
        ("| A1 | a fault | an effect | `tests/test_faults.py::test_of_nothing` |", "has no test_of_nothing"),
        ("| A1 | a fault | an effect | `tests/test_nowhere.py::test_of_nothing` |", "has no test_of_nothing"),
        ("| A1 | a fault | an effect | `make nonsense` |", "no target"),
        (f"| A2 | a fault | an effect | {EXISTS} |", "out of order"),
    ],
)
def test_the_check_finds_what_is_wrong(row: str, mistake: str) -> None:
    assert mistake in "".join(mistakes(row))


@pytest.mark.parametrize("shown", ["open", "none", EXISTS, f"{EXISTS}, `make chaos`"])
def test_the_check_accepts_a_whole_row(shown: str) -> None:
    assert mistakes(f"| A1 | a fault | an effect | {shown} |") == []
