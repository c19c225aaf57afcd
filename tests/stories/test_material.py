"""Material changes: which further headline of an event comes with a sound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.stories.material import counts, is_material

QUAKE = "Strong quake shakes coastal towns, 7 dead"
MATERIAL = [
    (QUAKE, "Death toll of quake on the coast rises to 12"),
    (QUAKE, "Quake on the coast: twelve dead, rescuers say"),
    (QUAKE, "Quake kills 7 and injures 40"),
    ("Strong quake shakes coastal towns", "Strong quake shakes coastal towns, at least 3 killed"),
    ("Fire at a warehouse kills dozens", "Fire at a warehouse kills 45"),
    ("Three ships collide in the strait", "Four ships collide in the strait"),
    ("1,200 homes flooded", "12,000 homes flooded"),
    ("5 thousand people flee the floods", "2 million people flee the floods"),
    ("Minister resigns over leaked letters", "Minister denies he resigns over leaked letters"),
    ("Minister denies he resigns over leaked letters", "Minister resigns over leaked letters"),
    ("Bank says it won’t close", "Bank says it will close"),
    ("Mayor is arrested in the capital over bribes", "Police have arrested the mayor, Samir Haddad, over bribes"),
    ("زلزال قوي يضرب الساحل و7 قتلى", "ارتفاع حصيلة الزلزال إلى 12 قتيلا"),
    ("زلزال قوي يضرب الساحل و٧ قتلى", "زلزال الساحل: ١٢ قتيلا"),
    ("قتيلان في انفجار", "خمسة قتلى في انفجار"),
    ("الوزير يستقيل بعد تسريب رسائل", "الوزير ينفي استقالته بعد تسريب رسائل"),
]
IMMATERIAL = [
    (QUAKE, "Seven dead as strong quake shakes towns on the coast"),
    (QUAKE, "Quake on the coast kills 5"),
    (QUAKE, "Quake of magnitude 7.4 shakes coastal towns"),
    (QUAKE, "Coastal towns shaken by quake at 12:30"),
    (QUAKE, "Quake worst in 30 years, 7 dead"),
    (QUAKE, "Coastal towns shaken by quake, 7 dead: live updates, day 2"),
    ("Council passes budget of 2026", "Council passes budget of 2027"),
    ("Company buys rival for $5 billion", "Company buys rival for $6 billion"),
    ("Boy of 12 years rescued", "Boy rescued after 15 hours"),
    ("Minister resigns over leaked letters", "Minister Resigns Over Leaked Letters, Says BBC News"),
    ("زلزال قوي يضرب الساحل و7 قتلى", "سبعة قتلى في زلزال يضرب الساحل"),
]


@pytest.mark.parametrize(("shown", "title"), MATERIAL)
def test_a_change_is_material(shown: str, title: str) -> None:
    assert is_material(title, [shown])


@pytest.mark.parametrize(("shown", "title"), IMMATERIAL)
def test_another_telling_is_not(shown: str, title: str) -> None:
    assert not is_material(title, [shown])


def test_a_place_that_nothing_shown_names_is_material() -> None:
    def places(headline: str) -> set[str]:
        return {word for word in ("Izmir", "Bursa") if word in headline}

    assert is_material("Quake felt in Izmir", ["Quake in the west"], places)
    assert not is_material("Quake felt in Izmir", ["Quake in Izmir", "Quake in Bursa"], places)


def test_a_denial_is_news_once() -> None:
    shown = ["Minister resigns over letters", "Minister denies he resigns over letters"]
    assert not is_material("Minister will not resign over letters", shown)
    assert not is_material("Minister resigns over the letters", shown)


def test_absurd_numbers_are_no_counts() -> None:
    assert list(counts(f"{'9' * 5000} dead, 1{',000' * 2000} hurt")) == []


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.sampled_from([
    "Quake on the coast: {} dead", "Flood kills {} in the valley", "{} ships held in port", "زلزال يوقع {} قتيلا",
]))  # fmt: skip
def test_a_count_is_material_if_and_only_if_it_grew(first: int, second: int, template: str) -> None:
    years = range(1900, 2101)
    if "ships" in template and (first in years or second in years):
        return
    assert is_material(template.format(second), [template.format(first)]) == (second > first)


@given(st.text(max_size=80), st.lists(st.text(max_size=80), max_size=3))
def test_a_headline_that_was_shown_is_never_material(title: str, others: list[str]) -> None:
    shown = [title, *others]
    list(counts(title))
    assert not is_material(title, shown)
