"""The pages at which others bring something: Telegram its updates, hubs (W3C WebSub) what is new in a feed.

They are the public's: whoever comes is judged by a secret, and sees nothing but a status.
"""

import asyncio
import hmac
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from bot.pipeline.hubs import Hubs

log = structlog.get_logger()

MOST_BYTES = 1024 * 1024  # of one update; Telegram's are a few kilobytes
SLOWEST = 20.0  # seconds for a body to arrive
BODIES, BODIES_OF_ONE = 16, 2  # that hubs bring at once: in all, and for one subscription
TOKEN = "[A-Za-z0-9_-]{20,100}"  # noqa: S105 - what one looks like
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name

Keep = Callable[[list[dict[str, Any]]], Awaitable[None]]


def public(routes: Sequence[web.RouteDef]) -> web.Application:
    """Return what is served to the public: these pages and nothing else."""
    app = web.Application()
    app.add_routes(routes)
    return app


def webhook(path: str, secret: str, keep: Keep) -> web.RouteDef:
    """Return what takes Telegram's updates at `path`: a POST that knows `secret`, answered when `keep` has stored it.

    Telegram sends an update again until it is answered with 2xx, so whatever fails here costs nothing but time.
    """
    known = secret.encode()

    async def take(request: web.Request) -> web.Response:
        told = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(told, known):  # in a time that does not tell how much of it was right
            return web.Response(status=403)
        try:
            update = json.loads(await _body(request, MOST_BYTES))
            if not isinstance(update["update_id"], int):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            return web.Response(status=400)
        try:
            await keep([update])
        except SQLAlchemyError as error:
            log.error("update not stored", reason=type(error).__name__)
            return web.Response(status=503)
        return web.Response()

    return web.post(path, take)


def websub(hubs: Hubs) -> list[web.RouteDef]:
    """Return what hubs come to: a GET that asks whether we meant it, and a POST that brings something."""
    path = f"{urlsplit(hubs.callbacks).path}{{token:{TOKEN}}}"
    in_hand: Counter[str] = Counter()  # bodies by token, from before they are read until they are taken

    async def answer(request: web.Request) -> web.Response:
        said = await hubs.answer(request.match_info["token"], request.query)
        if said is None:
            return web.Response(status=404)
        return web.Response(text=said, headers={"X-Content-Type-Options": "nosniff"})  # text/plain: nothing to run

    async def take(request: web.Request) -> web.Response:
        token = request.match_info["token"]
        one = await hubs.accepts(token)
        if one is None:
            return web.Response(status=410)
        if in_hand.total() >= BODIES:
            return _later(503)
        if in_hand[token] >= BODIES_OF_ONE or hubs.is_too_much(one):
            return _later(429)
        in_hand[token] += 1
        try:
            status = await hubs.take(one, await _body(request, hubs.max_bytes), request.headers)
        finally:
            in_hand[token] -= 1
            if not in_hand[token]:
                del in_hand[token]
        return web.Response(status=status) if status < 400 else _later(status)

    return [web.get(path, answer, allow_head=False), web.post(path, take)]


def _later(status: int) -> web.Response:
    """Say that it should be brought again; what is still to come of it is not read, so the connection ends."""
    response = web.Response(status=status, headers={"Retry-After": "60"})
    response.force_close()
    return response


async def _body(request: web.Request, limit: int) -> bytes:
    """Return what was posted, as it came: 413 for more than `limit` bytes, 408 for too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(SLOWEST):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    raise web.HTTPRequestEntityTooLarge(limit, len(body))
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    return bytes(body)
