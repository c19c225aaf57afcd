import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.errors import SourceError
from bot.messages.source_troubles import LONG_FAILING, READ_OF_ONE
from bot.pipeline import ingest
from bot.pipeline.poll import LEASE, Poller
from bot.runtime.wakeups import Wakeups
from bot.sources.item_cache import WHOLE_EVERY
from bot.sources.reading.normalise import MAX_ENTRIES
from bot.storage import chats, schema, sources
from bot.storage.database import Database
from tests.feedserver import Request, item, rss
from tests.pipeline.rig import ADMIN, MINUTE, SETTINGS, Rig
from tests.pipeline.rig import rig as make_rig

DAY = timedelta(days=1)
NEWS = replace(SETTINGS, first_poll_is_news=True)


@pytest.fixture
async def rig(database: Database) -> AsyncIterator[Rig]:
    async with make_rig(database) as made:
        yield made


async def meet_admin(rig: Rig) -> None:
    async with rig.database.begin() as connection:
        await chats.get_or_create(
            connection, telegram_id=ADMIN, thread_id=0, kind="private", locale="en", zone="UTC",
            digest_time=rig.clock.time.time(), now=rig.clock.time,
        )  # fmt: skip


async def notices(rig: Rig) -> list[str]:
    return [row["payload"]["text"] for row in await rig.rows(schema.delivery) if row["kind"] == "notice"]


async def test_what_a_new_source_shows_is_no_news_and_what_comes_after_is(rig: Rig) -> None:
    await rig.add()
    rig.feeds.serve("/a.xml", rss([item("One")]))
    await rig.poll()
    rig.feeds.serve("/a.xml", rss([item("Two"), item("One")]))
    await rig.poll()
    assert [(row["title"], row["baseline"]) for row in await rig.rows(schema.entry)] == [("One", True), ("Two", False)]


async def test_an_unchanged_feed_is_asked_for_and_not_read(rig: Rig) -> None:
    await rig.add()
    rig.feeds.serve("/a.xml", rss([item("One")], head="<ttl>300</ttl>"), conditional=False)
    await rig.poll()
    rig.poller.parser = None  # type: ignore[assignment]  # nobody reads
    await rig.poll()
    row = await rig.source()
    assert row["failures"] == 0
    wait = row["next_poll_at"] - rig.clock.time
    assert timedelta(hours=4.4) < wait <= timedelta(hours=5)  # it asked so when it was read


@pytest.mark.parametrize("between", [b"", b"<html>Sorry</html>", rss([]), b"\x00\xff", rss([item("One")])[:-60]])
async def test_whatever_comes_in_between_nothing_is_new_twice(rig: Rig, between: bytes) -> None:
    rig.ingester.settings = NEWS
    await rig.add()
    whole = rss([item("Two"), item("One")])
    for body in (whole, between, whole, between, rss([item("Three"), item("Two, edited", "https://news.example/two")])):
        rig.feeds.serve("/a.xml", body)
        await rig.poll()
    assert await rig.titles() == ["One", "Two, edited", "Three"]


async def test_two_servers_that_take_turns_with_an_old_and_a_new_copy_repeat_nothing(rig: Rig) -> None:
    rig.ingester.settings = NEWS
    await rig.add()
    old, new = rss([item("Two"), item("One")]), rss([item("Three"), item("Two")])
    for body in (old, new, old, new, old):
        rig.feeds.serve("/a.xml", body)
        await rig.poll(30 * MINUTE)
    assert await rig.titles() == ["One", "Two", "Three"]


async def test_a_whole_archive_in_the_feed_at_once_is_stored_once(rig: Rig) -> None:
    await rig.add()
    rig.feeds.serve("/a.xml", rss([item("One")]))
    await rig.poll()
    archive = rss([item(f"Number {number}") for number in range(600)])
    rig.feeds.serve("/a.xml", archive)
    await rig.poll(30 * MINUTE)
    rig.feeds.serve("/a.xml", archive + b"<!-- changed -->")
    await rig.poll(30 * MINUTE)
    assert len(await rig.titles()) == 501


async def test_what_is_still_shown_is_noted_as_seen_once_a_day(rig: Rig) -> None:
    await rig.add()
    for number in range(3):
        rig.feeds.serve("/a.xml", rss([*(item(f"New {one}") for one in range(number)), item("Old")]))
        await rig.poll(WHOLE_EVERY * 0.6)
    noted = {row["seen_at"] for row in await rig.rows(schema.seen)}
    assert noted == {rig.clock.time}  # the third poll was the first after a day


