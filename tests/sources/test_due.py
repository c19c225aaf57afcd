from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import FaultKind, SourceError, SourceFault
from bot.models import PollHints, Source
from bot.sources.due import (
    FALLBACK,
    PollSettings,
    after_failure,
    after_skipped,
    after_success,
    is_dead,
    next_poll_at,
    poll_interval,
    shortest_interval,
)
from bot.sources.rhythm import Rhythm

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TEN = 10 * MINUTE
SETTINGS = PollSettings(interval=TEN, fastest=timedelta(seconds=5), slowest=HOUR, own_networks=("10.1.0.0/16",))
SOURCE = Source(id=1, url="https://news.example/feed", title="News")


def test_a_success_is_followed_after_the_interval() -> None:
    assert next_poll_at(NOW, interval=TEN) == NOW + TEN


def test_polls_are_spread_by_a_tenth() -> None:
    assert next_poll_at(NOW, interval=TEN, chance=0.5) == NOW + 9.5 * MINUTE


def test_the_hint_of_the_server_is_honoured_within_the_slowest() -> None:
    assert next_poll_at(NOW, interval=TEN, fresh_for=HOUR) == NOW + HOUR
    assert next_poll_at(NOW, interval=TEN, fresh_for=MINUTE) == NOW + TEN
    assert next_poll_at(NOW, interval=TEN, fresh_for=DAY, slowest=2 * HOUR) == NOW + 2 * HOUR
    assert next_poll_at(NOW, interval=TEN, fresh_for=-DAY, fastest=15 * MINUTE) == NOW + 15 * MINUTE


def test_failures_double_the_longest_wait_up_to_a_day() -> None:
    assert next_poll_at(NOW, interval=TEN, failures=1, kind=FaultKind.HTTP, chance=0.0) == NOW + TEN
    assert next_poll_at(NOW, interval=TEN, failures=3, kind=FaultKind.HTTP, chance=0.5) == NOW + 45 * MINUTE
    assert next_poll_at(NOW, interval=TEN, failures=10**9, kind=FaultKind.HTTP, chance=0.999999) <= NOW + DAY


def test_retry_after_is_honoured_up_to_a_day() -> None:
    assert next_poll_at(NOW, interval=TEN, failures=1, retry_after=5 * HOUR) == NOW + 5 * HOUR
    assert next_poll_at(NOW, interval=TEN, retry_after=timedelta(days=40)) == NOW + DAY


def test_a_server_that_refuses_us_is_asked_seldom() -> None:
    assert next_poll_at(NOW, interval=TEN, failures=1, kind=FaultKind.BLOCKED) == NOW + 6 * HOUR
    assert next_poll_at(NOW, interval=TEN, failures=1, kind=FaultKind.GONE) == NOW + 8 * HOUR


def test_a_source_is_dead_when_it_said_three_times_that_it_is_gone() -> None:
    assert is_dead(FaultKind.GONE, 3)
    assert not is_dead(FaultKind.GONE, 2)
    assert not is_dead(FaultKind.HTTP, 300)


def test_a_source_is_polled_twice_per_entry_it_publishes() -> None:
    hourly = [NOW - number * HOUR for number in range(1, 30)]
    assert poll_interval(hourly, NOW, usual=TEN, fastest=MINUTE, slowest=DAY) == 30 * MINUTE


def test_the_usual_interval_is_for_sources_not_known_yet() -> None:
    assert poll_interval([NOW, NOW], NOW, usual=TEN, fastest=MINUTE, slowest=DAY) == TEN
    old = [NOW - timedelta(days=100 + number) for number in range(9)]
    assert poll_interval(old, NOW, usual=TEN, fastest=MINUTE, slowest=DAY) == TEN


def test_a_source_gone_quiet_is_polled_less_often() -> None:
    burst = [NOW - 5 * DAY - number * MINUTE for number in range(20)]
    assert poll_interval(burst, NOW, usual=TEN, fastest=MINUTE, slowest=DAY) > 2 * HOUR


spans = st.timedeltas(timedelta(seconds=1), timedelta(days=3))


@settings(deadline=None)
@given(
    spans, st.integers(0, 100), st.none() | st.sampled_from(FaultKind), st.none() | st.timedeltas(),
    st.none() | st.timedeltas(), spans, st.floats(0, 1, exclude_max=True),
)  # fmt: skip
def test_the_next_poll_is_never_sooner_than_allowed_nor_later_than_a_day(
    interval: timedelta,
    failures: int,
    kind: FaultKind | None,
    retry_after: timedelta | None,
    fresh_for: timedelta | None,
    fastest: timedelta,
    chance: float,
) -> None:
    at = next_poll_at(
        NOW, interval=interval, failures=failures, kind=kind, retry_after=retry_after, fresh_for=fresh_for,
        fastest=fastest, chance=chance,
    )  # fmt: skip
    assert fastest <= at - NOW <= max(DAY, fastest)


@pytest.mark.parametrize("times", [[], [NOW], [NOW + DAY] * 9])
def test_any_times_give_an_interval_within_the_limits(times: list[datetime]) -> None:
    assert MINUTE <= poll_interval(times, NOW, usual=timedelta(), fastest=MINUTE, slowest=HOUR) <= HOUR


def test_hours_and_days_a_document_asks_to_be_left_alone_are_waited_out() -> None:
    night = PollHints(skip_hours=frozenset({12, 13}))
    assert after_skipped(NOW + TEN, NOW, night, DAY) == NOW + 2 * HOUR
    assert after_skipped(NOW + 3 * HOUR, NOW, night, DAY) == NOW + 3 * HOUR
    monday = PollHints(skip_days=frozenset({0}))
    assert after_skipped(NOW + TEN, NOW, monday, DAY) == NOW + 12 * HOUR


def test_a_document_that_asks_for_all_hours_is_polled_all_the_same() -> None:
    never = PollHints(skip_hours=frozenset(range(24)))
    assert after_skipped(NOW + TEN, NOW, never, 6 * HOUR) == NOW + 6 * HOUR
    assert after_skipped(NOW + DAY, NOW, never, 6 * HOUR) == NOW + DAY


@pytest.mark.parametrize(
    ("host", "shortest"),
    [("news.example", MINUTE), ("192.0.2.1", MINUTE), ("10.1.2.3", timedelta(seconds=5)), ("10.2.2.3", MINUTE)],
)
def test_only_sources_in_our_own_networks_are_polled_more_often_than_is_polite(host: str, shortest: timedelta) -> None:
    assert shortest_interval(f"http://{host}/feed", SETTINGS) == shortest


def test_a_source_whose_hub_pushes_its_news_is_polled_less_often() -> None:
    def wait(source: Source) -> timedelta:
        return after_success(source, NOW, SETTINGS, known=Rhythm(NOW), fresh_for=None, chance=0.0) - NOW

    assert wait(SOURCE) == TEN
    assert wait(replace(SOURCE, pushed=True)) == FALLBACK * TEN
    assert wait(replace(SOURCE, poll_hints=PollHints(ttl=20 * MINUTE))) == 20 * MINUTE


def test_a_failure_counts_after_those_before_it_and_waits_as_the_server_requests() -> None:
    error = SourceError(SourceFault.STATUS, status=503)
    busy = SourceError(SourceFault.STATUS, status=503, retry_after=3 * HOUR)
    assert after_failure(replace(SOURCE, failures=2), NOW, SETTINGS, error, chance=0.5) == NOW + 45 * MINUTE
    assert after_failure(SOURCE, NOW, SETTINGS, busy, chance=0.5) == NOW + 3 * HOUR
