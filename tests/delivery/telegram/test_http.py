"""Our HTTP for python-telegram-bot, against a real server: what it sends, what it raises, and what it never tells."""

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from telegram import InputFile
from telegram.error import NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.request import RequestData
from telegram.request._requestparameter import RequestParameter

from bot.delivery.telegram.client import TelegramBot
from bot.delivery.telegram.errors import ODD_ANSWER
from bot.delivery.telegram.http import AiohttpRequest, Timeouts
from bot.delivery.telegram.send import send
from bot.messages.payload import EditPayload

TOKEN = "123:very-secret"
SHORT = timedelta(milliseconds=150)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """A server that notes what it got and answers with `handler`."""

    def __init__(self) -> None:
        self.handler: Handler = self._ok
        self.seen: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        self.connections: set[object] = set()
        self.url = ""

    async def _ok(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "result": True}, headers={"Set-Cookie": "a=b"})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(dict(await request.post()))
        self.headers.append(request.headers)
        self.connections.add(request.transport)
        return await self.handler(request)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/bot{TOKEN}/sendMessage"
    yield made
    await runner.cleanup()


@pytest.fixture
async def request_() -> AsyncIterator[AiohttpRequest]:
    async with AiohttpRequest(timeouts=Timeouts(read=SHORT, write=SHORT, connect=SHORT, pool=SHORT)) as one:
        yield one


def data(**values: object) -> RequestData:
    return RequestData([RequestParameter.from_input(name, value) for name, value in values.items()])


def assert_never_left(error: TelegramError) -> None:
    assert isinstance(
        error.__cause__, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.InvalidURL
    )


def assert_may_have_arrived(error: TelegramError) -> None:
    assert isinstance(error.__cause__, aiohttp.ClientError | TimeoutError | OSError)
    assert not isinstance(
        error.__cause__, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.InvalidURL
    )


def tells(error: BaseException | None) -> str:
    """Return everything an exception and its causes and contexts say."""
    said = ""
    while error is not None:
        said += f"{error} {error!r} {error.args}"
        error = error.__cause__ or error.__context__
    return said


async def test_parameters_travel_as_a_form(server: Server, request_: AiohttpRequest) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.content_type == "application/x-www-form-urlencoded"  # half the bytes of multipart
        return web.json_response({"ok": True, "result": True})

    server.handler = handler
    assert await request_.post(server.url, data(chat_id=5, text="é & <b>", reply_markup={"a": [1]})) is True
    assert server.seen == [{"chat_id": "5", "text": "é & <b>", "reply_markup": '{"a": [1]}'}]


@pytest.mark.parametrize("body", [{"ok": True}, {"ok": True, "result": {}}, {"ok": True, "result": 7}])
async def test_an_answer_that_is_not_as_promised_is_one_of_the_odd_ones(
    server: Server, request_: AiohttpRequest, body: dict[str, object]
) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(body)

    server.handler = handler
    with pytest.raises(ODD_ANSWER):
        sent: Any = await request_.post(server.url, data(chat_id=5))
        int(sent["message_id"])


async def test_an_edit_names_its_message_and_shows_no_preview_of_a_page(
    server: Server, request_: AiohttpRequest
) -> None:
    bot = TelegramBot(TOKEN, base_url=server.url.partition(TOKEN)[0], request=request_)
    assert await send(bot, 5, EditPayload("See https://e.example/"), message_id=7) == 7
    (seen,) = server.seen
    assert (seen["chat_id"], seen["message_id"], seen["parse_mode"]) == ("5", "7", "HTML")
    assert json.loads(seen["link_preview_options"]) == {"is_disabled": True}


