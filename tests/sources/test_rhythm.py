import json
import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.sources import rhythm
from bot.sources.rhythm import HOURS, SLOTS, Rates, Rhythm

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)


def busy_mornings(weeks: int = 4) -> Rhythm:
    """Ten entries between six and seven each day, one in each other hour of daylight."""
    known = Rhythm(MONDAY)
    for day in range(weeks * 7):
        start = MONDAY + day * DAY
        published = [start + 6 * HOUR + number * timedelta(minutes=6) for number in range(10)]
        published += [start + hour * HOUR + (hour * 17 + day * 7) % 60 * HOUR / 60 for hour in range(8, 20)]
        known = rhythm.learn(known, published, start + DAY)
    return known


def test_the_hours_of_the_week_begin_on_monday_in_utc() -> None:
    assert rhythm.hour_of_week(MONDAY) == 0
    assert rhythm.hour_of_week(MONDAY + 6 * DAY + 23 * HOUR) == HOURS - 1


def test_what_was_published_shows_in_the_rates() -> None:
    hourly = rhythm.rates(busy_mornings()).hourly
    assert hourly[6] > 3 * hourly[10] > 3 * hourly[2] > 0
    assert abs(sum(hourly) / HOURS - 22 / 24) < 0.1


def test_few_entries_show_no_rhythm() -> None:
    assert rhythm.rates(rhythm.learn(Rhythm(MONDAY), [MONDAY] * 5, MONDAY + DAY)) == Rates()


def test_polls_gather_where_news_is_and_are_as_many_as_before() -> None:
    known = rhythm.rates(busy_mornings())
    time, polls = MONDAY, []
    while time < MONDAY + WEEK:
        polls.append(time)
        time = rhythm.next_at(time, timedelta(minutes=30), known)
    assert abs(len(polls) - 7 * 48) <= 7 * 48 * 0.01
    assert sum(poll.hour == 6 for poll in polls) > 3 * sum(poll.hour == 2 for poll in polls)


def test_without_a_rhythm_the_interval_is_kept() -> None:
    flat = rhythm.rates(Rhythm(MONDAY))
    assert rhythm.next_at(MONDAY + 5 * HOUR, timedelta(minutes=50), flat) == MONDAY + 5 * HOUR + timedelta(minutes=50)


def test_a_new_habit_replaces_the_old_one() -> None:
    known = busy_mornings()
    for day in range(28, 28 + 84):
        start = MONDAY + day * DAY
        known = rhythm.learn(known, [start + 20 * HOUR] * 10, start + DAY)
    hourly = rhythm.rates(known).hourly
    assert hourly[20] > 5 * hourly[6]


def test_it_is_kept_as_text() -> None:
    known = busy_mornings(1)
    again = rhythm.load(rhythm.dump(known), MONDAY)
    assert again.until == known.until
    assert all(abs(a - b) < 0.001 for a, b in zip(again.entries, known.entries, strict=True))
    assert all(abs(a - b) < 0.001 for a, b in zip(again.slots, known.slots, strict=True))
    assert again.recent == known.recent
    assert rhythm.load(None, MONDAY) == Rhythm(MONDAY)


def test_what_an_older_version_kept_is_read() -> None:
    until, entries, watched, *_ = json.loads(rhythm.dump(busy_mornings(1)))
    again = rhythm.load(json.dumps([until, entries, watched]), MONDAY)
    assert list(again.entries) == entries
    assert (sum(again.slots), again.recent) == (0, ())


def test_a_source_that_publishes_on_the_hour_is_polled_right_after() -> None:
    known = Rhythm(MONDAY)
    for hour in range(14 * 24):
        known = rhythm.learn(known, [MONDAY + hour * HOUR + HOUR / 60] * 2, MONDAY + (hour + 1) * HOUR)
    time, polls = MONDAY, []
    while time < MONDAY + WEEK:
        polls.append(time)
        time = rhythm.next_at(time, 30 * HOUR / 60, rhythm.rates(known))
    assert abs(len(polls) - 7 * 48) <= 7 * 48 * 0.01
    assert sum(poll.minute < 10 for poll in polls) > len(polls) / 3


def test_entries_without_a_date_do_not_gather_polls_where_polls_are() -> None:
    known = Rhythm(MONDAY)
    for hour in range(1, 200):
        now = MONDAY + hour * HOUR
        known = rhythm.learn(known, [now], now)
    assert rhythm.rates(known).slots == (1.0,) * SLOTS


def test_the_last_entries_are_remembered_in_order() -> None:
    known = rhythm.learn(Rhythm(MONDAY), [MONDAY + (30 - number) * HOUR for number in range(30)], MONDAY + 2 * DAY)
    assert known.recent == tuple(MONDAY + number * HOUR for number in range(11, 31))
    later = rhythm.learn(known, [MONDAY], MONDAY + 3 * DAY)  # it says it is old, and came now
    assert later.recent == (*known.recent[1:], MONDAY + 3 * DAY)


def test_a_long_silence_is_learnt_in_bounded_time() -> None:
    known = rhythm.learn(Rhythm(MONDAY), [], MONDAY + timedelta(days=10_000))
    assert sum(known.watched) <= 4 * 28 * 24 + 1


@given(st.lists(st.timedeltas(-DAY, 30 * DAY)), st.timedeltas(timedelta(), 20 * DAY), st.timedeltas(HOUR / 60, WEEK))
def test_the_next_poll_is_always_later_and_never_much(
    published: list[timedelta], watched: timedelta, interval: timedelta
) -> None:
    known = rhythm.learn(Rhythm(MONDAY), [MONDAY + time for time in published], MONDAY + watched)
    at = rhythm.next_at(MONDAY + watched, interval, rhythm.rates(known))
    assert timedelta() < at - (MONDAY + watched) <= 17 * interval + HOUR


def test_waits_are_shorter_than_at_fixed_intervals_for_as_many_polls() -> None:
    source = random.Random(5)
    arrivals = [MONDAY + WEEK + day * DAY + 6 * HOUR + source.random() * HOUR for day in range(7) for _ in range(10)]
    arrivals += [MONDAY + WEEK + day * DAY + (8 + 12 * source.random()) * HOUR for day in range(7) for _ in range(12)]
    known, waits, fixed = rhythm.rates(busy_mornings()), timedelta(), timedelta()
    for arrival in arrivals:
        time = MONDAY + WEEK
        while time < arrival:
            time = rhythm.next_at(time, HOUR, known)
        waits += time - arrival
        fixed += HOUR / 2
    assert waits < fixed * 0.85
