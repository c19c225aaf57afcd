import random
from datetime import UTC, datetime

import pytest

from bot.sources.reading import item_spans
from bot.sources.reading.document import read_news
from bot.sources.reading.item_spans import ReadResult
from tests.feedserver import item, rss

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
URL = "https://news.example/feed"


def read(body: bytes, known: bytes = b"") -> ReadResult:
    return read_news(body, None, URL, NOW, known)


def titles(reading: ReadResult) -> list[str]:
    return [entry.title for entry in reading.feed.entries]


def test_only_what_was_not_there_before_is_read() -> None:
    first = read(rss([item("Two"), item("One")]))
    assert (titles(first), first.whole) == (["One", "Two"], True)
    second = read(rss([item("Three"), item("Two"), item("One")]), first.known)
    assert (titles(second), second.whole) == (["Three"], False)
    third = read(rss([item("Three"), item("Two")], title="Another name"), second.known)
    assert (titles(third), third.feed.title) == ([], "Another name")


def test_an_edited_item_is_read_again_and_the_others_are_not() -> None:
    first = read(rss([item("Two", guid="2"), item("One", guid="1")]))
    second = read(rss([item("Two, corrected", guid="2"), item("One", guid="1")]), first.known)
    assert (titles(second), second.whole) == (["Two, corrected"], False)


def test_what_left_the_feed_is_read_when_it_returns() -> None:
    first = read(rss([item("Two"), item("One")]))
    second = read(rss([item("Two")]), first.known)
    assert titles(read(rss([item("Two"), item("One")]), second.known)) == ["One"]


@pytest.mark.parametrize(
    "new", [item("Another", guid="https://news.example/one"), item("Another", "https://news.example/one", guid="x")]
)
def test_an_item_with_the_id_or_the_link_of_an_old_one_makes_the_document_be_read_whole(new: str) -> None:
    first = read(rss([item("Two"), item("One")]))
    assert read(rss([new, item("Two"), item("One")]), first.known).whole


def test_keys_are_the_same_however_little_was_read() -> None:
    items = [item(f"Number {number}", text="Words.") for number in range(9)]
    whole = {entry.title: entry for entry in read(rss(items)).feed.entries}
    some = read(rss(items), read(rss(items[3:])).known).feed.entries
    assert [whole[entry.title] for entry in some] == list(some)
    assert len(some) == 3


@pytest.mark.parametrize(
    "body",
    [
        rss([item("One")]).replace(b"</item>", b""),  # not well-formed
        rss(["<item/>", item("One")]),  # no end tag to point at
        b'{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "title": "One"}]}',
    ],
)
def test_what_cannot_be_taken_apart_is_read_whole_each_time(body: bytes) -> None:
    first = read(body)
    assert first.known == b""
    assert read(body, first.known).whole


@pytest.mark.parametrize(
    "text",
    ["<![CDATA[</item><item><title>no</title></item>]]>", "<!-- <item> -->", "<b:item xmlns:b='urn:b'>x</b:item>"],
)
def test_an_end_of_an_item_within_its_text_is_none(text: str) -> None:
    odd = f"<item><title>Odd</title><guid>odd</guid><description>{text}</description></item>"
    first = read(rss([odd, item("One")]))
    assert len(first.feed.entries) == 2
    assert titles(read(rss([item("Two"), odd, item("One")]), first.known)) == ["Two"]


def test_more_items_than_are_remembered_are_read_whole() -> None:
    assert item_spans.pack([item_spans.row(b"12345678", "g", "l")] * item_spans.MAX_ITEMS)
    assert item_spans.pack([item_spans.row(b"12345678", "g", "l")] * (item_spans.MAX_ITEMS + 1)) == b""


def test_hours_and_days_to_be_left_alone_are_found() -> None:
    head = "<skipHours><hour>0</hour><hour> 23 </hour><hour>24</hour><hour>99</hour><hour>x</hour></skipHours>"
    head += "<skipDays><day>Sunday</day><day>noday</day></skipDays>"
    feed = read(rss([item("One")], head=head)).feed
    assert (feed.poll_hints.skip_hours, feed.poll_hints.skip_days) == (frozenset({0, 23}), frozenset({6}))


def test_nothing_is_skipped_by_a_hostile_document() -> None:
    assert item_spans.layout(b"<rss>" + b"<channel>" * 2000) is None
    assert item_spans.layout(b"\x00\xff") is None


def same_as_whole(body: bytes, whole: ReadResult, seed: int) -> bool:
    """Read a document with a random half of its items known; return whether fewer were read, assert they are equal."""
    source = random.Random(seed)
    size = len(item_spans.row(b"12345678", None, None))
    rows = [whole.known[at : at + size] for at in range(0, len(whole.known), size)]
    some = read(body, b"".join(row for row in rows if source.random() < 0.5)).feed.entries
    expected = {entry.keys: entry for entry in whole.feed.entries}
    assert [expected[entry.keys] for entry in some] == list(some)
    return len(some) < len(expected)
