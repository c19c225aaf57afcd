from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.models import FeedEntry
from bot.sources.reading.normalise import RawItem, display_date, language_code, normalise, oldest_first, shorten

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
URL = "https://news.example/feeds/all.xml"


def entries(*items: RawItem) -> tuple[FeedEntry, ...]:
    return normalise(items, url=URL, now=NOW)[0]


def test_an_item_becomes_plain_bounded_and_absolute() -> None:
    (entry,) = entries(RawItem("1", "/a?utm_source=rss", "A <b>storm</b>", "<p>It &amp;amp; rain.</p>", "en-GB", NOW))
    assert entry.title == "A storm"
    assert entry.summary == "It & rain."
    assert entry.url == "https://news.example/a?utm_source=rss"
    assert entry.canonical_url == "https://news.example/a"
    assert entry.language == "en"
    assert entry.published_at == NOW


def test_items_without_anything_to_tell_are_counted_and_left_out() -> None:
    kept, skipped = normalise([RawItem(), RawItem(guid="7"), RawItem(title=" "), RawItem(link="/a")], url=URL, now=NOW)
    assert [entry.url for entry in kept] == ["https://news.example/a"]
    assert skipped == 3


def test_a_note_without_a_title_is_named_by_its_beginning() -> None:
    (short,) = entries(RawItem(link="/a", body="<p>Short note.</p>"))
    assert short.title == "Short note."
    (long,) = entries(RawItem(link="/a", body="word " * 100))
    assert long.title.endswith("word…")
    assert len(long.title) <= 121
    assert entries(RawItem(link="/a"))[0].title == "https://news.example/a"


def test_the_newest_of_too_many_items_are_kept() -> None:
    many = [RawItem(guid=str(number), title=f"item {number}") for number in range(700)]
    kept, skipped = normalise(many, url=URL, now=NOW)
    assert len(kept) == 500
    assert skipped == 200
    assert kept[-1].title == "item 0"  # the first in the document is the newest


def test_over_long_texts_are_cut() -> None:
    (entry,) = entries(RawItem("1", "/a", "x" * 200_000, "word " * 400_000))
    assert len(entry.title) == 512
    assert len(entry.summary) <= 32 * 1024


def test_an_item_that_stands_twice_is_one() -> None:
    assert len(entries(RawItem("1", "/a", "A"), RawItem("1", "/a", "A"), RawItem("2", "/b", "B"))) == 2


def test_entries_come_oldest_first_by_date() -> None:
    dated = [RawItem(title=str(hours), published_at=NOW - timedelta(hours=hours)) for hours in (5, 1, 3)]
    assert [item.title for item in oldest_first(dated)] == ["5", "3", "1"]


def test_without_dates_the_first_is_the_newest() -> None:
    assert [item.title for item in oldest_first([RawItem(title="new"), RawItem(title="old")])] == ["old", "new"]


def test_dates_that_rise_show_a_document_that_begins_with_the_oldest() -> None:
    rising = [RawItem(title=str(n), published_at=NOW + timedelta(hours=n)) for n in range(3)] + [RawItem(title="3")]
    assert [item.title for item in oldest_first(rising)] == ["0", "1", "2", "3"]


def test_items_of_one_moment_keep_the_order_of_publication() -> None:
    same = [RawItem(title=name, published_at=NOW) for name in ("new", "middle", "old")]
    assert [item.title for item in oldest_first(same)] == ["old", "middle", "new"]


@pytest.mark.parametrize(
    ("date", "shown"),
    [
        (None, None),
        (datetime(1699, 1, 1, tzinfo=UTC), None),
        (datetime(2015, 5, 2, tzinfo=UTC), datetime(2015, 5, 2, tzinfo=UTC)),
        (NOW + timedelta(minutes=30), NOW + timedelta(minutes=30)),
        (NOW + timedelta(hours=3), NOW),
        (datetime(9999, 1, 1, tzinfo=UTC), NOW),
    ],
)
def test_dates_that_cannot_be_true_are_not_shown(date: datetime | None, shown: datetime | None) -> None:
    assert display_date(date, NOW) == shown


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("en", "en"),
        ("EN-us", "en"),
        ("pt_BR", "pt"),
        ("ara", None),
        ("", None),
        (None, None),
        ("x-default", None),
        ("العربية", None),
    ],
)
def test_languages_are_two_letters_or_unknown(name: str | None, code: str | None) -> None:
    assert language_code(name) == code


def test_the_language_of_the_feed_is_for_entries_that_have_none() -> None:
    kept, _ = normalise([RawItem(title="a", language="fr"), RawItem(title="b")], url=URL, now=NOW, language="ar-EG")
    assert {entry.title: entry.language for entry in kept} == {"a": "fr", "b": "ar"}


def test_a_letter_is_not_cut_from_its_marks() -> None:
    assert shorten("ab" + "e\u0301", 3) == "ab"
    assert shorten("ab👩\u200d🚀", 4) == "ab"
    assert shorten("short", 10) == "short"


@settings(deadline=None)
@given(st.text(max_size=30), st.integers(1, 30))
def test_shortened_is_a_beginning_within_the_limit(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert text.startswith(short)


texts = st.text(max_size=40) | st.sampled_from(["<b>", "&amp;lt;", "\ud800", "\u202e", "\0", "https://x.example/"])
items = st.lists(
    st.builds(
        RawItem, st.none() | texts, st.none() | texts, texts, texts, st.none() | texts,
        st.none() | st.datetimes(timezones=st.just(UTC)),
    ),
    max_size=6,
)  # fmt: skip


@settings(deadline=None)
@given(items)
def test_whatever_comes_in_clean_entries_come_out(some: list[RawItem]) -> None:
    kept, skipped = normalise(some, url=URL, now=NOW)
    assert len(kept) + skipped <= len(some)
    for entry in kept:
        assert entry.keys
        assert entry.title
        assert entry.url is None or entry.url.startswith(("http://", "https://"))
        for text in (entry.title, entry.summary):
            text.encode()
            assert "\0" not in text
            assert "\u202e" not in text
