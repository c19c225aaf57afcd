"""Due times of digests: pure functions of a moment, a time of day and a zone.

Every local date that exists has exactly one digest, however its clocks change that day:
- the time is skipped (spring): the first moment after the gap;
- it comes twice (autumn): the first of the two;
- the gap runs past midnight (Nuuk goes from 23:00 to 00:00): the last second before it, for that is still the date;
- the date itself is skipped (Apia, 30 December 2011): none.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from bot.models import Schedule
from bot.runtime.zone_rules import zone_info

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MONDAY = 0
LATE_AFTER = timedelta(minutes=30)  # a popular hour's digests are spread and sent one by one: that is not late
MISSED_AFTER = timedelta(hours=12)  # nearer to the next digest than to this one
FARTHEST = timedelta(hours=48)  # the longest wait after a change of the time or zone


class Lateness(StrEnum):
    """The lateness of a digest that is found due, which decides what is sent."""

    ON_TIME = "on time"
    LATE = "late"  # sent now, with a line that says so
    MISSED = "missed"  # its items are in the next digest


def next_run_at(schedule: Schedule, after: datetime, at: time, zone: str, *, weekday: int = MONDAY) -> datetime:
    """Return the first moment (UTC) after `after` when a digest of this kind is due.

    Hourly digests come with the full UTC hour, weekly ones on `weekday` (0 is Monday). An instant subscription has a
    daily slot, for hits that no alert could carry.
    """
    if schedule is Schedule.HOURLY:
        return after.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    due = next_digest_at(after, at, zone)
    while schedule is Schedule.WEEKLY and due.astimezone(zone_info(zone)).weekday() != weekday:
        due = next_digest_at(due, at, zone)
    return due


def next_digest_at(after: datetime, at: time, zone: str) -> datetime:
    """Return the first moment (UTC) after `after` when it is `at` in `zone`, as the module says."""
    clock = zone_info(zone)
    day = after.astimezone(clock).date() - DAY
    while True:
        due = _due_on(day, at, clock)
        if due is not None and due > after:
            return due
        day += DAY


def period(schedule: Schedule, due: datetime, zone: str) -> str:
    """Return the key under which a digest is made once: "2026-11-23", "2026-W48" (ISO), or "2026-11-23T07Z"."""
    if schedule is Schedule.HOURLY:
        return due.astimezone(UTC).strftime("%Y-%m-%dT%HZ")
    local = due.astimezone(zone_info(zone))
    if schedule is Schedule.WEEKLY:
        year, week, _ = local.isocalendar()
        return f"{year}-W{week:02}"
    return local.date().isoformat()


def lateness(due: datetime, now: datetime) -> Lateness:
    """Return whether a digest due then is sent now, and as what. Several missed ones make one: the next."""
    behind = now - due
    if behind < LATE_AFTER:
        return Lateness.ON_TIME
    return Lateness.LATE if behind < MISSED_AFTER else Lateness.MISSED


def reschedule(
    now: datetime, at: time, zone: str, *, last_due: datetime | None = None, last_period: str | None = None
) -> datetime:
    """Return when the next daily digest is due once its time or zone has changed.

    `last_due` and `last_period` are of the last one made, None if there was none. The next has another period, so it is
    not taken for that one; and if it can be within FARTHEST, another date in the new zone too, so a reader who flew
    west is not sent two on one day.
    """
    first = next_digest_at(now, at, zone)
    runs = [first, next_digest_at(first, at, zone)]
    unlike = [run for run in runs if period(Schedule.DAILY, run, zone) != last_period]
    if last_due is None:
        return unlike[0]
    today = period(Schedule.DAILY, last_due, zone)
    fresh = [run for run in unlike if period(Schedule.DAILY, run, zone) != today and run - now <= FARTHEST]
    return (fresh or unlike)[0]


def _due_on(day: date, at: time, clock: tzinfo) -> datetime | None:
    """Return the moment (UTC) of `at` on a local date, None if the date does not exist there."""
    wall = datetime.combine(day, at)
    due = wall.replace(tzinfo=clock, fold=0).astimezone(UTC)
    if due.astimezone(clock).replace(tzinfo=None) == wall:
        return due
    change = _change_before(due, clock)
    moments = (change, change - SECOND)
    return next((moment for moment in moments if moment.astimezone(clock).date() == day), None)


def _change_before(moment: datetime, clock: tzinfo) -> datetime:
    """Return the second (UTC) at which the clock that shows `moment` was put forward, within the day before."""
    early, late = moment - DAY, moment
    offset = late.astimezone(clock).utcoffset()
    while late - early > SECOND:
        middle = (early + (late - early) / 2).replace(microsecond=0)
        early, late = (early, middle) if middle.astimezone(clock).utcoffset() == offset else (middle, late)
    return late
