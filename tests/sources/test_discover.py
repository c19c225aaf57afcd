from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import SourceError
from bot.sources.discover import FoundFeed, find_feeds, probe
from bot.sources.http.fetch import Fetcher
from bot.sources.http.guard import AddressGuard
from bot.sources.reading.pool import FeedParser
from tests.feedserver import FeedServer, item, rss

PAGE = Path(__file__).parent.parent / "feeds" / "page.html"
HTML = "text/html; charset=utf-8"


@pytest.fixture
async def server() -> AsyncIterator[FeedServer]:
    async with FeedServer() as server:
        yield server


@pytest.fixture
async def tools() -> AsyncIterator[tuple[Fetcher, FeedParser]]:
    async with (
        Fetcher(AddressGuard(["127.0.0.0/8"]), timeout=timedelta(seconds=2)) as fetcher,
        FeedParser(workers=1) as parser,
    ):
        yield fetcher, parser


def page(*links: str) -> str:
    elements = (f'<link rel="alternate" type="application/rss+xml" href="{link}">' for link in links)
    return f"<!doctype html><html><head>{''.join(elements)}</head><body>News</body></html>"


def test_the_feeds_a_page_declares_come_before_those_it_links_to() -> None:
    assert find_feeds(PAGE.read_bytes(), "https://news.example/") == (
        FoundFeed("https://news.example/sub/all.xml", "All & everything"),
        FoundFeed("https://news.example/atom.xml", ""),
        FoundFeed("https://news.example/feed/", "Subscribe"),
    )


def test_a_page_that_names_none_may_have_one_at_a_usual_path() -> None:
    found = find_feeds(b"<html><body>News</body></html>", "https://news.example/world/")
    assert FoundFeed("https://news.example/feed", "") in found


@pytest.mark.parametrize("body", [b"", b"\0", b"just words", b"<" * 10_000, b"<div>" * 50_000, bytes(range(256))])
def test_what_is_no_page_does_no_harm(body: bytes) -> None:
    find_feeds(body, "https://news.example/")


async def test_a_feed_is_returned_as_it_was_read(server: FeedServer, tools: tuple[Fetcher, FeedParser]) -> None:
    server.serve("/a.xml", rss([item("One")], title="The Feed"))
    found = await probe(server.url("/a.xml"), *tools)
    assert found.url == server.url("/a.xml")
    assert found.feed
    assert found.feed.title == "The Feed"
    assert server.hits("/a.xml") == 1


async def test_a_permanent_redirect_is_adopted_and_a_temporary_one_is_not(
    server: FeedServer, tools: tuple[Fetcher, FeedParser]
) -> None:
    server.serve("/new", rss([]))
    server.redirect("/moved", "/new", 301)
    server.redirect("/today", "/new", 302)
    assert (await probe(server.url("/moved"), *tools)).url == server.url("/new")
    assert (await probe(server.url("/today"), *tools)).url == server.url("/today")


async def test_the_feeds_of_a_page_are_tried_before_they_are_offered(
    server: FeedServer, tools: tuple[Fetcher, FeedParser]
) -> None:
    server.serve("/", page("/gone.xml", "/page.html", "/a.xml", "/b.xml", "http://10.0.0.1/feed"), content_type=HTML)
    server.serve("/page.html", "<html></html>", content_type=HTML)
    server.serve("/a.xml", rss([], title="A"))
    server.serve("/b.xml", rss([], title="B"))
    found = await probe(server.url("/"), *tools)
    assert found.feed is None
    assert found.found == (FoundFeed(server.url("/a.xml"), "A"), FoundFeed(server.url("/b.xml"), "B"))


async def test_a_page_without_a_working_feed_is_said_to_have_none(
    server: FeedServer, tools: tuple[Fetcher, FeedParser]
) -> None:
    server.serve("/", page("/gone.xml"), content_type=HTML)
    with pytest.raises(SourceError, match="no-feed-found") as caught:
        await probe(server.url("/"), *tools)
    assert caught.value.kind == "not-a-feed"


@pytest.mark.parametrize(
    ("url", "kind"), [("ftp://example.org/", "url"), ("http://10.0.0.1/", "address"), ("/nothing", "http")]
)
async def test_what_cannot_be_fetched_says_why(
    server: FeedServer, tools: tuple[Fetcher, FeedParser], url: str, kind: str
) -> None:
    with pytest.raises(SourceError) as caught:
        await probe(server.url(url) if url.startswith("/") else url, *tools)
    assert caught.value.kind == kind


async def test_an_empty_page_is_no_feed(server: FeedServer, tools: tuple[Fetcher, FeedParser]) -> None:
    server.serve("/", b"")
    with pytest.raises(SourceError, match="empty"):
        await probe(server.url("/"), *tools)
