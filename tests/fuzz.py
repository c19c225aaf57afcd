"""`make fuzz`: every document of the corpora, and mutations of them, through parsing and normalising.

Needs WATCHWORD_DATA. What must hold: no exception gets out, nothing takes longer than the reader's limit, no control
character or lone surrogate is in an entry, and every entry has a key and a title. Each document is also given to plain
feedparser, in a process as well guarded: those on which it raises or stalls are named, with what the reader made of it.
`make fuzz ARGS=20000` sets the number of mutations; a seed comes second.
"""

import asyncio
import io
import os
import random
import sys
import tarfile
import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bot.errors import SourceError
from bot.messages.source_troubles import explain
from bot.models import Feed
from bot.sources.reading.pool import FeedParser

MUTATIONS = 10_000
LARGEST = 100_000  # bytes of a document that is mutated
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
URL = "https://news.example/feed"
PIECES = (
    b"<", b">", b"&", b"&#xD800;", b"&#0;", b"&nbsp;", b"]]>", b"<![CDATA[", b"<!--", b"-->", b"\x00", b"\xff\xfe",
    b"\xe2\x80\xae", b"\xed\xa0\x80", b"</item>", b"<item>", b"<entry/>", b"<guid>x</guid>", b"99999999999999999999",
    b'<?xml version="1.0" encoding="utf-7"?>', b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b" xml:base='javascript:x'",
    b"<title type='xhtml'><div>",
)  # fmt: skip


def main() -> int:
    """Run and report; 1 if something was wrong."""
    data = Path(os.environ.get("WATCHWORD_DATA", "nowhere")) / "data" / "feeds"
    if not data.is_dir():
        sys.stderr.write("WATCHWORD_DATA does not point at the corpora\n")
        return 2
    mutations = int(sys.argv[1]) if len(sys.argv) > 1 else MUTATIONS
    source = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    documents = list(corpus(data))
    small = [(name, body) for name, body in documents if len(body) < LARGEST]
    chosen = enumerate(source.choices(small, k=mutations))
    mutated = ((f"{name} (mutation {number})", mutate(body, source)) for number, (name, body) in chosen)
    wrong, contained, alone = asyncio.run(read_all([*documents, *mutated]))
    lines = [f"{len(documents)} documents and {mutations} mutations"]
    lines += [f"{count:6} {what}" for what, count in contained.most_common()]
    lines += [f"plain feedparser fails on {len(alone)} of them:", *(f"    {what}" for what in alone)]
    lines += [f"WRONG {what}" for what in wrong[:50]] or ["nothing wrong"]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if wrong else 0


def corpus(data: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every document of every archive."""
    for path in sorted(data.rglob("*.tar.xz")):
        with tarfile.open(path) as archive:
            for member in archive:
                if file := archive.extractfile(member) if member.isfile() else None:
                    yield f"{path.stem}/{member.name}", file.read()


def mutate(body: bytes, source: random.Random) -> bytes:
    """Return `body` with a few things cut, doubled, swapped, flipped or put in."""
    data = bytearray(body)
    for _ in range(source.randint(1, 8)):
        at, length = source.randrange(len(data) + 1), source.randint(1, 60)
        match source.randrange(5):
            case 0:
                del data[at : at + length]
            case 1:
                data[at:at] = data[at : at + length * 10]
            case 2:
                data[at:at] = source.choice(PIECES)
            case 3:
                data[at : at + 1] = bytes([source.randrange(256)])
            case _:
                other = source.randrange(len(data) + 1)
                data[at : at + length] = data[other : other + length]
    return bytes(data)


async def read_all(documents: list[tuple[str, bytes]]) -> tuple[list[str], Counter[str], list[str]]:
    """Read all; return what was wrong, how often the reader refused or contained what, and where feedparser fails."""
    wrong: list[str] = []
    alone: list[str] = []
    contained: Counter[str] = Counter()
    waiting = iter(documents)

    async def work(parser: FeedParser) -> None:
        for name, body in waiting:
            try:
                feed = await parser.parse(body, None, URL, NOW)
            except SourceError as error:
                outcome = f"{error.kind}: {explain(error)}"
            except Exception as error:
                outcome = repr(error)
                wrong.append(f"{name}: {outcome}")
            else:
                outcome = "read"
                wrong.extend(f"{name}: {fault}" for fault in faults(feed))
            contained[outcome] += 1
            try:
                await parser.run(plainly, body)
            except SourceError as error:
                alone.append(f"{name}: {explain(error)} Here: {outcome}")

    async with FeedParser() as parser, asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(work(parser))
    return wrong, contained, sorted(alone)


def plainly(body: bytes) -> None:
    """Give a document to feedparser as it is."""
    import feedparser

    feedparser.parse(io.BytesIO(body))


def faults(feed: Feed) -> Iterator[str]:
    """Yield what is wrong with a feed."""
    for entry in feed.entries:
        if not (entry.keys and entry.title):
            yield "an entry without key or title"
        if any(
            unicodedata.category(letter) in {"Cc", "Cs"} and letter != "\n" for letter in entry.title + entry.summary
        ):
            yield "an entry with a control character"
        if entry.url is not None and not entry.url.startswith(("http://", "https://")):
            yield "an entry that leads somewhere else"


if __name__ == "__main__":
    sys.exit(main())