async def test_validators_are_never_kept_without_the_entries(rig: Rig) -> None:
    rig.ingester.settings = NEWS
    await rig.add()
    rig.feeds.serve("/a.xml", rss([item("One")]))
    read = rig.poller.parser.read

    async def two_minutes(*arguments: object) -> object:
        raise TimeoutError

    rig.poller.parser.read = two_minutes  # type: ignore[method-assign, assignment]
    await rig.poll()
    assert (await rig.source())["etag"] is None
    rig.poller.parser.read = read  # type: ignore[method-assign]
    await rig.poll()
    assert await rig.titles() == ["One"]
    assert (await rig.source())["etag"]


async def test_an_address_is_followed_after_three_permanent_redirects_and_its_old_one_is_known(rig: Rig) -> None:
    source_id = await rig.add("/old.xml")
    rig.feeds.redirect("/old.xml", "/new.xml", 301)
    rig.feeds.serve("/new.xml", rss([item("One")]))
    for polls in range(1, 4):
        await rig.poll()
        assert (await rig.source())["url"] == rig.feeds.url("/new.xml" if polls == 3 else "/old.xml")
    await rig.poll()
    assert rig.feeds.hits("/old.xml") == 3
    assert await rig.add("/old.xml") == source_id
    assert await rig.titles() == ["One"]


async def test_a_redirect_that_changes_its_mind_is_not_followed_for_good(rig: Rig) -> None:
    await rig.add("/old.xml")
    for path, status in (("/b", 301), ("/c", 301), ("/b", 301), ("/b", 302), ("/b", 308), ("/b", 301)):
        rig.feeds.redirect("/old.xml", path, status)
        rig.feeds.serve(path, rss([item("One")]))
        await rig.poll()
    assert (await rig.source())["url"] == rig.feeds.url("/old.xml")


async def test_two_sources_that_turn_out_to_be_one_become_one(rig: Rig) -> None:
    await rig.add("/new.xml")
    await rig.add("/old.xml")
    rig.feeds.redirect("/old.xml", "/new.xml", 308)
    rig.feeds.serve("/new.xml", rss([item("One")]))
    for _ in range(3):
        await rig.poll()
    assert [row["state"] for row in await rig.rows()] == ["active", "removed"]


async def test_a_feed_that_is_gone_is_paused_and_admins_are_told_once(rig: Rig) -> None:
    await rig.add()
    await meet_admin(rig)
    rig.feeds.serve("/a.xml", b"", status=410)
    for _ in range(5):
        await rig.poll()
    row = await rig.source()
    assert (row["state"], row["failures"]) == ("paused", 3)
    assert rig.feeds.hits("/a.xml") == 3
    (notice,) = await notices(rig)
    assert "gone for good" in notice


async def test_admins_are_told_once_of_a_server_that_refuses_us(rig: Rig) -> None:
    await rig.add()
    await meet_admin(rig)
    rig.feeds.serve("/a.xml", b"", status=403)
    for _ in range(3):
        await rig.poll()
    assert (await rig.source())["state"] == "active"
    (notice,) = await notices(rig)
    assert "refuses" in notice


async def test_admins_are_told_once_of_a_feed_that_fails_for_most_of_a_day(rig: Rig) -> None:
    await rig.add()
    await meet_admin(rig)
    for count in (LONG_FAILING - 1, 3):
        for _ in range(count):
            rig.feeds.serve("/a.xml", b"", status=404)
            await rig.poll()
        assert len(await notices(rig)) == (count == 3)
    assert f"{LONG_FAILING} times" in (await notices(rig))[0]
    assert (await rig.source())["state"] == "active"


async def test_admins_are_told_once_of_shared_ids_and_of_garbled_letters_and_again_when_they_return(rig: Rig) -> None:
    await rig.add()
    await meet_admin(rig)
    fine = rss([item("One"), item("Two")])
    shared = rss([item("One", guid="x"), item("Two", guid="x"), item("Three", guid="x")])
    garbled = rss([item("Íîâîñòè íåäåëè", f"https://news.example/{one}") for one in range(3)])
    told = []
    for body in (fine, shared, shared + b" ", fine, shared, garbled, garbled + b" "):
        rig.feeds.serve("/a.xml", body)
        await rig.poll()
        told.append(len(await notices(rig)))
    assert told == [0, 1, 1, 1, 2, 3, 3]
    said = await notices(rig)
    assert "one id" in said[0]
    assert "encoding" in said[2]


