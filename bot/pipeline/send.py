"""Sender: claims, sends and marks deliveries. The claim is committed before the request, the mark after the answer.

A delivery that a crash leaves in between is in doubt, and is sent once more, marked (docs/delivery.md).
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.delivery.circuit_breaker import Breaker
from bot.delivery.outcome import Outcome, Verdict
from bot.delivery.telegram.limiter import Limiter
from bot.messages.items import Item
from bot.messages.payload import Payload, as_plain, from_json, shows
from bot.runtime.clock import Clock
from bot.runtime.failpoints import failpoint
from bot.runtime.liveness import Pulse
from bot.runtime.wakeups import Step, Wakeups
from bot.storage import chats, deliveries, delivery_claims, delivery_items
from bot.storage.database import Database
from bot.storage.deliveries import BROADCAST, DIGEST, PRIORITY, Claimed
from bot.storage.runs import Role, acquire

log = structlog.get_logger()

SLOTS = 8  # in flight: a crash leaves at most as many in doubt
SPARE_SLOTS = 1  # of those, for answers: the others may be in slow requests
SOON = 0.05  # seconds that an answer may wait
PAID_SLOTS = 128  # 1,000 a second at the 50 to 100 ms an answer takes
REQUEST_TIMEOUT = timedelta(seconds=40)
LEASE = REQUEST_TIMEOUT * 3  # a paused sender must be surely dead before its message counts as in doubt
SLOWEST_RETRY = timedelta(minutes=5)
TOKEN_REFUSED_WAIT = timedelta(minutes=1)
TICK = 1.0  # seconds; the longest time between two claims
BREATH = 0.01  # seconds; the shortest time between two claims: at a high rate one claims several messages
DATABASE_RETRY = 0.5  # seconds between two tries to write a mark: it is known to have arrived, so it is worth many
TURN_OF_THE_LAST = 10  # every so many claims one of `LAST` goes before alerts, in turn, so that none waits for ever
LAST = PRIORITY[DIGEST], PRIORITY[BROADCAST]
Send = Callable[..., Awaitable[int]]  # as `bot.delivery.telegram.send.send` takes it, its bot given


@dataclass(frozen=True, slots=True)
class Flight:
    """A delivery on its way; at `lands_by`, by the monotonic clock, it counts as in doubt, whatever comes back."""

    claimed: Claimed
    lands_by: float


class Sender:
    """The one sender of a bot token. On PostgreSQL it is idle while another process is the sender."""

    def __init__(
        self,
        database: Database,
        send: Send,
        outcome: Callable[[Exception], Outcome],
        clock: Clock,
        wakeups: Wakeups,
        pulse: Pulse,
        *,
        rate: float,
        paid: bool = False,
    ) -> None:
        self.database = database
        self.send = send
        self.outcome = outcome
        self.clock = clock
        self.wakeups = wakeups
        self.pulse = pulse
        self.paid = paid
        self.slots = PAID_SLOTS if paid else SLOTS
        self.limiter = Limiter(rate)
        self.breaker = Breaker()
        self.outcomes: dict[str, int] = {}  # how many sends ended how, since the start
        self._in_flight = 0
        self._claims = 0
        self._arrived: list[tuple[Flight, int]] = []  # with the message's id; waiting for their mark
        self._to_mark = asyncio.Event()
        self._is_landing = False

    async def run(self, stop: asyncio.Event) -> None:
        """Send what is due until `stop` is set; then finish what is in flight, marks included."""
        self._is_landing = False
        async with asyncio.TaskGroup() as around:
            around.create_task(self._mark_arrived())
            async with asyncio.TaskGroup() as group:
                while not stop.is_set():
                    for flight in await self._claim():
                        self._in_flight += 1
                        group.create_task(self._deliver(flight))
                    await self._rest()
            self._is_landing = True
            self._to_mark.set()

    async def _rest(self) -> None:
        """Wait until there may be something to send, and a moment at least."""
        now = self.clock.monotonic()
        enough = min(TICK, max(BREATH, self.limiter.next_at(now) - now))
        await asyncio.sleep(BREATH)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(enough - BREATH):
                await self.wakeups.wait(Step.SEND)

    async def _claim(self) -> list[Flight]:
        moment = self.clock.monotonic()
        free, answers_only = self._room(moment)
        if free <= 0 or self.database.room.refusal:  # what cannot be marked is not sent
            return []
        self._claims += 1
        turn, is_theirs = divmod(self._claims, TURN_OF_THE_LAST)
        favoured = LAST[turn % len(LAST)] if is_theirs == 0 and not answers_only else None
        busy = self.limiter.busy(moment)
        claimed: list[Claimed] = []
        try:
            async with self.database.begin() as connection:
                if not await self._is_active(connection):
                    return []
                claimed = await delivery_claims.claim(
                    connection,
                    self.clock.now(),
                    free=free,
                    lease=LEASE,
                    busy_chats=busy,
                    favoured=favoured,
                    answers_only=answers_only,
                    run=self.database.run,
                )
        except SQLAlchemyError as error:
            log.error("deliveries not claimed", reason=type(error).__name__, exc_info=not isinstance(error, DBAPIError))
            await asyncio.sleep(TICK)
            if claimed:  # the answer to the COMMIT was lost, and perhaps not the claim
                await self._record(
                    lambda connection: self._unclaim(connection, claimed), lands_by=moment + LEASE.total_seconds()
                )
            return []
        if claimed:
            failpoint("claimed")
        leaving = self.clock.monotonic()
        for delivery in claimed:
            self.limiter.take(delivery.telegram_id, group=delivery.chat_kind != "private", now=leaving)
        return [Flight(delivery, moment + LEASE.total_seconds()) for delivery in claimed]

    async def _unclaim(self, connection: AsyncConnection, claimed: Sequence[Claimed]) -> None:
        """Make deliveries READY that were never sent: left alone they would be in doubt, and twice is for good."""
        now = self.clock.now()
        for delivery in claimed:
            await deliveries.retry(
                connection, delivery, now, not_before=now, error="claim not confirmed", counted=False
            )

    async def _is_active(self, connection: AsyncConnection) -> bool:
        """Return whether this run is the one that sends; it stays so until the transaction ends.

        Only claims need this. A sender that was stopped and resumes has at most its slots in flight: it drops a claim
        too old to be sent before its lease ends, and a mark changes only a row that still has the claim's token.
        """
        return self.database.is_sqlite or await acquire(connection, Role.SENDER, self.database.run, self.clock.now())

    def _room(self, moment: float) -> tuple[int, bool]:
        """Return how many may be claimed now, and whether only answers may: where the others have to wait for long."""
        allowed = self.breaker.allowed(moment)
        slots = min(self.slots - SPARE_SLOTS, allowed) - self._in_flight
        free = min(slots, self.limiter.available(moment))
        if free > 0 or self.limiter.next_at(moment) - moment < SOON:
            return free, False
        slots = min(self.slots, allowed) - self._in_flight
        return min(slots, self.limiter.available(moment, urgent=True)), True

    async def look_after(self) -> None:
        """Recover deliveries in doubt, resend those that waited long enough, expire those that waited too long."""
        now = self.clock.now()
        async with self.database.begin() as connection:
            doubtful = await deliveries.recover(connection, now, again_at=now + uncertain_delay())
            if not self.breaker.is_open(self.clock.monotonic()):
                await deliveries.revive_uncertain(connection, now)
            expired = await deliveries.expire(connection, now)
        if doubtful or expired:
            log.warning("deliveries left waiting", doubtful=doubtful, expired=expired)

    async def _deliver(self, flight: Flight) -> None:
        """Send one delivery and record its outcome; nothing here may end the sender."""
        claimed, left_at = flight.claimed, self.clock.monotonic()
        payload = self._to_send(flight, left_at)
        if isinstance(payload, Outcome):
            self.limiter.landed(left_at, left_at, arrived=False)
            await self._failed(flight, payload)
            return
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT.total_seconds()):
                message_id = await self.send(
                    claimed.telegram_id,
                    payload,
                    thread_id=claimed.thread_id,
                    message_id=claimed.edited_message_id or 0,
                    again=claimed.uncertain_count > 0,
                    paid=self.paid,
                )
        except Exception as error:  # the boundary of one delivery
            self.limiter.landed(left_at, self.clock.monotonic(), arrived=False)
            await self._failed(flight, self.outcome(error))
        else:
            failpoint("accepted")
            self.limiter.landed(left_at, self.clock.monotonic(), arrived=True)
            self._count("sent")
            self.pulse.beat("sent")
            self.breaker.record(doubtful=False, now=self.clock.monotonic())
            self._arrived.append((flight, message_id))
            self._to_mark.set()

    def _to_send(self, flight: Flight, moment: float) -> Payload | Outcome:
        """Return the payload to be sent, or why it cannot be."""
        if moment > flight.lands_by - REQUEST_TIMEOUT.total_seconds():
            return Outcome(Verdict.RETRY, "claimed too long ago")  # this process was stopped
        try:
            return from_json(flight.claimed.payload, flight.claimed.file)
        except ValueError as error:
            return Outcome(Verdict.DEAD, str(error))

    # ---- arrived: marked together, since a commit costs the same for one as for fifty ----

    async def _mark_arrived(self) -> None:
        while not self._is_landing or self._arrived:
            await self._to_mark.wait()
            self._to_mark.clear()
            await self._write_arrived()

    async def _write_arrived(self) -> None:
        arrived, self._arrived = self._arrived, []
        if not arrived:
            return
        marks = [(flight.claimed, message_id) for flight, message_id in arrived]

        async def mark(connection: AsyncConnection) -> int:
            marked = await deliveries.sent_many(connection, marks, self.clock.now())
            failpoint("marking")
            return marked

        marked = await self._record(mark, lands_by=min(flight.lands_by for flight, _ in arrived))
        failpoint("marked")
        for claimed, _ in marks:
            log.info("sent", delivery_id=claimed.id, kind=claimed.kind.value, attempts=claimed.attempts)
        if marked != len(marks):
            log.warning("marks came too late", marked=marked, of=len(marks))
        self._free(len(marks))

    async def _record(self, write: Callable[[AsyncConnection], Awaitable[Any]], *, lands_by: float) -> Any:
        """Commit the outcome of deliveries, trying until their lease ends: an unmarked delivery is in doubt.

        Their slots stay taken meanwhile, so a full disk stops the sender instead of doubling what it sends.
        """
        while True:
            try:
                async with self.database.begin() as connection:
                    return await write(connection)
            except (OperationalError, InterfaceError, InternalError) as error:  # full, gone, or for reading only
                log.error("deliveries not marked", reason=str(error.orig))
                if self.clock.monotonic() > lands_by:
                    return None
            except SQLAlchemyError:  # a bug of ours; the lease will end: in doubt, not lost
                log.exception("deliveries cannot be marked")
                return None
            await asyncio.sleep(DATABASE_RETRY)

    def _free(self, slots: int) -> None:
        self._in_flight -= slots
        self.wakeups.wake(Step.SEND)

    def _count(self, ending: str) -> None:
        self.outcomes[ending] = self.outcomes.get(ending, 0) + 1

    # ---- not arrived ----

    async def _failed(self, flight: Flight, failed: Outcome) -> None:
        claimed, moment = flight.claimed, self.clock.monotonic()
        self._count(failed.verdict.value)
        self.breaker.record(doubtful=failed.verdict is Verdict.UNCERTAIN, now=moment)
        log.warning("not sent", delivery_id=claimed.id, verdict=failed.verdict.value, reason=failed.reason)
        if failed.verdict is Verdict.WAIT:
            self.limiter.refused(claimed.telegram_id, failed.retry_after.total_seconds(), moment)
        if failed.verdict is Verdict.STOP:
            self.limiter.hold_all(TOKEN_REFUSED_WAIT.total_seconds(), moment)
        await self._record(lambda connection: self._note(connection, claimed, failed), lands_by=flight.lands_by)
        self._free(1)

    async def _note(self, connection: AsyncConnection, claimed: Claimed, failed: Outcome) -> None:
        """Write the transition of a failure (docs/delivery.md)."""
        now, reason = self.clock.now(), failed.reason
        match failed.verdict:
            case Verdict.RETRY:
                later = now + backoff(claimed.attempts)
                await deliveries.retry(connection, claimed, now, not_before=later, error=reason)
            case Verdict.WAIT:
                until = now + failed.retry_after
                await chats.hold(connection, claimed.telegram_id, until)
                await deliveries.retry(connection, claimed, now, not_before=until, error=reason, counted=False)
            case Verdict.STOP:
                later = now + TOKEN_REFUSED_WAIT
                await deliveries.retry(connection, claimed, now, not_before=later, error=reason, counted=False)
            case Verdict.MIGRATED:
                await deliveries.retry(connection, claimed, now, not_before=now, error=reason, counted=False)
                await chats.migrate(connection, claimed.telegram_id, failed.new_chat_id)
            case Verdict.PLAIN if not (payload := from_json(claimed.payload, claimed.file)).plain:
                await _send_plain(connection, claimed, as_plain(payload), now, reason)
            case Verdict.GONE:
                await deliveries.cancel(connection, claimed, now, reason)
            case Verdict.UNREACHABLE:
                await refuse(connection, claimed, now, reason)
            case Verdict.UNCERTAIN:
                await deliveries.uncertain(connection, claimed, now, again_at=now + uncertain_delay(), error=reason)
            case _:
                await deliveries.dead(connection, claimed, now, reason)


async def _send_plain(
    connection: AsyncConnection, claimed: Claimed, plain: Payload, now: datetime, reason: str
) -> None:
    """Queue the delivery without markup; the items whose links had no room in it are pending again."""
    if await deliveries.retry(connection, claimed, now, not_before=now, error=reason, payload=plain.to_json()):
        reported = await delivery_items.items_of(connection, claimed.id)
        items = [Item.from_json(known.shown) for known in reported if known.shown]
        unshown = [item.entry_id for item in items if not shows(plain, item)]
        await delivery_items.release(connection, claimed.id, unshown)


async def refuse(connection: AsyncConnection, claimed: Claimed, now: datetime, reason: str) -> bool:
    """Cancel a delivery whose chat refused it or is gone; block the chat, unless it has changed its state since.

    Return whether the chat was blocked. A blocked chat's other pending deliveries are cancelled too.
    """
    await deliveries.cancel(connection, claimed, now, reason)
    known = await chats.lock_state(connection, claimed.chat_id)
    if known is None or not is_blocking(*known, claimed.claimed_at):
        return False
    await chats.set_state(connection, claimed.chat_id, chats.BLOCKED, now, reason)
    await deliveries.cancel_chat(connection, claimed.chat_id, now, reason)
    return True


def is_blocking(state: str, state_at: datetime, claimed_at: datetime) -> bool:
    """Whether a refusal blocks a chat: one that changed its state after the claim did so later than the refusal."""
    return state == chats.ACTIVE and state_at <= claimed_at


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after this many attempts in a row that never left, with full jitter."""
    longest = min(timedelta(seconds=2) * (1 << min(attempts, 16)), SLOWEST_RETRY)
    return longest * random.uniform(0.5, 1)


def uncertain_delay() -> timedelta:
    """Return how long a message in doubt waits for its resend: an outage is rarely over at once."""
    return timedelta(seconds=random.uniform(60, 120))
