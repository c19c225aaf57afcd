"""Digests: every text that a chat is owed is shown by its link, counted for a list, or left for the next digest."""

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.locales import words
from bot.messages import digests
from bot.messages.digests import COUNTED, STORIES, Part, digest
from bot.messages.items import Item
from tests.messages.test_news import NOW, ZONE, Reader, story

ENGLISH = words("en")
RIVERS = ("Thames", "Severn", "Trent", "Wye", "Ouse", "Tyne", "Tees", "Avon", "Exe", "Nene", "Cam", "Dee")


def event(first: int, texts: int, *, source: str = "Flood agency", length: int = 1) -> Item:
    """An event of so many texts, of one source; their entries are numbered from `first`."""
    found = [
        story(
            first,
            entry_id=number,
            title=f"Flood warning for the River {RIVERS[number % len(RIVERS)]} issued " * length,
            url=f"https://flood.example/{number}",
            source=source,
        )
        for number in range(first, first + texts)
    ]
    return replace(found[0], others=tuple(found[1:]))


def compose(items: list[Item], *, is_private: bool) -> list[Part]:
    return digest(items, ENGLISH, zone=ZONE, now=NOW, is_private=is_private)


def links(parts: list[Part]) -> list[str]:
    return [url for part in parts for url, _ in Reader(part.message.text).links]


def test_six_flood_warnings_are_six_links_in_a_group() -> None:
    (part,) = compose([event(1, 6)], is_private=False)
    assert links([part]) == [f"https://flood.example/{number}" for number in range(1, 7)]
    assert "<blockquote expandable>" in part.message.text
    assert all(river in part.message.text for river in ("Severn", "Trent", "Wye", "Ouse", "Tees"))
    assert part.counted == ()


def test_six_flood_warnings_are_three_links_and_a_number_in_a_private_chat() -> None:
    (part,) = compose([event(1, 6)], is_private=True)
    assert len(links([part])) == len(part.shown) == 3
    assert "<b>+3</b>" in part.message.text
    assert [item.entry_id for item in part.counted] == [4, 5, 6]


def test_texts_of_other_sources_are_linked_by_the_names_of_these() -> None:
    lead = story(1, entry_id=1, source="Al Jazeera")
    others = (story(1, entry_id=2, source="BBC"), story(1, entry_id=3, source="Reuters"))
    (part,) = compose([replace(lead, others=others)], is_private=True)
    assert ">BBC</a> · <a" in part.message.text
    assert len(part.shown) == 3
    assert "further texts" not in part.message.text


@pytest.mark.parametrize("is_private", [True, False])
@settings(deadline=None, max_examples=60)
@given(sizes=st.lists(st.sampled_from([1, 2, 3, 4, 5, 9, 30, 120, 400]), max_size=70), length=st.sampled_from([1, 9]))
def test_no_text_is_lost_whatever_is_one_event(is_private: bool, sizes: list[int], length: int) -> None:
    numbers = count(1)
    items = []
    for size in sizes:
        first = next(numbers)
        items.append(event(first, size, length=length))
        numbers = count(first + size)
    parts = compose(items, is_private=is_private)
    every = {text.entry_id for item in items for text in (item, *item.others)}
    shown = [item.entry_id for part in parts for item in part.shown]
    counted = [item.entry_id for part in parts for item in part.counted]
    assert len({*shown, *counted}) == len(shown) + len(counted)
    assert {*shown, *counted} <= every
    assert sorted(links(parts)) == sorted(f"https://flood.example/{number}" for number in shown)
    if not is_private:
        assert counted == []
    if every - {*shown, *counted}:
        assert "in the next digest" in parts[-1].message.text
    for part in parts:
        assert 0 < len(Reader(part.message.text).plain) <= 4096


def test_a_group_gets_the_biggest_stories_and_is_told_that_the_rest_comes_next() -> None:
    parts = compose([event(1000 * number, 1) for number in range(1, STORIES + 8)], is_private=False)
    assert len(links(parts)) == STORIES
    assert parts[-1].message.text.endswith("… 7 more in the next digest")


def test_a_list_behind_a_button_has_an_end_and_the_rest_stays_owed() -> None:
    parts = compose([event(1000 * number, 1) for number in range(1, STORIES + COUNTED + 10)], is_private=True)
    assert len(parts[-1].counted) == COUNTED
    assert parts[-1].message.text.endswith("… and 300 more stories\n… 9 more in the next digest")


def test_a_digest_has_an_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "PARTS", 2)
    parts = compose([event(1, 400)], is_private=False)
    assert len(parts) == 2
    assert parts[-1].message.text.endswith(f"… {400 - len(links(parts))} more in the next digest")


def test_stories_of_one_thread_stand_together_under_their_label() -> None:
    found = [
        story(1, score=0.9, thread_id=1),
        story(2, score=0.8, thread_id=2),
        story(3, score=0.7, thread_id=1),
        story(4, score=0.6),
        story(5, score=0.95, thread_id=1, queries=("harbour",)),
    ]
    (part,) = compose(found, is_private=True)
    assert [item.story_id for item in part.items] == [5, 1, 3, 2, 4]
