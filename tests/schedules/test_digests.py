import zoneinfo
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.models import Schedule
from bot.runtime.zone_rules import zone_info
from bot.schedules.digests import DAY, Lateness, lateness, next_digest_at, next_run_at, period, reschedule

ZONES = sorted(zoneinfo.available_timezones())
moments = st.datetimes(datetime(2024, 1, 1), datetime(2027, 12, 28), timezones=st.just(UTC))  # noqa: DTZ001
times = st.times().map(lambda at: at.replace(second=0, microsecond=0)) | st.sampled_from(
    [time(0), time(0, 30), time(1, 30), time(2), time(2, 30), time(3), time(23, 30), time(23, 59)]
)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def runs(start: datetime, end: datetime, at: time, zone: str) -> Iterator[datetime]:
    due = next_digest_at(start, at, zone)
    while due < end:
        yield due
        due = next_digest_at(due, at, zone)


def test_a_skipped_time_runs_at_the_first_moment_after_the_gap() -> None:
    assert next_digest_at(utc(2026, 3, 28, 12), time(2, 30), "Europe/Berlin") == utc(2026, 3, 29, 1)


def test_a_time_that_comes_twice_runs_at_the_first() -> None:
    first = next_digest_at(utc(2026, 10, 24, 12), time(2, 30), "Europe/Berlin")
    assert first == utc(2026, 10, 25, 0, 30)
    assert next_digest_at(first, time(2, 30), "Europe/Berlin") == utc(2026, 10, 26, 1, 30)


def test_a_midnight_that_does_not_exist_is_not_a_lost_day() -> None:
    assert next_digest_at(utc(2018, 11, 3, 12), time(0), "America/Sao_Paulo") == utc(2018, 11, 4, 3)


def test_a_date_that_does_not_exist_has_no_digest() -> None:
    found = [
        period(Schedule.DAILY, due, "Pacific/Apia")
        for due in runs(utc(2011, 12, 28), utc(2012, 1, 2), time(8), "Pacific/Apia")
    ]
    assert found == ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01", "2012-01-02"]


def test_half_an_hour_of_summer_time_is_honoured() -> None:
    assert next_digest_at(utc(2026, 10, 3, 12), time(2, 15), "Australia/Lord_Howe") == utc(2026, 10, 3, 15, 30)
    assert next_digest_at(utc(2026, 10, 3, 16), time(8), "Australia/Lord_Howe") == utc(2026, 10, 3, 21)


def test_a_gap_that_runs_past_midnight_keeps_the_digest_on_its_date() -> None:
    due = next_digest_at(utc(2024, 3, 30, 12), time(23, 30), "America/Nuuk")
    assert due == datetime(2024, 3, 31, 0, 59, 59, tzinfo=UTC)
    assert period(Schedule.DAILY, due, "America/Nuuk") == "2024-03-30"


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), times, st.integers(2005, 2027))
def test_every_local_date_has_exactly_one_digest(zone: str, at: time, year: int) -> None:
    start, end = utc(year, 1, 1), utc(year + 1, 1, 1)
    dates = [period(Schedule.DAILY, due, zone) for due in runs(start, end, at, zone)]
    clock = zone_info(zone)
    existing = sorted(
        {(start + timedelta(minutes=30) * step).astimezone(clock).date() for step in range(48 * (end - start).days)}
    )
    assert dates == sorted(set(dates))
    assert set(map(date.isoformat, existing[1:-1])) <= set(dates)


def test_every_zone_has_one_digest_a_date_over_three_years_of_clock_changes() -> None:
    for zone in ZONES:
        for at in (time(0), time(2, 30), time(23, 30)):
            for due in changes(zone, utc(2025, 1, 1), utc(2028, 1, 1)):
                found = list(runs(due - 3 * DAY, due + 3 * DAY, at, zone))
                days = [date.fromisoformat(period(Schedule.DAILY, one, zone)) for one in found]
                assert all(later - earlier == DAY for earlier, later in pairwise(days)), (zone, at, due)


def changes(zone: str, start: datetime, end: datetime) -> list[datetime]:
    """The days on which a zone's clock changes."""
    clock = zone_info(zone)
    days = [start + DAY * number for number in range((end - start).days)]
    return [
        later
        for earlier, later in pairwise(days)
        if earlier.astimezone(clock).utcoffset() != later.astimezone(clock).utcoffset()
    ]


@given(moments, times, st.sampled_from(ZONES))
def test_the_next_digest_is_later_and_within_two_days(after: datetime, at: time, zone: str) -> None:
    assert after < next_digest_at(after, at, zone) <= after + timedelta(hours=49)


def test_leap_days_and_year_ends_are_days_like_others() -> None:
    assert next_digest_at(utc(2028, 2, 28, 8), time(8), "UTC") == utc(2028, 2, 29, 8)
    assert next_digest_at(utc(2026, 12, 31, 8), time(8), "UTC") == utc(2027, 1, 1, 8)


