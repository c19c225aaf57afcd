"""Sandbox server: the Bot API over HTTP on this machine, and the object through which tests control it."""

import asyncio
import itertools
import json
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from bot.sandbox import control, webhook
from bot.sandbox.errors import JSON, ApiError, bad_request
from bot.sandbox.faults import BEFORE, FailureMode, Fault, Faults, too_many
from bot.sandbox.limits import FloodControl, FloodLimits
from bot.sandbox.loopback import is_loopback, listen, only_this_machine
from bot.sandbox.methods import LIMITED, ask_for_updates, call
from bot.sandbox.params import MAX_FILE, Params, Upload
from bot.sandbox.people import People, populate
from bot.sandbox.state import KEEP, Event, SentMessage, World
from bot.sandbox.web import serve as chat

TOKEN = re.compile(r"\d+:[\w-]+", re.ASCII)
BOT_ID = 7_000_000_001  # if no token is configured; every token is then accepted
MAX_POLL = 50  # seconds
OTHER_POLLER = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
HAS_WEBHOOK = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
GATEWAY_PAGE = "<html>\r\n<head><title>{0} Error</title></head>\r\n<body><h1>{0} Error</h1></body>\r\n</html>\r\n"


@dataclass(slots=True)
class ApiRequest:
    """A received Bot API request. `at` is monotonic seconds; `status` is None until, and unless, it is answered."""

    method: str
    chat_id: int | None
    at: float
    status: int | None = None


