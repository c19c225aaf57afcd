import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.errors import QueryError
from bot.matching.engine import leaf
from bot.matching.query import parser
from bot.matching.query.ast import (
    And,
    Corroborated,
    Exact,
    Expr,
    Field,
    Language,
    Name,
    Near,
    Not,
    Or,
    Prefix,
    Within,
    leaves,
)
from bot.matching.query.describe import describe
from bot.matching.query.parser import parse, split_queries
from bot.matching.query.printer import format_query
from tests.matching.strategies import queries

WHOLE = "min: is for the whole query: put all else in parentheses, as in (Syria OR Iraq) min:3."
BOTH = And((Name("Egypt"), Name("Russia")))


@pytest.mark.parametrize(
    "text",
    [
        "Egypt–Russia",
        "Egypt—Russia",
        "Egypt - Russia",
        "Egypt – Russia",
        "Egypt + Russia",
        "Egypt+Russia",
        "Egypt AND Russia",
        "Egypt-Russia",
        "Egypt & Russia",
        "Egypt- Russia",
        "(Egypt) Russia",
    ],
)
def test_two_countries_joined_in_any_way_are_both_wanted(text: str) -> None:
    assert parse(text) == BOTH


@pytest.mark.parametrize(
    ("text", "expr"),
    [
        ("Syria", Name("Syria")),
        ("  Real \t Madrid ", Name("Real Madrid")),
        ("Guinea-Bissau", Name("Guinea-Bissau")),
        ("AT&T", Name("AT&T")),
        ("AT &T&", Name("AT & T")),
        ("x && & y", Name("x & y")),
        ("Egypt＆Russia", And((Name("Egypt"), Name("Russia")))),
        ("x &-y", Name("x & y")),
        ("x &AND y", Name("x & and y")),
        ("Al-Sisi", Name("Al-Sisi")),
        ("Covid-19", Name("Covid-19")),
        ("C++", Name("C++")),
        ("U.S.", Name("U.S.")),
        ("Syria’s", Name("Syria")),
        ("#Idlib!", Name("Idlib")),
        ("🔥", Name("🔥")),
        ("Damascus-Moscow", And((Name("Damascus"), Name("Moscow")))),
        ("Saudi Arabia-Iran", And((Name("Saudi Arabia"), Name("Iran")))),
        ("Saudi Arabia–Iran talks", And((Name("Saudi Arabia"), Name("Iran talks")))),
        ("Egypt-Russia talks", Name("Egypt-Russia talks")),
        ("Idlib OR Aleppo", Or((Name("Idlib"), Name("Aleppo")))),
        ("Idlib|Aleppo", Or((Name("Idlib"), Name("Aleppo")))),
        ("Syria -football", And((Name("Syria"), Not(Name("football"))))),
        ("Syria –football", And((Name("Syria"), Not(Name("football"))))),
        ("Syria NOT football", And((Name("Syria"), Not(Name("football"))))),
        ('"joint military committee"', Exact("joint military committee")),
        ("“joint  committee”", Exact("joint committee")),
        ("«Привет мир»", Exact("Привет мир")),
        ("=Syria", Exact("Syria")),
        ("(Egypt OR Sudan) AND dam", And((Or((Name("Egypt"), Name("Sudan"))), Name("dam")))),
        ("a1 OR b1 c1 AND d1", Or((Name("a1"), And((Name("b1 c1"), Name("d1")))))),
        ("Egypt NEAR/8 Russia", Near(Name("Egypt"), Name("Russia"), 8)),
        ("Egypt NEAR/8 Real Madrid", Near(Name("Egypt"), Name("Real Madrid"), 8)),
        ("terror*", Prefix("terror")),
        ("Pedersen~", Name("Pedersen", close=True)),
        ("in:Syria", Within("Syria")),
        ("in:Britain", Within("United Kingdom")),
        ("in:south sudan oil", And((Within("South Sudan"), Name("oil")))),
        ("source:ahram dam", And((Field("source", Name("ahram")), Name("dam")))),
        ("source:(ahram weekly)", Field("source", Name("ahram weekly"))),
        ("title:Real Madrid", Field("title", Name("Real Madrid"))),
        ("TITLE:(a1 OR b1)", Field("title", Or((Name("a1"), Name("b1"))))),
        ("source:ahram lang:AR dam", And((Field("source", Name("ahram")), Language("ar"), Name("dam")))),
        ("and or not", Name("and or not")),
        ("10:30", Name("10 30")),
        ("Syria min:3", Corroborated(Name("Syria"), 3)),
        ("MIN:2 Egypt Russia", Corroborated(Name("Egypt Russia"), 2)),
        ("Egypt min:9 AND Russia", Corroborated(BOTH, 9)),
        ("(Idlib OR Aleppo) AND min:3", Corroborated(Or((Name("Idlib"), Name("Aleppo"))), 3)),
        ("Syria -football min:3", Corroborated(And((Name("Syria"), Not(Name("football")))), 3)),
        ("min: 3", Name("min 3")),
        ("=min:3", Exact("min:3")),
        ("Washington, D.C.", Name("Washington D.C.")),
    ],
)
def test_a_query_is_read_as_the_table_says(text: str, expr: Expr) -> None:
    assert parse(text) == expr


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        (" \n ", 0),
        ("?!", 0),
        ("x" * 101, 100),
        ("(a1", 0),
        ("a1)", 2),
        ('a1 "b1', 3),
        ("-football", 0),
        ("a1 OR -b1", 6),
        ("title:-a1", 6),
        ("a1 AND", 6),
        ("OR b1", 0),
        ("a1 AND OR b1", 7),
        ("a1 NEAR b1", 3),
        ("a1 NEAR/999 b1", 3),
        ("a1 NEAR/3 b1 NEAR/3 c1", 13),
        ("a1 NEAR/3 (b1 AND c1)", 10),
        ("ter*", 0),
        ("the", 0),
        ("a1|b1|c1|d1|e1|f1|g1|h1|i1|j1|k1", 32),
        ("in:Narnia", 3),
        ("lang:arabic1", 5),
        ("title:(source:x1)", 6),
        ("NOT NOT a1", 4),
        ("(" * 11 + "a1" + ")" * 11, 10),
    ],
)
def test_a_bad_query_is_refused_with_the_character_it_failed_at(text: str, position: int) -> None:
    with pytest.raises(QueryError) as refused:
        parse(text)
    assert refused.value.position == position
    assert str(refused.value).endswith(".")


