import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from gettext import NullTranslations
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from bot.locales import END_ISOLATE, ISOLATE, Words, words
from bot.messages.digests import STORIES, Part, choose, digest
from bot.messages.items import Item, lede_of
from bot.messages.limits import LIMIT, measure, split
from bot.messages.lines import TITLE
from bot.messages.news import alert, latest, when
from bot.messages.safe_text import JOINER, clean
from bot.models import Button

ENGLISH = words("en")
NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)  # a Monday, 08:00 in Berlin
ZONE = "Europe/Berlin"


def story(number: int = 1, *, summary: str = "", **changes: object) -> Item:
    item = Item(
        story_id=number,
        entry_id=number,
        title=f"Storm number {number} closes the harbour",
        url=f"https://www.example.org/{number}",
        source="Example News",
        published_at=NOW - timedelta(hours=1),
        queries=("storm",),
    )
    item = replace(item, **changes)  # type: ignore[arg-type]
    return replace(item, lede=lede_of(item.title, summary))


class Reader(HTMLParser):
    """Reads a message as Telegram does: refuses what is unknown, unbalanced or crossed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.plain = ""
        self.feed(str(text))  # Markup would escape what it is joined with
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"b", "i", "a", "blockquote"}
        self.open.append(tag)
        if tag == "a":
            self.links.append((str(dict(attrs)["href"]), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.plain += data
        if "a" in self.open:
            url, title = self.links[-1]
            self.links[-1] = (url, title + data)


def shown(title: str) -> str:
    return title.translate({ord(mark): None for mark in (JOINER, ISOLATE, END_ISOLATE)})


def compose(items: list[Item], **changes: object) -> list[Part]:
    return digest(items, ENGLISH, zone=ZONE, now=NOW, **changes)  # type: ignore[arg-type]


def test_an_alert_reads_headline_origin_lede_and_what_found_it() -> None:
    item = story(title="Tom & Jerry <b>", summary="A first line.", queries=("storm", "harbour"), more_sources=3)
    assert alert(item, ENGLISH, zone=ZONE, now=NOW).text == (
        '<b><a href="https://www.example.org/1">Tom &amp; Jerry &lt;b&gt;</a></b>\n'
        "Example News · 07:00\n\n"
        "A first line.\n\n"
        "<i>storm, harbour</i>"
    )


def test_markup_in_a_summary_is_shown_as_text_and_obeyed_nowhere() -> None:
    summary = 'Aid <b>reaches</b> <a href="https://evil.example/">Idlib</a> & Homs'
    text = alert(story(summary=summary), ENGLISH, zone=ZONE, now=NOW).text
    read = Reader(text)
    assert [url for url, _ in read.links] == ["https://www.example.org/1"]
    assert '<b>reaches</b> <a href="https:' in shown(read.plain)
    assert "& Homs" in read.plain
    assert text.count("<b>") == 1  # the headline's


def test_an_alert_names_the_language_of_a_page_that_is_not_the_readers() -> None:
    text = alert(story(language="ar", title="عاصفة تغلق الميناء"), ENGLISH, zone=ZONE, now=NOW).text
    assert "Example News · Arabic · 07:00" in text
    assert f"{ISOLATE}عاصفة تغلق الميناء{END_ISOLATE}" in text


def test_a_long_lede_and_many_labels_are_bounded() -> None:
    item = story(summary="word " * 400, queries=tuple(f"query {number}" for number in range(12)))
    text = Reader(alert(item, ENGLISH, zone=ZONE, now=NOW).text).plain
    assert max(map(len, text.splitlines())) <= 200
    assert text.endswith("query 4 +7")


def test_an_alert_carries_the_buttons_it_is_given() -> None:
    buttons = ((Button("Mute", data="m:1"),),)
    assert alert(story(), ENGLISH, zone=ZONE, now=NOW, buttons=buttons).buttons == buttons


def test_no_items_make_no_digest() -> None:
    assert compose([]) == []


def test_a_digest_groups_by_label_the_best_first() -> None:
    items = [
        story(1, score=0.4),
        story(2, score=0.9, queries=("harbour", "storm"), published_at=NOW - timedelta(days=1)),
        story(3, score=0.8, more_sources=1, published_at=NOW - timedelta(days=20)),
    ]
    (part,) = compose(items)
    assert Reader(part.message.text).plain == (
        "Monday 23 November · 3 stories\n\n"
        "harbour\n\nStorm number 2 closes the harbour\nExample News · Sun 08:00\n\n"
        "storm\n\nStorm number 3 closes the harbour\nExample News · 3 Nov\n\n"
        "Storm number 1 closes the harbour\nExample News · 07:00"
    )
    assert [item.entry_id for item in part.items] == [2, 3, 1]


def test_a_story_is_told_once_by_its_best_entry() -> None:
    (part,) = compose([story(1, entry_id=7, score=0.2), story(1, entry_id=8, score=0.6, queries=("harbour",))])
    assert [item.entry_id for item in part.items] == [8]
    assert "1 story" in part.message.text


def test_a_split_digest_numbers_its_parts_and_repeats_labels() -> None:
    parts = compose([story(number, title="A long headline " * 12) for number in range(40)])
    assert len(parts) > 1
    for number, part in enumerate(parts, 1):
        lines = Reader(part.message.text).plain.splitlines()
        assert lines[0].endswith(f"{number}/{len(parts)}")
        assert lines[2] == "storm"


def test_a_part_is_nearly_full_before_the_next_one_begins() -> None:
    parts = compose([story(number, title="A long headline " * 12) for number in range(40)])
    assert all(3000 < len(Reader(part.message.text).plain) <= 4096 for part in parts[:-1])


def test_a_digest_of_two_parts_numbers_both_and_one_of_one_part_has_no_number() -> None:
    first, second = compose([story(number, title="A long headline " * 12) for number in range(16)])
    assert [Reader(part.message.text).plain.splitlines()[0] for part in (first, second)] == [
        "Monday 23 November · 16 stories · 1/2",
        "Monday 23 November · 2/2",
    ]
    (only,) = compose([story()])
    assert Reader(only.message.text).plain.splitlines()[0] == "Monday 23 November · 1 story"


def test_of_a_flood_the_biggest_are_told_and_the_rest_is_counted_for_the_list_behind_a_button() -> None:
    items = [story(number, more_sources=number % 100) for number in range(173)]
    parts = compose(items)
    told = [item for part in parts for item in part.items]
    assert len(told) == STORIES
    assert min(item.more_sources for item in told) >= 50
    assert "173 stories" in parts[0].message.text
    assert parts[-1].message.text.endswith("… and 123 more stories")
    assert len(parts[-1].counted) == 123
    assert not any(part.counted for part in parts[:-1])
    assert sorted(map(id, [*choose(items)[0], *choose(items)[1]])) == sorted(map(id, items))


def test_a_late_digest_says_so() -> None:
    (part,) = compose([story()], late_since=NOW - timedelta(hours=3))
    assert "Late: it was due at 05:00." in part.message.text


@pytest.mark.parametrize("locale", ["en", "ar", "fa", "de", "fr", "ru", "ja", "zh", "he", "hi"])
def test_dates_are_written_in_every_language(locale: str) -> None:
    reader = Words(locale, NullTranslations())
    for published_at in (NOW, NOW - timedelta(days=2), NOW - timedelta(days=40), None):
        (part,) = digest([story(published_at=published_at)], reader, zone=ZONE, now=NOW)
        Reader(part.message.text)


def test_what_cannot_be_linked_is_shown_as_text() -> None:
    for url in ("tg://user?id=7", "javascript:alert(1)", None, "https://user@evil.example/"):
        (part,) = compose([story(url=url)])
        assert "<a" not in part.message.text
        assert "Storm number 1" in part.message.text


def test_a_look_alike_source_is_shown_with_the_host_the_link_goes_to() -> None:
    (part,) = compose([story(source="BBC News", url="https://bbc.evil.example/x")])
    assert "BBC News, bbc.evil.example" in shown(part.message.text)


nasty = ["&" * 512, "<" * 512, "'" * 512, "@a" * 256, "שלום " * 100, "👨\u200d👩\u200d👧" * 100]
titles = st.text(max_size=512) | st.sampled_from(nasty)
labels = st.sampled_from(["storm", "Idlib", "إدلب", "<&>" * 33, "x" * 100])
items = st.builds(
    story,
    number=st.integers(0, 10_000),
    title=titles,
    source=st.text(max_size=80),
    queries=st.lists(labels, min_size=1, max_size=3).map(tuple),
    more_sources=st.integers(0, 999),
    score=st.floats(0, 1),
    perhaps_seen=st.booleans(),
    url=st.none() | st.sampled_from(["https://example.org/" + "&" * 2000, "https://example.org/?a=1&b=<'\">"]),
)


@pytest.mark.parametrize(("language", "heading"), [("en", "You may have seen these"), ("ar", "ربما رأيت هذه الأخبار")])
def test_what_was_perhaps_seen_stands_apart_at_the_end_of_a_digest(language: str, heading: str) -> None:
    found = [
        story(1, perhaps_seen=True, score=0.9, queries=("harbour",)),
        story(2, score=0.5),
        story(3, perhaps_seen=True, score=0.8, more_sources=7),
        story(4, score=0.4, queries=("harbour",)),
    ]
    (part,) = digest(found, words(language), zone=ZONE, now=NOW)
    assert [item.story_id for item in part.items] == [2, 4, 1, 3]
    assert part.message.text.count(heading) == 1
    before, apart = part.message.text.split(f"<b>{heading}</b>")
    assert [f"number {number} " in apart for number in (1, 2, 3, 4)] == [True, False, True, False]
    assert before.count("<b>") == 3
    assert "<b>" not in apart


def test_each_part_that_has_what_was_perhaps_seen_says_so() -> None:
    parts = compose([story(number, title="x" * 500, perhaps_seen=True) for number in range(20)])
    assert len(parts) > 1
    assert all("<b>You may have seen these</b>" in part.message.text for part in parts)


@settings(deadline=None, max_examples=200)
@given(st.lists(items, max_size=200))
def test_every_part_fits_is_well_formed_and_loses_no_item(found: list[Item]) -> None:
    parts = compose(found)
    told, left = choose(found)
    assert sorted(item.entry_id for part in parts for item in part.items) == sorted(item.entry_id for item in told)
    assert {item.story_id for item in found} == {item.story_id for item in [*told, *left]}
    for part in parts:
        read = Reader(part.message.text)
        assert 0 < len(read.plain) <= 4096
        assert measure(part.message.text).entities <= 90
        assert len(part.message.text.encode()) <= 30_000
        linked = [item for item in part.items if item.url]
        assert [url for url, _ in read.links] == [item.url for item in linked]
        assert [shown(title) for _, title in read.links] == [clean(item.title) or "Untitled" for item in linked]


def test_the_widest_items_fit_two_hundred_at_a_time() -> None:
    widest = [
        story(number, title=title, url="https://example.org/" + "&" * 2000, source="<" * 90, queries=("&" * 200,))
        for number, title in enumerate(nasty * 34)
    ]
    for part in compose(widest):
        assert len(Reader(part.message.text).plain) <= 4096
        assert len(part.message.text.encode()) <= 30_000
        assert len(part.items) > 0


@settings(deadline=None)
@given(
    items, st.text(max_size=2000) | st.sampled_from(["<b>", "</i></b>", "&lt;a&gt; <a href='https://evil.example/'>x"])
)
def test_every_alert_fits_and_is_well_formed(item: Item, summary: str) -> None:
    message = alert(replace(item, lede=lede_of(item.title, summary)), ENGLISH, zone=ZONE, now=NOW)
    assert len(Reader(message.text).plain) <= 4096
    assert measure(message.text).entities <= 90


def test_a_title_longer_than_a_headline_ever_is_is_cut_with_a_sign() -> None:
    (part,) = compose([story(title="x" * 600)])
    assert Reader(part.message.text).links[0][1] == "x" * (TITLE - 1) + "…"


def test_the_latest_are_one_message_in_the_order_given() -> None:
    part = latest([story(number, title="A long headline " * 20) for number in range(60)], ENGLISH, zone=ZONE, now=NOW)
    read = Reader(part.message.text)
    assert read.plain.startswith("Latest\n\n")
    assert len(read.plain) <= 4096
    assert [url for url, _ in read.links] == [f"https://www.example.org/{number}" for number in range(len(read.links))]
    assert len(part.items) == len(read.links) < 60


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (timedelta(0), "08:00"),
        (timedelta(hours=8, minutes=1), "Sun 23:59"),
        (timedelta(days=6), "Tue 08:00"),
        (timedelta(days=7), "16 Nov"),
        (timedelta(days=-1), "24 Nov"),
    ],
)
def test_a_time_is_as_short_as_it_is_clear(ago: timedelta, expected: str) -> None:
    assert when(NOW - ago, ENGLISH, zone=ZONE, now=NOW) == expected


@given(items, st.text(max_size=2000), st.sampled_from(["en", "ar"]), st.lists(st.text(max_size=200), max_size=12))
def test_an_alert_is_the_same_when_it_is_made_of_what_was_stored(
    item: Item, summary: str, locale: str, labels: list[str]
) -> None:
    item = replace(item, lede=lede_of(item.title, summary), queries=tuple(labels))
    stored = Item.from_json(json.loads(json.dumps(item.to_json())))
    assert stored == item
    first, again = (alert(one, words(locale), zone=ZONE, now=NOW) for one in (item, stored))
    assert again == first


def test_an_alert_does_not_say_its_headline_twice() -> None:
    told = story(title="Rain in Idlib", summary="Rain in Idlib. Fields are flooded.")
    text = alert(told, words("en"), zone="UTC", now=NOW).text
    assert text.count("Rain in Idlib") == 1
    assert "\n\nFields are flooded." in text


@given(st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=300), max_size=60))
def test_a_long_answer_is_cut_between_lines_and_loses_none(lines: list[str]) -> None:
    text = Markup("\n").join(Markup("<b>{}</b>").format(line) for line in lines)

    parts = split(text)

    assert Markup("\n").join(parts) == text
    assert all(measure(part).within(LIMIT) for part in parts)
