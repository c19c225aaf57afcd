"""The table of every function whose input's size a stranger chooses, with the largest inputs that hurt it.

`make bench ARGS=loop` prints their times; tests/test_hostile.py checks where each runs, how much work it does, and that
no such function is missing. To add one: a row here with the input that hurts it most. On the loop it must be linear
and take less than 50 ms at its largest size; in a thread it must release the GIL; whatever can take longer, or cannot
be bounded, runs in the worker process, which can be killed.
"""

import gzip
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache, partial

from bot.delivery.telegram.http import AiohttpRequest
from bot.delivery.telegram.updates import UnreadableUpdateError, check_update, find_id, read_update
from bot.errors import QueryError, SourceError
from bot.matching.query.parser import parse
from bot.messages.items import lede_of
from bot.pipeline.hubs import is_signed
from bot.sources.address import absolute_link, canonical_link, canonical_url
from bot.sources.discover import find_feeds
from bot.sources.http import headers, robots
from bot.sources.http.compression import decompress
from bot.sources.http.fetch import MAX_BYTES, decode_body
from bot.sources.opml import LARGEST, read_opml
from bot.sources.reading.document import read_news
from bot.sources.reading.normalise import MAX_SUMMARY
from bot.sources.reading.page import read_page
from bot.web.webhooks import MOST_BYTES

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
URL = "https://news.example/feed"
LONGEST_HEADER = 8190  # aiohttp's bound of a line
LONGEST_TEXT = 4096  # characters of a message
REFUSALS = (SourceError, UnreadableUpdateError, QueryError)


class Where(Enum):
    """The place where a function runs."""

    LOOP = "loop"
    THREAD = "thread, without the GIL"
    PROCESS = "process that can be killed"


@dataclass(frozen=True, slots=True)
class Hostile:
    """A function, named by the path of its module and its name; its inputs by name, made when they are used."""

    name: str
    where: Where
    inputs: dict[str, Callable[[], object]]


def called(function: Callable[..., object], *arguments: object) -> object:
    """Return the result of a call, or the refusal of its input."""
    try:
        return function(*arguments)
    except REFUSALS as refusal:
        return refusal