@given(queries)
def test_what_is_written_reads_back_as_the_same_query(expr: Expr) -> None:
    text = format_query(expr)
    assume(len(leaves(expr)) <= 10)
    try:
        read = parse(text)
    except QueryError as error:
        assume("characters" not in str(error))
        raise
    assert read == parse(format_query(read))
    assert format_query(read) == text


@given(st.text(max_size=120))
def test_any_text_is_a_query_or_refused(text: str) -> None:
    try:
        expr = parse(text)
    except QueryError:
        return
    assert parse(format_query(expr)) == expr
    assert describe(expr)


_PIECES = (
    "Egypt",
    "the",
    '"',
    "(",
    ")",
    " ",
    " - ",
    " -",
    "–",
    "+",
    "|",
    "&",
    "AND",
    " OR ",
    "NOT ",
    "＆",
    " NEAR/2 ",
    "title:",
)
_MORE = ("in:", "lang:", "source:", "=", "*", "~", "Syria", "terror*", "a'b", "C++", ".", ",", ":", "NEAR/", "ahram")


@given(st.lists(st.sampled_from(_PIECES + _MORE), max_size=16).map("".join))
def test_any_mix_of_signs_is_a_query_or_refused(text: str) -> None:
    try:
        expr = parse(text)
    except QueryError:
        return
    assert parse(format_query(expr)) == expr


