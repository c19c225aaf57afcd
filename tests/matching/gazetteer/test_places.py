import pytest

from bot.matching.gazetteer.places import concepts, is_land, is_main, land, lookup, mentions
from bot.matching.text.analysis import tokens


def named(text: str, language: str = "en") -> list[tuple[str, str]]:
    """Return (words, first concept) of each place named."""
    words = tokens(text)
    return [(text[words[m.start].start : words[m.end - 1].end], m.concepts[0]) for m in mentions(words, language)]


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("Syria", "SY"),
        ("syria", "SY"),
        ("سوريا", "SY"),
        ("Сирия", "SY"),
        ("Syrie", "SY"),
        ("Suriye", "SY"),
        ("叙利亚", "SY"),
        ("UK", "GB"),
        ("U.S.", "US"),
        ("USA", "US"),
        ("UAE", "AE"),
        ("DRC", "CD"),
        ("Côte d'Ivoire", "CI"),
        ("Turkey", "TR"),
        ("Türkiye", "TR"),
        ("Idleb", "SY/Idlib"),
        ("Kiev", "UA/Kyiv"),
        ("Tallinn", "EE/Tallinn"),
    ],
)
def test_a_place_is_known_by_each_of_its_names(text: str, concept: str) -> None:
    place = lookup(text)
    assert place is not None
    assert place.concept == concept


@pytest.mark.parametrize("text", ["Syrian", "us", "Narnia", "", "island", "Syria dam", "who"])
def test_other_words_are_no_place(text: str) -> None:
    assert lookup(text) is None


def test_both_congos_answer_to_congo() -> None:
    assert concepts("Congo") == ("CD", "CG")
    assert concepts("Syria") == ("SY",)
    assert concepts("Narnia") == ()


def test_main_places_are_countries_capitals_and_large_cities_by_their_main_name() -> None:
    assert all(map(is_main, ("Egypt", "Russia", "Damascus", "New York", "Guinea-Bissau", "egypt")))
    assert not any(map(is_main, ("Idlib", "Kiev", "Al", "Holland", "Covid")))
    assert is_land("Syria")
    assert not is_land("Damascus")
    assert land("Narnia") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Syrian and Syria's", [("Syrian", "SY"), ("Syria", "SY")]),
        ("Dutch, Britons and the British", [("Dutch", "NL"), ("Britons", "GB"), ("British", "GB")]),
        ("South Sudanese and Sudanese", [("South Sudanese", "SS"), ("Sudanese", "SD")]),
        ("New England", []),
        ("New Mexico", [("New Mexico", "US/New Mexico")]),
        ("Papua New Guinea", [("Papua New Guinea", "PG")]),
        ("Nigeria and Niger", [("Nigeria", "NG"), ("Niger", "NE")]),
        ("Western Australia", [("Australia", "AU")]),
        ("England and Wales", [("England", "england"), ("Wales", "wales")]),
        ("Guinea and Guinea-Bissau", [("Guinea", "GN"), ("Guinea-Bissau", "GW")]),
        ("Equatorial Guinea", [("Equatorial Guinea", "GQ")]),
        ("Northern Ireland and Ireland", [("Northern Ireland", "northern-ireland"), ("Ireland", "IE")]),
        ("tell us", []),
        ("the US", [("US", "US")]),
        ("Island", []),
    ],
)
def test_a_text_names_places_by_their_longest_name(text: str, found: list[tuple[str, str]]) -> None:
    assert named(text) == found


def test_a_name_in_latin_script_counts_in_its_own_language() -> None:
    assert named("en Syrie", "fr") == [("Syrie", "SY")]
    assert named("på Island", "sv") == []  # a word in too many languages
    assert named("в Сирии, сирийский", "ru") == [("Сирии", "SY"), ("сирийский", "SY")]
    assert named("في سوريا والسوريين", "ar") == [("سوريا", "SY"), ("والسوريين", "SY")]


@pytest.mark.parametrize(
    "text",
    [
        "the New York Times reported",
        "the Warsaw Pact",
        "the Treaty of Versailles",
        "Manchester United won",
        "the Organisation for Security and Cooperation in Europe",
        "playing for Real Madrid",
    ],
)
def test_another_things_name_is_no_mention_of_the_place_in_it(text: str) -> None:
    assert named(text) == []


def test_the_security_council_is_the_united_nations_too_but_not_the_other_way_round() -> None:
    mention = next(iter(mentions(tokens("the UN Security Council met"), "en")))
    assert mention.concepts == ("un-security-council", "united-nations")
    assert concepts("UN Security Council") == ("un-security-council",)
    assert concepts("UN") == concepts("United Nations") == ("united-nations",)
