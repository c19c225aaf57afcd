"""Records passed between stages: frozen dataclasses, named as in docs/design.md.

A stage takes some of these and returns others; only `bot.storage` converts them to rows and back.
Times are aware UTC, durations are `timedelta`.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from markupsafe import Markup


class Schedule(StrEnum):
    """Schedule on which a subscription's hits are sent."""

    INSTANT = "instant"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True)
class Article:
    """An entry as input of the matcher: plain text, without markup and tickers of other headlines.

    `language` is a two-letter code or None; `source` holds the source's title and host, for `source:`.
    """

    title: str
    text: str
    language: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """A place where a query matched: `text` is `field[start:end]`, offsets in code points.

    `field` is "title" or "text"; `rule` is "exact", "inflection", "alias", "spelling" or "uncertain-case".
    """

    text: str
    field: str
    start: int
    end: int
    rule: str


@dataclass(frozen=True, slots=True)
class Match:
    """A match of a query in an article: its terms, and a score from 0 to 1 by which digests rank."""

    score: float
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Headline:
    """An entry as input of the clustering. `url` is canonical, or None.

    `source` is a number of its source; entries of one source are different texts unless their titles are equal. None:
    unknown, and then it counts as a source of its own. `language` is a two-letter code, or None.
    """

    id: int
    title: str
    url: str | None
    published_at: datetime
    text: str = ""
    source: int | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Result of clustering a headline: each is the id of the first headline of its kind, its own if new.

    `text`: headlines with the same text (near-identical); of these only the first is sent, and counts as told for all.
    `story`: headlines about one event; an alert counts them. `thread`: stories about one topic; a digest sets them
    together. A text lies in one story and a story in one thread, for ever.
    """

    story: int
    text: int
    thread: int = 0  # 0 becomes the story's id: a thread of its own

    def __post_init__(self) -> None:
        """Give a story without a thread one of its own."""
        object.__setattr__(self, "thread", self.thread or self.story)  # frozen


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """An item of a feed, normalised: plain text, cleaned, bounded.

    `keys` are hex SHA-256 digests that identify it within its source, strongest first; if any of them is known,
    the entry is not new. `url` is an absolute http(s) address or None; `canonical_url` has tracking
    parameters and the fragment removed. `published_at` is for display only, never identity.
    """

    keys: tuple[str, ...]
    title: str
    url: str | None
    canonical_url: str | None
    summary: str
    language: str | None
    published_at: datetime | None

    @property
    def content(self) -> str:
        """Title and summary: an entry with known keys and another content was edited."""
        return f"{self.title}\0{self.summary}"


@dataclass(frozen=True, slots=True)
class PollHints:
    """Hints of a document on when to poll it: the shortest interval, and hours (UTC) and days (Monday is 0) to skip.

    They stand in RSS `ttl` or `sy:updatePeriod`, `skipHours` and `skipDays`.
    """

    ttl: timedelta | None = None
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Feed:
    """A parsed feed document. `hub` is its WebSub hub."""

    title: str
    language: str | None
    entries: tuple[FeedEntry, ...]
    site_url: str | None = None
    self_url: str | None = None
    hub: str | None = None
    skipped: int = 0  # items with neither title nor link, or over the limit
    ids_distinct: bool = False  # every item has an id of its own
    troubles: frozenset[str] = (
        frozenset()
    )  # "ids" (many items share one), "letters" (garbled), "long" (not all read): admins are notified
    poll_hints: PollHints = field(default_factory=PollHints)


@dataclass(frozen=True, slots=True)
class Validators:
    """Validators of a conditional request (RFC 9110, 8.8): opaque strings of the server, sent back verbatim."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A source as input of a poll.

    `poll_hints` are those of its last document. `moved_to` is the address to which its last polls, `moves` of them in a
    row, were permanently redirected. `rhythm` is as `bot.sources.rhythm.dump` returns it. `ids_distinct`: ids told the
    items of the last whole document apart. `pushed`: a hub pushes its news before polls find them. `troubles` are
    those of the last whole document; the admins were notified of them.
    """

    id: int
    url: str
    title: str
    language: str | None = None
    full_text: bool = False
    validators: Validators = field(default_factory=Validators)
    body_hash: str | None = None
    failures: int = 0
    baseline_done: bool = False
    lease_token: str = ""
    poll_hints: PollHints = field(default_factory=PollHints)
    moved_to: str | None = None
    moves: int = 0
    rhythm: str | None = None
    ids_distinct: bool = False
    pushed: bool = False
    troubles: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Its title, or the host of its address."""
        return self.title or urlsplit(self.url).hostname or ""


@dataclass(frozen=True, slots=True)
class Button:
    """A button under a message: pressing it sends `data` (at most 64 bytes) to the bot, or opens `url`."""

    label: str
    data: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A Telegram message: HTML within Telegram's limits, and rows of buttons."""

    text: Markup
    buttons: tuple[tuple[Button, ...], ...] = ()
