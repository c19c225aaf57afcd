from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.models import Validators
from bot.sources.http.headers import fresh_for, http_date, retry_after, validators

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", timedelta(seconds=120)),
        (" 3600 ", timedelta(hours=1)),
        ("0", timedelta(minutes=1)),
        ("1000000000000", timedelta(days=1)),
        ("9" * 5000, timedelta(days=1)),
        ("Mon, 02 Nov 2026 12:30:00 GMT", timedelta(minutes=30)),
        ("Mon, 02 Nov 2020 12:30:00 GMT", timedelta(minutes=1)),
        ("Mon, 02 Nov 2037 12:30:00 GMT", timedelta(days=1)),
        ("-5", None),
        ("soon", None),
        ("١٢٠", None),
        ("", None),
    ],
)
def test_retry_after_is_honoured_between_a_minute_and_a_day(value: str, wait: timedelta | None) -> None:
    assert retry_after({"Retry-After": value}, NOW) == wait


def test_a_date_is_relative_to_the_clock_of_the_server() -> None:
    headers = {"Retry-After": "Mon, 02 Nov 2026 10:30:00 GMT", "Date": "Mon, 02 Nov 2026 10:00:00 GMT"}
    assert retry_after(headers, NOW) == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("headers", "fresh"),
    [
        ({"Cache-Control": "public, max-age=600"}, timedelta(minutes=10)),
        ({"Cache-Control": 'max-age="600"'}, timedelta(minutes=10)),
        ({"Cache-Control": "s-maxage=600"}, None),
        ({"Cache-Control": "max-age=0"}, None),
        ({"Cache-Control": "max-age=99999999999999"}, timedelta(days=1)),
        ({"Cache-Control": "max-age=-600"}, None),
        ({"Expires": "Mon, 02 Nov 2026 12:10:00 GMT"}, timedelta(minutes=10)),
        ({"Expires": "0"}, None),
        ({"Expires": "Mon, 02 Nov 2020 12:10:00 GMT"}, None),
        ({"Cache-Control": "max-age=600", "Expires": "Mon, 02 Nov 2026 22:10:00 GMT"}, timedelta(minutes=10)),
        ({}, None),
    ],
)
def test_freshness_is_what_the_server_says_up_to_a_day(headers: dict[str, str], fresh: timedelta | None) -> None:
    assert fresh_for(headers, NOW) == fresh


def test_validators_are_kept_verbatim() -> None:
    headers = {"ETag": 'W/"abc', "Last-Modified": "whenever"}
    assert validators(headers) == Validators('W/"abc', "whenever")


@pytest.mark.parametrize("value", ["", "x" * 1025, "a\rb", "a\nb", "a\x00b", "\udcff"])
def test_validators_that_could_do_harm_are_left_out(value: str) -> None:
    assert validators({"ETag": value, "Last-Modified": value}) == Validators()


@settings(deadline=None)
@given(st.text(max_size=40))
def test_no_header_raises(value: str) -> None:
    http_date(value)
    for name in ("Retry-After", "Cache-Control", "Expires"):
        retry_after({name: value, "Date": value}, NOW)
        fresh_for({name: value, "Date": value}, NOW)
