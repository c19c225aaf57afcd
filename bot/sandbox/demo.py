"""Demo news server: six sources over HTTP on this machine, each with a new item every half minute."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from types import TracebackType
from typing import NamedTuple, Self

from aiohttp import web
from markupsafe import Markup

from bot.sandbox.demo_news import MARK, OUTLETS, SLOT, DemoItem, Outlet, item, items
from bot.sandbox.loopback import Handler, is_loopback, listen, only_this_machine

RSS = Markup(
    '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/">'
    "<channel>\n<title>{title}</title><link>{site}</link><description>{mark}</description>"
    "<language>{language}</language>\n{items}</channel></rss>\n"
)
RSS_ITEM = Markup(
    "<item><title>{title}</title><link>{link}</link><guid isPermaLink='false'>{identity}</guid>"
    "<pubDate>{date}</pubDate><description>{text}</description>{content}</item>\n"
)
RSS_CONTENT = Markup("<content:encoded>{markup}</content:encoded>")
ATOM = Markup(
    '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{language}">\n'
    "<title>{title}</title><subtitle>{mark}</subtitle><id>{site}</id><link href='{site}'/><updated>{date}</updated>\n"
    "{items}</feed>\n"
)
ATOM_ENTRY = Markup(
    "<entry><title>{title}</title><link href='{link}'/><id>{identity}</id><updated>{date}</updated>"
    "<summary>{text}</summary></entry>\n"
)
PAGE = Markup(
    "<!doctype html><html lang='{language}' dir='{direction}'><meta charset='utf-8'><title>{title}</title>"
    "<h1>{title}</h1><p>{text}</p></html>"
)
CONTENT_TYPES = {
    "rss": "application/rss+xml",
    "rss-content": "application/rss+xml",
    "atom": "application/atom+xml",
    "json": "application/feed+json",
}
Clock = Callable[[], float]


class DemoSource(NamedTuple):
    """Address, title and language of a demo source, as the configuration needs them."""

    url: str
    title: str
    language: str


class DemoFeeds:
    """Server of the demo sources: `async with DemoFeeds() as demo: demo.sources`.

    `clock` returns seconds since the epoch. The bot identifies a source by its address: keep `port` the same if the
    bot's database is kept.
    """

    def __init__(self, port: int = 0, *, host: str = "127.0.0.1", tries: int = 1, clock: Clock = time.time) -> None:
        if not is_loopback(host):
            raise ValueError(f"The demo news are for this machine only, not for {host}.")
        self.host, self.port = host, port
        self._tries = tries
        self._clock = clock
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[only_this_machine])
        for index, outlet in enumerate(OUTLETS):
            app.router.add_get(outlet.path, self._feed_handler(index))
        app.router.add_get(r"/story/{slot:\d{1,12}}", self._story)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            self.port = await listen(self._runner, self.host, self.port, self._tries)
        except OSError:
            await self._runner.cleanup()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner:
            await self._runner.cleanup()

    @property
    def root_url(self) -> str:
        """The address of the server, without a path."""
        return f"http://{self.host}:{self.port}"

    @property
    def sources(self) -> list[DemoSource]:
        """The six sources, for the configuration."""
        return [DemoSource(self.root_url + outlet.path, outlet.title, outlet.language) for outlet in OUTLETS]

    def _feed_handler(self, index: int) -> Handler:
        async def feed(request: web.Request) -> web.Response:
            found = items(index, self._clock())
            headers = {
                "ETag": f'"{index}-{found[0].slot}"',
                "Last-Modified": format_datetime(found[0].published_at, usegmt=True),
            }
            if request.headers.get("If-None-Match") == headers["ETag"]:
                return web.Response(status=304, headers=headers)
            outlet = OUTLETS[index]
            body = document(outlet, found, self.root_url)
            return web.Response(text=body, headers=headers, content_type=CONTENT_TYPES[outlet.kind], charset="utf-8")

        return feed

    async def _story(self, request: web.Request) -> web.Response:
        slot = int(request.match_info["slot"])
        if slot * SLOT > self._clock():
            raise web.HTTPNotFound(text="That has not happened yet.")
        language = OUTLETS[slot % len(OUTLETS)].language
        entry = item(slot)
        direction = "rtl" if language == "ar" else "ltr"
        page = PAGE.format(language=language, direction=direction, title=entry.title, text=entry.text)
        return web.Response(text=page, content_type="text/html", charset="utf-8")


def document(outlet: Outlet, found: list[DemoItem], root_url: str) -> str:
    """Return the feed document of a source with these items."""
    if outlet.kind == "json":
        return _json_feed(outlet, found, root_url)
    write = _atom_entry if outlet.kind == "atom" else _rss_item
    body = Markup().join(write(outlet, entry, root_url) for entry in found)
    frame = ATOM if outlet.kind == "atom" else RSS
    return frame.format(
        title=outlet.title,
        site=root_url + outlet.path,
        mark=MARK[outlet.language],
        language=outlet.language,
        date=found[0].published_at.isoformat() if found else datetime.fromtimestamp(0, UTC).isoformat(),
        items=body,
    )


def _rss_item(outlet: Outlet, entry: DemoItem, root_url: str) -> Markup:
    content = Markup()
    if outlet.kind == "rss-content":
        content = RSS_CONTENT.format(markup=str(Markup("<p>{}</p>").format(entry.text)))
    return RSS_ITEM.format(
        title=entry.title,
        link=_link(entry, root_url),
        identity=_identity(entry),
        date=format_datetime(entry.published_at, usegmt=True),
        text=entry.text,
        content=content,
    )


def _atom_entry(outlet: Outlet, entry: DemoItem, root_url: str) -> Markup:
    return ATOM_ENTRY.format(
        title=entry.title,
        link=_link(entry, root_url),
        identity=_identity(entry),
        date=entry.published_at.isoformat(),
        text=entry.text,
    )


def _json_feed(outlet: Outlet, found: list[DemoItem], root_url: str) -> str:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": outlet.title,
        "description": MARK[outlet.language],
        "home_page_url": root_url + outlet.path,
        "feed_url": root_url + outlet.path,
        "language": outlet.language,
        "items": [
            {
                "id": _identity(entry),
                "url": _link(entry, root_url),
                "title": entry.title,
                "content_text": entry.text,
                "date_published": entry.published_at.isoformat(),
            }
            for entry in found
        ],
    }
    return json.dumps(feed, ensure_ascii=False, indent=1)


def _link(entry: DemoItem, root_url: str) -> str:
    return f"{root_url}/story/{entry.slot}"


def _identity(entry: DemoItem) -> str:
    return f"tag:demo.watchword.example,2026:{entry.slot}"
