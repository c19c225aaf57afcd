import json
import lzma
import os
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.models import Headline, Placement
from bot.pipeline.stories import new_clusterer
from bot.stories.cluster import STORY_LASTS, THREAD_LASTS, Clusterer, is_page
from tests.relevance.stories import are_together, templates

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def headline(number: int, title: str, *, url: str | None = None, hours: float = 0, text: str = "") -> Headline:
    return Headline(number, title, url, NOW + timedelta(hours=hours), text)


def placed(*titles: str) -> list[Placement]:
    clusterer = Clusterer()
    return [clusterer.place(headline(number, title)) for number, title in enumerate(titles, 1)]


def test_a_first_headline_begins_its_own_story() -> None:
    assert placed("Dam near Aswan inspected after tremor") == [Placement(1, 1)]


def test_a_wire_copy_is_the_same_text_and_story() -> None:
    assert placed("Dam near Aswan inspected after tremor", "Dam near Aswan inspected after tremor - Reuters") == [
        Placement(1, 1),
        Placement(1, 1),
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Dam near Aswan inspected after tremor", "Engineers inspect Aswan dam after strong tremor"),
        ("Bus crash near Homs kills 5", "Bus crash near Homs kills 8"),
        ("تفتيش سد أسوان بعد الهزة الأرضية", "مهندسون: تفتيش سد أسوان بعد هزة أرضية"),
        ("Плотину в Асуане осматривают после толчков", "После толчков осматривают плотину в Асуане"),
        ("アスワンのダム、地震後に緊急点検", "地震後、アスワンのダムを緊急点検"),
    ],
)
def test_another_report_of_the_event_joins_the_story_but_stays_its_own_text(one: str, other: str) -> None:
    assert placed(one, other) == [Placement(1, 1), Placement(1, 2)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Dam near Aswan inspected after tremor", "Aswan museum shows unknown statues"),
        ("Minister heads to Moscow for military talks", "Minister of health opens clinic"),
        ("What to watch on TV tonight", "What to cook this week"),
        ("埃及国防部长访问俄罗斯", "叙利亚伊德利卜局势危险"),
    ],
)
def test_headlines_that_share_little_are_two_stories(one: str, other: str) -> None:
    assert [placement.story for placement in placed(one, other)] == [1, 2]


def test_texts_with_nothing_in_common_keep_alike_titles_apart() -> None:
    clusterer = Clusterer()
    first = "Rescuers reached the valley on Sunday after three days of rain had cut the only road, the governor said."
    other = "Critics were charmed by a comedy about two brothers who inherit an orchard and quarrel over its apples."
    clusterer.place(headline(1, "Flood in the valley: a review", text=first))
    assert clusterer.place(headline(2, "Review: Flood in the Valley", text=other)).story == 2


def test_one_page_of_two_sources_is_one_story_but_an_address_makes_no_text() -> None:
    clusterer = Clusterer()
    page = "https://example.org/crash"
    clusterer.place(headline(1, "Bus crash near Homs kills 5", url=page))
    assert clusterer.place(headline(2, "Bus crash near Homs kills 8", url=page)) == Placement(1, 2)
    assert clusterer.place(headline(3, "Storm closes airports", url=page)) == Placement(3, 3)
    assert clusterer.place(headline(4, "Homs mourns the dead of the crash", url=page)).text == 4


RELEASES = (
    "marmot 1.1 fixes the login page",
    "marmot 1.2 adds dark mode",
    "Outage: marmot servers unreachable in Asia",
)
RIVERS = [
    f"Flood warning for the River {river} issued" for river in ("Thames", "Severn", "Trent", "Wye", "Ouse", "Tyne")
]
STRIKES = [f"Airstrike on {town} kills five" for town in ("Idlib", "Aleppo", "Homs", "Raqqa", "Daraa")]
FLAWS = [f"CVE-2026-{number}: buffer overflow in libfoo" for number in range(4101, 4109)]


