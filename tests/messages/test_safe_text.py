import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.locales import isolate
from bot.messages.safe_text import JOINER, clean, clip, host, inert, link, vouches

# What Telegram's own entity finder makes a link of (td/telegram/MessageEntity.cpp), in short.
TAPPABLE = re.compile(
    r"(?<!\w)@[A-Za-z0-9_]{2,}|(?<![\w/<>])/[A-Za-z0-9_]+|(?<!\w)#\w+|(?<!\w)\$[A-Z]+|\w\.[^\W\d_]{2,}|\w://"
)


@pytest.mark.parametrize(
    "text",
    ["@channel says", "/start now", "see t.me/spam", "tg://user?id=1", "http://evil.example", "#tag", "$AAPL", "(@me)"],
)
def test_nothing_in_a_headline_can_be_tapped(text: str) -> None:
    assert TAPPABLE.search(text)
    assert not TAPPABLE.search(inert(text))
    assert inert(text).replace(JOINER, "") == text


@pytest.mark.parametrize("text", ["24/7", "U.S. rate 3.5%", "AT&T", "$5 million", "a@b", "either/or", "p.m."])
def test_ordinary_signs_are_left_alone(text: str) -> None:
    assert inert(text) == text


@given(st.text())
def test_any_text_becomes_inert_and_reads_the_same(text: str) -> None:
    cleaned = clean(text)
    assert not TAPPABLE.search(inert(cleaned))
    assert inert(cleaned).replace(JOINER, "") == cleaned


@given(st.text())
def test_clean_text_is_one_line_that_can_be_sent(text: str) -> None:
    cleaned = clean(text)
    assert cleaned == clean(cleaned)
    assert "\n" not in cleaned
    cleaned.encode()


def test_controls_and_direction_marks_go_but_joiners_of_letters_stay() -> None:
    assert clean("a\u202eb\x00c\n\td\ud800") == "ab c d"
    assert clean("می\u200cخواهم 👨\u200d👩\u200d👧") == "می\u200cخواهم 👨\u200d👩\u200d👧"
    assert clean("\u200b\u2060 \u200d") == ""


def test_a_long_text_is_cut_between_words() -> None:
    assert clip("one two three four", 12) == "one two…"
    assert clip("x" * 20, 12) == "x" * 11 + "…"
    assert clip("short", 12) == "short"
    assert clip("exactly twelve", 14) == "exactly twelve"
    assert clip("one twothreefour", 12) == "one twothre…"  # between words, less than half would be left
    assert clip("sixsix seven, eight", 14) == "sixsix seven…"


def test_only_the_other_direction_is_isolated() -> None:
    assert isolate("سوريا today", right_to_left=False) == "\u2068سوريا today\u2069"
    assert isolate("Syria", right_to_left=False) == "Syria"
    assert isolate("Syria", right_to_left=True) == "\u2068Syria\u2069"
    assert isolate("سوريا", right_to_left=True) == "سوريا"


@pytest.mark.parametrize(
    "url",
    [
        *(None, "", "javascript:alert(1)", "tg://user?id=1", "ftp://a.example/x", "https://", "https://[::1"),
        *("//a.example/", "https://bbc.com@evil.example/", "https://a.example/ b", "https://a.example/\n"),
        "https://a.example/" + "x" * 2048,
    ],
)
def test_only_plain_web_addresses_are_linked(url: str | None) -> None:
    assert link(url) is None


def test_an_address_of_2048_characters_is_linked_and_a_longer_one_is_not() -> None:
    longest = "http://a.example/".ljust(2048, "x")
    assert link(longest) == longest
    assert link(longest + "x") is None
    assert link("https://a.example/?q=سوريا") is not None


def test_the_host_is_shown_as_it_is_looked_up() -> None:
    assert host("https://www.aljazeera.com/news") == "aljazeera.com"
    assert host("https://аpple.com/") == "xn--pple-43d.com"


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("bbc.co.uk", "BBC News", True),
        ("aljazeera.com", "Al Jazeera – Breaking News", True),
        ("feeds.reuters.com", "Reuters", True),
        ("bbc.evil.com", "BBC News", False),
        ("evil.com", "BBC News", False),
        ("t.co", "The Times", False),
        ("abc.net.au", "ABC News", True),
        ("news.com.au", "News", True),
        ("abc.evil.au", "ABC News", False),
        ("localhost", "Localhost", True),
        ("the-times.example", "The Times", True),
        ("example.org", "", False),
    ],
)
def test_a_host_vouches_for_a_source_by_the_name_people_register(name: str, source: str, expected: bool) -> None:
    assert vouches(name, source) is expected
