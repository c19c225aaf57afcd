"""Rules for names and docstrings of bot/ that ruff has no check for."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

BOT = Path(__file__).parents[1] / "bot"
MODULES = {str(path.relative_to(BOT.parent)): ast.parse(path.read_text(encoding="utf-8")) for path in BOT.rglob("*.py")}
LONGEST_FUNCTION = 60  # lines, the decorators not counted
NO_SUBJECT = re.compile(r"(What|Who|Whose|How|For that)\b")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


def repeated_classes(modules: dict[str, ast.Module]) -> list[str]:
    """Return each class name defined more than once, with its modules."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for module, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(module)
    return [f"{name}: {', '.join(found)}" for name, found in sorted(places.items()) if len(found) > 1]


def unclear_summaries(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and summary of each docstring that begins with a relative pronoun instead of a noun or verb."""
    for node in ast.walk(tree):
        if isinstance(node, Documented):
            summary = (ast.get_docstring(node) or "").partition("\n")[0]
            if NO_SUBJECT.match(summary):
                yield getattr(node, "lineno", 1), summary


def nameless_loops(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and target of each loop or comprehension with a variable called `one`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            names = {name.id for name in ast.walk(node.target) if isinstance(name, ast.Name)}
            if "one" in names:
                yield node.target.lineno, ast.unparse(node.target)


def long_functions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line, name and length of each function that is too long."""
    for node in ast.walk(tree):
        if isinstance(node, Function):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield node.lineno, f"{node.name}, {lines} lines"


MIGRATIONS = "bot/storage/migrations/versions/"  # frozen: one that has run is never edited
CHECKS = [unclear_summaries, nameless_loops, long_functions]


def test_class_names_are_unique() -> None:
    assert repeated_classes(MODULES) == []


@pytest.mark.parametrize("check", CHECKS)
def test_the_code_keeps_the_rule(check: object) -> None:
    assert callable(check)
    found = [f"{module}:{line}: {text}" for module, tree in sorted(MODULES.items()) for line, text in check(tree)]
    assert [place for place in found if check is not long_functions or not place.startswith(MIGRATIONS)] == []


BAD = (
    '''
"""What a feed shows."""
class Feed:
    """Whose items are read."""
def read(feeds):
    """For that, read them."""
    for one in feeds: pass
    return {one: item for one, item in feeds}
async def poll():
    """How often: daily."""
'''
    + "    pass\n" * 60
)


def test_each_check_finds_what_breaks_its_rule() -> None:
    tree = ast.parse(BAD)
    assert repeated_classes({"a.py": tree, "b.py": tree}) == ["Feed: a.py, b.py"]
    assert [line for line, _ in unclear_summaries(tree)] == [1, 3, 5, 9]
    assert [text for _, text in nameless_loops(tree)] == ["one", "(one, item)"]
    assert [text for _, text in long_functions(tree)] == ["poll, 62 lines"]


GOOD = '''
"""Whatever."""
class Feed:
    """However."""
    def read(self, items): return [item for item in items]
'''


def test_the_checks_accept_clear_code() -> None:
    tree = ast.parse(GOOD)
    assert repeated_classes({"a.py": tree}) == []
    assert [list(check(tree)) for check in CHECKS] == [[], [], []]
