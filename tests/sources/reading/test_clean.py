import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sources.reading.clean import clean_article, clean_body, clean_entry, clean_text, trace_line

ARTICLE = [
    "The Ebrel dam was opened on Monday after eleven years of work, officials in the province said.",
    "Engineers filled its lake through the spring, and two villages were moved to higher ground.",
    "The dam will water ninety thousand hectares and light the three towns below it, the ministry said.",
    "Farmers along the river fear that the summer flood, which fed their fields, will not come again.",
]
HEADLINE = "Ebrel dam opens after eleven years, farmers fear for summer flood"
OTHERS = [
    "Tram drivers vote for a two-day strike",
    "Old library finds a lost chapter of the city chronicle",
    "Norda beats Welland in the last minute",
    "Price of bread rises again this month",
    "Three whales seen off the northern cape",
    "Minister of health opens children's ward",
    "Circus comes back to the fairground after a decade",
]


def lines(*parts: str) -> str:
    return "\n".join(parts)


def body(text: str, title: str = "") -> list[str]:
    return clean_body(title, text).splitlines()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("  one \n two\t three ", "one two three"),
        ("<p>one</p><p>two <b>three</b></p>", "one two three"),
        ("AT&amp;T &amp;amp; R&D", "AT&T & R&D"),
        ("&lt;b&gt;bold&lt;/b&gt;", "bold"),
        ("a<script>alert(1)</script>b", "ab"),
        ("x &lt;script&gt;alert(1)&lt;/script&gt; y", "x y"),
        ("a<!-- no -->b", "ab"),
        ("5 < 6 and 7 > 3", "5 < 6 and 7 > 3"),
        ("I &hearts; caf&eacute;&#233;&#xE9;", "I ♥ cafééé"),
        ("&nosuch; &Johnson", "&nosuch; &Johnson"),
        ("safe\u202etxt\u202c\x00\x07\ud800!", "safetxt!"),
        ("cafe\u0301", "café"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("", ""),
    ],
)
def test_a_line_becomes_plain_text(raw: str, text: str) -> None:
    assert clean_text(raw) == text


@given(st.text(max_size=200))
def test_cleaning_a_line_never_fails_and_twice_is_once(raw: str) -> None:
    text = clean_text(raw)
    assert clean_text(text) == text
    assert text == unicodedata.normalize("NFC", text)
    assert "\n" not in text
    assert "\x00" not in text
    text.encode("utf-8")


MARKUP = st.lists(
    st.sampled_from(
        ("&amp;", "&", "lt;", "&lt;", "&#38;", "<b>", "<", ">", "b", "<!--", "-->", "<script", " ", "\n", "x.", "A")
    )
).map("".join)


@given(MARKUP, MARKUP)
def test_cleaning_markup_twice_is_once(title: str, text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)
    cleaned = clean_body(title, text)
    assert clean_body(title, cleaned) == cleaned


PARTS = st.lists(
    st.sampled_from(
        (*ARTICLE, *OTHERS, HEADLINE, "TT", "Read more", "", "    ".join(OTHERS), "A caption. (Photo)", "Short.")
    )
).map("\n".join)


@given(st.sampled_from(("", HEADLINE)), PARTS)
def test_cleaning_a_body_twice_is_once(title: str, text: str) -> None:
    cleaned = clean_body(title, text)
    assert clean_body(title, cleaned) == cleaned


@given(st.one_of(st.text(max_size=200), PARTS, MARKUP))
def test_every_character_kept_points_at_where_it_stood(raw: str) -> None:
    cleaned = clean_article("", raw)
    for traced in (cleaned.title, cleaned.text, trace_line(raw)):
        assert len(traced.offsets) == len(traced.text)
        assert list(traced.offsets) == sorted(traced.offsets)
        for character, offset in zip(traced.text, traced.offsets, strict=True):
            assert character in (raw[offset], " ", "\n") or raw[offset] == "&"


def test_a_list_of_headlines_on_one_line_above_the_article_is_dropped() -> None:
    text = lines("    ".join(OTHERS), "", HEADLINE, *ARTICLE)
    assert body(text, HEADLINE) == ARTICLE
    cleaned = clean_article("", text)
    assert cleaned.title.text == HEADLINE
    assert cleaned.headline_in_text
    assert cleaned.text.text.splitlines() == ARTICLE


