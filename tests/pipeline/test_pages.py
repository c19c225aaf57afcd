from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.app import _add_sources
from bot.config import Config, ConfiguredSource
from bot.matching.query.parser import parse
from bot.matching.query.printer import format_query
from bot.models import Schedule
from bot.pipeline import pages as page_reader
from bot.pipeline.ingest import PAGE_PATIENCE, PAGES
from bot.pipeline.match import Matcher
from bot.pipeline.pages import ATTEMPTS, LASTS, LEASE, PACE, ROBOTS_LAST, ROBOTS_RETRY
from bot.runtime.steps import QUEUES
from bot.sources.http.guard import AddressGuard
from bot.storage import chats, entries, pages, queue_ages, schema, sources, subscriptions
from bot.storage.database import Database
from tests.feedserver import item, rss
from tests.pipeline.rig import MINUTE, Rig
from tests.pipeline.rig import rig as make_rig
from tests.sources.reading.test_page import FIRST, SECOND, TITLE, page

HTML = "text/html; charset=utf-8"
SECOND_LATER = PACE


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    url = f"sqlite:///{tmp_path}/watchword.db"
    async with Database(url) as database, make_rig(database, timeout=timedelta(seconds=0.5)) as made:
        yield made


@pytest.fixture
async def on_both(database: Database) -> AsyncIterator[Rig]:
    """For what the SQL decides."""
    async with make_rig(database) as made:
        yield made


async def follow(rig: Rig) -> None:
    """Have a source read in full whose baseline is done."""
    source_id = await rig.add()
    async with rig.database.begin() as connection:
        await sources.set_full_text(connection, source_id, True)
    rig.feeds.serve("/a.xml", rss([item("Old", rig.feeds.url("/old"))]))
    await rig.poll()


async def publish(rig: Rig, *paths: str, title: str = TITLE, text: str = "Talks.", host: str = "127.0.0.1") -> None:
    """Let the feed have new entries with pages at these paths."""
    new = [item(title, rig.feeds.url(path, host=host), text=text) for path in paths]
    rig.feeds.serve("/a.xml", rss([*reversed(new), item("Old", rig.feeds.url("/old"))]))
    await rig.poll()


def serve(rig: Rig, path: str, *paragraphs: str) -> None:
    rig.feeds.serve(path, page(*(paragraphs or (FIRST, SECOND))), content_type=HTML)


async def texts(rig: Rig) -> list[str | None]:
    """What came of the pages, entry by entry."""
    return [row["page"] for row in await rig.rows(schema.entry) if not row["baseline"]]


async def watch(rig: Rig, *queries: str) -> None:
    async with rig.database.begin() as connection:
        chat, _ = await chats.get_or_create(
            connection, telegram_id=7, thread_id=0, kind="private", locale="en", zone="UTC",
            digest_time=rig.clock.time.time(), now=rig.clock.time,
        )  # fmt: skip
        for query in queries:
            text = format_query(parse(query))
            await subscriptions.subscribe(
                connection, chat_id=chat.id, text=text, label=query, schedule=Schedule.INSTANT, now=rig.clock.time
            )


async def found(rig: Rig, matcher: Matcher) -> list[str]:
    """Match what may be matched now; return which queries have hits."""
    await matcher.match_new()
    statement = sa.select(schema.query.c.text).join(schema.hit, schema.hit.c.query_id == schema.query.c.id)
    async with rig.database.read() as connection:
        return sorted((await connection.execute(statement)).scalars())


async def test_a_new_entry_waits_for_its_page_and_is_found_by_what_that_says(on_both: Rig) -> None:
    await follow(on_both)
    await watch(on_both, "Cairo", "Geneva")
    matcher = Matcher(on_both.database, on_both.clock)
    serve(on_both, "/dam")
    await publish(on_both, "/dam")
    assert await found(on_both, matcher) == []  # not yet, though the title says Geneva
    await on_both.read_pages()
    assert await texts(on_both) == [f"{FIRST}\n{SECOND}"]
    assert len(await found(on_both, matcher)) == 2
    assert await on_both.rows(schema.page) == []


