import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.matching.engine.evaluate import matches
from bot.matching.query.parser import parse
from bot.matching.text.analysis import fold
from bot.matching.text.transliteration import bridges, is_same
from bot.models import Article

SAME = [
    ("Gaddafi", "القذافي"),
    ("Qaddafi", "القذافي"),
    ("Kadhafi", "والقذافي"),
    ("Zelensky", "زيلينسكي"),
    ("Shoigu", "شويغو"),
    ("Mohammed", "محمد"),
    ("Muhammad", "لمحمد"),
    ("Netanyahu", "نتنياهو"),
    ("Erdogan", "أردوغان"),
    ("Khamenei", "خامنئي"),
    ("Massoud", "مسعود"),
    ("Obama", "أوباما"),
    ("Putin", "بوتين"),
    ("Biden", "بايدن"),
    ("Johnson", "جونسون"),
    ("Nasrallah", "نصرالله"),
    ("Microsoft", "مايكروسوفت"),
    ("Soleimani", "سليماني"),
]


@pytest.mark.parametrize(("latin", "arabic"), SAME)
def test_arabic_writes_a_name_by_its_consonants_and_long_vowels(latin: str, arabic: str) -> None:
    one, other = fold(latin), fold(arabic)
    assert is_same(one, other)
    assert is_same(other, one)
    assert set(bridges(one)) & set(bridges(other))


@pytest.mark.parametrize(
    ("latin", "arabic"),
    [
        ("Martin", "مرتين"),  # "twice": a common word
        ("Harris", "حارس"),  # too short to be sure
        ("Hassan", "حسن"),
        ("Osama", "بأسماء"),
        ("Tokyo", "توقيع"),
        ("William", "العالم"),
        ("Gaddafi", "الغذائي"),
        ("Putin", "Путин"),
        ("Putin", "Putins"),
        ("Kamal", "جمالي"),
    ],
)
def test_other_words_are_no_name(latin: str, arabic: str) -> None:
    assert not is_same(fold(latin), fold(arabic))


@pytest.mark.parametrize(
    ("query", "text", "language"),
    [
        ("Gaddafi", "خطاب القذافي في طرابلس", "ar"),
        ("القذافي", "Colonel Kadhafi said", "en"),
        ("Vladimir Putin", "قال فلاديمير بوتين", "ar"),
        ("فلاديمير بوتين", "Vladimir Putin said", "en"),
    ],
)
def test_a_query_finds_a_name_in_the_other_script(query: str, text: str, language: str) -> None:
    match = matches(parse(query), Article("", text, language))
    assert match is not None
    assert {term.rule for term in match.terms} == {"spelling"}


def test_a_word_in_small_letters_is_no_name() -> None:
    assert matches(parse("gaddafi"), Article("", "خطاب القذافي", "ar")) is None
    assert matches(parse("بوتين"), Article("", "a putin of sorts", "en")) is None


@given(st.text("abdeikmnostuw", min_size=5, max_size=12), st.text("ابدتسكمنويعه", min_size=4, max_size=9))
def test_what_is_the_same_shares_a_key(latin: str, arabic: str) -> None:
    assert not is_same(latin, arabic) or set(bridges(latin)) & set(bridges(arabic))
