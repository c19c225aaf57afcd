"""The table of hostile inputs (tests/hostile.py): the work they make is counted, and heavy work leaves the loop."""

import ast
import asyncio
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.sources.http.compression import MOST_MEMBERS
from bot.sources.http.fetch import MAX_BYTES, Fetcher
from bot.sources.http.guard import AddressGuard
from tests.feedserver import FeedServer
from tests.hostile import REFUSALS, TABLE, Where, empty_members

ROWS = {hostile.name: hostile for hostile in TABLE}
INPUTS = [(hostile.name, name) for hostile in TABLE for name in hostile.inputs]
MOST_CALLS = 400_000  # of functions, Python's and C's: some 20 ms of them, not counted
MOST_COPIED = 3 * MAX_BYTES

# Calls that read what may be large, by the last two parts of their names.
READERS = frozenset(
    {
        *("json.loads", "zlib.decompressobj", "zlib.decompress", "gzip.decompress", "Update.de_json", "Protego.parse"),
        *("hmac.new", "hmac.digest", "hashlib.sha256", "hashlib.sha1", "hashlib.sha512"),
        *("etree.iterparse", "etree.fromstring", "html.document_fromstring", "ElementTree.fromstring"),
        *("feedparser.parse", "charset_normalizer.from_bytes", "body.decode", "payload.decode", "raw.decode"),
    }
)
# Functions with such a call that need no row, and the reason.
SMALL = {
    "bot.runtime.clock:now": "a file of the chaos test",
    "bot.storage.source_columns:load_error": "our own column",
    "bot.sources.rhythm:load": "our own column",
    "bot.storage.entries:content_hash": "one entry, at most MAX_SUMMARY",
    "bot.sources.identity:_digest": "runs in the worker process",
    "bot.messages.signing:_signature": "64 bytes",
    "bot.messages.signing:pseudonym": "a number",
    "bot.sources.http.compression:_inflate": "the inside of `decompress`",
    "bot.chat.inbox:_parsed": "an update that `read_update` or `check_update` let pass",
    "bot.storage.inbox:_stand_in": "two values",
    "bot.delivery.telegram.updates:__init__": "one update, at most MOST_BYTES",
}
IN_PROCESS = ("bot.sources.reading.", "bot.sources.opml", "bot.sources.discover")
NOT_SERVED = ("bot.sandbox.", "bot.cli.", "bot.locales.", "bot.matching.gazetteer.", "bot.storage.migrations.")


class Counted:
    """A decompressor of zlib that counts the bytes it is given and leaves, and the threads it runs in."""

    members = copied = 0
    threads: set[int] = set()  # noqa: RUF012 - reset by the fixture

    def __init__(self, wbits: int) -> None:
        self.inner = _REAL(wbits)
        Counted.members += 1

    def decompress(self, data: bytes, length: int) -> bytes:
        piece = self.inner.decompress(data, length)
        Counted.copied += len(piece) + len(self.inner.unused_data) + len(self.inner.unconsumed_tail)
        Counted.threads.add(threading.get_ident())
        return piece

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


_REAL = zlib.decompressobj


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[Counted]:
    monkeypatch.setattr(zlib, "decompressobj", Counted)
    Counted.members = Counted.copied = 0
    Counted.threads = set()
    return Counted


@pytest.mark.parametrize("name", list(ROWS["bot.sources.http.compression:decompress"].inputs))
def test_inflating_copies_each_byte_a_few_times_at_most(name: str, counted: type[Counted]) -> None:
    ROWS["bot.sources.http.compression:decompress"].inputs[name]()
    assert 0 < counted.members <= MOST_MEMBERS
    # what zlib leaves of a slice is copied for each step of output; of empty members, for each member
    assert counted.copied <= MOST_COPIED + MOST_MEMBERS * 16 * 1024


@pytest.mark.parametrize(("function", "name"), [pair for pair in INPUTS if ROWS[pair[0]].where is Where.LOOP])
def test_on_the_loop_a_hostile_input_makes_little_work(function: str, name: str) -> None:
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        ROWS[function].inputs[name]()
    finally:
        sys.setprofile(None)
    assert calls <= MOST_CALLS


@pytest.mark.parametrize(("function", "name"), [pair for pair in INPUTS if ROWS[pair[0]].where is Where.PROCESS])
def test_what_the_worker_reads_is_read_or_refused(function: str, name: str) -> None:
    ROWS[function].inputs[name]()


async def test_a_body_of_empty_members_is_inflated_away_from_the_loop(counted: type[Counted]) -> None:
    async with FeedServer() as server, Fetcher(AddressGuard(["127.0.0.0/8"])) as fetcher:
        server.serve("/feed", empty_members(), headers={"Content-Encoding": "gzip"})
        with pytest.raises(REFUSALS):
            await fetcher.fetch(server.url("/feed"))
        await asyncio.sleep(0)
    assert counted.members == MOST_MEMBERS
    assert threading.get_ident() not in counted.threads


def test_what_is_heavy_is_called_away_from_the_loop_only() -> None:
    """It is handed to `asyncio.to_thread` or `FeedParser.run`, or called by another heavy function of the table."""
    heavy = {row.name for row in TABLE if row.where is not Where.LOOP}
    wrong = [
        f"{place} calls {call}"
        for module, place, call in _calls()
        if call in {name.rpartition(":")[2] for name in heavy if _imports(module, name.partition(":")[0])}
        if place not in heavy and not module.startswith(IN_PROCESS)
    ]
    assert wrong == []


def test_every_function_that_reads_what_may_be_large_has_a_row() -> None:
    missing = {
        f"{place} calls {call}"
        for module, place, call in _calls()
        if ".".join(call.split(".")[-2:]) in READERS and not module.startswith(IN_PROCESS)
        if place not in SMALL and place not in _without_classes()
    }
    assert sorted(missing) == []


def test_every_row_and_exception_exists() -> None:
    places = {place for _, place, _ in _calls()}
    assert set(SMALL) <= places
    assert _without_classes() <= places | {f"{module}:{name}" for module, name in _functions()}


def _imports(module: str, other: str) -> bool:
    path = Path(__file__).parent.parent / Path(*module.split(".")).with_suffix(".py")
    return path.exists() and (module == other or f"from {other} import" in path.read_text())


def _without_classes() -> set[str]:
    return {f"{row.name.partition(':')[0]}:{row.name.rpartition(':')[2].rpartition('.')[2]}" for row in TABLE}


def _modules() -> Iterator[tuple[str, ast.Module]]:
    root = Path(__file__).parent.parent
    for path in sorted((root / "bot").rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        if not f"{module}.".startswith(NOT_SERVED):
            yield module, ast.parse(path.read_text())


def _functions() -> Iterator[tuple[str, str]]:
    for module, tree in _modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield module, node.name


def _calls() -> Iterator[tuple[str, str, str]]:
    """Yield (module, "module:function", called name) of every call in a function of `bot/`."""
    for module, tree in _modules():
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.Call):
                        yield module, f"{module}:{function.name}", ast.unparse(node.func)
