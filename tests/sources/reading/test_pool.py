import asyncio
import multiprocessing
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.errors import SourceError
from bot.messages.source_troubles import explain
from bot.sources.reading.pool import FeedParser
from tests.feedserver import item, rss

URL = "https://news.example/feed"
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
NESTED = b"<rss version='2.0'><channel><item><description>" + b"<a>" * 600_000  # minutes of work


@pytest.fixture
async def parser() -> AsyncIterator[FeedParser]:
    async with FeedParser(workers=1) as parser:
        yield parser


@pytest.fixture
async def hasty() -> AsyncIterator[FeedParser]:
    async with FeedParser(workers=1, timeout=timedelta(seconds=2)) as parser:
        yield parser


async def refusal(parser: FeedParser, body: bytes) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await parser.parse(body, "text/xml", URL, NOW)
    assert explain(caught.value).endswith(".")
    return caught.value


async def test_a_feed_is_read_in_another_process(parser: FeedParser) -> None:
    feed = await parser.parse(rss([item("Two"), item("One")]), "text/xml", URL, NOW)
    assert [entry.title for entry in feed.entries] == ["One", "Two"]
    assert await parser.run(os.getpid) != os.getpid()


async def test_what_is_no_feed_keeps_its_kind_on_the_way_back(parser: FeedParser) -> None:
    assert (await refusal(parser, b"<html></html>")).kind == "not-a-feed"
    assert (await refusal(parser, b"<!DOCTYPE a [<!ENTITY b 'c'>]><rss></rss>")).kind == "parse"


async def test_a_document_that_takes_too_long_is_ended_and_others_are_read(hasty: FeedParser) -> None:
    await hasty.parse(rss([]), None, URL)
    before = await hasty.run(os.getpid)
    assert (await refusal(hasty, NESTED)).kind == "parse"
    assert (await hasty.parse(rss([item("One")]), None, URL)).entries
    assert await hasty.run(os.getpid) != before


async def test_a_document_that_needs_too_much_memory_is_ended_and_others_are_read() -> None:
    async with FeedParser(workers=1, memory=200 << 20) as parser:
        with pytest.raises(SourceError, match="memory"):
            await parser.run(bytearray, 1 << 30)
        assert (await parser.parse(rss([item("One")]), None, URL)).entries


async def test_a_worker_that_dies_costs_one_document(parser: FeedParser) -> None:
    with pytest.raises(SourceError) as caught:
        await parser.run(os.abort)
    assert caught.value.kind == "parse"
    assert (await parser.parse(rss([item("One")]), None, URL)).entries


@pytest.mark.parametrize(
    ("call", "argument"),
    [(socket.gethostbyname, "localhost"), (socket.create_connection, ("127.0.0.1", 9)), (os.system, "true")],
)
async def test_a_reader_of_documents_has_no_network_and_starts_nothing(
    parser: FeedParser, call: Callable[..., object], argument: object
) -> None:
    with pytest.raises(SourceError, match="PermissionError"):
        await parser.run(call, argument)


async def test_whatever_is_raised_comes_back_as_one_sentence(parser: FeedParser) -> None:
    with pytest.raises(SourceError, match="ZeroDivisionError"):
        await parser.run(divmod, 1, 0)


async def test_giving_up_ends_the_work(parser: FeedParser) -> None:
    await parser.parse(rss([]), None, URL)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await parser.parse(NESTED, None, URL)
    assert (await parser.parse(rss([item("One")]), None, URL)).entries


async def test_the_event_loop_goes_on_while_documents_are_read(parser: FeedParser) -> None:
    await parser.parse(rss([]), None, URL)
    large = rss([item(str(number), text="Some words about it. " * 20) for number in range(400)])
    reading = asyncio.create_task(parser.parse(large, None, URL))
    turns = 0
    while not reading.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert len((await reading).entries) == 400
    assert turns > 10


async def test_many_documents_at_once_all_come_back(parser: FeedParser) -> None:
    bodies = [rss([item(f"number {number}")]) for number in range(40)]
    feeds = await asyncio.gather(*(parser.parse(body, None, URL) for body in bodies))
    assert [feed.entries[0].title for feed in feeds] == [f"number {number}" for number in range(40)]


async def test_no_process_is_left_behind() -> None:
    async with FeedParser() as parser:
        await parser.parse(rss([]), None, URL)
    assert multiprocessing.active_children() == []


async def test_nothing_is_started_when_nothing_is_read() -> None:
    async with FeedParser() as parser:
        assert parser._pool is None


def test_the_main_process_does_not_import_feedparser() -> None:
    code = "import sys, bot.sources.reading.pool; print('feedparser' in sys.modules, 'lxml' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["False", "False"]
