"""Hubs: those that tell of a source's news (W3C WebSub) are subscribed to, and what they bring is taken.

A hub is as little trusted as a feed: it is asked under the guard, may say no more than a poll of the feed would, and
only in a body signed with the secret it was given. Polling goes on, slower while a hub brings news before polls find
it, at its own pace as soon as one does not.
"""

import asyncio
import hashlib
import hmac
import random
from collections import deque
from collections.abc import Mapping
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bot.errors import FaultKind, SourceError
from bot.pipeline.poll import Poller
from bot.runtime.clock import Clock
from bot.sources.address import canonical_url
from bot.sources.http.compression import decompress
from bot.sources.http.fetch import Fetcher, Lanes
from bot.storage import websub
from bot.storage.database import Database
from bot.storage.websub import Subscription

log = structlog.get_logger()

AT_ONCE = 8  # hubs asked
CLAIM = timedelta(minutes=5)  # longer than any request that is not dead
ASKED_FOR = timedelta(days=10)
LONGEST, SHORTEST = timedelta(days=30), timedelta(minutes=5)  # of a lease, whatever the hub says
RENEW = 0.7  # of the lease, or up to a tenth of it earlier
ANSWER = timedelta(hours=1)  # in which a hub that took the request comes back
RETRY, SLOWEST = timedelta(minutes=1), timedelta(days=1)  # between two requests that fail
REFUSED = timedelta(days=1)  # after a hub said no
GOODBYES = 3  # requests to end a subscription; then its lease will
READING = 2  # at once
AN_HOUR = 120  # bodies of one subscription in an hour: a poll could have brought no more than sixty
HOUR = 3600.0
METHODS = frozenset({"sha1", "sha256", "sha384", "sha512"})


