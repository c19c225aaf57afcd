"""What a site says about robots (RFC 9309): fetching its robots.txt, and reading it.

In: an origin, or the text it served and an address. Out: that text, or whether the address may be fetched and how long
to leave between two. Not here: how long the text is kept, and where.
"""

from dataclasses import dataclass
from datetime import timedelta

from yarl import URL

from bot.errors import FaultKind, SourceError
from bot.sources.http.fetch import Fetcher, Wanted
from bot.sources.reading.charset import decode

MAX_BYTES = 500 * 1024  # read of one: RFC 9309, 2.5
LONGEST_DELAY = timedelta(minutes=1)  # between two pages: a larger Crawl-delay would only mean that none is read

_WANTED = Wanted(accept="text/plain, */*;q=0.5")
# No such file: more than five redirects count as that, too (RFC 9309, 2.3.1.2).
_NONE_THERE = frozenset({FaultKind.REDIRECT, FaultKind.GONE})


@dataclass(frozen=True, slots=True)
class RobotsVerdict:
    """Whether an address may be fetched, and how long its site wants to be left alone after that."""

    allowed: bool
    delay: timedelta = timedelta()


def origin_of(url: URL | str) -> str:
    """Return whose robots.txt holds for an address: scheme, host and port."""
    return str(URL(url).origin())


async def fetch(fetcher: Fetcher, origin: str) -> str:
    """Return the rules of an origin, "" where it has none: a 4xx says so (RFC 9309, 2.3.1.3).

    Raises SourceError where that cannot be known: nothing may be fetched then (2.3.1.4). A 429 is a busy server's.
    """
    try:
        fetched = await fetcher.fetch(f"{origin}/robots.txt", wanted=_WANTED)
    except SourceError as error:
        says_none = error.status is not None and 400 <= error.status < 500 and error.status != 429
        if says_none or error.kind in _NONE_THERE:
            return ""
        raise
    return _whole_lines(fetched.body, fetched.content_type)


def judge(rules: str, agent: str, url: str) -> RobotsVerdict:
    """Return what `rules` say to `agent` (our User-Agent) about `url`. Runs in the worker: they are anybody's."""
    from protego import Protego  # noqa: PLC0415 - only who reads pages pays for it

    robots = Protego.parse(rules)
    delay = min(max(robots.crawl_delay(agent) or 0.0, 0.0), LONGEST_DELAY.total_seconds())
    return RobotsVerdict(robots.can_fetch(url, agent), timedelta(seconds=delay))


def _whole_lines(body: bytes, content_type: str | None) -> str:
    """Return as much of the text as is read; a rule cut in two would mean something else."""
    if len(body) > MAX_BYTES:
        body = body[:MAX_BYTES].rpartition(b"\n")[0]
    return decode(body, content_type).replace("\0", "")
