import asyncio
import gzip
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from bot.pipeline.hubs import AN_HOUR, ANSWER, CLAIM, REFUSED, RENEW, Hubs, is_signed
from bot.runtime.steps import QUEUES
from bot.sources.due import FALLBACK
from bot.storage import queue_ages, schema, sources, websub
from bot.storage.database import Database
from bot.web import webhooks
from bot.web.server import serving
from bot.web.webhooks import public
from bot.web.webhooks import websub as routes
from tests.feedserver import item, rss
from tests.hub import CHALLENGE, Hub
from tests.pipeline.rig import MINUTE, SETTINGS, Rig
from tests.pipeline.rig import rig as make_rig

DAY = timedelta(days=1)
FEW = 64 * 1024  # bytes of a body


@dataclass
class World:
    """A poller with its feed server, a hub, and the subscriber between them, reached over HTTP."""

    rig: Rig
    hub: Hub
    hubs: Hubs
    url: str

    def feed(self, *titles: str, hub: str | None = None, topic: str = "", **changed: Any) -> bytes:
        """A document of items with these titles, that names the hub and itself."""
        atom = 'xmlns:atom="http://www.w3.org/2005/Atom"'
        links = f'<atom:link {atom} rel="self" href="{topic or self.topic}"/>'
        links += f'<atom:link {atom} rel="hub" href="{hub}"/>' if hub else self.hub.links
        return rss([item(title, **changed) for title in titles], head=links)

    @property
    def topic(self) -> str:
        return self.rig.feeds.url("/a.xml")

    async def ask(self, after: timedelta = timedelta()) -> int:
        self.rig.clock.time += after
        return await self.hubs.request_due()

    async def subscribed(self) -> None:
        """Add a source, find its hub and be agreed with."""
        await self.rig.add()
        self.rig.feeds.serve("/a.xml", self.feed("One", "Zero"))
        await self.rig.poll()
        assert await self.ask() == 1
        assert await self.hub.verify() == (200, CHALLENGE)

    async def row(self) -> dict[str, Any]:
        (row,) = await self.rig.rows(schema.websub)
        return row


@asynccontextmanager
async def make_world(database: Database) -> AsyncIterator[World]:
    async with make_rig(database) as rig, Hub() as hub:
        hubs = Hubs(
            database,
            rig.poller.fetcher,
            rig.ingester,
            rig.clock,
            callbacks="http://127.0.0.1/at/websub/",
            max_bytes=FEW,
        )
        async with serving(public(routes(hubs)), "127.0.0.1", 0) as port:
            url = f"http://127.0.0.1:{port}"
            hubs.callbacks = rig.ingester.callbacks = f"{url}/at/websub/"
            yield World(rig, hub, hubs, url)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with Database(f"sqlite:///{tmp_path}/watchword.db") as database, make_world(database) as made:
        yield made


@pytest.fixture
async def on_both(database: Database) -> AsyncIterator[World]:
    """For what the SQL decides."""
    async with make_world(database) as made:
        yield made


async def test_a_hub_that_a_feed_names_is_subscribed_to_and_brings_its_news(on_both: World) -> None:
    await on_both.subscribed()
    (form,) = on_both.hub.asked
    assert form["hub.mode"] == "subscribe"
    assert form["hub.topic"] == on_both.topic
    assert len(form["hub.callback"].rpartition("/")[2]) >= 43  # 256 bits: nobody guesses it
    assert len(form["hub.secret"]) >= 43
    before = await on_both.rig.source()
    assert await on_both.hub.distribute(on_both.feed("Two", "One")) == 200
    rows = await on_both.rig.rows(schema.entry)
    assert [(row["title"], row["baseline"]) for row in rows] == [("Zero", True), ("One", True), ("Two", False)]
    after = await on_both.rig.source()
    for name in ("etag", "last_modified", "body_hash", "url", "title", "next_poll_at", "polled_at"):
        assert after[name] == before[name], name
    on_both.rig.feeds.serve("/a.xml", on_both.feed("Two", "One", "Zero"))
    await on_both.rig.poll()
    assert await on_both.rig.titles() == ["Zero", "One", "Two"]


