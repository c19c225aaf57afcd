"""OPML (opml.org): reads and writes lists of sources, to exchange them with other programs.

Documents are untrusted, so they are read in the worker process (`FeedParser.run`), without DTD and entities, and within
limits. Reading fetches nothing: each address is checked like one that was typed, and polled like any other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from io import BytesIO
from xml.etree import ElementTree

from lxml import etree  # type: ignore[import-untyped]  # no type information published
from yarl import URL

from bot.errors import SourceError, SourceFault
from bot.sources.address import canonical_url
from bot.sources.reading.clean import clean_text
from bot.sources.reading.normalise import language_code, shorten

LARGEST = 1024 * 1024  # bytes of a document; a thousand feeds take a quarter of it
MOST = 500  # feeds in one document
DEEPEST = 20  # nested folders; other programs make two or three
MAX_TITLE = 256
OWN = "urn:watchword:opml"  # the namespace of our own attribute, as the OPML specification requires
FULL_TEXT = f"{{{OWN}}}fullText"


@dataclass(frozen=True, slots=True)
class Outline:
    """A feed in an OPML document: its canonical address, its title ("" if none), its language or None.

    `full_text`: the web pages of its entries are read; only our own documents have it.
    """

    url: str
    title: str
    language: str | None = None
    full_text: bool = False
    line: int = field(default=0, compare=False)  # of the document


@dataclass(frozen=True, slots=True)
class RefusedOutline:
    """An address that cannot be watched: its line in the document, its host ("" if it has none), and the fault."""

    line: int
    host: str
    error: SourceError


@dataclass(frozen=True, slots=True)
class Opml:
    """The feeds of a document, each once, in its order; and the addresses that cannot be watched."""

    feeds: tuple[Outline, ...]
    refused: tuple[RefusedOutline, ...] = ()


def reachable(opml: Opml, check: Callable[[URL], None]) -> Opml:
    """Return a document with those feeds refused for which `check` raises SourceError: no poll could reach them."""
    feeds, refused = [], list(opml.refused)
    for feed in opml.feeds:
        url = URL(feed.url)
        try:
            check(url)
        except SourceError as error:
            refused.append(RefusedOutline(feed.line, url.host or "", error))
        else:
            feeds.append(feed)
    return Opml(tuple(feeds), tuple(sorted(refused, key=lambda outline: outline.line)))


def read_opml(document: bytes) -> Opml:
    """Return the feeds in a document. Raises SourceError if it is no OPML, too large, or hostile."""
    if len(document) > LARGEST:
        raise SourceError(SourceFault.LARGE_OPML)
    feeds: dict[str, Outline] = {}
    refused: list[RefusedOutline] = []
    depth = 0
    for event, element in _elements(document):
        depth += 1 if event == "start" else -1
        if depth > DEEPEST:
            raise SourceError(SourceFault.DEEP_OPML)
        address = element.get("xmlUrl") if event == "start" else None
        if address is None:
            continue
        try:
            outline = _outline(address, element)
        except SourceError as error:
            refused.append(RefusedOutline(element.sourceline or 0, "", error))
            continue
        feeds.setdefault(outline.url, outline)
        if len(feeds) > MOST:
            raise SourceError(SourceFault.MANY_FEEDS, feeds=MOST)
    return Opml(tuple(feeds.values()), tuple(refused))


def _elements(document: bytes) -> Iterable[tuple[str, etree._Element]]:
    """Yield ("start" or "end", element) of a document that is OPML and declares no DTD."""
    events = etree.iterparse(
        BytesIO(document), events=("start", "end"), resolve_entities=False, load_dtd=False, no_network=True
    )
    first = True
    try:
        for event, element in events:
            if first and (element.tag.lower() != "opml" or element.getroottree().docinfo.doctype):
                raise SourceError(SourceFault.NOT_OPML)
            first = False
            yield event, element
    except etree.XMLSyntaxError as error:
        raise SourceError(SourceFault.NOT_OPML) from error


def _outline(address: str, element: etree._Element) -> Outline:
    title = element.get("title") or element.get("text") or ""
    url = canonical_url(address)
    language, full_text = language_code(element.get("language")), element.get(FULL_TEXT) == "true"
    return Outline(url, shorten(clean_text(title), MAX_TITLE), language, full_text, element.sourceline or 0)


def write_opml(feeds: Iterable[Outline], now: datetime) -> str:
    """Return an OPML 2.0 document of these feeds."""
    opml = ElementTree.Element("opml", version="2.0")
    head = ElementTree.SubElement(opml, "head")
    ElementTree.SubElement(head, "title").text = "Watchword"
    ElementTree.SubElement(head, "dateCreated").text = format_datetime(now)
    body = ElementTree.SubElement(opml, "body")
    for feed in feeds:
        known = {"type": "rss", "text": feed.title, "xmlUrl": feed.url}
        known |= {"language": feed.language} if feed.language else {}
        ElementTree.SubElement(body, "outline", known | ({FULL_TEXT: "true"} if feed.full_text else {}))
    ElementTree.indent(opml)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(opml, encoding="unicode") + "\n"
