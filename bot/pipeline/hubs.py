"""Hubs: subscribes to the WebSub hubs of sources (W3C WebSub), and takes the documents that they push.

A hub is trusted no more than a feed: requests to it pass the address guard, and a body that it pushes must be signed
with the secret it was given, and changes no more than a poll of the feed would. Polls go on: less often while the hub
pushes news before polls find it, in their own rhythm as soon as it does not.
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
from bot.pipeline.ingest import Ingester
from bot.runtime.clock import Clock
from bot.sources.address import canonical_url
from bot.sources.http.compression import decompress
from bot.sources.http.fetch import Fetcher, Lanes
from bot.storage import websub
from bot.storage.database import Database
from bot.storage.websub import HubSubscription

log = structlog.get_logger()

AT_ONCE = 8  # requests to hubs
CLAIM = timedelta(minutes=5)  # longer than any request that still runs
REQUESTED_LEASE = timedelta(days=10)
LONGEST, SHORTEST = timedelta(days=30), timedelta(minutes=5)  # of a lease, whatever the hub grants
RENEW = 0.7  # of the lease, or up to a tenth of it earlier
ANSWER = timedelta(hours=1)  # in which a hub that accepted the request verifies it
RETRY, SLOWEST = timedelta(minutes=1), timedelta(days=1)  # between two requests that fail
REFUSED = timedelta(days=1)  # until the next request to a hub that denied one
GOODBYES = 3  # requests to end a subscription; after them its lease ends it
READING = 2  # bodies read at once
AN_HOUR = 120  # bodies of one subscription in an hour, twice as many as there could be polls
HOUR = 3600.0  # seconds of the monotonic clock
METHODS = frozenset({"sha1", "sha256", "sha384", "sha512"})


class Hubs:
    """The subscriber. `callbacks` is the prefix of our addresses; `max_bytes` bounds a body, decompressed."""

    def __init__(
        self,
        database: Database,
        fetcher: Fetcher,
        ingester: Ingester,
        clock: Clock,
        *,
        callbacks: str,
        max_bytes: int,
    ) -> None:
        self.database = database
        self.fetcher = fetcher
        self.ingester = ingester
        self.clock = clock
        self.callbacks = callbacks
        self.max_bytes = max_bytes
        self._lanes = Lanes(1)
        self._slots = asyncio.Semaphore(READING)
        self._recent: dict[int, deque[float]] = {}

    async def request_due(self) -> int:
        """Send the requests to hubs that are due; return how many."""
        now = self.clock.now()
        async with self.database.read() as connection:
            if not await websub.is_work(connection, self.callbacks, now):
                return 0
        async with self.database.begin() as connection:
            await websub.settle(connection, self.callbacks, now)
            claimed = await websub.claim(connection, now, limit=AT_ONCE, lease=CLAIM)
        async with asyncio.TaskGroup() as group:
            for subscription in claimed:
                group.create_task(self._request(subscription))
        return len(claimed)

    async def _request(self, subscription: HubSubscription) -> None:
        now = self.clock.now()
        failures, kind, wait = subscription.failures + subscription.is_unanswered, None, ANSWER
        is_over = subscription.expires_at is None or subscription.expires_at <= now
        if not subscription.wanted and (is_over or failures >= GOODBYES):
            async with self.database.begin() as connection:
                await websub.remove(connection, subscription)
            return
        try:
            await self.fetcher.post(subscription.hub, _fields(subscription))
        except SourceError as error:
            failures, kind, wait = subscription.failures + 1, error.kind, error.retry_after or timedelta()
        wait = max(wait, _pause(failures)) if failures else wait
        async with self.database.begin() as connection:
            await websub.set_due(connection, subscription, now + wait, failures=failures, kind=kind)
        log.info(
            "hub asked", source_id=subscription.source_id, wanted=subscription.wanted, failures=failures, kind=kind
        )

    async def answer(self, token: str, question: Mapping[str, str]) -> str | None:
        """Return the body of the answer to a hub that verifies a request (WebSub, 5.3); None if we did not make it.

        A hub may verify a request again, for its lease or because an answer was lost: the answer is the same.
        """
        async with self.database.read() as connection:  # only a read: guesses of tokens must not delay writers
            subscription = await websub.by_token(connection, token)
        if subscription is None or not _is_same(question.get("hub.topic", ""), subscription.topic):
            return None
        mode, now = question.get("hub.mode"), self.clock.now()
        if mode == "denied":
            async with self.database.begin() as connection:
                await websub.denied(connection, subscription, now + REFUSED)
            log.warning("hub refuses", source_id=subscription.source_id)
            return ""
        challenge = question.get("hub.challenge")
        if not challenge or subscription.asked_at is None or mode != _mode(subscription):
            return None
        async with self.database.begin() as connection:
            if subscription.wanted:
                lease = _lease(question.get("hub.lease_seconds"))
                renew_at = now + lease * (RENEW - random.random() / 10)
                await websub.verified(connection, subscription, now, now + lease, renew_at)
            else:
                await websub.remove(connection, subscription)
        log.info("hub agrees", source_id=subscription.source_id, wanted=subscription.wanted)
        return challenge

    async def accepts(self, token: str) -> HubSubscription | None:
        """Return the live subscription whose hub may push to the address that ends in `token`, or None."""
        async with self.database.read() as connection:
            subscription = await websub.by_token(connection, token)
        return subscription if subscription is not None and subscription.is_live(self.clock.now()) else None

    async def take(self, subscription: HubSubscription, body: bytes, headers: Mapping[str, str]) -> int:
        """Store a document that was pushed for a subscription; return the HTTP status to answer with.

        A body without a valid signature is acknowledged and ignored, as WebSub requires.
        """
        signature = headers.get("X-Hub-Signature", "")
        if not await asyncio.to_thread(is_signed, body, signature, subscription.secret):  # without the GIL
            log.warning("hub brought what it did not sign", source_id=subscription.source_id)
            return 202
        if self.is_too_much(subscription):
            return 429
        self._note(subscription)
        async with self._lanes.turn(subscription.token), self._slots:
            return await self._take(subscription, body, headers)

    async def _take(self, subscription: HubSubscription, body: bytes, headers: Mapping[str, str]) -> int:
        try:
            encoding = headers.get("Content-Encoding", "")
            plain = await asyncio.to_thread(decompress, body, encoding, self.max_bytes)
            stored = await self.ingester.take(subscription.source_id, plain, headers.get("Content-Type"))
            if stored.new:
                async with self.database.begin() as connection:
                    await websub.brought(connection, subscription, self.clock.now())
        except (SourceError, TimeoutError) as error:
            kind = error.kind if isinstance(error, SourceError) else FaultKind.TIMEOUT
            log.warning("what a hub brought cannot be read", source_id=subscription.source_id, kind=kind)
            return 202  # pushing it again would not help
        except SQLAlchemyError as error:
            log.error(
                "what a hub brought was not stored", source_id=subscription.source_id, reason=type(error).__name__
            )
            return 503
        return 200

    def is_too_much(self, subscription: HubSubscription) -> bool:
        """Return whether to refuse one more body: too many came within the hour."""
        times = self._recent.get(subscription.id)
        if times and len(times) == AN_HOUR and self.clock.monotonic() - times[0] < HOUR:
            log.warning("hub brings too much", source_id=subscription.source_id)
            return True
        return False

    def _note(self, subscription: HubSubscription) -> None:
        """Count one more body, and drop the subscriptions that had none for an hour."""
        now = self.clock.monotonic()
        times = self._recent.pop(subscription.id, None) or deque(maxlen=AN_HOUR)
        times.append(now)
        self._recent[subscription.id] = times
        while now - next(iter(self._recent.values()))[-1] >= HOUR:  # the one with the oldest last body is the first
            del self._recent[next(iter(self._recent))]


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Return whether `signature` ("method=hex") is the HMAC of `body`; the time taken does not depend on the hex."""
    method, _, given = signature.partition("=")
    method = method.strip().lower()
    if method not in METHODS:
        return False
    expected = hmac.new(secret.encode(), body, getattr(hashlib, method)).hexdigest()
    return hmac.compare_digest(given.strip().lower().encode("utf-8", "surrogateescape"), expected.encode())