async def test_link_headers_come_before_the_document(world: World) -> None:
    await world.rig.add()
    topic = world.rig.feeds.url("/canonical.xml")
    links = f'<{world.hub.url}>; rel="hub", <{topic}>; rel=self'
    body = world.feed("One", hub="http://10.0.0.1/")
    world.rig.feeds.serve("/a.xml", body, headers={"Link": links})
    await world.rig.poll()
    await world.ask()
    assert world.hub.asked[0]["hub.topic"] == topic


@pytest.mark.parametrize("head", ["", '<link rel="self" href="/a.xml"/>'])
async def test_a_feed_without_hub_or_address_is_polled_and_nothing_else(world: World, head: str) -> None:
    await world.rig.add()
    world.rig.feeds.serve("/a.xml", rss([item("One")], head=head))
    await world.rig.poll()
    assert await world.ask() == 0


async def test_without_a_public_address_no_hub_is_asked(world: World) -> None:
    world.rig.ingester.callbacks = None
    await world.rig.add()
    world.rig.feeds.serve("/a.xml", world.feed("One"))
    await world.rig.poll()
    assert await world.rig.rows(schema.websub) == []


async def test_only_what_was_asked_for_is_confirmed(world: World) -> None:
    await world.rig.add()
    world.rig.feeds.serve("/a.xml", world.feed("One"))
    await world.rig.poll()
    row = await world.row()
    question = {"hub.mode": "subscribe", "hub.topic": row["topic"], "hub.challenge": "x"}
    assert await world.hubs.answer(row["token"], question) is None  # nobody has asked yet
    await world.ask()
    for changed in ({"mode": "unsubscribe"}, {"mode": "publish"}, {"topic": "http://a.example/"}, {"challenge": ""}):
        assert await world.hub.verify(changed) == (404, "")
    assert await world.hubs.answer("a" * 43, question) is None
    assert (await world.row())["verified_at"] is None
    assert await world.hub.verify({"topic": row["topic"].replace("/a.xml", "/%61.xml")}) == (200, CHALLENGE)
    assert await world.hub.verify() == (200, CHALLENGE)
    assert await world.hub.verify() == (200, CHALLENGE)  # its answer was lost: the same again


async def test_a_confirmation_is_plain_text(world: World) -> None:
    await world.subscribed()
    row = await world.row()
    question = {
        "hub.mode": "subscribe",
        "hub.topic": row["topic"],
        "hub.challenge": "<script>",
        "hub.lease_seconds": "1",
    }
    async with aiohttp.ClientSession() as session, session.get(row["callback"], params=question) as answer:
        assert answer.content_type == "text/plain"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "wrong",
    [
        {"signature": ""},
        {"signature": "sha256="},
        {"signature": "sha256=" + "0" * 64},
        {"signature": "md5=" + "0" * 32},
        {"signature": "sha256=\xe9"},
        {"secret": "another"},
    ],
)
async def test_what_is_not_signed_as_it_should_be_is_acknowledged_and_passed_over(
    world: World, wrong: dict[str, str]
) -> None:
    await world.subscribed()
    assert await world.hub.distribute(world.feed("Two"), **wrong) == 202  # type: ignore[arg-type]
    assert await world.rig.titles() == ["Zero", "One"]


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_each_method_of_the_standard_is_known(method: str) -> None:
    import hashlib

    digest = hmac.new(b"secret", b"body", getattr(hashlib, method)).hexdigest()
    assert is_signed(b"body", f"{method}={digest}", "secret")
    assert is_signed(b"body", f"{method.upper()}={digest.upper()}", "secret")
    assert not is_signed(b"body.", f"{method}={digest}", "secret")
    assert not is_signed(b"body", f"{method}={digest[:-1]}", "secret")


async def test_what_is_replayed_is_no_news(world: World) -> None:
    await world.subscribed()
    for _ in range(3):
        assert await world.hub.distribute(world.feed("Two")) == 200
    assert await world.rig.titles() == ["Zero", "One", "Two"]
    assert await world.hub.distribute(world.feed("Two, edited", link="https://news.example/two")) == 200
    assert await world.rig.titles() == ["Zero", "One", "Two, edited"]


@pytest.mark.parametrize(
    "body", [b"", b"<html>Sorry</html>", b"\x00\xff", b"<!DOCTYPE a [<!ENTITY b 'c'>]><rss></rss>"]
)
async def test_what_cannot_be_read_changes_nothing(world: World, body: bytes) -> None:
    await world.subscribed()
    assert await world.hub.distribute(body) == 202
    assert (await world.rig.source())["failures"] == 0
    assert await world.rig.titles() == ["Zero", "One"]