async def test_what_the_page_says_counts_against_a_query_too(rig: Rig) -> None:
    await follow(rig)
    await watch(rig, "Geneva -Cairo")
    matcher = Matcher(rig.database, rig.clock)
    serve(rig, "/dam")
    await publish(rig, "/dam")
    await rig.read_pages()
    assert await found(rig, matcher) == []


async def test_a_page_that_does_not_come_keeps_its_entry_for_two_minutes_and_may_still_come(rig: Rig) -> None:
    await follow(rig)
    await watch(rig, "Cairo", "Geneva")
    matcher = Matcher(rig.database, rig.clock)
    rig.feeds.hang("/dam")
    await publish(rig, "/dam")
    await rig.read_pages()  # times out
    assert await found(rig, matcher) == []
    rig.clock.time += PAGE_PATIENCE
    assert len(await found(rig, matcher)) == 1  # by the title alone
    serve(rig, "/dam")
    await rig.read_pages()
    assert len(await found(rig, matcher)) == 2


async def test_a_page_is_tried_three_times(rig: Rig) -> None:
    await follow(rig)
    rig.feeds.serve("/dam", "", status=500)
    await publish(rig, "/dam")
    for _ in range(6):
        await rig.read_pages(5 * MINUTE)
    assert rig.feeds.hits("/dam") == ATTEMPTS
    assert await rig.rows(schema.page) == []
    assert [row["match_after"] for row in await rig.rows(schema.entry)] == [None, None]


async def test_what_a_source_showed_before_is_not_read_nor_what_has_no_page(rig: Rig) -> None:
    await follow(rig)
    assert await rig.rows(schema.page) == []
    rig.feeds.serve("/a.xml", rss([item("Note", "", text="No link.", guid=""), item("Old", rig.feeds.url("/old"))]))
    await rig.poll()
    assert await rig.rows(schema.page) == []


async def test_other_sources_pages_are_left_alone(rig: Rig) -> None:
    await rig.add()
    rig.feeds.serve("/a.xml", rss([]))
    await rig.poll()
    await publish(rig, "/dam")
    assert await rig.rows(schema.page) == []


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/gone", "nothing is there for good"),
        ("/private", "a redirect into a private network"),
        ("/file.pdf", "no web page"),
        ("/huge", "too large"),
        ("/login", "another page"),
        ("/slow-to-read", "it takes too long to read"),
        ("/forbidden", "robots.txt"),
        ("/elsewhere", "robots.txt of where it leads to"),
    ],
)
async def test_where_the_page_cannot_help_the_entry_goes_by_what_the_feed_says(rig: Rig, path: str, why: str) -> None:
    await follow(rig)
    await watch(rig, "Geneva")
    matcher = Matcher(rig.database, rig.clock)
    rig.feeds.serve("/gone", "", status=410)
    rig.feeds.redirect("/private", "http://10.1.2.3/")
    rig.feeds.serve("/file.pdf", b"%PDF-1.7", content_type="application/pdf")
    rig.feeds.serve("/huge", page(FIRST, SECOND) + b" " * (6 << 20), content_type=HTML)
    rig.feeds.serve("/login", page(FIRST, SECOND, title="Sign in").replace(b"Geneva", b"Bonn"), content_type=HTML)
    rig.feeds.serve("/slow-to-read", b"<html><body>" + b"<a href=x>y z</a>" * 290_000, content_type=HTML)
    serve(rig, "/forbidden")
    rig.feeds.redirect("/elsewhere", "/forbidden")
    rig.feeds.serve("/robots.txt", "User-agent: watchword\nDisallow: /forbidden", content_type="text/plain")
    rig.pages.parser._timeout = timedelta(seconds=0.7)
    await publish(rig, path, title="Talks in Geneva on water", text="")
    await rig.read_pages()
    assert await texts(rig) == [None]
    assert len(await found(rig, matcher)) == 1, why
    assert await rig.rows(schema.page) == []
    assert rig.feeds.hits("/forbidden") == 0