class Hubs:
    """The subscriber. `callbacks` is what our addresses begin with; `max_bytes` bounds a body, decompressed."""

    def __init__(
        self,
        database: Database,
        fetcher: Fetcher,
        poller: Poller,
        clock: Clock,
        *,
        callbacks: str,
        max_bytes: int,
    ) -> None:
        self.database = database
        self.fetcher = fetcher
        self.poller = poller
        self.clock = clock
        self.callbacks = callbacks
        self.max_bytes = max_bytes
        self._lanes = Lanes(1)
        self._slots = asyncio.Semaphore(READING)
        self._recent: dict[int, deque[float]] = {}

    async def ask_due(self) -> int:
        """Ask the hubs that are due; return how many."""
        now = self.clock.now()
        async with self.database.read() as connection:
            if not await websub.is_work(connection, self.callbacks, now):
                return 0
        async with self.database.begin() as connection:
            await websub.settle(connection, self.callbacks, now)
            claimed = await websub.claim(connection, now, limit=AT_ONCE, lease=CLAIM)
        async with asyncio.TaskGroup() as group:
            for one in claimed:
                group.create_task(self._ask(one))
        return len(claimed)

    async def _ask(self, one: Subscription) -> None:
        now = self.clock.now()
        failures, kind, wait = one.failures + one.is_unanswered, None, ANSWER
        is_over = one.expires_at is None or one.expires_at <= now
        if not one.wanted and (is_over or failures >= GOODBYES):
            async with self.database.begin() as connection:
                await websub.remove(connection, one)
            return
        try:
            await self.fetcher.post(one.hub, _request(one))
        except SourceError as error:
            failures, kind, wait = one.failures + 1, error.kind, error.retry_after or timedelta()
        wait = max(wait, _pause(failures)) if failures else wait
        async with self.database.begin() as connection:
            await websub.set_due(connection, one, now + wait, failures=failures, kind=kind)
        log.info("hub asked", source_id=one.source_id, wanted=one.wanted, failures=failures, kind=kind)

    async def answer(self, token: str, question: Mapping[str, str]) -> str | None:
        """Return what to answer a hub that asks whether we meant it; None: we did not.

        A hub may ask again what it asked before, for its lease or because an answer was lost: the answer is the same.
        """
        async with self.database.read() as connection:  # whoever guesses keeps nobody from writing
            one = await websub.by_token(connection, token)
        if one is None or not _is_same(question.get("hub.topic", ""), one.topic):
            return None
        mode, now = question.get("hub.mode"), self.clock.now()
        if mode == "denied":
            async with self.database.begin() as connection:
                await websub.denied(connection, one, now + REFUSED)
            log.warning("hub refuses", source_id=one.source_id)
            return ""
        challenge = question.get("hub.challenge")
        if not challenge or one.asked_at is None or mode != ("subscribe" if one.wanted else "unsubscribe"):
            return None
        async with self.database.begin() as connection:
            if one.wanted:
                lease = _lease(question.get("hub.lease_seconds"))
                renew_at = now + lease * (RENEW - random.random() / 10)
                await websub.verified(connection, one, now, now + lease, renew_at)
            else:
                await websub.remove(connection, one)
        log.info("hub agrees", source_id=one.source_id, wanted=one.wanted)
        return challenge

    async def accepts(self, token: str) -> Subscription | None:
        """Return the subscription for which a hub may bring something now, if there is one."""
        async with self.database.read() as connection:
            one = await websub.by_token(connection, token)
        live = one is not None and one.wanted and one.expires_at is not None and one.expires_at > self.clock.now()
        return one if live else None

    async def take(self, one: Subscription, body: bytes, headers: Mapping[str, str]) -> int:
        """Take what was brought for a subscription; return the HTTP status that says what became of it.

        What is not signed as it should be is acknowledged and passed over, as the standard wants it.
        """
        if not is_signed(body, headers.get("X-Hub-Signature", ""), one.secret):
            log.warning("hub brought what it did not sign", source_id=one.source_id)
            return 202
        if self.is_too_much(one):
            return 429
        self._note(one)
        async with self._lanes.turn(one.token), self._slots:
            return await self._take(one, body, headers)

    async def _take(self, one: Subscription, body: bytes, headers: Mapping[str, str]) -> int:
        try:
            plain = decompress(body, headers.get("Content-Encoding", ""), self.max_bytes)
            stored = await self.poller.take(one.source_id, plain, headers.get("Content-Type"))
            if stored.new:
                async with self.database.begin() as connection:
                    await websub.brought(connection, one, self.clock.now())
        except (SourceError, TimeoutError) as error:
            kind = error.kind if isinstance(error, SourceError) else FaultKind.TIMEOUT
            log.warning("what a hub brought cannot be read", source_id=one.source_id, kind=kind)
            return 202  # bringing it again would not help
        except SQLAlchemyError as error:
            log.error("what a hub brought was not stored", source_id=one.source_id, reason=type(error).__name__)
            return 503
        return 200

    def is_too_much(self, one: Subscription) -> bool:
        """Return whether one more body is to be refused: too many came within the hour."""
        times = self._recent.get(one.id)
        if times and len(times) == AN_HOUR and self.clock.monotonic() - times[0] < HOUR:
            log.warning("hub brings too much", source_id=one.source_id)
            return True
        return False

    def _note(self, one: Subscription) -> None:
        """Note one more body, and forget the subscriptions that had none for an hour."""
        now = self.clock.monotonic()
        times = self._recent.pop(one.id, None) or deque(maxlen=AN_HOUR)
        times.append(now)
        self._recent[one.id] = times
        while now - next(iter(self._recent.values()))[-1] >= HOUR:  # whose last body is the oldest stands first
            del self._recent[next(iter(self._recent))]


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Return whether `signature` ("method=hex") is that of `body`, in a time that does not tell how much of it is."""
    method, _, told = signature.partition("=")
    method = method.strip().lower()
    if method not in METHODS:
        return False
    right = hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()
    return hmac.compare_digest(told.strip().lower().encode("utf-8", "surrogateescape"), right.encode())


def _is_same(told: str, topic: str) -> bool:
    """Return whether a hub means our topic: it may write "~" where we wrote "%7E" (WebSub, 5.1.1)."""
    try:
        return told == topic or canonical_url(told) == canonical_url(topic)
    except SourceError:
        return False


def _request(one: Subscription) -> dict[str, str]:
    fields = {"hub.mode": "subscribe" if one.wanted else "unsubscribe", "hub.topic": one.topic}
    fields["hub.callback"] = one.callback
    if one.wanted:
        fields |= {"hub.secret": one.secret, "hub.lease_seconds": str(round(ASKED_FOR.total_seconds()))}
    return fields


def _lease(seconds: str | None) -> timedelta:
    """Return how long a subscription lasts: as long as the hub says, within reason; as we asked where it does not."""
    if seconds is None or not (seconds.isascii() and seconds.isdigit()):
        return ASKED_FOR
    return min(max(timedelta(seconds=int(seconds[:9])), SHORTEST), LONGEST)


def _pause(failures: int) -> timedelta:
    """Return how long to leave a hub alone: doubled per failure, with full jitter in its upper half."""
    longest: timedelta = min(RETRY * (1 << min(failures, 16)), SLOWEST)
    return longest * (0.5 + random.random() / 2)
