"""When to poll a source again. Pure: `now`, settings and chance are arguments."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.errors import FaultKind
from bot.models import Wishes

SLOWEST = timedelta(days=1)
_DOUBLINGS = 16
_EARLY = 0.1  # of the interval: polls of many sources must not march in step
_RECENT = timedelta(days=14)
_RHYTHM = 20  # entries

# Failures that asking more often does not mend: wait at least this long.
_SLOW_LANES = {FaultKind.BLOCKED: timedelta(hours=6), FaultKind.GONE: timedelta(hours=8)}


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
    `slowest`. After `failures` in a row, the last one of `kind` (SourceError's): doubled per failure, up to a day,
    never sooner than the kind's lane allows. `retry_after` (RFC 9110, 10.2.3) is honoured up to a day: a misread
    header must not silence a source. `chance`, in [0, 1), spreads polls: a tenth of the interval earlier after a
    success, anywhere between the interval and the doubled one after failures (full jitter).
    """
    if failures:
        wait = _after_failure(max(interval, fastest), failures, kind, chance)
    else:
        wait = min(max(interval, fresh_for or timedelta(), fastest), max(slowest, fastest))
        wait -= wait * _EARLY * chance
    return now + min(max(wait, retry_after or timedelta(), fastest), max(SLOWEST, fastest))


def after_skipped(at: datetime, now: datetime, wishes: Wishes, slowest: timedelta) -> datetime:
    """Return `at`, or the end of the hours and days in which the document asks not to be polled, if it is in them.

    Never more than `slowest` after `now`: a document that asks for all hours must not silence its source.
    """
    latest = max(at, now + slowest)
    while at < latest and (at.hour in wishes.skip_hours or at.weekday() in wishes.skip_days):
        at = at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return min(at, latest)


def is_dead(kind: FaultKind, failures: int) -> bool:
    """Return whether a source should be paused: it said three times, over a day, that it is gone for good."""
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