@cache
def empty_members() -> bytes:
    """Return as many empty gzip members as a document may have bytes: once, 277 seconds of work."""
    member = gzip.compress(b"", mtime=0)
    return member * (MAX_BYTES // len(member))


@cache
def blocks() -> bytes:
    """Return a deflate stream of short blocks, each with Huffman tables of its own (RFC 1951, 3.2.7)."""
    chance, compressor, found = random.Random(1), zlib.compressobj(9, wbits=-15), bytearray()
    while len(found) < 64 * 1024:
        letters = bytes(chance.choices(range(256), k=120, weights=[1 / (rank + 1) for rank in range(256)]))
        found += compressor.compress(letters) + compressor.flush(zlib.Z_FULL_FLUSH)
    return bytes(found) * (MAX_BYTES // len(found) - 1) + compressor.flush()


def noise() -> bytes:
    """Return bytes in no encoding, so that it must be guessed."""
    return random.Random(1).randbytes(MAX_BYTES)


def _unzipped(raw: Callable[[], bytes], coding: str = "gzip") -> Callable[[], object]:
    return lambda: called(decompress, raw(), coding, MAX_BYTES)


def _signed(method: str) -> Callable[[], object]:
    return lambda: called(is_signed, bytes(MAX_BYTES), f"{method}=0", "secret")


def _update(content: bytes) -> Callable[[], object]:
    return lambda: called(read_update, b'{"update_id": 7, "message": ' + content[: MOST_BYTES - 40] + b"}")


def _deep(depth: int) -> object:
    content: object = []
    for _ in range(depth):
        content = [content]
    return {"update_id": 7, "message": content}


def _answer(count: int = 25) -> bytes:
    """Return an answer to getUpdates with the largest messages that a stranger can send."""
    entities = [{"offset": at, "length": 1, "type": "text_link", "url": "https://e.org/" * 10} for at in range(100)]
    message = {"text": "\U0001f600" * (LONGEST_TEXT // 2), "entities": entities}
    update = {"message": message | {"reply_to_message": message, "chat": {"id": 7}}}
    return json.dumps({"ok": True, "result": [{"update_id": at, **update} for at in range(count)]}).encode()


def _rss(items: bytes) -> bytes:
    return b"<rss version='2.0'><channel>" + items[: MAX_BYTES - 100] + b"</channel></rss>"


LOOP, THREAD, PROCESS = Where

TABLE = (
    Hostile(
        "bot.sources.http.compression:decompress",
        THREAD,
        {
            "empty members": _unzipped(empty_members),
            "blocks": _unzipped(blocks, "deflate"),
            "empty blocks": _unzipped(lambda: b"\0\0\0\xff\xff" * (MAX_BYTES // 5), "deflate"),
            "a bomb": _unzipped(lambda: gzip.compress(bytes(100 << 20))),
        },
    ),
    Hostile(
        "bot.sources.http.fetch:decode_body",
        THREAD,
        {"5 MiB": lambda: called(decode_body, bytes(MAX_BYTES), "", MAX_BYTES)},
    ),
    Hostile(
        "bot.pipeline.hubs:is_signed",
        THREAD,
        {name: _signed(name) for name in ("sha1", "sha512")},
    ),
    Hostile(
        "bot.delivery.telegram.updates:read_update",
        LOOP,
        {
            "100,000 brackets": _update(b"[" * 100_000),
            "40,000 brackets": _update(b"[" * 40_000),
            "empty lists": _update(b"[" + b"[]," * MOST_BYTES),
            "many values": _update(b"[" + b",".join([b"[]"] * 24_000) + b"]"),
            "a long text": _update(b'"' + b"\\u0041" * MOST_BYTES),
            "a long number": _update(b"9" * MOST_BYTES),
        },
    ),
    Hostile(
        "bot.delivery.telegram.updates:check_update",
        LOOP,
        {
            "deep": lambda: called(check_update, _deep(10_000)),
            "wide": lambda: called(check_update, {"update_id": 7, "message": [[]] * 50_000}),
        },
    ),
    Hostile(
        "bot.delivery.telegram.updates:find_id",
        LOOP,
        {"spaces": lambda: called(find_id, b'"update_id"' + b" " * MOST_BYTES)},
    ),
    Hostile(
        "bot.delivery.telegram.http:AiohttpRequest.parse_json_payload",
        LOOP,
        {"25 long messages": lambda: AiohttpRequest.parse_json_payload(_answer())},
    ),
    Hostile(
        "bot.sources.http.headers:hub_and_self",
        LOOP,
        {
            text: partial(called, headers.hub_and_self, [text * LONGEST_HEADER] * 8)
            for text in ("<a>;", "<", '<a>;"', "; ")
        },
    ),
    Hostile(
        "bot.sources.http.headers:http_date",
        LOOP,
        {
            text: partial(called, headers.http_date, (text * LONGEST_HEADER)[:LONGEST_HEADER])
            for text in ("1 ", "(", "a:", ", ")
        },
    ),
    Hostile(
        "bot.sources.http.headers:fresh_for",
        LOOP,
        {"max-age": lambda: called(headers.fresh_for, {"Cache-Control": "max-age " * 1000}, NOW)},
    ),
    Hostile(
        "bot.sources.address:absolute_link",
        LOOP,
        {
            "a long host": lambda: called(absolute_link.__wrapped__, URL, "http://" + "\u0327" * 4000),
            "a long path": lambda: called(absolute_link.__wrapped__, URL, "/../." * (LONGEST_HEADER // 5)),
        },
    ),
    Hostile(
        "bot.sources.address:canonical_url",
        LOOP,
        {"a host": lambda: called(canonical_url, "\u0327" * 2000 + ".example")},
    ),
    Hostile(
        "bot.sources.address:canonical_link",
        LOOP,
        {"a query": lambda: called(canonical_link.__wrapped__, URL + "?" + "a=&" * 670)},
    ),
    Hostile(
        "bot.matching.query.parser:parse",
        LOOP,
        {
            text: partial(called, parse, (text * LONGEST_TEXT)[:LONGEST_TEXT])
            for text in ("(", '"', "a OR ", "-", "\u0327", "~a ")
        },
    ),
    Hostile("bot.messages.items:lede_of", LOOP, {"spaces": lambda: called(lede_of, "a", " ." * (MAX_SUMMARY // 2))}),
    Hostile(
        "bot.sources.reading.document:read_news",
        PROCESS,
        {"items": lambda: called(read_news, _rss(b"<item><title>a</title></item>" * 2000), None, URL, NOW)},
    ),
    Hostile(
        "bot.sources.discover:find_feeds", PROCESS, {"links": lambda: called(find_feeds, b"<a href=/rss>" * 2000, URL)}
    ),
    Hostile(
        "bot.sources.opml:read_opml",
        PROCESS,
        {"nested": lambda: called(read_opml, b"<opml>" + b"<o>" * (LARGEST // 4))},
    ),
    Hostile(
        "bot.sources.http.robots:decode_rules",
        PROCESS,
        {"noise": lambda: called(robots.decode_rules, noise()[:20_000], None)},
    ),
    Hostile(
        "bot.sources.http.robots:judge",
        PROCESS,
        {"wildcards": lambda: called(robots.judge, "User-agent: *\nDisallow: " + "*a" * 1000, "W", URL)},
    ),
    Hostile(
        "bot.sources.reading.page:read_page",
        PROCESS,
        {"tags": lambda: called(read_page, b"<div>" * 1000, None, "title", "")},
    ),
)
