"""Fetcher: HTTP exchanges with servers that nobody trusts, bounded in time, hops and bytes, every hop guarded.

In: an address and the validators of the last answer. Out: a `Fetched` document, or a `SourceError`. No cookies, no
credentials, no proxy from the environment; only connections are kept.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver
from yarl import URL

from bot.errors import SourceError, SourceFault
from bot.models import Validators
from bot.sources.address import absolute_link, check_url
from bot.sources.http import headers as http
from bot.sources.http.compression import ACCEPTED, decompress, too_large
from bot.sources.http.guard import AddressGuard, AddressRefusedError
from bot.sources.http.resolve import Resolver

log = structlog.get_logger()

TIMEOUT = timedelta(seconds=20)
MAX_BYTES = 5 * 2**20
USER_AGENT = "Watchword"
MAX_REDIRECTS = 5
PER_HOST = 2
AT_ONCE = 64

_ACCEPT_PAGE = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"
_PERMANENT = frozenset({301, 308})
_SAME_METHOD = frozenset({307, 308})  # RFC 9110, 15.4: others may turn a POST into a GET
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BLOCKED = frozenset({401, 403, 407, 451})

# aiohttp's classes, subclasses before their bases.
_FAILURES: tuple[tuple[tuple[type[Exception], ...], SourceFault], ...] = (
    ((aiohttp.ClientConnectorDNSError,), SourceFault.HOST_NOT_FOUND),
    ((aiohttp.ClientConnectorSSLError, aiohttp.ClientConnectorCertificateError), SourceFault.TLS_FAILED),
    ((aiohttp.ClientConnectorError,), SourceFault.NOT_REACHED),
    ((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError), SourceFault.DISCONNECTED),
    ((aiohttp.ClientPayloadError,), SourceFault.BROKEN_OFF),
    ((aiohttp.InvalidURL,), SourceFault.NOT_AN_ADDRESS),
)


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """The kind of document to fetch: the `Accept` header, and the media types that are accepted (None: any).

    `may_fetch` is called before each hop, with its address; it raises SourceError to forbid the hop.
    """

    accept: str = _ACCEPT
    types: frozenset[str] | None = None
    may_fetch: Callable[[URL], Awaitable[None]] | None = None


FEED = FetchOptions()


def page_options(may_fetch: Callable[[URL], Awaitable[None]]) -> FetchOptions:
    """Return the options for a web page; `may_fetch` forbids an address by raising SourceError."""
    return FetchOptions(_ACCEPT_PAGE, _PAGE_TYPES, may_fetch)


@dataclass(frozen=True, slots=True)
class Fetched:
    """The answer of a server: a body, or that nothing changed.

    `url` is the address after redirects; `permanent_url` is the same if every redirect was a permanent one, else None.
    `body` is decompressed, empty when not modified; `body_hash` is its SHA-256 digest, hex, "" when not modified.
    `fresh_for` is the server's hint when to fetch again. `hub` and `self_url` are the addresses in its `Link` headers,
    absolute.
    """

    url: str
    body: bytes
    body_hash: str = ""
    not_modified: bool = False
    permanent_url: str | None = None
    validators: Validators = field(default_factory=Validators)
    content_type: str | None = None
    fresh_for: timedelta | None = None
    hub: str | None = None
    self_url: str | None = None


@dataclass(slots=True)
class _Exchange:
    """The state of one fetch: its present address, and the seconds left; waiting in a lane does not count."""

    url: URL
    validators: Validators
    options: FetchOptions
    remaining: float
    form: bytes | None = None  # the body of a POST
    permanent: bool = True
    hops: int = 0


class Fetcher:
    """Fetches documents; an async context that owns the connections.

    `timeout` bounds a whole exchange, redirects and body included. `per_host` exchanges run at once against one
    host, `at_once` against all; time spent waiting for a slot does not count.
    With a `proxy` (an http address from the configuration, trusted as such) the proxy resolves names, so the guard can
    check literal addresses, local names and ports only.
    """

    def __init__(
        self,
        guard: AddressGuard,
        *,
        timeout: timedelta = TIMEOUT,
        max_bytes: int = MAX_BYTES,
        user_agent: str = USER_AGENT,
        proxy: str | None = None,
        per_host: int = PER_HOST,
        at_once: int = AT_ONCE,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self.guard = guard
        self._timeout = timeout
        self._max_bytes = max_bytes
        self.user_agent = user_agent
        self._proxy = proxy
        self._resolver = resolver
        self._lanes = Lanes(per_host)
        self._slots = asyncio.Semaphore(at_once)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._open_resolver = self._resolver or Resolver()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,  # the lanes and slots are the limit
                socket_factory=None if self._proxy else self.guard.open_socket,
                resolver=self._open_resolver,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,  # `compression` decodes within bounds
            timeout=aiohttp.ClientTimeout(total=None),  # ours covers all hops
            headers={"User-Agent": self.user_agent, "Accept-Encoding": ACCEPTED},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            await self._open_resolver.close()
            self._session = None

    async def fetch(self, url: str, validators: Validators | None = None, options: FetchOptions = FEED) -> Fetched:
        """Return the document at `url`; with `validators`, perhaps only that it has not changed.

        Raises SourceError of kind address, blocked, connect, dns, encoding, gone, http, redirect, timeout, tls,
        too-large, type or url, and whatever `options.may_fetch` raises.
        """
        exchange = _Exchange(check_url(url), validators or Validators(), options, self._timeout.total_seconds())
        while True:
            fetched = await self._hop(exchange)
            if fetched is not None:
                return fetched

    async def post(self, url: str, fields: Mapping[str, str]) -> None:
        """Post a form, again after each 307 or 308; raises SourceError as `fetch` does unless the answer is a 2xx.

        A form may hold a secret, so it is sent over https only, or over http within the operator's own networks.
        """
        form = urlencode(fields).encode()
        exchange = _Exchange(check_url(url), Validators(), FEED, self._timeout.total_seconds(), form)
        while await self._hop(exchange) is None:
            pass

    async def _hop(self, exchange: _Exchange) -> Fetched | None:
        """Make one request; return its answer, or None if it redirected `exchange` to another address."""
        self.guard.check_url(exchange.url, by_name=self._proxy is not None)
        if exchange.form is not None:
            self.guard.check_secrecy(exchange.url)
        if exchange.options.may_fetch:
            await exchange.options.may_fetch(exchange.url)
        async with self._lanes.turn(exchange.url.host or ""), self._slots:
            loop = asyncio.get_running_loop()
            started = loop.time()
            try:
                async with asyncio.timeout(exchange.remaining):
                    return await self._request(exchange)
            except TimeoutError as error:
                seconds = f"{self._timeout.total_seconds():g}"
                raise SourceError(SourceFault.NO_ANSWER, seconds=seconds) from error
            except (aiohttp.ClientError, OSError, ValueError) as error:  # aiohttp raises bare ValueError for odd URLs
                raise _failure(error) from error
            finally:
                exchange.remaining -= loop.time() - started

    async def _request(self, exchange: _Exchange) -> Fetched | None:
        assert self._session is not None, "use the Fetcher as an async context"
        posted = exchange.form is not None
        async with self._session.request(
            "POST" if posted else "GET",
            exchange.url,
            headers=_conditions(exchange.validators) | {"Accept": exchange.options.accept} | (_FORM if posted else {}),
            data=exchange.form,
            allow_redirects=False,
            proxy=self._proxy,
        ) as response:
            if response.status in (_SAME_METHOD if posted else _REDIRECTS):
                _redirect(exchange, response)
                return None
            if posted and 200 <= response.status < 300:
                return Fetched(url=str(exchange.url), body=b"")  # its body is of no use
            _check_status(response, conditional=exchange.validators != Validators())
            _check_type(response, exchange.options)
            return await self._answer(exchange, response)

    async def _answer(self, exchange: _Exchange, response: aiohttp.ClientResponse) -> Fetched:
        url = str(exchange.url)
        not_modified = response.status == 304
        hub, self_url = http.hub_and_self(response.headers.getall("Link", []))
        body, body_hash = (b"", "") if not_modified else await self._body(response)
        return Fetched(
            url=url,
            body=body,
            body_hash=body_hash,
            not_modified=not_modified,
            permanent_url=url if exchange.hops and exchange.permanent else None,
            validators=exchange.validators if not_modified else http.validators(response.headers),
            content_type=response.headers.get("Content-Type"),
            fresh_for=http.fresh_for(response.headers, datetime.now(UTC)),
            hub=absolute_link(url, hub),
            self_url=absolute_link(url, self_url),
        )

    async def _body(self, response: aiohttp.ClientResponse) -> tuple[bytes, str]:
        """Return the decoded body and its digest; both are computed in a thread, which needs no GIL for either."""
        raw = bytearray()
        async for chunk in response.content.iter_any():
            raw += chunk
            if len(raw) > self._max_bytes:
                raise too_large(self._max_bytes)
        encoding = ",".join(response.headers.getall("Content-Encoding", []))
        return await asyncio.to_thread(decode_body, bytes(raw), encoding, self._max_bytes)


def decode_body(raw: bytes, content_encoding: str, limit: int) -> tuple[bytes, str]:
    """Return the decoded body of `raw` and its SHA-256 digest, hex; raises SourceError as `decompress` does."""
    body = decompress(raw, content_encoding, limit)
    return body, hashlib.sha256(body).hexdigest()


class Lanes:
    """A semaphore of `width` for each host, which exists only while somebody holds it or waits for it."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._lanes: dict[str, tuple[asyncio.Semaphore, int]] = {}

    @contextlib.asynccontextmanager
    async def turn(self, host: str) -> AsyncIterator[None]:
        """Hold a slot of `host`'s semaphore."""
        lane, users = self._lanes.get(host) or (asyncio.Semaphore(self._width), 0)
        self._lanes[host] = lane, users + 1
        try:
            async with lane:
                yield
        finally:
            users = self._lanes[host][1] - 1
            if users:
                self._lanes[host] = lane, users
            else:
                del self._lanes[host]