async def test_too_much_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.subscribed()
    assert await world.hub.distribute(b" " * (FEW + 1)) == 413
    bomb = gzip.compress(b" " * (1 << 20))
    assert await world.hub.distribute(bomb, headers={"Content-Encoding": "gzip"}) == 202
    small = gzip.compress(world.feed("Two"))
    assert await world.hub.distribute(small, headers={"Content-Encoding": "gzip"}) == 200
    assert await world.rig.titles() == ["Zero", "One", "Two"]
    statuses = [await world.hub.distribute(b"") for _ in range(AN_HOUR)]
    assert statuses[-2:] == [429, 429]
    later = world.rig.clock.monotonic() + 3601
    monkeypatch.setattr(world.rig.clock, "monotonic", lambda: later)
    assert await world.hub.distribute(b"") == 202


async def test_the_public_sees_callbacks_and_nothing_else(world: World) -> None:
    await world.subscribed()
    callback = (await world.row())["callback"]
    async with aiohttp.ClientSession() as session:
        for path in ("/healthz", "/metrics", "/readyz", "/", "/at/websub/", "/at/websub/" + "a" * 43):
            async with session.get(world.url + path) as answer:
                assert answer.status == 404, path
        async with session.post(f"{world.url}/at/websub/{'a' * 43}") as answer:
            assert answer.status == 410
        for method in ("PUT", "DELETE", "PATCH", "HEAD"):
            async with session.request(method, callback) as answer:
                assert answer.status == 405, method


async def test_a_lease_is_renewed_before_it_ends(on_both: World) -> None:
    await on_both.subscribed()
    await on_both.hub.verify(lease=1000)
    row = await on_both.row()
    lasts = timedelta(seconds=1000)
    assert row["expires_at"] == on_both.rig.clock.time + lasts
    assert lasts * (RENEW - 0.1) <= row["due_at"] - on_both.rig.clock.time <= lasts * RENEW
    assert await on_both.ask(row["due_at"] - on_both.rig.clock.time) == 1
    assert on_both.hub.asked[1] == on_both.hub.asked[0]  # what holds meanwhile stays as it is
    await on_both.hub.verify(lease=2000)
    assert (await on_both.row())["expires_at"] == on_both.rig.clock.time + 2 * lasts


@pytest.mark.parametrize(("lease", "lasts"), [(1, 5 * MINUTE), (10**12, 30 * DAY), (None, 10 * DAY)])
async def test_a_lease_that_cannot_be_meant_is_bounded(world: World, lease: int | None, lasts: timedelta) -> None:
    await world.subscribed()
    await world.hub.verify(lease=lease)
    assert (await world.row())["expires_at"] - world.rig.clock.time == lasts


async def test_a_hub_that_fails_or_never_comes_back_is_asked_less_and_less_often(world: World) -> None:
    await world.rig.add()
    world.rig.feeds.serve("/a.xml", world.feed("One"))
    await world.rig.poll()
    world.hub.status = 500
    waits = []
    for _ in range(14):
        await world.ask((await world.row())["due_at"] - world.rig.clock.time)
        waits.append((await world.row())["due_at"] - world.rig.clock.time)
    assert waits[0] < 2 * MINUTE
    assert 12 * timedelta(hours=1) <= waits[-1] <= DAY
    world.hub.status = 202
    await world.ask(waits[-1])
    assert (await world.row())["due_at"] - world.rig.clock.time >= ANSWER
    await world.hub.verify()
    assert (await world.row())["failures"] == 0


async def test_a_hub_that_says_no_is_left_alone_for_a_day(world: World) -> None:
    await world.subscribed()
    assert await world.hub.verify({"mode": "denied", "topic": "http://other.example/"}) == (404, "")
    assert (await world.hub.verify({"mode": "denied"}))[0] == 200
    assert await world.hub.distribute(world.feed("Two")) == 410
    assert (await world.hub.verify())[0] == 404  # it changes its mind: only once we have asked again
    assert await world.ask(REFUSED - MINUTE) == 0
    assert await world.ask(MINUTE) == 1
    assert (await world.hub.verify())[0] == 200


