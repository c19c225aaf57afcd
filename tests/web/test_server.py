import asyncio
import io
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from sqlalchemy.exc import OperationalError

from bot.delivery.telegram.updates import UnreadableUpdateError
from bot.runtime import wakeups
from bot.runtime.clock import Clock
from bot.runtime.liveness import Histogram, Pulse
from bot.runtime.steps import PATIENCE, QUEUES
from bot.runtime.wakeups import Step, Wakeups
from bot.storage import deliveries, delivery_claims, sources
from bot.storage.database import Database
from bot.storage.queue_ages import Lag
from bot.web.health import problems
from bot.web.metrics import render
from bot.web.server import Status, serving
from bot.web.webhooks import MOST_BYTES, SECRET_HEADER, public, webhook
from tests.storage.world import NOW, World

SECRET = "a-secret-of-at-least-thirty-two-letters"
NOTHING = timedelta()
CALM = dict.fromkeys(QUEUES, NOTHING)


class Later(Clock):
    """A clock that shows a time around NOW."""

    at = NOW

    def now(self) -> Any:
        return self.at


@pytest.fixture
async def status(database: Database) -> AsyncIterator[tuple[Status, str, Later]]:
    clock = Later()
    status = Status(database, clock, Pulse(clock), {"sent": 3}, queues=QUEUES, patience=PATIENCE)
    async with serving(status.app(), "127.0.0.1", 0) as port:
        yield status, f"http://127.0.0.1:{port}", clock


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_health_is_green_until_something_waits_too_long(
    status: tuple[Status, str, Later], database: Database
) -> None:
    _, url, clock = status
    assert await get(f"{url}/healthz") == (200, "ok\n")

    async with database.begin() as connection:
        await sources.add(connection, url="https://e.org/feed", title="E", now=NOW)
    world = World(database)
    chat = await world.chat()
    wanted = await world.subscribe(chat, "syria")
    await world.tell(chat, await world.entry(wanted), wanted)
    clock.at = NOW + timedelta(minutes=4)
    assert (await get(f"{url}/healthz"))[0] == 200

    clock.at = NOW + timedelta(minutes=6)
    code, text = await get(f"{url}/healthz")
    assert code == 503
    assert {line.split(":")[0] for line in text.splitlines()} == {"poll", "alert", "send"}


async def test_a_long_queue_is_well_while_messages_arrive(
    status: tuple[Status, str, Later], database: Database
) -> None:
    page, url, clock = status
    world = World(database)
    chat = await world.chat()
    async with database.begin() as connection:
        await deliveries.add(connection, chat_id=chat.id, kind=deliveries.DIGEST, payload={"text": "x"}, now=NOW)
    clock.at = NOW + timedelta(hours=1)
    assert (await get(f"{url}/healthz"))[0] == 503
    page.pulse.beat("sent")
    assert (await get(f"{url}/healthz"))[0] == 200


async def test_a_message_that_fails_again_and_again_is_no_short_wait(
    status: tuple[Status, str, Later], database: Database
) -> None:
    """Each failure puts the next try off: counted from that, a message that never arrives would never wait long."""
    _, url, clock = status
    chat = await World(database).chat()
    async with database.begin() as connection:
        await deliveries.add(connection, chat_id=chat.id, kind=deliveries.ALERT, payload={"text": "x"}, now=NOW)
    for minute in range(0, 12, 2):
        clock.at = NOW + timedelta(minutes=minute)
        async with database.begin() as connection:
            (claimed,) = await delivery_claims.claim(connection, clock.at, free=1, lease=timedelta(minutes=1))
            later = clock.at + timedelta(minutes=2)
            await deliveries.retry(connection, claimed, clock.at, not_before=later, error="no route")
        assert (await get(f"{url}/healthz"))[0] == (200 if minute <= 5 else 503)


async def test_health_is_red_for_a_while_after_the_loop_was_blocked(status: tuple[Status, str, Later]) -> None:
    page, url, _ = status
    page.pulse.note_block(1.5)
    assert await get(f"{url}/healthz") == (503, "loop: was blocked for 1.5 s; the log has its frames\n")


