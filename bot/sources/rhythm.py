"""A source's rhythm: in which hours of the week it publishes, learnt from when it did. Pure.

Polls are spent where news is. If entries come at rate r(t) and polls at rate p(t), the expected wait of an entry is
the mean of r / 2p; for a given number of polls it is shortest where p is proportional to the square root of r.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOURS = 7 * 24  # bins; the first is Monday, 00:00 UTC
HALF_LIFE = timedelta(days=28)  # what was learnt counts half after that: habits change, clocks too
_HOUR = timedelta(hours=1)
_ENOUGH = 20.0  # entries; with fewer there is no rhythm to see
_LIKE_ITS_DAY = 24.0  # hours of watching an hour of the week, until it counts as much as that hour of other days
_LIKE_THE_WEEK = 3.0  # hours of watching an hour of the day, until it counts as much as the average
_QUIETEST, _BUSIEST = 1 / 16, 16.0  # of the average rate: no hour is taken for dead, or for all there is


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Entries and hours watched, for each hour of the week (both fade with HALF_LIFE), up to `until`."""

    until: datetime
    entries: tuple[float, ...] = (0.0,) * HOURS
    watched: tuple[float, ...] = (0.0,) * HOURS


def hour_of_week(time: datetime) -> int:
    """Return the hour of the week, 0 to 167, from Monday, 00:00 UTC."""
    time = time.astimezone(UTC)
    return time.weekday() * 24 + time.hour


def learn(rhythm: Rhythm, published: Sequence[datetime], now: datetime) -> Rhythm:
    """Return the rhythm after watching a source up to `now`, while it published at these times.

    A time that was not watched is taken for `now`: dates are the publisher's, and an entry that is new came just now.
    """
    if now <= rhythm.until:
        return rhythm
    fade = 0.5 ** ((now - rhythm.until) / HALF_LIFE)
    entries = [count * fade for count in rhythm.entries]
    watched = [hours * fade for hours in rhythm.watched]
    for hour, share in _hours_between(max(rhythm.until, now - 4 * HALF_LIFE), now):
        watched[hour] += share
    for time in published:
        entries[hour_of_week(time if rhythm.until < time <= now else now)] += 1
    return Rhythm(now, tuple(entries), tuple(watched))


def rates(rhythm: Rhythm) -> tuple[float, ...]:
    """Return entries an hour for each hour of the week; all equal while too few are known.

    An hour that was watched little is taken to be like that hour on other days, and that like the average.
    """
    total = sum(rhythm.entries)
    average = total / sum(rhythm.watched) if total else 0.0
    if total < _ENOUGH:
        return (1.0,) * HOURS
    usual = [
        _blend(sum(rhythm.entries[hour::24]), sum(rhythm.watched[hour::24]), average, _LIKE_THE_WEEK)
        for hour in range(24)
    ]
    own = (_blend(rhythm.entries[hour], rhythm.watched[hour], usual[hour % 24], _LIKE_ITS_DAY) for hour in range(HOURS))
    return tuple(min(max(rate, average * _QUIETEST), average * _BUSIEST) for rate in own)


def next_at(now: datetime, interval: timedelta, hourly: Sequence[float]) -> datetime:
    """Return when to poll next, so that there are as many polls a week as with `interval`, but more in busy hours.

    `hourly` is what `rates` returns.
    """
    roots = [math.sqrt(rate) for rate in hourly]
    owed = (interval / _HOUR) * sum(roots) / HOURS  # polls are spaced evenly in "root time"
    time = now
    while owed > 0:
        root = roots[hour_of_week(time)]
        left = (_next_hour(time) - time) / _HOUR
        if root * left >= owed:
            return time + _HOUR * (owed / root)
        owed -= root * left
        time = _next_hour(time)
    return time


def dump(rhythm: Rhythm) -> str:
    """Return the rhythm as text, to be kept."""
    numbers = [[round(number, 3) for number in column] for column in (rhythm.entries, rhythm.watched)]
    return json.dumps([rhythm.until.isoformat(), *numbers], separators=(",", ":"))


def load(text: str | None, now: datetime) -> Rhythm:
    """Return what `dump` was given; a rhythm that begins `now` for None."""
    if text is None:
        return Rhythm(now)
    until, entries, watched = json.loads(text)
    return Rhythm(datetime.fromisoformat(until), tuple(entries), tuple(watched))


def _blend(entries: float, watched: float, otherwise: float, weight: float) -> float:
    """Return a rate: what was seen, and `otherwise` as if it had been seen for `weight` hours."""
    return (entries + otherwise * weight) / (watched + weight)


def _hours_between(start: datetime, end: datetime) -> list[tuple[int, float]]:
    """Return (hour of the week, share of it) for each hour touched between two times."""
    found = []
    while start < end:
        stop = min(_next_hour(start), end)
        found.append((hour_of_week(start), (stop - start) / _HOUR))
        start = stop
    return found


def _next_hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + _HOUR