def _conditions(validators: Validators) -> dict[str, str]:
    conditions = {"If-None-Match": validators.etag, "If-Modified-Since": validators.last_modified}
    return {name: value for name, value in conditions.items() if value}


def _redirect(exchange: _Exchange, response: aiohttp.ClientResponse) -> None:
    """Set the address of `exchange` to the response's `Location`; raises SourceError of kind "redirect"."""
    exchange.hops += 1
    if exchange.hops > MAX_REDIRECTS:
        raise SourceError(SourceFault.TOO_MANY_REDIRECTS, times=MAX_REDIRECTS)
    location = response.headers.get("Location", "")
    try:
        exchange.url = check_url(str(exchange.url.join(URL(location))) if location else "")
    except (SourceError, ValueError) as error:
        raise SourceError(SourceFault.BAD_REDIRECT) from error
    exchange.permanent = exchange.permanent and response.status in _PERMANENT
    if exchange.form is not None and response.url.scheme == "https" != exchange.url.scheme:
        raise SourceError(SourceFault.BAD_REDIRECT)
    if response.url.scheme == "https" and exchange.url.scheme == "http":
        log.warning("redirected from https to http", host=response.url.host)


def _check_status(response: aiohttp.ClientResponse, *, conditional: bool) -> None:
    status = response.status
    if status in {200, 203} or (status == 304 and conditional):
        return
    wait = http.retry_after(response.headers, datetime.now(UTC))
    if status in _BLOCKED or response.headers.get("cf-mitigated", "").lower() == "challenge":
        raise SourceError(SourceFault.BLOCKED, retry_after=wait, status=status)
    if status == 410:
        raise SourceError(SourceFault.GONE, status=status)
    if status == 404:
        raise SourceError(SourceFault.NOT_FOUND, retry_after=wait, status=status)
    raise SourceError(SourceFault.STATUS, retry_after=wait, status=status)


def _check_type(response: aiohttp.ClientResponse, options: FetchOptions) -> None:
    """Refuse media types that are not accepted, before the body is fetched; a response without a type passes."""
    named = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if named and options.types is not None and named not in options.types:
        raise SourceError(SourceFault.NOT_A_PAGE)


def _failure(error: Exception) -> SourceError:
    """Return the SourceError for an exception of aiohttp."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, AddressRefusedError):
        return SourceError(error.os_error.fault)
    for classes, fault in _FAILURES:
        if isinstance(error, classes):
            return SourceError(fault)
    return SourceError(SourceFault.NOT_HTTP)