async def test_files_travel_as_multipart(server: Server, request_: AiohttpRequest) -> None:
    got: list[tuple[str, str, bytes]] = []

    async def handler(request: web.Request) -> web.Response:
        files = [value for value in (await request.post()).values() if isinstance(value, web.FileField)]
        got.extend((file.filename, file.content_type, file.file.read()) for file in files)
        return web.json_response({"ok": True, "result": True})

    server.handler = handler
    upload = InputFile(b"\x00\xff", filename='отчёт "1"\r\n.json')
    assert await request_.post(server.url, data(chat_id=5, document=upload)) is True
    assert got == [("отчёт _1___.json", "application/json", b"\x00\xff")]
    assert server.seen[0]["chat_id"] == "5"


async def test_a_file_is_retrieved_whole(server: Server, request_: AiohttpRequest) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 3_000_000)

    server.handler = handler
    assert len(await request_.retrieve(server.url)) == 3_000_000


async def test_connections_are_kept_and_cookies_are_not(server: Server, request_: AiohttpRequest) -> None:
    for _ in range(5):
        await request_.post(server.url, data(chat_id=5))
    assert len(server.connections) == 1
    assert not any("Cookie" in headers for headers in server.headers)


async def test_a_hundred_requests_are_in_flight_at_once(server: Server) -> None:
    everyone = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        if len(server.seen) == 100:
            everyone.set()
        await everyone.wait()
        return web.json_response({"ok": True, "result": True})

    server.handler = handler
    async with AiohttpRequest() as request:
        await asyncio.gather(*(request.post(server.url, data(chat_id=n)) for n in range(100)))
    assert len(server.seen) == 100


async def test_the_environment_names_no_proxy(
    server: Server, request_: AiohttpRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert await request_.post(server.url, data(chat_id=5)) is True


async def test_a_refused_connection_never_left(request_: AiohttpRequest) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NetworkError) as raised:
        await request_.post(f"http://127.0.0.1:{port}/bot{TOKEN}/x", data(chat_id=5))
    assert_never_left(raised.value)


async def test_a_name_that_does_not_resolve_never_left(request_: AiohttpRequest) -> None:
    with pytest.raises(NetworkError) as raised:
        await request_.post(f"http://no-such-host.invalid/bot{TOKEN}/x", data(chat_id=5))
    assert_never_left(raised.value)


async def test_a_failed_handshake_never_left(server: Server, request_: AiohttpRequest) -> None:
    with pytest.raises(NetworkError) as raised:
        await request_.post(server.url.replace("http:", "https:"), data(chat_id=5))
    assert_never_left(raised.value)
    assert not server.seen


async def test_waiting_for_a_free_connection_in_vain_never_left(server: Server) -> None:
    entered = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    server.handler = handler
    async with AiohttpRequest(connections=1, timeouts=Timeouts(pool=SHORT, connect=SHORT)) as request:
        first = asyncio.create_task(request.post(server.url, data(chat_id=5)))
        await entered.wait()
        with pytest.raises(TimedOut, match="was not sent") as raised:
            await request.post(server.url, data(chat_id=6))
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    assert_never_left(raised.value)
    assert len(server.seen) == 1


async def test_a_server_that_never_accepts_never_got_it(request_: AiohttpRequest) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:  # until the backlog is full, and the kernel lets newcomers wait
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        with pytest.raises(TimedOut) as raised:
            await request_.post(f"http://127.0.0.1:{port}/bot{TOKEN}/x", data(chat_id=5))
        for filler in fillers:
            filler.close()
    assert_never_left(raised.value)


async def test_an_answer_that_does_not_come_may_have_arrived(server: Server, request_: AiohttpRequest) -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    server.handler = handler
    with pytest.raises(TimedOut) as raised:
        await request_.post(server.url, data(chat_id=5))
    assert_may_have_arrived(raised.value)


async def test_an_answer_that_drips_is_ended(server: Server, request_: AiohttpRequest) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b" ")
            await asyncio.sleep(0.02)

    server.handler = handler
    with pytest.raises(TimedOut) as raised:
        async with asyncio.timeout(5):
            await request_.post(server.url, data(chat_id=5))
    assert_may_have_arrived(raised.value)


