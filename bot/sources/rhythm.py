"""Rhythm: learns in which hours of the week, and minutes of the hour, a source publishes, and spaces its polls. Pure.

If entries come at rate r(t) and polls at rate p(t), the expected wait of an entry is
the mean of r / 2p; for a given number of polls it is shortest where p is proportional to the square root of r.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOURS = 7 * 24  # bins; the first is Monday, 00:00 UTC
SLOTS = 12  # bins of five minutes: many publish on the hour, or a little after
HALF_LIFE = timedelta(days=28)  # of what was learnt: habits change, clocks too
_HOUR = timedelta(hours=1)
_SLOT = _HOUR / SLOTS
_ENOUGH = 20.0  # entries; with fewer no rhythm can be seen
_LIKE_ITS_DAY = 24.0  # hours observed of an hour of the week, until it weighs as much as that hour of other days
_LIKE_THE_WEEK = 3.0  # hours observed of an hour of the day, until it weighs as much as the average
_LIKE_THE_HOUR = 8.0  # entries in a slot, until it weighs as much as the average slot
_RECENT = 20  # entries, whose times are kept
_QUIETEST, _BUSIEST = 1 / 16, 16.0  # of the average rate: no hour is left out, and none gets all polls


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Publication counts of a source up to `until`; all but `recent` fade with HALF_LIFE.

    `entries` and `watched` (hours observed) are by hour of the week, `slots` (entries) by slot of the hour; `recent`
    has the times of the last entries, oldest first.
    """

    until: datetime
    entries: tuple[float, ...] = (0.0,) * HOURS
    watched: tuple[float, ...] = (0.0,) * HOURS
    slots: tuple[float, ...] = (0.0,) * SLOTS
    recent: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Rates:
    """Entries an hour for each hour of the week, and the factor of each slot of the hour (1 is the average)."""

    hourly: tuple[float, ...] = (1.0,) * HOURS
    slots: tuple[float, ...] = (1.0,) * SLOTS


def hour_of_week(time: datetime) -> int:
    """Return the hour of the week, 0 to 167, from Monday, 00:00 UTC."""
    time = time.astimezone(UTC)
    return time.weekday() * 24 + time.hour


def learn(rhythm: Rhythm, published: Sequence[datetime], now: datetime) -> Rhythm:
    """Return the rhythm after observing a source up to `now`, while it published at these times.

    A time outside the observed span counts as `now`: dates are the publisher's, and a new entry came just now.
    """
    if now <= rhythm.until:
        return rhythm
    fade = 0.5 ** ((now - rhythm.until) / HALF_LIFE)
    entries, watched, slots = (
        [count * fade for count in column] for column in (rhythm.entries, rhythm.watched, rhythm.slots)
    )
    for hour, share in _hours_between(max(rhythm.until, now - 4 * HALF_LIFE), now):
        watched[hour] += share
    times = [time if rhythm.until < time <= now else now for time in published]
    for time in times:
        entries[hour_of_week(time)] += 1
        slots[_slot(time)] += time != now  # a time of `now` shows only when polls are
    recent = (*rhythm.recent, *sorted(times))[-_RECENT:]
    return Rhythm(now, tuple(entries), tuple(watched), tuple(slots), recent)


def rates(rhythm: Rhythm) -> Rates:
    """Return the rates of entries by hour and slot; all equal while too few are known.

    An hour observed little is blended with that hour on other days, and that with the average.
    """
    total = sum(rhythm.entries)
    if total < _ENOUGH:
        return Rates()
    average = total / sum(rhythm.watched)
    usual = [
        _blend(sum(rhythm.entries[hour::24]), sum(rhythm.watched[hour::24]), average, _LIKE_THE_WEEK)
        for hour in range(24)
    ]
    own = (_blend(rhythm.entries[hour], rhythm.watched[hour], usual[hour % 24], _LIKE_ITS_DAY) for hour in range(HOURS))
    hourly = tuple(min(max(rate, average * _QUIETEST), average * _BUSIEST) for rate in own)
    usual_slot = sum(rhythm.slots) / SLOTS
    slots = ((count + _LIKE_THE_HOUR) / (usual_slot + _LIKE_THE_HOUR) for count in rhythm.slots)
    return Rates(hourly, tuple(slots))


def next_at(now: datetime, interval: timedelta, known: Rates) -> datetime:
    """Return when to poll next: as many polls a week as with `interval`, but more of them in busy hours."""
    hourly, slots = ([math.sqrt(rate) for rate in column] for column in (known.hourly, known.slots))
    remaining = (interval / _SLOT) * sum(hourly) / HOURS * sum(slots) / SLOTS  # polls are spaced evenly in "root time"
    hour, slot = hour_of_week(now), _slot(now)
    gone = (now.minute * 60 + now.second + now.microsecond / 1e6) / _SLOT.total_seconds() - slot
    waited = -gone
    while True:
        root = hourly[hour] * slots[slot]
        if root * (1 - gone) >= remaining:
            return now + _SLOT * (waited + gone + remaining / root)
        remaining -= root * (1 - gone)
        waited, gone, slot = waited + 1, 0.0, slot + 1
        if slot == SLOTS:
            hour, slot = (hour + 1) % HOURS, 0


def dump(rhythm: Rhythm) -> str:
    """Return the rhythm as JSON, to be stored."""
    numbers = [[round(number, 3) for number in column] for column in (rhythm.entries, rhythm.watched, rhythm.slots)]
    recent = [int(time.timestamp()) for time in rhythm.recent]
    return json.dumps([rhythm.until.isoformat(), *numbers, recent], separators=(",", ":"))


def load(text: str | None, now: datetime) -> Rhythm:
    """Return the rhythm that `dump` wrote, also in an older version; an empty one that begins `now` for None."""
    if text is None:
        return Rhythm(now)
    until, entries, watched, *newer = json.loads(text)
    slots, recent = newer or ((0.0,) * SLOTS, ())
    return Rhythm(
        datetime.fromisoformat(until),
        tuple(entries),
        tuple(watched),
        tuple(slots),
        tuple(datetime.fromtimestamp(time, UTC) for time in recent),
    )


def _blend(entries: float, watched: float, otherwise: float, weight: float) -> float:
    """Return the observed rate, blended with the rate `otherwise` as if that had been observed for `weight` hours."""
    return (entries + otherwise * weight) / (watched + weight)


def _hours_between(start: datetime, end: datetime) -> list[tuple[int, float]]:
    """Return (hour of the week, share of it) for each hour between two times."""
    found = []
    while start < end:
        stop = min(_next_hour(start), end)
        found.append((hour_of_week(start), (stop - start) / _HOUR))
        start = stop
    return found


def _slot(time: datetime) -> int:
    return time.minute * SLOTS // 60


def _next_hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + _HOUR