class Sandbox(People):
    """A Bot API server on this machine: `async with Sandbox() as sandbox`.

    `port` 0 means any free port; with `tries` the following ports are tried if it is in use, then OSError is raised.
    `token` None accepts every well-formed token. `limits` None disables flood limits. `latency` is a delay in
    seconds of every response.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        tries: int = 1,
        token: str | None = None,
        limits: FloodLimits | None = None,
        latency: float = 0.0,
        seed: int = 0,
        keep: int = KEEP,
    ) -> None:
        if not is_loopback(host):
            raise ValueError(f"The sandbox listens on this machine only, not on {host}.")
        super().__init__(World(bot_id=int(token.split(":")[0]) if token else BOT_ID, keep=keep))
        populate(self.world)
        self.host, self.port = host, port
        self.port_note: str | None = None
        self.latency = latency
        self.faults = Faults(seed)
        self.flood = FloodControl(limits) if limits else None
        self.requests: deque[ApiRequest] = deque(maxlen=keep)
        self.app = self._application()
        self._tries = tries
        self._token = token
        self._runner: web.AppRunner | None = None
        self._courier: asyncio.Task[None] | None = None
        self.is_closing = False
        self._poll: object | None = None  # the newest getUpdates request

    # ---- starting and stopping ----

    async def __aenter__(self) -> Self:
        self._runner = web.AppRunner(self.app, access_log=None, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            wanted, self.port = self.port, await listen(self._runner, self.host, self.port, self._tries)
        except OSError:
            await self._runner.cleanup()
            raise
        if wanted not in (0, self.port):
            self.port_note = f"Port {wanted} is taken, so the sandbox uses {self.port}."
        self._courier = asyncio.create_task(webhook.deliver(self.world))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_closing = True
        self.world.changes.notify()
        if self._courier:
            self._courier.cancel()
            await asyncio.gather(self._courier, return_exceptions=True)
        if self._runner:
            await self._runner.cleanup()

    @property
    def root_url(self) -> str:
        """The address of the server, without a path."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def base_url(self) -> str:
        """The `base_url` for python-telegram-bot."""
        return f"{self.root_url}/bot"

    @property
    def base_file_url(self) -> str:
        """The `base_file_url` for python-telegram-bot."""
        return f"{self.root_url}/file/bot"

    # ---- observing ----

    @property
    def sent(self) -> list[SentMessage]:
        """The last accepted messages of the bot, oldest first (at most `keep`)."""
        return list(self.world.sent)

    def sent_to(self, chat_id: int) -> list[SentMessage]:
        """Return the bot's messages to a chat."""
        return [message for message in self.world.sent if message["chat_id"] == chat_id]

    async def until_sent(self, count: int, timeout: float = 10.0) -> list[SentMessage]:  # noqa: ASYNC109 its message
        """Wait until the bot has sent `count` messages since the start; raises TimeoutError."""
        await self.until(lambda: self.world.sent_count >= count, timeout, f"{count} messages")
        return self.sent

    async def until(self, condition: Callable[[], bool], timeout: float = 10.0, what: str = "it") -> None:  # noqa: ASYNC109
        """Wait for a condition, checked after every change of the sandbox; raises TimeoutError."""
        if not await self.world.changes.until(condition, timeout):
            raise TimeoutError(f"waited {timeout} s for {what}; the bot sent {self.world.sent_count} messages so far")

    def timeline(self, chat_id: int) -> list[Event]:
        """Return the events of a chat, oldest first."""
        return [event for event in self.world.events if event["chat_id"] == chat_id]

    async def events(self, after: int = 0) -> AsyncIterator[Event]:
        """Yield every event after number `after` as it happens, until the sandbox closes."""
        while not self.is_closing:
            for event in self.world.events_after(after):
                after = event["seq"]
                yield event
            await self.until_event(after, MAX_POLL)

    async def until_event(self, after: int, timeout: float, chat_id: int = 0) -> None:  # noqa: ASYNC109 its own answer
        """Wait, `timeout` seconds at most, for an event after number `after`; `chat_id` 0 means any chat."""
        await self.world.changes.until(
            lambda: self.is_closing or bool(self.world.events_after(after, chat_id)), timeout
        )

    # ---- faults ----

    def fail(self, kind: FailureMode | str, **details: Any) -> Fault:
        """Inject a fault from now on; `details` are fields of `Fault` (default: once, any method and chat)."""
        fault = Fault(FailureMode(kind), **details)
        self.faults.add([fault])
        return fault

    def set_limits(self, *, on: bool) -> None:
        """Enforce or ignore Telegram's flood limits from now on."""
        self.flood = FloodControl(FloodLimits()) if on else None

    # ---- the Bot API ----

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[only_this_machine], client_max_size=MAX_FILE + 1024 * 1024)
        app.router.add_route("*", "/bot{token:[^/]*}/{method:[^/]*}", self._bot_api)
        app.router.add_get("/file/bot{token:[^/]*}/{path:.+}", self._download)
        control.add_routes(app, self)
        chat.add_routes(app, self)
        return app

    async def _bot_api(self, request: web.Request) -> web.StreamResponse:
        received = ApiRequest(request.match_info["method"], None, time.monotonic())
        self.requests.append(received)
        try:
            self._check_token(request.match_info["token"])
            params = await read_params(request)
            received.chat_id = _named_chat(params)
            answer = await self._answer(request, received, params)
        except ApiError as error:
            answer = _json(error.body(), error.code)
        received.status = answer.status
        self.world.changes.notify()
        return answer

    async def _answer(self, request: web.Request, received: ApiRequest, params: Params) -> web.StreamResponse:
        """Run the method and return its response, with the faults injected before and after."""
        fault = self.faults.take(received.method, received.chat_id)
        if fault and fault.kind in BEFORE:
            return await self._spoil(request, fault)
        result = await self._result(received.method, params)
        if self.latency:
            await asyncio.sleep(self.latency)
        if fault and fault.kind is FailureMode.SLOW:
            await asyncio.sleep(fault.seconds)
        elif fault:
            return await self._spoil(request, fault)
        return _json({"ok": True, "result": result})

    async def _result(self, method: str, params: Params) -> Any:
        if method == "getUpdates":
            return await self._get_updates(params)
        now, paid = time.monotonic(), params.flag("allow_paid_broadcast")
        chat = self.world.writable_chat(params.chat_id()) if self.flood and method in LIMITED else None
        if chat is None or self.flood is None:
            return call(self.world, method, params)
        wait = self.flood.wait(now, chat.id, is_private=chat.is_private, paid=paid)
        if wait:
            raise too_many(wait)
        result = call(self.world, method, params)
        self.flood.count(now, chat.id, is_private=chat.is_private, paid=paid)
        return result

    async def _get_updates(self, params: Params) -> list[JSON]:
        """Return the updates from `offset` on, which acknowledges those before it; wait for the first one."""
        world = self.world
        if world.webhook:
            raise ApiError(409, HAS_WEBHOOK)
        ask_for_updates(world, params)
        poll = self._poll = object()  # an earlier getUpdates that still waits gets the 409
        world.changes.notify()
        world.acknowledge(params.number("offset"))
        wait = min(max(params.number("timeout"), 0), MAX_POLL)
        await world.changes.until(lambda: bool(world.updates) or self._poll is not poll or self.is_closing, wait)
        if self._poll is not poll:
            raise ApiError(409, OTHER_POLLER)
        limit = min(max(params.number("limit", 100), 1), 100)
        return [update for _, update in itertools.islice(world.updates, limit)]

    async def _spoil(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        """Return the faulty response, or close the connection without one."""
        error = fault.error()
        if error:
            raise error
        match fault.kind:
            case FailureMode.SERVER:
                page = GATEWAY_PAGE.format(fault.status)
                return web.Response(status=fault.status, text=page, content_type="text/html")
            case FailureMode.MALFORMED:
                return web.Response(text='{"ok":true,"result":{"message_id"', content_type="application/json")
            case FailureMode.NO_RESULT:
                return _json({"ok": True})
            case FailureMode.HANG_BEFORE | FailureMode.HANG_AFTER:
                await self.world.changes.until(lambda: self.is_closing, fault.seconds or float("inf"))
        if request.transport:
            request.transport.abort()
        return web.Response()

    def _check_token(self, token: str) -> None:
        if not TOKEN.fullmatch(token):
            raise ApiError(404, "Not Found")
        if self._token not in (None, token):
            raise ApiError(401, "Unauthorized")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        try:
            self._check_token(request.match_info["token"])
        except ApiError as error:
            return _json(error.body(), error.code)
        for stored in self.world.files.values():
            if stored.path == request.match_info["path"]:
                return web.Response(body=stored.content, content_type="application/octet-stream")
        return _json(ApiError(404, "Not Found: file not found").body(), 404)


async def read_params(request: web.Request) -> Params:
    """Return a request's parameters; the body takes precedence over the query string."""
    values: dict[str, Any] = dict(request.query)
    files: dict[str, Upload] = {}
    try:
        if request.content_type == "application/json":
            given = json.loads(await request.read() or b"{}")
            if not isinstance(given, dict):
                raise bad_request("object expected")
            values |= given
        else:
            for name, value in (await request.post()).items():
                if isinstance(value, web.FileField):
                    files[name] = Upload(value.filename, value.content_type, value.file.read())
                elif isinstance(value, str):
                    values[name] = value
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(413, "Request Entity Too Large") from None
    except UnicodeDecodeError:
        raise bad_request("strings must be encoded in UTF-8") from None
    except ValueError as error:
        raise bad_request(f"can't parse request: {error}") from error
    return Params(values, files)


def _named_chat(params: Params) -> int | None:
    return params.optional_number("chat_id")


def _json(body: JSON, status: int = 200) -> web.Response:
    return web.json_response(body, status=status)
