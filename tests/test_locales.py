import re
import unicodedata

import pytest

from bot.chat.user.subscription_views import reading
from bot.locales import CATALOGUES, END_ISOLATE, ISOLATE, LANGUAGES, build, words
from bot.matching.query.parser import parse, split_queries

OTHERS = [language for language in LANGUAGES if language != "en"]
SENT_BY_TELEGRAM = re.compile(r"</?(?:b|i|code)>")


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_is_translated_and_none_is_stale(language: str) -> None:
    assert build.problems(language) == []


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_catalogue_is_up_to_date(language: str) -> None:
    path = CATALOGUES / language / "LC_MESSAGES" / "watchword.mo"
    assert path.read_bytes() == build.compiled(build.read(language)), "run: make catalogues"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_can_be_said_and_has_no_markup_but_ours(language: str) -> None:
    for sentence in build.texts(language):
        assert not re.search(r"[<>]", SENT_BY_TELEGRAM.sub("", sentence)), sentence
        assert "{" not in sentence
        assert len(sentence) <= 160, sentence


@pytest.mark.parametrize(
    ("number", "said"),
    [(1, "خبر واحد"), (2, "خبران"), (5, "5 أخبار"), (11, "11 خبرًا"), (100, "100 خبر"), (103, "103 أخبار")],
)
def test_arabic_counts_as_arabic_does(number: int, said: str) -> None:
    assert words("ar").say_many("Last 7 days: {number} story", "Last 7 days: {number} stories", number).endswith(said)


def test_a_line_of_arabic_keeps_its_order_around_latin_words() -> None:
    said = str(words("ar").say("Watching <b>{label}</b>", label="Idlib"))
    assert f"<b>{ISOLATE}Idlib{END_ISOLATE}</b>" in said
    assert direction(said) == "R"
    zone = str(words("ar").say("I send one digest a day, at {time} ({zone}).", time="08:00", zone="Europe/Berlin"))
    assert f"({ISOLATE}Europe/Berlin{END_ISOLATE})" in zone
    help_line = str(words("ar").say("{command} — {meaning}", command="/list", meaning=words("ar").say("a break")))
    assert direction(help_line) == "R"


def direction(text: str) -> str:
    """Return the direction of a paragraph: of its first strong letter outside of isolates (UAX #9, P2)."""
    plain = re.sub(f"{ISOLATE}[^{END_ISOLATE}]*{END_ISOLATE}|<[^>]*>", "", text)
    strong = (unicodedata.bidirectional(letter) for letter in plain)
    return next("R" if one in ("R", "AL") else "L" for one in strong if one in ("L", "R", "AL"))


def test_a_line_of_english_keeps_its_order_around_arabic_words() -> None:
    assert (
        str(words("en").say("Watching <b>{label}</b>", label="إدلب")) == f"Watching <b>{ISOLATE}إدلب{END_ISOLATE}</b>"
    )
    say = words("en").say
    assert str(say("Watching <b>{label}</b>", label="إدلب")) == f"Watching <b>{ISOLATE}إدلب{END_ISOLATE}</b>"
    assert str(say("Watching <b>{label}</b>", label="<Idlib>")) == "Watching <b>&lt;Idlib&gt;</b>"


@pytest.mark.parametrize(("code", "locale"), [("ar", "ar"), ("ar-EG", "ar"), ("en-GB", "en"), ("xx", "en"), ("", "en")])
def test_a_language_we_do_not_speak_is_answered_in_english(code: str, locale: str) -> None:
    assert words(code).locale == locale


def test_how_an_arabic_reader_s_query_was_read_begins_at_the_right() -> None:
    reader = words("ar")
    assert direction(str(reading(parse("Egypt AND Russia", reader), reader))) == "R"
    assert "\u200f" not in reading(parse("Egypt AND Russia"), words("en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_bot_tells_readers_to_type_can_be_typed(language: str) -> None:
    typed = [one.partition(" ")[2] for one in build.texts(language) if one.startswith("/subscribe ")]
    assert len(typed) >= 7
    for text in typed:
        assert all(parse(one, words(language)) for one in split_queries(text))


def test_a_language_that_a_message_names_costs_no_memory() -> None:
    assert len({id(words(f"x{number}")) for number in range(50)} | {id(words("en"))}) == 1