def test_hourly_runs_with_the_full_hour_and_weekly_on_monday() -> None:
    now = utc(2026, 11, 24, 7, 20)
    assert next_run_at(Schedule.HOURLY, now, time(8), "Asia/Kolkata") == utc(2026, 11, 24, 8)
    assert next_run_at(Schedule.WEEKLY, now, time(8), "Europe/Berlin") == utc(2026, 11, 30, 7)
    assert next_run_at(Schedule.WEEKLY, now, time(8), "Europe/Berlin", weekday=4) == utc(2026, 11, 27, 7)
    assert next_run_at(Schedule.INSTANT, now, time(8), "UTC") == utc(2026, 11, 24, 8)


def test_a_period_names_the_hour_the_local_date_or_the_iso_week() -> None:
    due = utc(2027, 1, 2, 22, 30)
    assert period(Schedule.HOURLY, due, "Asia/Tokyo") == "2027-01-02T22Z"
    assert period(Schedule.DAILY, due, "Asia/Tokyo") == "2027-01-03"
    assert period(Schedule.WEEKLY, due, "Asia/Tokyo") == "2026-W53"


@pytest.mark.parametrize(
    ("schedule", "after"),
    [
        (Schedule.HOURLY, timedelta(hours=12)),
        (Schedule.HOURLY, DAY),
        (Schedule.DAILY, 7 * DAY),
        (Schedule.DAILY, 365 * DAY),
        (Schedule.WEEKLY, 364 * DAY),
        (Schedule.WEEKLY, 371 * DAY),
    ],
)
def test_a_period_never_comes_again(schedule: Schedule, after: timedelta) -> None:
    due = utc(2026, 1, 5, 7)
    later = (due + after * number for number in range(1, 9))
    assert period(schedule, due, "Europe/Berlin") not in {period(schedule, moment, "Europe/Berlin") for moment in later}


@given(moments, times, st.sampled_from(ZONES), st.sampled_from([Schedule.HOURLY, Schedule.DAILY, Schedule.WEEKLY]))
def test_runs_in_a_row_never_share_a_period(after: datetime, at: time, zone: str, schedule: Schedule) -> None:
    first = next_run_at(schedule, after, at, zone)
    second = next_run_at(schedule, first, at, zone)
    assert period(schedule, first, zone) != period(schedule, second, zone)


@pytest.mark.parametrize(
    ("behind", "expected"),
    [
        (timedelta(0), Lateness.ON_TIME),
        (timedelta(minutes=-5), Lateness.ON_TIME),
        (timedelta(minutes=29), Lateness.ON_TIME),
        (timedelta(minutes=30), Lateness.LATE),
        (timedelta(hours=11, minutes=59), Lateness.LATE),
        (timedelta(hours=12), Lateness.MISSED),
        (timedelta(days=4), Lateness.MISSED),
    ],
)
def test_a_late_digest_is_sent_once_or_left_to_the_next(behind: timedelta, expected: Lateness) -> None:
    due = utc(2026, 11, 23, 7)
    assert lateness(due, due + behind) is expected


def test_a_later_time_on_a_day_that_had_its_digest_begins_tomorrow() -> None:
    due = utc(2026, 11, 23, 7)  # 08:00 in Berlin
    found = reschedule(utc(2026, 11, 23, 7, 5), time(20), "Europe/Berlin", last_due=due, last_period="2026-11-23")
    assert found == utc(2026, 11, 24, 19)


def test_a_reader_who_flew_east_gets_no_second_digest_on_a_day_of_the_new_zone() -> None:
    due = utc(2026, 11, 23, 16)  # 08:00 in Los Angeles, 01:00 on the 24th in Tokyo
    found = reschedule(utc(2026, 11, 23, 17), time(8), "Asia/Tokyo", last_due=due, last_period="2026-11-23")
    assert found == utc(2026, 11, 24, 23)  # 08:00 on the 25th


def test_a_chat_that_had_no_digest_yet_gets_the_next_one() -> None:
    assert reschedule(utc(2026, 11, 23, 7, 5), time(20), "Europe/Berlin") == utc(2026, 11, 23, 19)


@given(moments, times, times, st.sampled_from(ZONES), st.sampled_from(ZONES), st.timedeltas(timedelta(0), DAY))
def test_no_change_gives_two_digests_a_date_or_a_wait_of_more_than_two_days(
    before: datetime, old_at: time, at: time, old_zone: str, zone: str, wait: timedelta
) -> None:
    last = next_digest_at(before, old_at, old_zone)
    had = period(Schedule.DAILY, last, old_zone)
    now = min(last + wait, next_digest_at(last, old_at, old_zone))
    due = reschedule(now, at, zone, last_due=last, last_period=had)
    assert due > now
    assert period(Schedule.DAILY, due, zone) != had
    wall = due.astimezone(zone_info(zone)).replace(tzinfo=None) - now.astimezone(zone_info(zone)).replace(tzinfo=None)
    assert min(wall, due - now) <= timedelta(hours=48)
    if zone == old_zone:
        assert due.astimezone(zone_info(zone)).date() != last.astimezone(zone_info(zone)).date()