@pytest.mark.parametrize("status", [307, 308])
async def test_a_hub_that_moved_is_followed(world: World, status: int) -> None:
    world.hub.status, world.hub.location = status, "/moved"
    await world.rig.add()
    world.rig.feeds.serve("/a.xml", world.feed("One"))
    await world.rig.poll()
    await world.ask()
    assert len(world.hub.asked) == 2
    assert world.hub.asked[0] == world.hub.asked[1]
    assert (await world.hub.verify())[0] == 200


@pytest.mark.parametrize(
    ("status", "location", "kind"),
    [(302, "/moved", "http"), (307, "http://10.0.0.1/", "address"), (308, "/", "redirect"), (404, "", "http")],
)
async def test_a_hub_that_leads_astray_is_not_followed(world: World, status: int, location: str, kind: str) -> None:
    world.hub.status, world.hub.location = status, location
    await world.rig.add()
    world.rig.feeds.serve("/a.xml", world.feed("One"))
    await world.rig.poll()
    await world.ask()
    row = await world.row()
    assert (row["error_kind"], row["failures"]) == (kind, 1)


async def test_a_hub_in_a_private_network_is_never_asked(world: World) -> None:
    await world.rig.add()
    world.rig.feeds.serve("/a.xml", world.feed("One", hub="http://192.168.1.1/hub"))
    await world.rig.poll()
    await world.ask()
    assert (await world.row())["error_kind"] == "address"


async def test_the_subscription_of_a_source_that_is_removed_is_ended(on_both: World) -> None:
    await on_both.subscribed()
    async with on_both.rig.database.begin() as connection:
        await sources.set_state(connection, 1, sources.REMOVED, on_both.rig.clock.time)
    assert await on_both.ask() == 1
    assert on_both.hub.asked[1]["hub.mode"] == "unsubscribe"
    assert "hub.secret" not in on_both.hub.asked[1]
    assert await on_both.hub.distribute(on_both.feed("Two")) == 410
    assert await on_both.hub.verify() == (200, CHALLENGE)
    assert await on_both.rig.rows(schema.websub) == []


async def test_a_source_that_rested_is_subscribed_to_again(world: World) -> None:
    await world.subscribed()
    for state in (sources.PAUSED, sources.ACTIVE):
        async with world.rig.database.begin() as connection:
            await sources.set_state(connection, 1, state, world.rig.clock.time)
        await world.ask()
    assert await world.hub.verify() == (200, CHALLENGE)
    await world.rig.poll()  # the document is as it was
    assert await world.ask() == 1
    assert [form["hub.mode"] for form in world.hub.asked] == ["subscribe", "unsubscribe", "subscribe"]
    assert await world.rig.titles() == ["Zero", "One"]


async def test_a_hub_that_never_says_goodbye_is_forgotten(world: World) -> None:
    await world.subscribed()
    async with world.rig.database.begin() as connection:
        await sources.set_state(connection, 1, sources.PAUSED, world.rig.clock.time)
    for _ in range(6):
        await world.ask(DAY / 4)
    assert await world.rig.rows(schema.websub) == []
    assert len(world.hub.asked) == 4


async def test_a_feed_that_changes_its_hub_and_back_keeps_what_it_had(world: World) -> None:
    await world.subscribed()
    async with Hub() as other:
        world.rig.feeds.serve("/a.xml", world.feed("Two", hub=other.url))
        await world.rig.poll(20 * MINUTE)
        assert await world.ask() == 1
        assert other.asked[0]["hub.topic"] == world.topic
        assert other.asked[0]["hub.secret"] != world.hub.asked[0]["hub.secret"]
        world.rig.feeds.serve("/a.xml", world.feed("Three"))
        await world.rig.poll(20 * MINUTE)
        live = [row["hub"] for row in await world.rig.rows(schema.websub) if row["wanted"] and row["expires_at"]]
        assert live == [world.hub.url]
        await world.ask(2 * ANSWER)
        await world.ask(2 * ANSWER)
    assert len(await world.rig.rows(schema.websub)) == 1
    assert await world.hub.distribute(world.feed("Four")) == 200


