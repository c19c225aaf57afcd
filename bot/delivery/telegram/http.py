"""HTTP client for python-telegram-bot, over aiohttp: the library's own slows down with every connection in its pool.

Every failure is raised as python-telegram-bot's `TimedOut` or `NetworkError` *from* aiohttp's exception, so that a
caller can tell a request that never left (`ClientConnectorError`, `ConnectionTimeoutError`, `InvalidURL`) from one
that may have arrived (everything else). No exception and no log line holds the address: the token is in it.
"""

import asyncio
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import aiohttp
from telegram.error import NetworkError, TelegramError, TimedOut
from telegram.request import BaseRequest, RequestData

from bot.delivery.telegram.updates import UnreadableUpdateError, find_id

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
DOWNLOAD = timedelta(minutes=5)  # a file whole: 20 MB at most
UPLOAD = timedelta(minutes=2)  # writing a request that carries files: 50 MB at most
IDLE = timedelta(seconds=15)  # a connection unused for so long is closed by us, before the server can do it mid-request
UNNAMED_WAIT = 5  # seconds
NAMED_WAIT = re.compile(rb'"retry_after"\s*:\s*[1-9]')
UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\]')  # in a file name: they would end the header around them


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits of the steps of a request. For a method call, `read` lasts to the last byte of the answer."""

    pool: timedelta = timedelta(seconds=10)  # waiting for a free connection
    connect: timedelta = timedelta(seconds=10)
    write: timedelta = timedelta(seconds=10)
    read: timedelta = timedelta(seconds=30)


class UnreadableAnswerError(TelegramError):
    """An answer of the Bot API cannot be parsed. `update` is the update in it, if it is one of getUpdates."""

    def __init__(self, reason: str, update_id: int | None, payload: bytes) -> None:
        super().__init__("Invalid server response")
        self.update = UnreadableUpdateError(reason, update_id, payload)


class AiohttpRequest(BaseRequest):
    """Sends python-telegram-bot's requests with aiohttp: kept connections, no proxies from the environment, no cookies.

    `connections` is how many requests may be in flight; the rest wait, for `timeouts.pool` at most.
    """

    __slots__ = ("_connections", "_session", "_timeouts")

    def __init__(self, connections: int = 128, timeouts: Timeouts | None = None) -> None:
        self._connections = connections
        self._timeouts = timeouts or Timeouts()
        self._session: aiohttp.ClientSession | None = None

    @property
    def read_timeout(self) -> float:
        """The default read timeout in seconds (python-telegram-bot adds it to a long poll's own)."""
        return self._timeouts.read.total_seconds()

    async def initialize(self) -> None:
        """Open the session; a second call changes nothing."""
        if self._session is not None:
            return
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=IDLE.total_seconds()),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self.USER_AGENT},
        )

    async def shutdown(self) -> None:
        """Close every connection; a second call changes nothing."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Return the answer. UnreadableAnswerError if it is no JSON, or nested too deep for Python to parse.

        python-telegram-bot's own writes such an answer into the log, whole, and lets a RecursionError pass.
        """
        try:
            answer: dict[str, Any] = json.loads(payload.decode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:
            raise UnreadableAnswerError(type(error).__name__, find_id(payload), payload) from None
        return answer

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """Return the answer's status and body. Timeouts are seconds; None waits for ever."""
        if self._session is None:
            raise RuntimeError("This AiohttpRequest is not initialized")
        pool = _seconds(pool_timeout, self._timeouts.pool)
        connect = _seconds(connect_timeout, self._timeouts.connect)
        files = request_data is not None and request_data.contains_files
        if method == "GET":
            write, whole = timedelta(), DOWNLOAD
        else:
            write, whole = (UPLOAD if files else self._timeouts.write), timedelta()
        timeout = _client_timeout(
            pool, connect, _seconds(write_timeout, write), _seconds(read_timeout, self._timeouts.read), whole
        )
        try:
            body, headers = _body(request_data)
            async with self._session.request(
                method, url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                return answer.status, _with_wait(answer.status, await answer.read())
        except (aiohttp.ClientError, OSError, TimeoutError, UnicodeEncodeError) as error:
            failure, cause = _failure(error)
        # Outside the `except`: python would keep the original, whose text may hold the address, as the context.
        raise failure from cause


def _with_wait(status: int, body: bytes) -> bytes:
    """Return an answer's body. A 429 without a wait gets UNNAMED_WAIT, or the library would take it for any error."""
    if status != HTTPStatus.TOO_MANY_REQUESTS or NAMED_WAIT.search(body):
        return body
    waiting = {"ok": False, "error_code": status, "description": "Too Many Requests"}
    return json.dumps(waiting | {"parameters": {"retry_after": UNNAMED_WAIT}}).encode()


def _seconds(given: Any, default: timedelta) -> float | None:
    return default.total_seconds() if given is BaseRequest.DEFAULT_NONE else given


def _client_timeout(
    pool: float | None, connect: float | None, write: float | None, read: float | None, whole: timedelta
) -> aiohttp.ClientTimeout:
    """Return aiohttp's limits for one request.

    aiohttp has none for writing, so the total bounds it: the steps added up, and never less than `whole`. Getting a
    connection has its own limit, so the total can only end a request that was already being written.
    """
    known = [seconds for seconds in (pool, connect, write, read) if seconds is not None]
    total = max(sum(known), whole.total_seconds()) if len(known) == 4 else None
    waiting = pool + connect if pool is not None and connect is not None else None
    return aiohttp.ClientTimeout(total=total, connect=waiting, sock_connect=connect, sock_read=read)


def _body(data: RequestData | None) -> tuple[bytes | aiohttp.FormData | None, dict[str, str] | None]:
    """Return what to write, and the headers that go with it."""
    if data is None:
        return None, None
    if not data.contains_files:
        return data.url_encoded_parameters().encode("ascii"), FORM
    form = aiohttp.FormData(quote_fields=False)  # names as they are, in UTF-8: Telegram shows them
    for name, value in data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, content, mime_type) in data.multipart_data.items():
        form.add_field(name, content, filename=UNSAFE.sub("_", filename), content_type=mime_type)
    return form, None


def _failure(error: Exception) -> tuple[TelegramError, Exception]:
    """Return what to raise for an error of aiohttp's, and its cause, neither holding the address."""
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return NetworkError("The Bot API address is not valid"), aiohttp.InvalidURL("(address not shown)")
    if isinstance(error, aiohttp.ClientResponseError):  # its own text holds the address
        return NetworkError("The answer is not HTTP"), aiohttp.ClientError(f"{error.status}, {error.message}")
    if isinstance(error, UnicodeEncodeError):
        return NetworkError("The text cannot be encoded"), error
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return TimedOut("No connection in time: the request was not sent"), error
    if isinstance(error, asyncio.TimeoutError):
        return TimedOut(), error
    return NetworkError(f"{type(error).__name__}: {error}"), error