def _is_same(given: str, topic: str) -> bool:
    """Return whether a hub names our topic: it may write "~" where we wrote "%7E" (WebSub, 5.1.1)."""
    try:
        return given == topic or canonical_url(given) == canonical_url(topic)
    except SourceError:
        return False


def _mode(subscription: HubSubscription) -> str:
    return "subscribe" if subscription.wanted else "unsubscribe"


def _fields(subscription: HubSubscription) -> dict[str, str]:
    fields = {"hub.mode": _mode(subscription), "hub.topic": subscription.topic}
    fields["hub.callback"] = subscription.callback
    if subscription.wanted:
        fields |= {"hub.secret": subscription.secret, "hub.lease_seconds": str(round(REQUESTED_LEASE.total_seconds()))}
    return fields


def _lease(seconds: str | None) -> timedelta:
    """Return how long a subscription lasts: as the hub grants it, within bounds; as requested where it does not say."""
    if seconds is None or not (seconds.isascii() and seconds.isdigit()):
        return REQUESTED_LEASE
    return min(max(timedelta(seconds=int(seconds[:9])), SHORTEST), LONGEST)


def _pause(failures: int) -> timedelta:
    """Return how long to wait for the next request to a hub: doubled per failure, with jitter in its upper half."""
    longest: timedelta = min(RETRY * (1 << min(failures, 16)), SLOWEST)
    return longest * (0.5 + random.random() / 2)
