import lzma

import pytest

from bot.matching.engine.evaluate import matches
from bot.matching.gazetteer.places import is_main, is_name, lookup, mentions
from bot.matching.query.parser import parse
from bot.matching.text.analysis import tokens
from bot.models import Article
from tools.places import TARGET, TERRITORIES, territories


def found(query: str, text: str, language: str | None = None) -> list[str]:
    match = matches(parse(query), Article("", text, language))
    return [term.text for term in match.terms] if match else []


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Tlemcen", "في تلمسان اليوم"),
        ("تلمسان", "a court in Tlemcen"),
        ("Bakhmut", "Бахмут под огнём"),
        ("Kharkiv", "из Харькова"),
        ("Wuhan", "武漢市"),
        ("Nice", "a beach in Nice"),
        ("tlemcen", "near tlemcen"),
        ("Hamm", "the town of Hamm"),
    ],
)
def test_a_city_is_found_by_its_names_in_every_script(query: str, text: str) -> None:
    assert found(query, text)


@pytest.mark.parametrize(
    "text",
    [
        "Dam",
        "DAM",
        "dmshq",
        "Police",
        "Gold",
        "Of",
        "Batman",
        "Hamas",
        "Al-Sham",
        "Reading",
        "Bath",
        "Mobile",
        "Orange",
    ],
)
def test_codes_noise_and_words_are_no_city(text: str) -> None:
    place = lookup(text)
    assert place is None or place.concept.split("/")[-1].isalpha()  # of the reviewed table, which asks for a capital
    assert not [m for m in mentions(tokens(f"a {text.lower()} here"), "en") if m.concepts]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Damascus", "The Aswan Dam holds"),
        ("Damascus", "Hayat Tahrir al-Sham said"),
        ("Hamm", "Hamas said"),
        ("Hamas", "the town of Hamm"),
        ("Nice", "a nice day"),
        ("Reading", "He is reading a book"),
        ("Mobile", "a mobile phone"),
        ("Bath", "take a bath"),
        ("Orange", "an orange peel"),
    ],
)
def test_a_city_is_not_found_in_what_is_something_else(query: str, text: str) -> None:
    assert not found(query, text, "en")


def test_a_name_of_many_places_is_the_largest_ones() -> None:
    place = lookup("Birmingham")
    assert place is not None
    assert place.country == "GB"


def test_a_large_city_is_main_by_its_main_name_alone() -> None:
    assert is_main("Chongqing")
    assert is_main("Kazan")
    assert not is_main("Tlemcen")


def test_a_longer_name_is_not_found_beyond_the_end_of_a_text() -> None:
    text = "He flew to San Luis"  # where San Luis Potosí could begin
    for mention in mentions(tokens(text), "en"):
        assert mention.end <= len(tokens(text))


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("in:Syria", "shelling in Idlib"),
        ("in:Syria", "talks in Damascus"),
        ("in:India", "floods in Kerala"),
        ("in:Germany", "a vote in Bavaria"),
        ("in:US", "fires in Colorado"),
        ("in:Egypt", "tourists in North Sinai"),
        ("in:Nigeria", "an attack in Zamfara"),
        ("in:Russia", "the governor of Belgorod"),
        ("in:Ukraine", "в Харькове"),
        ("in:Mexico", "a race in Mexico City"),
    ],
)
def test_a_country_has_its_capital_its_regions_and_its_cities(query: str, text: str) -> None:
    assert found(query, f"It was late; {text} today.")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("in:US", "a goal by Scott Draper of Australia"),
        ("in:Cuba", "a win for Felix Mantilla of Spain"),
        ("in:Philippines", "an antique chair"),
        ("in:Russia", "the Jewish quarter"),
        ("in:Pakistan", "floods in Punjab"),  # two countries have one
        ("in:Ireland", "said Clare of the bank"),
        ("in:Syria", "talks in Amman"),
    ],
)
def test_and_not_what_is_a_person_a_word_or_another_countrys(query: str, text: str) -> None:
    assert not found(query, f"It was late; {text} today.", "en")


@pytest.mark.parametrize("name", ["Karnali", "Zombo", "Zanzan"])
def test_a_region_is_known_without_the_number_that_tells_its_codes_apart(name: str) -> None:
    assert lookup(name)
    assert lookup(f"{name}²") is None


@pytest.mark.parametrize("text", ["در لوستن‌آئو", "در لوستنآئو"])
def test_a_city_is_found_however_persian_joins_its_name(text: str) -> None:
    assert found("Lustenau", text)
    assert not [mention for mention in mentions(tokens("بعد أن مس"), "ar") if mention.concepts]


def test_countries_are_called_as_in_the_cldr_that_is_installed() -> None:
    assert TERRITORIES.read_text(encoding="utf-8") == territories()  # if not: make places


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("in:Russia", "в Курской области"),
        ("in:Russia", "жители Якутии"),
        ("in:Germany", "في ساكسونيا"),
        ("in:Germany", "in Niedersachsen"),
        ("in:Iraq", "في محافظة الأنبار"),
        ("in:Yemen", "في حضرموت"),
        ("in:France", "en Bourgogne-Franche-Comté"),
        ("in:Spain", "las Islas Baleares"),
        ("Saxony", "Sachsen"),
        ("Саксония", "in Saxony"),
        ("Lombardy", "in Lombardia"),
        ("Lombardy", "لومبارديا"),
    ],
)
def test_a_region_is_found_by_its_names_in_other_languages(query: str, text: str) -> None:
    assert found(query, text)


@pytest.mark.parametrize(
    "text",
    [
        "الشرقية",
        "مطروح",
        "البحر الأحمر",
        "فارس",
        "Северная область",
        "Красное море",
        "В котором",
        "Marken",
        "Bayern",
        "Center",
    ],
)
def test_a_word_that_is_a_region_too_is_none(text: str) -> None:
    assert not [mention for mention in mentions(tokens(text), "und") if mention.concepts]


def test_a_city_is_found_by_its_whole_name_and_by_no_other_however_many_begin_alike() -> None:
    lines = lzma.decompress(TARGET.read_bytes()).decode().split("\n")
    names = [line.split("\t")[0] for line in lines[::17]]
    assert [name for name in names if not is_name(name)] == []
    assert [name for name in names if is_name(f"{name} nowhere")] == []
