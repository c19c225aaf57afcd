import pytest

from bot.matching.engine.evaluate import matches
from bot.matching.gazetteer.demonyms import inflected
from bot.matching.query.parser import parse
from bot.models import Article


def found(query: str, text: str, language: str | None = None) -> list[str]:
    match = matches(parse(query), Article("", text, language))
    return [term.text for term in match.terms] if match else []


@pytest.mark.parametrize(
    ("query", "text", "language"),
    [
        ("Syria", "über die syrischen Truppen", "de"),
        ("Syria", "les troupes syriennes", "fr"),
        ("Syria", "las tropas sirias", "es"),
        ("Syria", "Suriyeliler geldi", "tr"),
        ("Syria", "сирийцам помогли", "ru"),
        ("Syria", "للسوريين هناك", "ar"),
        ("United Kingdom", "رئيس الوزراء البريطاني", "ar"),
        ("United States", "الخارجية الأميركية", "ar"),
        ("United States", "ABD'nin kararı", "tr"),
        ("Germany", "на немцев", "ru"),
        ("France", "Französinnen und Franzosen", "de"),
        ("South Korea", "القوات الكورية الجنوبية", "ar"),
        ("DRC", "جمهورية الكونغو الديمقراطية", "ar"),
        ("UN", "в ООН заявили", "ru"),
        ("United Nations", "la ONU dijo", "es"),
        ("EU", "der Europäischen Union", "de"),
        ("Mexico", "a race in Mexico City", "en"),
        ("ООН", "the U.N. said", "en"),
        ("Amerika", "the U.S. said", "en"),
    ],
)
def test_a_country_is_found_by_its_people_in_other_languages(query: str, text: str, language: str) -> None:
    assert found(query, text, language)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Mali", "إلى مالي"),
        ("Mali", "النيجر بمالي"),
        ("Mali", "مالي والنيجر"),
        ("Mali", "النيجر ومالي"),
        ("Mali", "جمهورية مالي والجيش المالي"),
        ("Oman", "في عمان"),
        ("Oman", "في مسقط عاصمة عمان"),
        ("Romania", "رومانيا والجيش الروماني"),
        ("France", "القوات الفرنسية والبريطانية"),
        ("Yemen", "الجيش اليمني"),
        ("Sudan", "السودان وجنوب السودان"),
        ("مالي", "نظام مالي"),
        ("مالي", "in Mali today"),
    ],
)
def test_an_arabic_word_that_is_another_too_is_the_place_where_the_text_says_so(query: str, text: str) -> None:
    assert found(query, text, "ar" if text > "ء" else "en")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Mali", "الدعم المالي من القذافي"),
        ("Mali", "نجاح فني ومالي"),
        ("Mali", "الدعم المالي المغربي"),
        ("Oman", "في عمان عاصمة الأردن"),
        ("Romania", "المسرح الروماني"),
        ("France", "تدريس اللغة العربية والفرنسية"),
        ("France", "الصراع بين العربية والفرنسية"),
        ("France", "ناطقة بالفرنسية"),
        ("France", "باللغتين الفرنسية والعربية"),
        ("Yemen", "اليد اليمنى"),
        ("Iraq", "قالت بثينة عراقي"),
        ("Sudan", "جنوب السودان"),
        ("Guinea", "غينيا الاستوائية"),
    ],
)
def test_and_not_where_it_does_not(query: str, text: str) -> None:
    assert found(query, text, "ar") == []


def test_a_peoples_word_stands_for_its_regular_forms() -> None:
    assert inflected("syrien", "fr") == ["syrien", "syrienne", "syriens", "syriennes"]
    assert inflected("français", "fr") == ["français", "française", "françaises"]
    assert inflected("alemán", "es") == ["alemán", "alemana", "alemanes", "alemanas"]
    assert inflected("Franzose", "de")[:2] == ["Franzose", "Franzosen"]
    assert inflected("сирийцы", "ru") == ["сирийцы", "сириец"]
    assert "كورية شمالية" in inflected("كوري_شمالي", "ar")
    assert "Mısırlılar" in inflected("Mısırlı", "tr")
    assert "Türkler" in inflected("Türk", "tr")
