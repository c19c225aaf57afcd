"""Robots: fetches a site's robots.txt (RFC 9309), and applies it.

In: an origin, or its robots.txt and an address. Out: that text, or whether the address may be fetched and the delay
between two fetches. Not here: caching the text. `decode_rules` and `judge` run in the worker process: to guess the
encoding of a hostile file takes seconds.
"""

from dataclasses import dataclass
from datetime import timedelta

from yarl import URL

from bot.errors import FaultKind, SourceError
from bot.sources.http.fetch import Fetcher, FetchOptions
from bot.sources.reading.charset import decode
from bot.sources.reading.pool import FeedParser

MAX_BYTES = 500 * 1024  # of a robots.txt that are read: RFC 9309, 2.5
LONGEST_DELAY = timedelta(minutes=1)  # between two pages: with a longer Crawl-delay no page would be read in time

_OPTIONS = FetchOptions(accept="text/plain, */*;q=0.5")
# No such file: more than five redirects count as that, too (RFC 9309, 2.3.1.2).
_NONE_THERE = frozenset({FaultKind.REDIRECT, FaultKind.GONE})


@dataclass(frozen=True, slots=True)
class RobotsVerdict:
    """Whether an address may be fetched, and the delay until the next fetch from its site."""

    allowed: bool
    delay: timedelta = timedelta()


def origin_of(url: URL | str) -> str:
    """Return the origin whose robots.txt applies to an address: scheme, host and port."""
    return str(URL(url).origin())


async def fetch(fetcher: Fetcher, parser: FeedParser, origin: str) -> str:
    """Return the rules of an origin, "" where it has none: a 4xx means that (RFC 9309, 2.3.1.3), except a 429.

    Raises SourceError for other failures: nothing may be fetched then (2.3.1.4).
    """
    try:
        fetched = await fetcher.fetch(f"{origin}/robots.txt", options=_OPTIONS)
    except SourceError as error:
        has_none = error.status is not None and 400 <= error.status < 500 and error.status != 429
        if has_none or error.kind in _NONE_THERE:
            return ""
        raise
    return await parser.run(decode_rules, _whole_lines(fetched.body), fetched.content_type)


def judge(rules: str, agent: str, url: str) -> RobotsVerdict:
    """Return whether `rules` allow `agent` (our User-Agent) to fetch `url`. Runs in the worker: they are untrusted."""
    from protego import Protego  # noqa: PLC0415 - imported only where pages are read

    robots = Protego.parse(rules)
    delay = min(max(robots.crawl_delay(agent) or 0.0, 0.0), LONGEST_DELAY.total_seconds())
    return RobotsVerdict(robots.can_fetch(url, agent), timedelta(seconds=delay))


def decode_rules(body: bytes, content_type: str | None) -> str:
    """Return the text of a robots.txt, without NUL, which a database may refuse."""
    return decode(body, content_type).replace("\0", "")


def _whole_lines(body: bytes) -> bytes:
    """Return the lines within MAX_BYTES, whole: a rule cut in two would mean something else."""
    return body if len(body) <= MAX_BYTES else body[:MAX_BYTES].rpartition(b"\n")[0]
