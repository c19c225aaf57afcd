"""Names of files and modules in the documents, and in docstrings and comments of bot/: each one exists."""

import ast
import io
import pkgutil
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OTHERS = [ROOT / name for name in ("NOTICE", "config.example.toml", "compose.yaml", "Dockerfile")]
MODULES = sorted((ROOT / "bot").rglob("*.py"))
PATH = re.compile(r"(?<![\w/.:-])(?:bot|tests|docs|tools|container)/[\w./*-]*[\w*]")
TEST = re.compile(r"(?<![\w/])test_\w+\.py")  # a test file without its folder
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
DOTTED = re.compile(r"(?<![\w.])bot\.(?!example\b)[a-z]\w*(?:\.\w+)*")  # but not the host bot.example.org


def prose(source: str) -> str:
    """Return the docstrings and comments of a module."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, documented)]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    return "\n".join([*(ast.get_docstring(node) or "" for node in nodes), *comments])


def dead_paths(text: str) -> Iterator[str]:
    """Yield each path and each test file named in `text` that the tree does not have."""
    yield from (path for path in PATH.findall(text) if not any(ROOT.glob(path)))
    yield from (name for name in TEST.findall(text) if not any((ROOT / "tests").rglob(name)))


def dead_links(page: Path, text: str) -> Iterator[str]:
    """Yield each relative link in `text` whose target, seen from `page`, does not exist."""
    yield from (link for link in LINK.findall(text) if not (page.parent / link).exists())


def dead_modules(text: str) -> Iterator[str]:
    """Yield each dotted name below `bot` in `text` that is neither a module nor a name in one."""
    for name in DOTTED.findall(text):
        try:
            pkgutil.resolve_name(name)
        except (ImportError, AttributeError):
            yield name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_what_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [*dead_paths(text), *dead_links(page, text), *dead_modules(text)] == []


@pytest.mark.parametrize("file", OTHERS, ids=lambda file: file.name)
def test_a_file_for_operators_names_only_what_exists(file: Path) -> None:
    assert list(dead_paths(file.read_text(encoding="utf-8"))) == []


def test_docstrings_and_comments_name_only_what_exists() -> None:
    texts = {str(path.relative_to(ROOT)): prose(path.read_text(encoding="utf-8")) for path in MODULES}
    found = {path: [*dead_paths(text), *dead_modules(text)] for path, text in texts.items()}
    assert {path: names for path, names in found.items() if names} == {}


SOURCE = '''
"""A module (bot/app.py, bot/gone.py, docs/gone.md); see `bot.app.run` and `bot.app.gone`."""
path = "bot/never.py"  # tests/gone/test_*.py, bot.gone.run, https://example.org/docs/page
'''


def test_the_checks_find_what_does_not_exist() -> None:
    text = prose(SOURCE)
    assert list(dead_paths(text)) == ["bot/gone.py", "docs/gone.md", "tests/gone/test_*.py"]
    assert list(dead_modules(text)) == ["bot.app.gone", "bot.gone.run"]
    page = "[a](design.md) [b](gone.md) [c](https://example.org) test_docs.py test_gone.py"
    assert list(dead_links(ROOT / "docs" / "delivery.md", page)) == ["gone.md"]
    assert list(dead_paths(page)) == ["test_gone.py"]