async def test_polls_are_fewer_while_a_hub_is_faster_and_as_ever_when_it_is_not(on_both: World) -> None:
    rig = on_both.rig
    rig.ingester.settings = replace(SETTINGS, interval=20 * MINUTE, slowest=DAY)

    async def wait(*titles: str) -> timedelta:
        rig.feeds.serve("/a.xml", on_both.feed(*titles))
        rig.clock.time += timedelta(hours=8)
        (source,) = await rig.poller._claim()
        await rig.poller._poll_one(source)
        await rig.poller.record()
        waits: timedelta = (await rig.source())["next_poll_at"] - rig.clock.time
        return waits

    await on_both.subscribed()
    usual = await wait("One", "Zero")
    await on_both.hub.distribute(on_both.feed("Two"))
    assert await wait("Two", "One", "Zero") > usual * (FALLBACK - 1)
    assert await wait("Three", "Two") < usual * 2  # found by a poll: the hub was slower, or silent
    assert (await on_both.row())["brought_at"] is None
    await on_both.hub.distribute(on_both.feed("Three"))  # late
    assert (await on_both.row())["brought_at"] is None
    await on_both.hub.distribute(on_both.feed("Four"))
    async with rig.database.read() as connection:
        assert await websub.relied_on(connection, [1], rig.clock.time) == {1}
        assert await websub.relied_on(connection, [1], rig.clock.time + 30 * DAY) == set()  # its lease is over
        assert await websub.states(connection, rig.clock.time) == {"live": 1}


async def test_a_poll_and_a_hub_that_bring_the_same_at_once_make_one_entry(on_both: World) -> None:
    await on_both.subscribed()
    news = on_both.feed("Two", "One", "Zero")
    for number in range(3):
        news = on_both.feed(f"News {number}", "One", "Zero")
        on_both.rig.feeds.serve("/a.xml", news)
        await asyncio.gather(on_both.rig.poll(), *(on_both.hub.distribute(news) for _ in range(3)))
    assert sorted(await on_both.rig.titles()) == ["News 0", "News 1", "News 2", "One", "Zero"]


async def test_where_ids_do_not_tell_items_apart_a_hub_only_has_the_feed_polled(world: World) -> None:
    await world.rig.add()
    world.rig.feeds.serve("/a.xml", world.feed("One", "Zero", guid="the same"))
    await world.rig.poll()
    await world.ask()
    await world.hub.verify()
    world.rig.feeds.serve("/a.xml", world.feed("Two", "One", "Zero", guid="the same"))
    world.rig.clock.time += MINUTE
    assert await world.hub.distribute(world.feed("Two", guid="the same")) == 200
    assert await world.rig.titles() == ["Zero", "One"]
    await world.rig.poll(4 * MINUTE)  # five after the last: no sooner than it may be polled
    assert await world.rig.titles() == ["Zero", "One", "Two"]


async def test_what_may_be_an_old_item_under_a_new_id_is_left_to_a_poll(world: World) -> None:
    await world.subscribed()
    changed = world.feed("One", link="https://news.example/one", guid="a new id")
    await world.hub.distribute(changed)
    assert await world.rig.titles() == ["Zero", "One"]
    due_at = (await world.rig.source())["next_poll_at"]
    assert due_at - world.rig.clock.time <= 5 * MINUTE


async def test_a_hub_cannot_have_a_server_asked_that_wants_to_be_left_alone(world: World) -> None:
    await world.subscribed()
    world.rig.feeds.serve("/a.xml", "", status=503, headers={"Retry-After": "36000"})
    await world.rig.poll()
    before = (await world.rig.source())["next_poll_at"]
    await world.hub.distribute(world.feed("One", link="https://news.example/one", guid="a new id"))
    assert (await world.rig.source())["next_poll_at"] == before
    assert await world.hub.distribute(world.feed("Two")) == 200
    assert "Two" in await world.rig.titles()  # what it brings is taken all the same


async def test_a_hub_cannot_make_us_ask_a_feed_more_often_than_is_polite(world: World) -> None:
    await world.rig.add()
    world.rig.feeds.serve("/a.xml", world.feed("One", "Zero", guid="the same"))
    await world.rig.poll()
    await world.ask()
    await world.hub.verify()
    for _ in range(5):
        await world.hub.distribute(world.feed("Two", guid="the same"))
        await world.rig.poll(timedelta(seconds=1))
    assert world.rig.feeds.hits("/a.xml") == 1


async def test_before_the_first_poll_nothing_a_hub_brings_is_news(world: World) -> None:
    await world.subscribed()
    async with world.rig.database.begin() as connection:
        await connection.execute(schema.source.update().values(baseline_done=False))
    assert await world.hub.distribute(world.feed("Two")) == 200
    assert await world.rig.titles() == ["Zero", "One"]