@pytest.mark.parametrize("text", ["(" * 100_000, '"' * 100_000, "-" * 399, "a " * 199, "a|" * 199, "=" * 100_000])
def test_a_hostile_query_costs_no_time(text: str) -> None:
    started = time.process_time()
    with pytest.raises(QueryError):
        parse(text)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("Syria, Idlib", ["Syria", "Idlib"]),
        ("سوريا، إدلب", ["سوريا", "إدلب"]),
        ("北京、上海;Tokyo", ["北京", "上海", "Tokyo"]),
        ("Washington, D.C., Moscow", ["Washington, D.C.", "Moscow"]),
        ('"a, b", (c, d), , e', ['"a, b"', "(c, d)", "e"]),
        ("", []),
    ],
)
def test_a_comma_separates_subscriptions_but_not_inside_a_name(text: str, queries: list[str]) -> None:
    assert split_queries(text) == queries


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Syria", "<b>Syria</b>, its people and adjectives"),
        ("Egypt–Russia", "<b>Egypt</b> <i>and</i> <b>Russia</b>, in the same article"),
        ("Syria -football", "<b>Syria</b>, <i>without</i> <b>football</b>"),
        ("Idlib OR Aleppo", "<b>Idlib</b> <i>or</i> <b>Aleppo</b>"),
        ("AT&T", "<b>AT&amp;T</b>"),
        ('"<i>"', "exactly “<b>&lt;i&gt;</b>”"),
        ("in:Syria", "<b>Syria</b>, its regions and cities"),
        ("lang:ar dam", "in Arabic <i>and</i> <b>dam</b>, in the same article"),
        ("dam NEAR/1 river", "<b>dam</b> <i>and</i> <b>river</b>, at most 1 word apart"),
        ("terror*", "words that begin with <b>terror</b>"),
        ("Pedersen~", "<b>Pedersen</b> and close spellings"),
        ("title:dam", "in the title: <b>dam</b>"),
    ],
)
def test_a_reader_is_told_how_the_query_was_read(text: str, said: str) -> None:
    assert describe(parse(text)) == said


@pytest.mark.parametrize("text", ["in:Saxony", "in:Курская область", 'in:"New York"', "in:Cairo dam"])
def test_who_asks_for_what_is_in_a_region_or_city_is_told_that_it_takes_a_country(text: str) -> None:
    with pytest.raises(QueryError, match="takes a country") as caught:
        parse(text)
    assert caught.value.position == 3


SIMPLE = st.lists(
    st.sampled_from(("dam", "Syria", "AND", "OR", "NOT", "NEAR", "the", "The", "Pedersen~", "Andes", "ANDES", "x")),
    min_size=1,
    max_size=14,
).map(" ".join)


@given(SIMPLE)
def test_a_simple_query_reads_as_it_would_the_long_way(text: str) -> None:
    simple = parser._read_simple(text)
    assert simple is None or simple == parser._read(text, parser.ENGLISH)


NAMES = st.lists(
    st.sampled_from(("dam", "Real", "Madrid", "US", "the", "Pedersen", "iPhone", "S", "Foo", "and", "it")),
    min_size=2,
    max_size=5,
)


@given(st.sampled_from(("dam", "Pedersen", "US", "NASA", "S", "x", "Shoigu", "TURKEY")), st.booleans())
def test_a_simple_word_is_looked_for_as_any_other(text: str, close: bool) -> None:
    assume(leaf.is_simple(text))
    assert leaf._of_simple_word(text, close) == leaf.of_name(text, close)


@given(NAMES.map(" ".join), st.booleans())
def test_a_name_of_simple_words_is_looked_for_as_any_other(text: str, close: bool) -> None:
    assume(leaf.are_simple(text))
    assert leaf._of_simple_words(text, close) == leaf.of_name(text, close)


@pytest.mark.parametrize(
    ("text", "position", "sentence"),
    [
        ("Syria min:1", 6, "Write a number from 2 to 9 after min:, as in Syria min:3."),
        ("Syria min:10", 6, "Write a number from 2 to 9 after min:, as in Syria min:3."),
        ("min:three Syria", 0, "Write a number from 2 to 9 after min:, as in Syria min:3."),
        ("Syria min:\u0663", 6, "Write a number from 2 to 9 after min:, as in Syria min:3."),
        ("Syria min:3 min:3", 12, "Write min: once in a query."),
        ("min:3", 0, "Say what to look for as well, as in Syria -football."),
        *(
            (text, text.index("min"), WHOLE)
            for text in (
                "Syria OR Iraq min:3", "Syria min:3 OR Iraq", "(Syria min:3) dam", "title:min:3", "Syria -min:3",
                "Syria NEAR/3 min:3", "source:(bbc min:2)",
            )
        ),
    ],
)  # fmt: skip
def test_a_minimum_that_is_not_of_the_whole_query_is_refused(text: str, position: int, sentence: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse(text)
    assert (str(refused.value), refused.value.position) == (sentence, position)
