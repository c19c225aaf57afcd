"""Discovery: finds the feed at an address that a person gives, or the feeds that its web page names.

In: an address. Out: a `Probe` with a feed that was fetched and parsed, or with the feeds to choose from.
Not here: storing a source, or the dialogue with the person.
"""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree  # type: ignore[import-untyped]  # no type information published
from yarl import URL

from bot.errors import FaultKind, SourceError, SourceFault
from bot.models import Feed
from bot.sources.address import absolute_link, canonical_url
from bot.sources.http.fetch import Fetched, Fetcher
from bot.sources.reading.charset import decode
from bot.sources.reading.clean import clean_text
from bot.sources.reading.normalise import shorten
from bot.sources.reading.pool import FeedParser

MAX_FOUND = 5
_FEED_TYPES = frozenset({"application/rss+xml", "application/atom+xml", "application/rdf+xml", "application/feed+json"})
_FEED_PATH = re.compile(r"(?:^|[/._=-])(?:rss|atom|feeds?|rdf)(?:[/._?&-]|\d|$)", re.IGNORECASE)
_USUAL_PATHS = ("/feed", "/rss", "/rss.xml", "/feed.xml", "/atom.xml")
_MAX_TITLE = 120


@dataclass(frozen=True, slots=True)
class FoundFeed:
    """A feed that a page names: its absolute address, and the title the page gives it, perhaps ""."""

    url: str
    title: str


@dataclass(frozen=True, slots=True)
class Probe:
    """The result of a discovery: the `feed` at `url`, or None and the feeds that the page at `url` names.

    `url` is the address to watch: the given one, or the target of permanent redirects. `found` are feeds that were
    just fetched and parsed, best first, at most MAX_FOUND; never empty when `feed` is None.
    """

    url: str
    feed: Feed | None = None
    found: tuple[FoundFeed, ...] = ()


async def probe(url: str, fetcher: Fetcher, parser: FeedParser) -> Probe:
    """Return the feed or the feeds that can be watched at `url`. Raises SourceError if there is none."""
    fetched = await fetcher.fetch(url)
    watch = fetched.permanent_url or canonical_url(url)
    try:
        return Probe(watch, feed=await _read(fetched, parser))
    except SourceError as error:
        if error.kind is not FaultKind.NOT_A_FEED or not fetched.body:
            raise
    named = await parser.run(find_feeds, fetched.body, fetched.url, fetched.content_type)
    async with asyncio.TaskGroup() as group:
        checks = [group.create_task(_verified(feed, fetcher, parser)) for feed in named[:MAX_FOUND]]
    found = tuple(feed for check in checks if (feed := check.result()))
    if not found:
        raise SourceError(SourceFault.NO_FEED_FOUND)
    return Probe(watch, found=_each_once(found))


def find_feeds(html: bytes, base_url: str, content_type: str | None = None) -> tuple[FoundFeed, ...]:
    """Return the feeds that a page may have: those it declares (`link rel=alternate`), then those it links to.

    A page that names none may still have one at a usual path, so those are returned then. None of them has been
    fetched. Runs in the worker process, because the page is untrusted; `content_type` is its HTTP header.
    """
    root = _tree(decode(html, content_type))
    if root is None:
        return ()
    base = absolute_link(base_url, str(root.xpath("string(//base/@href)"))) or base_url
    declared = [link for link in root.iter("link") if _declares_feed(link)]
    linked = [link for link in root.iter("a") if _FEED_PATH.search(link.get("href") or "")]
    found = [_found(link, base) for link in (*declared, *linked)]
    usual = [FoundFeed(str(URL(base).join(URL(path))), "") for path in _USUAL_PATHS]
    return _each_once(feed for feed in found if feed.url) or tuple(usual)


async def _read(fetched: Fetched, parser: FeedParser) -> Feed:
    return await parser.parse(fetched.body, fetched.content_type, fetched.url)


async def _verified(candidate: FoundFeed, fetcher: Fetcher, parser: FeedParser) -> FoundFeed | None:
    """Return the candidate with the feed's own title, or None if it cannot be fetched or parsed."""
    try:
        fetched = await fetcher.fetch(candidate.url)
        feed = await _read(fetched, parser)
    except SourceError:
        return None
    return FoundFeed(fetched.permanent_url or candidate.url, feed.title or candidate.title)


def _tree(text: str) -> etree._Element | None:
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, recover=True)
    try:
        return etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.LxmlError, ValueError):
        return None


def _declares_feed(link: etree._Element) -> bool:
    rel = (link.get("rel") or "").lower().split()
    kind = (link.get("type") or "").partition(";")[0].strip().lower()
    is_feed = kind in _FEED_TYPES or (kind == "application/json" and _FEED_PATH.search(link.get("href") or ""))
    return "alternate" in rel and bool(is_feed)


def _found(link: etree._Element, base: str) -> FoundFeed:
    title = link.get("title") or "".join(link.itertext())
    return FoundFeed(absolute_link(base, link.get("href")) or "", shorten(clean_text(title), _MAX_TITLE))


def _each_once(feeds: Iterable[FoundFeed]) -> tuple[FoundFeed, ...]:
    return tuple({canonical_url(feed.url): feed for feed in reversed(tuple(feeds))}.values())[::-1]