async def test_robots_are_asked_once_a_day_and_their_delay_is_kept(on_both: Rig) -> None:
    await follow(on_both)
    on_both.feeds.serve("/robots.txt", "User-agent: *\nCrawl-delay: 30", content_type="text/plain")
    for path in ("/1", "/2"):
        serve(on_both, path)
    await publish(on_both, "/1", "/2")
    assert await on_both.read_pages() == 1
    assert await on_both.read_pages(timedelta(seconds=29)) == 0
    assert await on_both.read_pages(timedelta(seconds=1)) == 1
    assert on_both.feeds.hits("/robots.txt") == 1
    on_both.clock.time += ROBOTS_LAST
    serve(on_both, "/3")
    await publish(on_both, "/3")
    await on_both.read_pages()
    assert on_both.feeds.hits("/robots.txt") == 2
    assert all(await texts(on_both))


async def test_while_robots_cannot_be_had_nothing_is_fetched_and_what_they_said_before_holds(rig: Rig) -> None:
    await follow(rig)
    rig.feeds.serve("/robots.txt", "", status=503)
    serve(rig, "/1")
    await publish(rig, "/1")
    await rig.read_pages()
    assert rig.feeds.hits("/1") == 0
    rig.feeds.serve("/robots.txt", "User-agent: *\nDisallow: /private", content_type="text/plain")
    assert await rig.read_pages(ROBOTS_RETRY) == 1
    assert await texts(rig) == [f"{FIRST}\n{SECOND}"]
    rig.feeds.serve("/robots.txt", "", status=503)
    serve(rig, "/2")
    serve(rig, "/private")
    await publish(rig, "/2", "/private")
    await rig.read_pages()
    await rig.read_pages(SECOND_LATER)
    assert (rig.feeds.hits("/2"), rig.feeds.hits("/private")) == (1, 0)


async def test_pages_of_a_site_are_fetched_one_at_a_time_and_a_second_apart_those_of_others_beside(rig: Rig) -> None:
    await follow(rig)
    for path in ("/1", "/2", "/3"):
        serve(rig, path)
    await publish(rig, "/1", "/2")
    new = [item("Elsewhere", rig.feeds.url("/3", host="127.0.0.2")), item("Old", rig.feeds.url("/old"))]
    rig.feeds.serve("/a.xml", rss(new))
    await rig.poll(MINUTE * 20)
    assert await rig.read_pages() == 2  # one of each site
    assert await rig.read_pages(SECOND_LATER / 2) == 0
    assert await rig.read_pages(SECOND_LATER / 2) == 1


async def test_a_site_that_asks_to_be_left_alone_is(rig: Rig) -> None:
    await follow(rig)
    rig.feeds.serve("/1", "", status=429, headers={"Retry-After": "600"})
    serve(rig, "/2")
    await publish(rig, "/1", "/2")
    await rig.read_pages()
    assert await rig.read_pages(timedelta(seconds=599)) == 0
    assert await rig.read_pages(timedelta(seconds=1)) == 1


async def test_of_five_hundred_at_once_the_newest_are_read_and_none_waits_long(on_both: Rig) -> None:
    await follow(on_both)
    paths = [f"/{number}" for number in range(499)]
    await publish(on_both, *paths)
    waiting = await on_both.rows(schema.page)
    assert len(waiting) == PAGES
    held = [row for row in await on_both.rows(schema.entry) if row["match_after"]]
    assert [row["url"] for row in held] == [on_both.feeds.url(path) for path in paths[-PAGES:]]
    assert {row["match_after"] - on_both.clock.time for row in held} == {PAGE_PATIENCE}
    async with on_both.database.read() as connection:
        assert await pages.waiting(connection) == PAGES
    await on_both.read_pages(LASTS + MINUTE)
    assert await on_both.rows(schema.page) == []  # nobody read them in time: given up


