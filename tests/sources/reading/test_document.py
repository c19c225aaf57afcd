import contextlib
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import SourceError, SourceFault
from bot.models import Feed
from bot.sources.reading.document import read_document
from tests.feedserver import item, rss

FEEDS = Path(__file__).parents[2] / "feeds"
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
URL = "https://news.example/feeds/all.xml"


def read(body: bytes | str, content_type: str | None = "text/xml") -> Feed:
    return read_document(body.encode() if isinstance(body, str) else body, content_type, URL, NOW)


def feed(name: str) -> Feed:
    return read((FEEDS / name).read_bytes())


def titles(feed: Feed) -> list[str]:
    return [entry.title for entry in feed.entries]


def refusal(body: bytes | str) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(body)
    return caught.value


def test_atom_is_read_with_the_language_of_each_entry() -> None:
    atom = feed("atom.xml")
    assert (atom.title, atom.language, atom.site_url) == ("أخبار & آراء", "ar", "https://news.example/")
    assert (atom.self_url, atom.hub) == ("https://news.example/atom.xml", "https://hub.example/")
    english, arabic = atom.entries
    assert (english.title, english.language) == ("Earthquake in Idlib", "en")
    assert (arabic.title, arabic.language, arabic.summary) == ("زلزال في إدلب", "ar", "النص الكامل للخبر هنا.")
    assert arabic.canonical_url == "https://news.example/2"
    assert arabic.published_at == datetime(2026, 11, 2, 7, 0, tzinfo=UTC)


def test_rdf_is_read() -> None:
    assert titles(feed("rdf.xml")) == ["One"]


def test_json_feed_is_read_and_wrong_types_are_taken_as_missing() -> None:
    found = feed("jsonfeed.json")
    assert (found.title, found.language, found.skipped) == ("JSON news", "fr", 1)
    note, second = found.entries
    assert (note.title, note.url, note.published_at) == ("Une note sans titre.", "https://other.example/1", None)
    assert (second.title, second.url, second.summary) == ("Deux", "https://news.example/2", "Le texte entier.")


def test_complete_entries_of_a_document_that_broke_off_are_used() -> None:
    assert titles(feed("truncated.xml")) == ["Also whole", "Whole"]


def test_an_undefined_entity_does_not_cost_the_feed() -> None:
    assert titles(feed("undefined_entity.xml")) == ["Crème brûlée"]


def test_references_to_what_is_no_character_do_not_cost_the_feed() -> None:
    (title,) = titles(feed("bad_references.xml"))
    assert "Half a pair" in title
    assert title.endswith("fine é")


def test_only_web_links_are_kept_and_empty_items_are_counted() -> None:
    found = feed("odd_links.xml")
    assert {entry.title: entry.url for entry in found.entries} == {
        "script": None,
        "telegram": None,
        "relative": "https://news.example/relative",
        "lines": "https://news.example/lines",
        "none": None,
    }
    assert found.skipped == 2


def test_odd_dates_are_unknown_or_now_and_hide_no_entry() -> None:
    found = {entry.title: entry.published_at for entry in feed("odd_dates.xml").entries}
    assert len(found) == 8
    assert found["future"] == NOW
    assert found["right"] == NOW - timedelta(hours=4)
    assert found["old"] == datetime(2015, 5, 2, 10, 0, tzinfo=UTC)
    assert all(date is None or date <= NOW + timedelta(hours=1) for date in found.values())


def test_one_guid_for_all_makes_no_entry_disappear() -> None:
    assert titles(feed("one_guid.xml")) == ["One", "Two", "Three"]


def test_markup_in_titles_is_taken_out_once_for_all() -> None:
    assert set(titles(feed("markup_in_titles.xml"))) == {"Storm", "Fish & chips", "A bold claim"}


@pytest.mark.parametrize("name", ["entity_bomb.xml", "external_entity.xml"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
def test_documents_that_declare_entities_are_refused(name: str, codec: str) -> None:
    error = refusal((FEEDS / name).read_text().encode(codec))
    assert error.kind == "parse"
    assert error.fault is SourceFault.ENTITIES


def test_a_bomb_of_entities_that_is_not_well_formed_does_not_unfold_either() -> None:
    levels = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    bomb = f'<x><!DOCTYPE rss [<!ENTITY a0 "ha">{levels}]><rss version="2.0"><channel><item><title>&a9;</title></item>'
    tracemalloc.start()
    with contextlib.suppress(SourceError):
        read(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 << 20


def test_a_doctype_alone_and_talk_of_entities_are_fine() -> None:
    found = feed("plain_doctype.xml")
    assert found.title == "Old school"
    assert len(found.entries) == 1


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", SourceFault.EMPTY),
        (b" \n\t ", SourceFault.EMPTY),
        (b"\x00\x00\x00", SourceFault.NOT_A_FEED),
        (b"<!doctype html><html><body>News</body></html>", SourceFault.WEB_PAGE),
        (b'{"error": "no such feed"}', SourceFault.OTHER_JSON),
        (b"{", SourceFault.NOT_A_FEED),
        (b"[" * 100_000, SourceFault.NOT_A_FEED),
        (b'{"a":' * 100_000, SourceFault.NOT_A_FEED),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), SourceFault.NOT_A_FEED),
        (b"just words", SourceFault.NOT_A_FEED),
        (b"http://127.0.0.1:9/feed.xml", SourceFault.NOT_A_FEED),
    ],
)
def test_what_is_no_feed_is_said_to_be_none(body: bytes, fault: SourceFault) -> None:
    error = refusal(body)
    assert error.kind == "not-a-feed"
    assert error.fault is fault


