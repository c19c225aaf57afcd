"""HTTP control interface of the sandbox, for clients in other processes: the console, the web chat, tests.

    POST /sandbox/<action>              a method of `People` or `Sandbox`, its arguments as a JSON object
    GET  /sandbox/state                 the bot, people and chats
    GET  /sandbox/sent?after=N          the messages of the bot after number N
    GET  /sandbox/events?after=N        the events after number N; `timeout` in seconds waits for one, `chat_id` filters
    GET  /sandbox/requests              the requests to the Bot API
    GET  /sandbox/commands?chat_id=&user_id=   the command menu of a person
    GET  /sandbox/files/<file_id>       a file's bytes

Answers are `{"ok": true, "result": …}` or `{"ok": false, "error": "one sentence"}`.
"""

import base64
import binascii
import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web
from pydantic import TypeAdapter, ValidationError, validate_call

from bot.sandbox.errors import SandboxError
from bot.sandbox.faults import Fault
from bot.sandbox.profile import commands_for

if TYPE_CHECKING:  # the server imports this module
    from bot.sandbox.server import Sandbox

FAULT = TypeAdapter(Fault)
MAX_WAIT = 50.0  # seconds
ACTIONS = (
    "add_person",
    "add_group",
    "add_channel",
    "say",
    "edit",
    "press",
    "expire_queries",
    "block",
    "unblock",
    "deactivate",
    "set_bot_status",
    "join",
    "leave",
    "promote",
    "migrate",
    "delete_chat",
    "open_topic",
    "close_topic",
    "set_limits",
)


def add_routes(app: web.Application, sandbox: "Sandbox") -> None:
    """Add the interface's routes to the server."""
    control = _Control(sandbox)
    app.router.add_get("/sandbox/state", control.state)
    app.router.add_get("/sandbox/sent", control.sent)
    app.router.add_get("/sandbox/events", control.events)
    app.router.add_get("/sandbox/requests", control.requests)
    app.router.add_get("/sandbox/commands", control.commands)
    app.router.add_get("/sandbox/files/{file_id}", control.file)
    app.router.add_post("/sandbox/{action}", control.act)


class _Control:
    def __init__(self, sandbox: "Sandbox") -> None:
        self.sandbox = sandbox
        actions: dict[str, Callable[..., Any]] = {name: getattr(sandbox, name) for name in ACTIONS}
        actions |= {"upload": self._upload, "fail": self._fail, "clear_faults": sandbox.faults.clear}
        self.actions: Mapping[str, Callable[..., Any]] = {
            name: validate_call(action) for name, action in actions.items()
        }

    async def act(self, request: web.Request) -> web.Response:
        action = self.actions.get(request.match_info["action"])
        if action is None:
            return _error(404, f"There is no action {request.match_info['action']!r}.")
        if request.content_type != "application/json":
            return _error(415, "The arguments are a JSON object, sent as application/json.")
        try:
            arguments = await request.json()
            inspect.signature(action).bind(**arguments)
            return _ok(action(**arguments))
        except ValidationError as error:
            problem = error.errors()[0]
            return _error(400, f"{problem['loc'][0] if problem['loc'] else 'arguments'}: {problem['msg']}")
        except (TypeError, ValueError) as error:  # no object, wrong names, or an action the sandbox refuses
            return _error(400, str(error))

    def _upload(
        self,
        name: str,
        content: str,
        user_id: int | None = None,
        chat_id: int | None = None,
        mime_type: str | None = None,
        caption: str | None = None,
        reply_to: int | None = None,
        as_picture: bool = False,
    ) -> int:
        """Send a file with base64 content."""
        try:
            decoded = base64.b64decode(content, validate=True)
        except binascii.Error as error:
            raise SandboxError(f"The content is not base64: {error}") from error
        return self.sandbox.upload(
            name,
            decoded,
            user_id=user_id,
            chat_id=chat_id,
            mime_type=mime_type,
            caption=caption,
            reply_to=reply_to,
            as_picture=as_picture,
        )

    def _fail(self, kind: str, details: dict[str, Any] | None = None) -> None:
        self.sandbox.faults.add([FAULT.validate_python({"kind": kind, **(details or {})})])

    async def state(self, request: web.Request) -> web.Response:
        world = self.sandbox.world
        chats = [
            world.chat_object(chat) | {"blocked": chat.blocked, "deleted": chat.deleted}
            for chat in world.chats.values()
            if chat.migrated_to is None
        ]
        people = [person.user() for person in world.people.values()]
        return _ok({"bot": world.bot, "people": people, "chats": chats, "sent": world.sent_count})

    async def sent(self, request: web.Request) -> web.Response:
        after = _number(request, "after")
        return _ok([message for message in self.sandbox.sent if message["number"] > after])

    async def events(self, request: web.Request) -> web.Response:
        after, chat_id = _number(request, "after"), _number(request, "chat_id")
        await self.sandbox.until_event(after, min(float(_number(request, "timeout")), MAX_WAIT), chat_id)
        return _ok(self.sandbox.world.events_after(after, chat_id))

    async def requests(self, request: web.Request) -> web.Response:
        return _ok([dataclasses.asdict(received) for received in self.sandbox.requests])

    async def commands(self, request: web.Request) -> web.Response:
        try:
            chat_id, user_id = _number(request, "chat_id"), _number(request, "user_id")
            return _ok(commands_for(self.sandbox.world, chat_id, user_id or chat_id))
        except SandboxError as error:
            return _error(404, str(error))

    async def file(self, request: web.Request) -> web.StreamResponse:
        stored = self.sandbox.world.files.get(request.match_info["file_id"])
        if stored is None:
            return _error(404, "There is no such file.")
        safe = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}  # the file may be HTML
        return web.Response(body=stored.content, headers={"Content-Type": stored.mime_type, **safe})


def _number(request: web.Request, name: str) -> int:
    """Return an integer of the query string, 0 if absent."""
    try:
        return int(request.query.get(name, "0"))
    except ValueError:
        raise web.HTTPBadRequest(text=f"{name} is a whole number") from None


def _ok(result: Any) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _error(status: int, sentence: str) -> web.Response:
    return web.json_response({"ok": False, "error": sentence}, status=status)