async def test_a_feed_that_changes_its_format_and_its_ids_repeats_nothing(rig: Rig) -> None:
    rig.ingester.settings = NEWS
    await rig.add()
    rig.feeds.serve("/a.xml", rss([item("Two"), item("One")]))
    await rig.poll()
    entries = "".join(
        f"<entry><id>urn:x:{title}</id><title>{title}</title><link href='https://news.example/{title.lower()}'/></entry>"
        for title in ("Three", "Two", "One")
    )
    rig.feeds.serve("/a.xml", f"<feed xmlns='http://www.w3.org/2005/Atom'><title>News</title>{entries}</feed>")
    await rig.poll()
    assert await rig.titles() == ["One", "Two", "Three"]


async def test_a_server_that_asks_for_time_gets_it(rig: Rig) -> None:
    await rig.add()
    rig.feeds.serve("/a.xml", b"", status=429, headers={"Retry-After": "7200"})
    await rig.poll()
    assert (await rig.source())["next_poll_at"] >= rig.clock.time + timedelta(hours=2)


async def test_failures_do_not_hide_what_came_meanwhile(rig: Rig) -> None:
    await rig.add()
    rig.feeds.serve("/a.xml", rss([item("One")]))
    await rig.poll()
    rig.feeds.serve("/a.xml", b"", status=500)
    for _ in range(4):
        await rig.poll()
    rig.feeds.serve("/a.xml", rss([item("Three"), item("Two")]))
    await rig.poll()
    assert await rig.titles() == ["One", "Two", "Three"]
    assert (await rig.source())["failures"] == 0


async def test_a_removed_source_that_is_added_again_repeats_nothing(rig: Rig) -> None:
    source_id = await rig.add()
    rig.feeds.serve("/a.xml", rss([item("One")]))
    await rig.poll()
    async with rig.database.begin() as connection:
        await sources.set_state(connection, source_id, sources.REMOVED, rig.clock.time)
    assert await rig.add() == source_id
    rig.feeds.serve("/a.xml", rss([item("Two"), item("One")]))
    await rig.poll()
    assert await rig.titles() == ["One", "Two"]


@asynccontextmanager
async def running(*pollers: Poller) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for poller in pollers:
            group.create_task(poller.run(stop))
        try:
            yield
        finally:
            stop.set()
            for poller in pollers:
                poller.wakeups.wake_all()


async def until_all_polled(rig: Rig) -> None:
    async with asyncio.timeout(30):
        while any(row["polled_at"] is None for row in await rig.rows()):
            await asyncio.sleep(0.02)


async def test_two_pollers_at_once_store_every_entry_once(rig: Rig) -> None:
    rig.ingester.settings = NEWS
    for number in range(12):
        path = f"/{number}.xml"
        rig.feeds.serve(path, rss([item(f"{number} {one}") for one in range(5)]))
        await rig.add(path)
    other = Poller(rig.database, rig.poller.fetcher, rig.poller.parser, rig.clock, Wakeups(), rig.ingester)
    async with running(rig.poller, other):
        await until_all_polled(rig)
    assert len(rig.feeds.requests) == 12
    titles = await rig.titles()
    assert (len(titles), len(set(titles))) == (60, 60)


async def test_a_poller_that_slept_past_its_lease_stores_nothing(rig: Rig) -> None:
    rig.ingester.settings = NEWS
    await rig.add()
    rig.feeds.serve("/a.xml", rss([item("One")]))
    (late,) = await rig.claim()
    rig.clock.time += LEASE * 2
    (awake,) = await rig.claim()
    with pytest.raises(SourceError, match="overtaken"):
        await rig.poller.poll(late)
    assert await rig.titles() == []
    await rig.poller.poll(awake)
    with pytest.raises(SourceError, match="overtaken"):
        await rig.poller.poll(late)
    assert await rig.titles() == ["One"]


async def test_a_host_with_many_slow_feeds_holds_up_no_other(rig: Rig) -> None:
    for number in range(40):
        rig.feeds.hang(f"/slow/{number}")
        await rig.add(f"/slow/{number}")
    rig.clock.time += MINUTE
    async with rig.database.begin() as connection:
        for number in range(3):
            url = f"http://host{number}.example/feed"
            await sources.add(connection, url=url, title="", now=rig.clock.time)
        taken = await sources.claim_due(connection, rig.clock.time, limit=32, lease=LEASE, per_host=2)
        again = await sources.claim_due(connection, rig.clock.time, limit=32, lease=LEASE, per_host=2)
    assert sorted(sources.host_of(one.url) for one in taken) == [
        "127.0.0.1", "127.0.0.1", "host0.example", "host1.example", "host2.example"
    ]  # fmt: skip
    assert again == []


