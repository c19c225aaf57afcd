import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.actions import sources
from bot.actions.refused import Refused
from bot.actions.sources import AddedSource, ImportedSources, SourceRefusal
from bot.errors import SourceError, SourceFault
from bot.models import Feed, FeedEntry
from bot.sources.discover import Probe
from bot.sources.http.fetch import Fetcher
from bot.sources.http.guard import AddressGuard
from bot.sources.opml import Opml, Outline, RefusedOutline
from bot.sources.reading.pool import FeedParser
from bot.storage import stats
from bot.storage.database import Database
from bot.storage.schema import source
from bot.storage.sources import ACTIVE, PAUSED, SourceStatus, listing
from tests.feedserver import Answer, FeedServer, Request, item, rss
from tests.storage.world import NOW

ADMIN = 1001
LATER = NOW + timedelta(hours=1)
URL = "https://news.example/feed?key=secret"


def feed(*titles: str, title: str = "Demo Times") -> Feed:
    entries = [FeedEntry((f"key {name}",), name, None, None, "", "en", NOW) for name in titles]
    return Feed(title, "en", tuple(entries))


async def add(database: Database, url: str = URL, title: str = "Demo Times") -> AddedSource:
    async with database.begin() as connection:
        return await sources.add(connection, url, feed("Rain", title=title), ADMIN, NOW)


async def chosen(database: Database, typed: str = "1") -> SourceStatus:
    async with database.read() as connection:
        return await sources.choose(connection, typed)


async def acts(database: Database) -> list[str]:
    """Return what admins did, the first act first."""
    async with database.read() as connection:
        return [act.act for act in reversed(await stats.last_acts(connection, 100))]


async def next_poll(database: Database) -> object:
    async with database.read() as connection:
        return (await connection.execute(sa.select(source.c.next_poll_at))).scalar_one()


async def test_a_source_is_added_once_and_its_key_is_written_nowhere(database: Database) -> None:
    assert await add(database) == AddedSource(1, "Demo Times", "news.example", ("Rain",))
    with pytest.raises(Refused) as refused:
        await add(database, "HTTPS://News.Example:443/feed?key=secret#top")
    assert refused.value.reason is SourceRefusal.ALREADY_ADDED
    assert await acts(database) == ["addsource news.example"]


async def test_a_feed_without_a_title_is_called_by_its_host(database: Database) -> None:
    assert (await add(database, title="")).title == "news.example"
    assert (await chosen(database)).title == "news.example"


async def test_an_address_is_checked_before_anything_is_fetched(database: Database) -> None:
    await add(database)
    async with database.read() as connection:
        assert await sources.check_new(connection, " other.example/feed ") == "https://other.example/feed"
        with pytest.raises(Refused) as refused:
            await sources.check_new(connection, "NEWS.example/feed?key=secret")
        with pytest.raises(SourceError):
            await sources.check_new(connection, "ftp://other.example/feed")
    assert refused.value.reason is SourceRefusal.ALREADY_ADDED


async def test_a_source_is_chosen_by_its_number_in_the_list_or_its_address(database: Database) -> None:
    await add(database)
    await add(database, "https://other.example/feed", "Other")
    assert (await chosen(database, "2")).title == "Other"
    assert (await chosen(database, "OTHER.example/feed")).title == "Other"
    for typed in ("", "0", "3", "9" * 30, "Other", "other.example"):
        with pytest.raises(Refused) as refused:
            await chosen(database, typed)
        assert refused.value.reason is SourceRefusal.NOT_FOUND


async def test_a_source_is_paused_resumed_and_removed(database: Database) -> None:
    await add(database)
    async with database.begin() as connection:
        paused = await sources.pause(connection, await sources.choose(connection, "1"), ADMIN, NOW)
        assert await sources.poll_now(connection, None, LATER) == 0
    assert paused.state == (await chosen(database)).state == PAUSED
    async with database.begin() as connection:
        resumed = await sources.resume(connection, paused, ADMIN, LATER)
    assert resumed.state == (await chosen(database)).state == ACTIVE
    assert await next_poll(database) == LATER
    async with database.begin() as connection:
        await sources.remove(connection, resumed, ADMIN, LATER)
        assert await listing(connection) == []
    assert await acts(database) == ["addsource news.example", "pausesource 1", "resumesource 1", "removesource 1"]


async def test_one_source_or_all_are_polled_now(database: Database) -> None:
    await add(database)
    source_ = await chosen(database)
    async with database.begin() as connection:
        assert await sources.poll_now(connection, source_, LATER) == 1
    assert await next_poll(database) == LATER
    await add(database, "https://other.example/feed")
    async with database.begin() as connection:
        assert await sources.poll_now(connection, None, LATER) == 2


