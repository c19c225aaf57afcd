"""A WebSub hub on loopback, for tests: it verifies, distributes and signs as the standard says, or as it is told.

async with Hub() as hub:
    ... a feed names hub.url, and a subscriber comes ...
    await hub.verify()
    assert await hub.distribute(b"<rss>…") == 200
"""

import hashlib
import hmac
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

CHALLENGE = "any <b>text</b> of the hub's"


class Hub:
    """Takes requests and keeps their forms; answers with `status`, and `location` where that is a redirect."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.status = 202
        self.location = ""
        self.port = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._asked)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = int(self._runner.addresses[0][1])
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def links(self) -> str:
        """What a feed says of this hub."""
        return f'<atom:link xmlns:atom="http://www.w3.org/2005/Atom" rel="hub" href="{self.url}"/>'

    async def was_asked(self, _: object = None) -> bool:
        """Whether anybody came."""
        return bool(self.asked)

    async def _asked(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/x-www-form-urlencoded"
        self.asked.append({name: str(value) for name, value in (await request.post()).items()})
        if request.path == "/moved" or not self.location:
            return web.Response(status=202 if request.path == "/moved" else self.status)
        return web.Response(status=self.status, headers={"Location": self.location})

    async def verify(self, changed: Mapping[str, str] | None = None, *, lease: int | None = 864_000) -> tuple[int, str]:
        """Ask the subscriber whether it meant its last request; in other words if `changed`."""
        form = self.asked[-1]
        question = {"hub.mode": form["hub.mode"], "hub.topic": form["hub.topic"], "hub.challenge": CHALLENGE}
        question |= {} if lease is None else {"hub.lease_seconds": str(lease)}
        question |= {f"hub.{name}": value for name, value in (changed or {}).items()}
        async with self._session.get(form["hub.callback"], params=question) as answer:
            return answer.status, await answer.text()

    async def distribute(
        self,
        body: bytes,
        *,
        method: str = "sha256",
        secret: str | None = None,
        signature: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """Bring something to the subscriber, signed with the secret of its last request unless told otherwise."""
        form = next(form for form in reversed(self.asked) if form["hub.mode"] == "subscribe")
        if signature is None:
            digest = hmac.new((secret or form["hub.secret"]).encode(), body, getattr(hashlib, method)).hexdigest()
            signature = f"{method}={digest}"
        sent = {"Content-Type": "application/rss+xml", "X-Hub-Signature": signature} | dict(headers or {})
        sent = {name: value for name, value in sent.items() if value}
        async with self._session.post(form["hub.callback"], data=body, headers=sent) as answer:
            return answer.status