@pytest.mark.parametrize("partial", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"])
async def test_a_connection_that_closes_may_have_arrived(
    server: Server, request_: AiohttpRequest, partial: bytes
) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert isinstance(request.transport, asyncio.Transport)
        request.transport.write(partial)
        request.transport.close()
        return web.Response()

    server.handler = handler
    with pytest.raises(NetworkError) as raised:
        await request_.post(server.url, data(chat_id=5))
    assert_may_have_arrived(raised.value)


async def test_an_answer_that_is_not_http_does_not_tell_the_address(server: Server, request_: AiohttpRequest) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert isinstance(request.transport, asyncio.Transport)
        request.transport.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        request.transport.close()
        return web.Response()

    server.handler = handler
    with pytest.raises(NetworkError) as raised:
        await request_.post(server.url, data(chat_id=5))
    assert_may_have_arrived(raised.value)
    assert TOKEN not in tells(raised.value)


@pytest.mark.parametrize("url", [f"http://[::1/bot{TOKEN}/x", f"nonsense/bot{TOKEN}/x", f"ftp://a.example/{TOKEN}"])
async def test_an_address_that_is_none_is_not_told(request_: AiohttpRequest, url: str) -> None:
    with pytest.raises(NetworkError) as raised:
        await request_.post(url, data(chat_id=5))
    assert_never_left(raised.value)
    assert TOKEN not in tells(raised.value)


async def test_text_that_cannot_be_encoded_is_no_network_trouble(server: Server, request_: AiohttpRequest) -> None:
    with pytest.raises(NetworkError) as raised:
        await request_.post(server.url, data(text="\ud800"))
    assert isinstance(raised.value.__cause__, UnicodeEncodeError)
    assert not server.seen


async def test_refusals_are_raised_by_python_telegram_bot(server: Server, request_: AiohttpRequest) -> None:
    async def handler(request: web.Request) -> web.Response:
        body = {"ok": False, "error_code": 429, "description": "x", "parameters": {"retry_after": 7}}
        return web.json_response(body, status=429)

    server.handler = handler
    with pytest.raises(RetryAfter):
        await request_.post(server.url, data(chat_id=5))


async def test_redirects_are_not_followed(server: Server, request_: AiohttpRequest) -> None:
    async def handler(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("http://127.0.0.1:9/")

    server.handler = handler
    with pytest.raises(NetworkError, match="307"):
        await request_.post(server.url, data(chat_id=5))


async def test_nothing_logged_holds_the_token(
    server: Server, request_: AiohttpRequest, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await request_.post(server.url, data(chat_id=5))
    with pytest.raises(NetworkError) as raised:
        await request_.post(f"http://127.0.0.1:9/bot{TOKEN}/x", data(chat_id=5))
    ours = [record.getMessage() for record in caplog.records if record.name != "aiohttp.access"]  # the server's own
    assert TOKEN not in "".join(ours)
    assert TOKEN not in tells(raised.value)


async def test_starting_and_stopping_twice_is_harmless() -> None:
    request = AiohttpRequest()
    assert request.read_timeout == 30
    with pytest.raises(NetworkError, match="not initialized"):
        await request.post("http://127.0.0.1:9/", data())
    await request.initialize()
    await request.initialize()
    await request.shutdown()
    await request.shutdown()


async def test_a_certificate_nobody_vouches_for_is_refused(request_: AiohttpRequest) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(Path(__file__).with_name("self_signed.pem"))  # for 127.0.0.1, by itself
    runner = web.AppRunner(web.Application(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    with pytest.raises(NetworkError, match=r"(?i)certificate") as raised:
        await request_.post(f"https://127.0.0.1:{runner.addresses[0][1]}/bot{TOKEN}/x", data(chat_id=5))
    await runner.cleanup()
    assert_never_left(raised.value)
    assert TOKEN not in tells(raised.value)
