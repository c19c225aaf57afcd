"""A feed server on loopback that does what it is told: any status, header or body, slowly or brokenly.

    async with FeedServer() as server:
        server.serve("/a.xml", rss([item("Quake in Idlib")]))
        ... fetch server.url("/a.xml") ...
        assert server.hits("/a.xml") == 1

What is served has an ETag of its content and is answered with 304 to whoever has it. `serve` again changes it.
Raw asyncio, so that protocol errors can be served too.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from types import TracebackType
from typing import Self

RSS = "application/rss+xml; charset=utf-8"

Speak = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """One request as it came: header names in lower case."""

    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """One answer as it goes out; `etag` None means none is sent or compared."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = RSS
    etag: str | None = None

    def head(self, *, length: int | None) -> bytes:
        lines = [f"HTTP/1.1 {self.status} Status", "Connection: close"]
        lines += [] if self.content_type is None else [f"Content-Type: {self.content_type}"]
        lines += [] if self.etag is None else [f"ETag: {self.etag}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [] if length is None else [f"Content-Length: {length}"]
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


class FeedServer:
    """Serves on 127.0.0.1, on a port of its own."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._pages: dict[str, Speak] = {}
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server
        self._server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server
        return int(self._server.sockets[0].getsockname()[1])

    def url(self, path: str = "/", *, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def hits(self, path: str) -> int:
        """How often `path` was asked for."""
        return sum(request.path == path for request in self.requests)

    def serve(
        self,
        path: str,
        body: bytes | str,
        *,
        status: int = 200,
        content_type: str | None = RSS,
        headers: Mapping[str, str] | None = None,
        conditional: bool = True,
    ) -> None:
        """Answer with `body` from now on; 304 to whoever has it already, unless `conditional` is false."""
        body = body.encode() if isinstance(body, str) else body
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"' if conditional and status == 200 else None
        self.serve_raw(path, _speaking(Answer(body, status, headers or {}, content_type, etag)))

    def redirect(self, path: str, to: str, status: int = 302) -> None:
        """Answer with a redirect to `to`, verbatim."""
        self.serve_raw(path, _speaking(Answer(status=status, headers={"Location": to}, content_type=None)))

    def hang(self, path: str) -> None:
        """Accept the request and never answer."""

        async def silence(request: Request, writer: asyncio.StreamWriter) -> None:
            await asyncio.Event().wait()

        self.serve_raw(path, silence)

    def drip(self, path: str, body: bytes, pause: float = 0.05) -> None:
        """Answer with one byte at a time."""

        async def drop_by_drop(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(Answer().head(length=len(body)))
            for byte in body:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(pause)

        self.serve_raw(path, drop_by_drop)

    def send(self, path: str, data: bytes) -> None:
        """Answer with these bytes, status line and all, and close."""

        async def verbatim(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(data)

        self.serve_raw(path, verbatim)

    def serve_raw(self, path: str, speak: Speak) -> None:
        """Let `speak` write the answer; the connection is closed when it returns."""
        self._pages[path] = speak

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                request = _read(await reader.readuntil(b"\r\n\r\n"))
                self.requests.append(request)
                await self._pages.get(request.path, _speaking(Answer(b"nothing here", 404)))(request, writer)
                await writer.drain()
        except asyncio.CancelledError:
            pass  # the server closes
        finally:
            self._open.discard(task)
            writer.close()


def _read(head: bytes) -> Request:
    first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(first.split(" ")[1].partition("?")[0], headers)


def _speaking(answer: Answer) -> Speak:
    async def speak(request: Request, writer: asyncio.StreamWriter) -> None:
        if answer.etag and request.headers.get("if-none-match") == answer.etag:
            writer.write(Answer(status=304, etag=answer.etag, content_type=None).head(length=None))
            return
        writer.write(answer.head(length=len(answer.body)) + answer.body)

    return speak


def item(
    title: str,
    link: str | None = None,
    *,
    guid: str | None = None,
    text: str = "",
    published: str | None = "Mon, 02 Nov 2026 10:00:00 GMT",
) -> str:
    """One RSS item; the link is made from the title unless given ("" for none), and is the guid unless given."""
    link = f"https://news.example/{title.lower().replace(' ', '-')}" if link is None else link
    parts = {"title": title, "link": link, "guid": guid if guid is not None else link, "description": text}
    elements = [f"<{name}>{escape(value)}</{name}>" for name, value in parts.items() if value]
    elements += [f"<pubDate>{published}</pubDate>"] if published else []
    return f"<item>{''.join(elements)}</item>"


def rss(items: Sequence[str], title: str = "Example News", language: str | None = "en", head: str = "") -> bytes:
    """An RSS document of these items, newest first as feeds have them; `head` goes into the channel."""
    tongue = f"<language>{language}</language>" if language else ""
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>'
        f"<title>{escape(title)}</title><link>https://news.example/</link>{tongue}{head}{''.join(items)}</channel></rss>"
    ).encode()