def test_a_body_that_names_a_file_opens_no_file(tmp_path: Path) -> None:
    canary = tmp_path / "canary.xml"
    canary.write_bytes(rss([item("secret")]))
    assert refusal(str(canary)).kind == "not-a-feed"
    assert refusal(canary.as_uri()).kind == "not-a-feed"


def test_a_feed_with_the_wrong_content_type_is_still_a_feed() -> None:
    for content_type in ("text/html; charset=utf-8", "image/png", "nonsense", "", None):
        assert titles(read(rss([item("Quake")]), content_type)) == ["Quake"]


def test_text_before_the_document_is_forgiven() -> None:
    assert titles(read(b"\n\n  " + rss([item("Quake")]))) == ["Quake"]
    assert titles(read(b"Warning: slow database\n" + rss([item("Quake")]))) == ["Quake"]


def test_an_empty_channel_is_a_feed_without_entries() -> None:
    assert read(rss([])).entries == ()


def test_a_feed_of_nul_and_control_characters_is_cleaned() -> None:
    (entry,) = read(rss([item("Qu\0ake \x1b[31m\u202eeltit", "https://news.example/1")])).entries
    assert entry.title == "Quake [31meltit"


def test_time_to_live_is_read_within_reason() -> None:
    assert read(rss([], head="<ttl>90</ttl>")).poll_hints.ttl == timedelta(minutes=90)
    assert read(rss([], head="<ttl>99999999999</ttl>")).poll_hints.ttl == timedelta(days=1)
    for odd in ("0", "-5", "soon", ""):
        assert read(rss([], head=f"<ttl>{odd}</ttl>")).poll_hints.ttl is None


def test_comments_that_never_end_take_no_time() -> None:
    bomb = b"<rss version='2.0'><channel><item><description><![CDATA[" + b"<!--" * 50_000 + b"]]></description></item>"
    read(bomb)  # the suite's timeout is the assertion: two slow options of feedparser made this minutes


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 40))
def test_damage_anywhere_gives_a_feed_or_an_error_and_clean_entries(noise: bytes, at: int, gap: int) -> None:
    body = rss([item("Quake in Idlib", text="<p>It &amp; more</p>"), item("Storm")])
    try:
        found = read(body[:at] + noise + body[at + gap :])
    except (SourceError, ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return  # feedparser may raise anything; the worker's boundary contains it
    for entry in found.entries:
        (entry.title + entry.summary).encode()
        assert "\0" not in entry.title + entry.summary


def test_podcasts_pictures_and_places_are_read_like_any_other_item() -> None:
    names = "xmlns:media='http://search.yahoo.com/mrss/' xmlns:georss='http://www.georss.org/georss'"
    items = (
        "<item><enclosure url='https://news.example/1.mp3' length='1' type='audio/mpeg'/></item>"
        "<item><title>Heard</title><enclosure url='https://news.example/2.mp3' length='1' type='audio/mpeg'/></item>"
        "<item><media:content url='https://news.example/3.jpg'/><media:title>Seen</media:title></item>"
        "<item><title>Quake</title><georss:point>36.2 37.1</georss:point></item>"
    )
    found = read(f"<rss version='2.0' {names}><channel><title>All</title>{items}</channel></rss>")
    assert {"Heard", "Quake"} <= set(titles(found))
    assert all(entry.title and entry.keys for entry in found.entries)


def test_what_an_admin_should_know_of_a_document_is_said() -> None:
    fine = [item(f"Number {number}") for number in range(40)]
    assert read(rss(fine)).troubles == frozenset()
    assert read(rss([item("Odd", guid="x"), item("Two", guid="x"), *fine])).troubles == frozenset()  # two of 42
    assert read(rss([item(f"Item {number}", guid="x") for number in range(3)])).troubles == {"ids"}
    assert read(rss([item("Íîâîñòè íåäåëè", f"https://news.example/{one}") for one in range(3)])).troubles == {
        "letters"
    }
