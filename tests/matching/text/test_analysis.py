from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.matching.text.analysis import (
    LANGUAGES_OF_SCRIPT,
    STEMMERS,
    Case,
    Chunk,
    Token,
    _read_chunk,
    _read_words,
    case_of,
    fold,
    guess_language,
    keys,
    tokens,
    wanted_keys,
)


def folded(text: str) -> list[str]:
    return [token.folded for token in tokens(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Syria’s Syria's SYRIA'S", ["syria", "syria", "syria"]),
        ("the Houthis’ leader", ["the", "houthis", "leader"]),
        ("U.S.-led U.N. e.g. St. Louis", ["us", "led", "un", "eg", "st", "louis"]),
        ("C++ C# AT&T G7", ["c++", "c#", "at", "and", "t", "g7"]),
        ("R & D, M＆A, &c & …", ["r", "and", "d", "m", "and", "a", "and", "c", "and"]),
        ("straße STRASSE", ["strasse", "strasse"]),
        ("İSTANBUL Çavuşoğlu ışık", ["istanbul", "cavusoglu", "isik"]),
        ("ΟΔΟΣ οδός", ["οδοσ", "οδοσ"]),
        ("Øresund Łódź Þingvellir", ["oresund", "lodz", "thingvellir"]),
        ("ёлка йод", ["елка", "йод"]),
        ("سُورِيّا إدلب ســـوريا مستشفى مدرسة", ["سوريا", "ادلب", "سوريا", "مستشفي", "مدرسه"]),
        ("ک ی", ["ك", "ي"]),
        ("می‌خواهم so\u00adft zero\u200bwidth", ["مي", "خواهم", "soft", "zerowidth"]),
        ("کتاب\u200c، ক্\u200cষ Auf\u200clage", ["كتاب", "ক্ষ", "auflage"]),
        ("l'Égypte O'Brien", ["l", "egypte", "o", "brien"]),
        ("北京", ["北", "京"]),
        ("ｆｕｌｌ", ["full"]),
        ("", []),
        ("—…!", []),
    ],
)
def test_words_are_folded(text: str, words: list[str]) -> None:
    assert folded(text) == words


@given(st.text(max_size=80))
def test_folding_is_idempotent_and_offsets_are_those_of_the_text(text: str) -> None:
    for token in tokens(text):
        assert 0 <= token.start < token.end <= len(text)
        assert token.folded
        assert fold(token.folded) == token.folded or "." in text


@given(st.text(alphabet="abSé7ß\u0301\u200c'’ʼ-.,&+#_()\n北إжقย\u0e31☀", max_size=8))
def test_a_word_with_signs_beside_it_is_read_as_the_long_pattern_reads_it(chunk: str) -> None:
    read, whole = _read_chunk(chunk), _read_words(chunk)
    assert (Chunk((read,), "", "", ()) if isinstance(read, Token) else read) == whole


@given(st.text(alphabet="aé'’-.& \nSß北إ", max_size=40))
def test_tokens_stand_in_order_and_never_overlap(text: str) -> None:
    found = tokens(text)
    assert all(one.end <= two.start for one, two in pairwise(found))


def test_a_sentence_ends_at_a_full_stop_but_not_at_an_abbreviation() -> None:
    found = tokens("He saw S. Waugh. Then rain\nfell on St. Louis\n\nNext")
    assert [token.folded for token in found if token.breaks] == ["then", "next"]
    assert [token.folded for token in found if token.begins] == ["he", "then", "fell", "next"]


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("flood", "flooding", True),
        ("policy", "policies", True),
        ("run", "running", True),
        ("organ", "organization", False),
        ("organization", "organizations", True),
        ("univers", "university", False),
        ("news", "new", False),
    ],
)
def test_english_words_share_a_key_with_their_inflections_only(one: str, two: str, same: bool) -> None:
    assert bool(set(keys(one, "en")) & set(keys(two, "en"))) is same


def test_arabic_words_share_a_key_with_and_without_clitics() -> None:
    assert set(keys("ادلب", "ar")) & set(keys("وبادلب", "ar"))
    assert set(keys("سوري", "ar")) & set(keys("للسوري", "ar")) or set(keys("السوري", "ar")) & set(keys("للسوري", "ar"))


def test_a_query_in_arabic_or_hebrew_is_as_typed_but_for_its_article() -> None:
    assert set(wanted_keys("بوتين", "ar")) & set(keys("وبوتين", "ar"))
    assert set(wanted_keys("السعوديه", "ar")) & set(keys("للسعوديه", "ar"))
    assert set(wanted_keys("سعوديه", "ar")) & set(keys("والسعوديه", "ar"))
    assert not set(wanted_keys("وزير", "ar")) & set(keys("زير", "ar"))  # a minister is no "and a …"
    assert set(wanted_keys("ירושלים", "he")) & set(keys("ומירושלים", "he"))
    assert set(wanted_keys("ממשלה", "he")) & set(keys("שבממשלה", "he"))
    assert set(wanted_keys("הכנסת", "he")) & set(keys("כנסת", "he"))
    assert not set(wanted_keys("שלום", "he")) & set(keys("בלום", "he"))


def test_urdu_and_other_languages_in_arabic_letters_have_no_arabic_clitics() -> None:
    assert keys("وزير", "ur") == ()
    assert keys("وزير", "en") == keys("وزير", "ar")


@pytest.mark.parametrize("language", sorted(STEMMERS))
def test_every_language_of_snowball_is_one_of_a_script(language: str) -> None:
    assert any(language in languages for languages in LANGUAGES_OF_SCRIPT.values())
    assert keys("abc", language) or language not in LANGUAGES_OF_SCRIPT["LATIN"]


def test_a_word_is_read_in_its_own_script_whatever_the_language_is_said_to_be() -> None:
    assert keys("ادلب", "en") == keys("ادلب", "ar")
    assert keys("flood", "ru") == keys("flood", "en")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The minister said that the dam is in the north of the country", "en"),
        ("Le ministre a dit que les barrages sont dans le nord du pays", "fr"),
        ("Der Minister sagte, dass die Brücke nicht mit dem Auto zu erreichen ist", "de"),
        ("El ministro dijo que los precios suben y que las ventas en el país caen", "es"),
        ("قال الوزير إن السد", "ar"),
        ("Министр сказал", "ru"),
        ("Bakan, barajın ülkenin kuzeyinde olduğunu söyledi", "tr"),
        ("Міністр сказав, що гребля на півночі країни", "uk"),
        ("השר אמר כי הסכר נמצא בצפון המדינה", "he"),
        ("وزیر گفت که سد در شمال کشور است", "fa"),
        ("وزیر نے کہا کہ ڈیم ملک کے شمال میں ہے", "ur"),
        ("首相は東京で会見した", "ja"),
        ("北京", "zh"),
        ("", "en"),
        ("…", "en"),
        ("12 34", "und"),
        ("12 34 56 Putin", "en"),  # numbers are in no script
        ("Санкт-Петербург Saint Petersburg", "ru"),  # as many words of each: the first
        ("Real PSG", "en"),  # a few words are in no rare language
        ("Putin droht", "en"),
    ],
)
def test_a_language_is_guessed(text: str, language: str) -> None:
    assert guess_language(text) == language


def test_a_capital_inside_makes_a_name() -> None:
    written = ("war", "War", "WAR", "iPhone", "حرب", "G")
    assert [case_of(w) for w in written] == [Case.LOWER, Case.TITLE, Case.UPPER, Case.TITLE, Case.NONE, Case.TITLE]
