"""Errors, divided by what the caller does next.

WatchwordError
├── UserError       the reader's to fix: its text goes to the chat
│   └── QueryError  with the character a query failed at
├── ConfigError     the operator's: shown at start, names the key, never the value
├── DatabaseLostError  the operator's: shown when the program ends
├── SourceError     costs one source one poll
└── DeliveryError   costs one delivery one attempt (its kinds: bot/delivery/telegram/errors.py)
"""

from datetime import timedelta
from enum import StrEnum
from typing import Self


class WatchwordError(Exception):
    """Anything Watchword raises on purpose."""


class UserError(WatchwordError):
    """The reader can put it right; the text is one sentence that says how."""


class QueryError(UserError):
    """A query that cannot be read; `position` is the code point it failed at (0 is the first)."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


class ConfigError(WatchwordError):
    """The configuration is wrong; `problems` has one line for each thing to change."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class DatabaseLostError(WatchwordError):
    """The SQLite file was removed or replaced while it was open; the text says how to go on."""


class FaultKind(StrEnum):
    """Groups of source faults: for statistics, and for the decision when to poll again. Stored: never rename one."""

    URL = "url"
    ADDRESS = "address"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    HTTP = "http"
    REDIRECT = "redirect"
    BLOCKED = "blocked"
    GONE = "gone"
    ENCODING = "encoding"
    TOO_LARGE = "too-large"
    NOT_A_FEED = "not-a-feed"
    PARSE = "parse"
    TYPE = "type"  # this one and the next three: of web pages only
    ROBOTS = "robots"
    ROBOTS_UNKNOWN = "robots-unknown"
    NOT_AN_ARTICLE = "not-an-article"
    LEASE = "lease"
    BUG = "bug"
    UNKNOWN = "unknown"


class SourceFault(StrEnum):
    """The ways in which a source cannot be fetched or read. Stored: never rename one.

    Each belongs to a `kind`, and has one sentence in `bot.messages.source_troubles`, whose placeholders are the values
    of its `SourceError`.
    """

    kind: FaultKind

    def __new__(cls, name: str, kind: FaultKind = FaultKind.UNKNOWN) -> Self:
        """Return the member `name`; each one below gives its kind."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.kind = kind
        return member

    NO_ADDRESS = "no-address", FaultKind.URL
    LONG_ADDRESS = "long-address", FaultKind.URL
    CHARACTERS_IN_ADDRESS = "characters-in-address", FaultKind.URL
    NOT_AN_ADDRESS = "not-an-address", FaultKind.URL
    OTHER_SCHEME = "other-scheme", FaultKind.URL
    USER_IN_ADDRESS = "user-in-address", FaultKind.URL
    NO_HOST = "no-host", FaultKind.URL
    ODD_HOST = "odd-host", FaultKind.URL

    NOT_PUBLIC = "not-public", FaultKind.ADDRESS
    PORT = "port", FaultKind.ADDRESS
    SECRET_OVER_HTTP = "secret-over-http", FaultKind.ADDRESS

    HOST_NOT_FOUND = "host-not-found", FaultKind.DNS
    NOT_REACHED = "not-reached", FaultKind.CONNECT
    DISCONNECTED = "disconnected", FaultKind.CONNECT
    TLS_FAILED = "tls-failed", FaultKind.TLS
    NO_ANSWER = "no-answer", FaultKind.TIMEOUT
    TOO_MANY_REDIRECTS = "too-many-redirects", FaultKind.REDIRECT
    BAD_REDIRECT = "bad-redirect", FaultKind.REDIRECT
    BLOCKED = "blocked", FaultKind.BLOCKED
    GONE = "gone", FaultKind.GONE
    NOT_FOUND = "not-found", FaultKind.HTTP
    STATUS = "status", FaultKind.HTTP
    BROKEN_OFF = "broken-off", FaultKind.HTTP
    NOT_HTTP = "not-http", FaultKind.HTTP

    LARGE_DOCUMENT = "large-document", FaultKind.TOO_LARGE
    NOT_GZIP = "not-gzip", FaultKind.ENCODING
    OTHER_COMPRESSION = "other-compression", FaultKind.ENCODING
    DAMAGED_COMPRESSION = "damaged-compression", FaultKind.ENCODING
    CUT_COMPRESSION = "cut-compression", FaultKind.ENCODING
    MANY_MEMBERS = "many-members", FaultKind.ENCODING

    EMPTY = "empty", FaultKind.NOT_A_FEED
    NOT_A_FEED = "not-a-feed", FaultKind.NOT_A_FEED
    WEB_PAGE = "web-page", FaultKind.NOT_A_FEED
    OTHER_JSON = "other-json", FaultKind.NOT_A_FEED
    NO_FEED_FOUND = "no-feed-found", FaultKind.NOT_A_FEED

    ENTITIES = "entities", FaultKind.PARSE
    UNREADABLE = "unreadable", FaultKind.PARSE
    READING_TOO_LONG = "reading-too-long", FaultKind.PARSE
    READING_MEMORY = "reading-memory", FaultKind.PARSE
    READING_TIME_OR_MEMORY = "reading-time-or-memory", FaultKind.PARSE
    READING_STOPPED = "reading-stopped", FaultKind.PARSE

    NOT_OPML = "not-opml", FaultKind.PARSE
    DEEP_OPML = "deep-opml", FaultKind.PARSE
    LARGE_OPML = "large-opml", FaultKind.TOO_LARGE
    MANY_FEEDS = "many-feeds", FaultKind.TOO_LARGE

    NOT_A_PAGE = "not-a-page", FaultKind.TYPE
    PAGE_UNREADABLE = "page-unreadable", FaultKind.NOT_AN_ARTICLE
    PAGE_ADDS_NOTHING = "page-adds-nothing", FaultKind.NOT_AN_ARTICLE
    PAGE_OF_SOMETHING_ELSE = "page-of-something-else", FaultKind.NOT_AN_ARTICLE
    PAGE_TOO_LONG = "page-too-long", FaultKind.TIMEOUT
    ROBOTS_UNREADABLE = "robots-unreadable", FaultKind.ROBOTS
    ROBOTS_DISALLOW = "robots-disallow", FaultKind.ROBOTS
    ROBOTS_NOT_FETCHED = "robots-not-fetched", FaultKind.ROBOTS_UNKNOWN

    OVERTAKEN = "overtaken", FaultKind.LEASE
    POLL_TOO_LONG = "poll-too-long", FaultKind.TIMEOUT
    BUG = "bug", FaultKind.BUG
    UNKNOWN = "unknown", FaultKind.UNKNOWN  # a text that an older version stored


class SourceError(WatchwordError):
    """A source could not be fetched or read.

    `values` fill the placeholders of the fault's sentence, `status` (HTTP) among them. `retry_after` is the delay that
    the server requested, or None. The text is for logs; people read `bot.messages.source_troubles.explain`.
    """

    def __init__(self, fault: SourceFault, *, retry_after: timedelta | None = None, **values: str | int) -> None:
        super().__init__(" ".join([fault, *(f"{name}={value}" for name, value in values.items())]))
        self.fault = fault
        self.values = values
        self.retry_after = retry_after

    @property
    def kind(self) -> FaultKind:
        """The group of the fault."""
        return self.fault.kind

    @property
    def status(self) -> int | None:
        """The HTTP status that the server answered with, or None."""
        status = self.values.get("status")
        return status if isinstance(status, int) else None


class DeliveryError(WatchwordError):
    """One attempt to send failed."""