@pytest.mark.parametrize("separator", ["\n", " | ", " • ", "\t"])
def test_a_list_is_known_however_its_items_are_set_apart(separator: str) -> None:
    ticker = separator.join(OTHERS)
    assert body(lines(ticker, *ARTICLE), HEADLINE) == ARTICLE
    assert body(lines(*ARTICLE, ticker), HEADLINE) == ARTICLE


def test_a_list_in_html_is_known_too() -> None:
    items = "".join(f"<li><a href='/x'>{headline}</a></li>" for headline in OTHERS)
    paragraphs = "".join(f"<p>{paragraph}</p>" for paragraph in ARTICLE)
    assert body(f"<ul>{items}</ul>{paragraphs}", HEADLINE) == ARTICLE


def test_the_headline_below_a_list_stays_with_its_article() -> None:
    assert body(lines(*OTHERS, HEADLINE, *ARTICLE), "Another title") == [HEADLINE, *ARTICLE]


def test_a_list_amid_the_article_stays() -> None:
    text = lines(*ARTICLE[:2], *OTHERS, *ARTICLE[2:])
    assert body(text) == text.splitlines()


def test_a_list_about_the_article_stays() -> None:
    points = [
        "Dam opened after eleven years",
        "Two villages moved to higher ground",
        "Ninety thousand hectares get water",
        "Farmers fear summer flood",
        "Three towns below it lighted",
    ]
    assert body(lines(*points, *ARTICLE), HEADLINE) == [*points, *ARTICLE]


def test_nothing_but_a_list_stays() -> None:
    assert body(lines(*OTHERS)) == OTHERS


def test_results_are_no_headlines() -> None:
    results = ["Norda 2 Welland 1", "Ostby 0 Carrow 0", "Hale 3 Dunmore 2", "Pell 1 Tarn 1", "Arden 4 Moss 0"]
    assert body(lines(*ARTICLE, *results)) == [*ARTICLE, *results]


def test_repeated_captions_stray_initials_and_calls_to_click_are_dropped() -> None:
    caption = "The dam seen from the eastern road last week. (Province press office)"
    text = lines(
        HEADLINE, caption, caption, "TT", HEADLINE, caption, *ARTICLE, "Read more", "Click here for the full story."
    )
    assert body(text, HEADLINE) == [caption, *ARTICLE]


def test_a_text_without_a_headline_keeps_all_of_it() -> None:
    cleaned = clean_article("", lines(*ARTICLE))
    assert cleaned.title.text == ""
    assert cleaned.text.text.splitlines() == ARTICLE
    assert clean_article("", "US").text.text == "US"


def test_words_with_wide_gaps_are_no_list() -> None:
    text = "the dam   was opened   on Monday   after   eleven years   of work   and the lake   was full"
    assert body(text) == [" ".join(text.split())]


HOSTILE = [
    "<!--" * 50_000,
    "<" * 200_000,
    "&amp;" * 40_000,
    "<a " * 60_000,
    "&" + "amp;" * 50_000,
    " " * 200_000,
    '"' * 200_000,
    "Aaa bbb ccc\n" * 20_000,
    "".join(f"Aaa bbb {i}x\n" for i in range(20_000)),
    "A" * 200_000,
    "<script>" * 20_000,
    "x.\n" * 60_000,
    "Aa bb cc dd    " * 15_000,
]


@pytest.mark.parametrize("raw", HOSTILE)
def test_a_hostile_text_costs_bounded_time(raw: str) -> None:
    started = time.process_time()
    clean_text(raw)
    clean_body("", raw)
    clean_article("", raw)
    assert time.process_time() - started < 4


def test_an_untitled_entry_gets_its_headline_as_title() -> None:
    text = lines("    ".join(OTHERS), HEADLINE, *ARTICLE)
    assert clean_entry("", text) == (HEADLINE, lines(*ARTICLE))
    assert clean_entry("T &amp; U", text) == ("T & U", lines(HEADLINE, *ARTICLE))
    assert clean_entry("", ARTICLE[0]) == ("", ARTICLE[0])
