"""Who may open a connection: only the modules named here (docs/sources.md, "What is connected to")."""

import ast
from collections.abc import Iterator
from pathlib import Path

import bot

CODE = Path(bot.__file__).parent

# What opens a connection, or a module that does, and who may use it. The sandbox talks to this machine alone.
OPENERS = {
    "aiohttp.ClientSession": {
        "sources/http/fetch.py",
        "delivery/telegram/http.py",
        "sandbox/webhook.py",
        "sandbox/console.py",
    },
    "aiohttp.TCPConnector": {"sources/http/fetch.py", "delivery/telegram/http.py"},
    "socket.socket": {"sources/http/guard.py"},
}
NOBODY = ("aiohttp.request", "asyncio.open_connection", "asyncio.open_unix_connection", "socket.create_connection")
STRANGERS = frozenset({"httpx", "requests", "urllib3", "http.client", "urllib.request", "ftplib", "smtplib", "ssl"})
FROM_TRAFILATURA = {"bare_extraction", "settings"}  # its other half is a downloader


def names(tree: ast.AST) -> Iterator[str]:
    """Yield every dotted name in some code, by what its first part was imported as."""
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {one.asname or one.name.partition(".")[0]: one.name for one in node.names}
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
            yield from (f"{node.module}.{one.name}" for one in node.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{imported.get(node.value.id, node.value.id)}.{node.attr}"


def modules() -> Iterator[tuple[str, set[str]]]:
    for path in CODE.rglob("*.py"):
        yield path.relative_to(CODE).as_posix(), set(names(ast.parse(path.read_text(encoding="utf-8"))))


def test_connections_are_opened_by_the_fetcher_and_the_bot_api_client_alone() -> None:
    found = dict(modules())
    for opener, allowed in OPENERS.items():
        assert {path for path, used in found.items() if opener in used} <= allowed, opener
    for path, used in found.items():
        assert used.isdisjoint(NOBODY), path
        strangers = {name for name in used if any(f"{name}.".startswith(f"{one}.") for one in STRANGERS)}
        assert not strangers, (path, strangers)


def test_of_trafilatura_only_the_extraction_is_used() -> None:
    used = {name for _, found in modules() for name in found if name.startswith("trafilatura.")}
    assert {name.split(".")[1] for name in used} == FROM_TRAFILATURA


def test_the_search_sees_what_it_looks_for() -> None:
    code = (
        "import urllib.request\nfrom aiohttp import ClientSession as Session\nimport socket as s\ns.create_connection"
    )
    found = set(names(ast.parse(code)))
    assert {"urllib.request", "aiohttp.ClientSession", "socket.create_connection"} <= found
