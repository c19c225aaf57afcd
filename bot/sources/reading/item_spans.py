"""Item spans: locates the items in a document's text, so that only new ones are parsed.

In: a document, and the `Recall` of its last reading. Out: the positions of its items, and the document without the
known ones. Not here: parsing an item. Only documents that are well-formed for expat are cut; feedparser gets others
whole.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Self
from xml.parsers import expat

from bot.models import Feed

MAX_ITEMS = 5_000  # of a document whose items are cached; a larger one is parsed whole each time it changes
_DIGEST = 8  # bytes: a collision among 5,000 items is less likely than one in a million million
_ROW = 3 * _DIGEST
_NAMES = frozenset({"item", "entry"})
_ROOTS = frozenset({"rss", "RDF", "feed"})
_NONE = bytes(_DIGEST)


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A parsed document: its feed, and the bytes to pass as `known` at the next reading, b"" for none.

    `whole`: the feed has every item of the document, not only the new ones.
    """

    feed: Feed
    known: bytes = b""
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Layout:
    """The spans of a document's items (start, end in bytes), and the hours and days of `PollHints`."""

    spans: tuple[tuple[int, int], ...] = ()
    unread: tuple[tuple[int, int], ...] = ()  # elements within items that are of no use: authors, categories, pictures
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Recall:
    """Digests of the texts, ids and canonical links of a document's items."""

    items: frozenset[bytes] = frozenset()
    guids: frozenset[bytes] = frozenset()
    links: frozenset[bytes] = frozenset()

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Return the digests in the result of `pack`."""
        items, guids, links = (
            frozenset(packed[at : at + _DIGEST] for at in range(column * _DIGEST, len(packed), _ROW))
            for column in range(3)
        )
        return cls(items, guids - {_NONE}, links - {_NONE})

    def is_apart_from(self, rows: Sequence[bytes]) -> bool:
        """Return whether none of these items shares an id or a link with a known one.

        Then the new items can be identified without the known ones.
        """
        new = Recall.unpack(b"".join(rows))
        return self.guids.isdisjoint(new.guids) and self.links.isdisjoint(new.links)


def pack(rows: Sequence[bytes]) -> bytes:
    """Return the rows of a document's items as one string; b"" for too many."""
    return b"".join(rows) if len(rows) <= MAX_ITEMS else b""


def row(item: bytes, guid: str | None, link: str | None) -> bytes:
    """Return the digests of an item in one row: of its text (`item`, from `digest`), id and canonical link."""
    return item + (digest(guid.encode()) if guid else _NONE) + (digest(link.encode()) if link else _NONE)


def digest(data: bytes) -> bytes:
    """Return a short digest, enough to distinguish the items of one document."""
    return hashlib.blake2b(data, digest_size=_DIGEST).digest()


def rows_of(packed: bytes, items: Collection[bytes]) -> list[bytes]:
    """Return the rows of these items (digests of their text)."""
    rows = (packed[at : at + _ROW] for at in range(0, len(packed), _ROW))
    return [packed_row for packed_row in rows if packed_row[:_DIGEST] in items]


def without(document: bytes, spans: Sequence[tuple[int, int]]) -> bytes:
    """Return `document` without the parts at `spans` (in order)."""
    kept, done = [], 0
    for start, end in spans:
        kept.append(document[done:start])
        done = end
    return b"".join([*kept, document[done:]])


def layout(document: bytes) -> Layout | None:
    """Return the layout of a UTF-8 document, or None if it is not well-formed."""
    surveyor = _Surveyor(document)
    try:
        surveyor.parser.Parse(document, True)
    except expat.ExpatError:
        return None
    return surveyor.layout()


@dataclass(slots=True)
class _Surveyor:
    document: bytes
    parser: expat.XMLParserType = field(init=False)
    path: list[str] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    start: int = -1  # of the present item
    depth: int = 0  # within that item
    unread: list[tuple[int, int]] = field(default_factory=list)
    unread_start: int = -1
    text: list[str] = field(default_factory=list)
    hours: set[int] = field(default_factory=set)
    days: set[int] = field(default_factory=set)
    odd: bool = False

    def __post_init__(self) -> None:
        self.parser = expat.ParserCreate("utf-8", " ")
        self.parser.StartElementHandler = self.opened
        self.parser.EndElementHandler = self.closed

    def opened(self, name: str, attributes: object) -> None:
        if self.start >= 0:
            unread = not self.depth and _is_unread(name)  # an element with children may hold a title
            self.unread_start = self.parser.CurrentByteIndex if unread else -1
            self.depth += 1
            return
        local = name.rpartition(" ")[2]
        if local in _NAMES and self.path and self.path[0] in _ROOTS and self.path[1:] in ([], ["channel"]):
            self.start = self.parser.CurrentByteIndex
            return
        self.path.append(local)
        if len(self.path) == 4 and self.path[2] in {"skipHours", "skipDays"}:
            self.text = []
            self.parser.CharacterDataHandler = self.text.append

    def closed(self, name: str) -> None:
        if self.start < 0:
            self.noted()
            self.path.pop()
        elif self.depth:
            self.depth -= 1
            if not self.depth and self.unread_start >= 0:
                self.note_unread()
        else:
            self.spans.append((self.start, self.end()))
            self.start = -1

    def note_unread(self) -> None:
        tag = self.parser.CurrentByteIndex
        if self.document.startswith(b"</", tag):
            self.unread.append((self.unread_start, self.document.find(b">", tag) + 1))
        self.unread_start = -1

    def end(self) -> int:
        tag = self.parser.CurrentByteIndex
        self.odd = self.odd or not self.document.startswith(b"</", tag)  # <item/> has no end tag
        return self.document.find(b">", tag) + 1

    def noted(self) -> None:
        if self.parser.CharacterDataHandler is None:
            return
        self.parser.CharacterDataHandler = None
        word = "".join(self.text).strip()
        if self.path[2:] == ["skipHours", "hour"] and word.isdecimal() and len(word) <= 2 and int(word) <= 24:
            self.hours.add(int(word) % 24)  # 24 was midnight in Netscape's RSS 0.91
        elif self.path[2:] == ["skipDays", "day"] and word.capitalize() in _DAYS:
            self.days.add(_DAYS.index(word.capitalize()))

    def layout(self) -> Layout:
        spans, unread = ((), ()) if self.odd else (tuple(self.spans), tuple(self.unread))
        return Layout(spans, unread, frozenset(self.hours), frozenset(self.days))


_ATOM = "http://www.w3.org/2005/Atom"
_UNREAD = frozenset(
    [
        *("author", "category", "comments"),
        *(f"{_ATOM} author", f"{_ATOM} category", f"{_ATOM} contributor", f"{_ATOM} rights"),
        *(f"http://purl.org/dc/elements/1.1/ {name}" for name in ("creator", "subject", "publisher", "rights")),
        *(
            f"http://search.yahoo.com/mrss/ {name}"
            for name in ("thumbnail", "content", "credit", "keywords", "copyright")
        ),
    ]
)
_UNREAD_KINDS = (
    "http://wellformedweb.org/CommentAPI/ ",
    "http://purl.org/rss/1.0/modules/slash/ ",
    "http://purl.org/syndication/thread/1.0 ",
    "http://www.georss.org/georss ",
)


def _is_unread(name: str) -> bool:
    return name in _UNREAD or name.startswith(_UNREAD_KINDS)


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
