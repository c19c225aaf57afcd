"""A source's rhythm: in which hours of the week, and minutes of the hour, it publishes, learnt from when it did. Pure.

Polls are spent where news is. If entries come at rate r(t) and polls at rate p(t), the expected wait of an entry is
the mean of r / 2p; for a given number of polls it is shortest where p is proportional to the square root of r.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

HOURS = 7 * 24  # bins; the first is Monday, 00:00 UTC
SLOTS = 12  # bins of five minutes: many publish on the hour, or a little after
HALF_LIFE = timedelta(days=28)  # what was learnt counts half after that: habits change, clocks too
_HOUR = timedelta(hours=1)
_SLOT = _HOUR / SLOTS
_ENOUGH = 20.0  # entries; with fewer there is no rhythm to see
_LIKE_ITS_DAY = 24.0  # hours of watching an hour of the week, until it counts as much as that hour of other days
_LIKE_THE_WEEK = 3.0  # hours of watching an hour of the day, until it counts as much as the average
_LIKE_THE_HOUR = 8.0  # entries in a slot, until it counts as much as the average slot
_RECENT = 20  # entries, whose times are kept
_QUIETEST, _BUSIEST = 1 / 16, 16.0  # of the average rate: no hour is taken for dead, or for all there is


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Entries and hours watched, for each hour of the week, entries by slot of the hour (all fade with HALF_LIFE), and
    when the last entries came, oldest first; all up to `until`.
    """

    until: datetime
    entries: tuple[float, ...] = (0.0,) * HOURS
    watched: tuple[float, ...] = (0.0,) * HOURS
    slots: tuple[float, ...] = (0.0,) * SLOTS
    recent: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class Rates:
    """Entries an hour for each hour of the week, and what part of the hour's rate each slot has (1 is the average)."""

    hourly: tuple[float, ...] = (1.0,) * HOURS
    slots: tuple[float, ...] = (1.0,) * SLOTS


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
    entries, watched, slots = (
        [count * fade for count in column] for column in (rhythm.entries, rhythm.watched, rhythm.slots)
    )
    for hour, share in _hours_between(max(rhythm.until, now - 4 * HALF_LIFE), now):
        watched[hour] += share
    times = [time if rhythm.until < time <= now else now for time in published]
    for time in times:
        entries[hour_of_week(time)] += 1
        slots[_slot(time)] += time != now  # or polls would gather where polls are
    recent = (*rhythm.recent, *sorted(times))[-_RECENT:]
    return Rhythm(now, tuple(entries), tuple(watched), tuple(slots), recent)


def rates(rhythm: Rhythm) -> Rates:
    """Return how often entries come, hour by hour and slot by slot; all equal while too few are known.

    An hour that was watched little is taken to be like that hour on other days, and that like the average.
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
    """Return when to poll next, so that there are as many polls a week as with `interval`, but more in busy hours."""
    hourly, slots = ([math.sqrt(rate) for rate in column] for column in (known.hourly, known.slots))
    owed = (interval / _SLOT) * sum(hourly) / HOURS * sum(slots) / SLOTS  # polls are spaced evenly in "root time"
    hour, slot = hour_of_week(now), _slot(now)
    gone = (now.minute * 60 + now.second + now.microsecond / 1e6) / _SLOT.total_seconds() - slot
    waited = -gone
    while True:
        root = hourly[hour] * slots[slot]
        if root * (1 - gone) >= owed:
            return now + _SLOT * (waited + gone + owed / root)
        owed -= root * (1 - gone)
        waited, gone, slot = waited + 1, 0.0, slot + 1
        if slot == SLOTS:
            hour, slot = (hour + 1) % HOURS, 0


def dump(rhythm: Rhythm) -> str:
    """Return the rhythm as text, to be kept."""
    numbers = [[round(number, 3) for number in column] for column in (rhythm.entries, rhythm.watched, rhythm.slots)]
    recent = [int(time.timestamp()) for time in rhythm.recent]
    return json.dumps([rhythm.until.isoformat(), *numbers, recent], separators=(",", ":"))


def load(text: str | None, now: datetime) -> Rhythm:
    """Return what `dump` was given, also by an older version; a rhythm that begins `now` for None."""
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


def _slot(time: datetime) -> int:
    return time.minute * SLOTS // 60


def _next_hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + _HOUR
