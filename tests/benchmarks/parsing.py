"""Parsing of bodies into new entries, compared with plain `feedparser.parse`: `make bench ARGS=parsing`.

Needs WATCHWORD_DATA: the feeds are assembled from items of real ones. Ratios are of CPU time, in one process.
"""

import hashlib
import io
import os
import random
import sys
import tarfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import feedparser

from bot.sources.reading import item_spans
from bot.sources.reading.document import read_news

FEEDS, ITEMS = 1000, 50
SOME = 60  # of the feeds are read whole, by either; a thousand would take minutes
LARGEST_ITEM = 4 * 1024  # bytes: so a feed has some 50 KiB, as real ones have
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
URL = "https://news.example/feed"
NAMES = {
    "content": "http://purl.org/rss/1.0/modules/content/", "dc": "http://purl.org/dc/elements/1.1/",
    "media": "http://search.yahoo.com/mrss/", "atom": "http://www.w3.org/2005/Atom",
    "wfw": "http://wellformedweb.org/CommentAPI/", "slash": "http://purl.org/rss/1.0/modules/slash/",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd", "georss": "http://www.georss.org/georss",
    "feedburner": "http://rssnamespace.org/feedburner/ext/1.0", "thr": "http://purl.org/syndication/thread/1.0",
}  # fmt: skip
HEAD = "<rss version='2.0' {}><channel><title>News</title><link>https://news.example/</link>".format(
    " ".join(f"xmlns:{name}='{uri}'" for name, uri in NAMES.items())
).encode()
TAIL = b"</channel></rss>"


def main() -> None:
    """Print how many times cheaper each case is than plain feedparser on the same feeds."""
    data = os.environ.get("WATCHWORD_DATA")
    if not data:
        sys.exit("WATCHWORD_DATA does not point at the feeds")
    pool = items(Path(data) / "data" / "feeds" / "real-feeds.tar.xz")
    source = random.Random(11)
    chosen = [source.sample(pool, ITEMS + 1) for _ in range(FEEDS)]
    before = [HEAD + b"".join(feed[1:]) + TAIL for feed in chosen]
    after = [HEAD + b"".join(feed[:-1]) + TAIL for feed in chosen]
    size = sorted(map(len, before))[FEEDS // 2] / 1024
    show(f"{FEEDS} feeds of {ITEMS} of {len(pool)} real items, median {size:.0f} KiB, one core")
    rows = {item: row_of(item) for item in pool}
    known = [item_spans.pack([rows[item] for item in feed[1:]]) for feed in chosen]
    hashes = [hashlib.sha256(body).hexdigest() for body in before]
    plain, off, new = side_by_side(
        SOME,
        lambda at: feedparser.parse(io.BytesIO(before[at])),
        lambda at: feedparser.parse(io.BytesIO(before[at]), sanitize_html=False, resolve_relative_uris=False),
        lambda at: read_news(before[at], None, URL, NOW),
    )
    one = each(FEEDS, lambda at: read_news(after[at], None, URL, NOW, known[at]))
    same = each(FEEDS, lambda at: hashlib.sha256(before[at]).hexdigest() == hashes[at])
    mixed = 0.9 * same + 0.1 * (same + one)
    table = {
        "plain feedparser.parse": plain,
        "its two slow options off, nothing else": off,
        "all 50 new (cleaned, with identity)": new,
        "one new": same + one,
        "nine unchanged to one with one new": mixed,
        "unchanged body": same,
    }
    for name, seconds in table.items():
        show(f"{name:42}{seconds * 1000:10.3f} ms{plain / seconds:9.1f} x")


def row_of(item: bytes) -> bytes:
    """Return what reading an item leaves to be known."""
    return read_news(HEAD + item + TAIL, None, URL, NOW).known


def items(path: Path) -> list[bytes]:
    """Return the items of every RSS feed in an archive that can stand in another document."""
    found = []
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            body = file.read() if file else b""
            layout = item_spans.layout(body) if b"<rss" in body[:2000] else None
            found += [body[start:end] for start, end in (layout.spans if layout else ()) if end - start < LARGEST_ITEM]
    return [item for item in dict.fromkeys(found) if item_spans.layout(HEAD + item + TAIL)]


def each(times: int, work: Callable[[int], object]) -> float:
    """Return processor seconds a call, for `times` calls."""
    started = time.process_time()
    for at in range(times):
        work(at)
    return (time.process_time() - started) / times


def side_by_side(times: int, *works: Callable[[int], object]) -> list[float]:
    """Return processor seconds a call of each, taken in turns: what else the machine does meets all alike."""
    spent = [0.0] * len(works)
    for at in range(times):
        for number, work in enumerate(works):
            started = time.process_time()
            work(at)
            spent[number] += time.process_time() - started
    return [seconds / times for seconds in spent]


def show(line: str) -> None:
    """Write a line of the report."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