async def test_whole_articles_are_read_until_that_is_stopped(database: Database) -> None:
    await add(database)
    async with database.begin() as connection:
        started = await sources.start_full_text(connection, 1, ADMIN, NOW)
        again = await sources.start_full_text(connection, 1, ADMIN, NOW)
    assert (started.changed, again.changed) == (True, False)
    assert started.source.full_text
    async with database.begin() as connection:
        stopped = await sources.toggle_full_text(connection, again.source, ADMIN, NOW)
    assert not stopped.source.full_text
    assert not (await chosen(database)).full_text
    assert await acts(database) == ["addsource news.example", "fulltext 1 on", "fulltext 1 off"]


async def test_a_source_that_was_removed_is_not_read_in_full(database: Database) -> None:
    await add(database)
    async with database.begin() as connection:
        await sources.remove(connection, await sources.choose(connection, "1"), ADMIN, NOW)
        with pytest.raises(Refused) as refused:
            await sources.start_full_text(connection, 1, ADMIN, NOW)
    assert refused.value.reason is SourceRefusal.REMOVED


async def test_an_import_adds_the_feeds_that_are_new(database: Database) -> None:
    await add(database)
    other = Outline("https://other.example/feed", "", "de", full_text=True)
    refused = (RefusedOutline(3, "", SourceError(SourceFault.NO_HOST)),)
    opml = Opml((Outline(URL, "Renamed"), other), refused)
    async with database.begin() as connection:
        assert await sources.import_opml(connection, opml, ADMIN, NOW) == ImportedSources(1, 1, refused)
    assert (await chosen(database, "1")).title == "Demo Times"
    imported = await chosen(database, "2")
    assert (imported.title, imported.language, imported.full_text) == ("other.example", "de", True)
    assert (await acts(database))[-1] == "import 1"


# ---- looking for a feed ----


class Finder:
    """Looks for feeds on a server of the test's own."""

    def __init__(self, server: FeedServer, fetcher: Fetcher, parser: FeedParser) -> None:
        self.server, self.fetcher, self.parser = server, fetcher, parser

    async def find(self, path: str) -> Probe:
        return await sources.find_feed(self.server.url(path), self.fetcher, self.parser)


@pytest.fixture
async def finder() -> AsyncIterator[Finder]:
    guard = AddressGuard(["127.0.0.0/8"])
    async with FeedServer() as server, Fetcher(guard) as fetcher, FeedParser(workers=1) as parser:
        server.serve("/a.xml", rss([item("Quake in Idlib")]))
        server.serve("/b.xml", rss([item("Rain in Hama")]))
        yield Finder(server, fetcher, parser)


def page(*paths: str) -> bytes:
    links = "".join(f'<link rel="alternate" type="application/rss+xml" href="{path}">' for path in paths)
    return f"<html><head>{links}</head><body>News</body></html>".encode()


async def test_the_one_feed_of_a_page_is_found(finder: Finder) -> None:
    finder.server.serve("/", page("/a.xml"), content_type="text/html")
    found = await finder.find("/")
    assert found.url == finder.server.url("/a.xml")
    assert found.feed is not None
    assert [entry.title for entry in found.feed.entries] == ["Quake in Idlib"]


async def test_of_several_feeds_of_a_page_none_is_chosen(finder: Finder) -> None:
    finder.server.serve("/", page("/a.xml", "/b.xml"), content_type="text/html")
    found = await finder.find("/")
    assert found.feed is None
    assert [feed.url for feed in found.found] == [finder.server.url("/a.xml"), finder.server.url("/b.xml")]


async def test_a_feed_that_is_a_page_a_moment_later_is_refused(finder: Finder) -> None:
    async def change(request: Request, writer: asyncio.StreamWriter) -> None:
        body = rss([item("Quake")]) if finder.server.hits("/c.xml") == 1 else page("/b.xml")
        writer.write(Answer().head(length=len(body)) + body)

    finder.server.serve("/", page("/c.xml"), content_type="text/html")
    finder.server.serve_raw("/c.xml", change)
    with pytest.raises(Refused) as refused:
        await finder.find("/")
    assert refused.value.reason is SourceRefusal.BROKEN_FEED


async def test_a_page_without_a_feed_is_an_error(finder: Finder) -> None:
    finder.server.serve("/", page(), content_type="text/html")
    with pytest.raises(SourceError):
        await finder.find("/")