@pytest.mark.parametrize("titles", [RELEASES, RIVERS, STRIKES, FLAWS])
@pytest.mark.parametrize("source", [None, 7])
def test_entries_of_one_template_are_as_many_texts_and_events(titles: Sequence[str], source: int | None) -> None:
    clusterer = new_clusterer()
    url = "https://vendor.example/releases" if source else None
    found = [
        clusterer.place(Headline(number, title, url, NOW, "One text for all of them. " * 9, source))
        for number, title in enumerate(titles, 1)
    ]
    assert len({placement.text for placement in found}) == len(titles)
    assert len({placement.story for placement in found}) == len(titles)


def test_one_source_says_a_text_twice_only_if_nothing_differs() -> None:
    clusterer = Clusterer()
    title = "Situation report for humanitarian partners in the region"
    clusterer.place(
        Headline(1, title, None, NOW, "Roads are open again in the north and in the east of the region.", 7)
    )
    other = "The hospital of the capital has asked for blood, and for petrol for its generator."
    assert clusterer.place(Headline(2, title, None, NOW, other, 7)).text == 2
    assert clusterer.place(Headline(3, title, None, NOW, other, 7)).text == 2


def test_a_front_page_proves_nothing() -> None:
    assert not is_page("https://example.org/")
    assert not is_page("https://example.org")
    assert is_page("https://example.org/?p=7")
    clusterer = Clusterer()
    clusterer.place(headline(1, "Bus crash near Homs kills 5", url="https://example.org/"))
    assert clusterer.place(headline(2, "Storm closes airports", url="https://example.org/")) == Placement(2, 2)


def test_the_same_words_after_the_window_are_another_story() -> None:
    clusterer = Clusterer()
    clusterer.place(headline(1, "Dam near Aswan inspected after tremor"))
    assert clusterer.place(headline(2, "Dam near Aswan inspected after tremor", hours=73)) == Placement(2, 2)


def test_an_entry_never_changes_its_story() -> None:
    clusterer = Clusterer()
    first = clusterer.place(headline(1, "Dam near Aswan inspected after tremor"))
    assert clusterer.place(headline(1, "Storm closes airports")) == first


def test_what_the_database_gives_back_is_taken_up_where_it_was_left() -> None:
    before, after = Clusterer(), Clusterer()
    known = [
        headline(1, "Dam near Aswan inspected after tremor"),
        headline(2, "Engineers inspect Aswan dam after strong tremor"),
    ]
    after.warm([(one, before.place(one)) for one in known])
    late = headline(3, "Engineers inspect Aswan dam after strong tremor (AP)")
    assert after.place(late) == before.place(late) == Placement(1, 2)


def test_what_is_forgotten_takes_no_members() -> None:
    clusterer = Clusterer()
    clusterer.place(headline(1, "Dam near Aswan inspected after tremor", url="https://example.org/dam"))
    clusterer.forget_before(NOW + timedelta(hours=1))
    assert len(clusterer) == 0
    again = headline(2, "Dam near Aswan inspected after tremor", url="https://example.org/dam", hours=2)
    assert clusterer.place(again) == Placement(2, 2)


def test_memory_is_bounded_by_the_limit() -> None:
    clusterer = Clusterer(limit=10)
    for number in range(100):
        clusterer.place(headline(number, f"Bus number {number} crashes near village {number}"))
    assert len(clusterer) == 10


@given(st.lists(st.text("ab سوряア1 ", max_size=20), max_size=30))
def test_a_story_is_named_after_its_first_headline_and_a_text_lies_in_one_story(titles: list[str]) -> None:
    placements = placed(*titles)
    for number, placement in enumerate(placements, 1):
        assert placement.text <= number
        assert placement.story <= placement.text
        assert placements[placement.story - 1].story == placement.story
        assert placements[placement.text - 1] == placement
        assert placement.thread <= placement.story
        assert placements[placement.story - 1].thread == placement.thread
        assert placements[placement.thread - 1].thread == placement.thread