async def test_a_crash_while_a_page_is_fetched_costs_time_and_nothing_else(on_both: Rig) -> None:
    await follow(on_both)
    serve(on_both, "/dam")
    await publish(on_both, "/dam")
    assert len(await on_both.pages._claim()) == 1  # and nobody goes on with it
    assert await on_both.read_pages() == 0
    assert await on_both.read_pages(LEASE) == 1
    assert all(await texts(on_both))


async def test_two_readers_never_read_from_one_site_at_once(on_both: Rig) -> None:
    await follow(on_both)
    await publish(on_both, "/1", "/2")
    async with on_both.database.begin() as connection:
        first = await pages.claim(connection, on_both.clock.time, limit=9, lease=LEASE)
        second = await pages.claim(connection, on_both.clock.time, limit=9, lease=LEASE)
    assert (len(first), len(second)) == (1, 0)


async def test_a_page_that_comes_while_its_entry_is_matched_has_it_matched_again(on_both: Rig) -> None:
    await follow(on_both)
    await publish(on_both, "/dam")
    later = on_both.clock.time + PAGE_PATIENCE
    async with on_both.database.begin() as connection:
        (read,) = [one for one in await entries.unmatched(connection, later, 9) if not one.baseline]
        await pages.finish(connection, read.id, later, FIRST)
        await entries.mark_matched(connection, [read], 1, set())
        (again,) = [one for one in await entries.unmatched(connection, later, 9) if not one.baseline]
        assert again.page == FIRST
        await entries.mark_matched(connection, [again], 1, set())
        assert [one for one in await entries.unmatched(connection, later, 9) if not one.baseline] == []


async def test_the_language_of_a_page_is_taken_where_the_feed_names_none(on_both: Rig) -> None:
    await follow(on_both)
    serve(on_both, "/dam")
    new = [item(TITLE, on_both.feeds.url("/dam"))]
    on_both.feeds.serve("/a.xml", rss(new, language=None))
    await on_both.poll()
    await on_both.read_pages()
    assert [row["language"] for row in await on_both.rows(schema.entry)][-1] == "en"


async def test_health_notices_pages_that_nobody_reads(on_both: Rig) -> None:
    await follow(on_both)
    await publish(on_both, "/1", "/2")
    on_both.clock.time += 10 * MINUTE
    async with on_both.database.read() as connection:
        assert (await queue_ages.waits(connection, on_both.clock.time, QUEUES))["page"] == 10 * MINUTE
    await on_both.pages._claim()
    async with on_both.database.read() as connection:
        assert (await queue_ages.waits(connection, on_both.clock.time, QUEUES))[
            "page"
        ] == timedelta()  # its site is being asked


async def test_sites_are_forgotten(on_both: Rig) -> None:
    await follow(on_both)
    serve(on_both, "/dam")
    await publish(on_both, "/dam")
    await on_both.read_pages()
    async with on_both.database.begin() as connection:
        assert await pages.purge_sites(connection, on_both.clock.time, 9) == 0
        assert await pages.purge_sites(connection, on_both.clock.time + MINUTE, 9) == 1


async def test_the_configuration_says_which_new_sources_are_read_in_full(on_both: Rig) -> None:
    a, b = "https://a.example/feed", "https://b.example/feed"
    for full_text in (True, False):  # what is there already stays as it is
        config = Config(sources=(ConfiguredSource(url=a, full_text=full_text), ConfiguredSource(url=b)))
        await _add_sources(config, on_both.database, on_both.clock, AddressGuard())
        assert [row["full_text"] for row in await on_both.rows()] == [True, False]


async def test_a_page_takes_less_than_its_lease_with_all_it_needs(
    on_both: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert page_reader.LONGEST < LEASE
    await follow(on_both)
    await publish(on_both, "/dam")
    on_both.feeds.hang("/dam")
    monkeypatch.setattr(page_reader, "LONGEST", timedelta(milliseconds=50))  # the rig's own bound is far longer
    await on_both.read_pages()
    (waiting,) = await on_both.rows(schema.page)
    assert waiting["attempts"] == 1  # it may be there next time