async def test_an_address_that_holds_a_key_is_shown_to_nobody(
    rig: Rig, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    await rig.add("/feed/s3cret-key/a.xml")
    await meet_admin(rig)

    async def rude(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")

    rig.feeds.serve_raw("/feed/s3cret-key/a.xml", rude)
    await rig.poll()
    rig.feeds.redirect("/feed/s3cret-key/a.xml", "/feed/s3cret-key/b.xml", 301)
    await rig.poll()
    for status in (403, 410, 410, 410):
        rig.feeds.serve("/feed/s3cret-key/a.xml", b"", status=status)
        await rig.poll()
    captured = capsys.readouterr()
    said = [*(await notices(rig)), caplog.text, captured.out, captured.err]
    said += [str(row["error"]) for row in await rig.rows()]
    assert len(await notices(rig)) >= 1
    assert not any("s3cret" in text for text in said)


async def test_what_a_full_disk_kept_from_being_stored_is_asked_for_again_as_soon_as_there_is_room(rig: Rig) -> None:
    """It is no fault of the source, and it does not wait for its lease of ten minutes to end."""
    if not rig.database.is_sqlite:
        pytest.skip("only SQLite can be told how large it may get")
    rig.ingester.settings = NEWS
    await rig.add()
    rig.feeds.serve("/a.xml", rss([item("One", text="x" * 60_000)]))
    async with rig.database.begin() as connection:
        pages = (await connection.execute(sa.text("PRAGMA page_count"))).scalar_one()
        await connection.execute(sa.text(f"PRAGMA max_page_count = {pages}"))
    await rig.poll()
    assert await rig.titles() == []
    async with rig.database.begin() as connection:
        await connection.execute(sa.text(f"PRAGMA max_page_count = {pages * 100}"))
    await rig.poller.record()
    source = await rig.source()
    assert source["failures"] == 0
    await rig.poll(after=MINUTE * 5)
    assert await rig.titles() == ["One"]


async def test_a_database_that_fails_in_the_middle_keeps_nothing_of_the_poll(rig: Rig) -> None:
    if not rig.database.is_sqlite:
        pytest.skip("the trigger is SQLite's")
    rig.ingester.settings = NEWS
    await rig.add()
    rig.feeds.serve("/a.xml", rss([item("One")]))
    refuse = "CREATE TRIGGER full BEFORE UPDATE OF etag ON source BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    async with rig.database.begin() as connection:
        await connection.execute(sa.text(refuse))
    await rig.poll()
    assert await rig.titles() == []
    async with rig.database.begin() as connection:
        await connection.execute(sa.text("DROP TRIGGER full"))
    await rig.poll()
    assert await rig.titles() == ["One"]


async def test_a_feed_that_changes_ids_and_links_each_time_does_not_grow_and_loses_no_news(rig: Rig) -> None:
    await rig.add()
    await meet_admin(rig)
    for poll in range(6):
        titles = [*(f"Story {number}" for number in range(20)), *(["News at last"] if poll > 3 else [])]
        items = [item(title, f"https://e.org/{poll}/{title}", guid=f"{poll}-{title}") for title in titles]
        rig.feeds.serve("/a.xml", rss(items))
        await rig.poll(after=timedelta(hours=7))
    titles = await rig.titles()
    assert len(titles) == 21
    assert "News at last" in titles
    assert ["new ids" in text for text in await notices(rig)] == [True]


async def test_a_flood_of_new_entries_is_bounded_and_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "NEW_A_DAY", 50)
    await rig.add()
    await meet_admin(rig)
    for poll in range(6):
        rig.feeds.serve("/a.xml", rss([item(f"Story {poll} {n}", f"https://e.org/{poll}/{n}") for n in range(20)]))
        await rig.poll(after=timedelta(hours=1))
    assert len(await rig.rows(schema.entry)) == 50  # with the baseline of the first poll
    assert ["in a day" in text for text in await notices(rig)] == [True]


async def test_of_more_items_at_once_than_are_read_the_rest_is_told(rig: Rig) -> None:
    await rig.add()
    await meet_admin(rig)
    rig.feeds.serve("/a.xml", rss([item("One")]))
    await rig.poll()
    rig.feeds.serve("/a.xml", rss([*(item(f"Story {n}", f"https://e.org/{n}") for n in range(1_000)), item("One")]))
    await rig.poll()
    assert len(await rig.rows(schema.entry)) == 1 + MAX_ENTRIES
    assert ["more than 500 entries" in text for text in await notices(rig)] == [True]
    assert READ_OF_ONE == MAX_ENTRIES
