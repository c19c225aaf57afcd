import zoneinfo
from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.locales import words
from bot.runtime.zone_rules import zone_info
from bot.schedules.zones import AMBIGUOUS, SHOWN, parse_time, parse_zone

ENGLISH = words("en")


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("8", time(8)),
        ("08:30", time(8, 30)),
        ("8pm", time(20)),
        ("8:15 PM", time(20, 15)),
        ("12am", time(0)),
        ("12 p.m.", time(12)),
        ("20.15", time(20, 15)),
        ("0815", time(8, 15)),
        ("8h30", time(8, 30)),
        ("20 Uhr", time(20)),
        ("noon", time(12)),
        ("Midnight", time(0)),
        ("23:59", time(23, 59)),
        (" 7:05 ", time(7, 5)),
        ("٨:٣٠", time(8, 30)),
    ],
)
def test_times_are_read_as_people_write_them(typed: str, expected: time) -> None:
    assert parse_time(typed, ENGLISH) == expected


@pytest.mark.parametrize("typed", ["", "24", "8:60", "13pm", "0am", "8:3", "soon", "8-9", "-8", "100"])
def test_what_is_no_time_is_answered_with_an_example(typed: str) -> None:
    with pytest.raises(UserError, match="08:30"):
        parse_time(typed, ENGLISH)


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("new_york", "America/New_York"),
        ("São Paulo", "America/Sao_Paulo"),
        ("Damascus", "Asia/Damascus"),
        ("Kyiv", "Europe/Kyiv"),
        ("Kiev", "Europe/Kiev"),
        ("Germany", "Europe/Berlin"),
        ("Egypt", "Africa/Cairo"),
        ("uk", "Europe/London"),
        ("UTC", "UTC"),
        ("GMT", "UTC"),
        ("+0", "UTC"),
        ("UTC+3", "UTC+03:00"),
        ("UTC-12", "UTC-12:00"),
        ("UTC+14", "UTC+14:00"),
        ("+0530", "UTC+05:30"),
        ("GMT-3:30", "UTC-03:30"),
        ("utc−4", "UTC-04:00"),
    ],
)
def test_zones_are_found_by_name_city_country_or_offset(typed: str, key: str) -> None:
    assert parse_zone(typed, ENGLISH) == key


def test_cities_and_countries_are_known_in_the_readers_language_and_in_english() -> None:
    arabic = words("ar")
    for typed, key in (("القاهرة", "Africa/Cairo"), ("دمشق", "Asia/Damascus"), ("ألمانيا", "Europe/Berlin")):
        assert parse_zone(typed, arabic) == key
        with pytest.raises(UserError):
            parse_zone(typed, ENGLISH)
    assert parse_zone("Ho Chi Minh City", arabic) == parse_zone("Ho Chi Minh City", ENGLISH)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("Brlin", "Europe/Berlin"),
        ("EST", "America/New_York"),
        ("IST", "Asia/Jerusalem"),
        ("Spain", "Europe/Madrid"),
        ("usa", "America/Chicago"),
        ("Aleppo", "UTC\\+3"),
        ("+15", "UTC\\+14"),
        ("+0507", "UTC\\+5:30"),
        ("-12:15", "from UTC-12 to UTC"),
        ("qqqqqqqq", "a big city near you"),
    ],
)
def test_a_doubtful_zone_is_asked_back_with_a_choice(typed: str, offered: str) -> None:
    with pytest.raises(UserError, match=offered):
        parse_zone(typed, ENGLISH)


@pytest.mark.parametrize("typed", AMBIGUOUS)
def test_every_zone_that_an_abbreviation_is_answered_with_can_be_sent_back(typed: str) -> None:
    keys = AMBIGUOUS[typed]
    assert [parse_zone(key, ENGLISH) for key in keys] == list(keys)
    if len(keys) > 1:
        with pytest.raises(UserError) as asked:
            parse_zone(typed.upper(), ENGLISH)
        assert ", ".join(keys[:SHOWN]) in str(asked.value)


@given(st.text(max_size=60) | st.from_regex(r"(\.\./)*[A-Za-z/]{0,20}", fullmatch=True))
def test_any_text_gives_a_usable_key_or_a_sentence(typed: str) -> None:
    try:
        key = parse_zone(typed, ENGLISH)
    except UserError as error:
        assert str(error)[-1] in ".?"  # noqa: PT017 - a key is as good an answer
    else:
        assert parse_zone(key, ENGLISH) == key
        assert zone_info(key).utcoffset(datetime(2026, 1, 1)) is not None  # noqa: DTZ001 - a wall time is asked for


def test_every_zone_is_found_by_its_name_and_means_the_same_clock() -> None:
    moment = datetime(2026, 7, 1, tzinfo=UTC)
    for name in zoneinfo.available_timezones():
        try:
            key = parse_zone(name, ENGLISH)
        except UserError:  # "EST", "MST", and names that are no place
            assert "/" not in name
        else:
            assert moment.astimezone(zone_info(key)).utcoffset() == moment.astimezone(zone_info(name)).utcoffset(), name
