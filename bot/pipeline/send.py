"""Send: claim, send, mark. The claim is committed before the request leaves; the mark after the answer came.

What a crash leaves in between is known to be in doubt, and is sent once more, marked (docs/delivery.md).
"""

import asyncio
import random
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from telegram import Bot

from bot.clock import Clock
from bot.delivery.breaker import Breaker
from bot.delivery.limiter import Limiter
from bot.delivery.outcome import Outcome, Verdict, outcome
from bot.delivery.telegram import as_plain, send
from bot.engine import Step, Wakeups
from bot.storage import chats, deliveries
from bot.storage.database import Database
from bot.storage.deliveries import Claimed

log = structlog.get_logger()

SLOTS = 8  # in flight: a crash leaves at most as many in doubt
PAID_SLOTS = 64
REQUEST_TIMEOUT = timedelta(seconds=40)
LEASE = REQUEST_TIMEOUT * 3  # a paused sender must be surely dead before its message counts as in doubt
SLOWEST_RETRY = timedelta(minutes=5)
TOKEN_REFUSED_WAIT = timedelta(minutes=1)
TICK = 1.0  # seconds; at least this often the outbox is looked at


class Sender:
    """The one sender of a bot token."""

    def __init__(
        self, database: Database, bot: Bot, clock: Clock, wakeups: Wakeups, *, rate: float, paid: bool = False
    ) -> None:
        self.database = database
        self.bot = bot
        self.clock = clock
        self.wakeups = wakeups
        self.paid = paid
        self.slots = PAID_SLOTS if paid else SLOTS
        self.limiter = Limiter(rate)
        self.breaker = Breaker()
        self._in_flight = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Send what is due until `stop` is set; then finish what is in flight."""
        async with asyncio.TaskGroup() as group:
            while not stop.is_set():
                for claimed in await self._claim():
                    self._in_flight += 1
                    group.create_task(self._deliver(claimed))
                await self._rest()

    async def _rest(self) -> None:
        now = self.clock.monotonic()
        wait = min(TICK, max(0.0, self.limiter.next_at(now) - now))
        try:
            async with asyncio.timeout(max(wait, 0.005)):
                await self.wakeups.wait(Step.SEND)
        except TimeoutError:
            pass

    async def _claim(self) -> list[Claimed]:
        now, moment = self.clock.now(), self.clock.monotonic()
        free = min(self.slots - self._in_flight, self.limiter.available(moment))
        if free <= 0 or self.breaker.is_open(moment):
            return []
        busy = self.limiter.busy(moment)
        async with self.database.begin() as connection:
            claimed = await deliveries.claim(connection, now, free=free, lease=LEASE, busy_chats=busy)
        for one in claimed:
            self.limiter.take(one.chat_id, group=one.chat_kind != "private", now=moment)
        return claimed

    async def look_after(self) -> None:
        """Find what was left in doubt, resend what waited long enough, expire what waited too long."""
        now = self.clock.now()
        async with self.database.begin() as connection:
            doubtful = await deliveries.recover(connection, now, again_at=now + _doubt())
            if not self.breaker.is_open(self.clock.monotonic()):
                await deliveries.revive_uncertain(connection, now)
            expired = await deliveries.expire(connection, now)
        if doubtful or expired:
            log.warning("deliveries left waiting", doubtful=doubtful, expired=expired)

    async def _deliver(self, claimed: Claimed) -> None:
        """Send one delivery and record what became of it; nothing here may end the sender."""
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT.total_seconds()):
                message_id = await send(
                    self.bot,
                    claimed.telegram_id,
                    claimed.payload,
                    thread_id=claimed.thread_id,
                    again=claimed.uncertain_count > 0,
                    paid=self.paid,
                )
        except Exception as error:  # the boundary of one delivery
            failed: Outcome | None = outcome(error)
        else:
            failed = None
        try:
            await (self._failed(claimed, failed) if failed else self._sent(claimed, message_id))
        except SQLAlchemyError:
            log.exception("delivery not marked", delivery_id=claimed.id)  # its lease will end: in doubt, not lost
        finally:
            self._in_flight -= 1
            self.wakeups.wake(Step.SEND)

    async def _sent(self, claimed: Claimed, message_id: int) -> None:
        self.breaker.record(doubtful=False, now=self.clock.monotonic())
        async with self.database.begin() as connection:
            marked = await deliveries.sent(connection, claimed, self.clock.now(), message_id)
        log.info("sent", delivery_id=claimed.id, kind=claimed.kind, attempts=claimed.attempts, marked=marked)

    async def _failed(self, claimed: Claimed, failed: Outcome) -> None:
        now, moment = self.clock.now(), self.clock.monotonic()
        self.breaker.record(doubtful=failed.verdict is Verdict.UNCERTAIN, now=moment)
        log.warning("not sent", delivery_id=claimed.id, verdict=failed.verdict.value, reason=failed.reason)
        if failed.verdict is Verdict.WAIT:
            self.limiter.refused(claimed.chat_id, failed.retry_after.total_seconds(), moment)
        if failed.verdict is Verdict.STOP:
            self.limiter.hold_all(TOKEN_REFUSED_WAIT.total_seconds(), moment)
        async with self.database.begin() as connection:
            match failed.verdict:
                case Verdict.RETRY:
                    later = now + backoff(claimed.attempts)
                    await deliveries.retry(connection, claimed, not_before=later, error=failed.reason)
                case Verdict.WAIT:
                    until = now + failed.retry_after
                    await chats.hold(connection, claimed.chat_id, until)
                    await deliveries.retry(connection, claimed, not_before=until, error=failed.reason, counted=False)
                case Verdict.STOP:
                    later = now + TOKEN_REFUSED_WAIT
                    await deliveries.retry(connection, claimed, not_before=later, error=failed.reason, counted=False)
                case Verdict.MIGRATED:
                    await deliveries.retry(connection, claimed, not_before=now, error=failed.reason, counted=False)
                    await chats.migrate(connection, claimed.telegram_id, failed.new_chat_id)
                case Verdict.PLAIN if not claimed.payload.get("plain"):
                    plain = as_plain(claimed.payload)
                    await deliveries.retry(connection, claimed, not_before=now, error=failed.reason, payload=plain)
                case Verdict.UNREACHABLE:
                    await deliveries.cancel(connection, claimed, now, failed.reason)
                    await chats.set_state(connection, claimed.chat_id, chats.BLOCKED, now, failed.reason)
                    await deliveries.cancel_chat(connection, claimed.chat_id, now, failed.reason)
                case Verdict.UNCERTAIN:
                    await deliveries.uncertain(connection, claimed, now, again_at=now + _doubt(), error=failed.reason)
                case _:
                    await deliveries.dead(connection, claimed, now, failed.reason)


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after this many attempts in a row that never left, with full jitter."""
    longest = min(timedelta(seconds=2) * (1 << min(attempts, 16)), SLOWEST_RETRY)
    return longest * random.uniform(0.5, 1)


def _doubt() -> timedelta:
    """Return how long a message in doubt waits for its resend: an outage is rarely over at once."""
    return timedelta(seconds=random.uniform(60, 120))
