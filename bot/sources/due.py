"""Poll times: when to poll a source again. Pure: `now`, settings and chance are arguments."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from bot.errors import FaultKind, SourceError
from bot.models import PollHints, Source
from bot.sources import rhythm
from bot.sources.rhythm import Rhythm

SLOWEST = timedelta(days=1)
POLITE = timedelta(minutes=1)  # the shortest interval for other people's servers, whatever is configured
FALLBACK = 4  # factor of the interval for a source whose hub pushes its news
_DOUBLINGS = 16
_EARLY = 0.1  # of the interval: polls of many sources must not march in step
_RECENT = timedelta(days=14)
_RHYTHM = 20  # entries

# Failures that polling more often does not cure: wait at least this long.
_SLOW_LANES = {FaultKind.BLOCKED: timedelta(hours=6), FaultKind.GONE: timedelta(hours=8)}


@dataclass(frozen=True, slots=True)
class PollSettings:
    """The operator's settings for polls. `own_networks` (CIDRs) may be polled more often than POLITE.

    `first_poll_is_news`: the entries of a source's first poll are matched too.
    """

    interval: timedelta
    fastest: timedelta
    slowest: timedelta
    first_poll_is_news: bool = False
    own_networks: tuple[str, ...] = ()


def shortest_interval(url: str, settings: PollSettings) -> timedelta:
    """Return the shortest interval allowed for a source: POLITE at least, unless its address is in our networks."""
    try:
        address = ipaddress.ip_address(urlsplit(url).hostname or "")
    except ValueError:  # a name
        return max(settings.fastest, POLITE)
    ours = any(address in ipaddress.ip_network(network) for network in settings.own_networks)
    return settings.fastest if ours else max(settings.fastest, POLITE)


def after_success(
    source: Source,
    now: datetime,
    settings: PollSettings,
    *,
    known: Rhythm,
    fresh_for: timedelta | None,
    chance: float,
) -> datetime:
    """Return when to poll a source after a success: in its rhythm (`known`), as server and document allow.

    `fresh_for` is the server's hint, `chance` as in `next_poll_at`.
    """
    fastest = shortest_interval(source.url, settings)
    slowest = max(settings.slowest, fastest)
    usual = poll_interval(known.recent, now, usual=settings.interval, fastest=fastest, slowest=slowest)
    interval = rhythm.next_at(now, usual, rhythm.rates(known)) - now
    if source.pushed:
        interval = min(interval * FALLBACK, slowest)
    hints = [hint for hint in (fresh_for, source.poll_hints.ttl) if hint is not None]
    longest_hint = max(hints, default=None)
    at = next_poll_at(now, interval=interval, fresh_for=longest_hint, fastest=fastest, slowest=slowest, chance=chance)
    return after_skipped(at, now, source.poll_hints, slowest)


def after_failure(
    source: Source, now: datetime, settings: PollSettings, error: SourceError, *, chance: float
) -> datetime:
    """Return when to poll a source after one more failure; `source` counts those before it."""
    fastest = shortest_interval(source.url, settings)
    return next_poll_at(
        now,
        interval=min(max(settings.interval, fastest), max(settings.slowest, fastest)),
        failures=source.failures + 1,
        kind=error.kind,
        retry_after=error.retry_after,
        fastest=fastest,
        chance=chance,
    )


def next_poll_at(
    now: datetime,
    *,
    interval: timedelta,
    failures: int = 0,
    kind: FaultKind | None = None,
    retry_after: timedelta | None = None,
    fresh_for: timedelta | None = None,
    fastest: timedelta = timedelta(),
    slowest: timedelta = SLOWEST,
    chance: float = 0.0,
) -> datetime:
    """Return when to poll again (UTC).

    After a success: `interval`, or as long as the server's answer stays fresh (`fresh_for`), within `fastest` and
    `slowest`. After `failures` in a row, the last one of `kind`: doubled per failure, up to a day, but at least
    as long as _SLOW_LANES has for the kind. `retry_after` (RFC 9110, 10.2.3) is honoured up to a day: a misread
    header must not silence a source. `chance`, in [0, 1), spreads polls: a tenth of the interval earlier after a
    success, anywhere between the interval and the doubled one after failures (full jitter).
    """
    if failures:
        wait = _after_failure(max(interval, fastest), failures, kind, chance)
    else:
        wait = min(max(interval, fresh_for or timedelta(), fastest), max(slowest, fastest))
        wait -= wait * _EARLY * chance
    return now + min(max(wait, retry_after or timedelta(), fastest), max(SLOWEST, fastest))


def after_skipped(at: datetime, now: datetime, hints: PollHints, slowest: timedelta) -> datetime:
    """Return `at`, or the end of the hours and days that the document excludes, if `at` is within them.

    Never more than `slowest` after `now`: a document that excludes all hours must not silence its source.
    """
    latest = max(at, now + slowest)
    while at < latest and (at.hour in hints.skip_hours or at.weekday() in hints.skip_days):
        at = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return min(at, latest)


def is_dead(kind: FaultKind, failures: int) -> bool:
    """Return whether to pause a source: its server answered three times, over a day, that it is gone for good."""
    return kind is FaultKind.GONE and failures >= 3


def poll_interval(
    published: Sequence[datetime], now: datetime, *, usual: timedelta, fastest: timedelta, slowest: timedelta
) -> timedelta:
    """Return how often to poll a source whose entries appeared at these times (any order).

    Half the mean gap between the last twenty of the past two weeks, within `fastest` and `slowest`; `usual` while
    fewer than three are known. A source that has gone quiet is polled less often the longer it is silent.
    """
    recent = sorted(time for time in published if now - _RECENT < time <= now)[-_RHYTHM:]
    if len(recent) < 3:
        return min(max(usual, fastest), slowest)
    gap = (now - recent[0]) / len(recent)
    return min(max(gap / 2, fastest), slowest)


def _after_failure(interval: timedelta, failures: int, kind: FaultKind | None, chance: float) -> timedelta:
    longest = min(interval * (1 << min(failures, _DOUBLINGS)), SLOWEST)
    wait = interval + (longest - interval) * chance if longest > interval else longest
    return max(wait, _SLOW_LANES.get(kind, timedelta()) if kind else timedelta())
