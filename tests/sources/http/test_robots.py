from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.errors import SourceError
from bot.sources.http import robots
from bot.sources.http.fetch import Fetcher
from bot.sources.http.guard import AddressGuard
from bot.sources.http.robots import MAX_BYTES, RobotsVerdict, judge
from bot.sources.reading.pool import FeedParser
from tests.feedserver import FeedServer

AGENT = "Watchword/0.1 (news alerts)"
URL = "https://news.example"


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        ("", "/a", True),
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: watchword\nAllow: /", "/a", True),
        ("User-agent: *\nAllow: /\n\nUser-agent: Watchword\nDisallow: /private", "/private/a", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a/public", "/a/public/x", True),  # the longest rule wins
        ("User-agent: *\nDisallow: /*.pdf$", "/x/y.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/x/y.pdf?z", True),
        ("User-agent: *\nDisallow: /%D9%85", "/مقال", False),
        ("<html>Sorry</html>", "/a", True),
        ("Disallow: /", "/a", True),  # no group: nobody is meant
    ],
)
def test_rules_are_read_as_the_standard_says(rules: str, path: str, allowed: bool) -> None:
    assert judge(rules, AGENT, URL + path).allowed is allowed


def test_a_delay_is_honoured_up_to_a_minute() -> None:
    assert judge("User-agent: *\nCrawl-delay: 7", AGENT, URL) == RobotsVerdict(True, timedelta(seconds=7))
    assert judge("User-agent: *\nCrawl-delay: 86400", AGENT, URL).delay == timedelta(minutes=1)
    for odd in ("-5", "soon", "1e400", "nan", ""):
        assert judge(f"User-agent: *\nCrawl-delay: {odd}", AGENT, URL).delay >= timedelta()


def test_rules_with_many_wildcards_are_judged_at_once() -> None:
    assert judge("User-agent: *\nDisallow: /" + "*a" * 5000 + "b", AGENT, f"{URL}/{'a' * 2000}").allowed


@pytest.fixture
async def server() -> AsyncIterator[FeedServer]:
    async with FeedServer() as server:
        yield server


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with Fetcher(AddressGuard(["127.0.0.0/8"]), timeout=timedelta(seconds=2)) as fetcher:
        yield fetcher


async def rules(server: FeedServer, fetcher: Fetcher) -> str:
    async with FeedParser(workers=1) as parser:
        return await robots.fetch(fetcher, parser, server.url("").rstrip("/"))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
async def test_a_site_without_rules_allows_all(server: FeedServer, fetcher: Fetcher, status: int) -> None:
    server.serve("/robots.txt", "Disallow: /", status=status)
    assert await rules(server, fetcher) == ""


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_site_in_trouble_allows_nothing(server: FeedServer, fetcher: Fetcher, status: int) -> None:
    server.serve("/robots.txt", "", status=status)
    with pytest.raises(SourceError):
        await rules(server, fetcher)


async def test_redirects_are_followed_and_one_to_nowhere_public_allows_nothing(
    server: FeedServer, fetcher: Fetcher
) -> None:
    server.redirect("/robots.txt", "/rules")
    server.serve("/rules", "User-agent: *", content_type="text/plain")
    assert await rules(server, fetcher) == "User-agent: *"
    server.redirect("/robots.txt", "http://10.0.0.1/robots.txt")
    with pytest.raises(SourceError):
        await rules(server, fetcher)


async def test_a_loop_of_redirects_counts_as_no_rules(server: FeedServer, fetcher: Fetcher) -> None:
    server.redirect("/robots.txt", "/robots.txt")
    assert await rules(server, fetcher) == ""


async def test_of_a_huge_file_whole_lines_are_read(server: FeedServer, fetcher: Fetcher) -> None:
    line = "Disallow: /" + "x" * 88 + "\n"
    server.serve("/robots.txt", "User-agent: *\n" + line * 10_000, content_type="text/plain")
    read = await rules(server, fetcher)
    assert MAX_BYTES - 200 < len(read) <= MAX_BYTES
    assert set(read.splitlines()[1:]) == {line.strip()}
