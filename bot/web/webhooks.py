"""Public callbacks: Telegram posts updates, hubs (W3C WebSub) post the new content of feeds.

Anybody can reach them: a request is authenticated by a secret, and its response reveals nothing but a status.
"""

import asyncio
import hmac
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from bot.delivery.telegram.updates import UnreadableUpdateError, read_update
from bot.pipeline.hubs import Hubs

log = structlog.get_logger()

MOST_BYTES = 1024 * 1024  # of one update; Telegram's are a few kilobytes
BODY_TIMEOUT = timedelta(seconds=20)  # for a whole body
BODIES, BODIES_EACH = 16, 2  # of hubs, at once: in all, and for each subscription
TOKEN = "[A-Za-z0-9_-]{20,100}"  # noqa: S105 - a pattern, no password
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of the header

Keep = Callable[[list[dict[str, Any]]], Awaitable[None]]
Park = Callable[[UnreadableUpdateError], Awaitable[None]]


def public(routes: Sequence[web.RouteDef]) -> web.Application:
    """Return the public application: `routes` and nothing else."""
    app = web.Application()
    app.add_routes(routes)
    return app


def webhook(path: str, secret: str, keep: Keep, park: Park) -> web.RouteDef:
    """Return the route of Telegram's updates: a POST with `secret` in its header, answered once `keep` has stored it.

    Telegram repeats an update until the status is 2xx, and the others wait behind it. So one that cannot be read is
    answered 200 too, once `park` has recorded it; where the database fails, nothing is lost but time.
    """
    expected = secret.encode()

    async def take(request: web.Request) -> web.Response:
        given = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, expected):  # in constant time
            return web.Response(status=403)
        body = await _body(request, MOST_BYTES)
        try:
            try:
                await keep([read_update(body)])
            except UnreadableUpdateError as unreadable:
                await park(unreadable)
        except SQLAlchemyError as error:
            log.error("update not stored", reason=type(error).__name__)
            return web.Response(status=503)
        return web.Response()

    return web.post(path, take)


def websub(hubs: Hubs) -> list[web.RouteDef]:
    """Return the routes of hubs: a GET that verifies the intent of a subscription, and a POST with new content."""
    path = f"{urlsplit(hubs.callbacks).path}{{token:{TOKEN}}}"
    in_progress: Counter[str] = Counter()  # bodies by token, from before they are read until they are processed

    async def answer(request: web.Request) -> web.Response:
        text = await hubs.answer(request.match_info["token"], request.query)
        if text is None:
            return web.Response(status=404)
        return web.Response(text=text, headers={"X-Content-Type-Options": "nosniff"})  # text/plain: no script runs

    async def take(request: web.Request) -> web.Response:
        token = request.match_info["token"]
        subscription = await hubs.accepts(token)
        if subscription is None:
            return web.Response(status=410)
        if in_progress.total() >= BODIES:
            return _later(503)
        if in_progress[token] >= BODIES_EACH or hubs.is_too_much(subscription):
            return _later(429)
        in_progress[token] += 1
        try:
            status = await hubs.take(subscription, await _body(request, hubs.max_bytes), request.headers)
        finally:
            in_progress[token] -= 1
            if not in_progress[token]:
                del in_progress[token]
        return web.Response(status=status) if status < 400 else _later(status)

    return [web.get(path, answer, allow_head=False), web.post(path, take)]


def _later(status: int) -> web.Response:
    """Return a response that requests a retry. The rest of the body stays unread, so the connection is closed."""
    response = web.Response(status=status, headers={"Retry-After": "60"})
    response.force_close()
    return response


async def _body(request: web.Request, limit: int) -> bytes:
    """Return the raw body. HTTP 413 for more than `limit` bytes, 408 if it arrives too slowly."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT.total_seconds()):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise web.HTTPRequestEntityTooLarge(limit, len(body))
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    return bytes(body)