def test_on_labelled_headlines_stories_are_right_and_texts_are_nearly_never_wrong() -> None:
    data = os.environ.get("WATCHWORD_DATA")
    if not data:
        pytest.skip("WATCHWORD_DATA does not point at the labelled headlines")
    with lzma.open(Path(data) / "data" / "stories_uci.jsonl.xz", "rt") as lines:
        articles = [json.loads(line) for line in lines]
    clusterer = Clusterer()
    placements = [
        clusterer.place(Headline(at, one["title"], None, datetime.fromtimestamp(one["published_at"], UTC)))
        for at, one in enumerate(articles)
    ]
    pairs = Counter((placement.story, one["story"]) for placement, one in zip(placements, articles, strict=True))
    stories = Counter(placement.story for placement in placements)
    precision = sum(n * (n - 1) for n in pairs.values()) / sum(n * (n - 1) for n in stories.values())
    assert precision > 0.88  # 0.92; what is missing is one event under two labels
    assert 1_000 < len(stories) < 2_000  # the 44 labels are topics of many events each
    wrong = [  # an equal title under two labels is the label's mistake
        at
        for at, placement in enumerate(placements)
        if articles[placement.text]["story"] != articles[at]["story"]
        and articles[placement.text]["title"].lower() != articles[at]["title"].lower()
    ]
    assert len(wrong) < 0.005 * len(articles)


NAMES = ("Idlib", "Aleppo", "Homs", "Cairo", "Lima", "Oslo")
VERBS = ("bridge reopens after storm", "market burns for third night", "mayor resigns over letters", "dam inspected")
series = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(VERBS), st.sampled_from(("", " - Reuters", " 5", " 8 killed"))),
    max_size=25,
)


@given(series, st.integers(0, 24), st.sampled_from((1.0, 5.0, 20.0)))
def test_a_rebuilt_memory_places_as_the_old_one_would_have(
    found: list[tuple[str, str, str]], cut: int, hours: float
) -> None:
    headlines = [
        Headline(n, f"{name} {verb}{tail}", None, NOW + n * timedelta(hours=hours), source=n % 3)
        for n, (name, verb, tail) in enumerate(found, 1)
    ]
    live, kept = new_clusterer(), []
    for entry in headlines[:cut]:
        live.forget_before(entry.published_at - timedelta(hours=72))
        kept.append((entry, live.place(entry)))
    rebuilt = new_clusterer()
    since = headlines[cut - 1].published_at - timedelta(hours=72) if 0 < cut <= len(headlines) else NOW
    rebuilt.warm(pair for pair in kept if pair[0].published_at >= since)
    for entry in headlines[cut:]:
        for clusterer in (live, rebuilt):
            clusterer.forget_before(entry.published_at - timedelta(hours=72))
        assert live.place(entry) == rebuilt.place(entry)


@given(series, st.sampled_from((1.0, 5.0, 20.0)))
def test_placements_are_final_spans_bounded_and_a_story_names_one_place(
    found: list[tuple[str, str, str]], hours: float
) -> None:
    clusterer = new_clusterer()
    headlines = [
        Headline(n, f"{name} {verb}{tail}", None, NOW + n * timedelta(hours=hours))
        for n, (name, verb, tail) in enumerate(found, 1)
    ]
    placements = [clusterer.place(entry) for entry in headlines]
    assert placements == [clusterer.place(entry) for entry in headlines]
    for (name, _, _), entry, placement in zip(found, headlines, placements, strict=True):
        assert found[placement.story - 1][0] == name
        if placement.text == entry.id:
            assert entry.published_at - headlines[placement.story - 1].published_at <= STORY_LASTS
            assert entry.published_at - headlines[placement.thread - 1].published_at <= THREAD_LASTS


@pytest.mark.parametrize(
    "title",
    ["a" * 100_000, "a b " * 50_000, "1 " * 50_000, "- | " * 50_000, "\u0301" * 99_999, "東" * 99_999, "(" * 99_999],
)
def test_hostile_titles_take_bounded_time(title: str) -> None:
    clusterer = new_clusterer()
    started = time.process_time()
    for number in range(1, 40):
        clusterer.place(headline(number, f"{title} {number}" if number % 2 else f"{number} {title}"))
    assert time.process_time() - started < 4.0


def test_of_the_fresh_templates_few_are_wrong() -> None:
    wrong = Counter((is_one, are_together(first, second)) for _, is_one, first, second in templates())
    assert wrong[False, True] <= 0.1 * (wrong[False, True] + wrong[False, False])
    assert wrong[True, True] >= 0.85 * (wrong[True, True] + wrong[True, False])