@pytest.mark.parametrize("hanging", [Step.POLL, Step.SEND, Step.ANSWER, Step.CARE])
async def test_a_step_that_hangs_or_that_nothing_wakes_is_told_though_no_queue_waits(
    status: tuple[Status, str, Later], hanging: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One waits in some request without an end: it takes no more work, and nothing need be due to see that."""
    page, url, _ = status
    moment = time.monotonic()
    monkeypatch.setattr(wakeups, "time", SimpleNamespace(monotonic=lambda: moment))
    steps = Wakeups()
    page.start(steps)
    for minute in range(5):
        moment += 60
        for step in Step:
            if step is not hanging or minute < 2:
                steps.wake(step)
                await steps.wait(step)
        code, text = await get(f"{url}/healthz")
        assert code == (200 if minute < 4 else 503), text
    assert text == f"{hanging.value}: has not run for 180 s\n"


async def test_steps_that_never_began_are_told_too(
    status: tuple[Status, str, Later], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that need Telegram begin when it was reached; by webhook nothing else would say that it was not."""
    page, url, _ = status
    moment = time.monotonic()
    monkeypatch.setattr(wakeups, "time", SimpleNamespace(monotonic=lambda: moment))
    steps = Wakeups()
    page.start(steps)
    steps.wake(Step.POLL)
    await steps.wait(Step.POLL)
    assert await get(f"{url}/healthz") == (200, "ok\n")
    moment += 125
    steps.wake(Step.POLL)
    await steps.wait(Step.POLL)
    moment += 1
    assert "send: has not run for 126 s" in (await get(f"{url}/healthz"))[1]


async def test_ready_means_started(status: tuple[Status, str, Later]) -> None:
    page, url, _ = status
    assert (await get(f"{url}/readyz"))[0] == 503
    page.is_ready = True
    assert (await get(f"{url}/readyz"))[0] == 200


async def test_metrics_tell_the_lag_of_each_source(status: tuple[Status, str, Later], database: Database) -> None:
    _, url, clock = status
    world = World(database)
    chat = await world.chat()
    wanted = await world.subscribe(chat, "syria")
    await world.tell(chat, await world.entry(wanted), wanted)
    async with database.begin() as connection:
        (claimed,) = await delivery_claims.claim(connection, NOW, free=1, lease=timedelta(minutes=1))
        await deliveries.sent(connection, claimed, NOW + timedelta(seconds=42), 5)
    clock.at = NOW + timedelta(minutes=1)

    code, text = await get(f"{url}/metrics")

    assert code == 200
    assert 'watchword_publish_to_delivery_seconds{source="1",kind="alert",quantile="0.99"} 42' in text
    assert 'watchword_deliveries{kind="alert",state="SENT"} 1' in text
    assert 'watchword_sends_total{outcome="sent"} 3' in text
    assert 'watchword_queue_age_seconds{queue="send"} 0' in text


def test_each_thing_that_is_wrong_has_a_sentence() -> None:
    assert problems(CALM, PATIENCE, sent=None, fetched=timedelta(seconds=30), delays=[0.1], failures={"match": 1}) == []
    late = timedelta(seconds=500)
    found = problems(CALM, PATIENCE, sent=None, fetched=late, delays=[9.0], failures={"match": 3}, log_bytes=65 * 2**20)
    assert [line.split(":")[0] for line in found] == ["updates", "loop", "database", "match"]


def test_percentiles_of_many() -> None:
    lags = [Lag(4, "alert", timedelta(seconds=number)) for number in range(100)]
    pulse = Pulse(Clock())
    pulse.lateness = Histogram((0.1, 0.25))
    for value in (0.05, 0.25, 7.0):
        pulse.lateness.add(value)
    text = render(CALM, lags, {}, {}, pulse, [], {"page": 7}, {"live": 3})
    assert 'source="4",kind="alert",quantile="0.5"} 50' in text
    assert 'source="4",kind="alert",quantile="0.95"} 95' in text
    buckets = {"0.1": 1, "0.25": 2, "+Inf": 3}
    for bound, count in buckets.items():
        assert f'watchword_loop_lag_seconds_bucket{{le="{bound}"}} {count}\n' in text
    assert "watchword_loop_blocked_seconds_count 0\n" in text
    assert "watchword_loop_lag_seconds_sum 7.3\nwatchword_loop_lag_seconds_count 3\n" in text
    assert 'watchword_queue_length{queue="page"} 7' in text
    assert 'watchword_hub_subscriptions{state="live"} 3' in text


async def test_the_pulse_hears_a_blocked_loop() -> None:
    import time

    pulse = Pulse(Clock())
    listening = asyncio.create_task(pulse.listen())
    await asyncio.sleep(0.1)
    time.sleep(0.6)  # what no code of ours may do
    await asyncio.sleep(0.05)
    listening.cancel()
    assert max(pulse.delays) > 0.1
    assert sum(pulse.blocked.counts) == len(pulse.delays)
    assert pulse.blocked.total > 0.1  # asleep, it waited for no processor


class Kept:
    """An inbox that may be out of order."""

    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.parked: list[UnreadableUpdateError] = []
        self.broken = False

    async def keep(self, updates: list[dict[str, Any]]) -> None:
        if self.broken:
            raise OperationalError("INSERT", {}, Exception("disk full"))
        self.updates += updates

    async def park(self, update: UnreadableUpdateError) -> None:
        if self.broken:
            raise OperationalError("INSERT", {}, Exception("disk full"))
        self.parked.append(update)


async def test_only_telegram_may_bring_updates_and_only_what_is_kept_is_acknowledged() -> None:
    kept, right = Kept(), {SECRET_HEADER: SECRET}
    good = b'{"update_id": 7, "message": {}}'
    async with (
        serving(public([webhook("/telegram", SECRET, kept.keep, kept.park)]), "127.0.0.1", 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):

        async def post(body: bytes, headers: dict[str, str], path: str = "/telegram") -> int:
            async with session.post(path, data=io.BytesIO(body), headers=headers) as answer:
                return answer.status

        assert await post(good, right) == 200
        assert await post(good, {}) == 403
        assert await post(good, {SECRET_HEADER: SECRET + "x"}) == 403
        assert await post(good, {SECRET_HEADER: "gеheim"}) == 403
        assert await post(good, right, "/elsewhere") == 404
        assert await post(b"not json", right) == 200  # parked: Telegram would repeat it, and the others wait behind it
        assert await post(b"[1]", right) == 200
        assert await post(b'{"update_id": "7"}', right) == 200
        assert [update.reason for update in kept.parked] == ["not JSON", *["without a proper id"] * 2]
        assert await post(b" " * (MOST_BYTES + 1), right) == 413
        async with session.get("/telegram", headers=right) as answer:
            assert answer.status == 405
        kept.broken = True
        assert await post(good, right) == 503
        assert await post(b"not json", right) == 503
    assert kept.updates == [{"update_id": 7, "message": {}}]