async def test_the_pages_of_what_a_hub_brings_are_read_too(world: World) -> None:
    await world.subscribed()
    async with world.rig.database.begin() as connection:
        await sources.set_full_text(connection, 1, True)
    await world.hub.distribute(world.feed("Two"))
    assert len(await world.rig.rows(schema.page)) == 1


async def test_a_new_public_address_is_told_to_the_hubs(world: World) -> None:
    await world.subscribed()
    world.hubs.callbacks = world.hubs.callbacks.replace("127.0.0.1", "localhost")
    assert await world.ask() == 1
    assert world.hub.asked[1]["hub.callback"].startswith("http://localhost:")
    assert (await world.hub.verify())[0] == 200
    assert await world.ask() == 0


async def test_a_crash_before_the_hub_was_asked_costs_five_minutes(on_both: World) -> None:
    await on_both.rig.add()
    on_both.rig.feeds.serve("/a.xml", on_both.feed("One"))
    await on_both.rig.poll()
    async with on_both.rig.database.begin() as connection:
        assert len(await websub.claim(connection, on_both.rig.clock.time, limit=9, lease=CLAIM)) == 1
        assert await websub.claim(connection, on_both.rig.clock.time, limit=9, lease=CLAIM) == []
    assert await on_both.ask(CLAIM) == 1


async def test_health_notices_hubs_that_nobody_asks(on_both: World) -> None:
    await on_both.rig.add()
    on_both.rig.feeds.serve("/a.xml", on_both.feed("One"))
    await on_both.rig.poll()
    on_both.rig.clock.time += 20 * MINUTE
    async with on_both.rig.database.read() as connection:
        assert (await queue_ages.waits(connection, on_both.rig.clock.time, QUEUES))["hub"] == 20 * MINUTE


async def test_bodies_in_hand_are_counted_before_they_are_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.subscribed()
    callback = URL((await world.row())["callback"])
    head = f"POST {callback.path} HTTP/1.1\r\nHost: hub\r\nContent-Length: 9\r\n\r\nslow".encode()

    async def stall() -> asyncio.StreamWriter:
        _, writer = await asyncio.open_connection(callback.host, callback.port)
        writer.write(head)
        await writer.drain()
        return writer

    async def until(status: int) -> None:
        """Bring what is not signed, which counts for no hour, until it is answered so."""
        async with asyncio.timeout(20):
            while await world.hub.distribute(b"", signature="") != status:
                pass

    stalled = [await stall() for _ in range(webhooks.BODIES_EACH)]
    await until(429)
    monkeypatch.setattr(webhooks, "BODIES", webhooks.BODIES_EACH)
    assert await world.hub.distribute(b"", signature="") == 503  # of all: whoever else it is
    for writer in stalled:
        writer.close()
    await until(202)


async def test_what_exceeds_the_hour_is_refused_before_it_is_read(world: World) -> None:
    await world.subscribed()
    for _ in range(AN_HOUR):
        await world.hub.distribute(b"")
    assert await world.hub.distribute(b" " * (FEW + 1)) == 429  # 413 would say that it was read


async def test_subscriptions_that_bring_nothing_for_an_hour_are_forgotten(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.subscribed()
    async with world.rig.database.read() as connection:
        one = await websub.by_token(connection, (await world.row())["token"])
    assert one is not None
    signed = {"X-Hub-Signature": f"sha1={hmac.new(one.secret.encode(), b'', 'sha1').hexdigest()}"}
    for number in range(5):
        assert await world.hubs.take(replace(one, id=number), b"", signed) == 202
    later = world.rig.clock.monotonic() + 3601
    monkeypatch.setattr(world.rig.clock, "monotonic", lambda: later)
    await world.hubs.take(replace(one, id=3), b"", signed)
    assert list(world.hubs._recent) == [3]


async def test_no_secret_is_sent_over_http_but_in_the_operators_network(world: World) -> None:
    await world.rig.add()
    world.rig.feeds.serve("/a.xml", world.feed("One", hub=f"http://localhost:{world.hub.port}/"))
    await world.rig.poll()
    await world.ask()
    assert (await world.row())["error_kind"] == "address"
    assert world.hub.asked == []
