import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.stories.fingerprint import fingerprint, fold, same_text, split_words

SAME = [
    ("Grain ship leaves Odesa for Alexandria", "Grain ship leaves Odesa for Alexandria"),
    ("Grain ship leaves Odesa for Alexandria", "GRAIN SHIP LEAVES ODESA FOR ALEXANDRIA!"),
    ("Grain ship leaves Odesa for Alexandria", "The grain ship leaves Odesa for Alexandria - BBC News"),
    ("Grain ship leaves Odesa for Alexandria (Reuters)", "Grain ship leaves Odesa for Alexandria | The Daily Star"),
    ("BREAKING: Grain ship leaves Odesa for Alexandria", "UPDATE 2-Grain ship leaves Odesa for Alexandria"),
    ("Minister's car stolen outside parliament", "Minister\u2019s car stolen outside parliament"),
    ("Votes counted in Afghan elections", "Votes counted in Afghan election"),
    ("Çavuşoğlu flies to Moscow for talks", "Cavusoglu flies to Moscow for talks"),
    ("وزير الخارجية يزور القاهرة اليوم لبحث الهدنة", "وَزير الخارجية يزور القاهره اليوم لبحث الهدنة"),
    ("В Хомсе открылась новая больница", "В ХОМСЕ ОТКРЫЛАСЬ НОВАЯ БОЛЬНИЦА"),
    ("シリア和平協議、ジュネーブで再開", "シリア和平協議 ジュネーブで再開"),
]
OTHER = [
    ("Bus crash near Homs: 5 killed", "Bus crash near Homs: 8 killed"),
    ("Talks in Geneva, Day 12: what we know", "Talks in Geneva, Day 13: what we know"),
    ("Ferry talks resume in Piraeus harbour | Day 12", "Ferry talks resume in Piraeus harbour"),
    ("Petrol prices rise again in Ohio this week", "Petrol prices rise again in Iowa this week"),
    ("Iran closes its northern border crossing", "Iraq closes its northern border crossing"),
    ("Hama residents return to their homes", "Hamas residents return to their homes"),
    ("Parliament approves the budget for schools", "Parliament has not approved the budget for schools"),
    ("Court finds minister guilty of taking bribes", "Court finds minister not guilty of taking bribes"),
    ("Shop sold for $3 million to its workers", "Shop sold for $3 billion to its workers"),
    ("Austria wins the final in Vienna", "Australia wins the final in Vienna"),
    ("Dog bites mayor in Lyon market", "Mayor bites dog in Lyon market"),
    ("Business highlights", "Business highlights"),
    ("زلزال بقوة 5 درجات يضرب إزمير", "زلزال بقوة 6 درجات يضرب إزمير"),
    ("В Алеппо погибли 5 человек при взрыве", "В Алеппо погибли 8 человек при взрыве"),
    ("東京で震度5の地震が発生", "東京で震度6の地震が発生"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_headline_in_another_dress_is_the_same_text(one: str, other: str) -> None:
    assert same_text(fingerprint(one), fingerprint(other))


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_a_number_a_name_or_a_not_makes_another_text(one: str, other: str) -> None:
    assert not same_text(fingerprint(one), fingerprint(other))


LEDE = (
    "Rescuers reached the valley on Sunday after three days of rain had cut the only road to it and to two more, "
    "the governor of the region said."
)


def test_the_same_long_lede_makes_a_reworded_headline_the_same_text() -> None:
    one, other = "Rescuers reach flooded valley at last", "Rescuers at last reach the flooded valley"
    assert not same_text(fingerprint(one), fingerprint(other))
    assert same_text(fingerprint(one, LEDE), fingerprint(other, LEDE))


def test_the_same_lede_does_not_hide_another_number() -> None:
    one, other = "Floods in the valley: 5 dead", "Floods in the valley: 8 dead"
    assert not same_text(fingerprint(one, LEDE), fingerprint(other, LEDE))


def test_a_short_title_over_two_different_texts_is_two_texts() -> None:
    other = "Shares in Oslo closed higher as oil firms gained; the index of small companies lost ground late."
    assert not same_text(fingerprint("Monday briefing: markets", LEDE), fingerprint("Monday briefing: markets", other))


def test_marks_that_are_letters_stay() -> None:
    assert split_words(fold("हिन्दी समाचार")) == ["हिन्दी", "समाचार"]


WORDS = ("harbour", "minister", "valley", "Aleppo", "glacier", "senate", "bridge", "vaccine", "Nairobi", "locust")


@given(st.permutations(WORDS), st.integers(0, 5), st.randoms(use_true_random=False))
def test_one_word_swapped_is_never_the_same_text(words: list[str], at: int, source: random.Random) -> None:
    title, spare = words[:6], words[6:]
    swapped = [*title[:at], source.choice(spare), *title[at + 1 :]]
    assert not same_text(fingerprint(" ".join(title)), fingerprint(" ".join(swapped)))


@given(st.text(max_size=600), st.text(max_size=600))
def test_any_text_has_a_fingerprint_and_the_relation_is_symmetric(one: str, other: str) -> None:
    first, second = fingerprint(one, other), fingerprint(other, one)
    assert same_text(first, second) == same_text(second, first)
    assert first == fingerprint(one, other)
