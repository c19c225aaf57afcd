"""Web chat routes: the page, its files and the event stream."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from bot.sandbox.errors import JSON
from bot.sandbox.people import ADA

if TYPE_CHECKING:  # the server imports this module
    from bot.sandbox.server import Sandbox

FOLDER = Path(__file__).parent
TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
SHOWN = 200  # messages of each chat in the first event of the stream
SAFE = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"  # no text can be inserted as HTML
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


def add_routes(app: web.Application, sandbox: "Sandbox") -> None:
    """Add the page at `/`, its files at `/web/…` and the stream at `/sandbox/stream`."""
    files = {path.name: path for path in FOLDER.iterdir() if path.suffix in TYPES}

    async def page(request: web.Request) -> web.Response:
        return _file(files["page.html"])

    async def part(request: web.Request) -> web.Response:
        path = files.get(request.match_info["name"])
        return _file(path) if path else web.Response(status=404, text="There is no such file.")

    async def stream(request: web.Request) -> web.StreamResponse:
        return await _stream(request, sandbox)

    app.router.add_get("/", page)
    app.router.add_get("/web/{name}", part)
    app.router.add_get("/sandbox/stream", stream)


def _file(path: Path) -> web.Response:
    return web.Response(body=path.read_bytes(), content_type=TYPES[path.suffix], charset="utf-8", headers=SAFE)


async def _stream(request: web.Request, sandbox: "Sandbox") -> web.StreamResponse:
    """Send a snapshot of the world, then every event, until the page disconnects or the sandbox closes.

    A page that reconnects gets a new snapshot, so there are no gaps to fill.
    """
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    events = sandbox.world.events
    last = events[-1]["seq"] if events else 0
    await response.write(_event("snapshot", snapshot(sandbox)))
    async for event in sandbox.events(after=last):
        await response.write(_event("happened", event))
    return response


def _event(kind: str, data: Any) -> bytes:
    """Return a server-sent event (html.spec.whatwg.org, 9.2); dumped JSON has no line breaks."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def snapshot(sandbox: "Sandbox") -> JSON:
    """Return the bot, the people, the chats and the last messages of each chat, oldest first."""
    world = sandbox.world
    chats = [chat for chat in world.chats.values() if chat.migrated_to is None]
    return {
        "bot": world.bot,
        "about": world.profile["description"].get("", ""),
        "people": [person.user() | {"is_admin": person.id == ADA} for person in world.people.values()],
        "chats": [
            world.chat_object(chat) | {"members": chat.members, "blocked": chat.blocked, "deleted": chat.deleted}
            for chat in chats
        ],
        "messages": [message for chat in chats for message in list(chat.messages.values())[-SHOWN:]],
    }
